"""How late the event loop is."""

from __future__ import annotations

from typing import Final, Protocol

import anyio

from gitopsd.ports.clock import Clock

_INTERVAL: Final = 1.0


class LagListener(Protocol):
    """Who hears of the lag; the `Recorder` does."""

    def loop_lag(self, seconds: float) -> None:
        """The loop woke `seconds` later than asked."""
        ...


async def sample_loop_lag(listener: LagListener, clock: Clock, *, interval: float = _INTERVAL) -> None:
    """Tell `listener`, every `interval` seconds and for ever, how many seconds later than asked a sleep ended.

    Any work that holds the loop up shows, whoever does it. One wake a second is all that it costs.
    """
    while True:
        began = clock.monotonic()
        await anyio.sleep(interval)
        listener.loop_lag(max(0.0, clock.monotonic() - began - interval))
