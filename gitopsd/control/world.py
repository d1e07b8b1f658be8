"""What the supervisor is given: the adapters that it works with, and what was known before the daemon started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gitopsd.control.actions import Done
from gitopsd.control.revisions import Refusal, nobody_refused
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.errors import StoreError
from gitopsd.core.history import Pin
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Operation
from gitopsd.ports.actions import ResourceActions
from gitopsd.ports.applications import ReadApplication
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Clusters
from gitopsd.ports.expressions import FieldExpressions
from gitopsd.ports.health import HealthJudge
from gitopsd.ports.journal import Journal
from gitopsd.ports.readiness import ReadinessJudge
from gitopsd.ports.renderer import Renderer
from gitopsd.ports.schedule import Schedules
from gitopsd.ports.sources import Sources
from gitopsd.ports.tracer import NO_TRACER, Tracer


@dataclass(frozen=True, slots=True)
class World:
    """The adapters that the supervisor works with; `refusal` says why a project may not use an origin,
    `on_store_trouble` hears of history that could not be kept, `on_breaker` of clusters to which automated syncs are
    stopped or go on.
    """

    sources: Sources
    renderer: Renderer
    clusters: Clusters
    clock: Clock
    judge: HealthJudge
    journal: Journal
    refusal: Refusal = nobody_refused
    expressions: FieldExpressions | None = None
    on_store_trouble: Callable[[StoreError], None] = lambda _: None
    on_breaker: Callable[[str, bool], None] = lambda _cluster, _open: None
    schedules: Schedules | None = None
    readiness: ReadinessJudge | None = None
    actions: ResourceActions | None = None
    on_action: Callable[[Done], None] = lambda _: None
    plan_key: bytes = b""
    applications: ReadApplication | None = None
    tracer: Tracer = NO_TRACER


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was known before the daemon started."""

    statuses: Mapping[AppName, AppStatus] = field(default_factory=dict)
    operations: Mapping[AppName, Operation] = field(default_factory=dict)
    ended: Mapping[AppName, Operation] = field(default_factory=dict)
    pins: Mapping[AppName, Pin] = field(default_factory=dict)


NOTHING_REMEMBERED: Final = Remembered()
