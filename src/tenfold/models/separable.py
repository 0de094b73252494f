"""Depthwise-separable convolutions: Howard et al. (2017), "MobileNets", after Sifre and Mallat (2014).

A depthwise 3x3 convolution followed by a pointwise 1x1 one has about a ninth of the weights of a full 3x3 convolution.
Blocks are residual, as in Sandler et al. (2018), "MobileNetV2".
"""

from torch import Tensor, nn

from tenfold.models.layers import InputLayer, LearnedPooling, activation, classifier
from tenfold.models.model_config import SeparableConfig


class SeparableBlock(nn.Module):
    """A depthwise 3x3 and a pointwise convolution, each with batch norm, with a shortcut around them."""

    def __init__(self, channels: int, name: str) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            activation(name),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.activation = activation(name)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.activation(features + self.inner(features))
        return out


def build(config: SeparableConfig, classes: int) -> nn.Sequential:
    """Builds a strided 5x5 convolution, then `3 * config.depth` blocks at 14x14, 7x7 and 3x3."""
    layers: list[nn.Module] = [
        InputLayer(border=2),
        nn.Conv2d(1, config.width, 5, stride=2, bias=False),
        nn.BatchNorm2d(config.width),
        activation(config.activation),
    ]
    for stage in range(3):
        if stage:
            layers.append(nn.MaxPool2d(2))
        layers += [SeparableBlock(config.width, config.activation) for _ in range(config.depth)]
    layers.append(LearnedPooling(config.width, 3))
    return nn.Sequential(*layers, *classifier(config.width, config.dropout, classes))
