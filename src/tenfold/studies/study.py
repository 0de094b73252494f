"""A comparison study: several recipes, each trained with the same seeds, in one folder that can be resumed."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from tenfold import files
from tenfold.errors import RunError, UsageError
from tenfold.evaluation.statistics import Difference, Spread, holm, paired
from tenfold.jobs.pool import OpenPool, in_process_pool
from tenfold.machine import Environment, describe_environment
from tenfold.models import build_model
from tenfold.models.describe import model_totals
from tenfold.runs.resumable import ResumableFolder, check_digest, new_folder, read_json, reading
from tenfold.runs.seeds import Seeds, SeedSource, prepare_seeds
from tenfold.training.recipe import DataConfig, Recipe
from tenfold.training.records import Callbacks, OnProgress


@dataclass(frozen=True)
class RecipeResult:
    """One recipe of a study and its figures; none where every seed diverged.

    difference: in validation accuracy from the first recipe of the study. p_family: its p value, corrected for all the
    differences that the study looks at. gap: training accuracy minus validation accuracy at the end: the overfitting.
    failed: how many seeds diverged.
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
class Study(ResumableFolder):
    """The folder of a study.

    kind: `models`, `remedies` or `recipes`. recipes: by their labels, the first is the baseline. count: seeds per
    recipe. environment: where it was created.
    """

    manifest: ClassVar[str] = "compare.json"

    path: Path
    kind: str
    recipes: dict[str, Recipe]
    count: int
    environment: Environment

    @property
    def resume_command(self) -> str:
        return f"tenfold compare {self.kind} --resume {self.path}"

    @classmethod
    def create(cls, kind: str, recipes: Mapping[str, Recipe], count: int, folder: Path) -> "Study":
        """A new study in a new folder of `folder`.

        Raises `UsageError` or `RecipeError`, leaving nothing behind, for fewer seeds than one, recipes that can't be
        trained, or recipes on different images where differences are taken between them.
        """
        seed, load = next(iter(recipes.values())).training.seed, cache(DataConfig.load)
        prepared = {
            label: prepare_seeds(recipe.replace(seed=seed), count, load(recipe.data))
            for label, recipe in recipes.items()
        }
        if kind != "models" and len({found.recipe.data for found in prepared.values()}) > 1:
            raise UsageError(
                "these recipes train on different images; give --dataset, --validation and --split-seed for all"
            )
        resolved = {label: found.recipe for label, found in prepared.items()}
        study = cls(new_folder(folder, f"compare-{kind}"), kind, resolved, count, describe_environment())
        for label, found in prepared.items():
            Seeds.create(found, count, study._folder(label))
        study._save([])
        return study

    @classmethod
    def load(cls, path: str | Path, kind: str) -> "Study":
        """An existing study. Raises `RunError` when `path` is not one, or one of another kind."""
        file = Path(path) / cls.manifest
        document = read_json(file)
        with reading(file):
            found = str(document["kind"])
            recipes = {label: Recipe.from_toml(text, name=label) for label, text in document["recipes"].items()}
            study = cls(Path(path), found, recipes, int(document["seeds"]), document["environment"])
        if found != kind:
            raise RunError(f"{path} compares {found}: {study.resume_command}")
        return study

    def run(self, on_progress: OnProgress | None = None, open_pool: OpenPool = in_process_pool) -> list[RecipeResult]:
        """Trains what is not trained yet, seed by seed and within a seed recipe by recipe; then writes the figures.

        Interleaving spreads whatever slows the machine down over all recipes alike.
        """
        load = cache(DataConfig.load)
        with self.working():
            seeds = {label: Seeds.load(self._folder(label)) for label in self.recipes}
            for one in seeds.values():
                check_digest(load(one.recipe.data), one.digest, self.path)
            turns = [
                (f"{label}, ", one, one.seeds[turn], load(one.recipe.data))
                for turn in range(self.count)
                for label, one in seeds.items()
            ]
            with open_pool() as pool:
                pool.run(SeedSource(turns, self.resume_command, Callbacks(on_progress=on_progress)))
        results = compare(seeds)
        self._save(results)
        return results

    def _save(self, results: list[RecipeResult]) -> None:
        files.write_json(self.path / self.manifest, self.document(results))

    def document(self, results: list[RecipeResult]) -> dict[str, Any]:
        """The study and its figures, as JSON takes it."""
        return {
            "kind": self.kind,
            "seeds": self.count,
            "recipes": {label: recipe.to_toml() for label, recipe in self.recipes.items()},
            "environment": self.environment,
            "rows": [dataclasses.asdict(found) for found in results],
        }

    def _folder(self, label: str) -> Path:
        # Numbered, because two labels may differ only in what a folder's name can't hold.
        name = re.sub(r"[^\w.]+", "-", label).strip("-")
        return self.path / f"{list(self.recipes).index(label):02}-{name}"


def compare(seeds: Mapping[str, Seeds]) -> list[RecipeResult]:
    """The figures of each recipe over its trained seeds, and how the others differ from the first."""
    base = next(iter(seeds.values())).figures("training", "validation_accuracy")
    results = [_result(label, ours, base if place else {}) for place, (label, ours) in enumerate(seeds.items())]
    p_values = {found.label: found.difference.p for found in results if found.difference}
    tested = {label: p for label, p in p_values.items() if p is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return [dataclasses.replace(found, p_family=corrected.get(found.label)) for found in results]


def _result(label: str, ours: Seeds, base: Mapping[int, float]) -> RecipeResult:
    counted = model_totals(build_model(ours.recipe.model, ours.recipe.data.classes))
    validation = ours.figures("training", "validation_accuracy")
    training = ours.figures("training", "train_accuracy")
    both = [seed for seed in base if seed in validation]
    return RecipeResult(
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
