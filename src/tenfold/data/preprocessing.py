"""The preprocessing steps that turn pixels and labels into a network's training data, in plain NumPy.

Training applies the same scaling to each batch as it is used (`training.subset.scale_pixels`), which needs a quarter of
the memory; a test holds the two equal.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.data.dataset import CLASSES, Dataset
from tenfold.data.splits import stratified_split, writer_split
from tenfold.errors import UsageError, check_kind


@dataclass(frozen=True, kw_only=True)
class PreprocessedData:
    """Three parts, ready for a network: images float32[N,784], 0 paper to 1 ink; one-hot labels float32[N,C] of C
    classes."""

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.float32]
    validation_images: NDArray[np.float32]
    validation_labels: NDArray[np.float32]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.float32]


def scale_pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Divides pixels by 255: uint8, 0 to 255 -> float32 of the same shape, 0 to 1."""
    return images.astype(np.float32) * np.float32(1 / 255)


def flatten(images: NDArray[Any]) -> NDArray[Any]:
    """Reshapes [N,28,28] to [N,784], row after row."""
    return images.reshape(len(images), math.prod(images.shape[1:]))


def one_hot(labels: NDArray[np.integer[Any]], classes: int = CLASSES) -> NDArray[np.float32]:
    """Encodes integers[N], 0 to C - 1, as float32[N,C]: 1 in the label's column, 0 in the others.

    Cross-entropy is -sum(one_hot * log p); only the label's term is not zero, so it equals -log p[label]. Training
    therefore uses the label as an index and saves nine tenths of the arithmetic.
    """
    rows: NDArray[np.float32] = np.eye(classes, dtype=np.float32)[labels]
    return rows


def preprocess(
    data: Dataset, validation: float = 0.2, seed: int = 0, writers: NDArray[np.integer[Any]] | None = None
) -> PreprocessedData:
    """Splits `data`, scales and flattens its images, and encodes its labels.

    validation: share of the training images used for validation, stratified by label. writers: integers[N], the writer
    of each training image; if given, no writer is on both sides of the split. Raises `UsageError` when validation is
    not in [0,1), or when the number of writers is not the number of images.
    """
    check_kind(data, Dataset, "load_dataset")
    if writers is None:
        train, held_out = stratified_split(data.train_labels, validation, seed)
    elif len(writers) == len(data.train_labels):
        train, held_out = writer_split(writers, validation, seed)
    else:
        raise UsageError(f"{len(writers)} writers for {len(data.train_labels)} training images: give one for each")
    arrays = {}
    for part, images, labels in (
        ("train", data.train_images[train], data.train_labels[train]),
        ("validation", data.train_images[held_out], data.train_labels[held_out]),
        ("test", data.test_images, data.test_labels),
    ):
        arrays[f"{part}_images"] = flatten(scale_pixels(images))
        arrays[f"{part}_labels"] = one_hot(labels, data.classes)
    return PreprocessedData(**arrays)


def save(data: PreprocessedData, path: Path) -> Path:
    """Writes the six arrays as a compressed .npz, atomically."""
    if path.suffix != ".npz":
        raise UsageError(f"--out is {path}; it must end in .npz")
    return files.write_with(path, lambda temporary: np.savez_compressed(temporary, **vars(data)))
