"""The recipes of comparison studies: every architecture, every remedy against overfitting, or given recipes."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tenfold.errors import RecipeError, UsageError
from tenfold.models.model_config import ARCHITECTURES
from tenfold.training.recipe import Recipe

# Held out by recipes that otherwise train on everything: differences are measured on validation images, so that
# choosing by them leaves the test images untouched.
VALIDATION = 0.2

# One recipe for each architecture, and the tutorial's.
MODELS = ("tutorial", *ARCHITECTURES)

# What tutorials recommend against overfitting and poor convergence, by label, as changes of a recipe.
REMEDIES: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("remedies.toml").read_text("utf-8"))


def models(names: Sequence[str], flags: Mapping[str, Any]) -> dict[str, Recipe]:
    """The recipes of those names, or one of every architecture, all changed by `flags`."""
    return {name: _load(name, flags) for name in names or MODELS}


def remedies(base: str, flags: Mapping[str, Any]) -> dict[str, Recipe]:
    """A recipe unchanged, and with each remedy by itself.

    Left out are remedies that the recipe has no field for, has already, or can't be combined with.
    """
    recipe = with_validation(_load(base, flags), flags)
    tried = {"as it is": recipe}
    for label, changes in REMEDIES.items():
        try:
            changed = recipe.replace(**changes)
        except RecipeError:
            continue
        if dataclasses.replace(changed, description="") != dataclasses.replace(recipe, description=""):
            tried[label] = changed
    return tried


def recipes(names: Sequence[str], flags: Mapping[str, Any]) -> dict[str, Recipe]:
    """Two or more recipes by name, the first of them the baseline. Raises `UsageError` for fewer."""
    if len(set(names)) < 2:
        raise UsageError("tenfold compare recipes takes two or more different recipes, such as: cnn resnet")
    return {name: with_validation(_load(name, flags), flags) for name in names}


def with_validation(recipe: Recipe, flags: Mapping[str, Any]) -> Recipe:
    """The recipe with validation images, which results are compared on. flags: those that changed it."""
    if flags.get("validation") == 0:
        raise UsageError("--validation is 0; results are compared on validation images, so it must be above 0")
    return recipe if recipe.data.validation else recipe.replace(validation=VALIDATION)


def _load(name: str, flags: Mapping[str, Any]) -> Recipe:
    # With the weights of the last epoch: the accuracy that chose another would be biased upwards.
    return Recipe.load(name).replace(**flags).replace(final_weights="last", early_stopping=0)
