"""Who else wants the objects of an application that gives them up, as far as that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.standing import Place, Stand, Standing
from gitopsd.control.wants import Source, Want, Wants
from gitopsd.core.claims import Claims
from gitopsd.core.compare import NOTHING_COMPARED
from gitopsd.core.ids import AppName, ObjectKey


class Claimants:
    """Asks the applications at work; `deleted` says of which the objects are being deleted, or were, and `under_way`
    over which a pass is under way. Everything is known in memory: what an application wants is noted when that may have
    changed, and nothing here walks through all of them.
    """

    def __init__(
        self,
        applications: Applications,
        *,
        deleted: Callable[[AppName], bool],
        under_way: Callable[[], Iterable[AppName]],
    ) -> None:
        self._applications = applications
        self._deleted = deleted
        self._under_way = under_way
        self._wants = Wants()
        self._standing = Standing()

    def note(self, name: AppName) -> None:
        """The application came, left, got another spec, or a pass over it ended: it may want something else now."""
        app = self._applications.get(name)
        if app is None:
            self._wants.drop(name)
            self._standing.drop(name)
            return
        self._wants.put(name, Want(_server(app), _source(app), self._known(app)))
        if app.failures or self._applications.resting(name):
            self._standing.drop(name)
        else:
            self._standing.put(name, Stand(_server(app), _stands_at(app)))

    def claims(self, name: AppName, server: str, keys: Iterable[ObjectKey]) -> Claims:
        """Which of these objects of an application on the cluster with the URL `server` others want. Two names of one
        cluster are one; an `Application` among the objects is on no cluster.
        """
        self._note_under_way()
        wanted: dict[ObjectKey, str] = {}
        for key in keys:
            if others := self._besides(name, self._wants.of(server, key)):
                wanted[key] = min(others)
        return Claims(wanted, tuple(self._besides(name, self._wants.unknown(server))))

    def wants(self, name: AppName, key: ObjectKey) -> bool:
        """Whether an application wants the object, or may want it as long as nobody looked."""
        self.note(name)
        want = self._wants.get(name)
        return want is not None and (not want.known or name in self._wants.of(want.server, key))

    def behind(self, app: Application) -> bool:
        """Whether there are applications that will look at the commits which `app` looked at, and did not yet: what it
        gives up may be theirs by then. One that cannot be compared is not waited for.
        """
        self._note_under_way()
        late = self._standing.elsewhere(Stand(_server(app), _commits(app)))
        return any(self._looks(name) for name in late if name != app.spec.name)

    def _looks(self, name: AppName) -> bool:
        app = self._applications.get(name)
        return app is not None and app.pin is None and not self._deleted(name)

    def _note_under_way(self) -> None:
        """What a pass under way found counts from that moment on, not from its end."""
        for name in self._under_way():
            self.note(name)

    def _besides(self, name: AppName, others: Iterable[AppName]) -> list[AppName]:
        return [other for other in others if other != name and not self._deleted(other)]

    def _known(self, app: Application) -> bool:
        """Whether it was compared: now, or before something broke; one at rest is as it was."""
        if app.comparison is not NOTHING_COMPARED or self._applications.resting(app.spec.name):
            return True
        return app.tried and bool(app.status.revisions)


def _server(app: Application) -> str:
    return app.cluster.server if app.cluster is not None else ""


def _stands_at(app: Application) -> Mapping[Place, str]:
    """Where it stands; as long as nobody looked, nowhere."""
    return _commits(app) if app.tried else {source.place: "" for source in app.spec.sources}


def _commits(app: Application) -> Mapping[Place, str]:
    """Which commit it was compared with, of each place where its sources are."""
    return {source.place: commit for source, commit in zip(app.spec.sources, app.commits, strict=False)}


def _source(app: Application) -> Source:
    """What it was compared with; where it was not compared, what it had when it was last looked at."""
    wanted = app.comparison.wanted
    return wanted if wanted is not None else app.status.resources
