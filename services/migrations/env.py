"""Alembic's environment for every history of Mitra: the connection and the tables come from the caller (see services/migrating.py)."""

from alembic import context

config = context.config
context.configure(
    connection=config.attributes["connection"],
    target_metadata=config.attributes["metadata"],
    include_object=config.attributes["include_object"],
    version_table=config.attributes["version_table"],
    compare_type=True,
    compare_server_default=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
