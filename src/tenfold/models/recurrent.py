"""Residual convolutions that are used more than once: the most accuracy for a few thousand numbers.

Liao and Poggio (2016), "Bridging the gaps between residual learning, recurrent neural networks and visual cortex":
a residual net whose layers share their weights, with batch norm of their own at each use. On MNIST sharing reads
better than depthwise-separable convolutions of as many parameters (docs/log.md).
"""

import re

from torch import Tensor, nn

from tenfold.errors import RecipeError
from tenfold.models import CLASSES, SIDE
from tenfold.models.activations import activation
from tenfold.models.config import RecurrentConfig
from tenfold.models.layers import LearnedPooling, Patches


class Recurrent(nn.Module):
    """[N,C,H,W] -> [N,C,h,w] by a plan such as `AA-BB-BB`.

    A letter is one use of that letter's 3x3 convolution, x = activation(norm(conv(x)) + x) with a norm of its own;
    `-` is max-pooling by two.
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


def build(config: RecurrentConfig) -> nn.Sequential:
    """A strided convolution, the plan, a learned pooling, ten logits. Raises `RecipeError` for a plan that fails."""
    if not re.fullmatch(r"[A-Z]+(-[A-Z]+){0,3}", config.plan):
        raise RecipeError(f"plan is {config.plan!r}; it takes capital letters, with up to three - between them")
    if config.stem % 2 == 0:
        raise RecipeError(f"stem is {config.stem}; it must be odd, so that a kernel has a middle")
    width, side = config.width, SIDE // 2 ** (1 + config.plan.count("-"))
    layers: list[nn.Module] = [
        Patches(border=config.stem // 2),
        nn.Conv2d(1, width, config.stem, stride=2, bias=False),
        nn.BatchNorm2d(width),
        activation(config.activation),
        Recurrent(width, config.plan, config.activation),
        LearnedPooling(width if config.channel_pooling else 1, side),
    ]
    if config.dropout:
        layers.append(nn.Dropout(config.dropout))
    layers.append(nn.Linear(width, CLASSES))
    return nn.Sequential(*layers)
