"""Which applications there are: those at work, and those that left and whose objects are still being deleted."""

from __future__ import annotations

from collections.abc import Mapping

from gitopsd.control.application import Application
from gitopsd.core.annotations import SKIP_RECONCILE
from gitopsd.core.app import Tracking, TrackingMethod
from gitopsd.core.ids import AppName
from gitopsd.core.tracking import mark as mark_of


class Applications:
    """Owns them, by name."""

    def __init__(self) -> None:
        self._at_work: dict[AppName, Application] = {}
        self._departing: dict[AppName, Application] = {}

    @property
    def at_work(self) -> Mapping[AppName, Application]:
        """Those that are reconciled."""
        return self._at_work

    @property
    def departing(self) -> Mapping[AppName, Application]:
        """Those that are shown until their objects are gone."""
        return self._departing

    def get(self, name: AppName) -> Application | None:
        """One at work; None if there is none."""
        return self._at_work.get(name)

    def find(self, name: AppName) -> Application | None:
        """One at work or departing; None if there is none."""
        return self._at_work.get(name) or self._departing.get(name)

    def begin(self, app: Application) -> None:
        """It is at work from now on; one of its name that departs is shown no more."""
        self._departing.pop(app.spec.name, None)
        self._at_work[app.spec.name] = app

    def swap(self, app: Application) -> None:
        """It is at work in the place of the one of its name."""
        self._at_work[app.spec.name] = app

    def take_out(self, name: AppName) -> Application:
        """The application, which is at work no more. KeyError if it was not."""
        return self._at_work.pop(name)

    def depart(self, app: Application) -> None:
        """It is shown until it is `gone`."""
        self._departing[app.spec.name] = app

    def gone(self, name: AppName) -> None:
        """It departs no more."""
        self._departing.pop(name, None)

    def resting(self, name: AppName) -> bool:
        """Whether nothing will happen to the application, because its owner says so (`skip-reconcile`)."""
        app = self._at_work.get(name)
        return app is not None and app.spec.annotations.get(SKIP_RECONCILE) == "true"

    def unseen(self) -> int:
        """How many have not been looked at since the start; those in error count as seen."""
        return sum(not app.looked and not self.resting(name) for name, app in self._at_work.items())

    def marked(self, mark: str, tracking: Tracking) -> bool:
        """Whether there is an application with this mark; as labels long names are shortened."""
        return mark in self._at_work or (
            tracking.method is TrackingMethod.LABEL and any(mark_of(name, tracking) == mark for name in self._at_work)
        )
