"""The tables, and the version of their layout."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table, Text

SCHEMA_VERSION: Final = 1
_METADATA: Final = MetaData()

SCHEMA: Final = Table("schema_version", _METADATA, Column("version", Integer, primary_key=True))
APPLICATIONS: Final = Table(
    "applications",
    _METADATA,
    Column("name", String, primary_key=True),
    Column("status", Text, nullable=False),
    Column("operation", Text, nullable=True),
)
TABLES: Final = _METADATA
