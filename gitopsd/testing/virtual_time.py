"""An event loop whose time is the test's: waiting costs nothing, and nothing can be waited for in vain."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any, Final

_REAL_SECONDS: Final = 5.0


class StuckError(RuntimeError):
    """Every task waits, no timer runs, and nothing came from outside: the test would hang for ever."""


class _JumpingSelector(selectors.SelectSelector):
    """Where a real selector would sleep, this one lets the time pass at once."""

    def __init__(self, patience: float) -> None:
        super().__init__()
        self._patience = patience
        self.elapsed = 0.0
        self.turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is not None:
            self.elapsed += timeout
            return ready
        ready = super().select(self._patience)
        if not ready:
            raise StuckError("every task waits for something that nobody will do")
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop on virtual time: when all tasks wait, the clock jumps to the next timer.

    For anyio's pytest plugin: an `anyio_backend` fixture that returns `("asyncio", {"loop_factory": VirtualTimeLoop})`.
    `patience`: real seconds to wait for news from outside when no timer runs, before `StuckError` ends the wait.
    Only for tests without threads, sockets and processes: real work would be overtaken by the time that passes.
    """

    def __init__(self, *, patience: float = _REAL_SECONDS) -> None:
        self._jumping = _JumpingSelector(patience)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds of virtual time since the loop was made."""
        return self._jumping.elapsed

    @property
    def turns(self) -> int:
        """How often the loop has gone round: stands still (but for timers) while nothing is done."""
        return self._jumping.turns


def turns(loop: Any = None) -> int:
    """How often the running `VirtualTimeLoop` has gone round."""
    running = loop or asyncio.get_running_loop()
    if not isinstance(running, VirtualTimeLoop):
        raise TypeError("the test does not run on a VirtualTimeLoop")
    return running.turns
