"""One recipe trained with several seeds: a folder with a run for each, and the spread of their figures."""

import dataclasses
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tenfold import files
from tenfold.data import Dataset
from tenfold.errors import RunError, UsageError, check_kind
from tenfold.evaluation.statistics import Spread, spread
from tenfold.jobs.pool import Job, JobSource, OpenPool, Outcome, Pool, in_process_pool
from tenfold.runs.fit import training_job
from tenfold.runs.prepare import Prepared, check_workers, one_thread_each, prepare
from tenfold.runs.resumable import ResumableFolder, check_digest, new_folder, read_json, reading
from tenfold.runs.run_folder import RunFolder
from tenfold.runs.train import train_run
from tenfold.training.recipe import Recipe
from tenfold.training.records import Callbacks, EpochRecord, OnEpoch, OnProgress, Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seeds(ResumableFolder):
    """A folder of runs that differ in nothing but their seed: `seed-0`, `seed-1` and so on, and `seeds.json`.

    path: the folder. recipe: resolved once for all seeds. seeds: all that were asked for. autotune_seconds: what
    autotuning took, which counts in each run's seconds. failed: seeds whose training diverged, with the reason.
    digest: of the data set.
    """

    manifest: ClassVar[str] = "seeds.json"
    command: ClassVar[str] = "tenfold train --resume"

    path: Path
    recipe: Recipe
    seeds: tuple[int, ...]
    autotune_seconds: float
    failed: dict[int, str]
    digest: str

    @classmethod
    def create(cls, prepared: Prepared, count: int, path: Path) -> "Seeds":
        """A folder at `path` for `count` seeds, counted from the recipe's own."""
        first = prepared.recipe.training.seed
        digest, numbers = prepared.data.digest, tuple(range(first, first + count))
        seeds = cls(path, prepared.recipe, numbers, prepared.autotune_seconds, {}, digest)
        seeds.save()
        return seeds

    @classmethod
    def load(cls, path: str | Path) -> "Seeds":
        """Reads the folder back. Raises `RunError` when it is not one."""
        file = Path(path) / cls.manifest
        document = read_json(file)
        with reading(file):
            return cls(
                Path(path),
                Recipe.from_toml(document["recipe"], name=Path(path).name),
                tuple(int(seed) for seed in document["seeds"]),
                float(document["autotune_seconds"]),
                {int(seed): str(text) for seed, text in document["failed"].items()},
                str(document["data"]),
            )

    def folder(self, seed: int) -> Path:
        """The folder of that seed's run."""
        return self.path / f"seed-{seed}"

    @property
    def finished(self) -> dict[int, RunFolder]:
        """The runs that are trained and evaluated, by their seeds."""
        runs = {seed: RunFolder(self.folder(seed), self.recipe.replace(seed=seed)) for seed in self.seeds}
        return {seed: run for seed, run in runs.items() if run.finished and run.test}

    def figures(self, part: str, name: str) -> dict[int, float]:
        """A figure of each finished run, such as `("test", "accuracy")`, by its seed; empty where they have none."""
        values = {seed: getattr(getattr(run, part), name) for seed, run in self.finished.items()}
        if None in values.values():
            return {}
        extra = self.autotune_seconds if name == "seconds" else 0.0
        return {seed: float(value) + extra for seed, value in values.items()}

    def summary(self) -> dict[str, Spread]:
        """Spreads over the finished runs, by `test_accuracy`, `validation_accuracy` and `seconds`.

        Accuracies are from 0 to 1; that of validation is missing without validation images.
        """
        named = {
            "test_accuracy": self.figures("test", "accuracy"),
            "validation_accuracy": self.figures("training", "validation_accuracy"),
            "seconds": self.figures("training", "seconds"),
        }
        return {name: spread(list(values.values())) for name, values in named.items() if values}

    def save(self) -> None:
        """Brings `seeds.json` up to date."""
        files.write_json(self.path / self.manifest, self.document())

    def document(self) -> dict[str, Any]:
        """What `seeds.json` holds."""
        return {
            "recipe": self.recipe.to_toml(),
            "seeds": list(self.seeds),
            "autotune_seconds": self.autotune_seconds,
            "failed": {str(seed): text for seed, text in self.failed.items()},
            "data": self.digest,
            "summary": {name: dataclasses.asdict(found) for name, found in self.summary().items()},
        }


class SeedSource(JobSource):
    """The trainings of several seeds, of one recipe or of several, as jobs in a given order.

    turns: seeds folders, each with a seed, its data set and the start of its lines. resume_command: for error messages.
    A training that diverges would do so again: it is recorded as failed, and the others continue.
    """

    def __init__(
        self,
        turns: Iterable[tuple[str, Seeds, int, Dataset]],
        resume_command: str,
        callbacks: Callbacks,
    ) -> None:
        self._callbacks, self._resume_command = callbacks, resume_command
        self._turns = list(turns)
        self.jobs = self._make_jobs()

    def _make_jobs(self) -> Iterator[Job]:
        # One tuple for each data set, which a pool sends once.
        shared = {id(data): (data,) for *_, data in self._turns}
        for key, (_, seeds, seed, data) in enumerate(self._turns):
            if seed in seeds.failed or seed in seeds.finished:
                self._finish(key)
                continue
            recipe = seeds.recipe.replace(seed=seed)
            arguments = (recipe, True, self._callbacks.tensorboard)
            yield training_job(key, train_run, seeds.folder(seed), arguments, shared[id(data)], recipe.device)

    def on_message(self, job: Job, message: EpochRecord) -> bool:
        return not self._callbacks.stop_after(message)

    def on_progress(self, message: Progress) -> None:
        self._callbacks.show(message)

    def on_done(self, job: Job, outcome: Outcome) -> None:
        label, seeds, seed, _ = self._turns[job.key]
        if outcome.kind == "diverged":
            seeds.failed[seed] = outcome.message
        elif outcome.kind != "finished":
            raise RunError(
                f"{label}seed {seed}: {outcome.message}; fix that, then: {self._resume_command}"
            ) from outcome.error
        self._finish(job.key)

    def _finish(self, key: int) -> None:
        label, seeds, seed, _ = self._turns[key]
        seeds.save()
        if seed in seeds.failed:
            result = seeds.failed[seed]
        else:
            accuracy, seconds = seeds.figures("test", "accuracy")[seed], seeds.figures("training", "seconds")[seed]
            result = f"test {100 * accuracy:.2f} %, {seconds:.2f} s"
        log.info("%sseed %s: %s", label, seed, result)


def train_seeds(
    recipe: str | Recipe,
    count: int,
    data: Dataset | None = None,
    *,
    folder: str | Path = "runs",
    on_epoch: OnEpoch | None = None,
    on_progress: OnProgress | None = None,
    tensorboard: bool = False,
    open_pool: OpenPool = in_process_pool,
) -> Seeds:
    """Trains `recipe` with `count` seeds, in a new folder of `folder`, and evaluates each run once.

    open_pool: where they are trained, one after another in this process by default; the weights are the same in any
    pool. on_epoch, on_progress: as of `train`, for every seed. Each seed's accuracy is logged. A seed that diverges is
    recorded as failed. `resume_seeds` continues an interrupted training. Raises what `train` raises, and `UsageError`
    for a count below 1.
    """
    recipe = Recipe.load(recipe) if isinstance(recipe, str) else recipe
    with open_pool() as pool:
        check_workers(recipe, pool)
        prepared = prepare_seeds(one_thread_each(recipe) if pool.size > 1 else recipe, count, data)
        seeds = Seeds.create(prepared, count, new_folder(Path(folder), f"{recipe.name}-seeds"))
        return _train_seeds(seeds, prepared.data, pool, Callbacks(on_epoch, on_progress, tensorboard))


def resume_seeds(
    path: str | Path,
    data: Dataset | None = None,
    *,
    on_epoch: OnEpoch | None = None,
    on_progress: OnProgress | None = None,
    tensorboard: bool = False,
    open_pool: OpenPool = in_process_pool,
) -> Seeds:
    """Continues the interrupted training of several seeds, after the last whole epoch of each, in any pool."""
    seeds = Seeds.load(path)
    data = data or seeds.recipe.data.load()
    check_kind(data, Dataset, "load_dataset")
    check_digest(data, seeds.digest, seeds.path)
    with open_pool() as pool:
        check_workers(seeds.recipe, pool)
        return _train_seeds(seeds, data, pool, Callbacks(on_epoch, on_progress, tensorboard))


def _train_seeds(seeds: Seeds, data: Dataset, pool: Pool, callbacks: Callbacks) -> Seeds:
    turns = [("", seeds, seed, data) for seed in seeds.seeds]
    with seeds.working():
        pool.run(SeedSource(turns, seeds.resume_command, callbacks))
    return seeds


def prepare_seeds(recipe: Recipe, count: int, data: Dataset | None = None) -> Prepared:
    """What `prepare` makes of the recipe. Raises `UsageError` or `RecipeError` too for a count that makes no sense."""
    if count < 1:
        raise UsageError(f"--seeds is {count}; it must be >= 1")
    recipe.replace(seed=recipe.training.seed + count - 1)
    return prepare(recipe, data)
