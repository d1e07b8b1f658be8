"""Opens a state file: makes it, or brings it forward after keeping a copy of it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from gitopsd import __version__
from gitopsd.core.errors import StoreError
from gitopsd.store.copying import copy_database, forget_parts
from gitopsd.store.failure import as_store_error, before_name
from gitopsd.store.frozen import reading_uri
from gitopsd.store.revisions import LOST, Stored, revision, stored
from gitopsd.store.tables import SCHEMA, SCHEMA_VERSION, TABLES

UNFINISHED: Final = "restore.unfinished"
"""There while a restore puts its files in place of others."""

BACKUP_COPY: Final = "state.db.backup"
"""There for a moment while a backup is made."""

_PAGE_BYTES: Final = 4096
_MEGABYTE: Final = 1 << 20
_COPIES_KEPT: Final = 3


@dataclass(frozen=True, slots=True)
class Migration:
    """A file was brought from one revision to another; `copy` is as it was before."""

    before: str
    after: str
    copy: Path


def open_state(file: Path, max_megabytes: int) -> tuple[Engine, Migration | None]:
    """The file with the tables of this version, and how it was brought forward if it was. Blocks.

    If it is missing it is made (0600; SQLite gives its side files the same mode).

    Raises `StoreError`, `SQLAlchemyError` or `OSError`, and then what was there is there.
    """
    if file.with_name(UNFINISHED).exists():
        raise StoreError(
            "a restore did not come to its end here",
            where=str(file.parent),
            hint="run it again (gitopsd admin restore): it goes on where it was",
        )
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    file.chmod(0o600)
    with contextlib.suppress(OSError):  # whoever makes the next copy says what is wrong
        for name in (BACKUP_COPY, before_name(file, "*")):
            forget_parts(file.with_name(name))
        file.with_name(BACKUP_COPY).unlink(missing_ok=True)
    engine = make_engine(file, max_megabytes)
    try:
        return engine, _prepared(engine, file)
    except BaseException:
        engine.dispose()
        raise


def bring_back(file: Path, version: int) -> Migration | None:
    """Bring the file, which nobody has open, to an older version (or a newer one up to this program's), after keeping a
    copy; None if it has it. Blocks. Raises as `open_state`.
    """
    engine = make_engine(file, 0)
    try:
        with engine.begin() as connection:
            found = stored(connection, file)
        if found is None or found.version == version:
            return None
        return _migrated(engine, file, found.version, version)
    finally:
        engine.dispose()


def revision_in(file: Path) -> str:
    """The revision that the file has, "" if it is not there or empty; nothing is changed. Others may have it open.
    Blocks. Raises as `open_state`.
    """
    if not file.exists():
        return ""
    engine = create_engine(f"sqlite:///{reading_uri(file)}&uri=true", poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            found = stored(connection, file)
    except SQLAlchemyError as error:
        raise as_store_error(error, file) from None
    finally:
        engine.dispose()
    return "" if found is None else revision(found.version)


def losses(before: int, after: int) -> tuple[str, ...]:
    """What a file loses on the way from one version to another; nothing on the way forward."""
    return tuple(lost for version, lost in LOST.items() if after < version <= before)


def make_engine(file: Path, max_megabytes: int) -> Engine:
    """One connection, used from whichever thread has the turn. SQLAlchemy begins transactions, not the driver.

    The file grows to `max_megabytes` at most, with 0 as far as the disk goes.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        poolclass=StaticPool,
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": 2.0},
        hide_parameters=True,
    )
    # WAL: a write is one append. NORMAL: a power cut may lose the last moments, a killed process nothing; the file
    # stays whole either way.
    pragmas = [
        f"page_size={_PAGE_BYTES}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "trusted_schema=OFF",
        "journal_size_limit=4194304",
    ]
    if max_megabytes:
        pragmas.append(f"max_page_count={max_megabytes * _MEGABYTE // _PAGE_BYTES}")

    def on_connect(connection: Any, _record: object) -> None:  # the driver's connection, which SQLAlchemy does not type
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _prepared(engine: Engine, file: Path) -> Migration | None:
    with engine.begin() as connection:
        found = stored(connection, file)
        if found is None:
            TABLES.create_all(connection)
            connection.execute(SCHEMA.insert().values(version=SCHEMA_VERSION, written_by=__version__))
            return None
        if found == Stored(SCHEMA_VERSION, __version__):
            return None
        if found.version == SCHEMA_VERSION:
            connection.execute(SCHEMA.update().values(written_by=__version__))
            return None
    return _migrated(engine, file, found.version, SCHEMA_VERSION)


def _migrated(engine: Engine, file: Path, before: int, after: int) -> Migration:
    from gitopsd.store.migrate import migrate  # noqa: PLC0415  # alembic takes a quarter of a second, and seldom has work

    copy = file.with_name(before_name(file, revision(after)))
    connection = engine.raw_connection()
    try:
        driver: sqlite3.Connection = connection.driver_connection  # type: ignore[assignment]  # SQLAlchemy does not type it
        copy_database(driver, copy, "the copy that is kept before the state is migrated")
    finally:
        connection.close()
    _forget_old_copies(file)
    with engine.begin() as transaction:
        migrate(transaction, before, after)
        if after == SCHEMA_VERSION:
            transaction.execute(SCHEMA.update().values(written_by=__version__))
    return Migration(revision(before), revision(after), copy)


def _forget_old_copies(file: Path) -> None:
    copies = sorted(file.parent.glob(before_name(file, "*")), key=lambda path: -path.stat().st_mtime)
    for old in copies[_COPIES_KEPT:]:
        old.unlink(missing_ok=True)
