"""The exception hierarchy. Each message says what went wrong, with which value, and how to fix it.

`tenfold` exits with 2 on a `UsageError` and with 1 on every other `TenfoldError`; no bad input ends in a traceback.
"""

import difflib
from collections.abc import Iterable
from os import PathLike


class TenfoldError(Exception):
    """Base of every error that Tenfold raises on purpose."""


class UsageError(TenfoldError):
    """Invalid usage: a wrong option, a value out of range."""


class RecipeError(UsageError):
    """A recipe that does not exist, or has an unknown key, a wrong type or a value out of range."""


class DataError(TenfoldError):
    """A data set can't be found, downloaded or verified."""


class FormatError(DataError):
    """A damaged or invalid file: IDX, CSV, npz or an image."""


class TooLargeError(FormatError):
    """An image with more pixels than the limit."""


class DownloadError(DataError):
    """No mirror provided the requested file."""


class RunError(TenfoldError):
    """A folder that is not a run, or a run that lacks what was requested."""


class CheckpointError(RunError):
    """Weights that are truncated, or have another shape than the recipe's model."""


class ModelError(TenfoldError):
    """A model file that is missing, damaged, or not a Tenfold model."""


class TrainingError(TenfoldError):
    """Training can't continue, for example after a loss that is not finite."""


class ExportError(TenfoldError):
    """An exported model whose outputs differ from those of its source."""


class StorageError(TenfoldError):
    """A file could not be written: the disk is full, or the folder is not writable."""


class FeedbackError(TenfoldError):
    """Feedback that can't be exported as a dataset."""


class StoreError(TenfoldError):
    """A database can't be opened, read or written."""


class StoreBusyError(StoreError):
    """Too many feedback samples are waiting to be stored."""


class ServeError(TenfoldError):
    """A server can't start: its port is in use, or its address does not belong to this machine."""


class BulkError(TenfoldError):
    """A bulk read that can't continue, whose output exists already, or whose counts disagree."""


class ClusterError(TenfoldError):
    """A cluster that does not answer, lacks the requested resources, or lost a job."""


class MissingDependencyError(TenfoldError):
    """A command needs a package from an optional extra that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}, which is not installed: pip install 'tenfold[{extra}]'")


def check_kind(value: object, kind: type, load: str) -> None:
    """Raises `UsageError` for a value of another class, such as a name in place of what the function `load` returns."""
    if isinstance(value, kind):
        return
    if isinstance(value, str | PathLike):
        raise UsageError(f"{str(value)!r} is not a {kind.__name__}: pass {load}({str(value)!r})")
    raise UsageError(f"a {type(value).__name__} is not a {kind.__name__}: pass what {load} returns")


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns the end of an error message: `"; did you mean 'relu'?"`, or the list of known words if none is close."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names)}"
