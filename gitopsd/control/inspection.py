"""What there is to see of the applications, for those who only look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gitopsd.control.actions import Ground as ActionGround
from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.trees import Ground
from gitopsd.control.turns import ClusterTurns
from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.compare import NOTHING_COMPARED, Comparison
from gitopsd.core.ids import AppName
from gitopsd.core.live import LiveObject
from gitopsd.core.orphans import Orphaned

_ASKED: Final = "waits for its turn"


@dataclass(frozen=True, slots=True)
class Inspection:
    """Reads the applications, and changes nothing."""

    applications: Applications
    turns: ClusterTurns

    def all(self) -> Mapping[AppName, tuple[AppSpec, AppStatus]]:
        """Every application with its present status."""
        there = (*self.applications.departing.items(), *self.applications.at_work.items())
        return {name: (app.spec, app.status) for name, app in there}

    def one(self, name: AppName) -> tuple[AppSpec, AppStatus] | None:
        """One of them; an operation under way as far as it came by now."""
        app = self.applications.find(name)
        if app is None:
            return None
        status, running = app.status, app.operation
        if place := self._place(app):
            status = replace(status, decision=place)
        if running is None and app.queued is not None:
            running = app.queued.pending(place or _ASKED)
        return app.spec, status if running is None else replace(status, operation=running)

    def place(self, name: AppName) -> str:
        """Where an application that was asked for something stands in the queue."""
        app = self.applications.get(name)
        return (self._place(app) if app is not None else "") or _ASKED

    def _place(self, app: Application) -> str:
        waiting = self.turns.before(app.cluster.name, app.spec.name) if app.cluster is not None else None
        if waiting is None or app.cluster is None:
            return ""
        return f"waits for its turn on the cluster {app.cluster.name}, {waiting} before it"

    def comparison(self, name: AppName) -> Comparison:
        """The application's last comparison; an empty one if there was none yet."""
        app = self.applications.get(name)
        return app.comparison if app is not None else NOTHING_COMPARED

    def orphaned(self, name: AppName) -> Orphaned | None:
        """What its last pass found to belong to nobody; None if there is no such application."""
        app = self.applications.get(name)
        return app.orphaned if app is not None else None

    def orphan_counts(self) -> Mapping[AppName, int]:
        """How many orphans each application was found to have whose project looks for them."""
        at_work = self.applications.at_work
        return {name: len(app.orphaned.objects) for name, app in at_work.items() if app.orphaned.asked}

    def children(self, name: AppName) -> Sequence[LiveObject]:
        """Live objects below those that the application manages; none while its cluster was not looked at."""
        app = self.applications.get(name)
        if app is None or app.cluster is None:
            return ()
        return app.cluster.children([item.live.uid for item in app.comparison.objects.values() if item.live])

    def grown(self, name: AppName) -> Ground | None:
        """What the application's tree grows from."""
        app = self.applications.get(name)
        if app is None:
            return None
        live = tuple(item.live for item in app.comparison.objects.values() if item.live)
        return Ground(app.status.resources, (*live, *app.comparison.hooks.values()), app.cluster, app.orphaned.objects)

    def acted_on(self, name: AppName) -> ActionGround | None:
        """What actions of the application stand on."""
        app = self.applications.get(name)
        if app is None:
            return None
        objects = app.comparison.objects.values()
        live = (*(item.live for item in objects if item.live), *app.comparison.hooks.values())
        desired = {item.key: item.desired for item in objects if item.desired is not None}
        return ActionGround(app.spec, app.cluster, live, desired)
