"""A data set in memory, or mapped from disk: what every step after loading takes."""

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import FormatError

SIDE = 28
CLASSES = 10
DIGITS = tuple("0123456789")

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Writers = NDArray[np.integer[Any]]


class Part(NamedTuple):
    """One part of a set: uint8[N,28,28], 0 paper to 255 ink; uint8[N], 0 to 9; integers[N] or None."""

    images: Images
    labels: Labels
    writers: Writers | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Images with their labels, in a part to train on and a part for the final number.

    name: what it is called. train_images, test_images: uint8[N,28,28], 0 paper to 255 ink. train_labels, test_labels:
    uint8[N], 0 to 9. class_names: ten, by label. origin: where it came from, and what was done to it on the way.
    train_writers, test_writers: integers[N], who wrote each image, where that is known.
    The arrays may be read-only memory maps. Raises `FormatError` for another shape, type, count or label.
    """

    name: str
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    class_names: tuple[str, ...] = DIGITS
    origin: str
    train_writers: Writers | None = None
    test_writers: Writers | None = None

    def __post_init__(self) -> None:
        if len(self.class_names) != CLASSES:
            raise FormatError(f"{self.name}: {len(self.class_names)} class names for {CLASSES} classes")
        train = Part(self.train_images, self.train_labels, self.train_writers)
        check_part(train, f"{self.name}, training part")
        check_part(Part(self.test_images, self.test_labels, self.test_writers), f"{self.name}, test part")

    @property
    def digest(self) -> str:
        """SHA-256 of all images and labels, in hexadecimal: what tells two sets of one name apart."""
        content = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()


def check_part(part: Part, where: str) -> None:
    """Raises `FormatError`, beginning with `where`, unless the part is what a `Dataset` holds."""
    images, labels, writers = part
    check_images(images, where)
    check_labels(labels, where)
    if len(images) != len(labels):
        raise FormatError(f"{where}: {len(images)} images but {len(labels)} labels: give one label for each image")
    if writers is None:
        return
    if writers.ndim != 1 or not np.issubdtype(writers.dtype, np.integer):
        raise FormatError(f"{where}: writers are integers[N], not {describe(writers)}")
    if len(writers) != len(labels):
        raise FormatError(f"{where}: {len(labels)} images but {len(writers)} writers: give one writer for each image")


def check_images(images: NDArray[Any], where: str) -> None:
    """Raises `FormatError` unless `images` is uint8[N,28,28] with N of at least 1."""
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise FormatError(f"{where}: images are uint8[N,{SIDE},{SIDE}], not {describe(images)}")
    if len(images) == 0:
        raise FormatError(f"{where}: there is no image in it")


def check_labels(labels: NDArray[Any], where: str) -> None:
    """Raises `FormatError` unless `labels` is uint8[N], each 0 to 9."""
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise FormatError(f"{where}: labels are uint8[N], not {describe(labels)}")
    to_labels(labels, where)


def to_labels(values: NDArray[Any], where: str) -> Labels:
    """Labels of any integer type -> uint8[N]. Raises `FormatError`, beginning with `where`, unless each is 0 to 9."""
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise FormatError(f"{where}: labels are integers[N], not {describe(values)}")
    # Before the type is narrowed: 261 must not become 5.
    wrong = np.flatnonzero((values < 0) | (values >= CLASSES))
    if len(wrong):
        raise FormatError(f"{where}: label {values[wrong[0]]} of image {wrong[0]} is not 0 to {CLASSES - 1}")
    return values.astype(np.uint8)


def describe(array: NDArray[Any]) -> str:
    """An array's type and shape for an error message: `float64[3,28,28]`."""
    return f"{array.dtype}[{','.join(map(str, array.shape))}]"
