"""What clusters, their watches and the requests to their API servers leave in the metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from gitopsd.core.errors import shown_url
from gitopsd.metrics import cluster_names as names
from gitopsd.metrics.gathered import Rows
from gitopsd.metrics.metric import Metric, with_labels
from gitopsd.metrics.series import CounterSeries, GaugeSeries, HistogramSeries
from gitopsd.ports.clock import Clock
from gitopsd.ports.clusterstatus import ClusterStatus

_NO_ANSWER: Final = "<error>"
# The servers of a daemon are few, and each request names one.
_shown_server: Final = lru_cache(maxsize=1024)(shown_url)

Statuses = Callable[[], Sequence[ClusterStatus]]


class ClusterSeries:
    """The series about clusters; a request and a batch of changes cost the same, however many there are."""

    def __init__(self, prefix: str, registry: CollectorRegistry) -> None:
        self._requests = CounterSeries(names.KUBE_REQUEST, prefix, registry)
        self._seconds = HistogramSeries(names.KUBE_REQUEST_SECONDS, prefix, registry)
        self._waits = HistogramSeries(names.KUBE_WAIT_SECONDS, prefix, registry)
        self._batches = HistogramSeries(names.WATCH_BATCH_SECONDS, prefix, registry)
        self._batch = GaugeSeries(names.WATCH_BATCH_EVENTS, prefix, registry)
        self._up = GaugeSeries(names.CLUSTER_UP, prefix, registry)
        self._info = GaugeSeries(names.CLUSTER_INFO, prefix, registry)
        self._versions: dict[str, str] = {}
        self._servers: dict[str, str] = {}

    def request(self, server: str, verb: str, kind: str, code: int, seconds: float, *, waited: float) -> None:
        """A request that ended. How long a watch took says nothing."""
        shown = _shown_server(server)
        self._requests.add(shown, verb, kind, str(code) if code else _NO_ANSWER)
        if verb.lower() != "watch":
            host = _host(shown)
            self._seconds.observe(seconds, shown, verb, host)
            self._waits.observe(waited, shown, verb, host)

    def batch(self, server: str, events: int, seconds: float) -> None:
        """Changes that came together were taken in."""
        shown = _shown_server(server)
        self._batches.observe(seconds, shown)
        self._batch.set(shown, events, shown)

    def up(self, server: str, name: str, up: bool, version: str) -> str:
        """The state of a connection; the server that the cluster was at before and no other is now, "" for none."""
        shown = shown_url(server)
        version = version or self._versions.get(name, "")
        self._versions[name] = version
        self._up.set(name, float(up), shown, name, version)
        self._info.set(name, 1, shown, version, name)
        before, self._servers[name] = self._servers.get(name, shown), shown
        return self._left(before)

    def removed(self, name: str) -> str:
        """There is no such cluster any more; its server, if no other cluster is there, else ""."""
        self._up.drop(name)
        self._info.drop(name)
        self._versions.pop(name, None)
        return self._left(self._servers.pop(name, ""))

    def _left(self, server: str) -> str:
        """Forget a server that no cluster is at."""
        if not server or server in self._servers.values():
            return ""
        for series in (self._requests, self._seconds, self._waits, self._batches):
            series.forget("server", server)
        self._batch.drop(server)
        return server


class ClusterGauges:
    """What is asked of clusters at a scrape: its work follows the number of kinds that are watched. `labels` are the
    labels of clusters to show.
    """

    def __init__(self, statuses: Statuses, clock: Clock, labels: Sequence[str] = ()) -> None:
        self._statuses = statuses
        self._clock = clock
        self._keys = tuple(labels)
        self._labels = with_labels(names.CLUSTER_LABELS, labels)
        self.metrics = (
            names.CLUSTER_KINDS_SERVED,
            names.CLUSTER_KINDS_WATCHED,
            names.CLUSTER_KINDS_FAILING,
            names.CLUSTER_OBJECTS,
            names.CLUSTER_KIND_OBJECTS,
            names.CLUSTER_KIND_OBJECTS_KEPT,
            names.CLUSTER_CACHE_AGE,
            names.CLUSTER_EVENTS,
            *((self._labels,) if labels else ()),
        )

    def __call__(self) -> Mapping[Metric, Rows]:
        """The rows of `metrics`."""
        statuses = [((shown_url(status.server), status.name), status) for status in self._statuses()]
        kinds = [((*at, kind.group, kind.kind), kind) for at, status in statuses for kind in status.kinds]
        return {
            names.CLUSTER_KINDS_SERVED: [(at, status.api_resources) for at, status in statuses],
            names.CLUSTER_KINDS_WATCHED: [(at, len(status.kinds)) for at, status in statuses],
            names.CLUSTER_KINDS_FAILING: [(at, sum(kind.failing for kind in status.kinds)) for at, status in statuses],
            names.CLUSTER_OBJECTS: [(at, sum(kind.seen for kind in status.kinds)) for at, status in statuses],
            names.CLUSTER_KIND_OBJECTS: [(at, kind.seen) for at, kind in kinds],
            names.CLUSTER_KIND_OBJECTS_KEPT: [(at, kind.kept) for at, kind in kinds],
            names.CLUSTER_CACHE_AGE: [(at, self._age(status)) for at, status in statuses],
            names.CLUSTER_EVENTS: [(at, kind.events) for at, kind in kinds],
            self._labels: [((*at, *(status.labels.get(key, "") for key in self._keys)), 1) for at, status in statuses],
        }

    def _age(self, status: ClusterStatus) -> float:
        if status.connection.up:
            return 0.0
        return max(0.0, self._clock.monotonic() - status.connection.since)


@lru_cache(maxsize=1024)
def _host(server: str) -> str:
    """Argo CD's label `host`: the server without its scheme."""
    return urlsplit(server).netloc or server
