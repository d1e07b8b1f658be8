"""Who else wants the objects of an application that gives them up, as far as that is known."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.core.childapps import is_held
from gitopsd.core.claims import Claims
from gitopsd.core.compare import NOTHING_COMPARED
from gitopsd.core.ids import AppName, ObjectKey


@dataclass(frozen=True, slots=True)
class Claimants:
    """Asks the applications at work; `deleted` says of which the objects are being deleted, or were. Everything is
    looked up in memory: all applications are walked through where something is to be deleted, and nowhere else.
    """

    applications: Applications
    deleted: Callable[[AppName], bool]

    def claims(self, name: AppName, server: str, keys: Collection[ObjectKey]) -> Claims:
        """Which of these objects of an application on the cluster with the URL `server` others want. Two names of one
        cluster are one; an `Application` among the objects is on no cluster.
        """
        keys = set(keys)
        children = {key for key in keys if is_held(key.group_kind)}
        found: dict[ObjectKey, str] = {}
        unknown: list[AppName] = []
        for other, app in self.applications.at_work.items():
            if other == name or self.deleted(other):
                continue
            here = app.cluster is None or app.cluster.server == server
            found |= dict.fromkeys(_wanted(app, keys if here else children), str(other))
            if here and not self._known(app):
                unknown.append(other)
        return Claims(found, tuple(unknown))

    def wants(self, name: AppName, key: ObjectKey) -> bool:
        """Whether an application wants the object, or may want it as long as nobody looked."""
        app = self.applications.get(name)
        return app is not None and (not self._known(app) or bool(_wanted(app, {key})))

    def behind(self, app: Application) -> tuple[AppName, ...]:
        """The applications that will look at the commits which `app` looked at, and did not yet: what it gives up may
        be theirs by then. One that cannot be compared is not waited for.
        """
        mine = _commits(app)
        server = app.cluster.server if app.cluster is not None else ""
        found: list[AppName] = []
        for other, one in self.applications.at_work.items():
            if one is app or one.pin is not None or self.deleted(other) or self.applications.resting(other):
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

    def _known(self, app: Application) -> bool:
        """Whether it was compared: now, or before something broke; one at rest is as it was."""
        if app.comparison is not NOTHING_COMPARED or self.applications.resting(app.spec.name):
            return True
        return app.tried and bool(app.status.revisions)


def _commits(app: Application) -> dict[tuple[str, str, str], str]:
    """Which commit it was compared with, of each place where its sources are."""
    return {source.place: commit for source, commit in zip(app.spec.sources, app.commits, strict=False)}


def _wanted(app: Application, keys: Collection[ObjectKey]) -> Collection[ObjectKey]:
    """Which of these objects it wants; where it was not compared, what it had when it was last looked at."""
    if app.comparison is NOTHING_COMPARED:
        had = {item.key for item in app.status.resources if not item.requires_pruning}
        return had & set(keys)
    objects = app.comparison.objects
    return [key for key in keys if key in objects and objects[key].desired is not None]
