"""A plain convolutional network: 3x3 convolutions, batch norm, max pooling and dense layers.

Alternating convolution and subsampling before dense layers is LeNet's design (LeCun et al. 1998); batch norm after each
convolution is from Ioffe and Szegedy (2015), 3x3 kernels throughout from Simonyan and Zisserman (2015).
"""

import re

from torch import nn

from tenfold.errors import RecipeError
from tenfold.models.layers import AverageMaxPooling, FlattenChannelsLast, InputLayer, activation, classifier
from tenfold.models.model_config import CNNConfig


def build(config: CNNConfig, classes: int) -> nn.Sequential:
    """Builds the network. Raises `RecipeError` when no pixels are left for a convolution."""
    if config.center_crop % config.space_to_depth:
        raise RecipeError(
            f"space_to_depth is {config.space_to_depth}; it must divide center_crop, which is {config.center_crop}"
        )
    if not config.convolutions:
        raise RecipeError("convolutions is empty; a cnn has at least one (mlp has none)")
    layers: list[nn.Module] = [InputLayer(config.space_to_depth, config.center_crop)]
    channels, side = config.space_to_depth**2, config.center_crop // config.space_to_depth
    for text in config.convolutions:
        multiple, same, pool = _parse(text)
        side = (side if same else side - 2) // (2 if pool else 1)
        if side < 1:
            raise RecipeError(f"convolutions: nothing is left of the image at {text!r}; write same, or pool less")
        layers += _convolution(channels, multiple * config.width, same, pool, config.activation)
        channels = multiple * config.width
    layers.append(AverageMaxPooling() if config.pooling == "avg+max" else FlattenChannelsLast())
    features = 2 * channels if config.pooling == "avg+max" else channels * side * side
    for units in config.dense:
        layers += [nn.Linear(features, units, bias=False), nn.BatchNorm1d(units), activation(config.activation)]
        features = units
    return nn.Sequential(*layers, *classifier(features, config.dropout, classes))


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
        # Before batch norm and activation, which then run on a quarter of the values. A different network from one that
        # pools after them: batch norm sees the statistics of maxima, and its scale may be negative.
        layers.append(nn.MaxPool2d(2))
    return [*layers, nn.BatchNorm2d(width), activation(name)]
