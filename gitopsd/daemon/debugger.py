"""What can be changed and looked at in a running daemon."""

from __future__ import annotations

from gitopsd.config import LogSettings
from gitopsd.daemon.log import Log
from gitopsd.daemon.loglevel import LogLevels
from gitopsd.daemon.profile import Profiler
from gitopsd.ports.clock import Clock
from gitopsd.ports.debugging import LogLevel
from gitopsd.ports.tracer import Tracer


class Debugger:
    """`ports.Debugging` of one daemon. Without a `log` of the process the level is kept, and nothing comes of it."""

    def __init__(self, settings: LogSettings, log: Log | None, clock: Clock) -> None:
        self._log = log
        self._levels = LogLevels(settings.level, log.set_level if log is not None else _nothing, clock)
        self._profiler = Profiler()

    def log_level(self) -> LogLevel:
        """See `ports.Debugging`."""
        return self._levels.now()

    def set_log_level(self, level: str, seconds: float | None) -> LogLevel:
        """See `ports.Debugging`."""
        return self._levels.ask(level, seconds)

    async def profile(self, seconds: float, form: str) -> bytes:
        """See `ports.Debugging`."""
        return await self._profiler.profile(seconds, form)

    def lost_lines(self) -> int:
        """How many log lines nobody will read."""
        return self._log.lost if self._log is not None else 0

    def show_traces(self, tracer: Tracer) -> None:
        """Name the trace in each line that is logged within one."""
        if self._log is not None:
            self._log.trace = tracer.current

    def reconfigure(self, settings: LogSettings) -> None:
        """Take other settings over."""
        self._levels.configure(settings.level)
        if self._log is not None:
            self._log.set_repeat(settings.repeat_seconds)

    async def run(self) -> None:
        """Keep the times that were asked for; until cancelled."""
        await self._levels.run()


def _nothing(_level: str) -> None:
    """There is no log."""
