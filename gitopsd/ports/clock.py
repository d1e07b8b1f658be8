"""Time and chance, as ports so that tests own them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time and jitter."""

    def now(self) -> datetime:
        """The time of day, with UTC as its zone."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never jumps."""
        ...

    def jitter(self, seconds: float) -> float:
        """A number of seconds between 0 and `seconds`, drawn anew on each call."""
        ...
