"""The SQLite file and what can befall it."""

# Files and processes are what these tests are about, and nothing else runs in their loops.
# ruff: noqa: ASYNC220, ASYNC240

import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gitopsd.core.appstatus import AppStatus, unknown_status
from gitopsd.core.errors import StoreError
from gitopsd.core.ids import AppName
from gitopsd.store.file import STATE_FILE
from gitopsd.store.lock import StateLock
from gitopsd.store.revisions import HEAD
from gitopsd.store.sqlite import SqliteStore
from gitopsd.store.tables import SCHEMA_VERSION
from tests.contracts.store_contract import a_status

WRITER = """
import sys, pathlib, anyio
from gitopsd.store.lock import StateLock
from gitopsd.store.sqlite import SqliteStore
from gitopsd.core.appstatus import unknown_status
from gitopsd.core.ids import AppName
from dataclasses import replace
async def write():
    async with StateLock(pathlib.Path(sys.argv[1])) as lock, SqliteStore(lock, print) as store:
        round = 0
        while True:
            round += 1
            await store.save([replace(unknown_status(AppName(f"app-{n}")), decision=str(round)) for n in range(50)])
            if round == 3:
                print("writing", flush=True)
anyio.run(write)
"""

WITH_FEW_FILES = """
import os, resource, sys, pathlib
from gitopsd.store.failure import as_store_error
from gitopsd.store.opening import open_state
from gitopsd.store.seal import Seal
from sqlalchemy.exc import SQLAlchemyError
from gitopsd.core.errors import StoreError
file, left = pathlib.Path(sys.argv[1]), int(sys.argv[2])
open_state(file, 0)[0].dispose()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for each in held[:left]:
    os.close(each)
try:
    open_state(file, 0) if left else Seal.open(file.with_name("state.key"))
except SQLAlchemyError as error:
    print(as_store_error(error, file))
except StoreError as error:
    print(error)
"""


@asynccontextmanager
async def opened(
    folder: Path, unreadable: list[tuple[AppName, str]] | None = None, *, max_megabytes: int = 1024
) -> AsyncIterator[SqliteStore]:
    """Open the store; rows that cannot be read go to `unreadable`."""
    told = [] if unreadable is None else unreadable
    async with (
        StateLock(folder) as lock,
        SqliteStore(lock, lambda name, why: told.append((name, why)), max_megabytes=max_megabytes) as store,
    ):
        yield store


async def test_state_survives_a_restart(folder: Path) -> None:
    async with opened(folder) as store:
        await store.save([a_status()])
    async with opened(folder) as store:
        assert await store.statuses() == {AppName("guestbook"): a_status()}


async def test_its_files_are_private(folder: Path) -> None:
    async with opened(folder) as store:
        await store.save([a_status()])
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert files.pop("lock") == 0o600
    assert files == dict.fromkeys([STATE_FILE, f"{STATE_FILE}-wal", f"{STATE_FILE}-shm"], 0o600)


@pytest.mark.usefixtures("nothing_blocks")
async def test_it_never_blocks_the_loop(folder: Path) -> None:
    async with StateLock(folder) as lock, SqliteStore(lock, print) as store:
        await store.save([a_status(f"app-{number}") for number in range(200)])
        assert len(await store.statuses()) == 200
        await store.remove([AppName("app-1")])


async def test_a_writer_that_is_killed_leaves_whole_transactions(folder: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, folder], stdout=subprocess.PIPE, text=True)
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        writer.send_signal(signal.SIGKILL)
        writer.wait(10)
    async with opened(folder) as store:
        statuses = await store.statuses()
    assert len(statuses) == 50
    assert len({status.decision for status in statuses.values()}) == 1


@pytest.mark.parametrize("content", [b"this is not a database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
async def test_a_damaged_file_says_what_to_do(folder: Path, content: bytes) -> None:
    folder.mkdir(mode=0o700)
    (folder / STATE_FILE).write_bytes(content)
    with pytest.raises(StoreError, match=r"state\.db: the state file is damaged: .*\. Try: move it away") as caught:
        async with opened(folder):
            pass
    assert not caught.value.retryable
    (folder / STATE_FILE).rename(folder / "state.db.damaged")
    async with opened(folder) as store:
        assert await store.statuses() == {}


async def test_a_page_damaged_in_the_middle_is_noticed(folder: Path) -> None:
    async with opened(folder) as store:
        await store.save([a_status(f"app-{number}") for number in range(50)])
    file = folder / STATE_FILE
    content = bytearray(file.read_bytes())
    for page in range(4, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xee" * 64
    file.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        async with opened(folder) as store:
            await store.statuses()


async def test_somebody_else_s_database_is_not_used(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    with sqlite3.connect(folder / STATE_FILE) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="not one of gitopsd"):
        async with opened(folder):
            pass


async def test_a_newer_schema_is_left_alone(folder: Path) -> None:
    async with opened(folder) as store:
        await store.save([a_status()])
    _execute(folder, "UPDATE schema_version SET version = 99, written_by = '7.1.0'")
    with pytest.raises(StoreError) as caught:
        async with opened(folder):
            pass
    assert str(caught.value) == (
        f"{folder}/state.db: the state file has revision 0099, this gitopsd knows up to {HEAD}: gitopsd 7.1.0 "
        f"wrote it. Try: run that version, or let it bring the file back (gitopsd admin migrate --to {HEAD}); what was "
        "there before it may be in state.db.before-0099 beside it"
    )
    _execute(folder, f"UPDATE schema_version SET version = {SCHEMA_VERSION}")  # noqa: S608  # a number of ours
    async with opened(folder) as store:
        assert len(await store.statuses()) == 1


@pytest.mark.parametrize(
    "change",
    [
        "status = '{'",
        "status = '[]'",
        'status = \'{"sync": "NoSuchCode", "health": ["Healthy", ""]}\'',
        "status = x'ff00'",
        "status = 17",
        "operation = '{}'",
        "operation = '[1]'",
    ],
)
async def test_a_row_that_makes_no_sense_concerns_its_application_alone(folder: Path, change: str) -> None:
    async with opened(folder) as store:
        await store.save([a_status("odd"), a_status("fine")])
    _execute(folder, f"UPDATE applications SET {change} WHERE name = 'odd'")  # noqa: S608  # the parameters above, no input
    unreadable: list[tuple[AppName, str]] = []
    async with opened(folder, unreadable) as store:
        assert list(await store.statuses()) == ["fine"]
    assert [name for name, _ in unreadable] == ["odd"]
    assert unreadable[0][1]


async def test_a_full_disk_is_retryable_and_harms_nothing(folder: Path) -> None:
    before = replace(unknown_status(AppName("small")), decision="before")
    async with opened(folder, max_megabytes=1) as store:
        await store.save([before])
        with pytest.raises(StoreError, match="no space left") as caught:
            await store.save([replace(before, decision="x" * 500_000), *_large(8)])
        assert caught.value.retryable
        assert "xxxx" not in str(caught.value)
        assert await store.statuses() == {before.name: before}
        await store.save([replace(before, decision="after")])
    async with opened(folder) as store:
        assert (await store.statuses())[before.name].decision == "after"


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_shortage_of_open_files_is_not_taken_for_a_want_of_rights(folder: Path, left: int) -> None:
    folder.mkdir(mode=0o700)
    command = [sys.executable, "-c", WITH_FEW_FILES, str(folder / STATE_FILE), str(left)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "too many open files" in told.lower()
    assert "Try: allow more: LimitNOFILE=" in told


async def test_a_text_that_utf_8_cannot_hold_loses_only_that_character(folder: Path) -> None:
    async with opened(folder) as store:
        await store.save([replace(a_status("odd"), decision="a\ud800b"), a_status("fine")])
        statuses = await store.statuses()
    assert statuses[AppName("odd")].decision == "a?b"
    assert statuses[AppName("fine")] == a_status("fine")


async def test_a_closed_store_says_so(folder: Path) -> None:
    async with opened(folder) as store:
        pass
    with pytest.raises(StoreError, match="not open"):
        await store.statuses()


async def test_a_link_in_place_of_the_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / STATE_FILE).symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(StoreError, match="cannot be opened"):
        async with opened(folder):
            pass
    assert not (tmp_path / "elsewhere.db").exists()


def _large(count: int) -> list[AppStatus]:
    return [replace(unknown_status(AppName(f"large-{number}")), decision="y" * 500_000) for number in range(count)]


def _execute(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / STATE_FILE)
    with connection:
        connection.execute(statement)
    connection.close()
