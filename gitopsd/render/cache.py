"""The render cache (design decision 2): manifests are reused for as long as what the render read stays the same."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

import anyio
import structlog

from gitopsd.render.entry import Entry
from gitopsd.render.evidence import Moment, valid_at
from gitopsd.render.vault import AlteredError, Vault

MAX_BYTES: Final = 512 << 20
MEMORY_BYTES: Final = 8 << 20
_VARIANTS: Final = 3

_log = structlog.get_logger("gitopsd.render")


class RenderCache:
    """Entries on disk, at most `max_bytes` of them, and the last used ones in memory, at most `memory_bytes` as
    compressed.

    Under one key the last three different contents are kept, so that going back to an older commit renders nothing.
    An entry is used for `expires_seconds` after it was made (0: for ever); `now` gives seconds since 1970.
    Nothing here raises for a damaged file or a full disk: the cache then forgets, says so in the log, and rendering
    goes on.
    """

    def __init__(
        self,
        vault: Vault,
        *,
        max_bytes: int = MAX_BYTES,
        memory_bytes: int = MEMORY_BYTES,
        expires_seconds: float = 0.0,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._vault = vault
        self._expires_seconds = expires_seconds
        self._now = now
        self._max_bytes = max_bytes
        self._memory_bytes = memory_bytes
        self._limiter = anyio.CapacityLimiter(2)
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._names: dict[str, list[str]] = {}
        self._loaded: OrderedDict[str, Entry] = OrderedDict()
        self._loaded_bytes = 0
        self._bytes = 0

    async def open(self) -> None:
        """Learn what is on disk. Raises `StoreError` if the folder cannot be used."""
        for file in await anyio.to_thread.run_sync(self._vault.open, limiter=self._limiter):
            self._note(file.name, file.size)

    async def find(self, key: str, moment: Moment) -> Entry | None:
        """The entry under `key` that holds at `moment`. Raises `SourceError` if the commit's paths cannot be asked."""
        since = self._now() - self._expires_seconds if self._expires_seconds else -math.inf
        entries = [entry for entry in await self._entries(tuple(self._names.get(key, ()))) if entry.made >= since]
        index = await valid_at([entry.evidence for entry in entries], moment)
        if index is None:
            return None
        entry = entries[index]
        self._use(entry.name)
        return entry

    async def store(self, entry: Entry, *, on_disk: bool = True) -> None:
        """Remember `entry`, instead of one with the same evidence; in memory alone where it holds secrets."""
        name = entry.name
        if not on_disk:
            self._note(name, 0)
            self._keep(name, entry)
            await self._remove(self._surplus(entry.key))
            return
        try:
            size = await anyio.to_thread.run_sync(self._write, entry, name, limiter=self._limiter)
        except OSError as error:
            _log.warning("render cache cannot be written", why=error.strerror)
            return
        self._note(name, size)
        self._keep(name, entry)
        await self._remove(self._surplus(entry.key))

    async def forget(self, key: str) -> None:
        """Drop all entries under `key`, for a hard refresh."""
        await self._remove(tuple(self._names.get(key, ())))

    def _write(self, entry: Entry, name: str) -> int:
        return self._vault.write(name, entry.to_bytes())

    async def _entries(self, names: tuple[str, ...]) -> list[Entry]:
        found = {name: self._loaded[name] for name in names if name in self._loaded}
        missing = [name for name in names if name not in found]
        if missing:
            for name, entry in await anyio.to_thread.run_sync(self._read, missing, limiter=self._limiter):
                if entry is None:
                    await self._remove((name,))
                else:
                    self._keep(name, entry)
                    found[name] = entry
        return [found[name] for name in names if name in found]

    def _read(self, names: Iterable[str]) -> list[tuple[str, Entry | None]]:
        return [(name, self._read_one(name)) for name in names]

    def _read_one(self, name: str) -> Entry | None:
        try:
            raw = self._vault.read(name)
            entry = None if raw is None else Entry.from_bytes(raw)
        except AlteredError:
            _log.warning("a file of the render cache was altered: it is not used and rendered anew", file=name)
            return None
        except ValueError as error:
            _log.info("a file of the render cache cannot be used", file=name, why=str(error))
            return None
        return entry if entry is not None and entry.name == name else None

    def _note(self, name: str, size: int) -> None:
        self._bytes += size - self._sizes.pop(name, 0)
        self._sizes[name] = size
        names = self._names.setdefault(name.partition("-")[0], [])
        if name in names:
            names.remove(name)
        names.append(name)

    def _use(self, name: str) -> None:
        if name in self._sizes:
            self._note(name, self._sizes[name])
        if name in self._loaded:
            self._loaded.move_to_end(name)

    def _keep(self, name: str, entry: Entry) -> None:
        self._drop(name)
        self._loaded[name] = entry
        self._loaded_bytes += len(entry.packed)
        while self._loaded_bytes > self._memory_bytes and len(self._loaded) > _VARIANTS:
            self._drop(next(iter(self._loaded)))

    def _drop(self, name: str) -> None:
        entry = self._loaded.pop(name, None)
        if entry is not None:
            self._loaded_bytes -= len(entry.packed)

    def _surplus(self, key: str) -> tuple[str, ...]:
        """The files to remove: old contents of `key`, then those that were not used for the longest time."""
        surplus = self._names.get(key, [])[:-_VARIANTS]
        over = self._bytes - self._max_bytes - sum(self._sizes[name] for name in surplus)
        for name, size in self._sizes.items():
            if over <= 0:
                break
            if name not in surplus:
                surplus.append(name)
                over -= size
        return tuple(surplus)

    async def _remove(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._drop(name)
            self._bytes -= self._sizes.pop(name, 0)
            key = name.partition("-")[0]
            left = [each for each in self._names.get(key, ()) if each != name]
            self._names[key] = left
            if not left:
                del self._names[key]
        if names:
            await anyio.to_thread.run_sync(self._vault.remove, names, limiter=self._limiter)
