"""The data set that every step after loading uses: arrays in memory or memory-mapped."""

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import FormatError
from tenfold.ink import SIDE as SIDE

CLASSES = 10
DIGITS = tuple("0123456789")

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Writers = NDArray[np.integer[Any]]


class DatasetPart(NamedTuple):
    """One part of a data set: uint8[N,28,28], 0 paper to 255 ink; uint8[N], 0 to 9; integers[N] or None."""

    images: Images
    labels: Labels
    writers: Writers | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Labeled images: a training part, and a test part for the final evaluation.

    train_images, test_images: uint8[N,28,28], 0 paper to 255 ink. train_labels, test_labels: uint8[N], 0 to 9.
    class_names: ten, indexed by label. origin: the source, and how the data was changed. train_writers, test_writers:
    integers[N], the writer of each image, if known.
    The arrays may be read-only memory maps. Raises `FormatError` for a wrong shape, dtype, count or label.
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
        train = DatasetPart(self.train_images, self.train_labels, self.train_writers)
        check_part(train, f"{self.name}, training part")
        check_part(DatasetPart(self.test_images, self.test_labels, self.test_writers), f"{self.name}, test part")

    @classmethod
    def of_parts(cls, train: DatasetPart, test: DatasetPart, **fields: Any) -> "Dataset":
        """A data set of two parts. fields: name and origin, and class_names if they are not the digits."""
        parts = {"train": train, "test": test}
        arrays = {f"{name}_{key}": array for name, part in parts.items() for key, array in part._asdict().items()}
        return cls(**arrays, **fields)

    @property
    def digest(self) -> str:
        """SHA-256 of all images and labels, in hexadecimal: distinguishes data sets of the same name."""
        content = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()


def check_part(part: DatasetPart, where: str) -> None:
    """Raises `FormatError`, starting with `where`, unless the part is valid for a `Dataset`."""
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
        raise FormatError(f"{where}: there are no images")


def check_labels(labels: NDArray[Any], where: str) -> None:
    """Raises `FormatError` unless `labels` is uint8[N], each 0 to 9."""
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise FormatError(f"{where}: labels are uint8[N], not {describe(labels)}")
    to_labels(labels, where)


def to_labels(values: NDArray[Any], where: str) -> Labels:
    """Converts integer labels to uint8[N]. Raises `FormatError`, starting with `where`, unless each is 0 to 9."""
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise FormatError(f"{where}: labels are integers[N], not {describe(values)}")
    # Before the cast: 261 must not become 5.
    wrong = np.flatnonzero((values < 0) | (values >= CLASSES))
    if len(wrong):
        raise FormatError(f"{where}: label {values[wrong[0]]} of image {wrong[0]} is not 0 to {CLASSES - 1}")
    return values.astype(np.uint8)


def describe(array: NDArray[Any]) -> str:
    """Formats an array's dtype and shape for error messages: `float64[3,28,28]`."""
    return f"{array.dtype}[{','.join(map(str, array.shape))}]"
