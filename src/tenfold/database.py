"""Database URLs, engines and errors, for feedback and sweeps: SQLite or PostgreSQL."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from tenfold.errors import MissingDependencyError, StoreError

# Seconds that a transaction waits for a lock, and a connection for its server.
LOCK_TIMEOUT = 5

_DRIVERS = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_EXPECTED = "use sqlite:///PATH or postgresql://USER@HOST/NAME"


def parse_url(text: str) -> URL:
    """The URL of a SQLite file or a PostgreSQL database, with an absolute path and the driver that we use.

    Raises `StoreError` for any other text.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        hidden = re.sub(":[^:@/]*@", ":***@", text)
        raise StoreError(f"{hidden!r} is not a database URL; {_EXPECTED}") from None
    kind = url.drivername.split("+")[0]
    if kind not in _DRIVERS:
        raise StoreError(f"{url.drivername} is not supported; {_EXPECTED}")
    if kind == "sqlite":
        if url.database in (None, "", ":memory:") or url.query:
            raise StoreError("a SQLite URL must name a file, without options: sqlite:///PATH")
        url = url.set(database=str(Path(str(url.database)).expanduser().absolute()))
    return url.set(drivername=_DRIVERS[kind])


def without_password(url: URL) -> str:
    """The URL for messages and files: no driver, no password."""
    return url.set(drivername=url.get_backend_name(), password=None).render_as_string()


def error_reason(error: BaseException) -> str:
    """The database's own message, in one line."""
    message = str(getattr(error, "orig", None) or error).strip()
    return message.splitlines()[0] if message else type(error).__name__


@contextmanager
def opening(url: URL) -> Iterator[None]:
    """Raises `StoreError` for what SQLAlchemy or the file system raise in the block, `MissingDependencyError` without
    the driver."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(str(error.name), "postgres") from error
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"{without_password(url)} can't be opened: {error_reason(error)}") from error


def open_engine(url: URL) -> Engine:
    """An engine with short lock timeouts. Nothing is connected yet; the folder of a SQLite file is created."""
    return _open_sqlite(url) if url.get_backend_name() == "sqlite" else _open_postgresql(url)


def _open_sqlite(url: URL) -> Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": LOCK_TIMEOUT})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # The listener below starts transactions: the driver would start them too late to hold a lock.
        connection.isolation_level = None
        # Readers don't wait for the writer, and a committed transaction survives a power failure.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads before it writes would fail where it could have waited for the lock.
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _open_postgresql(url: URL) -> Engine:
    # An unreachable server is given up after LOCK_TIMEOUT; the network's own timeout takes minutes.
    timeouts = {"connect_timeout": max(2, int(LOCK_TIMEOUT)), "tcp_user_timeout": int(1000 * LOCK_TIMEOUT)}
    timeouts = {name: value for name, value in timeouts.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, connect_args=timeouts)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.execute(f"SET lock_timeout = {int(1000 * LOCK_TIMEOUT)}")
        connection.commit()

    return engine
