"""Alembic's entry: the connection comes from tenfold.feedback.store."""

from alembic import context

from tenfold.feedback.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
