"""One recipe trained with several seeds: a folder with a run for each, and what they say together."""

import dataclasses
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold import atomic
from tenfold.data import Dataset, load_dataset
from tenfold.errors import RecipeError, RunError, UsageError
from tenfold.evaluation.statistics import Spread, spread
from tenfold.runs.evaluate import evaluate
from tenfold.runs.run import Run
from tenfold.runs.train import Watch, new_folder, resume, train
from tenfold.training.monitors import Monitor
from tenfold.training.recipe import Recipe

FILE = "seeds.json"


@dataclass(frozen=True)
class Seeds:
    """A folder of runs that differ in nothing but their seed: `seed-0`, `seed-1` and so on, and `seeds.json`.

    path: the folder. recipe: as asked for; each run's own has what a probe decided. seeds: all that were asked for.
    """

    path: Path
    recipe: Recipe
    seeds: tuple[int, ...]

    @classmethod
    def begin(cls, recipe: Recipe, count: int, path: Path) -> "Seeds":
        """Opens `path` for `count` seeds, from the recipe's own on. Raises `UsageError` for fewer than one."""
        if count < 1:
            raise UsageError(f"--seeds is {count}; it must be >= 1")
        first = recipe.training.seed
        seeds = cls(path, recipe, tuple(range(first, first + count)))
        atomic.write_json(path / FILE, seeds.document())
        return seeds

    @classmethod
    def load(cls, path: str | Path) -> "Seeds":
        """Reads the folder back. Raises `RunError` when it is not one."""
        file = Path(path) / FILE
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            recipe = Recipe.from_toml(document["recipe"], name=Path(path).name)
            return cls(Path(path), recipe, tuple(int(seed) for seed in document["seeds"]))
        except (OSError, ValueError, KeyError, TypeError, RecipeError) as error:
            raise RunError(f"{file} can't be read: {error}") from error

    def folder(self, seed: int) -> Path:
        """Where that seed's run is."""
        return self.path / f"seed-{seed}"

    @property
    def finished(self) -> list[Run]:
        """The runs that are trained and tested, in the order of their seeds."""
        runs = [Run(self.folder(seed), self.recipe.replace(seed=seed)) for seed in self.seeds]
        return [run for run in runs if run.finished and "test" in run.metrics]

    def figures(self, part: str, key: str) -> list[float]:
        """A figure of each finished run, such as `("test", "accuracy")`; empty where they have none."""
        values = [run.metrics[part].get(key) for run in self.finished]
        return [] if None in values else [float(value) for value in values]

    def summary(self) -> dict[str, Spread]:
        """Spreads over the finished runs; accuracies as shares of 1."""
        named = {
            "test_accuracy": self.figures("test", "accuracy"),
            "validation_accuracy": self.figures("training", "validation_accuracy"),
            "seconds": self.figures("training", "seconds"),
        }
        return {name: spread(values) for name, values in named.items() if values}

    def train_one(
        self,
        seed: int,
        data: Dataset,
        watch: Watch = lambda record: None,
        monitors: Iterable[Monitor] = (),
    ) -> Run:
        """The run of one seed: as it is where it is finished, taken up where it was stopped, trained where it is new.

        Then measures it on the test images, and brings `seeds.json` up to date.
        """
        path = self.folder(seed)
        if not (path / "recipe.toml").exists():
            train(self.recipe.replace(seed=seed), data, path=path, watch=watch, monitors=monitors)
        elif not Run.load(path).finished:
            resume(path, data, watch=watch, monitors=monitors)
        opened = Run.load(path)
        run = Run(path, opened.recipe, data)
        run.check_data(data)
        if "test" not in run.metrics:
            evaluate(run)
            atomic.write_json(self.path / FILE, self.document())
        return run

    def document(self) -> dict[str, Any]:
        spreads = {name: dataclasses.asdict(found) for name, found in self.summary().items()}
        return {"recipe": self.recipe.to_toml(), "seeds": list(self.seeds), "summary": spreads}


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
    `resume_seeds` takes up. Raises what `train` raises, and `UsageError` for a count under 1.
    """
    if count < 1:
        raise UsageError(f"--seeds is {count}; it must be >= 1")
    data = data or load_dataset(recipe.data.dataset)
    return _go_on(
        Seeds.begin(recipe, count, new_folder(Path(folder), f"{recipe.name}-seeds")), data, watch, tell, monitors
    )


def resume_seeds(
    path: str | Path,
    data: Dataset | None = None,
    *,
    watch: Watch = lambda record: None,
    tell: Callable[[str], None] = lambda line: None,
    monitors: Iterable[Monitor] = (),
) -> Seeds:
    """Takes up seeds that were stopped, in the epoch of the seed that they were in."""
    seeds = Seeds.load(path)
    if len(seeds.finished) == len(seeds.seeds):
        raise RunError(f"{seeds.path} is finished: there is nothing to resume")
    return _go_on(seeds, data or load_dataset(seeds.recipe.data.dataset), watch, tell, monitors)


def _go_on(
    seeds: Seeds, data: Dataset, watch: Watch, tell: Callable[[str], None], monitors: Iterable[Monitor]
) -> Seeds:
    try:
        for seed in seeds.seeds:
            run = seeds.train_one(seed, data, watch, monitors)
            tell(f"seed {seed:>3}  test {100 * run.metrics['test']['accuracy']:.2f} %  {run.training['seconds']:.2f} s")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the seeds go on with: tenfold train --resume {seeds.path}") from None
    return seeds
