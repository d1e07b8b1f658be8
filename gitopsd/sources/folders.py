"""Where git's things lie on disk and how they go: mirrors, notes of refs, snapshots, what is half made or half gone."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import TypeVar

import anyio
import orjson
from anyio import to_thread

from gitopsd.core.jsonvalue import JsonObject
from gitopsd.sources.names import safe_join

Result = TypeVar("Result")
_THREADS = 4
# Folders with something for each repository; `mirrors` has notes besides (`<digest>.json`).
_KINDS = ("mirrors", "snapshots", "spares", "objects")


class Folders:
    """The tree below one folder. Nothing in it has a foreign name: repositories are digests, commits are hex digits.

    Things appear and go by one rename, so that a kill at any moment leaves them whole or not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._names = count()
        self._threads = anyio.CapacityLimiter(_THREADS)

    @property
    def workers(self) -> Path:
        """Where workers have their homes."""
        return Path(safe_join(self.root, "workers"))

    def mirror(self, digest: str) -> str:
        """A repository's bare mirror."""
        return safe_join(self.root, "mirrors", digest)

    def note(self, digest: str) -> str:
        """The file with what the last look-up of a repository said."""
        return safe_join(self.root, "mirrors", digest + ".json")

    def snapshot(self, digest: str, name: str) -> str:
        """One commit as a folder; `name` is its id, and how submodules and LFS were treated where they were."""
        return safe_join(self.root, "snapshots", digest, name)

    def spare(self, digest: str, name: str) -> str:
        """A second copy of a snapshot, to be changed into the next one."""
        return safe_join(self.root, "spares", digest, name)

    def objects(self, digest: str) -> str:
        """Where a repository's LFS objects lie, by their ids."""
        return safe_join(self.root, "objects", digest)

    def new_temp(self) -> str:
        """A path that does not exist yet, for making something."""
        return safe_join(self.root, "making", f"{next(self._names)}")

    async def prepare(self) -> None:
        """Make the tree, and sweep out what an earlier process left half made or half gone."""
        await self._run(self._prepare)

    async def note_of(self, digest: str) -> JsonObject:
        """What `note` holds; empty if there is none or it is broken."""
        return await self._run(lambda: _read(self.note(digest)))

    async def snapshots_of(self, digest: str) -> Sequence[str]:
        """The commits that lie there as folders, oldest first."""
        return await self._run(lambda: _by_age(safe_join(self.root, "snapshots", digest)))

    async def spares_of(self, digest: str) -> Sequence[str]:
        """The names of the spares of a repository, oldest first."""
        return await self._run(lambda: _by_age(safe_join(self.root, "spares", digest)))

    async def make_room_for_spares(self, digest: str) -> None:
        """Make the folder that holds a repository's spares."""
        await self._run(lambda: os.makedirs(safe_join(self.root, "spares", digest), exist_ok=True))

    async def sweep_objects(self, digest: str) -> None:
        """Remove the LFS objects of a repository that no snapshot has a link to."""
        await self._run(lambda: _sweep(safe_join(self.root, "objects", digest)))

    async def move(self, here: str, there: str) -> bool:
        """Rename a folder; False if it is not there."""
        return await self._run(lambda: _moved(here, there))

    async def repositories(self) -> frozenset[str]:
        """The digests of all repositories that have a mirror or snapshots here."""
        return await self._run(self._repositories)

    async def make_room_for_snapshots(self, digest: str) -> None:
        """Make the folder that holds a repository's snapshots."""
        await self._run(lambda: os.makedirs(safe_join(self.root, "snapshots", digest), exist_ok=True))

    async def exists(self, path: str) -> bool:
        """Whether a folder is there."""
        return await self._run(lambda: os.path.isdir(path))

    def all_of(self, digest: str) -> Sequence[str]:
        """Every path that belongs to a repository."""
        kinds = ("snapshots", "spares", "objects")
        return self.mirror(digest), self.note(digest), *(safe_join(self.root, kind, digest) for kind in kinds)

    async def keep_snapshots(self, digest: str, commits: frozenset[str]) -> None:
        """Remove a repository's snapshots of all other commits; for repositories that nobody asked for yet."""
        gone = [name for name in await self.snapshots_of(digest) if name.partition(".")[0] not in commits]
        await self.remove(self.snapshot(digest, name) for name in gone)

    async def remove(self, paths: Iterable[str]) -> None:
        """Remove files and folders: gone from their places at once, deleted then."""
        await self._run(lambda: self._remove(tuple(paths)))

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await to_thread.run_sync(work, limiter=self._threads)

    def _prepare(self) -> None:
        os.makedirs(self.root, mode=0o700, exist_ok=True)
        for name in _KINDS:
            os.makedirs(safe_join(self.root, name), mode=0o700, exist_ok=True)
        for name in ("making", "trash", "workers"):
            folder = safe_join(self.root, name)
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder, mode=0o700, exist_ok=True)

    def _repositories(self) -> frozenset[str]:
        return frozenset(name.partition(".")[0] for kind in _KINDS for name in os.listdir(safe_join(self.root, kind)))

    def _remove(self, paths: Sequence[str]) -> None:
        # All from their places first: deleting one takes a while, and meanwhile somebody may make the next one anew.
        for gone in [gone for path in paths if (gone := self._thrown_away(path))]:
            if os.path.isdir(gone):
                shutil.rmtree(gone, ignore_errors=True)
            else:
                os.unlink(gone)

    def _thrown_away(self, path: str) -> str:
        """Where in the trash it is now; "" if it was not there."""
        gone = safe_join(self.root, "trash", f"{next(self._names)}")
        return gone if _moved(path, gone) else ""


def digest_of(key: str) -> str:
    """A repository's name on disk."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _read(path: str) -> JsonObject:
    try:
        with open(path, "rb") as file:
            found = orjson.loads(file.read())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _sweep(folder: str) -> None:
    try:
        with os.scandir(folder) as listing:
            # An entry's own numbers of a directory listing know no link counts.
            alone = [item.path for item in listing if os.stat(item.path, follow_symlinks=False).st_nlink == 1]
    except FileNotFoundError:
        return
    for path in alone:
        os.unlink(path)


def _moved(here: str, there: str) -> bool:
    try:
        os.rename(here, there)
    except FileNotFoundError:
        return False
    return True


def _by_age(folder: str) -> Sequence[str]:
    try:
        with os.scandir(folder) as listing:
            return [item.name for item in sorted(listing, key=lambda item: item.stat(follow_symlinks=False).st_mtime)]
    except FileNotFoundError:
        return ()
