"""A plain convolutional network: 3x3 convolutions, batch norm, max-pooling, and a dense head.

Convolution and subsampling in turn, then dense layers, is LeNet's plan (LeCun et al. 1998); batch norm after each
convolution is Ioffe and Szegedy (2015), and 3x3 kernels throughout are Simonyan and Zisserman (2015).
"""

import re

from torch import nn

from tenfold.errors import RecipeError
from tenfold.models import CLASSES
from tenfold.models.activations import activation
from tenfold.models.config import CNNConfig
from tenfold.models.layers import Flatten, MeanAndMaximum, Patches


def build(config: CNNConfig) -> nn.Sequential:
    """The network of `config`; raises `RecipeError` when the image is used up before the last convolution."""
    if config.crop % config.patch:
        raise RecipeError(f"crop is {config.crop} and patch {config.patch}; patch must divide crop")
    if not config.convolutions:
        raise RecipeError("convolutions is empty; a cnn has at least one (mlp has none)")
    layers: list[nn.Module] = [Patches(config.patch, config.crop)]
    channels, side = config.patch**2, config.crop // config.patch
    for text in config.convolutions:
        multiple, same, pool = _parse(text)
        side = (side if same else side - 2) // (2 if pool else 1)
        if side < 1:
            raise RecipeError(f"convolutions: nothing is left of the image at {text!r}; write same, or pool less")
        layers += _convolution(channels, multiple * config.width, same, pool, config.activation)
        channels = multiple * config.width
    layers.append(MeanAndMaximum() if config.head == "mean and maximum" else Flatten())
    features = 2 * channels if config.head == "mean and maximum" else channels * side * side
    for units in config.dense:
        layers += [nn.Linear(features, units, bias=False), nn.BatchNorm1d(units), activation(config.activation)]
        features = units
    if config.dropout:
        layers.append(nn.Dropout(config.dropout))
    layers.append(nn.Linear(features, CLASSES))
    return nn.Sequential(*layers)


def _parse(text: str) -> tuple[int, bool, bool]:
    first, *words = text.split() or [""]
    if not re.fullmatch(r"[1-9][0-9]?", first) or not set(words) <= {"same", "pool"}:
        raise RecipeError(
            f"convolutions: {text!r}; each is a whole number from 1 to 99, then same or pool, such as '2 same pool'"
        )
    return int(first), "same" in words, "pool" in words


def _convolution(channels: int, width: int, same: bool, pool: bool, name: str) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1 if same else 0, bias=False)]
    if pool:
        # Before batch norm and activation: the same for a rising activation, on a quarter of the values.
        layers.append(nn.MaxPool2d(2))
    return [*layers, nn.BatchNorm2d(width), activation(name)]
