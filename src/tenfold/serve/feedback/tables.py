"""The database's one table. A change here is a new file in migrations/versions."""

from sqlalchemy import JSON, Column, DateTime, Float, Integer, LargeBinary, MetaData, String, Table, Uuid, func

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
    # The server's clock, not the corrector's.
    Column("stored_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
