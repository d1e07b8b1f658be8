"""The tasks that the supervisor cannot do without, and whether they still run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVarTuple

Arguments = TypeVarTuple("Arguments")


class Vitals:
    """Runs tasks that never end by themselves, and knows which of them did.

    One that fails ends the daemon with its error. But a library that lets a cancellation slip ends a task without a
    word: nothing would be reconciled any more, and nobody would know.
    """

    def __init__(self) -> None:
        self._ended: set[str] = set()

    async def keep(self, name: str, task: Callable[[*Arguments], Awaitable[None]], *arguments: *Arguments) -> None:
        """Run `task`, of which people read as `name`."""
        self._ended.discard(name)
        try:
            await task(*arguments)
        finally:
            self._ended.add(name)

    def ended(self) -> tuple[str, ...]:
        """The names of those that ended, in order."""
        return tuple(sorted(self._ended))
