"""The program of a local worker: `python -m tenfold.bulk.bulk_worker`.

It receives pickled objects on stdin: a `ReadTask`, then a unit at a time. It answers on stdout: how many inputs of the
unit it has read from time to time, then the unit's `UnitCounts`, or an exception.
"""

import dataclasses
import os
import pickle
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

from tenfold.bulk.bulk_units import ReadTask, UnitCounts, WorkUnit
from tenfold.bulk.unit_reader import read_unit_to_file
from tenfold.errors import BulkError, TenfoldError
from tenfold.reading.reader import Reader

# Seconds between two progress messages.
_PROGRESS_INTERVAL = 0.3


def main() -> None:
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(orders,), daemon=True).start()
    try:
        task = orders.get()
        reader = Reader(task.model, threads=1)
        _send(answers, "ready")
        while True:
            _send(answers, _read(reader, task, answers, *orders.get()))
    except TenfoldError as error:
        _send(answers, error)
    except Exception as error:
        _send(answers, BulkError(f"{type(error).__name__}: {error}"))


def _read(
    reader: Reader,
    task: ReadTask,
    answers: BinaryIO,
    unit: WorkUnit,
    part: Path,
    one_by_one: bool,
    deadly: frozenset[int],
) -> UnitCounts:
    """one_by_one: after another worker has died on this unit; the last progress message then names the image."""
    last = time.monotonic()

    def at(done: int) -> None:
        nonlocal last
        if one_by_one or time.monotonic() > last + _PROGRESS_INTERVAL:
            last = time.monotonic()
            _send(answers, done)

    task = dataclasses.replace(task, batch=1) if one_by_one else task
    return read_unit_to_file(reader, unit, task, part, at, deadly)


def _receive(orders: "queue.SimpleQueue[Any]") -> None:
    try:
        while True:
            orders.put(pickle.load(sys.stdin.buffer))
    except (EOFError, pickle.UnpicklingError):
        # The parent is gone, perhaps killed: nobody waits for this unit.
        os._exit(0)


def _send(answers: BinaryIO, answer: Any) -> None:
    pickle.dump(answer, answers)
    answers.flush()


if __name__ == "__main__":
    main()
