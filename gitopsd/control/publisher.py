"""Tells everybody how applications stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.bus import Bus
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.events import AppRemoved, StatusChanged
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import AppName
from gitopsd.ports.clock import Clock

_NOT_COMPARED: Final = "it cannot be compared now: nothing of it is synced"


class Publisher:
    """Publishes statuses on the bus, has those look again that wait for an application (`dependants`), and owns the
    count of the objects that are managed on each cluster.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        applications: Applications,
        queue: WorkQueue,
        dependants: Callable[[AppName], Iterable[AppName]],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._applications = applications
        self._queue = queue
        self._dependants = dependants
        self._managed: Counter[str] = Counter()

    def managed(self, cluster: str) -> int:
        """How many objects are managed on the cluster of this name."""
        return self._managed[cluster]

    def publish(self, app: Application, status: AppStatus) -> None:
        """Tell everybody, if there is anything to tell but the moment of the last look."""
        if app is not self._applications.find(app.spec.name):
            return
        app.status = status
        self._count(app, app.cluster.name if app.cluster is not None else "", len(status.resources))
        operation = replace(status.operation, plan=None) if status.operation else None
        shown = StatusChanged(
            spec=app.spec,
            status=replace(status, reconciled_at=None, operation=operation),
            previous=None,
            server=app.cluster.server if app.cluster is not None else app.spec.destination.server,
        )
        before, app.published = app.published, shown
        if shown != before:
            for name in self._dependants(app.spec.name):
                self._queue.add(name, Level.LIVE)
            told = replace(shown.status, reconciled_at=status.reconciled_at)
            self._bus.publish(replace(shown, status=told, previous=before.status if before else None))

    def failed(self, app: Application, kind: ConditionType, message: str) -> None:
        """Show that the application could not be compared; what was known of its resources is kept."""
        app.looked = app.judged = app.tried = True
        status = replace(
            app.status,
            sync=SyncCode.UNKNOWN,
            health=Health(HealthStatus.UNKNOWN, message),
            conditions=(Condition(kind, message),),
            decision=_NOT_COMPARED,
            pin=app.pin,
            reconciled_at=self._clock.now(),
        )
        self.publish(app, status)

    def left(self, app: Application) -> None:
        """It is at work no more: its objects count no more."""
        self._count(app, "", 0)

    def gone(self, name: AppName) -> None:
        """There is no such application any more."""
        self._bus.publish(AppRemoved(name))

    def _count(self, app: Application, cluster: str, objects: int) -> None:
        before, number = app.counted
        self._managed[before] -= number
        self._managed[cluster] += objects
        app.counted = (cluster, objects)
