"""The health of one object or of one application."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class HealthStatus(enum.StrEnum):
    """Argo CD's six health codes, best first: the order of definition is the order of badness."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"


_BADNESS = {status: badness for badness, status in enumerate(HealthStatus)}


def worse_of(first: HealthStatus, second: HealthStatus) -> HealthStatus:
    """The worse of two codes (Healthy < Suspended < Progressing < Missing < Degraded < Unknown)."""
    return second if _BADNESS[second] > _BADNESS[first] else first


@dataclass(frozen=True, slots=True)
class Health:
    """A verdict: the code, and for people why it is so ("" where there is nothing to add)."""

    status: HealthStatus
    message: str = ""


def healthy(message: str = "") -> Health:
    """It does what it was asked to."""
    return Health(HealthStatus.HEALTHY, message)


def suspended(message: str) -> Health:
    """Somebody paused it on purpose."""
    return Health(HealthStatus.SUSPENDED, message)


def progressing(message: str) -> Health:
    """Not there yet, and it may still get there by itself."""
    return Health(HealthStatus.PROGRESSING, message)


def degraded(message: str) -> Health:
    """It failed, or did not get there in its time."""
    return Health(HealthStatus.DEGRADED, message)


def unknown(message: str) -> Health:
    """It cannot be told how it is."""
    return Health(HealthStatus.UNKNOWN, message)
