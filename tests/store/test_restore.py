"""Backups of a state folder, and restores into others."""

# Files and processes are what these tests are about, and nothing else runs in their loops.
# ruff: noqa: ASYNC220, ASYNC240

import gzip
import hashlib
import io
import os
import secrets
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from gitopsd import __version__
from gitopsd.core.childapps import ChildRecord
from gitopsd.core.errors import StoreError
from gitopsd.core.history import Deletion, DeletionPhase, Past, deployed
from gitopsd.core.ids import AppName
from gitopsd.core.jsonvalue import text
from gitopsd.core.operation import Operation, Phase
from gitopsd.store.archive import Manifest, Whole, verified
from gitopsd.store.journal import SqliteJournal
from gitopsd.store.lock import StateLock
from gitopsd.store.opening import UNFINISHED
from gitopsd.store.restore import ASIDE, Restored, Wanted, restore
from gitopsd.store.revisions import HEAD
from gitopsd.store.shortage import check_room, shortfall
from gitopsd.store.snapshot import Origin, take_snapshot
from gitopsd.store.sqlite import SqliteStore
from tests.contracts.journal_contract import APP, OTHER, a_child, a_deletion, a_pin, a_wanted, an_entry, begun
from tests.contracts.store_contract import a_status
from tests.store.statefiles import KEY, execute, rows, write

MADE = datetime(2026, 3, 2, 8, 30, 5, tzinfo=UTC)
NOW = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
SECRET = "correct-horse-battery-staple"
SEEDS = b"s" * 32 + b"\0" * 8
OVER, FOUND = AppName("over"), AppName("found")


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[SqliteStore, SqliteJournal]]:
    """Open what is there; every row can be read."""
    async with (
        StateLock(folder) as lock,
        SqliteStore(lock, _never) as store,
        SqliteJournal(store.file, _never) as journal,
    ):
        yield store, journal


def _never(app: AppName, why: str) -> None:
    raise AssertionError(f"{app}: {why}")


async def fill(folder: Path) -> Past:
    """Let a daemon have worked there: something of everything; the history of `APP`."""
    async with opened(folder) as (store, journal):
        operation = await journal.begin(APP, begun(), a_wanted())
        await journal.end(APP, operation, deployed(Past(), an_entry(operation.manifests), 3))
        past = replace(await journal.past(APP), pin=a_pin(operation.manifests))
        await journal.save_past(APP, past)
        running = replace(await journal.begin(APP, _running(), a_wanted("api")), plan=None)
        await store.save([replace(a_status(), operation=running), a_status("over")])
        await journal.save_deletion(a_deletion(OTHER))
        await journal.save_deletion(replace(a_deletion(FOUND), phase=DeletionPhase.ARMED))
        await journal.save_deletion(replace(a_deletion(OVER), phase=DeletionPhase.DELETED))
        await journal.save_child(a_child(AppName("child")))
    (folder / "random.key").write_bytes(SEEDS)
    return past


def _running() -> Operation:
    return replace(begun(2, a_wanted("api")), phase=Phase.RUNNING, finished_at=None, message="")


def back_up(folder: Path, file: Path, *, with_key: bool = False) -> Manifest:
    """Make a backup file."""
    snapshot = take_snapshot(Origin(folder, folder / "state.key", "ours", "digest"), MADE, with_key=with_key)
    file.write_bytes(b"".join(snapshot.pieces()))
    snapshot.close()
    return snapshot.manifest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the backup will be."""
    return tmp_path / "backup.tar.gz"


async def test_a_backup_says_what_it_is_and_leaves_nothing_behind(folder: Path, file: Path) -> None:
    await fill(folder)
    before = sorted(path.name for path in folder.iterdir())
    made = back_up(folder, file)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert verified(file) == made
    assert (made.version, made.revision, made.created) == (__version__, HEAD, MADE)
    assert (made.installation, made.configuration, made.with_key) == ("ours", "digest", False)
    with tarfile.open(file) as archive:
        assert archive.getnames() == ["manifest.json", "state.db", "random.key.sealed"]
        assert {member.mode for member in archive} == {0o600}


async def test_S14_a_backup_without_the_key_gives_no_secret_away(folder: Path, file: Path) -> None:
    async with opened(folder) as (_, journal):
        await journal.begin(APP, begun(), a_wanted(SECRET))
    (folder / "random.key").write_bytes(SEEDS)
    back_up(folder, file)
    content = gzip.decompress(file.read_bytes())
    assert SECRET.encode() not in content
    assert SEEDS not in content
    assert (folder / "state.key").read_bytes() not in content


async def test_a_backup_is_of_one_moment_and_holds_up_nobody(folder: Path, file: Path) -> None:
    """Writes that were acknowledged are in it, though only in the side file yet; later ones are not."""
    async with opened(folder) as (store, _):
        await store.save([a_status("before")])
        snapshot = take_snapshot(Origin(folder, folder / "state.key"), MADE, with_key=False)
        await store.save([a_status("after")])
        pieces = snapshot.pieces()
        first = next(pieces)
        await store.save([a_status("later")])
        file.write_bytes(first + b"".join(pieces))
        snapshot.close()
    target = folder.with_name("other")
    restore(Wanted(file, target, key_file=folder / "state.key"), NOW)
    assert rows(target / "state.db", "SELECT name FROM applications") == [("before",)]


@pytest.mark.parametrize("with_key", [True, False])
async def test_what_was_there_is_there_again_and_nothing_under_way_is_gone_on_with(
    folder: Path, file: Path, tmp_path: Path, with_key: bool
) -> None:
    past = await fill(folder)
    back_up(folder, file, with_key=with_key)
    target = tmp_path / "elsewhere"
    done = restore(Wanted(file, target, None if with_key else folder / "state.key"), NOW)
    assert (done.aside, done.seeds) == (None, True)
    assert (done.marked.interrupted, done.marked.held) == ([APP], [OTHER])
    assert (done.marked.pinned, done.marked.children) == ([APP], ["child"])
    assert _modes(target) == dict.fromkeys(["lock", "random.key", "state.db", "state.key"], 0o600)
    assert (target / "random.key").read_bytes() == SEEDS
    async with opened(target) as (store, journal):
        assert await journal.past(APP) == past
        assert await journal.manifests(past.entries[0].manifests) == a_wanted()
        assert await journal.pins() == {APP: past.pin}
        _rests(*await journal.children())
        assert await journal.in_flight() == {}
        ended = (await journal.ended())[APP]
        status = (await store.statuses())[APP]
        assert status.operation is not None
        for operation in (ended, status.operation):
            assert (operation.id, operation.phase, operation.finished_at) == ("op-2", Phase.ERROR, NOW)
            assert "restored from a backup of 2026-03-02 08:30 UTC" in operation.message
            assert operation.digest == ""
        deletions = {one.app: one for one in await journal.deletions()}
        assert deletions.keys() == {OTHER, OVER}
        _is_held(deletions[OTHER])
        assert deletions[OVER].done
    assert rows(target / "state.db", "SELECT count(*) FROM manifests") == [(1,)]


def _rests(child: ChildRecord) -> None:
    """It is as it was, but nobody works for it, and its parent sees that."""
    before = a_child(AppName("child"))
    body = child.manifest.body()
    assert text(body, "metadata", "annotations", "argocd.argoproj.io/skip-reconcile") == "true"
    assert text(body, "metadata", "name") == "child"
    assert text(body, "colour") == text(before.manifest.body(), "colour")
    assert (child.uid, child.parent, child.digest, child.deleting) == (before.uid, before.parent, "", None)


def _is_held(deletion: Deletion) -> None:
    assert (deletion.phase, deletion.confirmed, deletion.began) == (DeletionPhase.HELD, False, NOW)
    assert deletion.details["restored"] == "2026-03-02 08:30 UTC"
    assert deletion.hooks == a_deletion().hooks


@pytest.mark.parametrize("name", ["0001", "0002-first", "0002"])
async def test_a_backup_of_an_older_version_is_brought_forward(
    folder: Path, file: Path, tmp_path: Path, name: str
) -> None:
    write(folder, name)
    (folder / "state.key").write_bytes(KEY)
    made = back_up(folder, file, with_key=True)
    assert made.revision == name[:4]
    restore(Wanted(file, tmp_path / "elsewhere"), NOW)
    async with opened(tmp_path / "elsewhere") as (store, journal):
        assert (await store.statuses()).keys() == {APP, OTHER}
        assert await journal.in_flight() == {}
        assert len((await journal.past(APP)).entries) == (name != "0001")
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["lock", "state.db", "state.key"]


async def test_a_backup_of_a_newer_version_is_refused(folder: Path, file: Path, tmp_path: Path) -> None:
    await fill(folder)
    execute(folder / "state.db", "UPDATE schema_version SET version = 99")
    back_up(folder, file, with_key=True)
    with pytest.raises(
        StoreError, match=f"revision 0099, this gitopsd knows up to {HEAD}.*restore it with that version"
    ):
        restore(Wanted(file, tmp_path / "elsewhere"), NOW)
    assert not (tmp_path / "elsewhere").exists()


async def test_a_folder_with_something_in_it_is_left_alone_unless_it_may_be_set_aside(
    folder: Path, file: Path, tmp_path: Path
) -> None:
    past = await fill(folder)
    back_up(folder, file, with_key=True)
    target = tmp_path / "used"
    async with opened(target) as (store, _):
        await store.save([a_status("present")])
    (target / "cache").mkdir()
    before = _contents(target)
    with pytest.raises(StoreError, match=r"not empty: there is state\.db and 1 more\. Try: .*--force"):
        restore(Wanted(file, target), NOW)
    assert _contents(target) == before
    done = restore(Wanted(file, target, force=True), NOW)
    assert done.aside == target / f"{ASIDE}20260309T100000Z"
    assert {f"{done.aside.name}/{name}" for name in ("state.db", "state.key")} <= _contents(target).keys()
    assert _contents(target)[f"{done.aside.name}/state.db"] == before["state.db"]
    assert (target / "cache").is_dir()
    async with opened(target) as (_, journal):
        assert await journal.past(APP) == past
    assert rows(done.aside / "state.db", "SELECT name FROM applications") == [("present",)]


async def test_a_folder_that_a_daemon_holds_is_refused(folder: Path, file: Path) -> None:
    await fill(folder)
    back_up(folder, file, with_key=True)
    async with StateLock(folder):
        with pytest.raises(StoreError, match=f"another gitopsd uses this state folder: process {os.getpid()}"):
            restore(Wanted(file, folder, force=True), NOW)


async def test_another_key_and_no_key_are_refused_before_anything_is_made(
    folder: Path, file: Path, tmp_path: Path
) -> None:
    await fill(folder)
    back_up(folder, file)
    other = tmp_path / "other.key"
    other.write_bytes(secrets.token_bytes(32))
    other.chmod(0o600)
    target = tmp_path / "elsewhere"
    with pytest.raises(StoreError, match=r"without the key of the state.*--key-file FILE"):
        restore(Wanted(file, target), NOW)
    with pytest.raises(StoreError, match="not the key that the backup is encrypted with"):
        restore(Wanted(file, target, other), NOW)
    with pytest.raises(StoreError, match="key of the state is not there"):
        restore(Wanted(file, target, tmp_path / "nowhere"), NOW)
    assert not target.exists()


async def test_with_the_key_lost_the_rest_is_restored(folder: Path, file: Path, tmp_path: Path) -> None:
    await fill(folder)
    back_up(folder, file)
    done = restore(Wanted(file, tmp_path / "elsewhere", without_key=True), NOW)
    assert done.seeds is False
    async with opened(tmp_path / "elsewhere") as (store, journal):
        assert (await store.statuses()).keys() == {APP, OVER}
        assert (await journal.past(APP)).entries[0].revisions == an_entry().revisions
        assert (await journal.ended())[APP].phase is Phase.ERROR


async def test_a_key_that_the_daemon_has_from_elsewhere_is_not_put_beside_the_state(
    folder: Path, file: Path, tmp_path: Path
) -> None:
    await fill(folder)
    back_up(folder, file)
    restore(Wanted(file, tmp_path / "elsewhere", folder / "state.key", keep_key=False), NOW)
    assert _modes(tmp_path / "elsewhere").keys() == {"lock", "random.key", "state.db"}


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    plain = bytearray(gzip.decompress(content))
    plain[len(plain) // 2] ^= 1
    return gzip.compress(bytes(plain))


def _without_manifest(content: bytes) -> bytes:
    return _rebuilt(content, lambda name, data: None if name == "manifest.json" else (name, data))


def _without_state(content: bytes) -> bytes:
    return _rebuilt(content, lambda name, data: None if name == "state.db" else (name, data))


def _with_another_name(content: bytes) -> bytes:
    return _rebuilt(content, lambda name, data: ("../../state.db", data) if name == "state.db" else (name, data))


def _of_a_later_format(content: bytes) -> bytes:
    def later(name: str, data: bytes) -> tuple[str, bytes]:
        return name, orjson.dumps({**orjson.loads(data), "format": 2}) if name == "manifest.json" else data

    return _rebuilt(content, later)


def _rebuilt(content: bytes, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=made, mode="w:gz") as new:
        for member in old:
            inner = old.extractfile(member)
            assert inner is not None
            if (changed := change(member.name, inner.read())) is not None:
                entry = tarfile.TarInfo(changed[0])
                entry.size = len(changed[1])
                new.addfile(entry, io.BytesIO(changed[1]))
    return made.getvalue()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_cut, "no whole backup"),
        (lambda content: content[:-2000], "no whole backup|is damaged"),
        (lambda content: content[:-10], "no whole backup"),
        (lambda content: content[:-1], "no whole backup"),
        (lambda content: content[:-8] + bytes(4) + content[-4:], "no whole backup"),
        (lambda content: content + b"and more", "no whole backup"),
        (_flipped, "damaged|manifest"),
        (lambda _: b"", "no whole backup"),
        (lambda _: b"some text " * 100, "no whole backup"),
        (_without_manifest, "it has no manifest"),
        (_without_state, r"state\.db is missing"),
        (_with_another_name, r"'\.\./\.\./state\.db' is not what the manifest says"),
        (_of_a_later_format, "a later format; restore it with that version"),
    ],
)
async def test_what_is_no_whole_backup_is_refused_before_anything_is_made(
    folder: Path, file: Path, tmp_path: Path, damage: Callable[[bytes], bytes], told: str
) -> None:
    await fill(folder)
    back_up(folder, file, with_key=True)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(StoreError, match=told):
        restore(Wanted(file, tmp_path / "elsewhere"), NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, folder.name]


async def test_a_database_with_a_trigger_in_it_is_refused(folder: Path, file: Path, tmp_path: Path) -> None:
    await fill(folder)
    execute(
        folder / "state.db",
        "CREATE TRIGGER t AFTER UPDATE ON applications BEGIN DELETE FROM applications; END",
    )
    back_up(folder, file, with_key=True)
    with pytest.raises(StoreError, match="views or triggers"):
        restore(Wanted(file, tmp_path / "elsewhere"), NOW)


@pytest.mark.parametrize(
    "case",
    [
        (b"", r"state\.db: it is empty"),
        (b"no database at all" * 1000, r"state\.db: file is not a database"),
        (b"SQLite format 3\0" + b"x" * 8000, r"state\.db: "),
        (None, r"state\.db: it is no state of gitopsd"),
    ],
)
@pytest.mark.parametrize("there", [True, False])
async def test_a_backup_whose_state_is_no_state_is_refused_and_leaves_nothing(
    folder: Path, file: Path, tmp_path: Path, case: tuple[bytes | None, str], there: bool
) -> None:
    content, told = case
    await fill(folder)
    back_up(folder, file, with_key=True)
    if content is None:
        with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
            connection.execute("CREATE TABLE other (name TEXT)")
        content = (tmp_path / "other.db").read_bytes()
    file.write_bytes(_with_state(file.read_bytes(), content))
    target = tmp_path / "elsewhere"
    if there:
        async with opened(target) as (store, _):
            await store.save([a_status("present")])
    before = _contents(tmp_path)
    with pytest.raises(StoreError, match=f"the state in this backup cannot be used: {told}") as caught:
        restore(Wanted(file, target, force=True), NOW)
    assert str(target) not in str(caught.value)
    assert _contents(tmp_path).keys() == before.keys()
    assert target.exists() == there


def _with_state(content: bytes, state: bytes) -> bytes:
    """The backup with another state in it, and a manifest that fits."""

    def changed(name: str, data: bytes) -> tuple[str, bytes]:
        if name == "manifest.json":
            manifest = orjson.loads(data)
            manifest["files"]["state.db"] = {"sha256": hashlib.sha256(state).hexdigest(), "size": len(state)}
            return name, orjson.dumps(manifest)
        return name, state if name == "state.db" else data

    return _rebuilt(content, changed)


async def test_that_a_key_is_lost_is_not_said_of_a_backup_that_holds_it(
    folder: Path, file: Path, tmp_path: Path
) -> None:
    await fill(folder)
    back_up(folder, file, with_key=True)
    with pytest.raises(StoreError, match=r"the backup holds the key of the state\. Try: leave out --without-key"):
        restore(Wanted(file, tmp_path / "elsewhere", without_key=True), NOW)
    assert not (tmp_path / "elsewhere").exists()


async def test_a_damaged_state_is_not_backed_up(folder: Path, file: Path) -> None:
    async with opened(folder) as (store, _):
        await store.save([a_status(f"app-{number}") for number in range(50)])
    content = bytearray((folder / "state.db").read_bytes())
    for page in range(4, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xee" * 64
    (folder / "state.db").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        back_up(folder, file)
    assert not (folder / "state.db.backup").exists()


KILLED = """
import os, pathlib, signal, sys
from datetime import UTC, datetime
from gitopsd.store.restore import Wanted, restore
archive, seen, most = pathlib.Path(sys.argv[1]), 0, 0
def count(event, arguments):
    global seen
    if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") or (event == "open" and arguments[2] & os.O_CREAT):
        seen += 1
        if seen > most:
            os.kill(os.getpid(), signal.SIGKILL)
for line in sys.stdin:  # another child for each line; everything is imported already
    child = os.fork()
    if not child:
        folder, most = pathlib.Path(line.split()[0]), int(line.split()[1])
        sys.addaudithook(count)
        restore(Wanted(archive, folder, force=True), datetime.now(UTC))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


async def test_a_restore_that_is_killed_anywhere_leaves_the_old_state_or_says_so_and_is_finished_by_the_next(
    folder: Path, file: Path, tmp_path: Path
) -> None:
    past = await fill(folder)
    back_up(folder, file, with_key=True)
    steps = 0
    kinds = set()
    killer = subprocess.Popen(
        [sys.executable, "-c", KILLED, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with killer:
        assert killer.stdin is not None
        assert killer.stdout is not None
        while True:
            target = tmp_path / f"target-{steps}"
            async with opened(target) as (store, _):
                await store.save([a_status("present")])
            old_key = (target / "state.key").read_bytes()
            killer.stdin.write(f"{target} {steps}\n")
            killer.stdin.flush()
            ended = int(killer.stdout.readline())
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            unfinished = (target / UNFINISHED).exists()
            if unfinished:
                with pytest.raises(StoreError, match="a restore did not come to its end here"):
                    async with opened(target):
                        pass
            else:
                async with opened(target) as (store, _):
                    names = set(await store.statuses())
                assert names in ({"present"}, {APP, OVER})
            kinds.add(unfinished)
            _finished(restore(Wanted(file, target, force=not unfinished), NOW), old_key)
            async with opened(target) as (_, journal):
                assert await journal.past(APP) == past
            steps += 1
        killer.stdin.close()
    assert steps > 8
    assert kinds == {True, False}


def _finished(done: Restored, old_key: bytes) -> None:
    """What was there first is still there, aside."""
    keys = [path.read_bytes() for path in done.folder.glob(f"{ASIDE}*/state.key")]
    assert old_key in keys
    assert not (done.folder / UNFINISHED).exists()
    assert not (done.folder / "restoring").exists()


async def test_without_its_key_a_restored_state_says_how_it_can_be_backed_up(
    folder: Path, file: Path, tmp_path: Path
) -> None:
    await fill(folder)
    back_up(folder, file)
    elsewhere = tmp_path / "elsewhere"
    restore(Wanted(file, elsewhere, without_key=True), NOW)
    with pytest.raises(StoreError, match=r"put it back, or name it; if nobody has it .*, start the daemon once"):
        back_up(elsewhere, tmp_path / "again")
    async with opened(elsewhere):
        pass
    back_up(elsewhere, tmp_path / "again")


def test_what_is_missing_below_a_megabyte_is_told_in_a_unit_that_shows_it(tmp_path: Path) -> None:
    assert shortfall(13_001, 12_999) == "it needs 14 kB, and 12 kB are free"
    assert shortfall(5_040_000, 5_010_000) == "it needs 6 MB, and 5 MB are free"
    assert shortfall(512, 0) == "it needs 512 bytes, and 0 bytes are free"
    with pytest.raises(StoreError, match=r"it needs \d+ MB, and \d+ MB are free\. Try: make room there"):
        check_room(tmp_path, 1 << 60, "the backup cannot be restored")


def test_an_archive_that_goes_by_is_known_to_be_whole_at_its_end(tmp_path: Path) -> None:
    content = gzip.compress(secrets.token_bytes(3 << 20))
    for cut in (0, 1, 9, len(content) // 2):
        whole = Whole()
        for start in range(0, len(content) - cut, 100_000):
            whole.look(content[: len(content) - cut][start : start + 100_000])
        assert whole.complete == (cut == 0)
    damaged = bytearray(content)
    damaged[-3] ^= 1
    whole = Whole()
    whole.look(bytes(damaged))
    assert not whole.complete


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
