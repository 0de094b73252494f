"""Depthwise-separable convolutions: Howard et al. (2017), "MobileNets", after Sifre and Mallat (2014).

A 3x3 convolution of each channel by itself, then a 1x1 convolution across them: a ninth of the weights of a full one.
Blocks are residual where the size stays, as in Sandler et al. (2018), "MobileNetV2".
"""

from torch import Tensor, nn

from tenfold.models import CLASSES
from tenfold.models.activations import activation
from tenfold.models.config import SeparableConfig
from tenfold.models.layers import LearnedPooling, Patches


class Separable(nn.Module):
    """Depthwise 3x3, then pointwise, each with batch norm; added to what came in."""

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


def build(config: SeparableConfig) -> nn.Sequential:
    """A strided 5x5 convolution, then `3 * config.depth` blocks at 14x14, 7x7 and 3x3."""
    layers: list[nn.Module] = [
        Patches(border=2),
        nn.Conv2d(1, config.width, 5, stride=2, bias=False),
        nn.BatchNorm2d(config.width),
        activation(config.activation),
    ]
    for stage in range(3):
        if stage:
            layers.append(nn.MaxPool2d(2))
        layers += [Separable(config.width, config.activation) for _ in range(config.depth)]
    layers.append(LearnedPooling(config.width, 3))
    if config.dropout:
        layers.append(nn.Dropout(config.dropout))
    layers.append(nn.Linear(config.width, CLASSES))
    return nn.Sequential(*layers)
