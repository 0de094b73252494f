"""A worker process of a bulk read: `python -m tenfold.bulk.worker`, spoken to in lines of JSON.

It is told its task, then a unit at a time, and answers a line for each; `at` lines tell how far it is. A process of its
own, not a fork: a worker that is killed takes nothing with it, and whoever calls needs no `if __name__` around it.
"""

import dataclasses
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from tenfold import files
from tenfold.bulk.unit import Unit
from tenfold.bulk.work import Task, read_unit
from tenfold.errors import TenfoldError
from tenfold.reading.reader import Reader

# Seconds between two words about how far it is.
_TELL = 0.3


def main() -> None:
    # What a library prints must not come between the lines.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    try:
        task = Task(**json.loads(lines.get()))
        reader = Reader(task.model, threads=1)
        _say(answers, ready=True)
        while True:
            told = json.loads(lines.get())
            _work(reader, task, told, answers)
    except TenfoldError as error:
        _say(answers, fault=str(error), type=type(error).__name__)
    except Exception as error:
        _say(answers, fault=f"{type(error).__name__}: {error}", type="BulkError")


def _work(reader: Reader, task: Task, told: dict[str, Any], answers: TextIO) -> None:
    careful = told["careful"]
    last = time.monotonic()

    def at(done: int) -> None:
        nonlocal last
        if careful or time.monotonic() > last + _TELL:
            last = time.monotonic()
            _say(answers, at=done)

    unit = Unit.from_json(told["unit"])
    # One by one: the last word then tells which image it was.
    task = dataclasses.replace(task, batch=1) if careful else task
    counts = write_part(reader, unit, task, Path(told["part"]), at, frozenset(told["deadly"]))
    _say(answers, done=dataclasses.asdict(counts))


def write_part(reader: Reader, unit: Unit, task: Task, part: Path, at: Any, deadly: frozenset[int]) -> Any:
    """Reads a unit into its part file, whole or not at all. Raises `StorageError` where that can't be written."""
    found = []

    def write(temporary: Path) -> None:
        with temporary.open("wb") as sink:
            found.append(read_unit(reader, unit, task, sink, at, deadly))

    files.write_with(part, write)
    return found[0]


def _listen(lines: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        lines.put(line)
    # Whoever asked is gone, perhaps killed: nobody waits for this unit.
    os._exit(0)


def _say(answers: TextIO, **words: Any) -> None:
    answers.write(json.dumps(words) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
