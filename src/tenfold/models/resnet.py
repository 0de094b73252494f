"""A residual network: He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition".

Three stages of basic blocks, as their nets for small images have (section 4.2), each at half the size and twice the
channels of the one before; blocks are pre-activated (He et al. 2016, "Identity mappings in deep residual networks").
"""

from torch import Tensor, nn

from tenfold.errors import RecipeError
from tenfold.models import CLASSES, SIDE
from tenfold.models.activations import activation
from tenfold.models.config import ResNetConfig
from tenfold.models.layers import MeanAndMaximum, Patches


class Block(nn.Module):
    """Batch norm, activation and a 3x3 convolution, twice, added to what came in."""

    def __init__(self, channels: int, width: int, stride: int, name: str) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(channels), activation(name))
        self.second = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            activation(name),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
        )
        changes = stride > 1 or channels != width
        self.shortcut = nn.Conv2d(channels, width, 1, stride, bias=False) if changes else None

    def forward(self, features: Tensor) -> Tensor:
        ready = self.first(features)
        kept = features if self.shortcut is None else self.shortcut(ready)
        out: Tensor = kept + self.second(ready)
        return out


def build(config: ResNetConfig) -> nn.Sequential:
    """`3 * config.depth` blocks of two convolutions; raises `RecipeError` when patch does not divide 28."""
    if SIDE % config.patch:
        raise RecipeError(f"patch is {config.patch}; it must divide {SIDE}")
    channels = config.width
    layers: list[nn.Module] = [
        Patches(config.patch, border=config.patch),
        nn.Conv2d(config.patch**2, channels, 3, bias=False),
    ]
    for stage in range(3):
        for block in range(config.depth):
            width, stride = config.width * 2**stage, 2 if stage and not block else 1
            layers.append(Block(channels, width, stride, config.activation))
            channels = width
    layers += [nn.BatchNorm2d(channels), activation(config.activation), MeanAndMaximum()]
    if config.dropout:
        layers.append(nn.Dropout(config.dropout))
    layers.append(nn.Linear(2 * channels, CLASSES))
    return nn.Sequential(*layers)
