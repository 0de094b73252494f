"""What people say a digit was: kept in a database, and made a data set to learn from."""

from typing import TYPE_CHECKING

from tenfold.errors import MissingDependencyError
from tenfold.serve.feedback.correction import Correction

if TYPE_CHECKING:
    from tenfold.serve.feedback.store import FeedbackStore

__all__ = ["Correction", "FeedbackStore", "open_store"]


def open_store(url: str | None = None) -> "FeedbackStore":
    """The store at a database's URL: `sqlite:///PATH` or `postgresql://USER@HOST/NAME`; made, and brought up to date.

    None: `TENFOLD_DATABASE_URL`, or else a SQLite file where the platform keeps a user's data. Raises `StoreError`
    where there is no such database, `MissingDependencyError` without the extra `serve`.
    """
    try:
        from tenfold.serve.feedback.store import FeedbackStore
    except ModuleNotFoundError as error:
        raise MissingDependencyError(str(error.name), "serve") from error

    return FeedbackStore(url)


def __getattr__(name: str) -> object:
    # SQLAlchemy is not for who only reads.
    if name == "FeedbackStore":
        from tenfold.serve.feedback.store import FeedbackStore

        return FeedbackStore
    raise AttributeError(name)
