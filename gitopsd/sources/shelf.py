"""One repository's snapshots: the commits that lie as folders on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import NamedTuple

import anyio
import anyio.abc

from gitopsd.core.jsonvalue import JsonObject, JsonValue, integer, mapping
from gitopsd.sources.folders import Folders
from gitopsd.sources.limits import GitLimits
from gitopsd.sources.shared import SharedCalls
from gitopsd.sources.spare import Spare
from gitopsd.sources.wire import Failure, FailureKind


class Way(NamedTuple):
    """How a commit becomes a folder: with the commits of its submodules, with the objects of its LFS pointers."""

    submodules: bool = False
    lfs: bool = False

    @property
    def suffix(self) -> str:
        """What the folder's name has behind the commit's id."""
        letters = ("s" if self.submodules else "") + ("l" if self.lfs else "")
        return f".{letters}" if letters else ""


class Supplies:
    """What the shelf asks its repository for; all methods raise `Failure` or `SourceError`."""

    def __init__(
        self,
        read: Callable[[Mapping[str, JsonValue], str], Awaitable[JsonObject]],
        local: Callable[[Mapping[str, JsonValue]], Awaitable[JsonObject]],
        lent: Callable[[str, Way], AbstractAsyncContextManager[Mapping[str, JsonValue]]],
        bring: Callable[[Mapping[str, int]], Awaitable[None]],
    ) -> None:
        self.read = read  # a worker's request that reads a commit
        self.local = local  # a worker's request that needs neither mirror nor network
        self.lent = lent  # what such a request says of submodules and objects, while it lasts
        self.bring = bring  # LFS objects into their folder


class Shelf:
    """Makes snapshots, each at most once, and removes them."""

    def __init__(
        self, digest: str, *, folders: Folders, limits: GitLimits, tasks: anyio.abc.TaskGroup, supplies: Supplies
    ) -> None:
        self._digest = digest
        self._folders = folders
        self._limits = limits
        self._tasks = tasks
        self._supplies = supplies
        self._spare = Spare(digest, folders=folders, local=supplies.local)
        self._making: SharedCalls[str] = SharedCalls(tasks)
        self._names: dict[str, None] = {}
        self._looked = anyio.Event()
        self._looking = anyio.Lock()
        self._in_use: dict[str, int] = {}

    async def get(self, commit: str, way: Way) -> str:
        """The folder of a commit; who asks while it is being made shares it."""
        return await self._making.call(commit + way.suffix, lambda _: self._get(commit, way))

    @asynccontextmanager
    async def lent(self, commit: str, way: Way) -> AsyncIterator[str]:
        """The folder of a commit, which stays at least until the block ends."""
        with self._used(commit + way.suffix):
            yield await self.get(commit, way)

    async def keep(self, wanted: frozenset[str]) -> None:
        """Remove all commits but these, save what is being made or linked from; with none wanted, all that is here."""
        names = await self._on_disk()
        gone = [name for name in names if name[:40] not in wanted and name not in self._in_use]
        for name in gone:
            del names[name]
        await self._folders.remove(self._folders.snapshot(self._digest, name) for name in gone)
        if self._in_use:
            return
        if not wanted:
            await self._spare.drop()
        await self._folders.sweep_objects(self._digest)

    async def _get(self, commit: str, way: Way) -> str:
        name = commit + way.suffix
        final = self._folders.snapshot(self._digest, name)
        with self._used(name):
            names = await self._on_disk()
            if name in names and await self._folders.exists(final):
                return final
            base = next((other for other in reversed(names) if other != name and other[40:] == way.suffix), "")
            with self._used(base):
                files = await self._make(commit, way, base, final)
            names[name] = None
        if files >= self._limits.spare_files:
            self._tasks.start_soon(self._make_spare, name, final)
        return final

    async def _make(self, commit: str, way: Way, base: str, final: str) -> int:
        """Make one; gives the number of its files."""
        await self._folders.make_room_for_snapshots(self._digest)
        temp = self._folders.new_temp()
        request: dict[str, JsonValue] = {
            "op": "snapshot",
            "commit": commit,
            "spare_commit": await self._spare.take(way.suffix, temp),
            "base_commit": base[:40],
            "base": self._folders.snapshot(self._digest, base) if base else "",
            "temp": temp,
            "final": final,
            "max_files": self._limits.snapshot_files,
            "max_bytes": self._limits.snapshot_bytes,
        }
        try:
            async with self._supplies.lent(commit, way) as lent:
                request.update(lent)
                answer = await self._read(request, commit)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._folders.remove([temp])
            raise
        return integer(answer, "files")

    async def _read(self, request: Mapping[str, JsonValue], commit: str) -> JsonObject:
        """The worker's answer, once it has all objects of LFS that it asks for."""
        answer = await self._supplies.read(request, commit)
        if missing := mapping(answer, "missing"):
            await self._supplies.bring({oid: integer(missing, oid) for oid in missing})
            answer = await self._supplies.read({**request, "spare_commit": ""}, commit)
        if "missing" in answer:
            raise Failure(FailureKind.DISK, "objects of git LFS went away while they were used")
        return answer

    async def _make_spare(self, name: str, base: str) -> None:
        with self._used(name):
            await self._spare.make(name, base)

    async def _on_disk(self) -> dict[str, None]:
        """The snapshots that are there, the one that was made last at the end."""
        async with self._looking:
            if not self._looked.is_set():
                self._names = dict.fromkeys(await self._folders.snapshots_of(self._digest))
                self._looked.set()
        return self._names

    @contextmanager
    def _used(self, name: str) -> Iterator[None]:
        self._in_use[name] = self._in_use.get(name, 0) + 1
        try:
            yield
        finally:
            self._in_use[name] -= 1
            if not self._in_use[name]:
                del self._in_use[name]
