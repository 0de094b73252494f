"""One training by workers of a Ray cluster: the same loop, under Ray's TorchTrainer."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tenfold import files as atomic
from tenfold.data import Dataset, load_dataset
from tenfold.errors import ClusterError, RunError, TenfoldError, TrainingError
from tenfold.jobs.parallel import RESTARTS, begin_shared, handlers_kept, load_shared
from tenfold.jobs.ray_connection import connected
from tenfold.jobs.ray_pool import in_memory, on_this_node
from tenfold.runs.begin import alone, smallest_batch
from tenfold.runs.run import Run
from tenfold.runs.share import state_of, train_share
from tenfold.runs.train import CHECKPOINT, Watch
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord, Progress
from tenfold.training.share import group_share

# By gloo, which takes a machine's own name for its address: 127.0.1.1 on Debian.
_NO_WAY = (
    "they don't reach each other: start Ray on every machine with GLOO_SOCKET_IFNAME set to the interface of the "
    "network that they share, such as eth0"
)


def train_on_ray(
    recipe: Recipe,
    address: str,
    workers: int | None = None,
    *,
    folder: str | Path = "runs",
    data: Dataset | None = None,
    watch: Watch = lambda record: None,
    tell: Callable[[str], None] = lambda line: None,
) -> Run:
    """Trains one model with `workers` of a cluster, which share each batch: `train_together`, on more machines.

    workers: one for each CPU of the cluster, unless said. Where a node dies, all go on after the last whole epoch, with
    fewer if need be: how many they are changes nothing but rounding. Raises `ClusterError` without a cluster, or one
    without CPUs for them, and what `train_together` raises.
    """
    with connected(address) as ray:
        data = data or load_dataset(recipe.data.dataset)
        count = _count(ray, workers, max(1, recipe.engine.threads), smallest_batch(recipe, data))
        run = begin_shared(recipe, count, folder, data)
        return _launch(ray, run, count, data, watch, tell)


def resume_on_ray(
    path: str | Path,
    address: str,
    workers: int | None = None,
    *,
    data: Dataset | None = None,
    watch: Watch = lambda record: None,
    tell: Callable[[str], None] = lambda line: None,
) -> Run:
    """Takes up a run that was stopped, by however many it was trained. Raises `RunError` for one that is finished."""
    with connected(address) as ray:
        recipe = Run.load(path).recipe
        data = data or load_dataset(recipe.data.dataset)
        count = _count(ray, workers, recipe.engine.threads, smallest_batch(recipe, data))
        return _launch(ray, load_shared(path, count, data), count, data, watch, tell)


def _count(ray: Any, workers: int | None, threads: int, most: int) -> int:
    """most: that can share every batch."""
    nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    room = sum(cpus // threads for cpus in nodes)
    if room < (workers or 1):
        raise ClusterError(
            f"the cluster's nodes have {', '.join(map(str, nodes))} CPUs: room for {room} workers of {threads} "
            f"thread{'s' if threads > 1 else ''}; lower --workers, or add nodes"
        )
    return min(room, most) if workers is None else workers


def _launch(ray: Any, run: Run, workers: int, data: Dataset, watch: Watch, tell: Callable[[str], None]) -> Run:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    # Ray goes on counting on a dead node for some seconds, and then waits so long for its worker before it does with
    # fewer: for a minute, unless said.
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "10")
    keeper = ray.remote(num_cpus=0, scheduling_strategy=on_this_node(ray))(_Keeper).remote(run.path.resolve())
    images = ray.put(in_memory(data))
    with (
        alone(run),
        handlers_kept(),
        _heard(ray, keeper, watch, tell),
        tempfile.TemporaryDirectory(prefix="tenfold-") as scratch,
    ):
        trainer = TorchTrainer(
            _loop,
            train_loop_config={"keeper": keeper, "images": [images], "words": sys.argv},
            torch_config=TorchConfig(backend="gloo"),
            scaling_config=ScalingConfig(
                # Fewer, where nodes are lost.
                num_workers=(1, workers),  # type: ignore[arg-type]
                resources_per_worker={"CPU": run.recipe.engine.threads},
            ),
            run_config=RunConfig(storage_path=scratch, failure_config=FailureConfig(max_failures=RESTARTS)),
        )
        try:
            trainer.fit()
        except (KeyboardInterrupt, SystemExit):  # Which Ray makes of an interrupt.
            raise KeyboardInterrupt(f"the training goes on with: tenfold train --resume {run.path}") from None
        except Exception as error:  # Of Ray's many kinds.
            if not Run.load(run.path).finished and not ray.get(keeper.failed.remote()):
                reason = _NO_WAY if "Gloo connect" in str(error) else " ".join(str(error).split())[:300]
                raise RunError(f"the workers failed: {reason}; tenfold train --resume {run.path} goes on") from error
    return Run.load(run.path)


@contextmanager
def _heard(ray: Any, keeper: Any, watch: Watch, tell: Callable[[str], None]) -> Iterator[None]:
    """Hears what the keeper has to tell, which comes to its end with the block; raises what the workers failed by."""
    over = Event()
    raised: list[Exception] = []

    def hear() -> None:
        for told in ray.get(keeper.news.remote()):
            try:
                tell(told) if isinstance(told, str) else watch(told)
            except Exception as error:  # Of whoever watches: told at the end, for the training goes on.
                raised.append(error)

    def listen() -> None:
        while not over.wait(0.2):
            hear()

    listener = Thread(target=listen, daemon=True)
    listener.start()
    try:
        try:
            yield
        finally:
            over.set()
            listener.join()
        hear()
        if failed := ray.get(keeper.failed.remote()):
            kind, message = failed
            raise kind(message)
        if raised:
            raise raised[0]
    finally:
        ray.kill(keeper)


class _Keeper:
    """Holds the run, on the node of the command: what nodes know that die is not lost."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._news: list[Progress | EpochRecord | str] = []
        self._failed: tuple[int, type[TenfoldError], str] | None = None
        self._begun = 0

    def state(self) -> dict[str, bytes] | None:
        """What the training goes on from; None where there is nothing left to do."""
        if self._failed or Run.load(self._path).finished:
            return None
        self._begun += 1
        if self._begun > 1:
            self._news.append("the workers are others now, for one died or came: all go on after the last whole epoch")
        return state_of(self._path)

    def keep(self, files: dict[str, bytes], news: Progress | EpochRecord | None = None) -> None:
        """files: in the order that they are to be written in."""
        for name, content in files.items():
            atomic.write_bytes(self._path / name, content)
        if news is not None:
            self._news.append(news)

    def finish(self, files: dict[str, bytes]) -> None:
        last = files.pop("model.safetensors")
        self.keep({**files, "model.safetensors": last})
        (self._path / CHECKPOINT).unlink(missing_ok=True)

    def news(self) -> list[Progress | EpochRecord | str]:
        found, self._news = self._news, []
        return found

    def fail(self, rank: int, kind: type[TenfoldError], message: str) -> None:
        if self._failed is None or rank < self._failed[0]:
            self._failed = rank, kind, message

    def failed(self) -> tuple[type[TenfoldError], str] | None:
        return self._failed and self._failed[1:]


def _loop(config: dict[str, Any]) -> None:
    """What each worker does, and does again after one has died."""
    import ray

    share, keeper = group_share(), config["keeper"]
    sys.argv = config["words"]
    files = share.told(ray.get(keeper.state.remote()) if share.rank == 0 else None)
    if files is None:
        return  # Begun again because of an error that is told already, or after the end.
    with tempfile.TemporaryDirectory(prefix="tenfold-") as folder:
        path = Path(folder)
        for name, content in files.items():
            atomic.write_bytes(path / name, content)

        def watch(record: Progress | EpochRecord) -> None:
            if isinstance(record, EpochRecord):
                state = state_of(path)
                # The record before the checkpoint, as on one machine.
                state = {name: state[name] for name in sorted(state, key=lambda name: name.startswith("checkpoint"))}
                ray.get(keeper.keep.remote(state, record))
            else:
                keeper.keep.remote({}, record)

        try:
            train_share(path, share, ray.get(config["images"][0]), watch if share.rank == 0 else lambda record: None)
            if share.rank == 0:
                ray.get(keeper.finish.remote({file.name: file.read_bytes() for file in path.iterdir()}))
        except TenfoldError as error:
            # The keeper's own errors come in Ray's clothes.
            cause: TenfoldError = getattr(error, "cause", error)
            with suppress(ray.exceptions.RayError):
                ray.get(keeper.fail.remote(share.rank, type(cause), str(cause).replace(folder, "the worker's folder")))
            if not isinstance(cause, TrainingError):  # Which all have at the same step.
                raise  # Without this one the others would wait for ever: as one that died, it ends them.
