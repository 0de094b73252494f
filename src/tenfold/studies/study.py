"""A study: several recipes, each trained with the same seeds, in turn, in one folder that can be taken up again."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold import files
from tenfold.data import Dataset, load_dataset
from tenfold.errors import RecipeError, RunError, UsageError
from tenfold.evaluation.statistics import Difference, Spread, holm, paired
from tenfold.models import build_model
from tenfold.models.describe import totals
from tenfold.runs.begin import anchored, new_folder
from tenfold.runs.environment import describe_environment
from tenfold.runs.seeds import Seeds, check_seeds
from tenfold.runs.train import Watch
from tenfold.training.recipe import Recipe

FILE = "compare.json"


@dataclass(frozen=True)
class Row:
    """One recipe of a study and what came of it; without figures where every seed diverged.

    difference: of validation accuracy, to the first recipe of the study; p_family: its p value, raised for all the
    differences that the study looks at. gap: training accuracy minus validation accuracy at the end, which is what
    overfitting opens. failed: how many seeds diverged.
    """

    label: str
    description: str
    parameters: int
    multiply_adds: int
    bytes: int
    figures: dict[str, Spread]
    gap: float | None = None
    difference: Difference | None = None
    p_family: float | None = None
    failed: int = 0


@dataclass(frozen=True)
class Study:
    """The folder of a study.

    kind: `models`, `remedies` or `recipes`. recipes: by their labels, the first the base. count: seeds of each.
    environment: what it was begun on.
    """

    path: Path
    kind: str
    recipes: dict[str, Recipe]
    count: int
    environment: dict[str, Any]

    @classmethod
    def begin(cls, kind: str, recipes: Mapping[str, Recipe], count: int, folder: Path) -> "Study":
        """A new study in a new folder of `folder`.

        Raises `UsageError` or `RecipeError`, leaving nothing behind, for fewer seeds than one, recipes that can't be
        trained, or recipes on different images where differences are taken between them.
        """
        seed = next(iter(recipes.values())).training.seed
        ready = {label: anchored(recipe.replace(seed=seed)) for label, recipe in recipes.items()}
        if kind != "models" and len({recipe.data for recipe in ready.values()}) > 1:
            raise UsageError(
                "these recipes train on different images; give --dataset, --validation and --split-seed for all"
            )
        for recipe in ready.values():
            check_seeds(recipe, count, load_dataset(recipe.data.dataset))
        study = cls(new_folder(folder, f"compare-{kind}"), kind, ready, count, describe_environment())
        study._write([])
        return study

    @classmethod
    def load(cls, path: str | Path, kind: str) -> "Study":
        """A study that was begun. Raises `RunError` when `path` is not one, or one of another kind."""
        file = Path(path) / FILE
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            if document["kind"] != kind:
                raise RunError(
                    f"{path} compares {document['kind']}: tenfold compare {document['kind']} --resume {path}"
                )
            recipes = {label: Recipe.from_toml(text, name=label) for label, text in document["recipes"].items()}
            return cls(Path(path), kind, recipes, int(document["seeds"]), dict(document["environment"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecipeError) as error:
            raise RunError(f"{file} can't be read: {error}") from error

    def run(self, watch: Watch, tell: Callable[[str], None]) -> list[Row]:
        """Trains what is not trained yet, seed by seed and within a seed recipe by recipe; then writes the figures.

        Taking turns spreads whatever slows the machine down over all recipes alike.
        """
        sets: dict[str, Dataset] = {}
        try:
            seeds = {label: self._seeds(label, sets) for label in self.recipes}
            for turn in range(self.count):
                for label, ours in seeds.items():
                    tell(f"{label}, {ours.train_one(ours.seeds[turn], self._data(ours.recipe, sets), watch)}")
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"it goes on with: tenfold compare {self.kind} --resume {self.path}") from None
        rows = self.rows(seeds)
        self._write(rows)
        return rows

    def rows(self, seeds: Mapping[str, Seeds]) -> list[Row]:
        """What the trained seeds of each recipe come to, and how the others differ from the first."""
        base = next(iter(seeds.values())).figures("training", "validation_accuracy")
        rows = [_row(label, ours, base if place else {}) for place, (label, ours) in enumerate(seeds.items())]
        tested = [row.difference.p for row in rows if row.difference and row.difference.p is not None]
        raised = iter(holm(tested))
        return [
            dataclasses.replace(row, p_family=next(raised)) if row.difference and row.difference.p is not None else row
            for row in rows
        ]

    def _seeds(self, label: str, sets: dict[str, Dataset]) -> Seeds:
        # Numbered, because two labels may be alike but for what a folder's name can't hold.
        name = re.sub(r"[^\w.]+", "-", label).strip("-")
        path = self.path / f"{list(self.recipes).index(label):02}-{name}"
        if (path / "seeds.json").exists():
            return Seeds.load(path)
        recipe = self.recipes[label]
        return Seeds.begin(recipe, self.count, path, self._data(recipe, sets))

    def _data(self, recipe: Recipe, sets: dict[str, Dataset]) -> Dataset:
        name = recipe.data.dataset
        sets[name] = sets.get(name) or load_dataset(name)
        return sets[name]

    def _write(self, rows: list[Row]) -> None:
        files.write_json(self.path / FILE, as_document(self, rows))


def as_document(study: Study, rows: list[Row]) -> dict[str, Any]:
    """All that was asked and found, as JSON takes it."""
    return {
        "kind": study.kind,
        "seeds": study.count,
        "recipes": {label: recipe.to_toml() for label, recipe in study.recipes.items()},
        "environment": study.environment,
        "rows": [dataclasses.asdict(row) for row in rows],
    }


def _row(label: str, ours: Seeds, base: Mapping[int, float]) -> Row:
    counted = totals(build_model(ours.recipe.model))
    validation = ours.figures("training", "validation_accuracy")
    training = ours.figures("training", "train_accuracy")
    both = [seed for seed in base if seed in validation]
    return Row(
        label=label,
        description=ours.recipe.description,
        parameters=counted.parameters,
        multiply_adds=counted.multiply_adds,
        bytes=counted.bytes,
        figures=ours.summary(),
        gap=sum(training[seed] - validation[seed] for seed in validation) / len(validation) if validation else None,
        difference=paired([validation[seed] for seed in both], [base[seed] for seed in both]) if both else None,
        failed=len(ours.failed),
    )
