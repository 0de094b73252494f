"""Lists the files of sources (folders, glob patterns, files, URLs) in order, and opens them, locally or by fsspec."""

import bz2
import glob
import gzip
import heapq
import lzma
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from tenfold.data.class_folder import SUFFIXES
from tenfold.data.idx import is_idx_name
from tenfold.errors import FormatError, UsageError

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
KNOWN = (
    f"images ({', '.join(sorted(SUFFIXES))}), tars ({', '.join(_TARS)}), .parquet, .npy, IDX files, and folders of them"
)
_DECOMPRESSORS: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
# Objects fetched concurrently.
_TOGETHER = 64
# Bytes up to which a file is read in one call, which is faster than Pillow's many small reads.
_SMALL = 65_536
# Names that are sorted in memory; more are merge-sorted on disk.
_RUN = 100_000
# Files merged at a time: many systems limit a process to 1,024 open files.
_OPEN = 256


@dataclass(frozen=True)
class SourceFile:
    """A file of a source. folder: named in its rows. name: its path within the folder. kind: as of `kind_of`."""

    folder: str
    name: str
    kind: str | None

    @property
    def path(self) -> str:
        return os.path.join(self.folder, self.name) if self.folder != "." else self.name


def kind_of(name: str) -> str | None:
    """The kind of file by its name: image, tar, parquet or array; None for others, which are skipped."""
    lower = name.lower()
    if os.path.splitext(lower)[1] in SUFFIXES:
        return "image"
    if lower.endswith(_TARS):
        return "tar"
    if lower.endswith((".parquet", ".pq")):
        return "parquet"
    if lower.endswith(".npy") or is_idx_name(os.path.basename(name)):
        return "array"
    if lower.removesuffix(".gz").removesuffix(".xz").endswith((".idx", "-ubyte", ".ubyte", ".idx3")):
        return "array"
    return None


def list_source(source: str) -> Iterator[SourceFile]:
    """The files of one source in the order of their paths, without hidden files and linked folders.

    Raises `FormatError` when there are none, when a folder cannot be listed, and for a single file of unknown kind.
    """
    if is_url(source):
        found = _at_url(source)
    elif os.path.isdir(source):
        found = ((source, name) for name in sort_names(_walk(source)))
    elif os.path.exists(source):
        folder, name = os.path.split(source)
        found = iter([(folder or ".", _known(name, source))])
    elif glob.has_magic(source):
        folder = _before_pattern(source)
        found = ((folder, name) for name in sort_names(_matching(source, folder)))
    else:
        raise FormatError(f"there is no file or folder {source}")
    any_found = False
    for folder, name in found:
        any_found = True
        yield SourceFile(folder, name, kind_of(name))
    if not any_found:
        raise FormatError(f"{source} has nothing to read; supported are {KNOWN}")


def sort_names(names: Iterable[str]) -> Iterator[str]:
    """Sorts any number of names in the memory of 100,000, by merging sorted runs on disk (Knuth, TAOCP 3, 5.4)."""
    names = iter(names)
    run = sorted(islice(names, _RUN))
    if len(run) < _RUN:
        yield from run
        return
    with tempfile.TemporaryDirectory(prefix="tenfold-") as folder:
        paths = (Path(folder, str(number)) for number in count())
        runs: list[Path] = []
        while run:
            runs.append(_written(next(paths), run))
            if len(runs) == _OPEN:
                merged = _written(next(paths), heapq.merge(*map(_names, runs)))
                for path in runs:
                    path.unlink()
                runs = [merged]
            run = sorted(islice(names, _RUN))
        yield from heapq.merge(*map(_names, runs))


def _written(path: Path, names: Iterable[str]) -> Path:
    # A name may contain any byte except the slash and zero.
    with path.open("wb") as file:
        file.writelines(os.fsencode(name) + b"\0" for name in names)
    return path


def _names(path: Path) -> Iterator[str]:
    rest = b""
    with path.open("rb") as file:
        while block := file.read(65536):
            *whole, rest = (rest + block).split(b"\0")
            yield from map(os.fsdecode, whole)


def _walk(root: str) -> Iterator[str]:
    """The files below a folder, as paths relative to it."""
    folders = [""]
    while folders:
        folder = folders.pop()
        with source_errors(os.path.join(root, folder)), os.scandir(os.path.join(root, folder)) as found:
            for one in found:
                if is_hidden(one.name):
                    continue
                name = f"{folder}/{one.name}" if folder else one.name
                if one.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif one.is_file():
                    yield name


def _matching(pattern: str, folder: str) -> Iterator[str]:
    start = len(folder.rstrip("/")) + 1 if folder != "." else 0
    for path in glob.iglob(pattern, recursive=True):
        if os.path.isfile(path):
            yield path[start:]


def _before_pattern(pattern: str) -> str:
    """The innermost folder that contains all matches of a pattern."""
    fixed = pattern.split("/")
    magic = next(index for index, part in enumerate(fixed) if glob.has_magic(part))
    return "/".join(fixed[:magic]) or ("/" if pattern.startswith("/") else ".")


def _at_url(url: str) -> Iterator[tuple[str, str]]:
    system, path = file_system(url)
    with source_errors(url):
        if glob.has_magic(path):
            folder = _before_pattern(path)
            files = [found for found in system.glob(path) if system.isfile(found)]
        elif system.isdir(path):
            folder = path.rstrip("/")
            files = system.find(path)
        elif system.exists(path):
            folder, _, name = path.rpartition("/")
            files = [f"{folder}/{_known(name, url)}"]
        else:
            raise FormatError(f"there is no file or folder {url}")
    named = system.unstrip_protocol(folder)
    for file in sorted(files):
        name = file[len(folder) + 1 :]
        if not any(is_hidden(part) for part in name.split("/")):
            yield named, name


def _known(name: str, source: str) -> str:
    if kind_of(name) is None:
        raise FormatError(f"{source} has an unknown format; supported are {KNOWN}")
    return name


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def is_url(place: str) -> bool:
    """Whether it is a URL, which fsspec opens, such as `s3://bucket/shard.tar`."""
    return "://" in place


def file_system(url: str) -> tuple[Any, str]:
    """fsspec's file system, and the path on it. Raises `UsageError` for a protocol that is unknown or not installed."""
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        # fsspec's message names the package to install.
        raise UsageError(f"{url}: {error}") from error


@contextmanager
def open_binary(place: str) -> Iterator[BinaryIO]:
    """A seekable binary file, local or by URL. Raises `FormatError` when it cannot be opened."""
    with source_errors(place):
        if is_url(place):
            system, path = file_system(place)
            file = system.open(path, "rb")
        else:
            file = Path(place).open("rb")  # noqa: SIM115
    with file:
        yield file


def decompressed(file: BinaryIO) -> BinaryIO:
    """A compressed file's content, by its first bytes: gzip, bzip2 or xz; otherwise the file itself."""
    begins = file.read(6)
    file.seek(0)
    for magic, decompress in _DECOMPRESSORS:
        if begins.startswith(magic):
            return cast(BinaryIO, decompress(file))
    return file


@contextmanager
def source_errors(place: str) -> Iterator[None]:
    """Turns any exception of a file system in the block into a `FormatError` that names `place`."""
    try:
        yield
    except (FormatError, UsageError):
        raise
    except FileNotFoundError as error:
        raise FormatError(f"{place}: no such file") from error
    except OSError as error:
        raise FormatError(f"cannot read {place}: {error.strerror or error}") from error
    except Exception as error:  # Each of fsspec's file systems raises its client's own exceptions.
        raise FormatError(f"cannot read {place}: {type(error).__name__}: {error}") from error


def fetch(folder: str, names: Sequence[str]) -> Iterator[list[Any]]:
    """Loads images of a folder by name, some at a time: bytes, paths of large local files, or `FormatError`s."""
    if not is_url(folder):
        yield [_small_or_path(os.path.join(folder, name)) for name in names]
        return
    system, root = file_system(folder)
    for start in range(0, len(names), _TOGETHER):
        paths = [f"{root.rstrip('/')}/{name}" for name in names[start : start + _TOGETHER]]
        with source_errors(folder):
            found = system.cat(paths, on_error="return")
        # A single path may come back as its content instead of a dict.
        found = found if isinstance(found, dict) else {paths[0]: found}
        yield [_content(path, found.get(path)) for path in paths]


def _small_or_path(path: str) -> bytes | Path | FormatError:
    try:
        with source_errors(path), open(path, "rb", buffering=0) as file:
            content = file.read(_SMALL + 1)
    except FormatError as error:
        return error
    return content if len(content) <= _SMALL else Path(path)


def _content(path: str, found: Any) -> bytes | FormatError:
    if isinstance(found, bytes):
        return found
    reason = "no such file" if found is None or isinstance(found, FileNotFoundError) else f"cannot be fetched: {found}"
    return FormatError(f"{path}: {reason}")
