"""Atomic file writes, locks between processes, and the cache's place.

A write that is killed or fills the disk leaves the old file, never a partial new one.
"""

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tenfold.errors import StorageError, TenfoldError

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space, or write elsewhere",
    errno.EDQUOT: "the disk quota is used up: free some space, or write elsewhere",
    errno.EROFS: "the file system is read-only: write elsewhere",
    errno.EACCES: "no permission to write there: write elsewhere",
    errno.EPERM: "no permission to write there: write elsewhere",
    errno.ENOTDIR: "a part of that path is a file, not a folder",
    errno.EEXIST: "a part of that path is a file, not a folder",
}


def cache_folder() -> Path:
    """The folder of decoded and downloaded data sets, and of what libraries keep for the command: `TENFOLD_CACHE`, by
    default in the user's cache."""
    chosen = os.environ.get("TENFOLD_CACHE")
    if chosen:
        return expanded(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("tenfold", appauthor=False)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Converts an `OSError` raised in the block to a `StorageError` that names `path` and the fix."""
    try:
        yield
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(f"cannot write {path}: {reason}") from error


def make_folder(path: Path) -> Path:
    """Creates `path` and its parents; raises `StorageError` on failure."""
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def expanded(path: str | Path) -> Path:
    """The path with the user's folder for a leading `~`, which shells leave as it is in `--dataset=~/digits`."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # The folder of a user that there isn't.
        return Path(path)


def write_with(path: Path, write: Callable[[Path], object], mode: int = 0o666) -> Path:
    """Calls `write` with a temporary path in the same folder, then renames that file to `path` in one step.

    mode: permissions that the file has from the start, less those that the process's umask takes away.
    """
    make_folder(path.parent)
    with storage_errors(path):
        temporary = path.with_name(f".{path.name}-{secrets.token_hex(6)}{path.suffix}")
        # Created here, so that the system applies the process's umask: reading the umask would change it for a moment.
        temporary.touch(mode, exist_ok=False)
        try:
            write(temporary)
            # Without this a power cut after the rename could leave an empty file under the final name.
            # Windows flushes only what is open for writing.
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def write_bytes(path: Path, content: bytes, mode: int = 0o666) -> Path:
    """Writes `content` to `path` atomically. mode: as of `write_with`."""
    return write_with(path, lambda temporary: temporary.write_bytes(content), mode)


def write_text(path: Path, text: str) -> Path:
    """Writes `text` to `path` as UTF-8, atomically."""
    return write_bytes(path, text.encode())


def write_json(path: Path, document: Any) -> Path:
    """Writes `document` to `path` as indented JSON, atomically. Raises `ValueError` for NaN, which is not JSON."""
    return write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


@contextlib.contextmanager
def lock(path: Path, busy: TenfoldError | None = None) -> Iterator[None]:
    """Holds a lock file, which the system releases however the process ends.

    busy: raised when another process holds the lock; without it, this one waits. A process that holds a lock must not
    acquire it again. Raises `StorageError` when the file can't be created.
    """
    held = FileLock(path, blocking=busy is None)
    with storage_errors(path):
        try:
            held.acquire()
        except Timeout:
            assert busy is not None
            raise busy from None
    try:
        yield
    finally:
        held.release()
