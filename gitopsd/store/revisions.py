"""Which layout a state file has, told without alembic: every start looks, and next to none has anything to migrate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from gitopsd.store.failure import damaged, newer
from gitopsd.store.tables import SCHEMA, SCHEMA_VERSION

LOST: Final[Mapping[int, str]] = {
    2: "operations under way, history, pins, deletions and applications that others brought"
}
"""What a file loses that is brought back below each version; nothing where none is named."""


def revision(version: int) -> str:
    """The migration that leads to a version: "0003"."""
    return f"{version:04d}"


def version_of(written: str) -> int:
    """The version that a migration leads to; 0 for what names none."""
    return int(written) if written.isascii() and written.isdigit() else 0


HEAD: Final = revision(SCHEMA_VERSION)
"""The newest migration (a test holds that it is)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The layout of a file, and the gitopsd that had it open last ("" in files that do not tell)."""

    version: int
    written_by: str = ""


def stored(connection: Connection, file: Path) -> Stored | None:
    """What the file has; None for one without tables.

    Raises `StoreError` for a database of somebody else, and for one that a later version wrote.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if SCHEMA.name not in tables:
        raise damaged(file, "it is a database, and not one of gitopsd")
    row = connection.execute(text("SELECT * FROM schema_version")).mappings().first()
    version = row.get("version") if row is not None else None
    if row is None or not isinstance(version, int) or version < 1:
        raise damaged(file, "it has no schema version")
    written_by = str(row.get("written_by") or "")
    if version > SCHEMA_VERSION:
        raise newer(file, revision(version), HEAD, written_by)
    return Stored(version, written_by)
