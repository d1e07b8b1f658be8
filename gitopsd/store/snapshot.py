"""A state folder as it is at one moment, ready to be packed."""

from __future__ import annotations

import io
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from gitopsd import __version__
from gitopsd.core.errors import StoreError
from gitopsd.store.archive import DATABASE, KEY, SEEDS, Manifest, Part, packed, part_of
from gitopsd.store.copying import copy_database
from gitopsd.store.failure import as_store_error, damaged
from gitopsd.store.frozen import is_frozen, reading_uri
from gitopsd.store.opening import BACKUP_COPY
from gitopsd.store.revisions import revision
from gitopsd.store.seal import Seal

SEEDS_FILE: Final = "random.key"
SEEDS_PURPOSE: Final = "random.key of a backup"
_BUSY_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose state it is: the state `folder`, its `key_file`, the `installation` ID and the digest of the
    `configuration` that is in force ("" if nobody knows).
    """

    folder: Path
    key_file: Path
    installation: str = ""
    configuration: str = ""


class Snapshot:
    """A copy that nobody sees and that is gone when it is closed, whatever becomes of the process."""

    def __init__(self, manifest: Manifest, contents: Mapping[str, IO[bytes]]) -> None:
        self.manifest = manifest
        self._contents = contents

    def pieces(self) -> Iterator[bytes]:
        """The archive; once. Blocks."""
        return packed(self.manifest, self._contents)

    def close(self) -> None:
        """Give the space back."""
        for content in self._contents.values():
            content.close()


def take_snapshot(origin: Origin, now: datetime, *, with_key: bool, resting: bool = False) -> Snapshot:
    """Copy the state, also while a daemon works on it: nobody waits for it. Blocks. Raises `StoreError`: no state, no
    key, damaged, no room for a second copy.

    `resting`: the caller holds the folder, and nobody works on it. Then its disk may be full: the copy is made where
    temporary files are.
    """
    seal = Seal.kept(origin.key_file)
    with ExitStack() as opened:
        database, version = _database(origin.folder, resting=resting)
        opened.enter_context(database)
        contents: dict[str, IO[bytes]] = {DATABASE: database}
        try:
            seeds = (origin.folder / SEEDS_FILE).read_bytes()
            contents[SEEDS] = io.BytesIO(seal.seal(seeds, SEEDS_PURPOSE))
        except FileNotFoundError:
            pass  # nothing was rendered yet: nothing was drawn either
        if with_key:
            contents[KEY] = io.BytesIO(origin.key_file.read_bytes())
        parts: dict[str, Part] = {name: part_of(content) for name, content in contents.items()}
        manifest = Manifest(
            version=__version__,
            revision=revision(version),
            created=now,
            installation=origin.installation,
            configuration=origin.configuration,
            key=seal.mark,
            parts=parts,
        )
        opened.pop_all()
        return Snapshot(manifest, contents)


def _database(folder: Path, *, resting: bool) -> tuple[IO[bytes], int]:
    """An unnamed copy of the database, found sound, and its schema version."""
    state = folder / DATABASE
    if not state.exists():
        raise no_state(folder)
    frozen = is_frozen(folder)
    source = reading_uri(state) if frozen else str(state)
    if not frozen and not (resting and _lacks_room(state)):
        return _copied(state, source, folder / BACKUP_COPY, alone=resting)
    with tempfile.TemporaryDirectory(prefix="gitopsd-backup-") as elsewhere:
        return _copied(state, source, Path(elsewhere) / BACKUP_COPY, alone=resting and not frozen)


def _lacks_room(state: Path) -> bool:
    """Whether no second copy has room beside the database, with what is in its log yet."""
    log = state.with_name(f"{state.name}-wal")
    needed = state.stat().st_size + (log.stat().st_size if log.exists() else 0)
    return shutil.disk_usage(state.parent).free < needed


def no_state(folder: Path) -> StoreError:
    """For who looks for a state in a folder that has none."""
    return StoreError(
        "there is no state here", where=str(folder), hint="name the state folder of a daemon that ran (state.dir)"
    )


def _copied(state: Path, source_name: str, copy: Path, *, alone: bool) -> tuple[IO[bytes], int]:
    try:
        with closing(sqlite3.connect(source_name, timeout=_BUSY_SECONDS, uri=source_name != str(state))) as source:
            if alone:  # then the log's index is kept in memory: it needs no room (https://www.sqlite.org/wal.html, 8)
                source.execute("PRAGMA locking_mode=EXCLUSIVE").close()
            source.execute("PRAGMA query_only=ON").close()
            copy_database(source, copy, "the backup")
        try:
            with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as made:
                (sound,) = made.execute("PRAGMA quick_check(1)").fetchone()
                if sound != "ok":
                    raise damaged(state, str(sound))
                (version,) = made.execute("SELECT version FROM schema_version").fetchone()
            return copy.open("rb"), int(version)
        finally:
            copy.unlink(missing_ok=True)
    except sqlite3.Error as error:
        raise as_store_error(error, state) from None
    except (OSError, TypeError, ValueError) as error:
        raise StoreError("the backup cannot be made", where=str(state), why=str(error)) from None
