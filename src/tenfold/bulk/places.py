"""Files of this machine, and files anywhere that fsspec knows by URL."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tenfold.errors import FormatError, UsageError

# Objects fetched at a time: so many wait for the network together.
_TOGETHER = 64
# Bytes up to which a file is read whole: Pillow would ask the system for each piece of it.
_SMALL = 65_536


def is_url(place: str) -> bool:
    """Whether fsspec opens it, such as `s3://bucket/shard.tar`."""
    return "://" in place


def lives_in_memory(place: str) -> bool:
    """Whether only the process that wrote it can read it."""
    return place.startswith("memory://")


def file_system(url: str) -> tuple[Any, str]:
    """fsspec's file system, and the path on it. Raises `UsageError` for a protocol that isn't known or installed."""
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        # fsspec's own words name the package to install.
        raise UsageError(f"{url}: {error}") from error


@contextmanager
def opened(place: str) -> Iterator[BinaryIO]:
    """A file's bytes, from anywhere; it can seek. Raises `FormatError` that names what can't be opened."""
    with reading(place):
        if is_url(place):
            system, path = file_system(place)
            file = system.open(path, "rb")
        else:
            file = Path(place).open("rb")  # noqa: SIM115
    with file:
        yield file


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Turns whatever a file system raises in the block into a `FormatError` that names `place`."""
    try:
        yield
    except (FormatError, UsageError):
        raise
    except FileNotFoundError as error:
        raise FormatError(f"{place}: no such file") from error
    except OSError as error:
        raise FormatError(f"cannot read {place}: {error.strerror or error}") from error
    except Exception as error:  # Each of fsspec's file systems has errors of its client's own.
        raise FormatError(f"cannot read {place}: {type(error).__name__}: {error}") from error


def fetch(folder: str, names: Sequence[str]) -> Iterator[list[Any]]:
    """Images by name in a folder, some at a time: bytes, the paths of large ones on this machine, or `FormatError`s."""
    if not is_url(folder):
        yield [_small_or_path(os.path.join(folder, name)) for name in names]
        return
    system, root = file_system(folder)
    for start in range(0, len(names), _TOGETHER):
        paths = [f"{root.rstrip('/')}/{name}" for name in names[start : start + _TOGETHER]]
        with reading(folder):
            found = system.cat(paths, on_error="return")
        # One path alone may come back without its name.
        found = found if isinstance(found, dict) else {paths[0]: found}
        yield [_content(path, found.get(path)) for path in paths]


def _small_or_path(path: str) -> bytes | Path | FormatError:
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read(_SMALL + 1)
    except FileNotFoundError:
        return FormatError(f"{path}: no such file")
    except OSError as error:
        return FormatError(f"cannot read {path}: {error.strerror or error}")
    return content if len(content) <= _SMALL else Path(path)


def _content(path: str, found: Any) -> bytes | FormatError:
    if isinstance(found, bytes):
        return found
    reason = "no such file" if found is None or isinstance(found, FileNotFoundError) else f"can't be fetched: {found}"
    return FormatError(f"{path}: {reason}")
