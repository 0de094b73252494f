"""Alembic's entry point; `sample_store.py` passes the connection."""

from alembic import context

from tenfold.serve.feedback.sample_store import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
