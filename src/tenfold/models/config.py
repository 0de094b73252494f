"""What each architecture can be told. No PyTorch here: recipes and `--help` are read without it."""

from dataclasses import dataclass

from tenfold.schema import option

ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid")


@dataclass(frozen=True, kw_only=True)
class MLPConfig:
    """A multilayer perceptron: see `tenfold.models.mlp`."""

    hidden: tuple[int, ...] = option((128, 64), "units of each hidden layer, first to last", at_least=1, at_most=65536)
    activation: str = option("relu", "non-linearity between layers", choices=ACTIVATIONS)
    dropout: float = option(0.0, "share of units dropped while training", at_least=0, below=1)
    batch_norm: bool = option(False, "batch normalisation after each hidden layer")


ModelConfig = MLPConfig

ARCHITECTURES: dict[str, type[ModelConfig]] = {"mlp": MLPConfig}
