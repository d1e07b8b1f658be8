"""Schedules in time zones, as the control room asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gitopsd.core.window import SyncWindow, WindowState


class Schedules(Protocol):
    """Knows when sync windows open."""

    def states(self, windows: Sequence[SyncWindow], now: datetime) -> tuple[WindowState, ...]:
        """Each of `windows` at `now` (UTC). Needs no disk and does not wait; its schedules and time zones are good, as
        those of the configuration are.
        """
        ...
