"""The network architectures, one per file. Models map float32[N,28,28], 0 paper to 1 ink, to logits float32[N,10].

To add one: write its options in `model_config` and a `build(config)` in a module that has the architecture's name.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from tenfold.ink import SIDE as SIDE
from tenfold.models.model_config import ARCHITECTURES, ModelConfig

if TYPE_CHECKING:
    from torch import nn

# Equal to that of tenfold.data.dataset, whose import would load NumPy for `tenfold --help`; a test compares them.
CLASSES = 10
PIXELS = SIDE * SIDE


def architecture_of(config: ModelConfig) -> str:
    """Returns the architecture's name in recipes."""
    return next(name for name, kind in ARCHITECTURES.items() if type(config) is kind)


def build_model(config: ModelConfig) -> "nn.Module":
    """Builds a model with initial weights drawn from torch's global generator.

    Raises `RecipeError` for options that do not fit together.
    """
    from tenfold.models.composite import compose

    module = import_module(f"tenfold.models.{architecture_of(config)}")
    return compose(lambda: module.build(config), config)
