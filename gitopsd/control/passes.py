"""The passes over applications that are under way: one for each application at most, and nobody's waits for another's
trouble.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final

import anyio

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.core.ids import AppName

_STOP_SECONDS: Final = 8.0
_PASSES_UNDER_WAY: Final = 512

Work = Callable[[Application, Level], Awaitable[None]]
"""One pass over an application; it raises nothing."""


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pass under way; `since` on the loop's clock."""

    app: Application
    scope: anyio.CancelScope
    since: float


class Passes:
    """Owns the passes under way over `applications`, which it takes from the queue."""

    def __init__(self, queue: WorkQueue, applications: Applications) -> None:
        self._queue = queue
        self._applications = applications
        self._limiter = anyio.CapacityLimiter(_PASSES_UNDER_WAY)
        self._under_way: dict[AppName, _Pass] = {}
        self._waiters: dict[AppName, anyio.Event] = {}
        self._stopping = False
        self._idle = anyio.Event()

    def stopping(self) -> bool:
        """Whether no pass begins any more, and those under way shall come to their end."""
        return self._stopping

    def count(self) -> int:
        """How many are under way."""
        return len(self._under_way)

    def names(self) -> Collection[AppName]:
        """Over which applications there is one under way."""
        return self._under_way.keys()

    def over(self, name: AppName) -> bool:
        """Whether there is one under way over the application."""
        return name in self._under_way

    def longest(self) -> tuple[float, str]:
        """How many seconds the oldest pass has been under way, and over which application; 0.0 if there is none."""
        oldest = min(self._under_way.values(), key=lambda under_way: under_way.since, default=None)
        return (anyio.current_time() - oldest.since, oldest.app.spec.name) if oldest is not None else (0.0, "")

    def cancel(self, name: AppName) -> None:
        """What the application's pass works by is void."""
        under_way = self._under_way.get(name)
        if under_way is not None:
            under_way.scope.cancel()

    async def ended(self, names: Collection[AppName]) -> None:
        """Wait until each of these applications has ended a pass; those that are not at work are not waited for."""
        at_work = self._applications.at_work
        for waiter in [self._waiters.setdefault(name, anyio.Event()) for name in names if name in at_work]:
            await waiter.wait()

    async def run(self, work: Work) -> None:
        """Do `work` for whoever is in the queue, until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                name, level = await self._queue.get()
                await self._limiter.acquire_on_behalf_of(name)
                tasks.start_soon(self._pass, name, level, work)

    async def _pass(self, name: AppName, level: Level, work: Work) -> None:
        app = self._applications.get(name)
        try:
            if app is not None and not self._stopping:
                with anyio.CancelScope() as scope:
                    self._under_way[name] = _Pass(app, scope, anyio.current_time())
                    await work(app, level)
        finally:
            self._under_way.pop(name, None)
            self._limiter.release_on_behalf_of(name)
            self._queue.done(name)
            waiter = self._waiters.pop(name, None)
            if waiter is not None:
                waiter.set()
            if self._stopping and not self._under_way:
                self._idle.set()

    async def stop(self) -> None:
        """Let syncs finish the step in hand, for a bounded time; whoever cancels has to wait for that."""
        with anyio.CancelScope(shield=True):
            self._stopping = True
            for under_way in self._under_way.values():
                if not under_way.app.writing:
                    under_way.scope.cancel()
            if self._under_way:
                with anyio.move_on_after(_STOP_SECONDS):
                    await self._idle.wait()
