"""What befalls the state folder: lost and restored, of another version, full, not to be written to, used twice."""

# What is on the disk is looked at, and nothing else runs in these loops meanwhile.

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from gitopsd.core.history import DeletionPhase
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Phase
from tests.e2e.child import Child, child
from tests.e2e.conditions import synced
from tests.e2e.manifests import config_map, deployment
from tests.e2e.test_app_of_apps import child as an_application
from tests.e2e.test_operations import BY_HAND, sync
from tests.e2e.world import Running, World

FINALIZER = "resources-finalizer.argocd.argoproj.io"
HELD = "example.org/held"


async def gitopsd(world: World, *arguments: str, ends: int = 0) -> str:
    """Run a command; what it said."""
    done = await anyio.run_process(
        [sys.executable, "-m", "gitopsd.cli", *arguments], check=False, env=world.environ, cwd=world.folder
    )
    told = (done.stdout + done.stderr).decode()
    assert done.returncode == ends, told
    return told


def moved(world: World, folder: str) -> None:
    """Let the next daemon have another state folder."""
    world.config["state"] = {"dir": f"./{folder}"}


async def past_of(daemon: Running, name: str) -> tuple[list[tuple[str, ...]], bool]:
    past = await daemon.daemon.supervisor.operations.history(AppName(daemon.world.full(name)))
    return [entry.revisions for entry in past.entries], past.pin is not None


async def rolled_back(daemon: Running, name: str) -> None:
    """Bring the first entry of its history back, and wait until it is there."""
    begun = await daemon.daemon.supervisor.operations.rollback(AppName(daemon.world.full(name)), 0, BY_HAND)

    def over() -> bool:
        last = daemon.status(name).operation
        return last is not None and last.id == begun.id and last.phase.done

    await daemon.until_true(over)
    await daemon.until(name, synced)


async def test_after_a_restore_history_and_pins_are_there_and_what_was_under_way_is_not_gone_on_with(
    world: World,
) -> None:
    """The backup is taken while the daemon works. Afterwards the cluster goes on, and then the state is lost."""
    world.commit({"app/one.yaml": config_map("one"), "root/base.yaml": an_application(world, "base")})
    world.commit({"base/one.yaml": config_map("one"), "gone/one.yaml": config_map("one")})
    # Another child, of an application that nobody syncs by itself, leaves git after the backup.
    world.commit({"byhand/stale.yaml": an_application(world, "stale"), "stale/one.yaml": config_map("one")})
    world.application("byhand", manual=True)
    world.commit({"slow/a.yaml": deployment("never-ready", wave="0"), "slow/b.yaml": config_map("second", wave="1")})
    world.application("app", prune=True, self_heal=True)
    world.application("root", prune=True)
    world.application("gone", prune=True, finalizers=[FINALIZER])
    world.application("slow", manual=True)
    for filler in ("good", "other", "third"):
        world.good(filler)
    file = world.folder / "state.tar.gz"
    async with world.daemon() as daemon:
        await daemon.until_all(lambda status: status.sync.value in ("Synced", "OutOfSync"))
        await sync(daemon, "byhand")
        await daemon.until("stale", synced)
        operations = daemon.daemon.supervisor.operations
        await daemon.live("app", world.commit({"app/one.yaml": config_map("one", "2")}))
        await rolled_back(daemon, "app")
        await operations.sync(AppName(world.full("slow")), BY_HAND)
        await daemon.until("slow", lambda status: status.operation is not None and status.operation.applied)
        await world.cluster.patch(world.full("gone"), "configmaps/one", {"metadata": {"finalizers": [HELD]}})
        world.config["applications"] = [
            entry for entry in world.config["applications"] if entry["name"] != world.full("gone")
        ]
        await daemon.reload()
        await world.cluster.until(
            world.full("gone"), "configmaps", lambda found: found["one"]["metadata"].get("deletionTimestamp")
        )
        told = await gitopsd(world, "admin", "backup", str(file), "--with-key", "--config", str(world.path))
        assert "with its key" in told
        before = await past_of(daemon, "app")
        assert (len(before[0]), before[1]) == (3, True)

    # The cluster goes on: what was being deleted is gone, and somebody has objects there again that bear its name.
    full = world.full("gone")
    await world.cluster.patch(full, "configmaps/one", {"metadata": {"finalizers": None}})
    await world.cluster.until(full, "configmaps", lambda found: "one" not in found)
    tracking = {"argocd.argoproj.io/tracking-id": f"{full}:/ConfigMap:{full}/one"}
    await world.cluster.create(full, "configmaps", {"metadata": {"name": "one", "annotations": tracking}})
    world.commit({"byhand/stale.yaml": None, "byhand/other.yaml": config_map("other")})
    await world.cluster.delete(world.full("stale"), "configmaps/one")
    moved(world, "restored")
    told = await gitopsd(world, "admin", "restore", str(file), "--state-dir", "restored")
    assert f"not gone on with: {world.full('slow')}" in told
    assert f"confirm-deletion NAME`: {full}" in told
    writes = await world.cluster.writes(world.user)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        await daemon.until("base", synced)
        assert await past_of(daemon, "app") == before
        slow = await daemon.until("slow", lambda status: status.operation is not None)
        assert slow.operation is not None
        assert slow.operation.phase is Phase.ERROR
        assert "restored from a backup of" in slow.operation.message
        await daemon.until_true(lambda: "backup of" in _said(daemon, full))
        for name in ("app", "slow", "good"):
            await daemon.refresh(name, hard=True)
        assert await world.cluster.writes(world.user) == writes
        assert "one" not in await world.cluster.names(world.full("stale"), "configmaps")
        assert "second" not in await world.cluster.names(world.full("slow"), "configmaps")
        await daemon.daemon.supervisor.operations.confirm(AppName(full))
        await world.cluster.until(full, "configmaps", lambda found: "one" not in found)


def _said(daemon: Running, full: str) -> str:
    deletion = daemon.statuses[AppName(full)].deletion
    return deletion.message if deletion is not None and deletion.phase is DeletionPhase.HELD else ""


async def test_a_backup_with_the_daemon_killed_in_the_middle_leaves_no_file_and_nothing_in_the_state_folder(
    world: World,
) -> None:
    world.good()
    state, file = world.folder / "state", world.folder / "b"
    async with child(world) as daemon:
        await daemon.until_synced("good")
        await daemon.until_line('"ready"')
        await grown(world)
        async with anyio.create_task_group() as tasks:

            async def cut() -> None:
                await until_true((state / "state.db.backup.part").exists)
                daemon.process.kill()

            tasks.start_soon(cut)
            told = await gitopsd(world, "admin", "backup", str(file), "--config", str(world.path), ends=1)
    assert "broke" in told or "failed" in told
    assert not file.exists()
    assert not (world.folder / "b.part").exists()
    async with child(world) as daemon:
        await daemon.until_synced("good")
        await daemon.until_line('"ready"')
        assert not list(state.glob("state.db.backup*"))
        assert "without its key" in await gitopsd(world, "admin", "backup", str(file), "--config", str(world.path))


async def grown(world: World) -> None:
    """Let the state file be of some size: a backup takes a moment then."""

    def grow() -> None:
        connection = sqlite3.connect(world.folder / "state" / "state.db", timeout=20)
        with contextlib.closing(connection), connection:
            rows = ((f"pad-{number}", os.urandom(1 << 20)) for number in range(60))
            connection.executemany("INSERT INTO manifests (name, sealed) VALUES (?, ?)", rows)

    await anyio.to_thread.run_sync(grow)


async def until_true(ask: object, seconds: float = 30.0) -> None:
    """Look again and again: nothing tells of files."""
    assert callable(ask)
    with anyio.fail_after(seconds):
        while not ask():
            await anyio.lowlevel.checkpoint()


async def test_a_state_file_of_the_version_before_is_brought_forward_and_nothing_is_lost(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        await daemon.live("app", world.commit({"app/one.yaml": config_map("one", "2")}))
        await rolled_back(daemon, "app")
        before = await past_of(daemon, "app")
        told = await gitopsd(world, "admin", "migrate", "--to", "0002", "--config", str(world.path), ends=1)
        assert "another gitopsd uses this state folder" in told
    told = await gitopsd(world, "admin", "migrate", "--to", "0002", "--config", str(world.path))
    assert told.startswith("revision 0002; this gitopsd works with")
    writes = await world.cluster.writes(world.user)
    async with child(world) as process:
        await process.until_synced("app")
        await process.until_line("the state file was brought forward", '"before": "0002"')
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        assert await past_of(daemon, "app") == before
    assert await world.cluster.writes(world.user) == writes
    assert (world.folder / "state" / "state.db.before-0002").exists()


async def test_a_state_file_of_a_newer_version_is_refused_and_nothing_is_touched(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
    file = world.folder / "state" / "state.db"
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 99, written_by = '7.1.0'")
    world.commit({"app/one.yaml": None, "app/two.yaml": config_map("two")})
    writes, content = await world.cluster.writes(world.user), file.read_bytes()
    async with child(world) as process:
        assert await process.ended(30) == 1
        await process.until(lambda child: child.over)
    assert "revision 0099" in "".join(process.raw)
    assert "gitopsd 7.1.0 wrote it" in "".join(process.raw)
    assert await world.cluster.writes(world.user) == writes
    assert file.read_bytes() == content


async def test_a_second_daemon_on_the_state_folder_is_refused_and_told_who_has_it(world: World) -> None:
    world.good()
    async with child(world) as first:
        await first.until_line('"ready"')
        async with child(world) as second:
            assert await second.ended(30) == 1
            await second.until(lambda child: child.over)
        told = "".join(second.raw)
        assert "another gitopsd uses this state folder" in told
        assert f"process {first.process.pid} on {os.uname().nodename} holds it" in told
        await first.until_synced("good")


def _mounting(script: str) -> list[str]:
    """A command that has mounts of its own, which `script` makes in `$STATE`."""
    rights = "-m" if os.geteuid() == 0 else "-rm"
    return ["unshare", rights, "sh", "-c", f'{script} && exec "$@"', "sh"]


def _mounts() -> bool:
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run([*_mounting("mount -t tmpfs none /mnt"), "true"], check=False, capture_output=True).returncode
        == 0
    )


own_mounts = pytest.mark.skipif(not _mounts(), reason="the system lets nobody have mounts of their own")


@own_mounts
async def test_a_state_folder_that_cannot_be_written_to_is_named_with_what_to_do(world: World) -> None:
    world.good()
    state = world.folder / "state"
    state.mkdir(mode=0o700)
    within = _mounting('mount --bind "$STATE" "$STATE" && mount -o remount,ro,bind "$STATE"')
    async with child(world, within=within, environ={"STATE": str(state)}) as process:
        assert await process.ended(30) == 1
        await process.until(lambda child: child.over)
    told = "".join(process.raw)
    assert "Read-only file system" in told
    assert str(state) in told


@own_mounts
async def test_a_full_state_folder_is_told_and_survived_and_all_is_kept_again_when_there_is_room(world: World) -> None:
    world.good()
    state = world.folder / "state"
    state.mkdir(mode=0o700)
    world.config["state"] = {"dir": "./state", "cacheDir": "./cache"}
    within = _mounting('mount -t tmpfs -o size=1200k,mode=0700 none "$STATE"')
    async with child(world, within=within, environ={"STATE": str(state)}) as daemon:
        await daemon.until_synced("good")
        await daemon.until_line('"ready"')
        inside = seen_by(daemon) / "state"
        filler = inside / "filler"
        full(filler)
        # What differs from git is put right all the same; it is only not remembered.
        commit = world.commit({"good/one.yaml": config_map("one", "2")})
        await refreshed(daemon, "good")
        await world.cluster.until(world.full("good"), "configmaps", lambda found: found["one"]["data"] == {"key": "2"})
        await daemon.until(lambda child: child.has_line("no space left") or child.has_line("disk is full"))
        told = await gitopsd(world, "admin", "backup", "b", "--socket", str(inside / "gitopsd.sock"), ends=1)
        assert "the backup cannot be made" in told
        assert not (world.folder / "b").exists()
        filler.unlink()
        await daemon.until_line("status can be saved again")
        await gitopsd(world, "admin", "backup", "b", "--with-key", "--socket", str(inside / "gitopsd.sock"))
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended(30) == 0
    moved(world, "restored")
    await gitopsd(world, "admin", "restore", "b", "--state-dir", "restored")
    async with world.daemon() as again:
        assert again.status("good").revisions == (commit,)


def seen_by(daemon: Child) -> Path:
    """The world's folder with the daemon's own mounts. Short, for the sockets in it."""
    return Path(f"/proc/{daemon.process.pid}/cwd")


async def refreshed(daemon: Child, name: str) -> None:
    """Have it look at git, through a socket that only the daemon's own mounts show."""
    socket = str(seen_by(daemon) / daemon.socket.relative_to(daemon.world.folder))
    await gitopsd(daemon.world, "app", "refresh", daemon.world.full(name), "--socket", socket)


def full(filler: Path) -> None:
    """Take all the room that there is."""
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 10))
