"""The search space of a sweep: `learning_rate=log:1e-4..1e-1` -> a parameter, checked against the recipe."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_args, get_origin

from optuna import Trial

from tenfold.errors import RecipeError, UsageError, nearest
from tenfold.models import architecture_of
from tenfold.models.model_config import ARCHITECTURES
from tenfold.training.recipe import Recipe, recipe_fields

# Trials are compared on the same validation images, so these fields can't vary.
_FIXED = ("dataset", "validation", "split_seed", "writers")
_FORMS = "NAME=LOW..HIGH, NAME=LOW..HIGH:STEP, NAME=log:LOW..HIGH or NAME=ONE,OTHER"
_REFUSALS = {int: "not a whole number", float: "not a number", bool: "neither true nor false", str: "not a string"}


@dataclass(frozen=True, kw_only=True)
class SearchParameter:
    """One field of the recipe that is searched.

    kind: the type of its values: int, float, str, bool or tuple. choices: the values as they were typed; empty for a
    range from `low` to `high`, inclusive. step: None for a continuous range, or every integer. log: sampled uniformly
    in the logarithm.
    """

    name: str
    kind: Any
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False

    def value(self, text: str) -> Any:
        """A choice as the recipe takes it; items of a list are joined by `/`. Raises `ValueError`."""
        if get_origin(self.kind) is tuple:
            item = get_args(self.kind)[0]
            return tuple(item(part) for part in text.split("/") if part)
        if self.kind is bool:
            if text not in ("true", "false"):
                raise ValueError(text)
            return text == "true"
        return self.kind(text)

    def suggest(self, trial: Trial) -> Any:
        """The trial's fixed value, or the sampler's choice, as the recipe takes it."""
        if self.choices:
            return self.value(str(trial.suggest_categorical(self.name, self.choices)))
        if self.kind is int:
            return trial.suggest_int(self.name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, step=self.step, log=self.log)

    def grid(self) -> list[Any]:
        """Every value, as a trial stores it. Raises `UsageError` for a range without steps."""
        if self.choices:
            return list(self.choices)
        if self.log or (self.step is None and self.kind is float):
            raise UsageError(f"--sampler grid takes values, not a range: --param {self.name}=LOW..HIGH:STEP, or a list")
        # Computed exactly as Optuna does, which would refuse 0.30000000000000004 as outside of the range.
        low, high, step = (Decimal(str(number)) for number in (self.low, self.high, self.step or 1))
        return [self.kind(low + index * step) for index in range(int((high - low) / step) + 1)]


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The parameters of a sweep, and the recipe that they change. typed: the parameters as they were typed."""

    recipe: Recipe
    parameters: tuple[SearchParameter, ...]
    typed: tuple[str, ...]

    @classmethod
    def parse(cls, words: Sequence[str], recipe: Recipe) -> "SearchSpace":
        """Raises `UsageError` for a field that the recipe doesn't have, an empty range or a value that it refuses."""
        if not words:
            raise UsageError(
                f"a sweep needs a parameter, such as --param learning_rate=log:1e-4..1e-1; it takes {_FORMS}"
            )
        names = [_name(word) for word in words]
        if twice := [name for name in names if names.count(name) > 1]:
            raise UsageError(f"--param {twice[0]} is given twice; give one range or list for each field")
        # First the architecture, on which the recipe's other fields depend.
        ordered = sorted(words, key=lambda word: _name(word) != "architecture")
        space = cls(recipe=recipe, parameters=tuple(map(_parse, ordered)), typed=tuple(words))
        for parameter, word in zip(space.parameters, ordered, strict=True):
            space._check(parameter, word)
        return space

    def architectures(self) -> tuple[str, ...]:
        """The architectures that trials may have."""
        first = self.parameters[0]
        return first.choices if first.name == "architecture" else (architecture_of(self.recipe.model),)

    def changes(self, trial: Trial) -> dict[str, Any]:
        """The trial's changes of the recipe; parameters that its architecture doesn't have are left out."""
        found: dict[str, Any] = {}
        architecture = self.architectures()[0]
        for parameter in self.parameters:
            if _belongs(parameter.name, architecture):
                found[parameter.name] = parameter.suggest(trial)
                architecture = found.get("architecture", architecture)
        return found

    def grid(self) -> list[dict[str, Any]]:
        """Every combination, as trials store them."""
        found = []
        for values in itertools.product(*(parameter.grid() for parameter in self.parameters)):
            named = {parameter.name: value for parameter, value in zip(self.parameters, values, strict=True)}
            architecture = named.get("architecture", self.architectures()[0])
            kept = {name: value for name, value in named.items() if _belongs(name, architecture)}
            if kept not in found:
                found.append(kept)
        return found

    def _check(self, parameter: SearchParameter, word: str) -> None:
        owners = [name for name in self.architectures() if _belongs(parameter.name, name)]
        if not owners:
            known = {n for n in recipe_fields() if any(_belongs(n, name) for name in self.architectures())}
            elsewhere = [name for name in ARCHITECTURES if _belongs(parameter.name, name)]
            advice = f"; {', '.join(elsewhere)} have it" if elsewhere else nearest(parameter.name, known)
            raise UsageError(f"--param {word}: recipe {self.recipe.name} has no field {parameter.name!r}{advice}")
        ends = [] if parameter.choices else [parameter.kind(end) for end in (parameter.low, parameter.high)]
        for text in parameter.choices:
            try:
                ends.append(parameter.value(text))
            except ValueError:
                expected = _REFUSALS.get(parameter.kind, "not a list of whole numbers joined by /")
                raise UsageError(f"--param {word}: {text!r} is {expected}") from None
        for end in ends:
            try:
                self.recipe.replace(architecture=owners[0]).replace(**{parameter.name: end})
            except RecipeError as error:
                raise UsageError(f"--param {word}: {error}") from error


def _parse(word: str) -> SearchParameter:
    _, equals, text = word.partition("=")
    name, field = _name(word), recipe_fields().get(_name(word))
    if name in _FIXED:
        raise UsageError(
            f"--param {word}: all trials are judged on the same validation images; give --{name.replace('_', '-')} once"
        )
    if not equals:
        raise UsageError(f"--param {word}: it takes {_FORMS}")
    # An unknown name is refused in `parse`, which suggests the nearest.
    kind: Any = field.type if field else str
    if ".." in text and kind in (int, float):
        return _range(name, kind, text, word)
    choices = tuple(part.strip() for part in text.split(",") if part.strip())
    if field or name == "architecture":
        if ".." in text:
            raise UsageError(f"--param {word}: a range is of numbers; list the values with commas")
        if len(set(choices)) < 2 or len(set(choices)) < len(choices):
            raise UsageError(f"--param {word}: give two or more different values with commas, or a range LOW..HIGH")
    return SearchParameter(name=name, kind=kind, choices=choices)


def _range(name: str, kind: Any, text: str, word: str) -> SearchParameter:
    found = re.fullmatch(r"(log:)?(.+?)\.\.(.+?)(?::(.+))?", text)
    try:
        if not found:
            raise ValueError(text)
        low, high = kind(found[2]), kind(found[3])
        step = kind(found[4]) if found[4] else None
    except ValueError:
        raise UsageError(
            f"--param {word}: {text!r} is not a range of {'whole ' if kind is int else ''}numbers; it takes {_FORMS}"
        ) from None
    log = bool(found[1])
    if not low < high:
        raise UsageError(f"--param {word}: the range is empty: {high:g} is not above {low:g}")
    if log and (low <= 0 or step is not None):
        raise UsageError(f"--param {word}: a log range starts above 0 and has no step")
    if step is not None:
        if not 0 < step <= high - low:
            raise UsageError(f"--param {word}: a step is above 0, and {high - low:g} or less here")
        # The last value that a whole number of steps reaches.
        first, last, each = (Decimal(str(number)) for number in (low, high, step))
        high = kind(first + (last - first) // each * each)
    return SearchParameter(name=name, kind=kind, low=low, high=high, step=step, log=log)


def _name(word: str) -> str:
    # Spelled as in the recipe or as a flag.
    return word.partition("=")[0].strip().removeprefix("--").replace("-", "_")


def _belongs(name: str, architecture: str) -> bool:
    """Whether a recipe of that architecture has the field."""
    owners = [owner for owner, config in ARCHITECTURES.items() if name in config.__dataclass_fields__]
    return name == "architecture" or (architecture in owners if owners else name in recipe_fields())
