"""An npz of a user's own: Keras's layout, or images with their labels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Images, Part, check_images, check_part, describe, to_labels
from tenfold.errors import FormatError

_LAYOUTS = (("x_train", "y_train"), ("images", "labels"))
_TEST_KEYS = ("x_test", "y_test")


def read_npz(path: Path) -> tuple[Part, Part | None]:
    """The training part and, where there is one, the test part.

    Keys: x_train, y_train and perhaps x_test, y_test (as in Keras's mnist.npz); or images, labels. Images are integers
    of 0 to 255, 28x28 or 784 long, ink bright. Pickled objects are never loaded: they can run code. Raises
    `FormatError` for a damaged file, missing keys, or arrays that are not digits.
    """
    arrays = _load(path)
    for images_key, labels_key in _LAYOUTS:
        if images_key in arrays:
            train = _part(arrays, images_key, labels_key, path)
            has_test = images_key == "x_train" and _TEST_KEYS[0] in arrays
            return train, _part(arrays, *_TEST_KEYS, path) if has_test else None
    raise FormatError(
        f"{path} holds {', '.join(sorted(arrays)) or 'nothing'}: save it with x_train, y_train, x_test, y_test, "
        "or with images, labels"
    )


def _load(path: Path) -> dict[str, NDArray[Any]]:
    known = {key for layout in (*_LAYOUTS, _TEST_KEYS) for key in layout}
    try:
        # Opened here: NumPy leaves a file open that it fails to read.
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                raise FormatError(f"{path} is a single array, not an npz: save images and labels with np.savez")
            # Keys that are none of ours are named in an error, but not read.
            return {key: np.asarray(content[key]) if key in known else np.empty(0) for key in content.files}
    except FormatError:
        raise
    except Exception as error:
        # zipfile, zlib and NumPy's header parser raise whatever they stumble on: BadZipFile, ValueError, KeyError,
        # TokenError, MemoryError for sizes that no machine holds, ...
        raise FormatError(f"{path} is not an npz that can be read: {error}") from error


def _part(arrays: dict[str, NDArray[Any]], images_key: str, labels_key: str, path: Path) -> Part:
    if labels_key not in arrays:
        raise FormatError(f"{path} has {images_key} but no {labels_key}: save the labels with the images")
    where = f"{path}, {images_key}"
    part = Part(_images(arrays[images_key], where), to_labels(arrays[labels_key], f"{path}, {labels_key}"))
    check_part(part, where)
    return part


def _images(values: NDArray[Any], where: str) -> Images:
    if not np.issubdtype(values.dtype, np.integer):
        raise FormatError(
            f"{where}: images are whole numbers, 0 paper to 255 ink, not {describe(values)}; floats of 0 to 1 become "
            "those by (255 * images).round().astype('uint8')"
        )
    if values.shape[1:] in ((SIDE * SIDE,), (SIDE, SIDE, 1), (1, SIDE, SIDE)):
        values = values.reshape(-1, SIDE, SIDE)
    if values.dtype != np.uint8 and values.size:
        if values.min() < 0 or values.max() > 255:
            raise FormatError(f"{where}: pixels are 0 to 255, not {values.min()} to {values.max()}")
        values = values.astype(np.uint8)
    check_images(values, where)
    return values
