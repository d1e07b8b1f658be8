"""Which gitopsd had the file open last; and children, which the first files of 0002 have no table for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column, and the table where it is missing."""
    op.create_table(
        "children",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        if_not_exists=True,
    )
    with op.batch_alter_table("schema_version") as table:
        table.add_column(sa.Column("written_by", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    with op.batch_alter_table("schema_version") as table:
        table.drop_column("written_by")
