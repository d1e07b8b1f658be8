"""The tables, and the version of their layout; `store/migrations/` leads there from each version before.

Everything of the journal that may hold a value of a Secret is sealed (`store.seal`): manifests, plans, and the sources
of history entries.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, Text

SCHEMA_VERSION: Final = 3
_METADATA: Final = MetaData()

# One row. Programs of all versions read `version` here first, so this table and that column stay as they are for ever.
SCHEMA: Final = Table(
    "schema_version",
    _METADATA,
    Column("version", Integer, primary_key=True),
    Column("written_by", String, nullable=False, server_default=""),
)
APPLICATIONS: Final = Table(
    "applications",
    _METADATA,
    Column("name", String, primary_key=True),
    Column("status", Text, nullable=False),
    Column("operation", Text, nullable=True),
)

MANIFESTS: Final = Table(
    "manifests",
    _METADATA,
    Column("name", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
OPERATIONS: Final = Table(
    "operations",
    _METADATA,
    Column("app", String, primary_key=True),
    Column("id", String, nullable=False),
    Column("state", Text, nullable=False),
    Column("plan", LargeBinary, nullable=True),
    Column("manifests", String, nullable=False, index=True),
)
HISTORY: Final = Table(
    "history",
    _METADATA,
    Column("app", String, primary_key=True),
    Column("id", Integer, primary_key=True),
    Column("body", Text, nullable=False),
    Column("sources", LargeBinary, nullable=False),
    Column("manifests", String, nullable=False, index=True),
)
COUNTS: Final = Table(
    "history_counts",
    _METADATA,
    Column("app", String, primary_key=True),
    Column("counted", Integer, nullable=False),
)
PINS: Final = Table(
    "pins",
    _METADATA,
    Column("app", String, primary_key=True),
    Column("body", Text, nullable=False),
    Column("manifests", String, nullable=False, index=True),
)
DELETIONS: Final = Table(
    "deletions",
    _METADATA,
    Column("app", String, primary_key=True),
    Column("body", Text, nullable=False),
    Column("manifests", String, nullable=False, index=True),
)
HOLDS: Final = Table(
    "holds",
    _METADATA,
    Column("app", String, primary_key=True),
    Column("manifests", String, nullable=False, index=True),
)
CHILDREN: Final = Table(
    "children",
    _METADATA,
    Column("name", String, primary_key=True),
    Column("parent", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
JOURNAL: Final = (MANIFESTS, OPERATIONS, HISTORY, COUNTS, PINS, DELETIONS, HOLDS, CHILDREN)
TABLES: Final = _METADATA
