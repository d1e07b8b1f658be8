"""Tells the applications that have children of what becomes of these."""

from __future__ import annotations

from collections.abc import Callable

from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.ports.cluster import Listener, LiveChange, ObjectListener


class ChildNews:
    """Who listens on which cluster, and on which cluster each parent looked last."""

    def __init__(self) -> None:
        self._listeners: dict[object, tuple[str, Listener]] = {}
        self._tracers: dict[object, tuple[str, ObjectListener]] = {}
        self._places: dict[AppName, str] = {}

    def place(self, parent: AppName, cluster: str) -> None:
        """The application looks at the cluster of this name from now on."""
        self._places[parent] = cluster

    def subscribe(self, cluster: str, listener: Listener) -> Callable[[], None]:
        """As `ports.Cluster.subscribe`."""
        token = object()
        self._listeners[token] = (cluster, listener)
        return lambda: self._listeners.pop(token, None) and None

    def trace(self, cluster: str, listener: ObjectListener) -> Callable[[], None]:
        """As `ports.Cluster.trace`."""
        token = object()
        self._tracers[token] = (cluster, listener)
        return lambda: self._tracers.pop(token, None) and None

    def changed(self, parent: AppName, key: ObjectKey, live: LiveObject | None, *, wake: bool = True) -> None:
        """A child is as `live` now, None: it is gone. With `wake` its parent looks again."""
        place = self._places.get(parent)
        for cluster, tracer in tuple(self._tracers.values()):
            if cluster == place:
                tracer(key, live)
        for cluster, listener in tuple(self._listeners.values()) if wake else ():
            if cluster == place:
                listener(LiveChange(cluster, frozenset({parent})))
