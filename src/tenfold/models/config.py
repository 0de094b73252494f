"""What each architecture can be told. No PyTorch here: recipes and `--help` are read without it."""

from dataclasses import dataclass

from tenfold.config import option

ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid")


def _activation(default: str = "relu") -> str:
    field: str = option(default, "non-linearity between layers", choices=ACTIVATIONS)
    return field


def _dropout() -> float:
    field: float = option(0.0, "share of units dropped while training", at_least=0, below=1)
    return field


def _width(default: int) -> int:
    text = "channels of the first convolutions; later ones have as many, or multiples of it"
    field: int = option(default, text, at_least=1, at_most=4096)
    return field


def _patch() -> int:
    text = "pixels a side that are stacked into channels before the first convolution"
    field: int = option(2, text, at_least=1, at_most=4)
    return field


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What every architecture can be told: see `tenfold.models.composite`."""

    deskew: bool = option(False, "undo each image's slant before the network sees it")
    members: int = option(
        1, "networks trained one after another, whose probabilities are averaged", at_least=1, at_most=100
    )
    shifted_copies: bool = option(False, "average over the image and its copies a pixel up, down, left and right")


@dataclass(frozen=True, kw_only=True)
class MLPConfig(ModelConfig):
    """A multilayer perceptron: see `tenfold.models.mlp`."""

    hidden: tuple[int, ...] = option((128, 64), "units of each hidden layer, first to last", at_least=1, at_most=65536)
    activation: str = _activation()
    dropout: float = _dropout()
    batch_norm: bool = option(False, "batch normalisation after each hidden layer")


@dataclass(frozen=True, kw_only=True)
class LeNetConfig(ModelConfig):
    """LeNet-5: see `tenfold.models.lenet`."""

    activation: str = _activation("tanh")
    dropout: float = _dropout()


@dataclass(frozen=True, kw_only=True)
class CNNConfig(ModelConfig):
    """A plain convolutional network: see `tenfold.models.cnn`."""

    width: int = _width(32)
    convolutions: tuple[str, ...] = option(
        ("1 pool", "2 same", "2"),
        "each 3x3 convolution: its channels as a multiple of width; same keeps the size, pool halves it",
    )
    patch: int = _patch()
    crop: int = option(28, "pixels a side of the image's middle that the network looks at", at_least=8, at_most=28)
    dense: tuple[int, ...] = option((), "units of each dense layer before the last", at_least=1, at_most=65536)
    head: str = option(
        "flatten",
        "what the last convolution hands on: all of it, or each channel's mean and maximum",
        choices=("flatten", "mean and maximum"),
    )
    activation: str = _activation()
    dropout: float = _dropout()


@dataclass(frozen=True, kw_only=True)
class ResNetConfig(ModelConfig):
    """A residual network: see `tenfold.models.resnet`."""

    width: int = _width(32)
    depth: int = option(1, "blocks in each of the three stages", at_least=1, at_most=100)
    patch: int = _patch()
    activation: str = _activation()
    dropout: float = _dropout()


@dataclass(frozen=True, kw_only=True)
class SeparableConfig(ModelConfig):
    """Depthwise-separable convolutions: see `tenfold.models.separable`."""

    width: int = _width(32)
    depth: int = option(2, "blocks in each of the three stages", at_least=1, at_most=100)
    activation: str = _activation()
    dropout: float = _dropout()


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig(ModelConfig):
    """Residual convolutions that are used more than once: see `tenfold.models.recurrent`."""

    width: int = _width(16)
    plan: str = option(
        "AA-BB-BB", "a letter for each use of a convolution, the same for the same weights; - halves the size"
    )
    stem: int = option(5, "pixels a side of the first convolution's kernel; odd", at_least=1, at_most=27)
    channel_pooling: bool = option(True, "the last, learned pooling weighs places for each channel apart")
    activation: str = _activation()
    dropout: float = _dropout()


ARCHITECTURES: dict[str, type[ModelConfig]] = {
    "mlp": MLPConfig,
    "lenet": LeNetConfig,
    "cnn": CNNConfig,
    "resnet": ResNetConfig,
    "separable": SeparableConfig,
    "recurrent": RecurrentConfig,
}
