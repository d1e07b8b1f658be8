"""The clock of the machine."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime


class SystemClock:
    """`ports.Clock` over the machine's time and a random generator of its own."""

    def __init__(self) -> None:
        self._random = random.Random()  # noqa: S311  # spreads load, protects nothing

    def now(self) -> datetime:
        """The time of day in UTC."""
        return datetime.now(UTC)  # noqa: TID251  # this is the Clock

    def monotonic(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()

    def jitter(self, seconds: float) -> float:
        """Between 0 and `seconds`."""
        return self._random.uniform(0.0, seconds)
