"""Backups while a daemon works: nobody waits for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from gitopsd.cli.client import Api
from gitopsd.config import Config, load
from gitopsd.core.errors import StoreError
from gitopsd.core.ids import AppName
from gitopsd.daemon.backup import RunningBackups
from gitopsd.daemon.clock import SystemClock
from gitopsd.daemon.daemon import Daemon
from gitopsd.store.archive import Manifest, verified
from gitopsd.store.journal import SqliteJournal
from gitopsd.store.lock import StateLock
from gitopsd.store.sqlite import SqliteStore
from tests.contracts.journal_contract import a_wanted, begun
from tests.contracts.store_contract import a_status


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a configuration whose state is in `state`."""
    file = tmp_path / "gitopsd.yaml"
    file.write_text("state: {dir: state}\nreconcile: {installationID: ours}\n")
    return load(str(file), environ={})


async def whole(pieces: AsyncIterator[bytes], file: Path) -> Path:
    """Write a backup to a file."""
    content = b"".join([piece async for piece in pieces])
    await anyio.Path(file).write_bytes(content)
    return file


@pytest.mark.usefixtures("nothing_blocks")
async def test_the_loop_never_waits_for_a_backup_and_neither_does_the_journal(config: Config, tmp_path: Path) -> None:
    backups = RunningBackups(lambda: config, SystemClock())
    async with (
        StateLock(Path(config.state_dir)) as lock,
        SqliteStore(lock, print) as store,
        SqliteJournal(store.file, print) as journal,
    ):
        await store.save([a_status(f"app-{number}") for number in range(500)])
        pieces = await backups.make(with_key=True)
        first = await anext(pieces)
        # The archive is being read; the journal works on.
        for number in range(20):
            await journal.begin(AppName(f"app-{number}"), begun(), a_wanted())
        rest = [piece async for piece in pieces]
    file = tmp_path / "b"
    await anyio.Path(file).write_bytes(first + b"".join(rest))
    made = await anyio.to_thread.run_sync(verified, file)
    assert (made.installation, made.configuration, made.with_key) == ("ours", config.digest, True)


async def test_many_at_once_are_each_whole(config: Config, tmp_path: Path) -> None:
    backups = RunningBackups(lambda: config, SystemClock())
    async with (
        StateLock(Path(config.state_dir)) as lock,
        SqliteStore(lock, print) as store,
        SqliteJournal(store.file, print),
    ):
        await store.save([a_status(f"app-{number}") for number in range(50)])
        async with anyio.create_task_group() as tasks:

            async def one(number: int) -> None:
                verified(await whole(await backups.make(with_key=False), tmp_path / f"b{number}"))

            for number in range(5):
                tasks.start_soon(one, number)
    assert len([path async for path in anyio.Path(tmp_path).glob("b*")]) == 5


async def test_one_that_nobody_reads_to_its_end_leaves_nothing(config: Config) -> None:
    backups = RunningBackups(lambda: config, SystemClock())
    async with (
        StateLock(Path(config.state_dir)) as lock,
        SqliteStore(lock, print) as store,
        SqliteJournal(store.file, print),
    ):
        await store.save([a_status()])
        pieces = await backups.make(with_key=False)
        assert await anext(pieces)
        with anyio.CancelScope() as scope:
            scope.cancel()
            async for _ in pieces:
                pass
        names = {path.name async for path in anyio.Path(config.state_dir).iterdir()}
    assert not {name for name in names if "backup" in name}


async def test_a_key_that_is_not_there_is_named(config: Config, tmp_path: Path) -> None:
    elsewhere = replace(config, state_key=str(tmp_path / "elsewhere.key"))
    backups = RunningBackups(lambda: elsewhere, SystemClock())
    async with StateLock(Path(config.state_dir)) as lock, SqliteStore(lock, print):
        with pytest.raises(StoreError, match=r"elsewhere\.key: the key of the state is not there"):
            await backups.make(with_key=False)


async def test_after_a_reload_with_another_state_folder_a_backup_is_still_of_the_state_that_is_worked_on(
    tmp_path: Path,
) -> None:
    file = tmp_path / "gitopsd.yaml"
    rest = "server: {listen: '127.0.0.1:0'}\n"
    file.write_text("state: {dir: moved}\n" + rest)
    async with Daemon(load(str(file), environ={}), {}, doors=False):
        pass  # it left a state there
    file.write_text("state: {dir: state}\n" + rest)
    async with Daemon(load(str(file), environ={}), {}) as daemon:
        api = Api(str(daemon.socket_path))

        async def backup(name: str) -> Manifest:
            content = await anyio.to_thread.run_sync(lambda: b"".join(api.stream("/backup", {}, 30)))
            await anyio.Path(tmp_path / name).write_bytes(content)
            return await anyio.to_thread.run_sync(verified, tmp_path / name)

        before = await backup("before")
        file.write_text("state: {dir: moved}\nreconcile: {installationID: ours}\n" + rest)
        assert await daemon.reload()
        after = await backup("after")
        assert after.key == before.key
        assert (after.installation, after.configuration) == ("ours", load(str(file), environ={}).digest)
        assert daemon.socket_path == tmp_path / "state" / "gitopsd.sock"
