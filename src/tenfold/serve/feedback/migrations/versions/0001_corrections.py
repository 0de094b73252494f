"""The table of corrections."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "corrections",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("truth", sa.Integer, nullable=False),
        sa.Column("digit", sa.Integer),
        sa.Column("confidence", sa.Float),
        sa.Column("probabilities", sa.JSON),
        sa.Column("pixels", sa.LargeBinary, nullable=False),
        sa.Column("strokes", sa.JSON),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("model_digest", sa.String(64)),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )


def downgrade() -> None:
    op.drop_table("corrections")
