"""The feedback database: its default URL, its table and its migrations.

A change of the table needs a new file in migrations/versions.
"""

import os
from pathlib import Path

import platformdirs
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from tenfold import database
from tenfold.errors import StoreError

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
