"""Images and labels in arrays, in the ranges and shapes that people have."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import (
    CLASSES,
    SIDE,
    Dataset,
    DatasetPart,
    Images,
    Labels,
    check_class_names,
    check_part,
    describe,
    to_labels,
)
from tenfold.data.splits import take_stratified
from tenfold.errors import FormatError

# As MNIST holds out 10,000 of its 70,000.
HELD_OUT = 7
_SEED = 0
# How far a float may lie outside of its range.
_ROUNDING = 1e-3
# The largest pixel of images that are no bytes of 0 to 255: of two levels, or scikit-learn's digits.
DIM = 16
# The share of images on white paper that makes the whole set one.
WHITE = 0.9


def dataset_of_arrays(
    train: tuple[Any, Any], test: tuple[Any, Any] | None, class_names: Sequence[str] | None, name: str
) -> Dataset:
    """`Dataset.from_arrays`: train and test are images and labels."""
    if test is not None and (test[0] is None or test[1] is None):
        raise FormatError(f"{name}: test images without labels, or labels without images: give both")
    pairs = {"training part": train} | ({"test part": test} if test is not None else {})
    labels = {part: _column(np.asarray(pair[1]), f"{name}, {part}") for part, pair in pairs.items()}
    if class_names is None:
        # As Python's values: NumPy would make floats of signed and unsigned integers of 64 bits.
        found = {value for values in labels.values() for value in values.tolist()}
        ordered = sorted(found, key=lambda value: (isinstance(value, str), value))
        classes, class_names = np.array(ordered), [str(label) for label in ordered]
    else:
        classes = np.arange(len(class_names))
    check_class_names(class_names, name)
    names = tuple(class_names)
    parts: list[DatasetPart] = []
    notes: list[str] = []
    for part, (images, _) in pairs.items():
        where = f"{name}, {part}"
        pixels, said = scaled_images(np.asarray(images), where)
        pixels, brighter = brightened(pixels)
        known = np.array(names) if labels[part].dtype.kind == "U" else classes
        if len(pixels) and pixels.ndim == 3 and bright_borders(pixels).mean() > WHITE:
            raise FormatError(
                f"{where}: ink is bright here, and nearly all images have bright borders: give 255 - images"
            )
        parts.append(DatasetPart(pixels, _encoded(labels[part], known, where)))
        check_part(parts[-1], where, len(names))
        notes += said + brighter
    if test is None:
        *parts, held_out = hold_out(parts[0], name)
        notes.append(f"without a test part, so {held_out} were held out")
    return Dataset.of_parts(*parts, name=name, class_names=names, origin="; ".join(["arrays in memory", *notes]))


def _column(labels: NDArray[Any], where: str) -> NDArray[Any]:
    """Labels as an array [N] of strings or integers."""
    if labels.dtype == object and all(isinstance(label, str) for label in labels.flat):
        labels = labels.astype(str)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "Uiub":
        raise FormatError(f"{where}: labels are names or integers [N], not {describe(labels)}")
    return labels


def _encoded(labels: NDArray[Any], known: NDArray[Any], where: str) -> Labels:
    """The index of each label in `known`."""
    order = np.argsort(known, kind="stable")
    places = order[np.searchsorted(known, labels, sorter=order).clip(max=len(known) - 1)]
    wrong = np.flatnonzero(known[places] != labels)
    if len(wrong):
        raise FormatError(f"{where}: label {labels[wrong[0]].item()!r} of image {wrong[0]} is not one of the classes")
    return to_labels(places, where, len(known))


def hold_out(part: DatasetPart, where: str) -> tuple[DatasetPart, DatasetPart, str]:
    """Holds out a seventh of each class as the test part; returns both parts and a description."""
    count = len(part.labels)
    if count < 2:
        raise FormatError(f"{where} holds a single image: at least two are needed, one to train on and one to test")
    size = max(1, round(count / HELD_OUT))
    kept, held_out = take_stratified(part.labels, size, _SEED)
    train, test = (
        DatasetPart(part.images[indices], part.labels[indices], None if part.writers is None else part.writers[indices])
        for indices in (kept, held_out)
    )
    return train, test, f"{size:,} of {count:,} images (a seventh of each class, seed {_SEED})"


def brightened(images: Images) -> tuple[Images, list[str]]:
    """Images whose pixels go to 16 or less, of two levels or as scikit-learn's digits, scaled to 255; and what was
    done."""
    if images.size and 0 < (most := int(images.max())) <= DIM:
        return np.rint(images * (255 / most)).astype(np.uint8), [f"its pixels from 0 to {most} were scaled to 0 to 255"]
    return images, []


def bright_borders(images: Images) -> NDArray[np.bool_]:
    """bool[N]: which images have bright borders, as those on white paper do."""
    borders = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], 1)
    found: NDArray[np.bool_] = np.median(borders, 1) > 127
    return found


def whole_labels(values: NDArray[Any], where: str) -> Labels:
    """Labels uint8[N] from whole numbers in any type, [N] or [N,1], or one-hot [N,10]. Raises `FormatError`."""
    if values.ndim == 2 and values.shape[1] == CLASSES and np.isin(values, (0, 1)).all():
        if not (values.sum(1) == 1).all():
            wrong = int(np.flatnonzero(values.sum(1) != 1)[0])
            raise FormatError(f"{where}: row {wrong} is not one-hot: it marks {values[wrong].sum():g} classes")
        values = values.argmax(1)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind in "SU" and np.char.isdigit(values).all():
        values = values.astype(np.int64)
    if np.issubdtype(values.dtype, np.floating) and np.isfinite(values).all() and (values == np.rint(values)).all():
        values = values.astype(np.int64)
    return to_labels(values, where)


def scaled_images(values: NDArray[Any], where: str) -> tuple[Images, list[str]]:
    """Images uint8[N,28,28] from numbers of 0 to 255, of 0 to 1 or of -1 to 1, flat or not; and what was done. Raises
    `FormatError` for other ranges."""
    if values.shape[1:] in ((SIDE * SIDE,), (SIDE, SIDE, 1), (1, SIDE, SIDE)):
        values = values.reshape(-1, SIDE, SIDE)
    if values.size == 0 or values.dtype == np.uint8:
        return values, []
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255), []
    if not np.issubdtype(values.dtype, np.integer) and not np.issubdtype(values.dtype, np.floating):
        raise FormatError(f"{where}: images are numbers, not {describe(values)}")
    low, high = values.min(), values.max()
    if np.issubdtype(values.dtype, np.integer):
        if low < 0 or high > 255:
            raise FormatError(f"{where}: pixels are 0 to 255, not {low} to {high}")
        return values.astype(np.uint8), []
    for least, most in ((0, 1), (-1, 1), (0, 255)):
        # Pixels that are dark throughout may be of any range: half of it must be used.
        if (
            least - _ROUNDING <= low
            and (most + least) / 2 < high <= most + _ROUNDING
            and (least == 0 or low < least / 2)
        ):
            scaled = np.rint((values - least) * (255 / (most - least))).clip(0, 255).astype(np.uint8)
            return scaled, [f"its floats from {least} to {most} were scaled to 0 to 255"]
    raise FormatError(
        f"{where}: images are 0 (paper) to 255 (ink), or floats from 0 to 1 or from -1 to 1, not {low:g} to {high:g}"
    )
