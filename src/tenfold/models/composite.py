"""Deskewing before a network, and averaging after it over an ensemble and over shifted images."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.models import SIDE
from tenfold.models.model_config import ModelConfig

# Test-time augmentation averages over these shifts, in pixels: (down, right).
SHIFTS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


class Composite(nn.Module):
    """An ensemble of one or more networks; the softmax of its logits is the mean of the networks' probabilities."""

    def __init__(self, networks: Iterable[nn.Module], config: ModelConfig) -> None:
        super().__init__()
        self.members = nn.ModuleList(networks)
        self.deskew = config.deskew
        self.shifts = SHIFTS if config.test_time_augmentation else SHIFTS[:1]

    @property
    def passes(self) -> int:
        """How many forward passes of a network one prediction takes."""
        return len(self.members) * len(self.shifts)

    def forward(self, images: Tensor) -> Tensor:
        if self.deskew:
            images = deskew(images)
        copies = [_shifted(images, down, right) for down, right in self.shifts]
        logits = [member(copy) for member in self.members for copy in copies]
        if len(logits) == 1:
            only: Tensor = logits[0]
            return only
        # Averaged as logarithms: a probability may underflow float32.
        return torch.stack(logits).log_softmax(2).logsumexp(0) - math.log(len(logits))


def compose(build: Callable[[], nn.Module], config: ModelConfig) -> nn.Module:
    """Builds one network, or a `Composite` where `config` asks for deskewing or averaging."""
    if config.ensemble_size == 1 and not (config.deskew or config.test_time_augmentation):
        return build()
    return Composite([build() for _ in range(config.ensemble_size)], config)


def networks(model: nn.Module) -> list[nn.Module]:
    """Returns the networks of a model; each is trained separately."""
    return list(model.members) if isinstance(model, Composite) else [model]


def deskew(images: Tensor) -> Tensor:
    """Centers each image, float32[N,28,28], on its center of mass and removes its slant.

    The slant is the regression of columns on rows, weighted by ink, as in LeCun et al. (1998), section III.A. Blank
    images are unchanged.
    """
    axis = (torch.arange(SIDE, device=images.device) + 0.5) * (2 / SIDE) - 1  # pixel centers in [-1,1]
    mass = images / images.sum((1, 2), keepdim=True).clamp_min(1e-6)
    columns, rows = mass.sum(1), mass.sum(2)
    x, y = columns @ axis, rows @ axis
    variance = (rows @ (axis * axis) - y * y).clamp_min(1e-6)
    slant = (mass @ axis @ axis - x * y) / variance
    zero, one = torch.zeros_like(slant), torch.ones_like(slant)
    coefficients = torch.stack([one, slant, x, zero, one, y], 1).view(-1, 2, 3)
    down, right = torch.meshgrid(axis, axis, indexing="ij")
    positions = torch.stack([right.flatten(), down.flatten(), torch.ones_like(down).flatten()])
    grid = (coefficients @ positions).view(-1, 2, SIDE, SIDE).permute(0, 2, 3, 1)
    return functional.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


def _shifted(images: Tensor, down: int, right: int) -> Tensor:
    if not down and not right:
        return images
    padded = functional.pad(images, (1, 1, 1, 1))
    return padded[:, 1 - down : 1 - down + SIDE, 1 - right : 1 - right + SIDE]
