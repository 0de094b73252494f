"""The options of each architecture. Imports no PyTorch, so that `--help` is fast."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from tenfold.config import build, option
from tenfold.errors import RecipeError, nearest

ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid")


def _activation(default: str = "relu") -> str:
    field: str = option(default, "activation function between layers", choices=ACTIVATIONS)
    return field


def _width(default: int = 32) -> int:
    text = "channels of the first convolutions; later ones have as many, or a multiple"
    field: int = option(default, text, at_least=1, at_most=4096)
    return field


def _space_to_depth() -> int:
    text = "side in pixels of the patches stacked into channels before the first convolution"
    field: int = option(2, text, at_least=1, at_most=4)
    return field


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The options of every architecture: see `tenfold.models.composite`."""

    # Of an architecture that was registered, its name.
    registered_as: ClassVar[str] = ""

    activation: str = _activation()
    dropout: float = option(0.0, "fraction of units dropped in training", at_least=0, below=1)
    deskew: bool = option(False, "remove each image's slant before the network")
    weight_bits: int = option(
        0, "quantization-aware training: bits of a weight, in exports too; 0: float32", at_least=0, at_most=8
    )
    ensemble_size: int = option(
        1, "networks in the ensemble, trained separately; their probabilities are averaged", at_least=1, at_most=100
    )
    test_time_augmentation: bool = option(
        False, "test-time augmentation: average over the image and its shifts by one pixel up, down, left and right"
    )

    def __reduce__(self) -> tuple[Any, ...]:
        # By name, so that an architecture that was registered can be pickled wherever its options are declared.
        return restored, (architecture_of(self), asdict(self))


@dataclass(frozen=True, kw_only=True)
class MLPConfig(ModelConfig):
    """A multilayer perceptron: see `tenfold.models.mlp`."""

    hidden: tuple[int, ...] = option((128, 64), "units of each hidden layer, first to last", at_least=1, at_most=65536)
    batch_norm: bool = option(False, "batch normalization after each hidden layer")


@dataclass(frozen=True, kw_only=True)
class LeNetConfig(ModelConfig):
    """LeNet-5: see `tenfold.models.lenet`."""

    activation: str = _activation("tanh")


@dataclass(frozen=True, kw_only=True)
class CNNConfig(ModelConfig):
    """A plain convolutional network: see `tenfold.models.cnn`."""

    width: int = _width()
    convolutions: tuple[str, ...] = option(
        ("1 pool", "2 same", "2"),
        "each 3x3 convolution: its channels as a multiple of width; same pads, pool halves the size",
    )
    space_to_depth: int = _space_to_depth()
    center_crop: int = option(28, "side in pixels of the center that the network sees", at_least=8, at_most=28)
    dense: tuple[int, ...] = option((), "units of each dense layer before the last", at_least=1, at_most=65536)
    pooling: str = option(
        "none",
        "after the last convolution: all positions, or each channel's average and maximum",
        choices=("none", "avg+max"),
    )


@dataclass(frozen=True, kw_only=True)
class ResNetConfig(ModelConfig):
    """A residual network: see `tenfold.models.resnet`."""

    width: int = _width()
    depth: int = option(1, "blocks in each of the three stages", at_least=1, at_most=100)
    space_to_depth: int = _space_to_depth()


@dataclass(frozen=True, kw_only=True)
class SeparableConfig(ModelConfig):
    """Depthwise-separable convolutions: see `tenfold.models.separable`."""

    width: int = _width()
    depth: int = option(2, "blocks in each of the three stages", at_least=1, at_most=100)


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig(ModelConfig):
    """Residual convolutions with shared weights: see `tenfold.models.recurrent`."""

    width: int = _width(16)
    sharing: str = option(
        "AA-BB-BB", "weight-sharing pattern: a letter per layer, the same letter for shared weights; - halves the size"
    )
    stem: int = option(5, "side in pixels of the first convolution's kernel; odd", at_least=1, at_most=27)
    channel_pooling: bool = option(True, "separate weights for each channel in the learned pooling")


ARCHITECTURES: dict[str, type[ModelConfig]] = {
    "mlp": MLPConfig,
    "lenet": LeNetConfig,
    "cnn": CNNConfig,
    "resnet": ResNetConfig,
    "separable": SeparableConfig,
    "recurrent": RecurrentConfig,
}


def architecture_of(config: ModelConfig) -> str:
    """Returns the architecture's name in recipes."""
    return config.registered_as or next(name for name, kind in ARCHITECTURES.items() if type(config) is kind)


def config_of(architecture: Any, options: dict[str, Any], where: str) -> ModelConfig:
    """Returns the checked options of an architecture. Raises `RecipeError`, starting with `where`, for an unknown
    one."""
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        hint = nearest(str(architecture), ARCHITECTURES)
        raise RecipeError(f"{where}: unknown architecture {architecture!r}{hint}, or call register_architecture first")
    return build(ARCHITECTURES[architecture], options, f"{where}, [model]")


def restored(architecture: str, options: dict[str, Any]) -> ModelConfig:
    """Unpickles a `ModelConfig`."""
    return config_of(architecture, options, "recipe")
