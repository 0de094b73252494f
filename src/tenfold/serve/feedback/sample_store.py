"""Feedback samples in a database: its table, its migrations, and a store that writes and reads it.

One thread writes the samples, many to a transaction: a commit of a hundred takes as long as a commit of one. A change
of the table needs a new file in migrations/versions.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from tenfold import database
from tenfold.errors import StoreBusyError, StoreError
from tenfold.serve.schemas import FeedbackSample

QUEUE, TRANSACTION = 2_000, 200
# Rows in memory at a time while all are read.
_CHUNK = 500
_CLOSE_SECONDS = 10
URL_VARIABLE = "TENFOLD_DATABASE_URL"
# Alembic's default name would clash with other users of the same database, such as Optuna.
VERSION_TABLE = "feedback_version"
# Key of an advisory lock: two servers that start together must not both create the table.
_LOCK = 10_784

metadata = sa.MetaData()

feedback_samples = sa.Table(
    "feedback_samples",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("label", sa.Integer, nullable=False),
    sa.Column("predicted", sa.Integer),
    sa.Column("confidence", sa.Float),
    sa.Column("probabilities", sa.JSON(none_as_null=True)),
    sa.Column("pixels", sa.LargeBinary, nullable=False),
    sa.Column("strokes", sa.JSON(none_as_null=True)),
    sa.Column("source", sa.String(10), nullable=False),
    sa.Column("model_digest", sa.String(64)),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    # By the server's clock; created_at is by the client's.
    sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)


class _Pending(NamedTuple):
    sample: FeedbackSample
    stored: Future[bool]


class FeedbackStore:
    """Thread-safe. Close it: pending samples are written then."""

    def __init__(self, url: str | None = None, queue: int = QUEUE) -> None:
        """Opens or creates the database, and migrates it.

        url: `sqlite:///PATH` or `postgresql://USER@HOST/NAME`; None for `TENFOLD_DATABASE_URL`, or else a SQLite file
        in the user's data folder. queue: samples that may wait to be written. Raises `StoreError` if the database can't
        be opened.
        """
        parsed = feedback_url(url)
        self.url_without_password = database.without_password(parsed)
        self._engine = open_migrated(parsed)
        dialect = sqlite if parsed.get_backend_name() == "sqlite" else postgresql
        insert: Any = dialect.insert(feedback_samples)
        self._insert = insert.on_conflict_do_nothing().returning(feedback_samples.c.id)
        self._limit = queue
        self._queue: deque[_Pending] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._writer = threading.Thread(target=self._write, name="feedback", daemon=True)
        self._writer.start()

    def add(self, sample: FeedbackSample) -> "Future[bool]":
        """A future that is done once the sample is on disk: True, or False if its id is known.

        The future raises `StoreError` if the database can't be written. Raises `StoreBusyError` if the queue is full.
        """
        stored: Future[bool] = Future()
        # It can't be cancelled: the sample is stored even if the client disconnects.
        stored.set_running_or_notify_cancel()
        with self._changed:
            if self._closed:
                raise StoreError("the store is closed")
            if len(self._queue) >= self._limit:
                raise StoreBusyError(f"{self._limit} samples are waiting to be stored: try again")
            self._queue.append(_Pending(sample, stored))
            self._changed.notify()
        return stored

    def check(self) -> None:
        """Raises `StoreError` if the database does not answer."""
        with self._reading() as connection:
            connection.execute(sa.select(feedback_samples.c.id).limit(1))

    def count(self) -> int:
        with self._reading() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(feedback_samples)).scalar_one())

    def __iter__(self) -> Iterator[FeedbackSample]:
        """All samples, in any order, a few hundred in memory at a time."""
        with self._reading() as connection:
            rows = connection.execution_options(yield_per=_CHUNK).execute(sa.select(feedback_samples))
            yield from map(_from_row, rows.mappings())

    def close(self) -> None:
        """Writes pending samples for up to ten seconds; those not written by then fail with `StoreError`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._writer.join(_CLOSE_SECONDS)
        with self._changed:
            late = list(self._queue)
            self._queue.clear()
        _fail(late, f"{self.url_without_password} did not answer before the store was closed")
        self._engine.dispose()

    def __enter__(self) -> "FeedbackStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Any]:
        try:
            with self._engine.execution_options(reading=True).connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(f"{self.url_without_password} can't be read: {database.error_reason(error)}") from error

    def _write(self) -> None:
        while batch := self._next_batch():
            self._commit(batch)

    def _next_batch(self) -> list[_Pending]:
        """The samples of one transaction; empty once the store is closed and all are written."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            return [self._queue.popleft() for _ in range(min(TRANSACTION, len(self._queue)))]

    def _commit(self, batch: Sequence[_Pending]) -> None:
        try:
            rows = {pending.sample.id: _to_row(pending.sample) for pending in batch}
            with self._engine.begin() as connection:
                new = set(connection.execute(self._insert, list(rows.values())).scalars())
        except Exception as error:  # Any error: no caller may wait forever, and the thread must survive.
            _fail(batch, f"{self.url_without_password} can't be written: {database.error_reason(error)}")
            return
        for pending in batch:
            # Of two samples with one id in one transaction, the second is known.
            pending.stored.set_result(pending.sample.id in new)
            new.discard(pending.sample.id)


def _fail(batch: Sequence[_Pending], message: str) -> None:
    for pending in batch:
        pending.stored.set_exception(StoreError(message))


def _to_row(sample: FeedbackSample) -> dict[str, Any]:
    # Not model_dump, which copies each point of each stroke.
    return {**dict(sample), "created_at": sample.created_at.astimezone(UTC)}


def _from_row(row: Any) -> FeedbackSample:
    """Without validation: the row was validated before it was stored."""
    fields = {name: row[name] for name in FeedbackSample.model_fields}
    if fields["probabilities"] is not None:
        fields["probabilities"] = tuple(fields["probabilities"])
    if fields["strokes"] is not None:
        fields["strokes"] = tuple(tuple((x, y) for x, y in stroke) for stroke in fields["strokes"])
    if fields["created_at"].tzinfo is None:  # SQLite keeps no time zone; what was written is UTC.
        fields["created_at"] = fields["created_at"].replace(tzinfo=UTC)
    return FeedbackSample.model_construct(**fields)


def feedback_url(url: str | None) -> sa.URL:
    """The given URL, or `TENFOLD_DATABASE_URL`, or a SQLite file in the user's data folder."""
    if given := url or os.environ.get(URL_VARIABLE):
        return database.parse_url(given)
    return sa.URL.create("sqlite", database=str(Path(platformdirs.user_data_dir("tenfold")) / "feedback.db"))


def open_migrated(url: sa.URL) -> sa.Engine:
    """An engine whose table exists and is up to date. Raises `StoreError`."""
    try:
        with database.opening(url):
            engine = database.open_engine(url)
            with engine.begin() as connection:
                _migrate(connection)
    except CommandError as error:
        shown = database.without_password(url)
        raise StoreError(f"{shown} was created by a newer Tenfold ({error}): update Tenfold") from error
    return engine


def _migrate(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
