"""One training by several processes of this machine, under the agent of torchrun: PyTorch's own way."""

import dataclasses
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread, current_thread, main_thread
from typing import Any

import torch.distributed as dist
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, record
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from tenfold.data import Dataset, load_dataset
from tenfold.errors import RunError, TenfoldError, TrainingError
from tenfold.jobs.local import end_with
from tenfold.runs.begin import anchored, begin, check, new_folder, resolved
from tenfold.runs.run import Run
from tenfold.runs.share import train_share
from tenfold.runs.train import Watch
from tenfold.training.recipe import Recipe
from tenfold.training.share import Share, group_share

# How often all workers are begun again, after one has died.
RESTARTS = 5
_LONGEST = 3000


def train_together(
    recipe: Recipe,
    workers: int,
    *,
    folder: str | Path = "runs",
    data: Dataset | None = None,
    watch: Watch = lambda record: None,
    tell: Callable[[str], None] = lambda line: None,
) -> Run:
    """Trains one model with `workers` processes, which share each batch: `tenfold.runs.train.train`, sooner.

    The same training but for rounding. A recipe that leaves the number of threads open gets one for each worker. A
    worker that dies is replaced: all go on after the last whole epoch. Raises `UsageError` for what can't be shared,
    `RunError` when workers die again and again, and what `train` raises.
    """
    run = begin_shared(recipe, workers, folder, data)
    return _launch(run, workers, data, watch, tell)


def resume_together(
    path: str | Path,
    workers: int,
    *,
    data: Dataset | None = None,
    watch: Watch = lambda record: None,
    tell: Callable[[str], None] = lambda line: None,
) -> Run:
    """Takes up a run that was stopped, by however many it was trained. Raises `RunError` for one that is finished."""
    return _launch(load_shared(path, workers, data), workers, data, watch, tell)


def begin_shared(recipe: Recipe, workers: int, folder: str | Path, data: Dataset | None) -> Run:
    """A run that nothing is trained of yet."""
    data = data or load_dataset(recipe.data.dataset)
    if not recipe.engine.threads:
        recipe = dataclasses.replace(recipe, engine=dataclasses.replace(recipe.engine, threads=1))
    check(recipe, data, workers)
    return begin(resolved(anchored(recipe), data), data, new_folder(Path(folder), recipe.name))


def load_shared(path: str | Path, workers: int, data: Dataset | None) -> Run:
    """A run that was stopped."""
    run = Run.load(path)
    if run.finished:
        raise RunError(f"{run.path} is finished: there is nothing to resume")
    check(run.recipe, data or load_dataset(run.recipe.data.dataset), workers)
    return run


def _launch(run: Run, workers: int, data: Dataset | None, watch: Watch, tell: Callable[[str], None]) -> Run:
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=workers, max_restarts=RESTARTS, run_id=run.path.name,
        rdzv_backend="c10d", rdzv_endpoint="localhost:0", local_addr="localhost", start_method="spawn",
    )  # fmt: skip
    # Its reports of dead workers are for those who run it by hand.
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(("torch.distributed.elastic", "torch.multiprocessing")):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    context = multiprocessing.get_context("spawn")
    # Without a lock, which a worker that is killed might take along.
    failed = context.RawValue("b", 0)
    errors: list[tuple[int, Exception]] = []
    stopped: signal.Signals | None = None
    died: ChildFailedError | None = None
    with handlers_kept(), _heard(watch, tell, errors) as speak:
        try:
            elastic_launch(config, _work)(run.path, data, speak, failed, os.getpid())
        except SignalException as error:
            stopped = error.sigval
        except ChildFailedError as error:
            died = error
    if errors:
        raise min(errors, key=lambda told: told[0])[1]
    if died is not None:
        reason = died.get_first_failure()[1].message.splitlines()[0]
        raise RunError(
            f"the workers failed {RESTARTS + 1} times, lastly: {reason}; go on with: tenfold train --resume {run.path} "
            f"--workers {workers}"
        ) from died
    if stopped == signal.SIGINT:
        raise KeyboardInterrupt(f"the training goes on with: tenfold train --resume {run.path} --workers {workers}")
    if stopped is not None:
        signal.raise_signal(stopped)
    return Run.load(run.path)


@record
def _work(path: Path, data: Dataset | None, speak: "Connection[Any, Any]", failed: Any, parent: int) -> None:
    """What each process does, and does again after one has died."""
    end_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM):
        # In good order: what libraries have of the system is given back.
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    if failed.value:
        return  # Begun again because one of them left with an error that is told already.
    restarts = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    with _group(restarts) as share:
        if restarts and share.rank == 0:
            speak.send(f"a worker died; from the last whole epoch on, all train again ({restarts} of {RESTARTS})")
        try:
            train_share(path, share, data, speak.send if share.rank == 0 else lambda record: None)
        except TenfoldError as error:
            failed.value = 1
            speak.send((share.rank, type(error), str(error)[:_LONGEST]))
            if not isinstance(error, TrainingError):  # Which all have at the same step.
                sys.exit(1)  # Without this one the others would wait for ever: as one that died, it ends them.


@contextmanager
def _group(restarts: int) -> Iterator[Share]:
    """This process's share in the group that the agent began, which was so often begun again."""
    told = os.environ
    agents = TCPStore(told["MASTER_ADDR"], int(told["MASTER_PORT"]), is_master=False)
    # PyTorch 2.13 keeps one store for all of an agent's attempts, and in it the addresses of the dead.
    store = PrefixStore(f"attempt {restarts}", agents)
    dist.init_process_group("gloo", store=store, rank=int(told["RANK"]), world_size=int(told["WORLD_SIZE"]))
    try:
        yield group_share()
    finally:
        dist.destroy_process_group()


@contextmanager
def _heard(
    watch: Watch, tell: Callable[[str], None], errors: list[tuple[int, Exception]]
) -> Iterator["Connection[Any, Any]"]:
    """What workers speak into, heard by this process. Each message is short enough to be written at once or not."""
    ours, theirs = multiprocessing.Pipe(duplex=False)

    def listen() -> None:
        while (told := ours.recv()) is not None:
            try:
                if isinstance(told, str):
                    tell(told)
                elif isinstance(told, tuple):
                    rank, kind, message = told
                    errors.append((rank, kind(message)))
                else:
                    watch(told)
            except (
                Exception
            ) as error:  # Of whoever watches: told at the end, for workers would wait for ever if unheard.
                errors.append((-1, error))

    listener = Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield theirs
    finally:
        theirs.send(None)
        listener.join()
        ours.close()
        theirs.close()


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Gives the signals back that PyTorch's agent takes, or Ray's trainer."""
    if current_thread() is not main_thread():
        yield  # They take them there alone.
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
