"""When the machine's clock was set, and what that means for moments that were noted by it before.

Back-offs, deadlines and waits of this process go by the monotonic clock and do not notice. Moments that are kept over a
restart go by the time of day, and are moved with it: a sync that has run for a minute has run for a minute.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.history import Past
from gitopsd.core.operation import Operation

STEP_SECONDS: Final = 2.0
"""What keeps a clock right moves it slowly, by less than half a thousandth (adjtime(3)); more at once is a step."""


class Reading(NamedTuple):
    """Both clocks at one moment: the time of day, and seconds of the monotonic one."""

    now: datetime
    monotonic: float


def step(before: Reading, after: Reading) -> float:
    """By how many seconds the time of day was set forward (back: negative) between two readings; 0.0 if it was not.

    Sleep of the machine counts as a step: the monotonic clock stands still meanwhile.
    """
    moved = (after.now - before.now).total_seconds() - (after.monotonic - before.monotonic)
    return moved if abs(moved) >= STEP_SECONDS else 0.0


def stepped_health(status: AppStatus, seconds: float) -> AppStatus:
    """The status with the moments of its objects' health (since when they are Progressing) after a step."""
    by = timedelta(seconds=seconds)
    if all(item.since is None and item.until is None for item in status.resources):
        return status
    resources = tuple(
        replace(item, since=_moved(item.since, by), until=_moved(item.until, by)) for item in status.resources
    )
    return replace(status, resources=resources)


def stepped_past(past: Past, seconds: float) -> Past:
    """The history with the moment of its newest entry after a step, if that is still waited for to become Healthy."""
    newest = past.entries[-1] if past.entries else None
    if newest is None or newest.healthy_at is not None:
        return past
    moved = replace(newest, deployed_at=newest.deployed_at + timedelta(seconds=seconds))
    return replace(past, entries=(*past.entries[:-1], moved))


def _moved(moment: datetime | None, by: timedelta) -> datetime | None:
    return moment + by if moment is not None else None


def stepped(operation: Operation, seconds: float) -> Operation:
    """The operation under way with its moments in the time of day as it is after a step."""
    if not seconds:
        return operation
    by = timedelta(seconds=seconds)
    hooks = {
        item: replace(
            run,
            started_at=run.started_at + by,
            finished_at=_moved(run.finished_at, by),
        )
        for item, run in operation.hooks.items()
    }
    held_since = operation.held_since + by if operation.held_since is not None else None
    return replace(operation, started_at=operation.started_at + by, hooks=hooks, held_since=held_since)
