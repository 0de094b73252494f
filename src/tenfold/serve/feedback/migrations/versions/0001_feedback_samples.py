"""Create the table of feedback samples."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "feedback_samples",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("label", sa.Integer, nullable=False),
        sa.Column("predicted", sa.Integer),
        sa.Column("confidence", sa.Float),
        sa.Column("probabilities", sa.JSON),
        sa.Column("pixels", sa.LargeBinary, nullable=False),
        sa.Column("strokes", sa.JSON),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("model_digest", sa.String(64)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )


def downgrade() -> None:
    op.drop_table("feedback_samples")
