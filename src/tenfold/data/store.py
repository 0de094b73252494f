"""A set by its name, or by where it lies: embedded, cached, fetched, or a user's own."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from tenfold.data import npy_cache
from tenfold.data.catalog import CATALOG, Entry, Progress, RemoteFile, find_entry, is_known
from tenfold.data.dataset import SIDE, Dataset
from tenfold.errors import DataError, StorageError, UsageError, nearest

# Raise it when the cached arrays of the same files are to differ from what they were.
_LAYOUT = 1


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """What is known of a set without loading it.

    location: "embedded" (ships with the package), "cached" (fetched before) or "not fetched". folder: where its decoded
    arrays lie or will lie. fetch_bytes: what is to be fetched in all, 0 when nothing is, None when not known.
    """

    name: str
    title: str
    train_count: int
    test_count: int
    image_shape: tuple[int, int]
    class_names: tuple[str, ...]
    licence: str
    citation: str
    homepage: str
    files: tuple[RemoteFile, ...]
    unpacked_sha256: tuple[tuple[str, str], ...]
    location: str
    folder: Path
    fetch_bytes: int | None


def load_dataset(name_or_path: str | Path, *, on_progress: Progress | None = None) -> Dataset:
    """A data set by name, or a user's own by path.

    name_or_path: mnist, fashion-mnist, kmnist, emnist-digits or qmnist (case, `-` and `_` don't matter), else a file or
    folder that `read_source` knows; a folder that is called as a set is reached by `./mnist`, or as a `Path`.
    on_progress: told of each download. A set that is not there yet is fetched. The arrays may be read-only memory maps
    of files in the cache (`cache_folder`). Raises `UsageError` for an unknown name, `DataError` for a path where there
    is nothing, `FormatError` for files that are not digits, `DownloadError` when no mirror has the files, and
    `StorageError` when there is nowhere to put them.
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
    """What is known of the set of that name. Raises `UsageError` naming the nearest when there is none."""
    return _info(find_entry(name))


def list_datasets() -> tuple[DatasetInfo, ...]:
    """Every set that is known by name."""
    return tuple(_info(entry) for entry in CATALOG)


def cache_folder() -> Path:
    """Where decoded and fetched sets are kept: `TENFOLD_CACHE` where that is set, else the user's cache folder."""
    chosen = os.environ.get("TENFOLD_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("tenfold", appauthor=False)


def _load_known(entry: Entry, on_progress: Progress | None) -> Dataset:
    folder = _array_folder(entry)
    origin = f"{entry.title}, {'shipped with the package' if entry.embedded else 'fetched'} ({entry.homepage})"
    cached = npy_cache.load(entry, folder, origin)
    if cached is not None:
        return cached
    # What follows takes a second or more, once; its imports are heavier too.
    from tenfold.data import assemble

    if entry.embedded:
        dataset = assemble.from_package(entry, origin)
    else:
        from tenfold.data.fetch import fetch

        downloads = _download_folder(entry)
        fetch(entry, downloads, on_progress)
        dataset = assemble.from_downloads(entry, downloads, origin)
    try:
        npy_cache.store(dataset, folder)
    except StorageError:
        return dataset  # a cache saves time; without one, what is in memory serves as well
    return npy_cache.load(entry, folder, origin) or dataset


def _exists(path: Path) -> bool:
    try:
        return path.expanduser().exists()
    except (OSError, RuntimeError):  # a name too long for the file system; the home of an unknown user
        return False


def _array_folder(entry: Entry) -> Path:
    """Named with a digest of the files that it was made from: other files never meet an old cache."""
    digests = [digest for _, digest in entry.unpacked_sha256] or [file.digest for file in entry.files]
    key = hashlib.sha256(f"{_LAYOUT} {' '.join(digests)}".encode()).hexdigest()[:12]
    return cache_folder() / "arrays" / f"{entry.name}-{key}"


def _download_folder(entry: Entry) -> Path:
    return cache_folder() / "downloads" / entry.name


def _info(entry: Entry) -> DatasetInfo:
    folder = _array_folder(entry)
    stored = npy_cache.is_stored(folder)
    sizes = [file.size_bytes for file in entry.files]
    fetch_bytes = 0 if entry.embedded or stored else None if None in sizes else sum(size or 0 for size in sizes)
    return DatasetInfo(
        name=entry.name,
        title=entry.title,
        train_count=entry.train_count,
        test_count=entry.test_count,
        image_shape=(SIDE, SIDE),
        class_names=entry.class_names,
        licence=entry.licence,
        citation=entry.citation,
        homepage=entry.homepage,
        files=entry.files,
        unpacked_sha256=entry.unpacked_sha256,
        location="embedded" if entry.embedded else "cached" if stored else "not fetched",
        folder=folder,
        fetch_bytes=fetch_bytes,
    )
