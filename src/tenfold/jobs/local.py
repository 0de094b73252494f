"""Jobs in processes of this machine, which live as long as there are jobs: PyTorch is imported once in each."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from tenfold.data import Dataset
from tenfold.errors import UsageError
from tenfold.jobs.job import Job, run_job
from tenfold.jobs.pool import Done, Epoch, Event, Lost
from tenfold.training.records import EpochRecord

# linux/prctl.h
_PR_SET_PDEATHSIG = 1


@dataclass
class _Worker:
    process: BaseProcess
    connection: "Connection[Any, Any]"
    key: int | None = None


class LocalPool:
    """As many processes as `workers`. data: in place of the sets that recipes name."""

    def __init__(self, workers: int, data: Dataset | None = None) -> None:
        # Not forked: PyTorch's threads don't survive that.
        self._context = multiprocessing.get_context("spawn")
        self._data = data
        self._workers = [self._begin() for _ in range(workers)]

    @property
    def size(self) -> int:
        return len(self._workers)

    def submit(self, job: Job) -> None:
        worker = next(worker for worker in self._workers if worker.key is None)
        worker.key = job.key
        with suppress(OSError):  # It has died; `next` will tell.
            worker.connection.send(job)

    def next(self, seconds: float) -> Event | None:
        for ready in wait([worker.connection for worker in self._workers if worker.key is not None], seconds):
            worker = next(worker for worker in self._workers if worker.connection is ready)
            assert worker.key is not None
            key = worker.key
            try:
                told = worker.connection.recv()
            except (EOFError, OSError):
                return self._lost(worker, key)
            if isinstance(told, EpochRecord):
                return Epoch(key=key, record=told)
            worker.key = None
            return Done(key=key, outcome=told)
        return None

    def answer(self, key: int, go_on: bool) -> None:
        worker = next(worker for worker in self._workers if worker.key == key)
        with suppress(OSError):
            worker.connection.send(go_on)

    def close(self) -> None:
        """Ends the processes, whatever they do."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(5)
            worker.process.kill()
            worker.process.join()
            worker.process.close()
            worker.connection.close()

    def _lost(self, worker: _Worker, key: int) -> Lost:
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        worker.process.close()
        worker.connection.close()
        self._workers[self._workers.index(worker)] = self._begin()
        return Lost(key=key, reason=f"its process ended {how}")

    def _begin(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, os.getpid(), self._data), daemon=True)
        process.start()
        # Ours alone may keep the other end open, or its death would go unheard.
        theirs.close()
        return _Worker(process, ours)


@contextmanager
def local_pool(workers: int, data: Dataset | None = None) -> Iterator[LocalPool]:
    """A pool of this machine's processes, which are ended with the block. Raises `UsageError` for none at all."""
    if workers < 1:
        raise UsageError(f"--workers is {workers}; it must be >= 1")
    pool = LocalPool(workers, data)
    try:
        yield pool
    finally:
        pool.close()


def _serve(connection: "Connection[Any, Any]", parent: int, data: Dataset | None) -> None:
    # An interrupt is for the one who began the sweep; it ends these.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # In good order: what libraries have of the system is given back.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
    end_with(parent)

    def ask(record: EpochRecord) -> bool:
        try:
            connection.send(record)
            return bool(connection.recv())
        except (EOFError, OSError) as error:
            raise _Alone from error

    try:
        while True:
            connection.send(run_job(connection.recv(), data, ask))
    except (_Alone, EOFError, OSError):
        return


class _Alone(BaseException):
    """Nobody is there to hear of the job: no fault of its own."""


def end_with(parent: int) -> None:
    """Ends this process with its parent, however that ends: else a sweep taken up at once would meet old trainings."""
    try:
        ctypes.CDLL("libc.so.6").prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except OSError:
        return  # Elsewhere than on Linux it ends at its next epoch.
    if os.getppid() != parent:
        os._exit(1)
