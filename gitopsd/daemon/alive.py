"""Looks again and again whether the daemon is alive, and tells systemd's watchdog and `/healthz`.

It runs in the event loop on purpose: where the loop is blocked, nobody is told that the daemon is alive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import anyio
import structlog

from gitopsd.core.liveness import ALIVE, Facts, Liveness, liveness, stalled
from gitopsd.daemon.notify import Notifier
from gitopsd.ports.clock import Clock

PACE_SECONDS: Final = 10.0
_PATIENCE: Final = 6  # paces without a look until the look itself is what is wrong

_log = structlog.get_logger("gitopsd.daemon")

LookAt = Callable[[], Awaitable[Facts]]
"""What the parts of the daemon tell of themselves now; answers within a second or two."""


class Alive:
    """The present verdict. `within`: the time in which systemd's watchdog wants to hear of it, None without one."""

    def __init__(self, look_at: LookAt, clock: Clock, notifier: Notifier, *, within: float | None = None) -> None:
        self._look_at = look_at
        self._clock = clock
        self._notifier = notifier
        self._pace = min(PACE_SECONDS, within / 2) if within is not None else PACE_SECONDS
        self._watched = within is not None
        self._looked_at = clock.monotonic()
        self._verdict = ALIVE

    async def run(self) -> None:
        """Look at each pace, until cancelled; systemd hears of it at half of the time that it allows."""
        while True:
            self._take(liveness(await self._look_at()))
            if self._watched and self._verdict.alive:
                self._notifier.watchdog()
            await anyio.sleep(self._pace)

    def verdict(self) -> Liveness:
        """What the last look found; not alive as well where the looks themselves have ceased."""
        if not self._verdict.alive:
            return self._verdict
        return stalled(self._clock.monotonic() - self._looked_at, _PATIENCE * self._pace)

    def _take(self, verdict: Liveness) -> None:
        before, self._verdict = self._verdict, verdict
        self._looked_at = self._clock.monotonic()
        if verdict.alive == before.alive:
            return
        if verdict.alive:
            _log.info("alive again")
            self._notifier.status("alive again")
        else:
            _log.error(
                "not alive",
                why=str(verdict),
                hint="systemd's watchdog or the container's liveness probe starts it anew; operations resume then",
            )
            self._notifier.status(f"not alive: {verdict}")
