"""Applications that leave: their clusters are left first, then their deletions look at what they left there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import anyio

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.beginning import in_progress
from gitopsd.control.deletion import Deletions, Leaving
from gitopsd.control.deletion_news import DeletionNews
from gitopsd.control.destinations import leave_cluster
from gitopsd.control.errands import Errands
from gitopsd.control.publisher import Publisher
from gitopsd.control.world import Remembered
from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import ResourceStatus
from gitopsd.core.childapps import is_held
from gitopsd.core.deletion_record import NOWHERE, Reach, cascade_of, spec_of
from gitopsd.core.errors import OperationError
from gitopsd.core.history import Deletion
from gitopsd.core.ids import GVK, AppName
from gitopsd.ports.clock import Clock

_TOGETHER_SECONDS: Final = 0.2


class Departures:
    """Owns those that left and whose clusters were not yet told."""

    def __init__(
        self,
        applications: Applications,
        deletions: Deletions,
        news: DeletionNews,
        *,
        publisher: Publisher,
        errands: Errands,
        clock: Clock,
    ) -> None:
        self._applications = applications
        self._deletions = deletions
        self._news = news
        self._publisher = publisher
        self._errands = errands
        self._clock = clock
        self._left: list[Application] = []
        self._one_at_once = anyio.CapacityLimiter(1)
        self._begun = False
        self._certain = True
        self._parting = False

    @property
    def configured(self) -> bool:
        """Whether it is known which applications there are."""
        return self._begun

    async def resume(self, wanted: Mapping[AppName, AppSpec], remembered: Remembered, *, certain: bool) -> None:
        """Take up the deletions that were under way, and show those of applications that are not `wanted` any more.
        Raises `StoreError`.
        """

        def reach(name: AppName) -> Reach:
            status = remembered.statuses.get(name)
            return _reach(status.resources) if status is not None else NOWHERE

        await self._deletions.resume(wanted, reach, certain=certain)
        now = self._clock.monotonic()
        for deletion in self._deletions.all():
            name = AppName(deletion.app)
            if name not in wanted:
                app = Application.begin(spec_of(deletion), remembered.statuses.get(name), now)
                self._applications.depart(app)
                self._news.show(app, deletion)

    def reconfigured(self, wanted: Mapping[AppName, AppSpec], *, certain: bool) -> None:
        """These are all applications now; those that are none any more have `left` before. `certain` as for
        `Deletions.reconfigure`.
        """
        first = not self._begun
        self._begun, self._certain = True, certain
        if first:
            self._deletions.rewire()
        self._errands.start(self._part, wanted, certain)

    def left(self, app: Application) -> None:
        """It is at work no more."""
        self._left.append(app)
        if cascade_of(app.spec.finalizers):
            self._applications.depart(app)  # it is shown until its objects are gone
        else:
            self._publisher.gone(app.spec.name)

    def came(self, spec: AppSpec, before: AppSpec | None) -> None:
        """Another application brought it, or has it otherwise now: its deletion may have to know."""
        finalizers = (*spec.finalizers, *(before.finalizers if before is not None else ()))
        if cascade_of(finalizers) or self._deletions.rests(spec.name):
            self._part_soon()

    async def let_go(self, app: Application, *, cascade: str | None, parent: AppName | None) -> None:
        """The application, at work no more, is not wanted by its `parent`. Its objects are deleted in the way that
        `cascade` names, left if that is None. Raises `GitopsdError` if that cannot begin.
        """
        if any(one is app for one in self._left):
            self._left = [one for one in self._left if one is not app]
            await leave_cluster(app)  # before its deletion, or one that comes after it, looks at it
        self._part_soon()
        if cascade is not None:
            self._applications.depart(app)
            # Whoever deletes the parent by its name means its children too.
            guards = parent is None or not self._deletions.rests(parent)
            by = f"application {parent}"
            deletion = await self._deletions.start(_leaving(app), cascade=cascade, by=by, guards=guards)
            if deletion.done:
                self._news.changed(deletion)

    async def delete(self, name: AppName, cascade: str, by: str) -> Deletion:
        """Delete an application's objects, because somebody asks for it; of one that left, go on in another way. Raises
        `KeyError` if there is none, `OperationError` while a sync is under way, and as `Deletions.start`.
        """
        app = self._applications.at_work.get(name) or self._applications.departing[name]
        if app in self._left:
            await self._part({name: app.spec for name, app in self._applications.at_work.items()}, self._certain)
        if not self._deletions.rests(name):
            _may_begin(app, at_work=name in self._applications.at_work)
        return await self._deletions.start(_leaving(app), cascade=cascade, by=by)

    def _part_soon(self) -> None:
        """Let the deletions know what there is; once for many that come together."""
        if not self._parting and self._begun:
            self._parting = True
            self._errands.start(self._part_again)

    async def _part_again(self) -> None:
        await anyio.sleep(_TOGETHER_SECONDS)
        self._parting = False
        await self._part({name: app.spec for name, app in self._applications.at_work.items()}, self._certain)

    async def _part(self, specs: Mapping[AppName, AppSpec], certain: bool) -> None:
        """Leave the clusters of the applications that left; then their deletions look at them."""
        async with self._one_at_once:
            left, self._left = self._left, []
            for app in left:
                await leave_cluster(app)
            leaving = [_leaving(app) for app in left if self._applications.get(app.spec.name) is None]
            await self._deletions.reconfigure(specs, leaving, certain=certain)


def _may_begin(app: Application, *, at_work: bool) -> None:
    if not at_work:
        raise OperationError(
            "its entry is missing, and its deletion has not begun",
            reason="Blocked",
            where=app.spec.name,
            why="the configuration could not be read as a whole, so nobody knows whether the entry was taken away",
            hint="mend the configuration: gitopsd config check",
        )
    if app.operation is not None and not app.operation.phase.done:
        raise in_progress(app)


def _leaving(app: Application) -> Leaving:
    reach = _reach(app.status.resources)
    if app.desired is not None:
        reach = reach._replace(kinds=reach.kinds.union(item.gvk for item in app.desired.objects))
    server = app.cluster.server if app.cluster is not None else ""
    return Leaving(app.spec, reach, server, app.desired)


def _reach(resources: Iterable[ResourceStatus]) -> Reach:
    """The kinds of all that was wanted or there, and the namespaces of what was there."""
    kinds, namespaces = set[GVK](), set[str]()
    for item in resources:
        kinds.add(item.gvk)
        if item.was_there and not is_held(item.key.group_kind):
            namespaces.add(item.key.namespace)
    return Reach(frozenset(kinds), frozenset(namespaces - {""}))
