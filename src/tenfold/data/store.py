"""Loads a data set by name (from the package, the cache or the network) or from a user's files."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tenfold.data import npy_cache
from tenfold.data.catalog import CATALOG, CatalogEntry, DownloadProgress, find_entry, is_known
from tenfold.data.dataset import SIDE, Dataset, DatasetPart
from tenfold.data.idx import decode, make_part, read_bytes, unpack
from tenfold.errors import DataError, FormatError, StorageError, UsageError, nearest
from tenfold.files import cache_folder, expanded

# Increment it whenever the same files are decoded into other arrays than before.
_CACHE_VERSION = 1
_EMBEDDED = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class DatasetInfo(CatalogEntry):
    """A catalog entry and its state on this machine, known without loading the data set.

    location: "embedded" (ships with the package), "cached" (fetched before) or "not fetched". folder: where the decoded
    arrays are or will be cached. fetch_bytes: size of what must be fetched, 0 if nothing, None if unknown.
    """

    location: str
    folder: Path
    fetch_bytes: int | None
    image_shape: tuple[int, int] = (SIDE, SIDE)


def load_dataset(
    name_or_path: str | Path, *, class_names: Sequence[str] = (), on_progress: DownloadProgress | None = None
) -> Dataset:
    """Loads a data set by name, or a user's own by path.

    name_or_path: mnist, fashion-mnist, kmnist, emnist-digits, emnist-letters or qmnist (case, `-` and `_` don't
    matter), else a file or folder as in `read_source`; write `./mnist`, or pass a `Path`, for a folder that has the
    name of a known data set. class_names: of images of your own that are not digits: the names of the folders that hold
    them. on_progress: called during downloads. A known data set is fetched if necessary. The arrays may be read-only
    memory maps of files in `cache_folder`. Raises `UsageError` for an unknown name, `DataError` for a path that does
    not exist, `FormatError` for files that are not digits, `DownloadError` when no mirror provides the files, and
    `StorageError` when they can't be written.
    """
    if isinstance(name_or_path, str) and is_known(name_or_path):
        if class_names:
            raise UsageError(f"{name_or_path} has class names of its own: leave out class_names")
        return _load_known(find_entry(name_or_path), on_progress)
    path = expanded(name_or_path)
    if str(name_or_path).strip() and _exists(path):
        if not (path.is_file() or path.is_dir()):
            raise DataError(f"{path} is neither a file nor a folder")
        from tenfold.data.formats import read_source

        return read_source(path, class_names)
    if isinstance(name_or_path, Path) or len(path.parts) > 1 or path.suffix:
        raise DataError(f"there is no file or folder {name_or_path}")
    known = nearest(name_or_path.lower(), (entry.name for entry in CATALOG))
    raise UsageError(f"no data set, file or folder is called {name_or_path!r}{known}")


def dataset_info(name: str) -> DatasetInfo:
    """Describes the known data set of that name. Raises `UsageError` naming the nearest when there is none."""
    return _describe_entry(find_entry(name))


def list_datasets() -> tuple[DatasetInfo, ...]:
    """Describes all known data sets."""
    return tuple(_describe_entry(entry) for entry in CATALOG)


def _load_known(entry: CatalogEntry, on_progress: DownloadProgress | None) -> Dataset:
    folder = _array_folder(entry)
    origin = f"{entry.title}, {'shipped with the package' if entry.embedded else 'fetched'} ({entry.homepage})"
    cached = npy_cache.load(entry, folder, origin)
    if cached is not None:
        return cached
    if entry.embedded:
        dataset = _from_package(entry, origin)
    else:
        from tenfold.data.fetch import fetch  # It takes a while to import, and only a download needs it.

        # Sets of one archive share its download.
        downloads = cache_folder() / "downloads" / (entry.archive or entry.name)
        fetch(entry, downloads, on_progress)
        dataset = _from_downloads(entry, downloads, origin)
    try:
        npy_cache.store(dataset, folder)
    except StorageError:
        return dataset  # the cache only saves time
    return npy_cache.load(entry, folder, origin) or dataset


def _exists(path: Path) -> bool:
    try:
        return path.expanduser().exists()
    except (OSError, RuntimeError):  # a name too long for the file system; the home of an unknown user
        return False


def _array_folder(entry: CatalogEntry) -> Path:
    """Returns a folder named after a digest of the source files, so that other files never meet an old cache."""
    digests = [*entry.unpacked_sha256.values()] or [file.digest for file in entry.files]
    key = hashlib.sha256(f"{_CACHE_VERSION} {' '.join(digests)}".encode()).hexdigest()[:12]
    return cache_folder() / "arrays" / f"{entry.name}-{key}"


def _describe_entry(entry: CatalogEntry) -> DatasetInfo:
    folder = _array_folder(entry)
    stored = npy_cache.is_stored(folder)
    sizes = [file.size_bytes for file in entry.files]
    return DatasetInfo(
        **vars(entry),
        location="embedded" if entry.embedded else "cached" if stored else "not fetched",
        folder=folder,
        fetch_bytes=0 if entry.embedded or stored else None if None in sizes else sum(size or 0 for size in sizes),
    )


def _from_package(entry: CatalogEntry, origin: str) -> Dataset:
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


def _from_downloads(entry: CatalogEntry, folder: Path, origin: str) -> Dataset:
    """Builds a data set from verified downloads in `folder`. Raises `FormatError` when they don't fit."""
    if entry.archive is None:
        return _assemble(entry, lambda name: read_bytes(folder / name), origin)
    import zipfile  # It imports lzma, which a cached data set loads without.

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
    return make_part(images, labels - entry.first_label, f"{entry.name}, {names[0]}", len(entry.class_names))
