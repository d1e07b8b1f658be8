"""Puts a backup into a state folder: looked at first, made ready beside what is there, then put in its place."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gitopsd.core.errors import StoreError
from gitopsd.store.archive import DATABASE, KEY, SEEDS, Manifest, unpack, verified
from gitopsd.store.failure import as_store_error
from gitopsd.store.folder import same_owner
from gitopsd.store.lock import LOCK_FILE, held
from gitopsd.store.opening import UNFINISHED, open_state
from gitopsd.store.restored import Marked, mark_restored
from gitopsd.store.revisions import HEAD
from gitopsd.store.seal import Seal
from gitopsd.store.shortage import check_room, hint_for
from gitopsd.store.snapshot import SEEDS_FILE, SEEDS_PURPOSE

ASIDE: Final = "before-restore-"
READY: Final = "restoring"
# What is no state: the lock, caches with their key (they are made anew where it does not fit), a disk's own folder.
_STAY: Final = (LOCK_FILE, READY, UNFINISHED, "cache", "cache.key", "lost+found")
_NOT_RESTORED: Final = "the backup cannot be restored"
_VERSIONS: Final = "schema_version"
_OUR_TABLES: Final = ("table", "index")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which backup goes where. `key_file` has the key if the backup has not, `keep_key`: it is put beside the state
    (else the daemon has it from elsewhere). `force`: what is there is set aside. `without_key`: nobody has it any more.
    """

    archive: Path
    folder: Path
    key_file: Path | None = None
    keep_key: bool = True
    without_key: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done. `aside`: where that went which was there before (None: nothing was). `seeds`: random values in
    charts stay as they were; None: nothing is known of them.
    """

    manifest: Manifest
    folder: Path
    aside: Path | None
    marked: Marked
    seeds: bool | None


def restore(wanted: Wanted, now: datetime) -> Restored:
    """Do it. Blocks.

    Raises `StoreError`: no whole backup, another key, of a later version, a folder that is held or not empty, no room.
    Until it puts files in their places nothing that was there is touched; after that one that is run again goes on.
    """
    with _told(wanted):
        manifest = verified(wanted.archive)
        if manifest.revision > HEAD:
            raise StoreError(
                f"the backup has revision {manifest.revision[:40]}, this gitopsd knows up to {HEAD}",
                where=str(wanted.archive),
                why=f"gitopsd {manifest.version[:40]} made it",
                hint="restore it with that version",
            )
        key = _key(wanted, manifest)
        with _left_as_it_was(wanted.folder), held(wanted.folder) as folder:
            unfinished = folder / UNFINISHED
            if not (wanted.force or unfinished.exists()) and (there := _there(folder)):
                raise StoreError(
                    "the state folder is not empty",
                    where=str(folder),
                    why=f"there is {there[0].name}" + (f" and {len(there) - 1} more" if len(there) > 1 else ""),
                    hint="name another one, or give --force: what is there is set aside then",
                )
            check_room(folder, 2 * sum(part.size for part in manifest.parts.values()), _NOT_RESTORED)
            ready = folder / READY
            try:
                marked, seeds = _make_ready(ready, wanted, manifest, key, now)
            except BaseException:
                shutil.rmtree(ready, ignore_errors=True)
                raise
            same_owner(ready, folder)
            aside = _put_in_place(folder, ready, now)
    return Restored(manifest, folder, aside, marked, seeds)


def _key(wanted: Wanted, manifest: Manifest) -> bytes | None:
    """The right key; None if it is done without."""
    if wanted.without_key and manifest.with_key:
        raise StoreError(
            "the backup holds the key of the state", where=str(wanted.archive), hint="leave out --without-key"
        )
    if wanted.without_key:
        return None
    if wanted.key_file is not None:
        seal, content = Seal.kept(wanted.key_file), wanted.key_file.read_bytes()
    elif manifest.with_key:
        found = io.BytesIO()
        unpack(wanted.archive, lambda name: _Kept(found) if name == KEY else None)
        content = found.getvalue()
        seal = Seal(wanted.archive, content)
    else:
        raise StoreError(
            "the backup was made without the key of the state",
            where=str(wanted.archive),
            hint="name the key: --key-file FILE; if it is lost, --without-key restores what can be read without it",
        )
    if seal.mark != manifest.key:
        raise StoreError(
            "this is not the key that the backup is encrypted with",
            where=str(wanted.key_file or wanted.archive),
            hint="name the one that the daemon had when the backup was made",
        )
    return content


class _Kept(io.BytesIO):
    """Bytes that are still there when it is closed."""

    def __init__(self, to: io.BytesIO) -> None:
        super().__init__()
        self._to = to

    def close(self) -> None:
        if not self.closed:
            self._to.write(self.getvalue())
        super().close()


def _there(folder: Path) -> list[Path]:
    """What a restore would set aside; what an earlier one did stays where it is."""
    return sorted(path for path in folder.iterdir() if path.name not in _STAY and not path.name.startswith(ASIDE))


def _make_ready(
    ready: Path, wanted: Wanted, manifest: Manifest, key: bytes | None, now: datetime
) -> tuple[Marked, bool | None]:
    """The files as they shall be, in a folder of their own."""
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir(mode=0o700)
    sealed = ready / SEEDS

    def target(name: str) -> IO[bytes] | None:
        return _new(ready / name) if name in (DATABASE, SEEDS) else None

    unpack(wanted.archive, target)
    database = ready / DATABASE
    _check_sound(database, wanted.archive)
    engine, _ = open_state(database, 0)
    try:
        marked = _marked(engine, Seal(wanted.archive, key) if key is not None else None, manifest, now)
    finally:
        engine.dispose()  # the last connection: its side files go with it
    for copy in ready.glob(f"{DATABASE}.before-*"):
        copy.unlink()  # the backup itself is that copy
    seeds = None
    if sealed.exists():
        seeds = key is not None
        if key is not None:
            _write(ready / SEEDS_FILE, Seal(wanted.archive, key).unseal(sealed.read_bytes(), SEEDS_PURPOSE))
        sealed.unlink()
    if key is not None and wanted.keep_key:
        _write(ready / KEY, key)
    _sync(database)
    return marked, seeds


def _check_sound(database: Path, archive: Path) -> None:
    """A file from elsewhere: sound, gitopsd's, and with tables and indexes only (nothing that runs when it is used)."""
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA trusted_schema=OFF").close()
        (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise _no_state(archive, str(sound))
        found = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
    except sqlite3.DatabaseError as error:
        raise _no_state(archive, str(error)) from None
    finally:
        connection.close()
    if any(kind not in _OUR_TABLES for kind, _ in found):
        raise _no_state(archive, "it has views or triggers, which gitopsd never makes")
    if ("table", _VERSIONS) not in found:
        raise _no_state(archive, "it is no state of gitopsd" if found else "it is empty")


def _no_state(archive: Path, why: str) -> StoreError:
    return StoreError(
        "the state in this backup cannot be used", where=str(archive), why=f"{DATABASE}: {why}", hint="take another one"
    )


@contextmanager
def _left_as_it_was(wanted: Path) -> Iterator[None]:
    """A folder that was not there is not there either when nothing could be restored into it."""
    if wanted.exists():
        yield
        return
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # not the lock alone: somebody else works there
            if [path.name for path in wanted.iterdir()] == [LOCK_FILE]:
                (wanted / LOCK_FILE).unlink()
                wanted.rmdir()
        raise


def _marked(engine: Engine, seal: Seal | None, manifest: Manifest, now: datetime) -> Marked:
    with engine.begin() as connection:
        driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]  # SQLAlchemy does not type it
        return mark_restored(driver, seal, manifest.created, now)


def _put_in_place(folder: Path, ready: Path, now: datetime) -> Path | None:
    """What is there goes aside, then what is ready comes. Cut off anywhere in between, no daemon starts, and the next
    restore goes on: it knows by `UNFINISHED` where the rest has to go.
    """
    unfinished = folder / UNFINISHED
    if unfinished.exists():
        aside = folder / Path(unfinished.read_text(encoding="utf-8")).name
    else:
        aside = folder / f"{ASIDE}{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        written = ready / UNFINISHED
        _write(written, aside.name.encode())
        same_owner(written, folder)
        written.rename(unfinished)  # with all that is in it, or not there
        _sync(folder)
    there = _there(folder)
    if there:
        aside.mkdir(mode=0o700, exist_ok=True)
        same_owner(aside, folder)
    for path in there:
        if (aside / path.name).exists():  # it came from the restore that was cut off
            path.unlink()
        else:
            path.rename(aside / path.name)
    for path in sorted(ready.iterdir()):
        path.rename(folder / path.name)
    ready.rmdir()
    _sync(folder)
    unfinished.unlink()
    _sync(folder)
    return aside if aside.exists() else None


def _new(path: Path) -> IO[bytes]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "wb")


def _write(path: Path, content: bytes) -> None:
    with _new(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(wanted: Wanted) -> Iterator[None]:
    """What the disk or SQLite says, as an error of ours."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise as_store_error(error, wanted.folder / READY / DATABASE) from None
    except OSError as error:
        raise StoreError(
            _NOT_RESTORED,
            where=str(error.filename or wanted.folder),
            why=error.strerror or str(error),
            hint=hint_for(error, ""),
        ) from None
