"""The values of one pass over an application."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gitopsd.control.queue import Level
from gitopsd.core.appstatus import AppStatus, ResourceStatus
from gitopsd.core.compare import Comparison
from gitopsd.core.conditions import Condition
from gitopsd.core.decide import Decision
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.live import Live
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.operation import Operation
from gitopsd.ports.tracer import Span

_NOT_JUDGED: Final = Health(HealthStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Request:
    """What a pass starts from: the commit of each source, how much is to be done anew, and warnings to carry along."""

    commits: tuple[str, ...]
    level: Level = Level.GIT
    warnings: tuple[Condition, ...] = ()
    fetches: tuple[Span | None, ...] = ()
    """The look-ups that found the commits, for the trace."""


@dataclass(frozen=True, slots=True)
class View:
    """An application as one pass sees it."""

    wanted: Desired
    namespace: DesiredObject | None
    live: Live
    comparison: Comparison
    conditions: tuple[Condition, ...]
    warnings: tuple[Condition, ...] = ()
    revisions: tuple[str, ...] = ()
    out_of_sight: tuple[ResourceStatus, ...] = ()
    resources: tuple[ResourceStatus, ...] = ()
    health: Health = _NOT_JUDGED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass found and did."""

    status: AppStatus
    comparison: Comparison
    decision: Decision
    operation: Operation | None
    """The operation that this pass began, advanced or ended; None if there was none."""
    given_up: Operation | None = None
    """The one before it, that this pass ended because git moved on."""
    again: datetime | None = None
    """When to look at the operation again though nothing changed."""
