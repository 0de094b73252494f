"""User-supplied NumPy files: images with their labels in an .npz, and the writers of images in an .npy or .npz."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, DatasetPart, Images, Writers, check_images, check_part, describe, to_labels
from tenfold.errors import FormatError

_LAYOUTS = (("x_train", "y_train"), ("images", "labels"))
_TEST_KEYS = ("x_test", "y_test")
_WRITER_KEYS = ("train_writer", "train_writers", "writers")


def read_npz(path: Path) -> tuple[DatasetPart, DatasetPart | None]:
    """Reads the training part and, if there is one, the test part of an .npz.

    Keys: x_train, y_train and optionally x_test, y_test (as in Keras's mnist.npz); or images, labels. Images are
    integers from 0 (paper) to 255 (ink), 28x28 or 784 long. Pickled objects are never loaded: they can run code. Raises
    `FormatError` for a damaged file, missing keys, or arrays that are not digits.
    """
    arrays = _load(path, {key for layout in (*_LAYOUTS, _TEST_KEYS) for key in layout})
    if "" in arrays:
        raise FormatError(f"{path} is a single array, not an npz: save images and labels with np.savez")
    for images_key, labels_key in _LAYOUTS:
        if images_key in arrays:
            train = _part(arrays, images_key, labels_key, path)
            has_test = images_key == "x_train" and _TEST_KEYS[0] in arrays
            return train, _part(arrays, *_TEST_KEYS, path) if has_test else None
    raise FormatError(
        f"{path} holds {', '.join(sorted(arrays)) or 'nothing'}: save it with x_train, y_train, x_test, y_test, "
        "or with images, labels"
    )


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
            return {key: content[key] if wanted is None or key in wanted else np.empty(0) for key in content.files}
    except FileNotFoundError as error:
        raise FormatError(f"{path}: no such file") from error
    except Exception as error:
        # zipfile, zlib and NumPy's header parser raise many types: BadZipFile, ValueError, KeyError, TokenError,
        # MemoryError for impossible sizes, ...
        raise FormatError(f"{path} is not an .npy or .npz file of numbers: {error}") from error


def _part(arrays: dict[str, NDArray[Any]], images_key: str, labels_key: str, path: Path) -> DatasetPart:
    if labels_key not in arrays:
        raise FormatError(f"{path} has {images_key} but no {labels_key}: save the labels with the images")
    where = f"{path}, {images_key}"
    part = DatasetPart(_images(arrays[images_key], where), to_labels(arrays[labels_key], f"{path}, {labels_key}"))
    check_part(part, where)
    return part


def _images(values: NDArray[Any], where: str) -> Images:
    if not np.issubdtype(values.dtype, np.integer):
        raise FormatError(
            f"{where}: images are integers from 0 (paper) to 255 (ink), not {describe(values)}; convert floats from 0 "
            "to 1 with (255 * images).round().astype('uint8')"
        )
    if values.shape[1:] in ((SIDE * SIDE,), (SIDE, SIDE, 1), (1, SIDE, SIDE)):
        values = values.reshape(-1, SIDE, SIDE)
    if values.dtype != np.uint8 and values.size:
        if values.min() < 0 or values.max() > 255:
            raise FormatError(f"{where}: pixels are 0 to 255, not {values.min()} to {values.max()}")
        values = values.astype(np.uint8)
    check_images(values, where)
    return values
