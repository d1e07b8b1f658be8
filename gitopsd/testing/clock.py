"""A clock that follows the event loop, and lets a test say how much time passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import anyio

from gitopsd.ports.clock import Clock

_BEGINNING: Final = datetime(2030, 1, 1, tzinfo=UTC)


class FakeClock:
    """`ports.Clock` on the loop's time (virtual on a `VirtualTimeLoop`); jitter is `share` of what was asked for."""

    def __init__(self, *, beginning: datetime = _BEGINNING, share: float = 0.0) -> None:
        self._beginning = beginning
        self.share = share

    def now(self) -> datetime:
        """`beginning`, plus the loop's seconds."""
        return self._beginning + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """The loop's seconds."""
        return anyio.current_time()

    def set_by(self, seconds: float) -> None:
        """Somebody sets the time of day by so much; the monotonic clock goes on."""
        self._beginning += timedelta(seconds=seconds)

    def jitter(self, seconds: float) -> float:
        """The same share each time."""
        return seconds * self.share

    async def advance(self, seconds: float) -> None:
        """Let so much time pass; everything that falls due meanwhile happens at its own moment."""
        await anyio.sleep(seconds)


if TYPE_CHECKING:
    _guard: Clock = FakeClock()
