"""Which database, and how it is opened: SQLite by default, PostgreSQL by its URL."""

import os
from pathlib import Path
from typing import Any

import platformdirs
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from tenfold.errors import MissingDependencyError, StoreError

VARIABLE = "TENFOLD_DATABASE_URL"
# Seconds that a writer waits for another one's lock.
PATIENCE = 5
# Any number that nothing else locks: two servers that start at once must not both make the table.
_LOCK = 10_784


def database_url(url: str | None) -> URL:
    """Raises `StoreError` for what is no URL of SQLite or PostgreSQL."""
    text_ = (
        url or os.environ.get(VARIABLE) or f"sqlite:///{Path(platformdirs.user_data_dir('tenfold')) / 'feedback.db'}"
    )
    try:
        found = make_url(text_)
    except ArgumentError:
        raise StoreError(f"{text_!r} is no database; give sqlite:///PATH or postgresql://USER@HOST/NAME") from None
    if found.drivername in ("postgres", "postgresql"):
        found = found.set(drivername="postgresql+psycopg")
    if found.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"{found.drivername} is not known here; give sqlite:///PATH or postgresql://USER@HOST/NAME")
    if found.get_backend_name() == "sqlite" and not found.database:
        raise StoreError("a SQLite database needs a file: sqlite:///PATH")
    return found


def open_engine(url: URL) -> Engine:
    """An engine whose table is there and up to date. Raises `StoreError` where that can't be."""
    shown = url.render_as_string(hide_password=True)
    try:
        if url.get_backend_name() == "sqlite":
            engine = _sqlite(url)
        else:
            engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": PATIENCE})
        with engine.begin() as connection:
            _migrate(connection)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(str(error.name), "serve,postgres") from error
    except (NoSuchModuleError, SQLAlchemyError, OSError) as error:
        raise StoreError(f"{shown} can't be opened: {reason(error)}") from error
    return engine


def reason(error: Exception) -> str:
    """What the database itself said, in one line."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _sqlite(url: URL) -> Engine:
    Path(str(url.database)).expanduser().absolute().parent.mkdir(parents=True, exist_ok=True)
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


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
