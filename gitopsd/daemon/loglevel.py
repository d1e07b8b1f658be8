"""How much the log says, which a reload changes, and somebody for a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import anyio
import structlog

from gitopsd.daemon.log import LEVELS
from gitopsd.ports.clock import Clock
from gitopsd.ports.debugging import LogLevel

_log = structlog.get_logger("gitopsd.daemon")
_FOR_EVER: Final = float("inf")


class LogLevels:
    """The level of the log: `configured`, or another one that somebody asked for. `use` makes a level count."""

    def __init__(self, configured: str, use: Callable[[str], None], clock: Clock) -> None:
        self._configured = configured
        self._use = use
        self._clock = clock
        self._asked = ""
        self._until: datetime | None = None
        self._ends = _FOR_EVER
        self._changed = anyio.Event()

    def now(self) -> LogLevel:
        """What counts."""
        return LogLevel(self._asked or self._configured, self._configured, self._until)

    def configure(self, level: str) -> None:
        """The configuration's level. Another one than before counts at once, whatever somebody asked for."""
        if level != self._configured:
            before, self._configured = self.now().level, level
            self._set(before, "", None, by="the configuration")

    def ask(self, level: str, seconds: float | None) -> LogLevel:
        """Let `level` count ("": the configuration's), for `seconds` or until somebody says otherwise; what counts
        now.
        """
        self._set(self.now().level, level, seconds if level else None, by="gitopsd admin log-level")
        return self.now()

    async def run(self) -> None:
        """Go back to the configuration's level when the time is over; until cancelled."""
        while True:
            changed = self._changed
            with anyio.move_on_after(self._ends - self._clock.monotonic()):
                await changed.wait()
                continue
            self._set(self.now().level, "", None, by="its time is over")

    def _set(self, before: str, asked: str, seconds: float | None, *, by: str) -> None:
        self._asked = asked
        self._until = None if seconds is None else self._clock.now() + timedelta(seconds=seconds)
        self._ends = _FOR_EVER if seconds is None else self._clock.monotonic() + seconds
        now = self.now()
        # It is told while the one of the two counts that says more.
        self._use(min(before, now.level, key=LEVELS.__getitem__))
        until = {"until": now.until.isoformat(timespec="seconds")} if now.until else {}
        _log.info("log level changed", log_level=now.level, by=by, **until)
        self._use(now.level)
        self._changed.set()
        self._changed = anyio.Event()
