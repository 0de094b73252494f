"""Corrections in a database. One thread writes them, as many to a transaction as wait: a commit takes as long for a
hundred as for one."""

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from tenfold.database import error_reason, without_password
from tenfold.errors import StoreBusyError, StoreError
from tenfold.serve.feedback.correction import Correction
from tenfold.serve.feedback.tables import corrections, feedback_url, open_migrated

# How many may wait, and how many go into one transaction.
WAITING, TOGETHER = 2_000, 200
# Rows that are in memory at a time while all are read.
CHUNK = 500
_CLOSE_SECONDS = 10


class _Waiting(NamedTuple):
    correction: Correction
    stored: Future[bool]


class FeedbackStore:
    """Safe to share between threads. Close it: what waits is written then."""

    def __init__(self, url: str | None = None, waiting: int = WAITING) -> None:
        """Raises `StoreError` where the database can't be opened."""
        found = feedback_url(url)
        self.url_without_password = without_password(found)
        self._engine = open_migrated(found)
        dialect = sqlite if found.get_backend_name() == "sqlite" else postgresql
        self._insert: Any = dialect.insert(corrections).on_conflict_do_nothing().returning(corrections.c.id)
        self._limit = waiting
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._writer = threading.Thread(target=self._write, name="feedback", daemon=True)
        self._writer.start()

    def add(self, correction: Correction) -> "Future[bool]":
        """A future that ends once the correction is on the disk: True, or False when its id was there already.

        It raises `StoreError` where the database can't be written. Raises `StoreBusyError` when too many wait.
        """
        stored: Future[bool] = Future()
        # It can't be cancelled: a client that goes away takes back nothing.
        stored.set_running_or_notify_cancel()
        with self._changed:
            if self._closed:
                raise StoreError("the store is closed")
            if len(self._queue) >= self._limit:
                raise StoreBusyError(f"{self._limit} corrections wait to be stored: try again")
            self._queue.append(_Waiting(correction, stored))
            self._changed.notify()
        return stored

    def check(self) -> None:
        """Raises `StoreError` when the database does not answer."""
        with self._reading() as connection:
            connection.execute(select(corrections.c.id).limit(1))

    def count(self) -> int:
        with self._reading() as connection:
            return int(connection.execute(select(func.count()).select_from(corrections)).scalar_one())

    def __iter__(self) -> Iterator[Correction]:
        """All corrections, by their ids, a few hundred in memory at a time."""
        last = None
        while True:
            query = select(corrections).order_by(corrections.c.id).limit(CHUNK)
            if last is not None:
                query = query.where(corrections.c.id > last)
            with self._reading() as connection:
                rows = connection.execute(query).mappings().all()
            yield from map(_correction, rows)
            if len(rows) < CHUNK:
                return
            last = rows[-1]["id"]

    def close(self) -> None:
        """Writes what waits, for ten seconds at most; what is not written by then gets a `StoreError`."""
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
            raise StoreError(f"{self.url_without_password} can't be read: {error_reason(error)}") from error

    def _write(self) -> None:
        while together := self._next():
            self._commit(together)

    def _next(self) -> list[_Waiting]:
        """What goes into one transaction; nothing when the store is closed and all is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            return [self._queue.popleft() for _ in range(min(TOGETHER, len(self._queue)))]

    def _commit(self, waiting: Sequence[_Waiting]) -> None:
        try:
            rows = {entry.correction.id: _row(entry.correction) for entry in waiting}
            with self._engine.begin() as connection:
                new = set(connection.execute(self._insert, list(rows.values())).scalars())
        except Exception as error:  # Whatever it is: nobody may wait for ever, and the thread goes on.
            _fail(waiting, f"{self.url_without_password} can't be written: {error_reason(error)}")
            return
        for entry in waiting:
            # The second of two with one id in one transaction is known already.
            entry.stored.set_result(entry.correction.id in new)
            new.discard(entry.correction.id)


def _fail(waiting: Sequence[_Waiting], message: str) -> None:
    for entry in waiting:
        entry.stored.set_exception(StoreError(message))


def _row(correction: Correction) -> dict[str, Any]:
    # Not by `asdict`, which copies each point of each stroke.
    return {**vars(correction), "made_at": correction.made_at.astimezone(UTC)}


def _correction(row: Any) -> Correction:
    strokes, made_at = row["strokes"], row["made_at"]
    fields = {name: row[name] for name in ("id", "truth", "digit", "confidence", "pixels", "source", "model_digest")}
    return Correction(
        **fields,
        probabilities=None if row["probabilities"] is None else tuple(row["probabilities"]),
        strokes=None if strokes is None else tuple(tuple((x, y) for x, y in stroke) for stroke in strokes),
        # SQLite keeps no time zone; what it is given is in UTC.
        made_at=made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC),
    )
