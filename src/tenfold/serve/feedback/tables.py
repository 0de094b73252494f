"""The feedback database: its default URL, its table and its migrations.

A change of the table needs a new file in migrations/versions.
"""

import os
from pathlib import Path

import platformdirs
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import (
    JSON,
    URL,
    Column,
    Connection,
    DateTime,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    func,
    text,
)

from tenfold import database
from tenfold.errors import StoreError

VARIABLE = "TENFOLD_DATABASE_URL"
# Alembic's default name would clash with other users of the same database, such as Optuna.
VERSION_TABLE = "corrections_version"
# Key of an advisory lock: two servers that start together must not both create the table.
_LOCK = 10_784

metadata = MetaData()

corrections = Table(
    "corrections",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("truth", Integer, nullable=False),
    Column("digit", Integer),
    Column("confidence", Float),
    Column("probabilities", JSON(none_as_null=True)),
    Column("pixels", LargeBinary, nullable=False),
    Column("strokes", JSON(none_as_null=True)),
    Column("source", String(10), nullable=False),
    Column("model_digest", String(64)),
    Column("made_at", DateTime(timezone=True), nullable=False),
    # By the server's clock; made_at is by the client's.
    Column("stored_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


def feedback_url(url: str | None) -> URL:
    """The given URL, or `TENFOLD_DATABASE_URL`, or a SQLite file in the user's data folder."""
    if given := url or os.environ.get(VARIABLE):
        return database.parse_url(given)
    return URL.create("sqlite", database=str(Path(platformdirs.user_data_dir("tenfold")) / "feedback.db"))


def open_migrated(url: URL) -> Engine:
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


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
