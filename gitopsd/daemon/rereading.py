"""Reading something again whenever it is time, and at once when asked."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from gitopsd.config import ReconcileSettings
from gitopsd.ports.clock import Clock

_AGAIN_SECONDS: Final = 10.0
_FIRST_SECONDS: Final = 5.0


class Rereading:
    """`read` tells whether all could be read; what could not is tried again soon, all else at each refresh."""

    def __init__(self, read: Callable[[], Awaitable[bool]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._news = anyio.Event()

    def now(self) -> None:
        """Read at once."""
        self._news.set()

    async def first(self) -> bool:
        """Read for the first time, for a few seconds at most; whether all could be read."""
        with anyio.move_on_after(_FIRST_SECONDS):
            return await self._read()
        return False

    async def run(self, complete: bool, interval: Callable[[], ReconcileSettings | None]) -> None:
        """Read again for ever; `complete`: the last time all could be read. `interval` is None for nothing to read."""
        while True:
            news = self._news
            with anyio.move_on_after(self._wait(complete, interval())):
                await news.wait()
                self._news = anyio.Event()
            complete = await self._read()

    def _wait(self, complete: bool, settings: ReconcileSettings | None) -> float:
        if not complete:
            return _AGAIN_SECONDS
        if settings is None or not settings.refresh_interval_seconds:
            return math.inf
        return settings.refresh_interval_seconds + self._clock.jitter(settings.jitter_seconds)
