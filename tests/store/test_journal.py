"""The journal in the state file, and what can befall it."""

# Files and processes are what these tests are about, and nothing else runs in their loops.
# ruff: noqa: ASYNC220, ASYNC240

import base64
import os
import secrets
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from gitopsd.core.app import Source
from gitopsd.core.document import Document
from gitopsd.core.errors import StoreError
from gitopsd.core.history import NOTHING_PAST, Past, deployed
from gitopsd.core.ids import AppName
from gitopsd.core.manifest import Desired
from gitopsd.core.operation import Operation
from gitopsd.core.plan import ApplyStep, Plan, PlanReason, PruneStep, Stage
from gitopsd.store.file import STATE_FILE, StateFile
from gitopsd.store.journal import SqliteJournal
from gitopsd.store.lock import StateLock
from gitopsd.store.tables import SCHEMA_VERSION
from tests.contracts.journal_contract import (
    APP,
    OTHER,
    a_child,
    a_deletion,
    a_live,
    a_pin,
    a_plan,
    a_wanted,
    an_entry,
    an_object_of,
    begun,
)

ROOT = Path(__file__).parents[2]
SECRET = "correct-horse-battery-staple"

WRITERS = """
import os, pathlib, sys, anyio
from dataclasses import replace
from gitopsd.core.history import deployed
from gitopsd.store.file import StateFile
from gitopsd.store.journal import SqliteJournal
from gitopsd.store.lock import StateLock
from tests.contracts.journal_contract import APP, a_wanted, an_entry, begun
def tell(line):  # in one piece: who is killed between a line and its end leaves half of it
    os.write(1, f"{line}\\n".encode())
async def write():
    folder = pathlib.Path(sys.argv[1])
    async with StateLock(folder) as lock, StateFile(lock) as file, SqliteJournal(file, print) as journal:
        past = await journal.past(APP)
        for operation in (await journal.in_flight()).values():
            await journal.end(APP, operation, None)
        while True:
            number = past.next_id
            wanted = a_wanted(f"web-{number}")
            tell(f"told {number} -1")
            operation = await journal.begin(APP, replace(begun(number, wanted), stage=0), wanted)
            for stage in range(3):
                tell(f"told {number} {stage}")
                operation = replace(operation, stage=stage + 1)
                await journal.note(APP, operation)
            tell(f"told {number} 3")
            past = deployed(past, an_entry(operation.manifests), 3)
            await journal.end(APP, operation, past)
            tell(f"told {number} 4")
for _ in sys.stdin:  # a new writer for each line; everything is imported already
    child = os.fork()
    if not child:
        tell(f"pid {os.getpid()}")
        anyio.run(write)
    os.waitpid(child, 0)
    tell("dead")
"""


@asynccontextmanager
async def opened(
    folder: Path,
    unreadable: list[tuple[AppName, str]] | None = None,
    *,
    key_file: Path | None = None,
    on_lost_key: Callable[[StoreError], None] = lambda _: None,
    max_megabytes: int = 1024,
) -> AsyncIterator[SqliteJournal]:
    """Open the journal; rows that cannot be read go to `unreadable`."""
    told = [] if unreadable is None else unreadable
    async with (
        StateLock(folder) as lock,
        StateFile(lock, max_megabytes=max_megabytes) as file,
        SqliteJournal(
            file, lambda name, why: told.append((name, why)), key_file=key_file, on_lost_key=on_lost_key
        ) as journal,
    ):
        yield journal


async def synced(journal: SqliteJournal, app: AppName = APP) -> Past:
    """Return the history after a sync."""
    operation = await journal.begin(app, begun(), a_wanted())
    past = deployed(await journal.past(app), an_entry(operation.manifests), 10)
    await journal.end(app, operation, past)
    return past


async def test_all_of_it_survives_a_restart(folder: Path) -> None:
    async with opened(folder) as journal:
        past = replace(await synced(journal), pin=a_pin())
        await journal.save_past(APP, past)
        operation = await journal.begin(APP, begun(2), a_wanted("next"))
        kept = await journal.keep(OTHER, a_wanted("hooks"))
        await journal.save_deletion(a_deletion(OTHER, kept))
    async with opened(folder) as journal:
        assert await journal.in_flight() == {APP: operation}
        assert await journal.past(APP) == past
        assert await journal.pins() == {APP: a_pin()}
        assert list(await journal.deletions()) == [a_deletion(OTHER, kept)]
        assert await journal.manifests(past.entries[0].manifests) == a_wanted()
        assert await journal.manifests(kept) == a_wanted("hooks")


async def test_equal_manifests_of_many_are_stored_once(folder: Path) -> None:
    async with opened(folder) as journal:
        for number in range(5):
            await journal.begin(AppName(f"app-{number}"), begun(), a_wanted())
    assert _rows(folder, "SELECT count(*) FROM manifests") == [(1,)]


@pytest.mark.usefixtures("nothing_blocks")
async def test_it_never_blocks_the_loop(folder: Path) -> None:
    async with opened(folder) as journal:
        await synced(journal)
        await journal.keep(APP, a_wanted(*(f"web-{number}" for number in range(300))))
        await journal.forget(APP)


async def test_S14_values_of_secrets_are_nowhere_in_the_files(folder: Path) -> None:
    secret = an_object_of("credentials", "Secret", secret=SECRET)
    encoded = an_object_of("encoded", "Secret", secret=base64.b64encode(SECRET.encode()).decode())
    wanted = replace(a_wanted(), objects=(secret, encoded))
    live = replace(a_live(""), document=Document(secret.document.raw))
    steps = tuple(ApplyStep(item, PlanReason.CHANGED) for item in (secret, replace(encoded, wave=9)))
    plan = Plan("d1", (Stage(0, (PruneStep(live),), (steps,)),), {})
    source = Source("https://charts.example.org", options={"valuesObject": {"password": SECRET}})
    async with opened(folder) as journal:
        operation = await journal.begin(APP, replace(begun(), plan=plan), wanted)
        await journal.note(APP, operation)
        _nowhere(folder)
        past = deployed(NOTHING_PAST, replace(an_entry(operation.manifests), sources=(source,)), 10)
        await journal.end(APP, operation, replace(past, pin=a_pin(operation.manifests)))
        await journal.keep(OTHER, wanted)
        await journal.save_child(a_child(colour=SECRET))
        _nowhere(folder)
        assert await journal.manifests(operation.manifests) == wanted
        assert (await journal.past(APP)).entries[0].sources == (source,)
    _nowhere(folder)


async def test_S14_names_do_not_tell_what_the_manifests_are(folder: Path, tmp_path: Path) -> None:
    """Whoever has the file and not the key cannot try what a value might be."""
    async with opened(folder) as journal:
        one = await journal.keep(APP, a_wanted())
    async with opened(tmp_path / "second") as journal:
        assert await journal.keep(APP, a_wanted()) != one


async def test_S14_the_key_is_private_and_outside_of_the_database(folder: Path) -> None:
    async with opened(folder) as journal:
        await synced(journal)
    assert stat.S_IMODE((folder / "state.key").stat().st_mode) == 0o600
    key = (folder / "state.key").read_bytes()
    assert len(key) == 32
    assert all(key not in path.read_bytes() for path in folder.glob("state.db*"))


async def test_a_key_that_is_named_is_used_and_made_where_it_is_missing(folder: Path, tmp_path: Path) -> None:
    key = tmp_path / "elsewhere"
    async with opened(folder, key_file=key) as journal:
        past = await synced(journal)
    assert not (folder / "state.key").exists()
    key.chmod(0o400)
    async with opened(folder, key_file=key) as journal:
        assert await journal.manifests(past.entries[0].manifests) == a_wanted()


async def test_a_lost_key_costs_what_was_encrypted_and_nothing_else(folder: Path) -> None:
    async with opened(folder) as journal:
        past = await synced(journal)
        await journal.begin(OTHER, begun(), a_wanted())
        await journal.save_child(a_child(AppName("child")))
    (folder / "state.key").unlink()
    unreadable: list[tuple[AppName, str]] = []
    lost: list[StoreError] = []
    async with opened(folder, unreadable, on_lost_key=lost.append) as journal:
        assert [error.where for error in lost] == [str(folder / "state.key")]
        with pytest.raises(StoreError, match=r"state\.key: .* another key\. Try: .* cannot be rolled back to"):
            await journal.manifests(past.entries[0].manifests)
        assert await journal.in_flight() == {}
        assert [name for name, _ in unreadable] == [OTHER]
        assert list(await journal.children()) == []
        assert set(await journal.child_names()) == {"child"}
        assert await journal.past(APP) == replace(past, entries=(replace(past.entries[0], sources=()),))
        again = await synced(journal)
        assert await journal.manifests(again.entries[-1].manifests) == a_wanted()
    lost.clear()
    async with opened(folder, on_lost_key=lost.append):
        assert lost == []


async def test_the_right_key_put_back_reads_it_again(folder: Path) -> None:
    async with opened(folder) as journal:
        past = await synced(journal)
    (folder / "state.key").rename(folder / "right")
    async with opened(folder):
        pass
    (folder / "right").rename(folder / "state.key")
    async with opened(folder) as journal:
        assert await journal.past(APP) == past
        assert await journal.manifests(past.entries[0].manifests) == a_wanted()


@pytest.mark.parametrize(
    ("content", "mode", "why"), [(b"short", 0o600, "it has 5 bytes"), (b"x" * 32, 0o602, "others may write")]
)
async def test_a_bad_key_is_not_used(folder: Path, content: bytes, mode: int, why: str) -> None:
    folder.mkdir(mode=0o700)
    (folder / "state.key").write_bytes(content)
    (folder / "state.key").chmod(mode)
    with pytest.raises(StoreError, match=why):
        async with opened(folder):
            pass


async def test_a_key_that_cannot_be_made_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/key: the key of the state cannot be read or made: .*state\.keyFile"):
        async with opened(folder, key_file=tmp_path / "nowhere" / "key"):
            pass


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE manifests SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE name = {name}",
        "UPDATE manifests SET sealed = substr(sealed, 1, 9) WHERE name = {name}",
        "UPDATE manifests SET sealed = 17 WHERE name = {name}",
        "UPDATE operations SET plan = substr(plan, 1, length(plan) - 1) WHERE app = 'guestbook'",
        "UPDATE operations SET plan = (SELECT plan FROM operations WHERE app = 'other') WHERE app = 'guestbook'",
        "UPDATE operations SET plan = 17 WHERE app = 'guestbook'",
        "UPDATE operations SET state = '{}' WHERE app = 'guestbook'",
        "UPDATE operations SET state = '[' WHERE app = 'guestbook'",
        "UPDATE operations SET state = 17 WHERE app = 'guestbook'",
        "UPDATE operations SET manifests = 'gone' WHERE app = 'guestbook'",
    ],
)
async def test_an_operation_that_makes_no_sense_concerns_its_application_alone(folder: Path, change: str) -> None:
    async with opened(folder) as journal:
        await journal.begin(APP, begun(), a_wanted())
        other = await journal.begin(OTHER, begun(1, a_wanted("other")), a_wanted("other"))
    _execute(folder, change.replace("{name}", "(SELECT manifests FROM operations WHERE app = 'guestbook')"))
    unreadable: list[tuple[AppName, str]] = []
    async with opened(folder, unreadable) as journal:
        assert await journal.in_flight() == {OTHER: other}
        assert [name for name, why in unreadable if why] == [APP]
        assert await journal.begin(APP, begun(), a_wanted("new")) == (await journal.in_flight())[APP]


async def test_history_pins_and_deletions_that_make_no_sense_are_left_out(folder: Path) -> None:
    async with opened(folder) as journal:
        for app in (APP, OTHER):
            past = await synced(journal, app)
            await journal.save_past(app, replace(past, pin=a_pin()))
            await journal.save_deletion(a_deletion(app))
    for table in ("history", "pins", "deletions"):
        _execute(folder, f"UPDATE {table} SET body = '{{}}' WHERE app = 'guestbook'")  # noqa: S608  # the names above
    unreadable: list[tuple[AppName, str]] = []
    async with opened(folder, unreadable) as journal:
        assert await journal.past(APP) == Past(counted=1)
        assert await journal.pins() == {OTHER: a_pin()}
        assert list(await journal.deletions()) == [a_deletion(OTHER)]
        assert {name for name, _ in unreadable} == {APP}
        assert len(unreadable) == 4


async def test_a_file_of_the_first_version_is_brought_forward_and_loses_nothing(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    _execute(folder, "CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY)")
    _execute(
        folder, "CREATE TABLE applications (name VARCHAR NOT NULL PRIMARY KEY, status TEXT NOT NULL, operation TEXT)"
    )
    _execute(folder, "INSERT INTO schema_version VALUES (1)")
    _execute(folder, """INSERT INTO applications VALUES ('old', '{"sync": "Synced"}', NULL)""")
    async with opened(folder) as journal:
        past = await synced(journal)
    assert _rows(folder, "SELECT version FROM schema_version") == [(SCHEMA_VERSION,)]
    assert _rows(folder, "SELECT * FROM applications") == [("old", '{"sync": "Synced"}', None)]
    async with opened(folder) as journal:
        assert await journal.past(APP) == past


async def test_bringing_a_file_forward_happens_as_a_whole_or_not_at_all(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    _execute(folder, "CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY)")
    _execute(folder, "INSERT INTO schema_version VALUES (1)")
    _execute(folder, "CREATE TABLE padding (x)")
    _execute(folder, "CREATE INDEX ix_holds_manifests ON padding (x)")  # in the way of the last table
    with pytest.raises(StoreError):
        async with opened(folder):
            pass
    tables = {name for (name,) in _rows(folder, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"schema_version", "padding"}
    assert _rows(folder, "SELECT version FROM schema_version") == [(1,)]


async def test_a_full_disk_harms_nothing_and_passes(folder: Path) -> None:
    async with opened(folder, max_megabytes=1) as journal:
        past = await synced(journal)
        with pytest.raises(StoreError, match="no space left") as caught:
            await journal.begin(OTHER, begun(), _large(2_000_000))
        assert caught.value.retryable
        assert await journal.past(APP) == past
        assert await journal.manifests(past.entries[0].manifests) == a_wanted()
        assert await journal.in_flight() == {}
        operation = await journal.begin(APP, begun(2), a_wanted())
        assert await journal.in_flight() == {APP: operation}


async def test_one_that_has_no_space_does_not_take_the_others_with_it(folder: Path) -> None:
    """They share a transaction; each gets its own answer."""
    ended: dict[str, str] = {}

    async def begin(journal: SqliteJournal, name: str, size: int) -> None:
        try:
            await journal.begin(AppName(name), begun(), _large(size))
        except StoreError as error:
            ended[name] = error.what
        else:
            ended[name] = ""

    async with opened(folder, max_megabytes=1) as journal, anyio.create_task_group() as tasks:
        for name, size in (("a", 10), ("large", 5_000_000), ("b", 20)):
            tasks.start_soon(begin, journal, name, size)
    assert ended == {"a": "", "b": "", "large": "the state cannot be written: no space left"}
    async with opened(folder) as journal:
        assert set(await journal.in_flight()) == {"a", "b"}


async def test_a_mistake_of_one_is_not_the_others_error(folder: Path) -> None:
    async with opened(folder) as journal:
        operation = await journal.begin(APP, begun(), a_wanted())
        refused: list[str] = []

        async def note(app: AppName) -> None:
            try:
                await journal.note(app, replace(operation, message="further"))
            except StoreError as error:
                refused.append(error.where)

        async with anyio.create_task_group() as tasks:
            for app in (OTHER, APP):
                tasks.start_soon(note, app)
        assert refused == [OTHER]
        assert (await journal.in_flight())[APP].message == "further"


async def test_what_was_asked_for_is_written_although_the_daemon_is_leaving(folder: Path) -> None:
    with anyio.CancelScope() as scope:
        async with opened(folder) as journal, anyio.create_task_group() as tasks:
            tasks.start_soon(journal.begin, APP, begun(), a_wanted())
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    async with opened(folder) as journal:
        assert set(await journal.in_flight()) == {APP}


async def test_a_page_damaged_in_the_middle_is_noticed_and_named(folder: Path) -> None:
    async with opened(folder) as journal:
        for number in range(20):
            await journal.begin(AppName(f"app-{number}"), begun(), a_wanted(f"web-{number}"))
    file = folder / STATE_FILE
    content = bytearray(file.read_bytes())
    for page in range(len(content) // 4096 // 2, len(content) // 4096):
        content[page * 4096 : (page + 1) * 4096] = b"\xee" * 4096
    file.write_bytes(content)
    with pytest.raises(ExceptionGroup) as caught:
        async with opened(folder) as journal:
            await journal.in_flight()
    (error,) = caught.value.exceptions
    assert "only history, pins and operations under way are lost" in str(error)
    file.rename(folder / "state.db.damaged")
    async with opened(folder) as journal:
        assert await journal.in_flight() == {}


async def test_a_closed_journal_says_so(folder: Path) -> None:
    async with opened(folder) as journal:
        pass
    with pytest.raises(StoreError, match="not open"):
        await journal.in_flight()


async def test_a_kill_at_any_moment_leaves_what_was_acknowledged_or_what_came_next(folder: Path) -> None:
    """50 kills of a writer; each time the file opens, and holds the last acknowledged state or the one after."""
    number = 0
    with subprocess.Popen(
        [sys.executable, "-c", WRITERS, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as writers:
        for _ in range(50):
            _, written, progress = _killed_writer(writers, 1 + secrets.randbelow(24))[-1].split()
            assert int(written) >= number
            number = int(written)
            async with opened(folder) as journal:
                past = await journal.past(APP)
                in_flight = (await journal.in_flight()).get(APP)
                assert _step(in_flight, past, number) in {int(progress), int(progress) + 1}, in_flight
                for entry in past.entries:
                    await journal.manifests(entry.manifests)
                if in_flight is not None:
                    assert in_flight.plan == a_plan(a_wanted(f"web-{in_flight.id.removeprefix('op-')}"))
        assert writers.stdin is not None
        writers.stdin.close()
    named = "SELECT manifests FROM operations WHERE manifests != '' UNION SELECT manifests FROM history ORDER BY 1"
    assert _rows(folder, "SELECT name FROM manifests ORDER BY 1") == _rows(folder, named)


def _step(in_flight: Operation | None, past: Past, number: int) -> int:
    """Which step of sync `number` is the last in the file: -1 is none, 0 begun, 1 to 3 noted, 4 ended; 5 is the next
    sync begun.
    """
    if past.next_id > number:
        assert past.next_id == number + 1
        return 4 if in_flight is None else 5
    if in_flight is None or in_flight.id != f"op-{number}":
        return -1
    return in_flight.stage


def _killed_writer(writers: subprocess.Popen[str], lines: int) -> list[str]:
    """Let a writer go on, and kill it soon after it said so many lines; all that it said."""
    assert writers.stdin is not None
    assert writers.stdout is not None
    writers.stdin.write("go\n")
    writers.stdin.flush()
    word, pid = writers.stdout.readline().split()
    assert word == "pid"
    told = [writers.stdout.readline() for _ in range(lines)]
    os.kill(int(pid), signal.SIGKILL)
    while (line := writers.stdout.readline()) != "dead\n":
        assert line
        told.append(line)
    return told


def _nowhere(folder: Path) -> None:
    """Neither the value nor its base64, at any of the three offsets, is in any file."""
    wanted = [SECRET.encode()] + [base64.b64encode(b"x" * pad + SECRET.encode())[4:-4] for pad in range(3)]
    files = list(folder.iterdir())
    assert {path.name for path in files} >= {STATE_FILE}
    for path in files:
        content = path.read_bytes()
        assert not [text for text in wanted if text in content], path.name


def _large(size: int) -> Desired:
    """Of so many bytes that cannot be compressed."""
    return replace(a_wanted(), objects=(replace(an_object_of(), document=Document(secrets.token_bytes(size))),))


def _execute(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / STATE_FILE)
    with connection:
        connection.execute(statement)
    connection.close()


def _rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / STATE_FILE)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
