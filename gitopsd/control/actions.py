"""Runs resource actions: asks who may, what it changes, and writes that (docs/actions.md).

An action is no sync: it leaves no history and no operation, and what it sets is its own field manager's. Where git sets
the field too, the answer says that it will be set back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import anyio.lowlevel

from gitopsd.core.actions.action import Action, Change, Creation, Given, Merge, checked
from gitopsd.core.actions.creation import kind_of, to_make
from gitopsd.core.actions.guard import guarded, parts
from gitopsd.core.actions.patch import replaces_a_list, undone
from gitopsd.core.actions.reach import within_reach
from gitopsd.core.app import AppSpec
from gitopsd.core.errors import ClusterError, GitopsdError, OperationError, SpecError
from gitopsd.core.fieldpath import path_of
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.permit import Permit, permit_object
from gitopsd.core.project import Projects
from gitopsd.core.syncrequest import ObjectFilter
from gitopsd.core.tracking import mark
from gitopsd.ports.actions import ResourceActions
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster, Patch

_MOST_LISTED: Final = 500
_WITHOUT_A_PAUSE: Final = 50  # objects: some 5 ms
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class Ground:
    """What actions of an application stand on: `live` is what its last pass saw of what it manages, `desired` what git
    wants of it. `cluster` is None while nobody looked.
    """

    spec: AppSpec
    cluster: Cluster | None = None
    live: Sequence[LiveObject] = ()
    desired: Mapping[ObjectKey, DesiredObject] | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """One object and its actions; `error` says why they cannot be told (a script that fails)."""

    live: LiveObject
    actions: tuple[Action, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Offers:
    """What was found; `truncated`: there are more objects than these."""

    items: tuple[Offer, ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """An action that ran: which objects it patched and created, and which fields git will set back, by self-heal or
    (without it) by the next sync.
    """

    app: AppName
    key: ObjectKey
    action: str
    by: str
    patched: tuple[ObjectKey, ...] = ()
    created: tuple[ObjectKey, ...] = ()
    undone: tuple[str, ...] = ()
    self_heal: bool = False


class Actions:
    """Actions on the objects of applications.

    `ground` gives what there is of an application, None if there is none of that name; `projects` those that count now;
    `on_done` hears of each action that changed something, those that failed half-way too.

    Everything raises `OperationError`: `NotFound` (application, object, action), `Forbidden` (the object is none of the
    application's, or its project does not let it; R1), `Blocked` (disabled now), `Invalid` (parameters), `Conflict`
    (the object changed meanwhile), `Failed` (a script, or a write after others were done); and `ClusterError` where
    the cluster refuses.
    """

    def __init__(
        self,
        ground: Callable[[AppName], Ground | None],
        catalogue: ResourceActions,
        projects: Callable[[], Projects],
        clock: Clock,
        on_done: Callable[[Done], None] = lambda _done: None,
    ) -> None:
        self._ground = ground
        self._catalogue = catalogue
        self._projects = projects
        self._clock = clock
        self._on_done = on_done

    async def offers(self, name: AppName, wanted: ObjectFilter) -> Offers:
        """The actions of all objects of the application that `wanted` fits and that have some, by name of the kind."""
        ground = self._of(name)
        found: list[Offer] = []
        acted_on = [
            live for live in _within(ground) if self._catalogue.knows(live.key.group_kind) and wanted.fits(live.key)
        ]
        for number, live in enumerate(sorted(acted_on, key=lambda live: live.key), start=1):
            if number % _WITHOUT_A_PAUSE == 0:
                await anyio.lowlevel.checkpoint()
            if len(found) == _MOST_LISTED:
                return Offers(tuple(found), truncated=True)
            try:
                self._permit(ground, live.key)
                found.append(Offer(live, tuple(await self._catalogue.offered(live))))
            except OperationError as error:
                found.append(Offer(live, error=str(error)))
        return Offers(tuple(found))

    async def offered(self, name: AppName, key: ObjectKey) -> Offer:
        """The actions of one object."""
        ground, live = self._find(name, key)
        self._permit(ground, key)
        return Offer(live, tuple(await self._catalogue.offered(live)))

    async def run(self, name: AppName, key: ObjectKey, action: str, given: Given, *, by: str) -> Done:
        """Run an action; `by` is who asked. Nothing is written if any of its changes may not be made."""
        ground, live = self._find(name, key)
        self._permit(ground, key)
        changes = await self._changes(live, action, given)
        # Scripts take their time: what counts is whose the object is now, and what its project lets it do now.
        ground, current = self._find(name, key)
        cluster = ground.cluster
        if current.uid != live.uid or cluster is None:
            raise OperationError(
                "the object was replaced meanwhile", reason="NotFound", where=str(key), hint="run the action again"
            )
        orders = [await self._order(ground, cluster, current, change) for change in changes]
        done = self._begun(ground, key, action, by, changes)
        for order in orders:
            done = await self._written(cluster, order, done)
        if done.patched or done.created:
            self._on_done(done)
        return done

    async def _changes(self, live: LiveObject, name: str, given: Given) -> Sequence[Change]:
        offered = {action.name: action for action in await self._catalogue.offered(live)}
        if name not in offered:
            known = ", ".join(offered)
            raise OperationError(
                "the object has no such action",
                reason="NotFound",
                where=str(live.key),
                hint=f"it has: {known}" if known else "it has none",
            )
        complete = checked(offered[name], given)
        found = await self._catalogue.changes(live, offered[name], complete, self._clock.now())
        return [guarded(change) for change in found]

    async def _order(self, ground: Ground, cluster: Cluster, live: LiveObject, change: Change) -> _Order:
        if isinstance(change, Merge):
            return _Order(self._permit(ground, live.key), live, change)
        desired = await _desired(cluster, ground.spec, live, change, self._clock.now())
        return _Order(self._permit(ground, desired.key), live, desired)

    async def _written(self, cluster: Cluster, order: _Order, done: Done) -> Done:
        try:
            account = order.permit.impersonate
            if isinstance(order.change, DesiredObject):
                made = await cluster.create(order.permit, order.change, impersonate=account)
                return replace(done, created=(*done.created, made.key))
            live = order.live
            for body, subresource in parts(order.change):
                live = await _patched(cluster, order.permit, live, _versioned(order.change, live, body), subresource)
                done = replace(done, patched=tuple(dict.fromkeys((*done.patched, live.key))))
            return done
        except GitopsdError as error:
            if not (done.patched or done.created):
                raise _told(error) from error
            self._on_done(done)
            told = ", ".join([*(f"patched {key}" for key in done.patched), *(f"created {key}" for key in done.created)])
            raise OperationError(
                f"the action was done in part: {told}",
                reason="Failed",
                where=error.where,
                why=error.what,
                hint=error.hint,
            ) from error

    def _begun(self, ground: Ground, key: ObjectKey, action: str, by: str, changes: Sequence[Change]) -> Done:
        wanted = (ground.desired or {}).get(key)
        body = wanted.document.body() if wanted is not None else {}
        merges = [change.body for change in changes if isinstance(change, Merge)]
        fields = tuple(path_of(body, field) for merge in merges for field in undone(merge, body))
        automated = ground.spec.sync_policy.automated
        heals = bool(fields) and automated is not None and automated.self_heal
        return Done(ground.spec.name, key, action, by, undone=fields, self_heal=heals)

    def _of(self, name: AppName) -> Ground:
        ground = self._ground(name)
        if ground is None:
            raise OperationError(
                "there is no such application", reason="NotFound", hint="`gitopsd app list` shows them"
            )
        return ground

    def _find(self, name: AppName, key: ObjectKey) -> tuple[Ground, LiveObject]:
        ground = self._of(name)
        for reached in (_within(ground, below=False), _within(ground)):
            live = next((live for live in reached if live.key == key), None)
            if live is not None:
                return ground, live
        if ground.desired is not None and key in ground.desired and not any(live.key == key for live in ground.live):
            raise OperationError(
                "the object is not in the cluster", reason="NotFound", where=str(key), hint="sync the application"
            )
        raise OperationError(
            "this is no object of the application",
            reason="Forbidden",
            hint=f"`gitopsd tree {name}` shows what it manages and what is below",
        )

    def _permit(self, ground: Ground, key: ObjectKey) -> Permit:
        server = ground.cluster.server if ground.cluster is not None else ""
        try:
            return permit_object(ground.spec, key, self._projects(), server)
        except SpecError as error:
            raise OperationError(
                "the project does not let the application do that",
                reason="Forbidden",
                where=str(key),
                why=error.what,
                hint=error.hint,
            ) from error


@dataclass(frozen=True, slots=True)
class _Order:
    """One change of `live`, or an object to make, and the permit for it."""

    permit: Permit
    live: LiveObject
    change: Merge | DesiredObject


def _told(error: GitopsdError) -> GitopsdError:
    if not isinstance(error, ClusterError) or error.reason not in ("Conflict", "AlreadyExists"):
        return error
    return OperationError(error.what, reason="Conflict", where=error.where, why=error.why, hint="run the action again")


def _versioned(change: Merge, live: LiveObject, body: JsonObject) -> JsonObject:
    """A patch that puts a list in the place of one that others may have added to since is for this version only."""
    if not replaces_a_list(change.body):
        return body
    return {**body, "metadata": {**mapping(body, "metadata"), "resourceVersion": live.resource_version}}


async def _patched(
    cluster: Cluster, permit: Permit, live: LiveObject, body: JsonObject, subresource: str
) -> LiveObject:
    try:
        return await cluster.patch(permit, live, Patch(body, subresource), impersonate=permit.impersonate)
    except ClusterError as error:
        if subresource != "status" or error.status != _NOT_FOUND:
            raise
    # The kind has no such subresource: its status is a field like any other.
    return await cluster.patch(permit, live, Patch(body), impersonate=permit.impersonate)


def _within(ground: Ground, *, below: bool = True) -> Iterator[LiveObject]:
    """The objects that actions reach; without `below` those that are tracked alone, which is quick."""
    if ground.cluster is not None:
        ours = {ground.spec.name, mark(ground.spec.name, ground.spec.tracking)}
        yield from within_reach(ours, ground.live, ground.cluster.children if below else _nothing)


def _nothing(_uids: Collection[str]) -> Sequence[LiveObject]:
    return ()


async def _desired(cluster: Cluster, spec: AppSpec, live: LiveObject, change: Creation, now: datetime) -> DesiredObject:
    gvk = kind_of(change)
    kind = (await cluster.kinds([gvk])).get(gvk)
    if kind is None or not kind.served or cluster.excluded(gvk.group_kind):
        raise OperationError(
            f"the action makes a {gvk}, which the cluster does not serve",
            reason="Invalid",
            where=str(live.key),
            hint="install its CustomResourceDefinition, or include the kind",
        )
    return to_make(spec, live, change, kind, now)
