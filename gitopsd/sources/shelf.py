"""One repository's snapshots: the commits that lie as folders on disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import anyio
import anyio.abc

from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.sources.folders import Folders
from gitopsd.sources.limits import GitLimits
from gitopsd.sources.shared import SharedCalls


class Shelf:
    """Makes snapshots, each at most once, and removes them. `read` has the worker's request for a commit answered."""

    def __init__(
        self,
        digest: str,
        *,
        folders: Folders,
        limits: GitLimits,
        tasks: anyio.abc.TaskGroup,
        read: Callable[[Mapping[str, JsonValue], str], Awaitable[JsonObject]],
    ) -> None:
        self._digest = digest
        self._folders = folders
        self._limits = limits
        self._read = read
        self._making: SharedCalls[str] = SharedCalls(tasks)
        self._commits: dict[str, None] = {}
        self._looked = anyio.Event()
        self._looking = anyio.Lock()
        self._in_use: dict[str, int] = {}

    async def get(self, commit: str) -> str:
        """The folder of a commit; who asks while it is being made shares it."""
        return await self._making.call(commit, lambda _: self._get(commit))

    async def keep(self, wanted: frozenset[str]) -> None:
        """Remove all commits but these, save what is being made or linked from."""
        commits = await self._on_disk()
        gone = [commit for commit in commits if commit not in wanted and commit not in self._in_use]
        for commit in gone:
            del commits[commit]
        await self._folders.remove(self._folders.snapshot(self._digest, commit) for commit in gone)

    async def _get(self, commit: str) -> str:
        final = self._folders.snapshot(self._digest, commit)
        with self._used(commit):
            commits = await self._on_disk()
            if commit in commits and await self._folders.exists(final):
                return final
            base = next((other for other in reversed(commits) if other != commit), "")
            with self._used(base):
                await self._make(commit, base, final)
            commits[commit] = None
        return final

    async def _make(self, commit: str, base: str, final: str) -> None:
        await self._folders.make_room_for_snapshots(self._digest)
        temp = self._folders.new_temp()
        request: dict[str, JsonValue] = {
            "op": "snapshot",
            "commit": commit,
            "base_commit": base,
            "base": self._folders.snapshot(self._digest, base) if base else "",
            "temp": temp,
            "final": final,
            "max_files": self._limits.snapshot_files,
            "max_bytes": self._limits.snapshot_bytes,
        }
        try:
            await self._read(request, commit)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._folders.remove([temp])
            raise

    async def _on_disk(self) -> dict[str, None]:
        """The commits that are there, the one that was made last at the end."""
        async with self._looking:
            if not self._looked.is_set():
                self._commits = dict.fromkeys(await self._folders.snapshots_of(self._digest))
                self._looked.set()
        return self._commits

    @contextmanager
    def _used(self, commit: str) -> Iterator[None]:
        self._in_use[commit] = self._in_use.get(commit, 0) + 1
        try:
            yield
        finally:
            self._in_use[commit] -= 1
            if not self._in_use[commit]:
                del self._in_use[commit]
