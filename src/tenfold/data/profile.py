"""Profiles a data set: class counts, amount of ink, duplicates and outliers."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data import Dataset
from tenfold.data.dataset import Images, Labels
from tenfold.errors import check_kind

# Robust z-score of the distance to the class mean above which an image is an outlier: 99.99 % of a normal distribution
# lie below it.
OUTLIER_SCORE = 3.719
# Pixels of at least this gray level count as ink.
INK_LEVEL = 128


@dataclass(frozen=True, kw_only=True)
class PartProfile:
    """Profile of the training or the test part.

    counts: int64[C], images per class. balance: size of the smallest class divided by that of the largest, 0 to 1.
    duplicates: groups of indices of identical images. contradictions: those groups whose labels differ. blank: indices
    of images without ink. outlying: indices of images far from the mean of their class, the furthest first.
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
    """Profile of a data set.

    ink_mean, ink_spread: float64[C], mean and standard deviation of the share of ink pixels, per class of the training
    part. pixel_mean, pixel_spread: mean and standard deviation of all training pixels, scaled to 0 to 1. mean_images:
    float64[C,28,28], 0 to 255. overlap: (training index, test index) of images that are in both parts.
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

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the mean images, ready for JSON."""
        fields = {name: _for_json(value) for name, value in vars(self).items() if name != "mean_images"}
        return {"dataset": fields.pop("name"), **fields}


def _for_json(value: Any) -> Any:
    if isinstance(value, PartProfile):
        return {name: _for_json(field) for name, field in vars(value).items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def profile(data: Dataset) -> Profile:
    """Profiles `data`; takes about a second for MNIST."""
    check_kind(data, Dataset, "load_dataset")
    train, test = _identical_images(data.train_images), _identical_images(data.test_images)
    means = _mean_images(data.train_images, data.train_labels, data.classes)
    ink = np.count_nonzero(data.train_images >= INK_LEVEL, axis=(1, 2)) / data.train_images[0].size
    pixel_mean, pixel_spread = _pixel_statistics(data.train_images)
    return Profile(
        name=data.name,
        train=_profile_part(data.train_images, data.train_labels, train, means),
        test=_profile_part(data.test_images, data.test_labels, test, means),
        ink_mean=_by_class(np.mean, ink, data.train_labels, data.classes),
        ink_spread=_by_class(np.std, ink, data.train_labels, data.classes),
        pixel_mean=pixel_mean,
        pixel_spread=pixel_spread,
        mean_images=means,
        overlap=sorted((train[key][0], index) for key in train.keys() & test.keys() for index in test[key]),
    )


def _profile_part(
    images: Images, labels: Labels, groups: dict[bytes, list[int]], means: NDArray[np.float64]
) -> PartProfile:
    counts = np.bincount(labels, minlength=len(means))
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


def _identical_images(images: Images) -> dict[bytes, list[int]]:
    """Groups the indices of images by their pixels."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        groups[image.tobytes()].append(index)
    return groups


def _mean_images(images: Images, labels: Labels, classes: int) -> NDArray[np.float64]:
    means = np.zeros((classes, *images.shape[1:]))
    for digit in range(classes):
        if (labels == digit).any():
            means[digit] = images[labels == digit].mean(0, dtype=np.float64)
    return means


def _by_class(statistic: Any, values: NDArray[np.float64], labels: Labels, classes: int) -> NDArray[np.float64]:
    return np.array([statistic(values[labels == d]) if (labels == d).any() else 0.0 for d in range(classes)])


def _pixel_statistics(images: Images) -> tuple[float, float]:
    # From sums of whole numbers: exact, and without a float copy of all images.
    total = squares = 0
    for start in range(0, len(images), 2048):
        pixels = images[start : start + 2048].astype(np.uint32)
        total += int(pixels.sum(dtype=np.int64))
        squares += int((pixels * pixels).sum(dtype=np.int64))
    return total / images.size / 255, (squares * images.size - total**2) ** 0.5 / images.size / 255


def _outlying(images: Images, labels: Labels, means: NDArray[np.float64]) -> NDArray[np.int64]:
    scores = np.zeros(len(images))
    for digit in range(len(means)):
        members = np.flatnonzero(labels == digit)
        if len(members) < 3:
            continue
        difference = (
            images[members].astype(np.float32).reshape(len(members), -1) - means[digit].astype(np.float32).ravel()
        )
        distance = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        median = np.median(distance)
        # 1.4826: from the median absolute deviation to the standard deviation of a normal distribution.
        deviation = 1.4826 * np.median(np.abs(distance - median))
        if deviation > 0:
            scores[members] = (distance - median) / deviation
    order = np.argsort(-scores, kind="stable")
    return order[: np.count_nonzero(scores > OUTLIER_SCORE)]
