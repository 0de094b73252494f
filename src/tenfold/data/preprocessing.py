"""Pixels and labels -> what a network trains on, step by step and as plain NumPy.

Training does the same to each batch when it uses it (`training.subset.scale_pixels`), which takes a quarter of the
memory; a test holds the two equal.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.data import Dataset, stratified_split, writer_split
from tenfold.data.dataset import CLASSES
from tenfold.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Preprocessed:
    """Three parts, ready for a network: images float32[N,784], 0 paper to 1 ink; labels one-hot float32[N,10]."""

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.float32]
    validation_images: NDArray[np.float32]
    validation_labels: NDArray[np.float32]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.float32]


def normalise(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8, 0 to 255 -> float32 of the same shape, 0 to 1."""
    return images.astype(np.float32) * np.float32(1 / 255)


def flatten(images: NDArray[Any]) -> NDArray[Any]:
    """[N,28,28] -> [N,784], row after row."""
    return images.reshape(len(images), math.prod(images.shape[1:]))


def one_hot(labels: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """integers[N], 0 to 9 -> float32[N,10]: 1 in the label's column, 0 in the others.

    The loss takes the index just as well: cross-entropy is -sum(one_hot * log p), and of that sum only the label's
    term is not zero, so it is -log p[label]. Training uses the index and saves nine tenths of the arithmetic.
    """
    rows: NDArray[np.float32] = np.eye(CLASSES, dtype=np.float32)[labels]
    return rows


def preprocess(
    data: Dataset, validation: float = 0.2, seed: int = 0, writers: NDArray[np.integer[Any]] | None = None
) -> Preprocessed:
    """Normalises, flattens, encodes and splits `data`.

    validation: share of the training images kept apart, stratified by label. writers: integers[N], who wrote each
    training image; then no writer is on both sides of the split. Raises `UsageError` when validation is not in [0,1)
    or writers are not one for each image.
    """
    if writers is None:
        train, held = stratified_split(data.train_labels, validation, seed)
    elif len(writers) == len(data.train_labels):
        train, held = writer_split(writers, validation, seed)
    else:
        raise UsageError(f"{len(writers)} writers for {len(data.train_labels)} training images: give one for each")
    ready = [
        (flatten(normalise(images)), one_hot(labels))
        for images, labels in (
            (data.train_images[train], data.train_labels[train]),
            (data.train_images[held], data.train_labels[held]),
            (data.test_images, data.test_labels),
        )
    ]
    (train_x, train_y), (validation_x, validation_y), (test_x, test_y) = ready
    return Preprocessed(
        train_images=train_x,
        train_labels=train_y,
        validation_images=validation_x,
        validation_labels=validation_y,
        test_images=test_x,
        test_labels=test_y,
    )


def save(ready: Preprocessed, path: Path) -> Path:
    """Writes the six arrays as a compressed .npz, whole or not at all."""
    if path.suffix != ".npz":
        raise UsageError(f"--out is {path}; it must end in .npz")
    return files.write_with(path, lambda temporary: np.savez_compressed(temporary, **vars(ready)))
