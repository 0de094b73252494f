"""The definition of a sweep: written when it is created, and never changed."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna import pruners
from optuna.samplers import RandomSampler, TPESampler

from tenfold.errors import RunError, UsageError, nearest
from tenfold.runs.resumable import reading
from tenfold.studies.search_space import SearchSpace
from tenfold.studies.study_recipes import with_validation
from tenfold.training.recipe import Recipe

# Version of the format that plans are written in; one that is read must have the same.
VERSION = 2
SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("median", "hyperband", "none")
TRIALS = 50


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """What is searched, and how.

    wanted: the recipe as it was asked for, which the best one is derived from. space: the parameters, and the recipe
    that trials change: with validation images, and resolved once the sweep is created. trials: how many in all. digest:
    of the data set. The recipe's seed is the sampler's too.
    """

    wanted: Recipe
    space: SearchSpace
    sampler: str
    pruner: str
    trials: int
    digest: str = ""

    @classmethod
    def make(
        cls,
        recipe: Recipe,
        parameters: Sequence[str],
        *,
        trials: int | None = None,
        sampler: str = "tpe",
        pruner: str = "median",
        given: Mapping[str, Any] | None = None,
    ) -> "SweepPlan":
        """A checked plan. given: the recipe's fields that were set explicitly.

        Where the recipe keeps no validation images, a share is held out, since trials are judged by nothing else.
        Raises `UsageError` for what can't be searched.
        """
        for name, value, known in (("sampler", sampler, SAMPLERS), ("pruner", pruner, PRUNERS)):
            if value not in known:
                raise UsageError(f"--{name} is {value!r}{nearest(value, known)}")
        if trials is not None and trials < 1:
            raise UsageError(f"--trials is {trials}; it must be >= 1")
        space = SearchSpace.parse(parameters, with_validation(recipe, given or {}))
        if sampler == "grid":
            trials = min(trials or len(space.grid()), len(space.grid()))
        return cls(wanted=recipe, space=space, sampler=sampler, pruner=pruner, trials=trials or TRIALS)

    @property
    def name(self) -> str:
        return self.wanted.name

    def queue(self) -> list[dict[str, Any]]:
        """One for each trial: its fixed values; empty where the sampler decides when the trial starts."""
        if self.sampler == "tpe":
            return [{} for _ in range(self.trials)]
        seed = self.wanted.training.seed
        if self.sampler == "grid":
            grid = self.space.grid()
            if self.trials == len(grid):
                return grid
            return [grid[index] for index in np.random.default_rng(seed).permutation(len(grid))[: self.trials]]
        study = optuna.create_study(sampler=RandomSampler(seed=seed))
        drawn = []
        for _ in range(self.trials):
            trial = study.ask()
            self.space.changes(trial)
            drawn.append(dict(trial.params))
        return drawn

    def make_sampler(self, number: int) -> TPESampler:
        """The sampler for one trial, seeded by the trial's number, so that a resumed sweep samples the same."""
        seed = int(np.random.SeedSequence([self.wanted.training.seed, number]).generate_state(1)[0])
        return TPESampler(seed=seed)

    def make_pruner(self) -> pruners.BasePruner:
        """What stops trials early: the median of the others (Golovin et al. 2017), or Hyperband (Li et al. 2018)."""
        if self.pruner == "median":
            return pruners.MedianPruner()
        if self.pruner == "hyperband":
            searched = next((found for found in self.space.parameters if found.name == "epochs"), None)
            most = max([searched.high, *map(int, searched.choices)]) if searched else self.wanted.training.epochs
            return pruners.HyperbandPruner(min_resource=1, max_resource=max(2, int(most)))
        return pruners.NopPruner()

    def best_recipe(self, changes: Mapping[str, Any]) -> Recipe:
        """The recipe that was asked for, with a trial's values, named `<name>-best`."""
        recipe = self.wanted.replace(**changes)
        return dataclasses.replace(recipe, name=f"{self.name}-best")

    def document(self) -> dict[str, Any]:
        """The plan as JSON takes it."""
        return {
            "version": VERSION,
            "wanted": self.wanted.to_toml(),
            "recipe": self.space.recipe.to_toml(),
            "parameters": list(self.space.typed),
            "sampler": self.sampler,
            "pruner": self.pruner,
            "trials": self.trials,
            "data": self.digest,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], where: str) -> "SweepPlan":
        """Reads a plan back. Raises `RunError`, naming `where`, for one of another version."""
        if document.get("version") != VERSION:
            raise RunError(
                f"{where} was written by another version of Tenfold (format {document.get('version')!r}, and this one "
                f"writes {VERSION}): continue with the version that wrote it, or start a new sweep"
            )
        with reading(where):
            recipe = Recipe.from_toml(document["recipe"], name="sweep")
            return cls(
                wanted=Recipe.from_toml(document["wanted"], name="sweep"),
                space=SearchSpace.parse([str(word) for word in document["parameters"]], recipe),
                sampler=str(document["sampler"]),
                pruner=str(document["pruner"]),
                trials=int(document["trials"]),
                digest=str(document["data"]),
            )
