"""The snapshots of one origin: folders named after the digest of what they were unpacked from.

Another origin never shares them: an index may claim any digest, and must not get at what somebody else's holds.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import anyio.abc
from anyio import to_thread

from gitopsd.sources.folders import Folders
from gitopsd.sources.shared import SharedCalls

Result = TypeVar("Result")
Fill = Callable[[str], Awaitable[str]]
"""Fills the folder whose path it gets, which does not exist yet; the digest (hex) of what came."""


class ArtifactShelf:
    """Makes each snapshot at most once at a time: in a folder aside, then in its place by one rename."""

    def __init__(self, digest: str, folders: Folders, tasks: anyio.abc.TaskGroup) -> None:
        self._digest = digest
        self._folders = folders
        self._making: SharedCalls[str] = SharedCalls(tasks)
        self._wanted: set[str] = set()
        self._threads = anyio.CapacityLimiter(1)

    async def find(self, name: str) -> str | None:
        """The folder of a snapshot, if it is there."""
        final = self._folders.snapshot(self._digest, name)
        return final if await self._folders.exists(final) else None

    async def look(self, name: str, read: Callable[[str], Result], otherwise: Result) -> Result:
        """What `read` (in a thread) finds in the folder of a snapshot; `otherwise` if it is not there."""
        found = await self.find(name)
        return await to_thread.run_sync(read, found, limiter=self._threads) if found is not None else otherwise

    async def get(self, name: str, fill: Fill) -> str:
        """The folder of a snapshot; who asks while it is being made shares it, and also its failure."""
        found = await self.find(name)
        if found is not None:
            return found
        self._wanted.add(name)
        try:
            await self._making.call(name, lambda _: self.add(fill))
        finally:
            self._wanted.discard(name)
        return self._folders.snapshot(self._digest, name)

    async def add(self, fill: Fill) -> str:
        """Make a snapshot whose name is known only when it is there; its name."""
        await self._folders.make_room_for_snapshots(self._digest)
        temp = self._folders.new_temp()
        try:
            name = await fill(temp)
            if name:
                await to_thread.run_sync(_put, temp, self._folders.snapshot(self._digest, name))
            return name
        finally:
            with anyio.CancelScope(shield=True):
                await self._folders.remove([temp])

    async def keep(self, names: frozenset[str]) -> None:
        """Remove all others, save what is being made."""
        await self._folders.keep_snapshots(self._digest, names | self._wanted)


def _put(temp: str, final: str) -> None:
    """Move a folder to its place; one that is there already holds the same."""
    try:
        os.rename(temp, final)
    except OSError:
        if not os.path.isdir(final):
            raise
