"""What can be asked of a running daemon about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
PROFILE_FORMS: Final = ("text", "html", "speedscope")
MOST_PROFILE_SECONDS: Final = 60.0
MOST_LEVEL_SECONDS: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class LogLevel:
    """The level now, the one of the configuration, and until when they differ (None: nobody said, or they do not)."""

    level: str
    configured: str
    until: datetime | None = None


class Debugging(Protocol):
    """Looks into the daemon while it runs."""

    def log_level(self) -> LogLevel:
        """What counts."""
        ...

    def set_log_level(self, level: str, seconds: float | None) -> LogLevel:
        """Let a level of `LOG_LEVELS` count ("": the configuration's), for so many seconds or until somebody says
        otherwise; what counts now.
        """
        ...

    async def profile(self, seconds: float, form: str) -> bytes:
        """Where the time of `seconds` (`MOST_PROFILE_SECONDS` at most) goes, in one of `PROFILE_FORMS`.

        Raises `OperationError`: `InProgress` while somebody else's is made, `Invalid` for other seconds or forms.
        """
        ...
