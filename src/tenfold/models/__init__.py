"""One architecture a file. Every model maps float32[N,28,28], 0 paper to 1 ink, to logits float32[N,10]."""

from importlib import import_module
from typing import TYPE_CHECKING

from tenfold.ink import SIDE as SIDE
from tenfold.models.config import ARCHITECTURES, ModelConfig

if TYPE_CHECKING:
    from torch import nn

# Equal to that of tenfold.data.dataset, which would import NumPy for `tenfold --help`; a test holds them equal.
CLASSES = 10
PIXELS = SIDE * SIDE


def architecture_of(config: ModelConfig) -> str:
    """The name under which a recipe asks for this kind of model."""
    return next(name for name, kind in ARCHITECTURES.items() if type(config) is kind)


def build_model(config: ModelConfig) -> "nn.Module":
    """Makes the model that `config` describes, with fresh weights from torch's global generator.

    Raises `RecipeError` for shapes that the architecture can't take.
    """
    from tenfold.models.composite import compose

    module = import_module(f"tenfold.models.{architecture_of(config)}")
    return compose(lambda: module.build(config), config)
