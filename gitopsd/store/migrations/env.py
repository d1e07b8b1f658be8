"""What alembic runs a migration in: the connection, and the transaction, of whoever asked for it."""

from __future__ import annotations

from alembic import context

from gitopsd.store.tables import TABLES

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=TABLES,
    # SQLite cannot change a column in place: the table is made anew and its rows are copied.
    render_as_batch=True,
)
context.run_migrations()
