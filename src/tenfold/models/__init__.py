"""The network architectures, one per file. Models map float32[N,28,28], 0 paper to 1 ink, to logits float32[N,C].

To add one: write its options in `model_config`, and `build(config, classes)` in a module that has the architecture's
name; or call `register_architecture`.
"""

from collections.abc import Callable
from dataclasses import make_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tenfold.errors import UsageError
from tenfold.ink import SIDE as SIDE
from tenfold.models.model_config import ARCHITECTURES, ModelConfig
from tenfold.models.model_config import architecture_of as architecture_of

if TYPE_CHECKING:
    from torch import nn

# Equal to that of tenfold.data.dataset, whose import would load NumPy for `tenfold --help`; a test compares them.
CLASSES = 10
PIXELS = SIDE * SIDE

# Of the architectures that were registered; the others are modules of this package.
_BUILDERS: dict[str, Callable[[Any, int], "nn.Module"]] = {}


def register_architecture(
    name: str, build: Callable[[Any, int], "nn.Module"], config: type[ModelConfig] | None = None
) -> None:
    """Makes a network of your own an architecture that recipes can name, as those of Tenfold are.

    name: an identifier. build: called as `build(config, classes)`; returns an `nn.Module` that maps images
    float32[N,28,28], 0 paper to 1 ink, to logits float32[N,classes]. config: a frozen dataclass derived from
    `ModelConfig`, if the network has options of its own; they become fields of recipes.

        register_architecture("linear", lambda config, classes: nn.Sequential(nn.Flatten(), nn.Linear(784, classes)))
        train(Recipe.load("tutorial").replace(architecture="linear"))

    Register it wherever its runs are trained or loaded: runs store the name and the options, not the code. Other
    processes, such as those of a pool of workers, don't know it. Raises `UsageError` for a name that is taken or no
    identifier.
    """
    if not name.isidentifier() or (name in ARCHITECTURES and name not in _BUILDERS):
        reason = "is an architecture of Tenfold" if name in ARCHITECTURES else "is no identifier"
        raise UsageError(f"{name!r} {reason}: choose another name")
    _BUILDERS[name] = build
    # A class of its own, by which its recipes are known, also where two architectures have the same options.
    ARCHITECTURES[name] = make_dataclass(
        name, [], bases=(config or ModelConfig,), frozen=True, kw_only=True, namespace={"registered_as": name}
    )


def is_registered(config: ModelConfig) -> bool:
    """Whether the architecture is known in this process alone."""
    return architecture_of(config) in _BUILDERS


def build_model(config: ModelConfig, classes: int = CLASSES) -> "nn.Module":
    """Builds a model with initial weights drawn from torch's global generator.

    Raises `RecipeError` for options that do not fit together.
    """
    from tenfold.models.composite import compose
    from tenfold.models.quantization import quantized

    name = architecture_of(config)
    build = _BUILDERS[name] if name in _BUILDERS else import_module(f"tenfold.models.{name}").build
    return compose(lambda: quantized(build(config, classes), config.weight_bits), config)
