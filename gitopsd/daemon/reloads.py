"""Reloads that were asked for, one after the other: what is asked for while one runs is one more, however often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio


class Reloads:
    """`reload` reads the configuration again; it is called whenever somebody asked."""

    def __init__(self, reload: Callable[[], Awaitable[None]]) -> None:
        self._reload = reload
        self._asked = anyio.Event()

    def ask(self) -> None:
        """Have the files read that are there now."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()  # before the files are read: who asks from now on may mean newer ones
            await self._reload()
