"""One tree of exceptions. Each message says what went wrong, with which value, and how to mend it.

`tenfold` exits with 2 on a `UsageError` and with 1 on every other `TenfoldError`; no bad input ends in a traceback.
"""

import difflib
from collections.abc import Iterable


class TenfoldError(Exception):
    """Base of every error that Tenfold raises on purpose."""


class UsageError(TenfoldError):
    """What was asked for makes no sense as it was typed: a wrong option, a value out of range."""


class RecipeError(UsageError):
    """A recipe that does not exist, or holds an unknown key, a wrong type or a value out of range."""


class DataError(TenfoldError):
    """A data set can't be found, fetched or trusted."""


class FormatError(DataError):
    """Bytes that are not what their name claims: IDX, CSV, npz or an image."""


class TooLargeError(FormatError):
    """An image of more pixels than are read."""


class DownloadError(DataError):
    """No mirror gave the file that was asked for."""


class RunError(TenfoldError):
    """A folder that is not a run, or a run that lacks what was asked of it."""


class CheckpointError(RunError):
    """Weights that are cut short, or of another shape than the recipe's model."""


class ModelError(TenfoldError):
    """A model file that is missing, damaged, or no model of Tenfold's."""


class TrainingError(TenfoldError):
    """Training can't go on, such as after a loss that is not a finite number."""


class ExportError(TenfoldError):
    """An exported model that does not agree with the one it came from."""


class StorageError(TenfoldError):
    """A file could not be written: the disk is full, or the folder may not be written to."""


class FeedbackError(TenfoldError):
    """Feedback that can't be exported as a dataset."""


class StoreError(TenfoldError):
    """A database can't be opened, read or written."""


class StoreBusyError(StoreError):
    """Too many feedback samples are waiting to be stored."""


class ServeError(TenfoldError):
    """A server can't start: its port is in use, or its address is not this machine's."""


class WorkerError(TenfoldError):
    """A measurement in a process of its own came to no result. kind: `crashed`, `hung` or `memory`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class BulkError(TenfoldError):
    """A bulk read that can't go on, whose output is there already, or whose counts don't agree."""


class ClusterError(TenfoldError):
    """A cluster that does not answer, has no room for what was asked of it, or lost it."""


class MissingDependencyError(TenfoldError):
    """A command needs a package of an extra that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}, which is not installed: pip install 'tenfold[{extra}]'")


class MissingToolError(TenfoldError):
    """A program that no Python package brings, such as a compiler, is not installed."""

    def __init__(self, what: str, tool: str, install: str) -> None:
        super().__init__(f"{what} needs {tool}, which is not installed: {install}")


def nearest(word: str, known: Iterable[str]) -> str:
    """Ends an error message: `"; did you mean 'relu'?"`, or the list of what is known when nothing is near."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names)}"
