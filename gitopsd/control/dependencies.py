"""How applications stand to those that depend on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from gitopsd.control.applications import Applications
from gitopsd.control.revisions import Resolution
from gitopsd.core.app import AppSpec, Dependency
from gitopsd.core.dependency import DependencyState, Edges, Readiness, dependants
from gitopsd.core.ids import AppName


class Dependencies:
    """Owns who waits for whom. `resolutions` are the commits of an application's sources, None while one is unknown."""

    def __init__(
        self, applications: Applications, resolutions: Callable[[AppSpec], tuple[Resolution, ...] | None]
    ) -> None:
        self._applications = applications
        self._resolutions = resolutions
        self._dependants: Edges = {}

    def learn(self, specs: Iterable[AppSpec]) -> None:
        """These are all applications from now on."""
        self._dependants = dependants(specs)

    def dependants(self, name: AppName) -> tuple[AppName, ...]:
        """Who waits for the application."""
        return self._dependants.get(name, ())

    def state(self, name: AppName) -> DependencyState | None:
        """How the application stands; None while it was not looked at."""
        app = self._applications.get(name)
        if app is None or not app.looked:
            return None
        state = DependencyState.of(app.status)
        resolutions = self._resolutions(app.spec) or ()
        behind = app.pin is None and tuple(item.commit for item in resolutions) != app.commits
        return replace(state, busy=state.busy or app.operation is not None or behind)

    def readiness(self, name: AppName) -> Mapping[Dependency, Readiness]:
        """The live objects that the application waits for, as its last pass saw them."""
        app = self._applications.get(name)
        return app.readiness if app is not None else {}
