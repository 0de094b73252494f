"""Builds a data set from the files of a catalog entry: unpacks, verifies and, for EMNIST, transposes them."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tenfold.data.catalog import CatalogEntry
from tenfold.data.dataset import Dataset, DatasetPart
from tenfold.data.idx import decode, make_part, read_bytes, unpack
from tenfold.errors import DataError, FormatError

_EMBEDDED = Path(__file__).parent


def from_package(entry: CatalogEntry, origin: str) -> Dataset:
    """Builds a data set that ships with the package. Raises `DataError` when a file is missing or damaged."""

    def read(name: str) -> bytes:
        name = name.removesuffix(".gz")
        path = _EMBEDDED / entry.name / f"{name}.xz"
        try:
            content = unpack(read_bytes(path), path.name)
        except FormatError as error:
            raise DataError(f"{error}: the package is damaged; install it again") from error
        if hashlib.sha256(content).hexdigest() != entry.unpacked_sha256[name]:
            raise DataError(f"{path} does not have its published SHA-256: the package is damaged; install it again")
        return content

    return _assemble(entry, read, origin)


def from_downloads(entry: CatalogEntry, folder: Path, origin: str) -> Dataset:
    """Builds a data set from verified downloads in `folder`. Raises `FormatError` when they don't fit."""
    if entry.archive is None:
        return _assemble(entry, lambda name: read_bytes(folder / name), origin)
    try:
        with zipfile.ZipFile(folder / entry.archive) as archive:
            return _assemble(entry, archive.read, origin)
    except (OSError, KeyError, zipfile.BadZipFile, EOFError) as error:
        path = folder / entry.archive
        raise FormatError(f"{path} is not the expected zip: {error}; remove it and fetch it again") from error


def _assemble(entry: CatalogEntry, read: Callable[[str], bytes], origin: str) -> Dataset:
    train, test = _part(entry, entry.train, read), _part(entry, entry.test, read)
    for part, count in ((train, entry.train_count), (test, entry.test_count)):
        if len(part.labels) != count:
            raise FormatError(f"{entry.name}: {len(part.labels)} images, {count} expected; fetch it again")
    return Dataset.of_parts(train, test, name=entry.name, class_names=entry.class_names, origin=origin)


def _part(entry: CatalogEntry, names: tuple[str, str], read: Callable[[str], bytes]) -> DatasetPart:
    images, labels = (decode(unpack(read(name), name), name) for name in names)
    if entry.transposed and images.ndim == 3:
        images = np.ascontiguousarray(images.transpose(0, 2, 1))
    return make_part(images, labels, f"{entry.name}, {names[0]}")
