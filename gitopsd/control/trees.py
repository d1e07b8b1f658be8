"""The resource trees of the applications that somebody looks at, kept up by what their clusters tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import anyio
import anyio.lowlevel

from gitopsd.core.appstatus import ResourceStatus
from gitopsd.core.ids import AppName, GroupKind, ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.tree.node import Node, node_of
from gitopsd.core.tree.tree import Tree
from gitopsd.core.tree.view import View, arranged
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster
from gitopsd.ports.health import HealthJudge

_AT_ONCE: Final = 100  # nodes: some 10 ms with their health
_MOST_TREES: Final = 32
_KEEP_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What an application's tree grows from: what it manages, as its last pass saw it, and where.

    `cluster` is None while nobody looked. `orphaned` are objects of its namespace that nobody manages; of them only the
    metadata is known.
    """

    managed: tuple[ResourceStatus, ...]
    live: Sequence[LiveObject] = ()
    cluster: Cluster | None = None
    orphaned: Sequence[LiveObject] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """All that a view is made of, as it was at one moment; safe to look at in another thread."""

    nodes: Mapping[ObjectKey, Node]
    managed: tuple[ResourceStatus, ...]
    orphaned: tuple[Node, ...] = ()
    unreadable: Mapping[GroupKind, str] = field(default_factory=dict)

    def view(self) -> View:
        """Everything in its place: some milliseconds for a thousand nodes."""
        return arranged(self.nodes, self.managed, self.orphaned, self.unreadable)


class _Kept:
    """One application's tree, and the roots that it had when somebody looked last (monotonic seconds)."""

    def __init__(self, cluster: Cluster, now: float) -> None:
        self.cluster = cluster
        self.tree = Tree()
        self.roots: frozenset[ObjectKey] = frozenset()
        self.used = now
        self.lock = anyio.Lock()

    def plant(self, ground: Ground) -> None:
        """Have these roots, and all below those that are new."""
        self.roots = frozenset(item.key for item in ground.managed)
        fresh = [live.uid for live in ground.live if live.key in self.roots and self.tree.put(live)]
        for child in self.cluster.children(fresh) if fresh else ():
            self.tree.put(child)

    def changed(self, key: ObjectKey, live: LiveObject | None) -> None:
        """One event."""
        if live is None:
            self.tree.drop(key)
        elif (key in self.roots or self.tree.concerns(key, live.owners)) and self.tree.put(live):
            for child in self.cluster.children([live.uid]):
                self.tree.put(child)


class Trees:
    """Trees by application. One that nobody looked at for five minutes is let go: then events cost it nothing.

    `ground` gives what there is of an application, None if there is none of that name.
    """

    def __init__(self, ground: Callable[[AppName], Ground | None], judge: HealthJudge, clock: Clock) -> None:
        self._ground = ground
        self._judge = judge
        self._clock = clock
        self._kept: dict[AppName, _Kept] = {}
        self._tracing: dict[str, tuple[Cluster, Callable[[], None]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def look(self, name: AppName) -> Sight | None:
        """The tree as it is now; None if there is no such application. Reads out only what changed since last time."""
        ground = self._ground(name)
        if ground is None:
            return None
        orphaned = tuple(node_of(live, None, whole=False) for live in ground.orphaned)
        if ground.cluster is None:
            return Sight({}, ground.managed, orphaned)
        kept = self._keep(name, ground.cluster)
        async with kept.lock:
            kept.plant(ground)
            await self._read(kept)
        return Sight(kept.tree.nodes(), ground.managed, orphaned, ground.cluster.unreadable_below(name))

    def forget(self) -> None:
        """Let all trees go (what was said of health does not stand any more, say); the next look makes them anew."""
        self._kept.clear()
        self._review()

    async def _read(self, kept: _Kept) -> None:
        """Bring the nodes up to date; where changes come faster than they are read, some are left for the next look."""
        for _ in range(1 + len(kept.tree.stale()) // _AT_ONCE):
            some = kept.tree.stale(_AT_ONCE)
            # What the application manages is judged by its own passes.
            verdicts = await self._judge.assess([live for live in some if live.key not in kept.roots])
            kept.tree.read(some, verdicts)
            await anyio.lowlevel.checkpoint()

    def _keep(self, name: AppName, cluster: Cluster) -> _Kept:
        """The application's tree, which is now the one that was used last."""
        now = self._clock.monotonic()
        kept = self._kept.pop(name, None)
        if kept is None or kept.cluster is not cluster:
            kept = _Kept(cluster, now)
        kept.used = now
        self._kept[name] = kept
        while len(self._kept) > _MOST_TREES:
            del self._kept[next(iter(self._kept))]
        self._review()
        return kept

    def _review(self) -> None:
        """Hear of exactly the clusters that trees stand on."""
        needed = {kept.cluster.name: kept.cluster for kept in self._kept.values()}
        for name, (cluster, stop) in list(self._tracing.items()):
            if needed.get(name) is not cluster:
                stop()
                del self._tracing[name]
        for name, cluster in needed.items():
            if name not in self._tracing:
                self._tracing[name] = (cluster, cluster.trace(self._listener(cluster)))

    def _listener(self, cluster: Cluster) -> Callable[[ObjectKey, LiveObject | None], None]:
        def hear(key: ObjectKey, live: LiveObject | None) -> None:
            for kept in self._kept.values():
                if kept.cluster is cluster:
                    kept.changed(key, live)
            self._expire()

        return hear

    def _expire(self) -> None:
        """Trees stand in the order of their last use: the first is looked at, no more."""
        first = next(iter(self._kept), None)
        if first is not None and self._clock.monotonic() - self._kept[first].used > _KEEP_SECONDS:
            del self._kept[first]
            self._review()
