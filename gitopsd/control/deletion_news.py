"""What the deletions of applications show on the applications."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.publisher import Publisher
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.core.deletion_status import with_deletion
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
        if deletion.phase is not DeletionPhase.NONE and app.operation is not None and not app.operation.phase.done:
            app.operation = None  # it left with a sync under way, which nobody takes any further
        self.publisher.publish(app, with_deletion(app.status, deletion))
        self.looked(app.spec.name)
