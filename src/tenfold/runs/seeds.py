"""One recipe trained with several seeds: a folder with a run for each, and what they say together."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold import files
from tenfold.data import Dataset, load_dataset
from tenfold.errors import RecipeError, RunError, TrainingError, UsageError
from tenfold.evaluation.statistics import Spread, spread
from tenfold.runs.begin import anchored, check, new_folder, resolved
from tenfold.runs.evaluate import evaluate
from tenfold.runs.run import Run
from tenfold.runs.train import Watch, resume, train
from tenfold.training.monitors import Monitor
from tenfold.training.recipe import Recipe

FILE = "seeds.json"


@dataclass(frozen=True)
class Seeds:
    """A folder of runs that differ in nothing but their seed: `seed-0`, `seed-1` and so on, and `seeds.json`.

    path: the folder. recipe: with the engine that a probe decided on, once for all. seeds: all that were asked for.
    probe_seconds: what the probe took, which counts in each run's seconds. failed: seeds whose training diverged.
    digest: of the data set.
    """

    path: Path
    recipe: Recipe
    seeds: tuple[int, ...]
    probe_seconds: float
    failed: dict[int, str]
    digest: str

    @classmethod
    def begin(cls, recipe: Recipe, count: int, path: Path, data: Dataset) -> "Seeds":
        """Opens `path` for `count` seeds, from the recipe's own on; `check_seeds` before says whether that can be."""
        started = time.perf_counter()
        recipe = resolved(anchored(recipe), data)
        first = recipe.training.seed
        every, probed = tuple(range(first, first + count)), time.perf_counter() - started
        seeds = cls(path, recipe, every, probed, {}, data.digest)
        seeds.write()
        return seeds

    @classmethod
    def load(cls, path: str | Path) -> "Seeds":
        """Reads the folder back. Raises `RunError` when it is not one."""
        file = Path(path) / FILE
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            return cls(
                Path(path),
                Recipe.from_toml(document["recipe"], name=Path(path).name),
                tuple(int(seed) for seed in document["seeds"]),
                float(document["probe_seconds"]),
                {int(seed): str(text) for seed, text in document["failed"].items()},
                str(document["data"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecipeError) as error:
            raise RunError(f"{file} can't be read: {error}") from error

    def check_data(self, data: Dataset) -> None:
        """Raises `RunError` for other images than the seeds were begun with: they would not compare."""
        if data.digest != self.digest:
            raise RunError(f"{data.name} holds other images than when {self.path} was begun: bring those back")

    def folder(self, seed: int) -> Path:
        """Where that seed's run is."""
        return self.path / f"seed-{seed}"

    @property
    def finished(self) -> dict[int, Run]:
        """The runs that are trained and tested, by their seeds."""
        runs = {seed: Run(self.folder(seed), self.recipe.replace(seed=seed)) for seed in self.seeds}
        return {seed: run for seed, run in runs.items() if run.finished and "test" in run.metrics}

    def figures(self, part: str, key: str) -> dict[int, float]:
        """A figure of each finished run, such as `("test", "accuracy")`, by its seed; empty where they have none."""
        values = {seed: run.metrics[part].get(key) for seed, run in self.finished.items()}
        if None in values.values():
            return {}
        extra = self.probe_seconds if key == "seconds" else 0.0
        return {seed: float(value) + extra for seed, value in values.items()}

    def summary(self) -> dict[str, Spread]:
        """Spreads over the finished runs; accuracies as shares of 1."""
        named = {
            "test_accuracy": self.figures("test", "accuracy"),
            "validation_accuracy": self.figures("training", "validation_accuracy"),
            "seconds": self.figures("training", "seconds"),
        }
        return {name: spread(list(values.values())) for name, values in named.items() if values}

    def train_one(
        self,
        seed: int,
        data: Dataset,
        watch: Watch = lambda record: None,
        monitors: Iterable[Monitor] = (),
    ) -> str:
        """Trains and tests one seed: goes on where it was stopped, and leaves what is finished as it is.

        Returns a line on what came of it. A training that diverges would do so again: it is kept as failed, and the
        others go on.
        """
        if seed not in self.failed:
            try:
                train_into(self.recipe.replace(seed=seed), self.folder(seed), data, watch, monitors, test=True)
            except TrainingError as error:
                self.failed[seed] = str(error)
        return self.settle(seed)

    def settle(self, seed: int) -> str:
        """Writes down that the seed is trained or failed, and returns a line on it."""
        self.write()
        if seed in self.failed:
            return f"seed {seed}: {self.failed[seed]}"
        return (
            f"seed {seed}: test {100 * self.figures('test', 'accuracy')[seed]:.2f} %, "
            f"{self.figures('training', 'seconds')[seed]:.2f} s"
        )

    def write(self) -> None:
        """Brings `seeds.json` up to date."""
        files.write_json(self.path / FILE, self.document())

    def document(self) -> dict[str, Any]:
        """What `seeds.json` holds."""
        return {
            "recipe": self.recipe.to_toml(),
            "seeds": list(self.seeds),
            "probe_seconds": self.probe_seconds,
            "failed": {str(seed): text for seed, text in self.failed.items()},
            "data": self.digest,
            "summary": {name: dataclasses.asdict(found) for name, found in self.summary().items()},
        }


def train_into(
    recipe: Recipe,
    path: Path,
    data: Dataset,
    watch: Watch = lambda record: None,
    monitors: Iterable[Monitor] = (),
    *,
    test: bool,
) -> Run:
    """The finished run in `path`: trained there, gone on with where it was stopped, or left as it is.

    test: read the test images, once; without that no `model.onnx` is written either. Raises what `train` and `resume`
    raise.
    """
    if not (path / "recipe.toml").exists():
        train(recipe, data, path=path, watch=watch, monitors=monitors, deploy=test)
    elif not Run.load(path).finished:
        resume(path, data, watch=watch, monitors=monitors, deploy=test)
    run = Run(path, Run.load(path).recipe, data)
    if test and "test" not in run.metrics:
        evaluate(run)
    return run


def check_seeds(recipe: Recipe, count: int, data: Dataset) -> None:
    """Raises `UsageError` or `RecipeError` for what can't be trained, before anything is written."""
    if count < 1:
        raise UsageError(f"--seeds is {count}; it must be >= 1")
    check(recipe.replace(seed=recipe.training.seed + count - 1), data)


def train_seeds(
    recipe: Recipe,
    count: int,
    data: Dataset | None = None,
    *,
    folder: str | Path = "runs",
    watch: Watch = lambda record: None,
    tell: Callable[[str], None] = lambda line: None,
    monitors: Iterable[Monitor] = (),
) -> Seeds:
    """Trains `recipe` with `count` seeds, one after another, in a new folder of `folder`, and tests each run once.

    tell: is called with a line for each seed that is done. A training that is stopped leaves a folder that
    `resume_seeds` takes up. Raises what `train` raises, but for a seed that diverges, which is kept as failed; and
    `UsageError` for a count under 1.
    """
    data = data or load_dataset(recipe.data.dataset)
    check_seeds(recipe, count, data)
    path = new_folder(Path(folder), f"{recipe.name}-seeds")
    return _go_on(Seeds.begin(recipe, count, path, data), data, watch, tell, monitors)


def resume_seeds(
    path: str | Path,
    data: Dataset | None = None,
    *,
    watch: Watch = lambda record: None,
    tell: Callable[[str], None] = lambda line: None,
    monitors: Iterable[Monitor] = (),
) -> Seeds:
    """Takes up seeds that were stopped, in the epoch of the seed that they were in; finished ones are told again."""
    seeds = Seeds.load(path)
    data = data or load_dataset(seeds.recipe.data.dataset)
    seeds.check_data(data)
    return _go_on(seeds, data, watch, tell, monitors)


def _go_on(
    seeds: Seeds, data: Dataset, watch: Watch, tell: Callable[[str], None], monitors: Iterable[Monitor]
) -> Seeds:
    try:
        for seed in seeds.seeds:
            tell(seeds.train_one(seed, data, watch, monitors))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the seeds go on with: tenfold train --resume {seeds.path}") from None
    return seeds
