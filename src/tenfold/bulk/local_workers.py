"""Worker processes on this machine, and what happens to a unit when its worker dies.

Workers are plain subprocesses, neither forked nor started by `multiprocessing`: a script that calls `read_all` needs no
`if __name__ == "__main__"`, and a worker imports neither that script nor PyTorch.
"""

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tenfold.bulk.bulk_units import ReadTask, UnitCounts, UnitDone, UnitProgress, WorkUnit
from tenfold.bulk.unit_reader import read_unit_to_file
from tenfold.errors import BulkError
from tenfold.reading.reader import Reader

# A worker may die for other reasons, too; an image that this many workers died on is not read again.
_DEADLY = 2
# When this many workers have died on a unit, it becomes one row with an error.
_MOST_DEATHS = 30

# Reads numbered units into part files, whose paths are given by number, and reports each when its file is complete.
Backend = Callable[
    [Iterable[tuple[int, WorkUnit]], ReadTask, Callable[[int], Path]], Generator[UnitProgress | UnitDone]
]


def in_process(
    units: Iterable[tuple[int, WorkUnit]], task: ReadTask, part: Callable[[int], Path]
) -> Generator[UnitProgress | UnitDone]:
    """The backend without workers, which can also read `memory://`."""
    reader = Reader(task.model)
    for number, unit in units:
        yield UnitDone(number, read_unit_to_file(reader, unit, task, part(number)))


def local_workers(workers: int) -> Backend:
    """A backend of `workers` processes. One that dies is replaced, and its unit is read again."""

    def read(
        units: Iterable[tuple[int, WorkUnit]], task: ReadTask, part: Callable[[int], Path]
    ) -> Generator[UnitProgress | UnitDone]:
        pool = _WorkerThreads(iter(units), task, part)
        try:
            for _ in range(workers):
                threading.Thread(target=pool.run, daemon=True).start()
            running = workers
            while running:
                event = pool.events.get()
                if isinstance(event, BaseException):
                    raise event
                if event is None:
                    running -= 1
                else:
                    yield event
        finally:
            pool.stop()

    return read


class _WorkerDiedError(Exception):
    """A worker process is gone. at: the first input of the batch that it was reading, if it had reported one."""

    def __init__(self, how: str, at: int | None = None) -> None:
        super().__init__(how)
        self.at = at


@dataclass
class _Deaths:
    """How many workers died on a unit, and on which of its inputs."""

    count: int = 0
    at: Counter[int] = field(default_factory=Counter)

    def add(self, died: _WorkerDiedError) -> None:
        self.count += 1
        if died.at is not None and self.count > 1:  # In its first attempt a worker reports batches, not single inputs.
            self.at[died.at] += 1

    @property
    def deadly(self) -> frozenset[int]:
        return frozenset(place for place, times in self.at.items() if times >= _DEADLY)


class _WorkerThreads:
    """One thread for each worker process. events: their progress, an exception, or None from a thread that is done."""

    def __init__(self, units: Iterator[tuple[int, WorkUnit]], task: ReadTask, part: Callable[[int], Path]) -> None:
        self._units, self._task, self._part = units, task, part
        self._lock = threading.Lock()
        self._stopped = False
        self._workers: set[_Worker] = set()
        self.events: queue.SimpleQueue[UnitProgress | UnitDone | BaseException | None] = queue.SimpleQueue()

    def stop(self) -> None:
        """Ends all workers, whatever they are doing."""
        with self._lock:
            self._stopped = True
            for worker in self._workers:
                worker.end()

    def run(self) -> None:
        """Reads units until none is left."""
        worker: _Worker | None = None
        try:
            while (found := self._next()) is not None:
                worker = self._read(worker, *found)
            self.events.put(None)
        except BaseException as error:
            if not self._stopped:
                self.events.put(error)
        finally:
            if worker is not None:
                self._remove(worker)

    def _next(self) -> tuple[int, WorkUnit] | None:
        with self._lock:
            return None if self._stopped else next(self._units, None)

    def _read(self, worker: "_Worker | None", number: int, unit: WorkUnit) -> "_Worker":
        """Reads a unit, in new processes as long as they die; returns the one that finished it."""
        deaths = _Deaths()
        while True:
            if deaths.count == _MOST_DEATHS:
                message = f"{unit.path}: {_MOST_DEATHS} workers died while reading this part of it"
                unit = WorkUnit(kind="broken", source=unit.source, path=unit.path, message=message)
            worker = worker or self._start()
            order = unit, self._part(number), deaths.count > 0, deaths.deadly
            try:
                counts = worker.read(order, lambda at: self.events.put(UnitProgress(number, at)))
            except _WorkerDiedError as died:
                self._remove(worker)
                worker = None
                if self._stopped:
                    raise
                if deaths.count > _MOST_DEATHS:
                    raise BulkError(f"{unit.path}: every worker that reads it dies: {died}") from died
                deaths.add(died)
                continue
            self.events.put(UnitDone(number, counts))
            return worker

    def _start(self) -> "_Worker":
        """A worker that is ready. Raises `BulkError` when several die before they are."""
        for attempt in range(_DEADLY + 1):
            worker = _Worker()
            with self._lock:
                self._workers.add(worker)
                if self._stopped:
                    worker.end()
            try:
                worker.prepare(self._task)
                return worker
            except BaseException as error:
                self._remove(worker)
                if not isinstance(error, _WorkerDiedError):
                    raise
                if attempt == _DEADLY or self._stopped:
                    raise BulkError(f"a worker process cannot start: {error}") from error
        raise AssertionError

    def _remove(self, worker: "_Worker") -> None:
        with self._lock:
            self._workers.discard(worker)
        worker.end()


class _Worker:
    """A worker process, seen from this one. Exceptions of its own, such as `ModelError`, are raised here."""

    def __init__(self) -> None:
        # Not a pipe: nobody would empty it.
        self._stderr: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._popen = subprocess.Popen(
            # -P: without the current folder on the path, which may hold anything, even a numpy.py.
            [sys.executable, "-P", "-m", "tenfold.bulk.bulk_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **one_thread},
            # Ctrl-C is for this process, which ends its workers.
            process_group=0,
        )

    def prepare(self, task: ReadTask) -> None:
        """Waits until the worker has loaded its model."""
        self._send(task)
        self._receive()

    def read(self, order: tuple[Any, ...], on_progress: Callable[[int], object]) -> UnitCounts:
        """Has a unit read. Raises `_WorkerDiedError` when the process ends before it is done."""
        at = None
        try:
            self._send(order)
            while not isinstance(answer := self._receive(), UnitCounts):
                at = int(answer)
                on_progress(at)
        except _WorkerDiedError as died:
            raise _WorkerDiedError(str(died), at) from None
        return answer

    def end(self) -> None:
        """Ends the process; harmless when it has ended."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout, self._stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _send(self, message: Any) -> None:
        assert self._popen.stdin is not None
        try:
            pickle.dump(message, self._popen.stdin)
            self._popen.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise _WorkerDiedError(self._last_words()) from error

    def _receive(self) -> Any:
        assert self._popen.stdout is not None
        try:
            answer = pickle.load(self._popen.stdout)
        except (EOFError, pickle.UnpicklingError, ValueError, OSError) as error:  # ValueError: closed by `end`.
            raise _WorkerDiedError(self._last_words()) from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _last_words(self) -> str:
        code = self._popen.wait()
        if self._stderr.closed:
            return "it was ended"
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
        return ": ".join([how, *lines[-1:]])
