"""What is in a data set: how many of each, how much ink, what is there twice, and what looks odd."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data import Dataset
from tenfold.data.dataset import CLASSES

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]

# An image is called outlying when it lies further from its class's mean than 99.99 % of a normal spread would.
# 1.4826 turns a median absolute deviation into a standard deviation.
OUTLYING = 3.719
# Grey level from which a pixel counts as ink: half of full.
INK_LEVEL = 128


@dataclass(frozen=True, kw_only=True)
class PartProfile:
    """One part, train or test.

    counts: int64[10] images of each class. balance: the smallest class as a share of the largest, 0 to 1.
    duplicates: groups of indices of images that are the same to the last pixel. contradictions: those groups whose
    labels differ. blank: indices of images without any ink. outlying: indices of images far from the mean of their
    class, the furthest first.
    """

    images: int
    counts: NDArray[np.int64]
    balance: float
    duplicates: list[list[int]]
    contradictions: list[list[int]]
    blank: NDArray[np.int64]
    outlying: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A data set, profiled.

    ink_mean, ink_spread: float64[10], per class of the training part: mean and standard deviation over images of the
    share of pixels that are ink. pixel_mean, pixel_spread: of all training pixels, 0 to 1. mean_images:
    float64[10,28,28], 0 to 255. overlap: (training index, test index) of images that are in both parts.
    """

    name: str
    train: PartProfile
    test: PartProfile
    ink_mean: NDArray[np.float64]
    ink_spread: NDArray[np.float64]
    pixel_mean: float
    pixel_spread: float
    mean_images: NDArray[np.float64]
    overlap: list[tuple[int, int]]

    def summary(self) -> dict[str, Any]:
        """All of it but the mean images, as JSON takes it."""
        parts = {
            name: {
                "images": part.images,
                "counts": part.counts.tolist(),
                "balance": part.balance,
                "duplicates": part.duplicates,
                "contradictions": part.contradictions,
                "blank": part.blank.tolist(),
                "outlying": part.outlying.tolist(),
            }
            for name, part in (("train", self.train), ("test", self.test))
        }
        return {
            "dataset": self.name,
            **parts,
            "ink_mean": self.ink_mean.tolist(),
            "ink_spread": self.ink_spread.tolist(),
            "pixel_mean": self.pixel_mean,
            "pixel_spread": self.pixel_spread,
            "overlap": [list(pair) for pair in self.overlap],
        }


def profile(data: Dataset) -> Profile:
    """Looks at every image of `data` once or twice; about a second for MNIST."""
    train, test = _groups(data.train_images), _groups(data.test_images)
    means = _mean_images(data.train_images, data.train_labels)
    ink = _ink(data.train_images)
    pixel_mean, pixel_spread = _pixel_statistics(data.train_images)
    return Profile(
        name=data.name,
        train=_profile_part(data.train_images, data.train_labels, train, means),
        test=_profile_part(data.test_images, data.test_labels, test, means),
        ink_mean=_by_class(np.mean, ink, data.train_labels),
        ink_spread=_by_class(np.std, ink, data.train_labels),
        pixel_mean=pixel_mean,
        pixel_spread=pixel_spread,
        mean_images=means,
        overlap=sorted((train[key][0], index) for key in train.keys() & test.keys() for index in test[key]),
    )


def _profile_part(
    images: Images, labels: Labels, groups: dict[bytes, list[int]], means: NDArray[np.float64]
) -> PartProfile:
    counts = np.bincount(labels, minlength=CLASSES)[:CLASSES]
    duplicates = sorted(group for group in groups.values() if len(group) > 1)
    return PartProfile(
        images=len(images),
        counts=counts,
        balance=float(counts.min() / counts.max()),
        duplicates=duplicates,
        contradictions=[group for group in duplicates if len({int(labels[index]) for index in group}) > 1],
        blank=np.flatnonzero(~images.any(axis=(1, 2))),
        outlying=_outlying(images, labels, means),
    )


def _groups(images: Images) -> dict[bytes, list[int]]:
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        groups[image.tobytes()].append(index)
    return groups


def _mean_images(images: Images, labels: Labels) -> NDArray[np.float64]:
    means = np.zeros((CLASSES, *images.shape[1:]))
    for digit in range(CLASSES):
        if (labels == digit).any():
            means[digit] = images[labels == digit].mean(0, dtype=np.float64)
    return means


def _ink(images: Images) -> NDArray[np.float64]:
    inked: NDArray[np.float64] = np.count_nonzero(images >= INK_LEVEL, axis=(1, 2)) / images[0].size
    return inked


def _by_class(statistic: Any, values: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    return np.array([statistic(values[labels == d]) if (labels == d).any() else 0.0 for d in range(CLASSES)])


def _pixel_statistics(images: Images) -> tuple[float, float]:
    # From the histogram: exact, and without a float copy of all pixels.
    counts = np.bincount(images.reshape(-1), minlength=256)
    levels = np.arange(256) / 255
    mean = float((counts * levels).sum() / counts.sum())
    return mean, float((counts * (levels - mean) ** 2).sum() / counts.sum()) ** 0.5


def _outlying(images: Images, labels: Labels, means: NDArray[np.float64]) -> NDArray[np.int64]:
    scores = np.zeros(len(images))
    for digit in range(CLASSES):
        mine = np.flatnonzero(labels == digit)
        if len(mine) < 3:
            continue
        difference = images[mine].astype(np.float32).reshape(len(mine), -1) - means[digit].astype(np.float32).ravel()
        distance = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        median = np.median(distance)
        deviation = 1.4826 * np.median(np.abs(distance - median))
        if deviation > 0:
            scores[mine] = (distance - median) / deviation
    order = np.argsort(-scores, kind="stable")
    return order[: np.count_nonzero(scores > OUTLYING)]
