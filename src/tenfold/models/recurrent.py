"""A residual network with shared weights: the most accuracy for a few thousand parameters.

Liao and Poggio (2016), "Bridging the gaps between residual learning, recurrent neural networks and visual cortex":
several layers apply the same convolution, each with its own batch norm. On MNIST this is more accurate than
depthwise-separable convolutions with as many parameters (docs/development/log.md).
"""

import re

from torch import Tensor, nn

from tenfold.errors import RecipeError
from tenfold.models import SIDE
from tenfold.models.layers import InputLayer, LearnedPooling, activation, classifier
from tenfold.models.model_config import RecurrentConfig


class SharedConvolutions(nn.Module):
    """[N,C,H,W] -> [N,C,h,w] by a weight-sharing pattern such as `AA-BB-BB`.

    Each letter is a layer x = activation(norm(conv(x)) + x). Layers of the same letter share a 3x3 convolution, not the
    norm. `-` is 2x2 max pooling.
    """

    def __init__(self, width: int, plan: str, name: str) -> None:
        super().__init__()
        self.plan = plan
        self.convolutions = nn.ModuleDict(
            {letter: nn.Conv2d(width, width, 3, padding=1, bias=False) for letter in sorted(set(plan) - {"-"})}
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for letter in plan if letter != "-")
        self.activation = activation(name)
        self.pool = nn.MaxPool2d(2)

    def forward(self, features: Tensor) -> Tensor:
        norms = iter(self.norms)
        for letter in self.plan:
            if letter == "-":
                features = self.pool(features)
            else:
                features = self.activation(next(norms)(self.convolutions[letter](features)) + features)
        return features


def build(config: RecurrentConfig, classes: int) -> nn.Sequential:
    """Builds a strided convolution, the shared ones, a learned pooling and ten logits.

    Raises `RecipeError` for a pattern that can't be understood, or an even kernel.
    """
    if not re.fullmatch(r"[A-Z]+(-[A-Z]+){0,3}", config.sharing):
        raise RecipeError(f"sharing is {config.sharing!r}; it takes capital letters, with up to three - between them")
    if config.stem % 2 == 0:
        raise RecipeError(f"stem is {config.stem}; it must be odd")
    width, side = config.width, SIDE // 2 ** (1 + config.sharing.count("-"))
    layers: list[nn.Module] = [
        InputLayer(border=config.stem // 2),
        nn.Conv2d(1, width, config.stem, stride=2, bias=False),
        nn.BatchNorm2d(width),
        activation(config.activation),
        SharedConvolutions(width, config.sharing, config.activation),
        LearnedPooling(width if config.channel_pooling else 1, side),
    ]
    return nn.Sequential(*layers, *classifier(width, config.dropout, classes))
