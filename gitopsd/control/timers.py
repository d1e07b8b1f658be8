"""Wakes applications later; one task for all of them."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import anyio

from gitopsd.core.ids import AppName
from gitopsd.ports.clock import Clock


class Timers:
    """At most one timer for each application: the earlier of two stands."""

    def __init__(self, clock: Clock, wake: Callable[[AppName], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._heap: list[tuple[float, int, AppName]] = []
        self._due: dict[AppName, float] = {}
        self._tie = itertools.count()
        self._news = anyio.Event()

    def wake_after(self, app: AppName, seconds: float) -> None:
        """Wake `app` in `seconds`, unless it is due earlier anyway."""
        when = self._clock.monotonic() + seconds
        if self._due.get(app, when + 1) <= when:
            return
        self._due[app] = when
        heapq.heappush(self._heap, (when, next(self._tie), app))
        if len(self._heap) > 2 * len(self._due):
            self._drop_stale()
        self._news.set()

    def forget(self, app: AppName) -> None:
        """`app` need not be woken any more."""
        self._due.pop(app, None)

    async def run(self) -> None:
        """Wake whoever is due, for ever."""
        while True:
            wait = self._fire()
            self._news = anyio.Event()
            with anyio.move_on_after(wait):
                await self._news.wait()

    def _drop_stale(self) -> None:
        """An earlier timer leaves the one that it replaces in the heap until that moment, which may be hours away."""
        self._heap = [(when, next(self._tie), app) for app, when in self._due.items()]
        heapq.heapify(self._heap)

    def _fire(self) -> float | None:
        """Wake all that are due; the seconds until the next one, None if there is none."""
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            when, _, app = heapq.heappop(self._heap)
            if self._due.get(app) == when:
                del self._due[app]
                self._wake(app)
        return max(0.0, self._heap[0][0] - now) if self._heap else None
