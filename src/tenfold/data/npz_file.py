"""User-supplied NumPy files: images with their labels in an .npz, and the writers of images in an .npy or .npz."""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic
from numpy.typing import NDArray

from tenfold.data.arrays import scaled_images, whole_labels
from tenfold.data.dataset import DatasetPart, Images, Writers, check_images, check_part, describe
from tenfold.data.idx import LARGEST
from tenfold.errors import FormatError

if TYPE_CHECKING:
    from zipfile import ZipFile

# Words of keys, in any case and order: X_train, train_images, images, data, y_test, val_labels, target ...
_PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test",
          "val": "validation", "valid": "validation", "validation": "validation"}  # fmt: skip
_KINDS = {**dict.fromkeys(("x", "image", "images", "data", "features"), "images"),
          **dict.fromkeys(("y", "label", "labels", "target", "targets"), "labels")}  # fmt: skip
_WRITER_KEYS = ("train_writer", "train_writers", "writers")


def read_npz(path: Path) -> tuple[dict[str, DatasetPart], list[str]]:
    """Reads the parts of an .npz, train and perhaps test and validation; and says what was done with its arrays.

    Keys: those of Keras (x_train, y_train, x_test, y_test), of MedMNIST and `tenfold preprocess --out` (train_images,
    train_labels, ...), and the like; without the name of a part (images and labels, X and y) all are to train on.
    Images are 28x28 or 784 long: integers from 0 (paper) to 255 (ink), or floats from 0 to 1, from -1 to 1 or from 0 to
    255. Labels are whole numbers in any type, [N] or [N,1], or one-hot [N,10]. Pickled objects are never loaded: they
    can run code. Raises `FormatError` for a damaged file, missing or ambiguous keys, or arrays that are not digits.
    """
    arrays = _load(path, lambda key: _meaning(key) is not None)
    keys = _keys(arrays, path)
    parts: dict[str, DatasetPart] = {}
    notes: list[str] = []
    for name in dict.fromkeys(["train", *(part for part, _ in keys)]):
        if name != "train" and all(len(arrays[key]) == 0 for (part, _), key in keys.items() if part == name):
            continue  # `tenfold preprocess --validation 0` writes such arrays.
        parts[name], said = _part(arrays, keys, name, path)
        notes += said if name == "train" else [f"{name} part: {note}" for note in said]
    if others := [key for key in arrays if key not in keys.values()]:
        notes.append(f"its arrays {', '.join(others)} left out")
    return parts, notes


def read_npz_images(path: Path) -> tuple[Images, list[str]]:
    """Reads the images of an .npz whose labels are not asked for, those of a test part if there is one; and says what
    was done with them. Raises `FormatError`."""
    arrays = _load(path, lambda key: (_meaning(key) or ("", ""))[1] == "images")
    keys = _keys(arrays, path)
    key = keys.get(("test", "images")) or keys.get(("train", "images"))
    if key is None:
        raise _no_images(arrays, path)
    images, notes = scaled_images(arrays[key], f"{path}, {key}")
    check_images(images, f"{path}, {key}")
    return images, notes


def _meaning(key: str) -> tuple[str, str] | None:
    """The part and the kind of array that a key names: train, test or validation; images or labels."""
    words = re.findall("[a-z]+", key.lower())
    kinds = [_KINDS[word] for word in words if word in _KINDS]
    parts = [_PARTS[word] for word in words if word in _PARTS]
    return (parts[0] if parts else "train", kinds[0]) if len(kinds) == 1 and len(kinds + parts) == len(words) else None


def _keys(arrays: Mapping[str, NDArray[Any]], path: Path) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for key in arrays:
        if (meaning := _meaning(key)) is None:
            continue
        if meaning in found:
            raise FormatError(f"{path}: both {found[meaning]} and {key} could be the {meaning[1]}: keep one of them")
        found[meaning] = key
    return found


def _no_images(arrays: Mapping[str, NDArray[Any]], path: Path) -> FormatError:
    if "" in arrays:
        return FormatError(f"{path} is a single array, not an npz: save images and labels with np.savez")
    return FormatError(
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


def _load(path: Path, wanted: Callable[[str], bool] = lambda _: True) -> dict[str, NDArray[Any]]:
    """Loads the arrays of an .npz by key, or that of an .npy under ''; keys that are not wanted are empty arrays."""
    try:
        # Opened here: NumPy leaves a file open that it fails to read.
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return {"": content}
            chosen = [key for key in content.files if wanted(key)]
            unpacked = sum(content.zip.getinfo(f"{key}.npy").file_size for key in chosen)
            if unpacked > LARGEST:
                raise ValueError(f"its arrays unpack to {unpacked / 1e9:.0f} GB, more than {LARGEST / 1e9:.0f}")
            for key in chosen:
                _check_size(content.zip, f"{key}.npy")
            return {key: content[key] if key in chosen else np.empty(0) for key in content.files}
    except FileNotFoundError as error:
        raise FormatError(f"{path}: no such file") from error
    except Exception as error:
        # zipfile, zlib and NumPy's header parser raise many types: BadZipFile, ValueError, KeyError, TokenError,
        # MemoryError for impossible sizes, ...
        raise FormatError(f"{path} is not an .npy or .npz file of numbers: {error}") from error


def _check_size(archive: "ZipFile", name: str) -> None:
    """Raises `ValueError` for an array that holds less than its header says: NumPy would take the memory first."""
    with archive.open(name) as member:
        read_header = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}.get(read_magic(member))
        if read_header is None:
            return
        shape, _, dtype = read_header(member)
    declared, held = math.prod(shape) * dtype.itemsize, archive.getinfo(name).file_size
    if declared > held:
        raise ValueError(f"{name} declares {declared:,} bytes and holds {held:,}")


def _part(
    arrays: Mapping[str, NDArray[Any]], keys: Mapping[tuple[str, str], str], part: str, path: Path
) -> tuple[DatasetPart, list[str]]:
    if (part, "images") not in keys and part == "train":
        raise _no_images(arrays, path)
    images_key, labels_key = (keys.get((part, kind)) for kind in ("images", "labels"))
    if images_key is None or labels_key is None:
        missing = "no labels: save the labels with the images" if images_key else "no images: save both"
        raise FormatError(f"{path} has {images_key or labels_key} but {missing}")
    where = f"{path}, {images_key}"
    images, notes = scaled_images(arrays[images_key], where)
    found = DatasetPart(images, whole_labels(arrays[labels_key], f"{path}, {labels_key}"))
    check_part(found, where)
    return found, notes
