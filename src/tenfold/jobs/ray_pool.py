"""A pool of Ray tasks, and the way to their cluster: one that answers soon, or an error that says what to do.

A job's folder travels: to the node that runs it, and back with every message and at the end.
"""

import asyncio
import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from tenfold import files
from tenfold.errors import ClusterError, MissingDependencyError, UsageError
from tenfold.jobs.pool import Job, Outcome, PoolEvent, Report, WorkerPool, execute_in_worker

# Contents by the path within the job's folder.
FolderContents = dict[str, bytes]
# A job's key, and which attempt at the job it is: messages of a lost attempt must not pass for its successor's.
Attempt = tuple[int, int]
# A cluster that has not answered after so many seconds is taken for absent. Left to itself, Ray tries for 80 seconds
# and then ends the process.
PATIENCE = 10
# Calls of the mailbox that may wait at a time: one for each running task, those of dead nodes too, and a few more.
_MAILBOX_CALLS = 100_000


class RayPool(WorkerPool):
    """Tasks on the cluster that `ray` is connected to.

    workers: at most so many at a time; None: as many as there are CPUs for, however the cluster grows or shrinks. A
    task reserves its job's threads and GPUs. Shared arguments go into Ray's object store, once.
    """

    def __init__(self, ray: Any, workers: int | None) -> None:
        self._ray, self._workers = ray, workers
        self._shared: dict[int, tuple[tuple[Any, ...], Any]] = {}
        self._keys: dict[Any, int] = {}
        self._jobs: dict[int, Job] = {}
        self._attempts: dict[int, int] = {}
        self._events: deque[PoolEvent] = deque()
        self._threads = 1
        self._counted, self._cpus = 0.0, 0
        # On this node, so that no other node's death takes it away.
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        mailbox = ray.remote(num_cpus=0, max_concurrency=_MAILBOX_CALLS, scheduling_strategy=here)(_Mailbox)
        self._mailbox = mailbox.remote()
        self._mail = self._mailbox.take.remote()

    @property
    def size(self) -> int:
        if self._workers is not None:
            return self._workers
        if time.monotonic() - self._counted > 1:
            self._counted = time.monotonic()
            self._cpus = int(self._ray.cluster_resources().get("CPU", 0))
        return max(1, self._cpus // self._threads)

    def submit(self, job: Job) -> None:
        self._threads = max(1, job.threads)
        largest = max((node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]), default=0)
        # A restarted job waits for a node to come back.
        if self._workers is None and job.key not in self._jobs and largest < self._threads:
            raise ClusterError(
                f"no node of the cluster has {self._threads} CPUs, one for each of the recipe's threads: lower "
                "--threads; or give --workers, where nodes are added on demand"
            )
        # Without Ray's retries: `run` restarts lost jobs, and counts.
        task = self._ray.remote(_run_task).options(num_cpus=self._threads, num_gpus=job.gpus, max_retries=0)
        if id(job.shared) not in self._shared:
            self._shared[id(job.shared)] = job.shared, self._ray.put(job.shared)
        shared = self._shared[id(job.shared)][1]
        self._jobs[job.key] = job
        self._attempts[job.key] = self._attempts.get(job.key, 0) + 1
        attempt = job.key, self._attempts[job.key]
        plain = dataclasses.replace(job, shared=())
        sender = metadata.version("tenfold"), sys.argv
        reference = task.remote(plain, [shared], _read_folder(job.folder), self._mailbox, attempt, sender)
        self._keys[reference] = job.key

    def next_event(self, seconds: float) -> PoolEvent | None:
        if not self._events:
            ready, _ = self._ray.wait([self._mail, *self._keys], num_returns=1, timeout=seconds)
            for reference in ready:
                self._collect(reference)
        return self._events.popleft() if self._events else None

    def answer(self, key: int, proceed: bool) -> None:
        self._mailbox.answer.remote((key, self._attempts[key]), proceed)

    def close(self) -> None:
        """Ends what runs."""
        for reference in self._keys:
            self._ray.cancel(reference, force=True)
        self._ray.kill(self._mailbox)

    def _collect(self, reference: Any) -> None:
        from ray.exceptions import RayError, RayTaskError

        if reference == self._mail:
            for (key, attempt), message, contents in self._ray.get(reference):
                if key in self._keys.values() and attempt == self._attempts[key]:
                    _write_folder(contents, self._jobs[key].folder)
                    self._events.append((key, message))
            self._mail = self._mailbox.take.remote()
            return
        key = self._keys.pop(reference)
        try:
            outcome, contents = self._ray.get(reference)
        except RayTaskError as error:
            outcome = Outcome(kind="failed", message=str(error).splitlines()[-1])
        except RayError as error:
            outcome = Outcome(kind="lost", message=f"its node or process is gone ({type(error).__name__})")
        # After other outcomes the folder here holds more than that of an attempt that could not even resume.
        if outcome.kind in ("finished", "stopped", "diverged"):
            _write_folder(contents, self._jobs[key].folder)
        if outcome.kind != "lost":
            del self._jobs[key]
        self._events.append((key, outcome))


class _Mailbox:
    """An actor where tasks leave their messages and wait for the answers."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[tuple[Attempt, Any, FolderContents]] = asyncio.Queue()
        self._answers: dict[Attempt, asyncio.Future[bool]] = {}

    async def ask(self, attempt: Attempt, message: Any, contents: FolderContents) -> bool:
        self._answers[attempt] = asyncio.get_running_loop().create_future()
        self._messages.put_nowait((attempt, message, contents))
        return await self._answers[attempt]

    async def take(self) -> list[tuple[Attempt, Any, FolderContents]]:
        found = [await self._messages.get()]
        while not self._messages.empty():
            found.append(self._messages.get_nowait())
        return found

    async def answer(self, attempt: Attempt, proceed: bool) -> None:
        if not self._answers[attempt].done():
            self._answers[attempt].set_result(proceed)


@contextmanager
def ray_pool(address: str, workers: int | None = None) -> Iterator[RayPool]:
    """A pool on the cluster at `address`. Raises `UsageError` for no workers, and what `connected` raises."""
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}; it must be >= 1")
    with connected(address) as ray, closing(RayPool(ray, workers)) as pool:
        yield pool


def _run_task(
    job: Job, shared: list[Any], contents: FolderContents, mailbox: Any, attempt: Attempt, sender: tuple[str, list[str]]
) -> tuple[Outcome, FolderContents]:
    """What a task does, in a folder of the node's own. shared: the reference to the shared arguments."""
    import ray

    def ask(message: Any) -> bool:
        return bool(ray.get(mailbox.ask.remote(attempt, message, _read_folder(folder))))

    # A run stores the command that made it.
    version, sys.argv = sender
    if (here := metadata.version("tenfold")) != version:
        message = f"a node has Tenfold {here}, this machine {version}: install the same version everywhere"
        return Outcome(kind="failed", message=message), {}
    with tempfile.TemporaryDirectory(prefix="tenfold-") as parent:
        folder = job.folder and Path(parent) / job.folder.name
        _write_folder(contents, folder)
        job = dataclasses.replace(job, folder=folder, shared=_fetch(shared[0]))
        return execute_in_worker(job, Report(ask)), _read_folder(folder)


@lru_cache(maxsize=1)
def _fetch(reference: Any) -> tuple[Any, ...]:
    """The shared arguments, which the worker process keeps for its next task."""
    import ray

    values: tuple[Any, ...] = ray.get(reference)
    return values


def _read_folder(folder: Path | None) -> FolderContents:
    if folder is None:
        return {}
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _write_folder(contents: FolderContents, folder: Path | None) -> None:
    """Replaces a folder as a whole, by renaming: half of a run would pass for one that can be resumed."""
    if folder is None or not contents:
        return
    new, old = (folder.with_name(f".{folder.name}-{uuid.uuid4().hex}") for _ in range(2))
    try:
        for name, content in contents.items():
            files.write_bytes(new / name, content)
        with files.storage_errors(folder):
            if folder.exists():
                folder.rename(old)  # As it was a message ago.
            new.rename(folder)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        for path in (new, old):
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected to the cluster at `address`: `auto` for the one of this machine, or that
    `RAY_ADDRESS` names; else HOST:PORT.

    A connection that is there already is used, and left. Raises `MissingDependencyError` without Ray, `UsageError` for
    what is no address, and `ClusterError` when no cluster answers within 10 seconds.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    place = os.environ.get("RAY_ADDRESS", "auto") if address == "auto" else address
    _answers(place)
    ray.init(address=place, log_to_driver=False, logging_level="ERROR")
    # Keeps the news of Ray's own daemons off stdout, which is for results; what concerns jobs comes as errors. There is
    # no public switch; another version of Ray may do without this one, and chat.
    ray._private.worker._worker_logs_enabled = False
    try:
        yield ray
    finally:
        ray.shutdown()


def import_ray() -> Any:
    """The module `ray`. Raises `MissingDependencyError`, which says how to install it."""
    # Ray 2.60 warns, each time, of a default that will change; this takes the new one.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # It would report to its makers.
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingDependencyError("Ray", "cluster") from error
    return ray


def _answers(place: str) -> None:
    """Raises `ClusterError` unless a cluster answers there."""
    if place != "auto":
        host, _, port = place.removeprefix("ray://").rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise UsageError(f"--ray is {place!r}: it takes auto, or HOST:PORT as ray start --head prints it")
        try:
            # Where nothing listens this fails immediately.
            socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
        except OSError as error:
            reason = error.strerror or error
            raise ClusterError(
                f"no Ray cluster answers at {place}: {reason}; is it running, and may this machine reach it?"
            ) from error
    # In a process of its own, since Ray has no timeout that ends for certain.
    code = f"import ray; print(flush=True); ray.init(address={place!r}, log_to_driver=False, logging_level='ERROR')"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tried:
        assert tried.stdout is not None
        tried.stdout.readline()  # Ray is imported, however long a busy machine took for it.
        try:
            _, stderr = tried.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            tried.kill()
            where = "on this machine" if place == "auto" else f"at {place}"
            raise ClusterError(
                f"no Ray cluster answers {where} within {PATIENCE} seconds; is it up, and the port that ray start "
                "--head prints?"
            ) from None
    if tried.returncode:
        if "Could not find any running Ray instance" in stderr:
            raise ClusterError(
                "no Ray cluster runs on this machine: ray start --head begins one, or give its HOST:PORT"
            )
        lines = stderr.strip().splitlines() or [f"exit status {tried.returncode}"]
        raise ClusterError(f"Ray can't be reached at {place}: {lines[-1]}")
