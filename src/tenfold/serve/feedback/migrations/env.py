"""Alembic's entry: the connection comes from tenfold.serve.feedback.store."""

from alembic import context

from tenfold.serve.feedback.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
