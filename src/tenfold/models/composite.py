"""What can stand around any network: deskewing before it, and averaging over members and shifted copies after it."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.models import SIDE
from tenfold.models.config import ModelConfig

# Pixels down and across of the copies that `shifted_copies` averages over.
SHIFTS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


class Composite(nn.Module):
    """One or more networks of one kind that answer together: logits whose softmax is their mean probability."""

    def __init__(self, networks: Iterable[nn.Module], config: ModelConfig) -> None:
        super().__init__()
        self.members = nn.ModuleList(networks)
        self.deskew = config.deskew
        self.shifts = SHIFTS if config.shifted_copies else SHIFTS[:1]

    @property
    def times(self) -> int:
        """How many times a network runs to read one image."""
        return len(self.members) * len(self.shifts)

    def forward(self, images: Tensor) -> Tensor:
        if self.deskew:
            images = deskew(images)
        copies = [_shifted(images, down, across) for down, across in self.shifts]
        logits = [member(copy) for member in self.members for copy in copies]
        if len(logits) == 1:
            only: Tensor = logits[0]
            return only
        # The mean of the probabilities, kept as logarithms: a probability may be too small for float32.
        return torch.stack(logits).log_softmax(2).logsumexp(0) - math.log(len(logits))


def compose(build: Callable[[], nn.Module], config: ModelConfig) -> nn.Module:
    """The network that `build` makes; within a `Composite` where `config` asks for what a network alone has not."""
    if config.members == 1 and not (config.deskew or config.shifted_copies):
        return build()
    return Composite([build() for _ in range(config.members)], config)


def networks(model: nn.Module) -> list[nn.Module]:
    """The networks in a model, which are trained one after another."""
    return list(model.members) if isinstance(model, Composite) else [model]


def deskew(images: Tensor) -> Tensor:
    """float32[N,28,28] -> the same, each with its centre of mass in the middle and its slant undone.

    The slant is the regression of columns on rows, by ink: LeCun et al. (1998), section III.A, deslant so. A blank
    image stays as it is.
    """
    axis = (torch.arange(SIDE, device=images.device) + 0.5) * (2 / SIDE) - 1  # pixel centres in [-1,1]
    mass = images / images.sum((1, 2), keepdim=True).clamp_min(1e-6)
    columns, rows = mass.sum(1), mass.sum(2)
    x, y = columns @ axis, rows @ axis
    variance = (rows @ (axis * axis) - y * y).clamp_min(1e-6)
    slant = (mass @ axis @ axis - x * y) / variance
    zero, one = torch.zeros_like(slant), torch.ones_like(slant)
    coefficients = torch.stack([one, slant, x, zero, one, y], 1).view(-1, 2, 3)
    down, across = torch.meshgrid(axis, axis, indexing="ij")
    places = torch.stack([across.flatten(), down.flatten(), torch.ones_like(down).flatten()])
    grid = (coefficients @ places).view(-1, 2, SIDE, SIDE).permute(0, 2, 3, 1)
    return functional.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


def _shifted(images: Tensor, down: int, across: int) -> Tensor:
    if not down and not across:
        return images
    padded = functional.pad(images, (1, 1, 1, 1))
    return padded[:, 1 - down : 1 - down + SIDE, 1 - across : 1 - across + SIDE]
