"""Images to train on or to evaluate with, in batches."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from tenfold.models.composite import deskew
from tenfold.training.step import NON_DIGIT

EVALUATION_BATCH = 2048
# Images gathered at a time.
_GATHERED = 16_384


@dataclass(frozen=True)
class ImageSubset:
    """Some images of a data set: images uint8[M,28,28], labels int64[M], rows int64[N] of those that belong to it.

    Images stay uint8, a quarter of float32's memory and bandwidth; a batch is scaled when it is used. On the CPU they
    are not copied and may lie in a memory-mapped file.
    """

    images: Tensor
    labels: Tensor
    rows: Tensor

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray, indices: np.ndarray, device: torch.device) -> "ImageSubset":
        """Returns the images at `indices`; a GPU gets a copy of them."""
        rows = torch.from_numpy(np.ascontiguousarray(indices, np.int64))
        with warnings.catch_warnings():
            # PyTorch warns of read-only arrays; nothing here writes to them.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            subset = cls(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)), rows)
        if device.type == "cpu":
            return subset
        return cls.whole(subset.images[rows].to(device), subset.labels[rows].to(device))

    @classmethod
    def whole(cls, images: Tensor, labels: Tensor) -> "ImageSubset":
        """Returns all of `images`."""
        return cls(images, labels, torch.arange(len(images), device=images.device))

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def digits(self) -> int:
        """How many of the images show a digit; the others are non-digits."""
        return int((self.labels[self.rows] != NON_DIGIT).sum())

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields images and labels, `size` at a time, in the subset's order or in that of `order`, int64[N]."""
        # A row of 784 bytes is gathered in one copy; indexing [N,28,28] goes byte by byte, at less than half the speed.
        pixels = self.images.flatten(1)
        rows = self.rows if order is None else self.rows[order]
        if len(rows) == 0:
            return  # torch.split would yield one empty batch.
        # Many small gathers are slow, and one of the whole set would double its memory.
        for chunk in torch.split(rows, max(1, _GATHERED // size) * size):
            images = pixels.index_select(0, chunk).view(-1, *self.images.shape[1:])
            yield from zip(torch.split(images, size), torch.split(self.labels[chunk], size), strict=True)

    def random_batches(self, size: int) -> Iterator[Tensor]:
        """Yields the images of a few full batches in random order: at least one batch, or about 16,000 images."""
        few = torch.randperm(len(self))[: max(size, _GATHERED)].to(self.rows.device)
        yield from (images for images, _ in self.batches(size, few) if len(images) == size)

    def sample(self, count: int) -> "ImageSubset":
        """Returns `count` evenly spaced images; all of a smaller subset."""
        if len(self) <= count:
            return self
        chosen = torch.arange(count, device=self.rows.device) * len(self) // count
        return ImageSubset(self.images, self.labels, self.rows[chosen])

    def deskewed(self) -> "ImageSubset":
        """Returns a copy in which the slant of every image is undone."""
        upright = [deskew(scale_pixels(batch)).mul_(255).round_().byte() for batch, _ in self.batches(EVALUATION_BATCH)]
        return ImageSubset.whole(torch.cat([self.images[:0], *upright]), self.labels[self.rows])


def scale_pixels(images: Tensor) -> Tensor:
    """uint8[N,28,28], 0 paper to 255 ink -> float32[N,28,28], 0 paper to 1 ink."""
    return images * (1 / 255)
