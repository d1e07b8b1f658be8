"""The watches of one cluster: one for each kind that some application needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import anyio

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, AppName, GroupKind
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.tree.kinds import ChildKinds, with_children
from gitopsd.core.unreadable import KindPlace
from gitopsd.kube.background import Background
from gitopsd.kube.follow import Follower, Source
from gitopsd.kube.index import Apps, Index
from gitopsd.kube.refusal import concerns_all
from gitopsd.kube.resource import Resource

_MOST_ORDERS: Final = 1000
_NOTHING: Final[Mapping[str, ClusterError]] = {}


class KindWatch:
    """The watch of a kind, in one namespace or all: what comes goes into the index, and its applications are told once
    per batch.
    """

    def __init__(
        self,
        index: Index,
        gvk: GVK,
        notify: Callable[[Apps], None],
        needed_by: Callable[[GroupKind], Apps],
        namespace: str = "",
    ) -> None:
        self._index = index
        self._gvk = gvk
        self._namespace = namespace
        self._kind = gvk.group_kind
        self._notify = notify
        self._needed_by = needed_by
        self._apps: set[AppName] = set()
        self._first = True
        self.given_up = False

    def begin(self) -> None:
        """As `Sink` says."""
        self._index.begin(self._kind, self._namespace)

    def end(self) -> None:
        """As `Sink` says."""
        self._apps |= self._index.end(self._kind, self._namespace)
        if self._first and self.given_up:
            self._apps |= self._needed_by(self._kind)
        elif self._first:
            self._apps -= self._needed_by(self._kind)  # these wait for the list, and read it then
        self._first = False

    def put(self, raw: bytes, body: JsonObject) -> None:
        """As `Sink` says."""
        self._apps |= self._index.put(raw, body, self._gvk)

    def remove(self, body: JsonObject) -> None:
        """As `Sink` says."""
        self._apps |= self._index.remove(body, self._gvk)

    def flush(self) -> None:
        """As `Sink` says."""
        if self._apps:
            apps, self._apps = frozenset(self._apps), set()
            self._notify(apps)

    def turned(self) -> None:
        """As `Sink` says: whoever needs the kind sees it at its next look."""
        self._notify(self._needed_by(self._kind))


@dataclass(frozen=True, slots=True)
class _Running:
    """The watches of one kind, one for each namespace that is looked at, and the way to end them."""

    resource: Resource
    followers: tuple[Follower, ...]
    sinks: tuple[KindWatch, ...]
    scope: anyio.CancelScope

    async def settled(self, deadline: float) -> Mapping[str, ClusterError]:
        """Wait for the lists, but once only until `deadline` (loop's time). What keeps them away, by namespace ("" for
        a kind that is looked at everywhere).
        """
        if self.kept_up:
            return _NOTHING
        late = [sink for sink, follower in self._both() if sink.given_up and not follower.listed]
        with anyio.CancelScope(deadline=anyio.current_time() if late else deadline):
            for follower in self.followers:
                await follower.tried()
        failed: dict[str, ClusterError] = {}
        for sink, follower in self._both():
            if follower.error is not None:
                failed[follower.namespace] = follower.error
            elif not (follower.listed or follower.ended):
                sink.given_up = True  # who waited hears of the list when it comes
                failed[follower.namespace] = ClusterError(
                    f"{KindPlace(self.resource.gvk.group_kind, follower.namespace)} could not be listed yet",
                    why="the API server takes its time",
                    hint="nothing, it goes on; look at the API server if it stays so",
                    retryable=True,
                )
        return failed

    @property
    def kept_up(self) -> bool:
        """Whether all that there is of the kind is known."""
        return all(follower.listed and follower.error is None for follower in self.followers)

    @property
    def missing(self) -> bool:
        """Whether the kind is not served any more: then no namespace has it, while one alone may be kept from us."""
        return all(error is not None and error.status == 404 for error in (item.error for item in self.followers))

    def errors(self) -> Mapping[str, ClusterError]:
        """Why it cannot be kept up now, by namespace ("" for a kind that is looked at everywhere)."""
        return {follower.namespace: follower.error for follower in self.followers if follower.error is not None}

    def _both(self) -> Iterator[tuple[KindWatch, Follower]]:
        return zip(self.sinks, self.followers, strict=True)


class Watches:
    """Starts watches when a kind is first needed, and closes them `grace` seconds after nobody needs it any more.

    A list that hangs holds up nobody for longer than `patience` seconds. `children_of` says what is to be watched below
    a kind; `namespaces` are those that are looked at, () is all.
    """

    def __init__(
        self,
        source: Source,
        index: Index,
        notify: Callable[[Apps], None],
        background: Background,
        *,
        grace: float,
        patience: float,
        children_of: ChildKinds,
        namespaces: tuple[str, ...] = (),
    ) -> None:
        self._source = source
        self._index = index
        self._notify = notify
        self._background = background
        self._grace = grace
        self._patience = patience
        self._children_of = children_of
        self._namespaces = namespaces
        self._watches: dict[GroupKind, _Running] = {}
        self._ended: set[GroupKind] = set()
        self._orders: dict[frozenset[GroupKind], Sequence[GroupKind]] = {}
        self._chosen: dict[AppName, frozenset[GroupKind]] = {}
        self._needs: dict[GroupKind, set[AppName]] = {}

    def need(self, app: AppName, kinds: Iterable[GroupKind]) -> None:
        """`app` needs these kinds too, and what is below them, whether they are served or not."""
        before = self._chosen.get(app, frozenset())
        after = before.union(kinds)
        if after == before:
            return
        self._chosen[app] = after
        for kind in self.below(after):
            self._needs.setdefault(kind, set()).add(app)

    def below(self, kinds: Iterable[GroupKind]) -> Sequence[GroupKind]:
        """`kinds` and all below them, owners first. Asked at each pass, so remembered: few sets of kinds differ."""
        asked = frozenset(kinds)
        found = self._orders.get(asked)
        if found is None:
            if len(self._orders) >= _MOST_ORDERS:
                self._orders.clear()
            found = self._orders[asked] = tuple(with_children(sorted(asked), self._children_of))
        return found

    def reconsider(self) -> None:
        """What stands below which kind changed: watches that are needed no more end after the grace."""
        self._orders.clear()
        before, self._needs = self._needs, {}
        for app, chosen in self._chosen.items():
            for kind in self.below(chosen):
                self._needs.setdefault(kind, set()).add(app)
        for kind in (before.keys() - self._needs.keys()) & self._watches.keys():
            self._background.start_soon(self._close_later, kind)

    def chosen_by(self, app: AppName) -> frozenset[GroupKind]:
        """The kinds that `app` named, without those below them."""
        return self._chosen.get(app, frozenset())

    def needed_by(self, *kinds: GroupKind) -> Apps:
        """The applications that need one of `kinds`."""
        return Apps().union(*(self._needs.get(kind, ()) for kind in kinds))

    def kinds(self) -> frozenset[GroupKind]:
        """The kinds that are watched."""
        return frozenset(self._watches)

    def ended(self) -> Iterable[GroupKind]:
        """Kinds that are watched no more though nobody closed their watch: a fault of gitopsd, never of a cluster."""
        return sorted(self._ended)

    def resource(self, kind: GroupKind) -> Resource | None:
        """At which version a kind is watched; None if it is not."""
        running = self._watches.get(kind)
        return running.resource if running is not None else None

    def events(self, kind: GroupKind) -> int:
        """How many changes the watches of a kind told since they began."""
        running = self._watches.get(kind)
        return sum(follower.events for follower in running.followers) if running is not None else 0

    def errors(self, kind: GroupKind) -> Mapping[str, ClusterError]:
        """Why watches of a kind cannot be kept up now, by namespace ("" for one that is looked at everywhere)."""
        running = self._watches.get(kind)
        return running.errors() if running is not None else _NOTHING

    def start(self, resource: Resource) -> None:
        """Watch this kind from now on. A child's list begins when those of its owners' kinds are complete."""
        kind = resource.gvk.group_kind
        if kind in self._watches or not resource.watchable:
            return
        namespaces = self._namespaces if resource.namespaced and self._namespaces else ("",)
        sinks = tuple(self._sink(resource.gvk, namespace) for namespace in namespaces)
        followers = tuple(
            Follower(self._source, resource, sink, namespace=namespace)
            for sink, namespace in zip(sinks, namespaces, strict=True)
        )
        running = _Running(resource, followers, sinks, anyio.CancelScope())
        self._watches[kind] = running
        self._ended.discard(kind)
        self._background.start_soon(self._run, kind, running)

    async def settled(self, kinds: Iterable[GroupKind]) -> dict[KindPlace, ClusterError]:
        """Wait until the lists of `kinds` are complete; where they cannot be kept up now, and why.

        A kind that turns out not to be served any more has no objects. Raises `ClusterError` for what is the trouble of
        the whole cluster.
        """
        failed: dict[KindPlace, ClusterError] = {}
        deadline = anyio.current_time() + self._patience
        for kind in kinds:
            running = self._watches.get(kind)
            if running is None:
                continue
            errors = await running.settled(deadline)
            for error in errors.values():
                if concerns_all(error):
                    raise error
            if not running.missing:
                failed.update({KindPlace(kind, namespace): error for namespace, error in errors.items()})
            elif self._watches.get(kind) is running:
                self.close(kind)
        return failed

    def forget(self, app: AppName, kinds: Iterable[GroupKind]) -> None:
        """`app` needs `kinds` no more, nor what only they have below them."""
        before = self._chosen.pop(app, frozenset())
        after = before.difference(kinds)
        if after:
            self._chosen[app] = after
        for kind in set(self.below(before)).difference(self.below(after)):
            apps = self._needs.get(kind, set())
            apps.discard(app)
            if not apps:
                self._needs.pop(kind, None)
                if kind in self._watches:
                    self._background.start_soon(self._close_later, kind)

    def close(self, kind: GroupKind) -> None:
        """End a watch now, and forget its objects."""
        running = self._watches.pop(kind, None)
        self._ended.discard(kind)
        if running is not None:
            running.scope.cancel()
            for follower in running.followers:
                follower.end()
            self._index.close(kind)

    async def _close_later(self, kind: GroupKind) -> None:
        await anyio.sleep(self._grace)
        if kind not in self._needs:
            self.close(kind)

    async def _run(self, kind: GroupKind, running: _Running) -> None:
        with running.scope, self._without_end(kind, running):
            for owner in self._owners(kind):
                for follower in owner.followers:
                    await follower.tried()
            async with anyio.create_task_group() as group:
                for follower in running.followers:
                    group.start_soon(self._follow, kind, running, follower)

    async def _follow(self, kind: GroupKind, running: _Running, follower: Follower) -> None:
        with self._without_end(kind, running):
            await follower.run()

    @contextmanager
    def _without_end(self, kind: GroupKind, running: _Running) -> Iterator[None]:
        """Note an end that `close` did not bring: a library that lets a cancellation slip ends a task unheard."""
        try:
            yield
        finally:
            if self._watches.get(kind) is running:
                self._ended.add(kind)

    def _owners(self, kind: GroupKind) -> list[_Running]:
        """The watches of kinds that own this one and began before it: two that own each other do not wait for ever."""
        found: list[_Running] = []
        for owner, running in self._watches.items():
            if owner == kind:
                break
            if kind in self._children_of(owner):
                found.append(running)
        return found

    def _sink(self, gvk: GVK, namespace: str) -> KindWatch:
        return KindWatch(self._index, gvk, self._notify, self.needed_by, namespace)
