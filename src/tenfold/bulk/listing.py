"""What a source holds: folders, patterns, files and URLs -> files in order, however many they are."""

import glob
import heapq
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from tenfold.bulk.places import file_system, is_url, reading
from tenfold.data.class_folder import SUFFIXES
from tenfold.data.idx_folder import is_idx_name
from tenfold.errors import FormatError

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_PACKINGS = ("", ".gz", ".xz")
KNOWN = (
    f"images ({', '.join(sorted(SUFFIXES))}), tars ({', '.join(_TARS)}), .parquet, .npy, IDX files, and folders of them"
)
# Names that are put in order in memory; more are merged from disk.
_RUN = 100_000
# Files of sorted names that are merged at a time: a process may have a thousand open.
_OPEN = 256


@dataclass(frozen=True)
class Entry:
    """A file of a source. folder: what its rows name it by; name: its path within that. kind: None for neither."""

    folder: str
    name: str
    kind: str | None

    @property
    def path(self) -> str:
        return os.path.join(self.folder, self.name) if self.folder != "." else self.name


def kind_of(name: str) -> str | None:
    """How a file of that name is read: image, tar, parquet or array; None for what is left out."""
    lower = name.lower()
    if os.path.splitext(lower)[1] in SUFFIXES:
        return "image"
    if lower.endswith(_TARS):
        return "tar"
    if lower.endswith((".parquet", ".pq")):
        return "parquet"
    if lower.endswith(".npy") or is_idx_name(os.path.basename(name)) or _says_idx(lower):
        return "array"
    return None


def _says_idx(lower: str) -> bool:
    return any(
        lower.endswith(f"{end}{packing}") for end in (".idx", "-ubyte", ".ubyte", ".idx3") for packing in _PACKINGS
    )


def entries(source: str) -> Iterator[Entry]:
    """The files of one source, in the order of their paths; hidden ones are passed over, links to folders not followed.

    Raises `FormatError` where there is nothing, where a folder can't be listed, and for a file of no known kind.
    """
    if is_url(source):
        found = _at_url(source)
    elif os.path.isdir(source):
        found = ((source, name) for name in in_order(_walk(source)))
    elif os.path.exists(source):
        folder, name = os.path.split(source)
        found = iter([(folder or ".", _known(name, source))])
    elif glob.has_magic(source):
        folder = _before_pattern(source)
        found = ((folder, name) for name in in_order(_matching(source, folder)))
    else:
        raise FormatError(f"there is no file or folder {source}")
    any_found = False
    for folder, name in found:
        any_found = True
        yield Entry(folder, name, kind_of(name))
    if not any_found:
        raise FormatError(f"{source} holds nothing to read; known are {KNOWN}")


def in_order(names: Iterable[str]) -> Iterator[str]:
    """Any number of names, sorted, in the memory of 100,000: sorted runs on disk are merged (Knuth, TAOCP 3, 5.4)."""
    names = iter(names)
    first = sorted(islice(names, _RUN))
    if len(first) < _RUN:
        yield from first
        return
    with tempfile.TemporaryDirectory(prefix="tenfold-") as folder:
        runs: list[Path] = []
        run = first
        for number in count():
            if not run:
                break
            runs.append(_written(Path(folder, str(number)), run))
            if len(runs) == _OPEN:
                merged = _written(Path(folder, f"{number}-merged"), heapq.merge(*map(_names, runs)))
                for path in runs:
                    path.unlink()
                runs = [merged]
            run = sorted(islice(names, _RUN))
        del first, run
        yield from heapq.merge(*map(_names, runs))


def _written(path: Path, names: Iterable[str]) -> Path:
    # A name may hold anything but a slash and a zero.
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
    """Files below a folder, by their paths within it."""
    folders = [""]
    while folders:
        folder = folders.pop()
        with reading(os.path.join(root, folder)), os.scandir(os.path.join(root, folder)) as found:
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
    """The folder that a pattern's matches are all in."""
    fixed = pattern.split("/")
    magic = next(index for index, part in enumerate(fixed) if glob.has_magic(part))
    return "/".join(fixed[:magic]) or ("/" if pattern.startswith("/") else ".")


def _at_url(url: str) -> Iterator[tuple[str, str]]:
    system, path = file_system(url)
    with reading(url):
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
        raise FormatError(f"{source} is none of the known formats; known are {KNOWN}")
    return name


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
