"""Where fakes stop: a gate that a test closes, to see what others do while one hangs."""

from __future__ import annotations

from collections.abc import Hashable

import anyio
import anyio.lowlevel


class Gate:
    """Callers pass; those whose place is held wait until it is released. `waiting` counts who waits now, by place."""

    def __init__(self) -> None:
        self._held: dict[Hashable, anyio.Event] = {}
        self.waiting: dict[Hashable, int] = {}

    def hold(self, place: Hashable) -> None:
        """Whoever comes to `place` from now on waits."""
        self._held.setdefault(place, anyio.Event())

    def release(self, place: Hashable) -> None:
        """Let them pass, those who wait and those who come."""
        event = self._held.pop(place, None)
        if event is not None:
            event.set()

    async def passing(self, *places: Hashable) -> None:
        """Go by each of `places`."""
        await anyio.lowlevel.checkpoint()
        for place in places:
            event = self._held.get(place)
            if event is None:
                continue
            self.waiting[place] = self.waiting.get(place, 0) + 1
            try:
                await event.wait()
            finally:
                self.waiting[place] -= 1
