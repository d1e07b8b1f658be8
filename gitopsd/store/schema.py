"""Makes the tables in a new file, and brings an older file up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, insert, inspect, select, update

from gitopsd.store.failure import damaged, newer
from gitopsd.store.tables import JOURNAL, SCHEMA, SCHEMA_VERSION, TABLES

_ADDED: Final[Mapping[int, Sequence[Table]]] = {2: JOURNAL}
"""What each version added to the one before."""


def prepare(connection: Connection, file: Path) -> None:
    """Leave the tables of this version, in the transaction of `connection`: all of it happens, or nothing.

    Raises `StoreError` for a database of somebody else, and for one that a later version wrote.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        TABLES.create_all(connection)
        connection.execute(insert(SCHEMA).values(version=SCHEMA_VERSION))
        return
    if SCHEMA.name not in tables:
        raise damaged(file, "it is a database, and not one of gitopsd")
    version = connection.execute(select(SCHEMA.c.version)).scalar()
    if not isinstance(version, int):
        raise damaged(file, "it has no schema version")
    if version > SCHEMA_VERSION:
        raise newer(file, version, SCHEMA_VERSION)
    for step in range(version + 1, SCHEMA_VERSION + 1):
        TABLES.create_all(connection, tables=_ADDED[step])
    if version < SCHEMA_VERSION:
        connection.execute(update(SCHEMA).values(version=SCHEMA_VERSION))
