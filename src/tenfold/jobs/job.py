"""A job: one training in a folder of its own, wherever it runs, and what came of it."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tenfold.data import Dataset, load_dataset
from tenfold.errors import DataError, ExportError, RunError, StorageError, TenfoldError, TrainingError
from tenfold.runs.seeds import train_into
from tenfold.runs.train import train_member
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord, Progress

# Called with each epoch; the training goes on while it answers True.
Tell = Callable[[EpochRecord], bool]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training to be done.

    key: tells it from others. path: of the run. test: whether to read the test images. member: the network of an
    ensemble that is trained alone; None for the whole model.
    """

    key: int
    recipe: Recipe
    path: Path
    test: bool = False
    member: int | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended, with a line on why.

    finished: the run is whole. stopped: it was told to stop. diverged: the loss left the numbers. refused: such a model
    can't be trained here, whatever is wrong with it. broken: none of the job's own fault, such as a full disk. lost:
    the processes that it ran in died, each time.
    """

    kind: Literal["finished", "stopped", "diverged", "refused", "broken", "lost"]
    message: str = ""


class _Stopped(Exception):  # noqa: N818
    pass


def run_job(job: Job, data: Dataset | None, tell: Tell) -> Outcome:
    """Trains, where the run is not finished yet, and tests where that was asked for.

    data: in place of the set that the recipe names. A run that was begun goes on after its last whole epoch.
    """

    def watch(record: Progress | EpochRecord) -> None:
        if isinstance(record, EpochRecord) and not tell(record):
            raise _Stopped

    try:
        data = data or _load(job.recipe.data.dataset)
        if job.member is None:
            train_into(job.recipe, job.path, data, watch, test=job.test)
        else:
            train_member(job.recipe, job.member, data, job.path, watch)
    except _Stopped:
        return Outcome(kind="stopped")
    except TrainingError as error:
        return Outcome(kind="diverged", message=str(error))
    except (StorageError, DataError, RunError, ExportError, OSError) as error:
        return Outcome(kind="broken", message=str(error))
    except TenfoldError as error:
        return Outcome(kind="refused", message=str(error))
    except Exception as error:  # Such as PyTorch's, of a model that memory is too small for.
        return Outcome(kind="refused", message=f"{type(error).__name__}: {str(error).splitlines()[0]}")
    return Outcome(kind="finished")


@functools.lru_cache(maxsize=1)
def _load(name: str) -> Dataset:
    # A worker trains one recipe after another on the same images.
    return load_dataset(name)
