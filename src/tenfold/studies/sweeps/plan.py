"""What a sweep was asked for: written down when it begins, and the same ever after."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tenfold.data import Dataset
from tenfold.errors import RunError, UsageError, nearest
from tenfold.studies.choices import VALIDATION
from tenfold.studies.sweeps.space import Space
from tenfold.training.recipe import Recipe

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

# Of what a plan is written as. One that is read must be of the same number.
VERSION = 1
SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("median", "hyperband", "none")
TRIALS = 50
# Sampled at random before the sampler learns from them: Optuna's own default.
STARTUP = 10


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is searched, and how.

    wanted: the recipe as it was asked for, which the best one is written from. space: the parameters, and the recipe
    that trials change: with validation images, and an engine that leaves nothing open. trials: how many in all. digest:
    of the data set, once the sweep is begun. The recipe's seed is the sampler's too.
    """

    wanted: Recipe
    space: Space
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
    ) -> "Plan":
        """A plan that makes sense. given: the recipe's fields that were set on purpose.

        A recipe without validation images has a share kept back, for trials are judged by nothing else. Raises
        `UsageError` for what can't be searched.
        """
        for name, value, known in (("sampler", sampler, SAMPLERS), ("pruner", pruner, PRUNERS)):
            if value not in known:
                raise UsageError(f"--{name} is {value!r}{nearest(value, known)}")
        if trials is not None and trials < 1:
            raise UsageError(f"--trials is {trials}; it must be >= 1")
        if given and given.get("validation") == 0:
            raise UsageError("--validation is 0; trials are judged by validation images, so it must be above 0")
        trained = recipe if recipe.data.validation else recipe.replace(validation=VALIDATION)
        space = Space.parse(parameters, trained)
        if sampler == "grid":
            trials = min(trials or len(space.grid()), len(space.grid()))
        return cls(wanted=recipe, space=space, sampler=sampler, pruner=pruner, trials=trials or TRIALS)

    @property
    def name(self) -> str:
        return self.wanted.name

    @property
    def seed(self) -> int:
        return self.wanted.training.seed

    def on(self, data: Dataset, recipe: Recipe, wanted: Recipe) -> "Plan":
        """The same search on those images, of a recipe that is resolved."""
        space = dataclasses.replace(self.space, recipe=recipe)
        return dataclasses.replace(self, wanted=wanted, space=space, digest=data.digest)

    def check_data(self, data: Dataset) -> None:
        """Raises `RunError` for other images than the sweep was begun with: its trials would not compare."""
        if data.digest != self.digest:
            raise RunError(f"{data.name} holds other images than when the sweep was begun: bring those back")

    def queue(self) -> list[dict[str, Any]]:
        """One for each trial: what it must have, or nothing where the sampler is to decide when its turn comes."""
        if self.sampler == "tpe":
            return [{} for _ in range(self.trials)]
        if self.sampler == "grid":
            grid = self.space.grid()
            order = (
                np.random.default_rng(self.seed).permutation(len(grid)) if self.trials < len(grid) else range(len(grid))
            )
            return [grid[index] for index in list(order)[: self.trials]]
        import optuna

        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=self.seed))
        drawn = []
        for _ in range(self.trials):
            trial = study.ask()
            self.space.changes(trial)
            drawn.append(dict(trial.params))
        return drawn

    def make_sampler(self, number: int) -> "BaseSampler":
        """The sampler for one trial; its seed is made of the trial's number, so a sweep that goes on is the same."""
        from optuna.samplers import TPESampler

        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        return TPESampler(seed=seed, n_startup_trials=STARTUP)

    def make_pruner(self) -> "BasePruner":
        """Which trials are not worth their rest: below the median of the others (Golovin et al. 2017), or by Hyperband
        (Li et al. 2018)."""
        from optuna import pruners

        if self.pruner == "median":
            return pruners.MedianPruner(n_startup_trials=5)
        if self.pruner == "hyperband":
            return pruners.HyperbandPruner(min_resource=1, max_resource=max(2, self._most_epochs()))
        return pruners.NopPruner()

    def best_recipe(self, changes: Mapping[str, Any]) -> Recipe:
        """The recipe that was asked for, with a trial's changes, and a name that says where it comes from."""
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
    def from_document(cls, document: Mapping[str, Any], where: str) -> "Plan":
        """Reads a plan back. Raises `RunError`, beginning with `where`, for what another version wrote."""
        if document.get("version") != VERSION:
            raise RunError(
                f"{where} was written by another version of Tenfold (it is in form {document.get('version')!r}, and "
                f"this one writes {VERSION}): go on with the version that wrote it, or begin a new sweep"
            )
        try:
            recipe = Recipe.from_toml(document["recipe"], name="sweep")
            return cls(
                wanted=Recipe.from_toml(document["wanted"], name="sweep"),
                space=Space.parse([str(word) for word in document["parameters"]], recipe),
                sampler=str(document["sampler"]),
                pruner=str(document["pruner"]),
                trials=int(document["trials"]),
                digest=str(document["data"]),
            )
        except (KeyError, TypeError, ValueError, UsageError) as error:
            raise RunError(f"{where} can't be read: {error}") from error

    def _most_epochs(self) -> int:
        for parameter in self.space.parameters:
            if parameter.name == "epochs":
                return int(max([parameter.high, *map(int, parameter.choices)]))
        return self.wanted.training.epochs
