"""Training images that are added to the data set's: synthetic digits, degraded images, non-digits, feedback samples."""

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold.synthesis.drawing import draw_digits, scan
from tenfold.synthesis.non_digits import draw_non_digits
from tenfold.training.recipe import DataConfig
from tenfold.training.step import NON_DIGIT
from tenfold.training.subset import ImageSubset

# Feedback samples are repeated at most this often in an epoch: more, and they are memorized.
_MAX_REPETITIONS = 30

Samples = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def with_extra_images(
    subset: ImageSubset, config: DataConfig, seed: int, epoch: int, feedback: Samples | None = None
) -> ImageSubset:
    """Returns the subset with the images that `config` adds in this epoch; the same for the same seed and epoch.

    Every epoch has other synthetic images, so few are worth as much as many. Degraded images and non-digits are made of
    the subset's own images, never of validation images. feedback: images uint8[F,28,28] and labels uint8[F], repeated
    until they are the fraction of the epoch that `config` says.
    """
    seed = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    device = subset.images.device
    images, labels = subset.images[subset.rows].cpu().numpy(), subset.labels[subset.rows].cpu().numpy()
    synthetic, synthetic_labels = draw_digits(config.synthetic, seed)
    generator = np.random.Generator(np.random.PCG64(seed))
    inked = np.flatnonzero(images.any((1, 2)))
    chosen = generator.choice(inked, config.degraded if len(inked) else 0)
    degraded = [scan(np.asarray(images[row] / 255, np.float32), generator) for row in chosen]
    non_digits = draw_non_digits(config.non_digits, seed, images, labels.astype(np.uint8))
    samples, sample_labels = _repeated(feedback, config.feedback_share, len(images), generator)
    parts = [images, synthetic, np.stack(degraded) if degraded else images[:0], non_digits, samples]
    part_labels = [labels, synthetic_labels, labels[chosen], np.full(len(non_digits), NON_DIGIT), sample_labels]
    every, every_label = np.concatenate(parts), np.concatenate(part_labels).astype(np.int64)
    return ImageSubset.whole(torch.from_numpy(every).to(device), torch.from_numpy(every_label).to(device))


def count_with_extra_images(count: int, config: DataConfig, feedback: int = 0) -> int:
    """Returns how many images an epoch has, of `count` of the data set and `feedback` feedback samples."""
    repeated = _repetitions(feedback, config.feedback_share, count) if feedback else 0
    return count + config.synthetic + config.degraded + config.non_digits + repeated


def _repeated(feedback: Samples | None, fraction: float, others: int, generator: np.random.Generator) -> Samples:
    """Returns the samples, repeated evenly until they are `fraction` of all images together with `others` more."""
    if feedback is None:
        return np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8)
    images, labels = feedback
    rows = np.resize(generator.permutation(len(images)), _repetitions(len(images), fraction, others))
    return images[rows], labels[rows]


def _repetitions(count: int, fraction: float, others: int) -> int:
    return max(count, min(round(others * fraction / (1 - fraction)), _MAX_REPETITIONS * count))
