"""State files of earlier versions, brought forward and back."""

# Files are what these tests are about, and nothing else runs in their loops.
# ruff: noqa: ASYNC221, ASYNC240

import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from gitopsd import __version__
from gitopsd.core.errors import StoreError
from gitopsd.core.history import Past
from gitopsd.core.ids import AppName
from gitopsd.store.file import StateFile
from gitopsd.store.journal import SqliteJournal
from gitopsd.store.lock import StateLock
from gitopsd.store.migrate import FOLDER
from gitopsd.store.opening import Migration, bring_back, losses
from gitopsd.store.revisions import HEAD, revision
from gitopsd.store.sqlite import SqliteStore
from gitopsd.store.tables import SCHEMA_VERSION, TABLES
from tests.contracts.journal_contract import APP, OTHER, a_child, a_deletion, a_pin, a_wanted, an_entry, begun
from tests.contracts.store_contract import a_status
from tests.store.statefiles import FILES, content, execute, rows, write

LOADED = """
import sys, pathlib, anyio
from gitopsd.store.file import StateFile
from gitopsd.store.lock import StateLock
async def look():
    async with StateLock(pathlib.Path(sys.argv[1])) as lock, StateFile(lock):
        pass
anyio.run(look)
print(sorted(name for name in sys.modules if name.startswith(("alembic", "mako"))))
"""


@asynccontextmanager
async def opened(folder: Path, told: list[Migration]) -> AsyncIterator[tuple[SqliteStore, SqliteJournal]]:
    """Open what is there; every row can be read."""
    async with (
        StateLock(folder) as lock,
        SqliteStore(lock, _never, on_migrated=told.append) as store,
        SqliteJournal(store.file, _never) as journal,
    ):
        yield store, journal


def _never(app: AppName, why: str) -> None:
    raise AssertionError(f"{app}: {why}")


def test_the_constant_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [HEAD]
    assert [one.revision for one in scripts.walk_revisions()] == [
        revision(version) for version in range(SCHEMA_VERSION, 0, -1)
    ]


@pytest.mark.parametrize("name", ["0001", "0002-first", "0002"])
async def test_migrations_leave_exactly_the_tables_that_a_new_file_has(folder: Path, tmp_path: Path, name: str) -> None:
    file = write(folder, name)
    async with StateLock(folder) as lock, StateFile(lock):
        pass
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), TABLES) == []
    engine.dispose()
    fresh = tmp_path / "fresh"
    async with StateLock(fresh) as lock, StateFile(lock):
        pass
    assert _columns(file) == _columns(fresh / "state.db")
    assert rows(file, "SELECT * FROM schema_version") == [(SCHEMA_VERSION, __version__)]


async def test_a_file_of_the_first_version_loses_nothing(folder: Path) -> None:
    file = write(folder, "0001")
    told: list[Migration] = []
    async with opened(folder, told) as (store, journal):
        statuses = await store.statuses()
        assert statuses.keys() == {APP, OTHER}
        expected = a_status()
        assert statuses[APP].resources[0].key == expected.resources[0].key
        assert await journal.past(APP) == Past()
    copy = folder / f"state.db.before-{HEAD}"
    assert told == [Migration("0001", HEAD, copy)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert rows(copy, "SELECT version FROM schema_version") == [(1,)]
    assert rows(copy, "SELECT * FROM applications") == rows(file, "SELECT * FROM applications")


@pytest.mark.parametrize("name", ["0002-first", "0002"])
async def test_a_file_of_the_second_version_loses_nothing(folder: Path, name: str) -> None:
    write(folder, name)
    told: list[Migration] = []
    async with opened(folder, told) as (store, journal):
        assert (await store.statuses()).keys() == {APP, OTHER}
        running = (await journal.in_flight())[APP]
        assert running.id == "op-2"
        assert await journal.manifests(running.manifests) == a_wanted("api")
        past = await journal.past(APP)
        assert past.entries == (an_entry(past.entries[0].manifests),)
        assert past.pin == a_pin(past.entries[0].manifests)
        assert await journal.manifests(past.entries[0].manifests) == a_wanted()
        assert [one.app for one in await journal.deletions()] == [OTHER]
        children = [] if name == "0002-first" else [a_child(AppName("child"))]
        assert list(await journal.children()) == children
        await journal.save_child(a_child())
    assert [(one.before, one.after) for one in told] == [("0002", HEAD)]
    async with opened(folder, told) as (_, journal):
        assert len(await journal.children()) == len(children) + 1
    assert len(told) == 1


async def test_forward_back_and_forward_again_keeps_what_the_older_version_has_a_place_for(folder: Path) -> None:
    file = write(folder, "0002")
    before = content(file)
    told: list[Migration] = []
    async with opened(folder, told):
        pass
    assert content(file) == before
    assert bring_back(file, 2) == Migration(HEAD, "0002", folder / "state.db.before-0002")
    assert rows(file, "SELECT * FROM schema_version") == [(2,)]
    assert content(file) == before
    async with opened(folder, told) as (_, journal):
        assert (await journal.past(APP)).pin is not None
        await journal.begin(OTHER, begun(), a_wanted())
    assert content(file) != before
    assert losses(SCHEMA_VERSION, 2) == ()
    assert "history" in losses(SCHEMA_VERSION, 1)[0]
    assert bring_back(file, 1) is not None
    assert content(file).keys() == {"applications"}
    assert content(file)["applications"] == before["applications"]
    async with opened(folder, told) as (store, journal):
        assert (await store.statuses()).keys() == {APP, OTHER}
        assert await journal.past(APP) == Past()
        await journal.save_deletion(a_deletion(OTHER))
    assert rows(folder / "state.db.before-0001", "SELECT count(*) FROM history") == [(1,)]


async def test_a_program_without_alembic_that_brings_a_file_forward_itself_confuses_nobody(folder: Path) -> None:
    """The first versions did so: what counts is the number that all of them write."""
    file = write(folder, "0002")
    async with opened(folder, []):
        pass
    bring_back(file, 1)
    execute(file, "DROP TABLE applications; DROP TABLE schema_version")
    execute(file, (FILES / "state-0002.sql").read_text())
    async with opened(folder, []) as (_, journal):
        assert (await journal.past(APP)).pin is not None


async def test_what_has_nothing_to_migrate_does_not_load_alembic(folder: Path) -> None:
    for _ in range(2):  # a new file, and one that is there
        done = subprocess.run([sys.executable, "-c", LOADED, folder], check=True, capture_output=True, text=True)
        assert done.stdout == "[]\n"


async def test_a_migration_that_finds_the_disk_full_changes_nothing_and_is_done_later(folder: Path) -> None:
    file = write(folder, "0001")
    execute(file, f"INSERT INTO applications VALUES ('large', '{'y' * 1_050_000}', NULL)")  # noqa: S608  # our own text
    before = content(file)
    with pytest.raises(StoreError, match="no space left") as caught:
        async with StateLock(folder) as lock, StateFile(lock, max_megabytes=1):
            pass
    assert caught.value.retryable
    assert content(file) == before
    assert rows(file, "SELECT * FROM schema_version") == [(1,)]
    async with StateLock(folder) as lock, StateFile(lock):
        pass
    assert content(file)["applications"] == before["applications"]


async def test_without_a_copy_nothing_is_migrated(folder: Path) -> None:
    file = write(folder, "0001")
    (folder / f"state.db.before-{HEAD}.part").mkdir()  # in the way of the copy
    with pytest.raises(StoreError, match="the copy that is kept before the state is migrated cannot be made"):
        async with StateLock(folder) as lock, StateFile(lock):
            pass
    assert rows(file, "SELECT * FROM schema_version") == [(1,)]


async def test_only_the_newest_copies_are_kept(folder: Path) -> None:
    file = write(folder, "0002")
    for number in range(5):
        old = folder / f"state.db.before-00{number}0"
        old.write_bytes(b"old")
        os.utime(old, (1000 + number, 1000 + number))
    async with StateLock(folder) as lock, StateFile(lock):
        pass
    kept = sorted(path.name for path in folder.glob(f"{file.name}.before-*"))
    assert kept == [f"state.db.before-{HEAD}", "state.db.before-0030", "state.db.before-0040"]


async def test_the_file_says_who_had_it_open_last(folder: Path) -> None:
    async with StateLock(folder) as lock, SqliteStore(lock, _never) as store:
        await store.save([replace(a_status(), decision="kept")])
    execute(folder / "state.db", "UPDATE schema_version SET written_by = '0.0.1'")
    async with opened(folder, []) as (store, _):
        assert (await store.statuses())[APP].decision == "kept"
    assert rows(folder / "state.db", "SELECT written_by FROM schema_version") == [(__version__,)]


def _columns(file: Path) -> set[tuple[object, ...]]:
    """Every column of every table and every index, in whatever order it was made."""
    tables = [str(name) for (name,) in rows(file, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {(name, *column[1:]) for name in tables for column in rows(file, f"PRAGMA table_info({name})")}
    return columns | set(rows(file, "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'"))
