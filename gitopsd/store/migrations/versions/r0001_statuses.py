"""The statuses of applications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table("schema_version", sa.Column("version", sa.Integer(), primary_key=True))
    op.create_table(
        "applications",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=True),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("applications")
    op.drop_table("schema_version")
