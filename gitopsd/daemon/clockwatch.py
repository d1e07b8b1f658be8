"""Notices that the machine's clock was set while the daemon runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio
import structlog

from gitopsd.core.clockstep import Reading, step
from gitopsd.ports.clock import Clock

LOOK_SECONDS: Final = 5.0

_log = structlog.get_logger("gitopsd.daemon")


async def watch_clock(clock: Clock, on_step: Callable[[float], None]) -> None:
    """Compare both clocks every few seconds, for ever; tell `on_step` by how many seconds the time of day was set."""
    before = Reading(clock.now(), clock.monotonic())
    while True:
        await anyio.sleep(LOOK_SECONDS)
        after = Reading(clock.now(), clock.monotonic())
        if seconds := step(before, after):
            _log.warning(
                "the machine's clock was set, or the machine slept; all applications are looked at",
                way="forward" if seconds > 0 else "back",
                seconds=round(abs(seconds), 1),
                was=before.now.isoformat(),
                now=after.now.isoformat(),
            )
            on_step(seconds)
        before = after
