"""A second copy of a repository's latest snapshot, made while nobody waits and changed into the next one.

Hard links to 20,000 files take the kernel half a second. Changing a copy takes what the commit changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import anyio
import anyio.abc

from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.sources.folders import Folders
from gitopsd.sources.wire import Failure

_PATIENCE_SECONDS: Final = 1.0


class Spare:
    """At most one for each repository; nobody ever read from it. `local` has a worker's request answered."""

    def __init__(
        self, digest: str, *, folders: Folders, local: Callable[[Mapping[str, JsonValue]], Awaitable[JsonObject]]
    ) -> None:
        self._digest = digest
        self._folders = folders
        self._local = local
        self._lock = anyio.Lock()

    async def take(self, suffix: str, temp: str) -> str:
        """Move a spare of this kind (see `Folders.snapshot`) to `temp`: whose commit it is, "" if there is none.

        Waits a moment for one that is being made: that is nearer to its end than anything begun now, but for a machine
        that has so much to do that it lets it wait.
        """
        with anyio.move_on_after(_PATIENCE_SECONDS) as waiting:
            await self._lock.acquire()
        if waiting.cancelled_caught:
            return ""
        try:
            return await self._taken(suffix, temp)
        finally:
            self._lock.release()

    async def _taken(self, suffix: str, temp: str) -> str:
        for name in await self._folders.spares_of(self._digest):
            path = self._folders.spare(self._digest, name)
            if name[40:] != suffix:
                await self._folders.remove([path])
            elif await self._folders.move(path, temp):
                return name[:40]
        return ""

    async def make(self, name: str, base: str) -> None:
        """Copy the snapshot `name`, whose folder is `base`, unless there is a spare. Without one all goes on slower."""
        async with self._lock:
            if await self._folders.spares_of(self._digest):
                return
            await self._folders.make_room_for_spares(self._digest)
            temp = self._folders.new_temp()
            final = self._folders.spare(self._digest, name)
            try:
                await self._local({"op": "clone", "base": base, "temp": temp, "final": final})
            except (Failure, OSError):
                await self._folders.remove([temp])
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await self._folders.remove([temp])
                raise

    async def drop(self) -> None:
        """Remove it."""
        names = await self._folders.spares_of(self._digest)
        await self._folders.remove(self._folders.spare(self._digest, name) for name in names)
