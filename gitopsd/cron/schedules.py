"""When sync windows open: `ports.Schedules`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from gitopsd.core.window import SyncWindow, WindowState, opening
from gitopsd.cron.expression import Cron
from gitopsd.ports.schedule import Schedules

_REMEMBERED: Final = 1000


class CronSchedules:
    """Asks a window's schedule only when the window opens or closes: what was found stands until then."""

    def __init__(self) -> None:
        self._found: OrderedDict[SyncWindow, tuple[Cron, datetime, WindowState]] = OrderedDict()

    def states(self, windows: Sequence[SyncWindow], now: datetime) -> tuple[WindowState, ...]:
        """As the port says. Raises `BadScheduleError` for a window that the configuration would have refused."""
        return tuple(self._state(window, now) for window in windows)

    def _state(self, window: SyncWindow, now: datetime) -> WindowState:
        known = self._found.get(window)
        if known is not None:
            cron, since, state = known
            if since <= now and (state.again is None or now < state.again):
                self._found.move_to_end(window)
                return state
        else:
            cron = Cron(window.schedule, window.time_zone)
        state = opening(window, now, cron.last, cron.following)
        self._found[window] = cron, now, state
        self._found.move_to_end(window)
        if len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return state


if TYPE_CHECKING:
    _guard: Schedules = CronSchedules()
