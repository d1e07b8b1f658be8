"""Which applications have work, each at most once in the queue and at most once under way."""

from __future__ import annotations

import enum
from collections import OrderedDict

import anyio

from gitopsd.core.ids import AppName


class Level(enum.IntEnum):
    """How much of a reconciliation an application needs; a higher level includes the lower ones."""

    LIVE = 0
    """Compare again: live objects changed, or a back-off is over."""
    GIT = 1
    """Render what the sources resolve to now."""
    HARD = 2
    """Render without the cache."""


class WorkQueue:
    """Applications in the order in which they got work.

    An application that gets work while it is under way goes back into the queue when it is done; levels of requests
    that came together are merged into the highest.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[AppName, Level] = OrderedDict()
        self._running: dict[AppName, Level | None] = {}
        self._news = anyio.Event()

    def add(self, app: AppName, level: Level) -> None:
        """`app` has work."""
        if app in self._running:
            self._running[app] = _higher(self._running[app], level)
            return
        self._waiting[app] = _higher(self._waiting.get(app), level)
        self._news.set()

    async def get(self) -> tuple[AppName, Level]:
        """The application that has waited longest; it is under way until `done`."""
        while not self._waiting:
            self._news = anyio.Event()
            await self._news.wait()
        app, level = self._waiting.popitem(last=False)
        self._running[app] = None
        return app, level

    def done(self, app: AppName) -> None:
        """`app` is not under way any more; work that came meanwhile puts it back at the end of the queue."""
        again = self._running.pop(app, None)
        if again is not None:
            self.add(app, again)

    def discard(self, app: AppName) -> None:
        """`app` is gone: forget its waiting work."""
        self._waiting.pop(app, None)
        if app in self._running:
            self._running[app] = None

    def __len__(self) -> int:
        return len(self._waiting)


def _higher(first: Level | None, second: Level) -> Level:
    return second if first is None else max(first, second)
