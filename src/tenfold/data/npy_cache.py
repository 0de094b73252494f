"""The cache of decoded data sets: .npy files, memory-mapped, so that loading takes milliseconds."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.catalog import CatalogEntry
from tenfold.data.dataset import Dataset
from tenfold.errors import FormatError

_FIELDS = ("train_images", "train_labels", "test_images", "test_labels")
_WRITERS = ("train_writers", "test_writers")


def store(dataset: Dataset, folder: Path) -> None:
    """Writes the arrays into `folder`, each file atomically. Raises `StorageError` on failure.

    Safe to run in several processes: all write the same contents.
    """
    from tenfold.files import write_with

    # Writers first: with the others in place, their absence would mean that there are none.
    for field in (*_WRITERS, *_FIELDS):
        array = getattr(dataset, field)
        if array is not None:
            write_with(_path(folder, field), partial(_save, array))


def load(entry: CatalogEntry, folder: Path, origin: str) -> Dataset | None:
    """Memory-maps what `store` wrote into `folder`; returns None when a file is missing, truncated or invalid.

    The images are not hashed: that would take longer than the load.
    """
    fields = (*_FIELDS, *(field for field in _WRITERS if _path(folder, field).exists()))
    arrays: dict[str, Any] = {field: _map(_path(folder, field)) for field in fields}
    if any(array is None for array in arrays.values()):
        return None
    try:
        dataset = Dataset(name=entry.name, class_names=entry.class_names, origin=origin, **arrays)
    except FormatError:
        return None
    counts = (len(dataset.train_labels), len(dataset.test_labels))
    return dataset if counts == (entry.train_count, entry.test_count) else None


def is_stored(folder: Path) -> bool:
    """Whether all files of a data set exist; only `load` validates them."""
    return all(_path(folder, field).is_file() for field in _FIELDS)


def _save(array: NDArray[Any], path: Path) -> None:
    np.save(path, array)


def _map(path: Path) -> NDArray[Any] | None:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        # NumPy maps a file with excess bytes without complaint, but `store` did not write that file.
        if path.stat().st_size != array.offset + array.nbytes:
            return None
    except Exception:
        # NumPy's header parser raises many types: OSError, ValueError, EOFError, TokenError, ... All mean: rewrite it.
        return None
    return np.asarray(array)  # the same mapped memory, without the overhead of the subclass at each slice


def _path(folder: Path, field: str) -> Path:
    return folder / f"{field.replace('_', '-')}.npy"
