"""The recipes of comparison studies: every architecture, every remedy against overfitting, or given recipes."""

import dataclasses
from collections.abc import Mapping, Sequence
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
REMEDIES: dict[str, dict[str, Any]] = {
    "dropout 0.2": {"dropout": 0.2},
    "L1 1e-5": {"l1": 1e-5},
    "weight decay 0.01": {"weight_decay": 0.01},
    "batch norm": {"batch_norm": True},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "augmentation": {"rotation": 6.0, "shear": 0.06, "zoom": 0.06, "shift": 1.0},
    "learning rate 0.003": {"learning_rate": 0.003},
    "learning rate 0.0003": {"learning_rate": 0.0003},
    "one-cycle schedule": {"schedule": "one-cycle", "learning_rate": 0.003},
    "batch size 128": {"batch_size": 128},
    "deeper: 128,128,64": {"hidden": (128, 128, 64)},
    "wider: 256,128": {"hidden": (256, 128)},
    "epochs 20": {"epochs": 20},
    "activation gelu": {"activation": "gelu"},
    "activation tanh": {"activation": "tanh"},
    "average of the last fifth": {"weight_averaging": 0.2},
}


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
