"""Which database, and how it is opened: SQLite by default, PostgreSQL by its URL."""

import os
import re
from pathlib import Path
from typing import Any

import platformdirs
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from tenfold.errors import MissingDependencyError, StoreError

VARIABLE = "TENFOLD_DATABASE_URL"
# Seconds that a writer waits for another one's lock.
PATIENCE = 5
# Any number that nothing else locks: two servers that start at once must not both make the table.
_LOCK = 10_784


_DRIVERS = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_KNOWN = "give sqlite:///PATH or postgresql://USER@HOST/NAME"


def database_url(url: str | None) -> URL:
    """Raises `StoreError` for what is no URL of SQLite or PostgreSQL."""
    given = url or os.environ.get(VARIABLE)
    if not given:
        return URL.create("sqlite", database=str(Path(platformdirs.user_data_dir("tenfold")) / "feedback.db"))
    try:
        found = make_url(given)
    except (ArgumentError, ValueError):
        shown = re.sub(":[^:@/]*@", ":***@", given)
        raise StoreError(f"{shown!r} is no database; {_KNOWN}") from None
    kind = found.drivername.split("+")[0]
    if kind not in _DRIVERS:
        raise StoreError(f"{found.drivername} is not known here; {_KNOWN}")
    if kind == "sqlite":
        if found.database in (None, "", ":memory:") or found.query:
            raise StoreError("a SQLite database is a file, without options: sqlite:///PATH")
        found = found.set(database=str(Path(str(found.database)).expanduser().absolute()))
    return found.set(drivername=_DRIVERS[kind])


def open_engine(url: URL) -> Engine:
    """An engine whose table is there and up to date. Raises `StoreError` where that can't be."""
    shown = url.render_as_string(hide_password=True)
    try:
        engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
        with engine.begin() as connection:
            _migrate(connection)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(str(error.name), "serve,postgres") from error
    except CommandError as error:
        raise StoreError(f"{shown} was made by a newer Tenfold ({reason(error)}): update this one") from error
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"{shown} can't be opened: {reason(error)}") from error
    return engine


def reason(error: Exception) -> str:
    """What the database itself said, in one line."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def _sqlite(url: URL) -> Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": PATIENCE})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        # Transactions are begun by the listener below: the driver's own way begins them too late to hold a lock.
        connection.isolation_level = None
        # Readers don't wait for the writer; and what is committed is on the disk, though the power fails.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes then would fail where it could have waited.
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL) -> Engine:
    # A server that is gone without a word is given up after as long, and not when the network does, in minutes.
    patience = {"connect_timeout": max(2, int(PATIENCE)), "tcp_user_timeout": int(1000 * PATIENCE)}
    patience = {name: value for name, value in patience.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, connect_args=patience)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.execute(f"SET lock_timeout = {int(1000 * PATIENCE)}")
        connection.commit()

    return engine


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    tables = inspect(connection).get_table_names()
    if "corrections" in tables and "corrections_version" not in tables:
        # Before the version had a table of its own there was but one.
        command.stamp(config, "0001")
    command.upgrade(config, "head")
