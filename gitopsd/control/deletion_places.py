"""Where deletions take place: clusters that are found by what is known of an application, and heard of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from gitopsd.control.deletion_work import DeletionWork
from gitopsd.core.deletion_record import NOWHERE, reaching, server_of, spec_of
from gitopsd.core.errors import SpecError
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster, Clusters, LiveChange

# A cluster of the configuration may come a moment late: those in Secrets are read while the daemon runs.
_UNKNOWN_SECONDS: Final = 60.0


class Places:
    """The clusters of deletions; `changed` hears of changes in those that are used."""

    def __init__(self, clusters: Clusters, clock: Clock, changed: Callable[[Cluster, LiveChange], None]) -> None:
        self._clusters = clusters
        self._clock = clock
        self._changed = changed
        self._subscriptions: dict[str, tuple[Cluster, Callable[[], None]]] = {}

    def find(self, work: DeletionWork) -> Cluster | None:
        """The cluster that the application was on. Raises `SpecError` for one that the configuration does not know; if
        that lasts, None: the deletion is given up (Argo CD drops the finalizer).
        """
        destination, server = spec_of(work.deletion).destination, server_of(work.deletion)
        try:
            cluster = self._clusters.find(server=destination.server, name=destination.name)
            if server and cluster.server != server:  # the name is another cluster's now
                cluster = self._clusters.find(server=server)
        except SpecError:
            now = self._clock.monotonic()
            work.unknown_since = now if work.unknown_since is None else work.unknown_since
            if now < work.unknown_since + _UNKNOWN_SECONDS:
                raise
            return None
        work.unknown_since = None
        self._subscribe(cluster)
        if not server:
            work.deletion = reaching(work.deletion, NOWHERE, cluster.server)
        return cluster

    def _subscribe(self, cluster: Cluster) -> None:
        known = self._subscriptions.get(cluster.name)
        if known is not None and known[0] is cluster:
            return
        if known is not None:
            known[1]()
        self._subscriptions[cluster.name] = (cluster, cluster.subscribe(partial(self._changed, cluster)))

    def keep(self, used: Iterable[Cluster | None]) -> None:
        """Hear of these clusters only."""
        wanted = [cluster for cluster in used if cluster is not None]
        for name, (cluster, unsubscribe) in list(self._subscriptions.items()):
            if not any(cluster is other for other in wanted):
                unsubscribe()
                del self._subscriptions[name]
