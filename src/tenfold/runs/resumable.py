"""Folders of work that can be interrupted and resumed: runs, seeds, comparisons and sweeps."""

import itertools
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from tenfold import files
from tenfold.data import Dataset
from tenfold.errors import RunError, UsageError

LOCK = ".lock"


class ResumableFolder:
    """Base of what lives in a folder of its own. path: the folder.

    The manifest is the file that makes a folder one of these, so it is written last: a kill before that leaves nothing
    that could be resumed by mistake.
    """

    path: Path
    manifest: ClassVar[str]
    # What resumes it, before its path.
    command: ClassVar[str]

    @property
    def resume_command(self) -> str:
        """The command that resumes this folder's work."""
        return f"{self.command} {self.path}"

    @contextmanager
    def working(self) -> Iterator[None]:
        """Keeps other processes out. Raises `RunError` where one is at work; Ctrl-C says how to resume."""
        try:
            with locked(self.path):
                yield
        except KeyboardInterrupt as stopped:
            message = str(stopped) or f"interrupted; resume with: {self.resume_command}"
            raise KeyboardInterrupt(message) from None


@contextmanager
def reading(file: Path | str) -> Iterator[None]:
    """Converts what the block raises for a missing or unexpected content of `file` to a `RunError` that names it."""
    try:
        yield
    except OSError as error:
        raise RunError(f"{file} can't be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise RunError(f"{file} can't be read: {error}") from error


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in `file`. Raises `RunError` where there is none."""
    with reading(file):
        document = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise ValueError("it is not a JSON object")
        return document


def locked(path: Path) -> AbstractContextManager[None]:
    """Holds the lock of a folder. Raises `RunError` where another process holds it."""
    return files.lock(path / LOCK, RunError(f"another process is at work in {path}"))


def new_folder(parent: Path, name: str) -> Path:
    """Makes `parent/<time>-<name>`, with a number behind it where that exists already."""
    stamp = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for number in itertools.count(1):
        path = parent / (f"{stamp}-{name}" + (f"-{number}" if number > 1 else ""))
        with files.storage_errors(path):
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                if not path.is_dir():
                    raise
    return path


def latest_folder(parent: Path, *manifests: str, what: str = "run", made_by: str = "tenfold train tutorial") -> Path:
    """The folder in `parent` whose manifest was written last. Raises `RunError` where none has one."""
    found = [file for name in manifests for file in parent.glob(f"*/{name}")]
    if not found:
        raise RunError(f"there is no {what} in {parent.absolute()} yet: {made_by} makes one")
    # By the time that it was created, which renaming the folder doesn't change.
    return max(found, key=lambda file: file.stat().st_mtime_ns).parent


def check_digest(data: Dataset, digest: str, path: Path) -> None:
    """Raises `RunError` unless `data` has the SHA-256 that was stored when `path` was created."""
    if data.digest != digest:
        raise RunError(
            f"{data.name} holds other data than when {path} was created, so figures would not compare: restore that "
            "data, or pass it from Python"
        )
