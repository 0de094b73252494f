"""User-supplied NumPy files: images with their labels in an .npz, and the writers of images in an .npy or .npz."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import (
    CLASSES,
    SIDE,
    DatasetPart,
    Images,
    Labels,
    Writers,
    check_images,
    check_part,
    describe,
    to_labels,
)
from tenfold.errors import FormatError

# Keys of the images and labels of one part: of Keras's mnist.npz, of MedMNIST and `tenfold preprocess --out`, of
# scikit-learn's habit, and plain ones.
_TRAIN = (("x_train", "y_train"), ("train_images", "train_labels"), ("images", "labels"), ("X", "y"))
_MORE = (("x_val", "y_val"), ("val_images", "val_labels"), ("validation_images", "validation_labels"))
_TEST = (("x_test", "y_test"), ("test_images", "test_labels"))
# Bytes of all arrays: MNIST has 440 MB as float64.
_LARGEST = 4_000_000_000
_WRITER_KEYS = ("train_writer", "train_writers", "writers")


def read_npz(path: Path) -> tuple[DatasetPart, DatasetPart | None, list[str]]:
    """Reads the training part and, if there is one, the test part of an .npz; and what was done with its arrays.

    Keys: x_train and y_train, train_images and train_labels, images and labels, or X and y; for the test part x_test
    and y_test, or test_images and test_labels. Images of a validation part join those of the training part. Images are
    28x28 or 784 long: integers from 0 (paper) to 255 (ink), or floats from 0 to 1, from -1 to 1 or from 0 to 255.
    Labels are whole numbers in any type, [N] or [N,1], or one-hot [N,10]. Pickled objects are never loaded: they can
    run code. Raises `FormatError` for a damaged file, missing keys, or arrays that are not digits.
    """
    arrays = _load(path, {key for layout in (*_TRAIN, *_MORE, *_TEST) for key in layout})
    if "" in arrays:
        raise FormatError(f"{path} is a single array, not an npz: save images and labels with np.savez")
    train, more, test = (
        next((pair for pair in layouts if pair[0] in arrays), None) for layouts in (_TRAIN, _MORE, _TEST)
    )
    if train is None:
        raise FormatError(
            f"{path} holds {', '.join(sorted(arrays)) or 'nothing'}: save it with x_train, y_train, x_test, y_test, "
            "or with images, labels"
        )
    part, notes = _part(arrays, *train, path)
    if more is not None:
        added, _ = _part(arrays, *more, path)
        part = DatasetPart(*(np.concatenate(pair) for pair in zip(part[:2], added[:2], strict=True)))
        notes.append(f"the {len(added.labels):,} images of {more[0]} joined those to train on")
    return part, None if test is None else _part(arrays, *test, path)[0], notes


def read_npz_images(path: Path) -> Images:
    """Reads the images of an .npz whose labels are not asked for, those of a test part first. Raises `FormatError`."""
    keys = [pair[0] for pair in (*_TEST, *_TRAIN)]
    arrays = _load(path, keys)
    found = next((key for key in keys if key in arrays), None)
    if found is None:
        raise FormatError(f"{path} holds {', '.join(sorted(arrays)) or 'nothing'}: save the images as 'images'")
    images, _ = _images(arrays[found], f"{path}, {found}")
    check_images(images, f"{path}, {found}")
    return images


def load_writers(path: Path) -> Writers:
    """Loads integers[N], the writer of each training image, from an .npy or .npz file.

    Of an .npz with several arrays, `train_writer`, `train_writers` or `writers` is used. Raises `FormatError` when the
    file is missing, damaged, or holds something else.
    """
    arrays = _load(path)
    known = [name for name in _WRITER_KEYS if name in arrays]
    if not known and len(arrays) != 1:
        raise FormatError(f"{path} holds {', '.join(arrays) or 'nothing'}; name the array 'writers'")
    writers = arrays[(known or list(arrays))[0]]
    if writers.ndim != 1 or not np.issubdtype(writers.dtype, np.integer):
        raise FormatError(f"{path}: writers are integers[N], not {describe(writers)}")
    return writers


def _load(path: Path, wanted: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """Loads the arrays of an .npz by key, or that of an .npy under ''; keys that are not wanted are empty arrays."""
    try:
        # Opened here: NumPy leaves a file open that it fails to read.
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return {"": content}
            sizes = {info.filename.removesuffix(".npy"): info.file_size for info in content.zip.infolist()}
            if (unpacked := sum(size for key, size in sizes.items() if wanted is None or key in wanted)) > _LARGEST:
                raise ValueError(f"its arrays unpack to {unpacked / 1e9:.0f} GB, more than {_LARGEST / 1e9:.0f}")
            return {key: content[key] if wanted is None or key in wanted else np.empty(0) for key in content.files}
    except FileNotFoundError as error:
        raise FormatError(f"{path}: no such file") from error
    except Exception as error:
        # zipfile, zlib and NumPy's header parser raise many types: BadZipFile, ValueError, KeyError, TokenError,
        # MemoryError for impossible sizes, ...
        raise FormatError(f"{path} is not an .npy or .npz file of numbers: {error}") from error


def _part(
    arrays: dict[str, NDArray[Any]], images_key: str, labels_key: str, path: Path
) -> tuple[DatasetPart, list[str]]:
    if labels_key not in arrays:
        raise FormatError(f"{path} has {images_key} but no {labels_key}: save the labels with the images")
    where = f"{path}, {images_key}"
    images, notes = _images(arrays[images_key], where)
    part = DatasetPart(images, _labels(arrays[labels_key], f"{path}, {labels_key}"))
    check_part(part, where)
    return part, notes


def _labels(values: NDArray[Any], where: str) -> Labels:
    if values.ndim == 2 and values.shape[1] == CLASSES and np.isin(values, (0, 1)).all():
        if not (values.sum(1) == 1).all():
            wrong = int(np.flatnonzero(values.sum(1) != 1)[0])
            raise FormatError(f"{where}: row {wrong} is not one-hot: it marks {values[wrong].sum():g} classes")
        values = values.argmax(1)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if np.issubdtype(values.dtype, np.floating) and np.isfinite(values).all() and (values == np.rint(values)).all():
        values = values.astype(np.int64)
    return to_labels(values, where)


def _images(values: NDArray[Any], where: str) -> tuple[Images, list[str]]:
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
        if least <= low and (most + least) / 2 < high <= most and (least == 0 or low < least / 2):
            scaled = np.rint((values - least) * (255 / (most - least))).astype(np.uint8)
            return scaled, [f"its floats from {least} to {most} were scaled to 0 to 255"]
    raise FormatError(
        f"{where}: images are 0 (paper) to 255 (ink), or floats from 0 to 1 or from -1 to 1, not {low:g} to {high:g}"
    )
