"""The journal: operations under way, history, pins, deletions, applications that others brought."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NAMING = ("operations", "history", "pins", "deletions", "holds")


def upgrade() -> None:
    """Make the journal's tables."""
    op.create_table(
        "manifests",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "operations",
        sa.Column("app", sa.String(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=True),
        sa.Column("manifests", sa.String(), nullable=False),
    )
    op.create_table(
        "history",
        sa.Column("app", sa.String(), primary_key=True),
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sources", sa.LargeBinary(), nullable=False),
        sa.Column("manifests", sa.String(), nullable=False),
    )
    op.create_table(
        "history_counts",
        sa.Column("app", sa.String(), primary_key=True),
        sa.Column("counted", sa.Integer(), nullable=False),
    )
    for name in ("pins", "deletions"):
        op.create_table(
            name,
            sa.Column("app", sa.String(), primary_key=True),
            sa.Column("body", sa.Text(), nullable=False),
            sa.Column("manifests", sa.String(), nullable=False),
        )
    op.create_table(
        "holds",
        sa.Column("app", sa.String(), primary_key=True),
        sa.Column("manifests", sa.String(), nullable=False),
    )
    op.create_table(
        "children",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    for name in _NAMING:
        op.create_index(f"ix_{name}_manifests", name, ["manifests"])


def downgrade() -> None:
    """Drop them, with all that is in them."""
    for name in _NAMING:
        op.drop_index(f"ix_{name}_manifests", table_name=name)
    for name in (*_NAMING, "manifests", "history_counts", "children"):
        op.drop_table(name)
