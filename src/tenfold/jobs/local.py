"""A pool of processes of this machine. They live as long as the pool: PyTorch is imported once in each."""

import ctypes
import dataclasses
import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from tenfold.errors import UsageError
from tenfold.jobs.pool import Job, Outcome, PoolEvent, Report, WorkerPool, execute_in_worker

# linux/prctl.h
_PR_SET_PDEATHSIG = 1


@dataclass
class _Worker:
    process: BaseProcess
    connection: "Connection[Any, Any]"
    key: int | None = None
    shared: tuple[Any, ...] = ()


class LocalPool(WorkerPool):
    """Up to `workers` processes, started as jobs come; one that dies is replaced. Close it, as `local_pool` does."""

    def __init__(self, workers: int) -> None:
        # Not forked: PyTorch's threads don't survive that.
        self._context = multiprocessing.get_context("spawn")
        self._size = workers
        self._workers: list[_Worker] = []

    @property
    def size(self) -> int:
        return self._size

    def submit(self, job: Job) -> None:
        worker = next((worker for worker in self._workers if worker.key is None), None) or self._start_worker()
        worker.key = job.key
        with suppress(OSError):  # It has died, which `next_event` reports.
            if job.shared is not worker.shared:
                _send(worker.connection, job.shared)
                worker.shared = job.shared
            _send(worker.connection, dataclasses.replace(job, shared=()))

    def next_event(self, seconds: float) -> PoolEvent | None:
        busy = {worker.connection: (worker, worker.key) for worker in self._workers if worker.key is not None}
        for ready in wait(list(busy), seconds):
            worker, key = busy[ready]  # type: ignore[index]
            try:
                received = worker.connection.recv()
            except (EOFError, OSError):
                return key, Outcome(kind="lost", message=self._remove(worker))
            if isinstance(received, Outcome):
                worker.key = None
            return key, received
        return None

    def answer(self, key: int, proceed: bool) -> None:
        worker = next(worker for worker in self._workers if worker.key == key)
        with suppress(OSError):
            _send(worker.connection, proceed)

    def close(self) -> None:
        """Ends the processes, whatever they are doing."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(5)
            worker.process.kill()
            worker.process.join()
            worker.process.close()
            worker.connection.close()

    def _remove(self, worker: _Worker) -> str:
        """Forgets a process that has died; returns how it did."""
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        worker.process.close()
        worker.connection.close()
        self._workers.remove(worker)
        return f"its process ended {how}"

    def _start_worker(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, os.getpid()), daemon=True)
        # The script that called is not imported again: jobs need none of it, and it may lack a check of `__name__`.
        script, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            process.start()
        finally:
            sys.modules["__main__"] = script
        # This process must not hold the worker's end too, or it would not notice the worker's death.
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker


@contextmanager
def local_pool(workers: int) -> Iterator[LocalPool]:
    """A pool of `workers` processes of this machine, ended with the block. Raises `UsageError` for fewer than one."""
    if workers < 1:
        raise UsageError(f"--workers is {workers}; it must be >= 1")
    with closing(LocalPool(workers)) as pool:
        yield pool


def _send(connection: "Connection[Any, Any]", message: Any) -> None:
    # Not `connection.send`, for which PyTorch would keep tensors in shared memory of the sender's.
    connection.send_bytes(pickle.dumps(message))


class _ParentGone(BaseException):
    """Nobody is left to report to, which is no fault of the job."""


def _ask(connection: "Connection[Any, Any]", message: Any) -> bool:
    try:
        _send(connection, message)
        proceed: bool = connection.recv()
    except (EOFError, OSError) as error:
        raise _ParentGone from error
    return proceed


def _work(connection: "Connection[Any, Any]", parent: int) -> None:
    """What a worker process does: the jobs that it is sent, and before them their shared arguments."""
    # Ctrl-C is for the parent, which ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # By an exception, so that libraries release what they hold.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
    _end_with_parent(parent)
    shared: tuple[Any, ...] = ()
    try:
        while True:
            received = connection.recv()
            if isinstance(received, Job):
                job = dataclasses.replace(received, shared=shared)
                _send(connection, execute_in_worker(job, Report(partial(_ask, connection))))
            else:
                shared = received
    except (_ParentGone, EOFError, OSError):
        return


def _end_with_parent(parent: int) -> None:
    """Has the kernel end this process when its parent dies: a resumed sweep must not meet the old workers."""
    try:
        ctypes.CDLL("libc.so.6").prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except OSError:
        return  # Elsewhere than on Linux it ends at its next message.
    if os.getppid() != parent:
        os._exit(1)
