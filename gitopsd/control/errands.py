"""What is done beside everything else, until the supervisor ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVarTuple

import anyio
from anyio import AsyncContextManagerMixin

_Arguments = TypeVarTuple("_Arguments")


class Errands(AsyncContextManagerMixin):
    """Owns the supervisor's tasks; those still under way at the end of `async with` are cancelled."""

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Errands]:
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                yield self
            finally:
                tasks.cancel_scope.cancel()

    def start(self, errand: Callable[[*_Arguments], Coroutine[object, object, None]], *arguments: *_Arguments) -> None:
        """Do `errand` beside; only within `async with`. An error of it ends everything."""
        self._tasks.start_soon(errand, *arguments)
