"""The objects of one application's tree, kept up by deltas: what one event costs does not depend on their number."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from gitopsd.core.health.status import Health
from gitopsd.core.ids import ObjectKey
from gitopsd.core.live import LiveObject, is_newer
from gitopsd.core.tree.node import Node, node_of


class Tree:
    """Live objects by key, and what was read out of them. It is read out only when somebody wants to see it.

    Whoever keeps it tells every change of what it `concerns`, in any order as long as that of each object is kept.
    """

    def __init__(self) -> None:
        self._live: dict[ObjectKey, LiveObject] = {}
        self._names: dict[str, ObjectKey] = {}
        self._nodes: dict[ObjectKey, Node] = {}
        self._stale: dict[ObjectKey, None] = {}
        self.work = 0
        """How many nodes were read out of their objects so far."""

    def __len__(self) -> int:
        return len(self._live)

    def concerns(self, key: ObjectKey, owners: Iterable[str] = ()) -> bool:
        """Whether the object is in the tree, or one of its owners (uids and aliases) is."""
        return key in self._live or any(owner in self._names for owner in owners)

    def put(self, live: LiveObject) -> bool:
        """An object as it is now; one that is no newer than what is known says nothing. Whether it is another object
        than before, so that there may be others below it.
        """
        before = self._live.get(live.key)
        is_other = before is None or before.uid != live.uid
        if before is not None and not is_other and not is_newer(live.resource_version, before.resource_version):
            return False
        if before is not None:
            self._unname(before)
        self._live[live.key] = live
        for name in (live.uid, *live.aliases):
            self._names[name] = live.key
        self._stale[live.key] = None
        return is_other

    def drop(self, key: ObjectKey) -> None:
        """The object is gone."""
        live = self._live.pop(key, None)
        if live is not None:
            self._unname(live)
            self._nodes.pop(key, None)
            self._stale.pop(key, None)

    def stale(self, most: int | None = None) -> Sequence[LiveObject]:
        """The objects that changed since they were `read`, those first that wait longest; `most` of them."""
        return [self._live[key] for key in itertools.islice(self._stale, most)]

    def read(self, lives: Iterable[LiveObject], verdicts: Mapping[ObjectKey, Health | None]) -> None:
        """Make the nodes of these objects, with their health; of one that changed meanwhile it is made again later."""
        for live in lives:
            if self._live.get(live.key) is live:
                self._nodes[live.key] = node_of(live, verdicts.get(live.key))
                self._stale.pop(live.key, None)
                self.work += 1

    def nodes(self) -> Mapping[ObjectKey, Node]:
        """The nodes as they are now: a copy, for whoever looks at them in another thread."""
        return dict(self._nodes)

    def _unname(self, live: LiveObject) -> None:
        for name in (live.uid, *live.aliases):
            if self._names.get(name) == live.key:
                del self._names[name]
