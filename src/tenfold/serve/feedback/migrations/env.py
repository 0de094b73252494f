"""Alembic's entry: the connection comes from tenfold.serve.feedback.store."""

from alembic import context

from tenfold.serve.feedback.tables import metadata

# A table of its own: whoever else keeps tables in the same database, such as Optuna, has Alembic's usual one.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table="corrections_version"
)
with context.begin_transaction():
    context.run_migrations()
