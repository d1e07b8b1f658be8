"""How fast requests to one API server follow each other."""

from __future__ import annotations

from typing import Final

import anyio

from gitopsd.ports.clock import Clock

# An aggregated API that is busy for long must not hold what the API server itself could answer.
_LONGEST_PAUSE: Final = 10.0
_SPREAD: Final = 0.25


class Pace:
    """Requests wait for their turn here: while the server has too much to do, and where the configuration has a `qps`.

    The server itself says when it has too much to do: priority and fairness answer 429 with `Retry-After`
    (https://kubernetes.io/docs/concepts/cluster-administration/flow-control/). Then all requests wait, not only the one
    that was turned away; watches that stand go on. With `qps` 0 there is no limit of ours; else `burst` requests (twice
    `qps` by default) may be begun at once, and `qps` a second after that.
    """

    def __init__(self, clock: Clock, *, qps: float = 0.0, burst: int = 0) -> None:
        self._clock = clock
        self._gap = 1.0 / qps if qps > 0 else 0.0
        self._credit = (burst or max(1, round(2 * qps))) * self._gap
        self._paused_until = 0.0
        self._next = 0.0

    def pause(self, seconds: float | None) -> None:
        """The server asked for this much time (None: it did not say how much)."""
        wait = min(1.0 if seconds is None else seconds, _LONGEST_PAUSE)
        self._paused_until = max(self._paused_until, self._clock.monotonic() + wait)

    async def turn(self) -> None:
        """Wait until a request may be begun."""
        while True:
            wait = self._paused_until - self._clock.monotonic()
            if wait <= 0:
                break
            await anyio.sleep(wait + self._clock.jitter(_SPREAD))
        if self._gap and (wait := self._claim()) > 0:
            await anyio.sleep(wait)

    def _claim(self) -> float:
        """Take the next place in the line; seconds until it is due."""
        now = self._clock.monotonic()
        self._next = max(self._next, now - self._credit) + self._gap
        return self._next - now
