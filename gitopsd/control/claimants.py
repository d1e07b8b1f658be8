"""Who else wants the objects of an application that gives them up, as far as that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
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

    def note(self, name: AppName) -> None:
        """The application came, left, got another spec, or a pass over it ended: it may want something else now."""
        app = self._applications.get(name)
        if app is None:
            self._wants.drop(name)
            return
        server = app.cluster.server if app.cluster is not None else ""
        self._wants.put(name, Want(server, _source(app), self._known(app)))

    def claims(self, name: AppName, server: str, keys: Iterable[ObjectKey]) -> Claims:
        """Which of these objects of an application on the cluster with the URL `server` others want. Two names of one
        cluster are one; an `Application` among the objects is on no cluster.
        """
        for other in self._under_way():  # what they were compared with counts from that moment on
            self.note(other)
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

    def behind(self, app: Application) -> tuple[AppName, ...]:
        """The applications that will look at the commits which `app` looked at, and did not yet: what it gives up may
        be theirs by then. One that cannot be compared is not waited for.
        """
        mine = _commits(app)
        server = app.cluster.server if app.cluster is not None else ""
        found: list[AppName] = []
        for other, one in self._applications.at_work.items():
            if one is app or one.pin is not None or self._deleted(other) or self._applications.resting(other):
                continue
            if one.cluster is not None and one.cluster.server != server:
                continue
            if one.failures:
                continue
            if one.tried:
                late = any(mine.get(place, commit) != commit for place, commit in _commits(one).items())
            else:
                late = any(source.place in mine for source in one.spec.sources)
            if late:
                found.append(other)
        return tuple(found)

    def _besides(self, name: AppName, others: Iterable[AppName]) -> list[AppName]:
        return [other for other in others if other != name and not self._deleted(other)]

    def _known(self, app: Application) -> bool:
        """Whether it was compared: now, or before something broke; one at rest is as it was."""
        if app.comparison is not NOTHING_COMPARED or self._applications.resting(app.spec.name):
            return True
        return app.tried and bool(app.status.revisions)


def _commits(app: Application) -> dict[tuple[str, str, str], str]:
    """Which commit it was compared with, of each place where its sources are."""
    return {source.place: commit for source, commit in zip(app.spec.sources, app.commits, strict=False)}


def _source(app: Application) -> Source:
    """What it was compared with; where it was not compared, what it had when it was last looked at."""
    wanted = app.comparison.wanted
    return wanted if wanted is not None else app.status.resources
