"""Loads a data set by name (from the package, the cache or the network) or from a user's files."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from tenfold.data import npy_cache
from tenfold.data.catalog import CATALOG, CatalogEntry, DownloadProgress, find_entry, is_known
from tenfold.data.dataset import SIDE, Dataset
from tenfold.errors import DataError, StorageError, UsageError, nearest

# Increment it whenever the same files are decoded into other arrays than before.
_CACHE_VERSION = 1


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


def load_dataset(name_or_path: str | Path, *, on_progress: DownloadProgress | None = None) -> Dataset:
    """Loads a data set by name, or a user's own by path.

    name_or_path: mnist, fashion-mnist, kmnist, emnist-digits or qmnist (case, `-` and `_` don't matter), else a file or
    folder as in `read_source`; write `./mnist`, or pass a `Path`, for a folder that has the name of a known data set.
    on_progress: called during downloads. A known data set is fetched if necessary. The arrays may be read-only memory
    maps of files in `cache_folder`. Raises `UsageError` for an unknown name, `DataError` for a path that does not
    exist, `FormatError` for files that are not digits, `DownloadError` when no mirror provides the files, and
    `StorageError` when they can't be written.
    """
    if isinstance(name_or_path, str) and is_known(name_or_path):
        return _load_known(find_entry(name_or_path), on_progress)
    path = Path(name_or_path)
    if str(name_or_path).strip() and _exists(path):
        if not (path.is_file() or path.is_dir()):
            raise DataError(f"{path} is neither a file nor a folder")
        from tenfold.data.formats import read_source

        return read_source(path)
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


def cache_folder() -> Path:
    """Returns the folder of decoded and downloaded data sets: `TENFOLD_CACHE`, by default in the user's cache."""
    chosen = os.environ.get("TENFOLD_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("tenfold", appauthor=False)


def _load_known(entry: CatalogEntry, on_progress: DownloadProgress | None) -> Dataset:
    folder = _array_folder(entry)
    origin = f"{entry.title}, {'shipped with the package' if entry.embedded else 'fetched'} ({entry.homepage})"
    cached = npy_cache.load(entry, folder, origin)
    if cached is not None:
        return cached
    # Imported here: only the first load, which takes a second or more, needs these.
    from tenfold.data import assemble

    if entry.embedded:
        dataset = assemble.from_package(entry, origin)
    else:
        from tenfold.data.fetch import fetch

        downloads = cache_folder() / "downloads" / entry.name
        fetch(entry, downloads, on_progress)
        dataset = assemble.from_downloads(entry, downloads, origin)
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
