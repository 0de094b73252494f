"""Workers on this machine: processes of their own, and what becomes of a unit whose worker dies."""

import collections
import contextlib
import dataclasses
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tenfold.bulk.unit import Unit
from tenfold.bulk.work import Counts, Task
from tenfold.bulk.worker import write_part
from tenfold.errors import BulkError, ModelError, StorageError, TenfoldError
from tenfold.reading.reader import Reader

# A worker dies for reasons of its own, too; an image that two of them had in hand is not touched again.
_DEADLY = 2
# Deaths over one unit after which it is one row, with an error.
_ENOUGH = 30
# Faults of a worker that are told as what they are.
_FAULTS: dict[str, type[TenfoldError]] = {"ModelError": ModelError, "StorageError": StorageError}


@dataclass(frozen=True)
class Moving:
    """So many inputs of a unit have been read."""

    number: int
    inputs: int


@dataclass(frozen=True)
class Finished:
    """A unit's part file is in its place."""

    number: int
    counts: Counts


# Reads numbered units into part files (the name of each by its number), and tells of each once its file is in place.
Engine = Callable[[Iterable[tuple[int, Unit]], Task, Callable[[int], Path]], Generator[Moving | Finished]]


def read_here(
    units: Iterable[tuple[int, Unit]], task: Task, part: Callable[[int], Path]
) -> Generator[Moving | Finished]:
    """An engine without workers: in this process, where `memory://` is."""
    reader = Reader(task.model)
    for number, unit in units:
        yield Finished(number, write_part(reader, unit, task, part(number), lambda done: None, frozenset()))


def with_workers(workers: int) -> Engine:
    """An engine of so many processes. One that dies is replaced, and its unit read again."""

    def read(
        units: Iterable[tuple[int, Unit]], task: Task, part: Callable[[int], Path]
    ) -> Generator[Moving | Finished]:
        pool = _Pool(iter(units), task, part)
        try:
            pool.start(workers)
            working = workers
            while working:
                found = pool.told.get()
                if isinstance(found, BaseException):
                    raise found
                if isinstance(found, _Left):
                    working -= 1
                else:
                    yield found
        finally:
            pool.stop()

    return read


class _Left:
    """A worker has nothing more to do."""


class _DiedError(Exception):
    """The process at the other end is gone. at: the input it had in hand, where it told."""

    def __init__(self, at: int | None, how: str) -> None:
        super().__init__(how)
        self.at = at


@dataclass
class _Trouble:
    """What is known of a unit that workers died over."""

    deaths: int = 0
    at: "collections.Counter[int]" = field(default_factory=collections.Counter)

    def add(self, died: _DiedError) -> None:
        self.deaths += 1
        if died.at is not None and self.deaths > 1:  # The first time it told of batches, not of images.
            self.at[died.at] += 1

    @property
    def deadly(self) -> frozenset[int]:
        return frozenset(place for place, times in self.at.items() if times >= _DEADLY)


class _Pool:
    def __init__(self, units: Iterator[tuple[int, Unit]], task: Task, part: Callable[[int], Path]) -> None:
        self._units, self._task, self._part = units, task, part
        self._lock = threading.Lock()
        self._stopped = False
        self._processes: dict[int, _Process] = {}
        self.told: queue.SimpleQueue[Moving | Finished | _Left | BaseException] = queue.SimpleQueue()

    def start(self, workers: int) -> None:
        for slot in range(workers):
            threading.Thread(target=self._run, args=(slot,), daemon=True).start()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._processes.values():
                process.end()

    def _run(self, slot: int) -> None:
        try:
            for number, unit in iter(self._next, None):
                self._read(slot, number, unit)
            self.told.put(_Left())
        except BaseException as error:
            if not self._stopped:
                self.told.put(error)
        finally:
            with self._lock:
                if slot in self._processes:
                    self._processes.pop(slot).end()

    def _next(self) -> tuple[int, Unit] | None:
        with self._lock:
            return None if self._stopped else next(self._units, None)

    def _read(self, slot: int, number: int, unit: Unit) -> None:
        trouble = _Trouble()
        while True:
            if trouble.deaths == _ENOUGH:
                message = f"{unit.path}: {_ENOUGH} workers died over this part of it"
                unit = Unit(kind="broken", source=unit.source, path=unit.path, message=message)
            try:
                process = self._process(slot)
                words = {"unit": unit.to_json(), "part": str(self._part(number)), "careful": trouble.deaths > 0,
                         "deadly": sorted(trouble.deadly)}  # fmt: skip
                counts = process.ask(words, lambda at: self.told.put(Moving(number, at)))
            except _DiedError as died:
                with self._lock:
                    self._processes.pop(slot).end()
                    if self._stopped:
                        raise
                if trouble.deaths > _ENOUGH:
                    raise BulkError(f"{unit.path}: workers die over it and nothing else helps: {died}") from died
                trouble.add(died)
                continue
            self.told.put(Finished(number, counts))
            return

    def _process(self, slot: int) -> "_Process":
        with self._lock:
            if slot in self._processes:
                return self._processes[slot]
        process = _begun(self._task)
        with self._lock:
            self._processes[slot] = process
            if self._stopped:
                process.end()
        return process


def _begun(task: Task) -> "_Process":
    """A worker that is ready. Raises `BulkError` where several die before they are."""
    for attempt in range(_DEADLY + 1):
        try:
            return _Process(task)
        except _DiedError as died:
            if attempt == _DEADLY:
                raise BulkError(f"a worker can't begin: {died}") from died
    raise AssertionError


class _Process:
    """A worker, from this side. Raises what it raises: `ModelError`, `StorageError`."""

    def __init__(self, task: Task) -> None:
        # Not a pipe: nobody would empty it.
        self._stderr: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._popen = subprocess.Popen(
            # Without the current folder, which may be of images from anywhere, and hold a numpy.py.
            [sys.executable, "-P", "-m", "tenfold.bulk.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **one_thread},
            # Ctrl-C is for whoever asked, who ends the workers.
            process_group=0,
        )
        try:
            self._say(dataclasses.asdict(task))
            self._answer()
        except BaseException:
            self.end()
            raise

    def ask(self, words: dict[str, Any], moving: Callable[[int], object]) -> Counts:
        """Has a unit read. Raises `_DiedError` where the process ends before it answers."""
        at = None
        try:
            self._say(words)
            while "done" not in (found := self._answer()):
                at = found["at"]
                moving(at)
        except _DiedError as died:
            raise _DiedError(at, str(died)) from None
        return Counts(**found["done"])

    def end(self) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout, self._stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _say(self, words: dict[str, Any]) -> None:
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(json.dumps(words).encode() + b"\n")
            self._popen.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise _DiedError(None, self._last_words()) from error

    def _answer(self) -> dict[str, Any]:
        assert self._popen.stdout is not None
        try:
            line = self._popen.stdout.readline()
        except ValueError:  # Closed by `end`.
            line = b""
        if not line.endswith(b"\n"):
            raise _DiedError(None, self._last_words())
        found: dict[str, Any] = json.loads(line)
        if "fault" in found:
            raise _FAULTS.get(found["type"], BulkError)(found["fault"])
        return found

    def _last_words(self) -> str:
        code = self._popen.wait()
        if self._stderr.closed:
            return "it was ended"
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        how = f"killed by signal {-code}" if code < 0 else f"ended with {code}"
        return ": ".join([how, *lines[-1:]])
