"""Jobs as Ray tasks: each trains in a folder of the node that it lands on, and its files come back with each epoch."""

import asyncio
import dataclasses
import shutil
import sys
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tenfold import files as atomic
from tenfold.data import Dataset, load_dataset
from tenfold.errors import ClusterError, UsageError
from tenfold.jobs.job import Job, Outcome, run_job
from tenfold.jobs.pool import Done, Epoch, Event, Lost
from tenfold.jobs.ray_connection import connected
from tenfold.training.records import EpochRecord

# By their paths in the run's folder.
Files = dict[str, bytes]
# Tasks that wait for an answer, those of dead nodes too, and a few calls more: the board would hear of nothing else.
_AT_ONCE = 100_000


class RayPool:
    """Tasks on the cluster that `ray` is connected to.

    workers: at most so many at once; None: as many as there are CPUs for, though the cluster grows or shrinks. A task
    asks for as many CPUs as its recipe has threads, and for a GPU where it trains on one. data: in place of the
    sets that recipes name; either way the images go to the nodes through Ray.
    """

    def __init__(self, ray: Any, workers: int | None, data: Dataset | None = None) -> None:
        self._ray, self._workers, self._given = ray, workers, data
        self._images: dict[str, Any] = {}
        self._keys: dict[Any, int] = {}
        self._jobs: dict[int, Job] = {}
        self._events: deque[Event] = deque()
        self._threads = 1
        self._counted, self._cpus = 0.0, 0
        board = ray.remote(num_cpus=0, max_concurrency=_AT_ONCE, scheduling_strategy=on_this_node(ray))(_Board)
        self._board = board.remote()
        self._told = self._board.take.remote()

    @property
    def size(self) -> int:
        if self._workers is not None:
            return self._workers
        if time.monotonic() - self._counted > 1:
            self._counted = time.monotonic()
            self._cpus = int(self._ray.cluster_resources().get("CPU", 0))
        return max(1, self._cpus // self._threads)

    def submit(self, job: Job) -> None:
        engine = job.recipe.engine
        self._threads = max(1, engine.threads)
        most = max((node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]), default=0)
        # One that is begun again waits for a node to come back.
        if self._workers is None and job.key not in self._jobs and most < self._threads:
            raise ClusterError(
                f"no node of the cluster has {self._threads} CPUs, which the recipe has threads for: lower --threads; "
                "or give --workers, where nodes are added when they are asked for"
            )
        # A job that is lost is begun again by whoever waits for it, who counts how often.
        task = self._ray.remote(_train).options(
            num_cpus=self._threads, num_gpus=1 if engine.device == "cuda" else 0, max_retries=0
        )
        self._jobs[job.key] = job
        self._keys[task.remote(job, self._data(job), _files(job.path), self._board, sys.argv)] = job.key

    def next(self, seconds: float) -> Event | None:
        if not self._events:
            ready, _ = self._ray.wait([self._told, *self._keys], num_returns=1, timeout=seconds)
            for reference in ready:
                self._happened(reference)
        return self._events.popleft() if self._events else None

    def answer(self, key: int, go_on: bool) -> None:
        self._board.answer.remote(key, go_on)

    def close(self) -> None:
        """Ends what runs."""
        for reference in self._keys:
            self._ray.cancel(reference, force=True)
        self._ray.kill(self._board)

    def _happened(self, reference: Any) -> None:
        from ray.exceptions import RayError, RayTaskError

        if reference == self._told:
            # What a lost attempt asked is no more to be answered, but does no harm: its key is begun again anew.
            for key, record, files in self._ray.get(reference):
                if key in self._keys.values():
                    _put(files, self._jobs[key].path)
                    self._events.append(Epoch(key=key, record=record))
            self._told = self._board.take.remote()
            return
        key = self._keys.pop(reference)
        try:
            outcome, files = self._ray.get(reference)
        except RayTaskError as error:
            self._events.append(Done(key=key, outcome=Outcome(kind="broken", message=str(error).splitlines()[-1])))
        except RayError as error:
            self._events.append(Lost(key=key, reason=f"its node or process is gone ({type(error).__name__})"))
        else:
            job = self._jobs.pop(key)
            # What is there is more than what an attempt leaves that could not go on.
            if outcome.kind in ("finished", "stopped", "diverged"):
                _put(files, job.path)
            self._events.append(Done(key=key, outcome=outcome))

    def _data(self, job: Job) -> Any:
        name = job.recipe.data.dataset
        if name not in self._images:
            self._images[name] = self._ray.put(in_memory(self._given or load_dataset(name)))
        return self._images[name]


class _Board:
    """Where tasks tell of their epochs and wait for the answer."""

    def __init__(self) -> None:
        self._asked: asyncio.Queue[tuple[int, EpochRecord, Files]] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[bool]] = {}

    async def ask(self, key: int, record: EpochRecord, files: Files) -> bool:
        self._answers[key] = asyncio.get_running_loop().create_future()
        self._asked.put_nowait((key, record, files))
        return await self._answers[key]

    async def take(self) -> list[tuple[int, EpochRecord, Files]]:
        found = [await self._asked.get()]
        while not self._asked.empty():
            found.append(self._asked.get_nowait())
        return found

    async def answer(self, key: int, go_on: bool) -> None:
        if not self._answers[key].done():
            self._answers[key].set_result(go_on)


@contextmanager
def ray_pool(address: str, workers: int | None = None, data: Dataset | None = None) -> Iterator[RayPool]:
    """A pool on the cluster at `address`. Raises `UsageError` for no workers, and what `connected` raises."""
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}; it must be >= 1")
    with connected(address) as ray:
        pool = RayPool(ray, workers, data)
        try:
            yield pool
        finally:
            pool.close()


def _train(job: Job, data: Dataset, begun: Files, board: Any, command: list[str]) -> tuple[Outcome, Files]:
    """What a task does. The run's files come and go with it: its folder is the node's own."""
    import ray

    # The run tells by what command it was made.
    sys.argv = command
    with tempfile.TemporaryDirectory(prefix="tenfold-") as folder:
        path = Path(folder) / job.path.name
        _put(begun, path)
        outcome = run_job(
            dataclasses.replace(job, path=path),
            data,
            lambda record: bool(ray.get(board.ask.remote(job.key, record, _files(path)))),
        )
        return outcome, _files(path)


def _files(path: Path) -> Files:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def _put(files: Files, path: Path) -> None:
    """Writes a run's files in one step: a run that is cut short would pass for one to go on with."""
    if not files:
        return
    beside = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        for name, content in files.items():
            atomic.write_bytes(beside / name, content)
        with atomic.storage_errors(path):
            if path.exists():
                shutil.rmtree(path)  # As it was an epoch ago.
            beside.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def on_this_node(ray: Any) -> Any:
    """Where an actor is put that no other node's end is to take away."""
    return ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )


def in_memory(data: Dataset) -> Dataset:
    """The set without memory maps, which would be of files that other machines don't have."""
    return dataclasses.replace(
        data,
        train_images=np.array(data.train_images),
        train_labels=np.array(data.train_labels),
        test_images=np.array(data.test_images),
        test_labels=np.array(data.test_labels),
        train_writers=None if data.train_writers is None else np.array(data.train_writers),
        test_writers=None if data.test_writers is None else np.array(data.test_writers),
    )
