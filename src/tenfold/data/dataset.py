"""The data set that every step after loading uses: arrays in memory or memory-mapped."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tenfold.errors import FormatError
from tenfold.ink import SIDE as SIDE

CLASSES = 10
DIGITS = tuple("0123456789")
# More classes than any script's letters; a model's outputs and the figures are laid out for up to so many.
MOST_CLASSES = 1_000

Images = NDArray[np.uint8]
Labels = NDArray[np.unsignedinteger[Any]]
Writers = NDArray[np.integer[Any]]


class DatasetPart(NamedTuple):
    """One part of a data set: uint8[N,28,28], 0 paper to 255 ink; unsigned integers[N], 0 to the number of classes - 1;
    integers[N] or None."""

    images: Images
    labels: Labels
    writers: Writers | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Labeled images: a training part, and a test part for the final evaluation.

    train_images, test_images: uint8[N,28,28], 0 paper to 255 ink. train_labels, test_labels: uint8[N], or uint16[N] of
    more than 256 classes: indices into `class_names`. class_names: 2 to 1,000 different ones, the digits by default.
    origin: the source, and how the data was changed. train_writers, test_writers: integers[N], the writer of each
    image, if known. The arrays may be read-only memory maps. Raises `FormatError` for a wrong shape, dtype, count or
    label.
    """

    name: str
    train_images: Images = field(repr=False)
    train_labels: Labels = field(repr=False)
    test_images: Images = field(repr=False)
    test_labels: Labels = field(repr=False)
    class_names: tuple[str, ...] = DIGITS
    origin: str
    train_writers: Writers | None = field(default=None, repr=False)
    test_writers: Writers | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_class_names(self.class_names, self.name)
        train = DatasetPart(self.train_images, self.train_labels, self.train_writers)
        test = DatasetPart(self.test_images, self.test_labels, self.test_writers)
        check_part(train, f"{self.name}, training part", self.classes)
        check_part(test, f"{self.name}, test part", self.classes)

    @classmethod
    def from_arrays(
        cls,
        images: ArrayLike,
        labels: ArrayLike,
        test_images: ArrayLike | None = None,
        test_labels: ArrayLike | None = None,
        *,
        class_names: Sequence[str] | None = None,
        name: str = "arrays",
    ) -> "Dataset":
        """A data set of arrays in memory: digits, letters, or symbols of your own.

        images: [N,28,28], [N,784] or [N,28,28,1]: integers from 0 (paper) to 255 (ink), or floats from 0 to 1, from -1
        to 1 or from 0 to 255. labels: names [N], such as `"alpha"`, or integers [N]. class_names: all classes, in the
        order of a model's probabilities; integer labels are then indices into them. Without them the classes are the
        sorted different labels, as in scikit-learn. test_images, test_labels: without them a seventh of each class is
        held out as the test part, the same images each time.

        Pixels that go to 16 or less are scaled to 255. Nothing else is changed, and images on white paper are refused:
        to have dark ink on white paper or transposed digits put right, save them as an .npz and use `load_dataset`.
        Raises `FormatError` for another shape or range, for a label that is no class, and for fewer than 2 or more than
        1,000 classes.
        """
        from tenfold.data.arrays import dataset_of_arrays

        test = None if test_images is None and test_labels is None else (test_images, test_labels)
        return dataset_of_arrays((images, labels), test, class_names, name)

    @classmethod
    def of_parts(cls, train: DatasetPart, test: DatasetPart, **fields: Any) -> "Dataset":
        """A data set of two parts. fields: name and origin, and class_names if they are not the digits."""
        parts = {"train": train, "test": test}
        arrays = {f"{name}_{key}": array for name, part in parts.items() for key, array in part._asdict().items()}
        return cls(**arrays, **fields)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def digest(self) -> str:
        """SHA-256 of all images, labels and class names, in hexadecimal: distinguishes data sets of the same name."""
        content = hashlib.sha256()
        if self.class_names != DIGITS:
            content.update("\n".join(self.class_names).encode())
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()


def check_class_names(names: Sequence[str], where: str) -> None:
    """Raises `FormatError`, starting with `where`, unless they are 2 to 1,000 different names."""
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise FormatError(f"{where}: class names are a list of names, not {names!r}")
    if not 2 <= len(names) <= MOST_CLASSES:
        raise FormatError(f"{where}: {len(names)} class names; a data set has 2 to {MOST_CLASSES:,} classes")
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise FormatError(f"{where}: two classes are named {twice!r}; names must differ")


def check_part(part: DatasetPart, where: str, classes: int = CLASSES) -> None:
    """Raises `FormatError`, starting with `where`, unless the part is valid for a `Dataset` of that many classes."""
    images, labels, writers = part
    check_images(images, where)
    if labels.dtype not in (np.uint8, np.uint16) or labels.ndim != 1:
        raise FormatError(f"{where}: labels are uint8[N], not {describe(labels)}")
    to_labels(labels, where, classes)
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


def to_labels(values: NDArray[Any], where: str, classes: int = CLASSES) -> Labels:
    """Converts integer labels to uint8[N], or uint16[N] for more than 256 classes.

    Raises `FormatError`, starting with `where`, unless each is 0 to `classes` - 1.
    """
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise FormatError(f"{where}: labels are integers[N], not {describe(values)}")
    # Before the cast: 261 must not become 5.
    wrong = np.flatnonzero((values < 0) | (values >= classes))
    if len(wrong):
        raise FormatError(f"{where}: label {values[wrong[0]]} of image {wrong[0]} is not 0 to {classes - 1}")
    return values.astype(np.min_scalar_type(classes - 1), copy=False)


def describe(array: NDArray[Any]) -> str:
    """Formats an array's dtype and shape for error messages: `float64[3,28,28]`."""
    return f"{array.dtype}[{','.join(map(str, array.shape))}]"
