"""A residual network: He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition".

Three stages of basic blocks, as in their networks for small images (section 4.2), each with half the size and twice the
channels of the one before. Blocks are pre-activated (He et al. 2016, "Identity mappings in deep residual networks").
"""

from torch import Tensor, nn

from tenfold.errors import RecipeError
from tenfold.models import SIDE
from tenfold.models.layers import AverageMaxPooling, InputLayer, activation, classifier
from tenfold.models.model_config import ResNetConfig


class ResidualBlock(nn.Module):
    """Batch norm, activation and a 3x3 convolution, twice, with a shortcut around them."""

    def __init__(self, channels: int, width: int, stride: int, name: str) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(channels), activation(name))
        self.second = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            activation(name),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
        )
        reshapes = stride > 1 or channels != width
        self.shortcut = nn.Conv2d(channels, width, 1, stride, bias=False) if reshapes else None

    def forward(self, features: Tensor) -> Tensor:
        activated = self.first(features)
        residual = features if self.shortcut is None else self.shortcut(activated)
        out: Tensor = residual + self.second(activated)
        return out


def build(config: ResNetConfig, classes: int) -> nn.Sequential:
    """Builds `3 * config.depth` blocks of two convolutions. Raises `RecipeError` for a size that does not divide 28."""
    if SIDE % config.space_to_depth:
        raise RecipeError(f"space_to_depth is {config.space_to_depth}; it must divide {SIDE}")
    channels = config.width
    layers: list[nn.Module] = [
        InputLayer(config.space_to_depth, border=config.space_to_depth),
        nn.Conv2d(config.space_to_depth**2, channels, 3, bias=False),
    ]
    for stage in range(3):
        for block in range(config.depth):
            width, stride = config.width * 2**stage, 2 if stage and not block else 1
            layers.append(ResidualBlock(channels, width, stride, config.activation))
            channels = width
    layers += [nn.BatchNorm2d(channels), activation(config.activation), AverageMaxPooling()]
    return nn.Sequential(*layers, *classifier(2 * channels, config.dropout, classes))
