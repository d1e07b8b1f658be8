"""The clusters that applications are on: found, heard of, and left."""

from __future__ import annotations

from collections.abc import Callable

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.control.timers import Timers
from gitopsd.core.ids import AppName
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster, Clusters, LiveChange


class Destinations:
    """Owns the subscriptions to clusters, and who waits for one that cannot be reached. Whoever a live change concerns
    looks again; `under_way` says whether a pass over an application is just looking.
    """

    def __init__(
        self,
        clusters: Clusters,
        clock: Clock,
        *,
        applications: Applications,
        queue: WorkQueue,
        timers: Timers,
        under_way: Callable[[AppName], bool],
    ) -> None:
        self._clusters = clusters
        self._clock = clock
        self._applications = applications
        self._queue = queue
        self._timers = timers
        self._under_way = under_way
        self._subscriptions: dict[str, tuple[Cluster, Callable[[], None]]] = {}
        self._cut_off: dict[str, set[AppName]] = {}

    async def of(self, app: Application) -> Cluster:
        """The cluster that the application's destination names now; one that it left is told so. Raises
        `GitopsdError`.
        """
        destination = app.spec.destination
        cluster = self._clusters.find(server=destination.server, name=destination.name)
        known = self._subscriptions.get(cluster.name)
        if known is None or known[0] is not cluster:
            if known is not None:
                known[1]()
            self._subscriptions[cluster.name] = (cluster, cluster.subscribe(self._live_changed))
        if app.cluster is not cluster:
            await leave_cluster(app)
            app.move(cluster)
        return cluster

    def cut_off(self, app: Application) -> None:
        """The application's cluster could not be reached: it looks again as soon as it can be."""
        if app.cluster is not None:
            self._cut_off.setdefault(app.cluster.name, set()).add(app.spec.name)

    def close(self) -> None:
        """Hear of nothing any more."""
        for _, unsubscribe in self._subscriptions.values():
            unsubscribe()

    def _live_changed(self, change: LiveChange) -> None:
        """Whoever is concerned looks again: at once, or after a rest where changes come without an end."""
        cut_off: set[AppName] = set()
        known = self._subscriptions.get(change.cluster)
        if known is not None and known[0].connection().up:
            cut_off = self._cut_off.pop(change.cluster, cut_off)
        now = self._clock.monotonic()
        for name in change.apps | cut_off:
            app = self._applications.get(name)
            if app is None:
                continue
            if self._under_way(name):
                app.disturbed = True
            elif app.rest_until > now:
                self._timers.wake_after(name, app.rest_until - now)
            else:
                self._queue.add(name, Level.LIVE)


async def leave_cluster(app: Application) -> None:
    """Tell the cluster that the application was on that nobody looks for it any more."""
    if app.cluster is not None:
        await app.cluster.forget(app.spec.name, app.kinds)
