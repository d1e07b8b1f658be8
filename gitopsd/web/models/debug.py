"""The daemon, looked into."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gitopsd.ports.debugging import MOST_LEVEL_SECONDS, LogLevel
from gitopsd.web.models.model import Model


class LogLevelBody(Model):
    """`level` to log from now on ("": the configuration's), for `seconds` or until somebody says otherwise."""

    level: Literal["", "debug", "info", "warning", "error"]
    seconds: Annotated[float, Field(gt=0, le=MOST_LEVEL_SECONDS)] | None = None


class LogLevelAnswer(Model):
    """The level now, the one of the configuration, and until when they differ, if that was said."""

    level: str
    configured: str
    until: datetime | None = None

    @classmethod
    def of(cls, found: LogLevel) -> LogLevelAnswer:
        """As it is shown."""
        return cls(level=found.level, configured=found.configured, until=found.until)
