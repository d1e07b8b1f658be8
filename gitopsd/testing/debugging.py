"""A daemon that lets itself be looked into, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gitopsd.core.errors import OperationError
from gitopsd.ports.debugging import Debugging, LogLevel

_NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class FakeDebugging:
    """`asked` are the levels and seconds, `profiles` the seconds and forms that were asked for; `busy`: somebody else's
    profile is being made.
    """

    level: LogLevel = field(default_factory=lambda: LogLevel("info", "info"))
    asked: list[tuple[str, float | None]] = field(default_factory=list)
    profiles: list[tuple[float, str]] = field(default_factory=list)
    written: bytes = b"a profile\n"
    busy: bool = False

    def log_level(self) -> LogLevel:
        """See `ports.Debugging`."""
        return self.level

    def set_log_level(self, level: str, seconds: float | None) -> LogLevel:
        """See `ports.Debugging`."""
        self.asked.append((level, seconds))
        until = None if seconds is None else _NOW + timedelta(seconds=seconds)
        self.level = LogLevel(level or self.level.configured, self.level.configured, until)
        return self.level

    async def profile(self, seconds: float, form: str) -> bytes:
        """See `ports.Debugging`."""
        if self.busy:
            raise OperationError("a profile is being made already", reason="InProgress", hint="wait until it is done")
        self.profiles.append((seconds, form))
        return self.written


if TYPE_CHECKING:
    _guard: Debugging = FakeDebugging()
