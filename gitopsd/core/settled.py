"""Whether an application has come to rest, for `run --once` and everybody else who waits."""

from __future__ import annotations

import enum
from typing import Final

from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.health.status import HealthStatus

GRACE_SECONDS: Final = 5.0
"""How long a bad state has to last before it counts as final: many are over with the next event or the first retry."""

_AT_REST: Final = frozenset({HealthStatus.HEALTHY, HealthStatus.SUSPENDED, HealthStatus.DEGRADED, HealthStatus.MISSING})


class Settled(enum.StrEnum):
    """How an application came to rest, or that it has not."""

    MOVING = "moving"
    GOOD = "good"
    BAD = "bad"


def settled(status: AppStatus, unchanged_seconds: float) -> Settled:
    """GOOD as soon as it is Synced and Healthy; BAD if it rests otherwise for long enough."""
    if status.reconciled_at is None or (status.operation is not None and not status.operation.phase.done):
        return Settled.MOVING
    if status.sync is SyncCode.SYNCED and status.health.status is HealthStatus.HEALTHY:
        return Settled.GOOD
    failed = any(condition.type.is_error for condition in status.conditions)
    at_rest = failed or status.health.status in _AT_REST
    return Settled.BAD if at_rest and unchanged_seconds >= GRACE_SECONDS else Settled.MOVING
