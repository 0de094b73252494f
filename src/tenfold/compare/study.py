"""A study: several recipes, each trained with the same seeds, in turn, in one folder that can be taken up again."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold import atomic
from tenfold.data import Dataset, load_dataset
from tenfold.errors import RecipeError, RunError, UsageError
from tenfold.evaluation.statistics import Difference, Spread, paired
from tenfold.models import architecture_of, build_model
from tenfold.models.describe import describe_model
from tenfold.runs.environment import describe_environment
from tenfold.runs.seeds import Seeds
from tenfold.runs.train import Watch, new_folder
from tenfold.training.recipe import Recipe

FILE = "compare.json"
# Of recipes that train on everything, this share is kept back here: differences are measured on validation images, so
# that choosing by them leaves the test images untouched.
VALIDATION = 0.2


@dataclass(frozen=True)
class Row:
    """One recipe of a study and what came of it. difference: of validation accuracy, to the first recipe of the study.

    gap: training accuracy minus validation accuracy at the end, which is what overfitting opens.
    """

    label: str
    architecture: str
    description: str
    parameters: int
    multiply_adds: int
    bytes: int
    figures: dict[str, Spread]
    gap: float | None
    difference: Difference | None


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
        """A new study in a new folder of `folder`. Raises `UsageError` for fewer seeds than one, or no recipe."""
        if count < 1:
            raise UsageError(f"--seeds is {count}; it must be >= 1")
        for recipe in recipes.values():
            build_model(recipe.model)  # What can't be built is told before hours of training, not after.
        study = cls(new_folder(folder, f"compare-{kind}"), kind, dict(recipes), count, describe_environment())
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
        seeds = {label: self._seeds(label) for label in self.recipes}
        sets: dict[str, Dataset] = {}
        try:
            for turn in range(self.count):
                for label, ours in seeds.items():
                    name = ours.recipe.data.dataset
                    sets[name] = sets.get(name) or load_dataset(name)
                    done = ours.train_one(ours.seeds[turn], sets[name], watch)
                    figures = done.metrics
                    tell(
                        f"{label}, seed {ours.seeds[turn]}: test {100 * figures['test']['accuracy']:.2f} %, "
                        f"{figures['training']['seconds']:.1f} s"
                    )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"it goes on with: tenfold compare {self.kind} --resume {self.path}") from None
        rows = self._rows(seeds)
        self._write(rows)
        return rows

    def _seeds(self, label: str) -> Seeds:
        path = self.path / re.sub(r"[^\w.]+", "-", label).strip("-")
        return Seeds.load(path) if path.exists() else Seeds.begin(self.recipes[label], self.count, path)

    def _rows(self, seeds: Mapping[str, Seeds]) -> list[Row]:
        base = next(iter(seeds.values())).figures("training", "validation_accuracy")
        rows = []
        for place, (label, ours) in enumerate(seeds.items()):
            layers = describe_model(build_model(ours.recipe.model))
            validation = ours.figures("training", "validation_accuracy")
            training = ours.figures("training", "train_accuracy")
            comparable = place and len(validation) == len(base) > 0
            rows.append(
                Row(
                    label=label,
                    architecture=architecture_of(ours.recipe.model),
                    description=ours.recipe.description,
                    parameters=sum(layer.parameters for layer in layers),
                    multiply_adds=sum(layer.multiply_adds for layer in layers),
                    bytes=max(int(value) for value in ours.figures("training", "model_bytes")),
                    figures=ours.summary(),
                    gap=sum(training) / len(training) - sum(validation) / len(validation) if validation else None,
                    difference=paired(validation, base) if comparable else None,
                )
            )
        return rows

    def _write(self, rows: list[Row]) -> None:
        atomic.write_json(self.path / FILE, as_document(self, rows))


def as_document(study: Study, rows: list[Row]) -> dict[str, Any]:
    """All that was asked and found, as JSON takes it."""
    return {
        "kind": study.kind,
        "seeds": study.count,
        "recipes": {label: recipe.to_toml() for label, recipe in study.recipes.items()},
        "environment": study.environment,
        "rows": [dataclasses.asdict(row) for row in rows],
    }
