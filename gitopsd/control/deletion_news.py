"""What the deletions of applications show on the applications."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.publisher import Publisher
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import AppName


@dataclass(frozen=True, slots=True)
class DeletionNews:
    """Hears of deletions. `looked` is called when one stands otherwise, `gone` when nothing is left of an application
    that is not at work any more; both are quick and never await.
    """

    applications: Applications
    publisher: Publisher
    queue: WorkQueue
    looked: Callable[[AppName], None]
    gone: Callable[[AppName], None]

    def changed(self, deletion: Deletion) -> None:
        """A deletion stands otherwise; one of phase `NONE` is as if it had never been."""
        name = AppName(deletion.app)
        app = self.applications.get(name)
        if app is not None:
            self.show(app, deletion)
            if deletion.phase is DeletionPhase.NONE:
                app.attempt, app.past, app.pin, app.held = None, None, None, None
                self.queue.add(name, Level.GIT)
            return
        departing = self.applications.departing.get(name)
        if departing is None:
            return
        self.show(departing, deletion)
        if deletion.done or deletion.phase is DeletionPhase.NONE:
            self.applications.gone(name)
            self.publisher.gone(name)
            self.gone(name)

    def show(self, app: Application, deletion: Deletion) -> None:
        """The application's status says how its deletion stands."""
        conditions = tuple(item for item in app.status.conditions if item.type is not ConditionType.DELETION_ERROR)
        if deletion.error:
            conditions = (*conditions, Condition(ConditionType.DELETION_ERROR, deletion.error))
        shown = None if deletion.phase is DeletionPhase.NONE else deletion
        status = replace(app.status, deletion=shown, conditions=conditions)
        if deletion.done and deletion.cascade != "orphan":
            gone = Health(HealthStatus.MISSING, "its objects were deleted")
            status = replace(status, sync=SyncCode.OUT_OF_SYNC, health=gone, resources=())
        self.publisher.publish(app, status)
        self.looked(app.spec.name)
