"""Augmentation of whole batches as tensors: each image is changed a little every time it is used.

Simard, Steinkraus and Platt (2003), "Best practices for convolutional neural networks applied to visual document
analysis", showed what affine and elastic deformations are worth on MNIST.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.models import SIDE
from tenfold.training.recipe import AugmentConfig

# Points per side at which the elastic field is drawn; it is smooth between them.
KNOTS = 5


class Augmentation:
    """Rotation, shear, zoom, shift and elastic deformation in one resampling, then stroke thickness.

    The sampling grid of the whole batch is one matrix product: each image's coefficients (six of an affine map, and a
    draw for each knot of the elastic field) times a basis (x, y, 1, and each knot's bump). It takes a third of the time
    of `torch.nn.functional.affine_grid`, and elastic deformation adds almost nothing.
    """

    def __init__(self, config: AugmentConfig, device: torch.device) -> None:
        self.config = config
        axis = (torch.arange(SIDE, device=device) + 0.5) * (2 / SIDE) - 1  # pixel centers in [-1,1]
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        basis = torch.stack([x.flatten(), y.flatten(), torch.ones_like(x).flatten()])
        if config.elastic:
            basis = torch.cat([basis, _bumps(axis)])
        self.basis = basis  # (3 or 28, 784)
        self.moves = any((config.rotation, config.shear, config.zoom, config.shift, config.elastic))

    def __call__(self, images: Tensor) -> Tensor:
        """images: float32[N,28,28], 0 paper to 1 ink -> the same shape, each changed by torch's generator."""
        changed = self._moved(images) if self.moves else images
        return self._thickened(changed) if self.config.thickness else changed

    def _moved(self, images: Tensor) -> Tensor:
        count = len(images)
        coefficients = self._affine(count, images.device)
        if self.config.elastic:
            bumps = torch.randn(2, count, KNOTS**2, device=images.device) * (self.config.elastic * 2 / SIDE)
            coefficients = torch.cat([coefficients, bumps], 2)
        grid = (coefficients @ self.basis).view(2, count, SIDE, SIDE).permute(1, 2, 3, 0)
        moved = functional.grid_sample(
            images[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )
        return moved[:, 0]

    def _affine(self, count: int, device: torch.device) -> Tensor:
        """Returns float32[2,N,3], maps from new to old coordinates; every strength is uniform in +- its maximum."""
        config = self.config
        draw = torch.rand(6, count, device=device) * 2 - 1
        turn, shear = draw[0] * math.radians(config.rotation), draw[1] * config.shear
        wide, high = torch.exp(draw[2] * config.zoom), torch.exp(draw[3] * config.zoom)
        cos, sin = turn.cos(), turn.sin()
        pixel = 2 / SIDE
        rows = [cos * wide, (shear * cos - sin) * high, draw[4] * (config.shift * pixel),
                sin * wide, (shear * sin + cos) * high, draw[5] * (config.shift * pixel)]  # fmt: skip
        return torch.stack(rows).view(2, 3, count).permute(0, 2, 1)

    def _thickened(self, images: Tensor) -> Tensor:
        """Blends the first half of the batch towards a pixel more ink all round, the second towards a pixel less.

        Batches are in random order, so every image may be in either half. Neighbors are the four adjacent pixels, by
        slicing: eight times faster than pooling.
        """
        count = len(images)
        half = count // 2
        amount = torch.rand(count, 1, 1, device=images.device) * self.config.thickness
        padded = functional.pad(images, (1, 1, 1, 1))
        sides = padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]
        thick, thin = images[:half], images[half:]
        for side in sides:
            thick = torch.maximum(thick, side[:half])
            thin = torch.minimum(thin, side[half:])
        return torch.lerp(images, torch.cat([thick, thin]), amount)


def make_augmentation(config: AugmentConfig, device: torch.device) -> Augmentation | None:
    """Returns the augmentation that `config` describes, or None where every strength is 0."""
    return Augmentation(config, device) if any(vars(config).values()) else None


def _bumps(axis: Tensor) -> Tensor:
    """Returns float32[25,784], a Gaussian about each knot, scaled so that unit draws move a point by 1 (RMS)."""
    knots = torch.linspace(-0.75, 0.75, KNOTS, device=axis.device)
    spacing = 1.5 / (KNOTS - 1)
    bell = torch.exp(-((axis[:, None] - knots) ** 2) / (2 * (0.75 * spacing) ** 2))  # (28, KNOTS)
    bumps = torch.einsum("ya,xb->abyx", bell, bell).reshape(KNOTS**2, -1)
    return bumps / bumps.square().sum(0).mean().sqrt()
