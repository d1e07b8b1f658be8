"""Turns what happens into metrics; nothing here waits, and no event costs more for there being many applications."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from gitopsd.core.app import AppSpec, Destination
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.conditions import ConditionType
from gitopsd.core.errors import shown_url
from gitopsd.core.events import AppRemoved, ConfigReloaded, Event, OperationEnded, Reconciled, StatusChanged
from gitopsd.core.ids import AppName
from gitopsd.metrics import names
from gitopsd.metrics.clusters import ClusterGauges, ClusterSeries, Statuses
from gitopsd.metrics.disk import DISK_METRICS, disk
from gitopsd.metrics.exposition import Exposition
from gitopsd.metrics.gathered import Rows
from gitopsd.metrics.metric import Metric, with_labels
from gitopsd.metrics.operations import OperationSeries
from gitopsd.metrics.series import CounterSeries, GaugeSeries, HistogramSeries, Labels
from gitopsd.metrics.source_names import (
    ENGINE_RESTARTS,
    RENDER,
    RENDER_SECONDS,
    RENDER_WAIT_SECONDS,
    REPO_PENDING,
)
from gitopsd.metrics.sources import SourceSeries
from gitopsd.ports.clock import Clock

Orphans = Callable[[], Mapping[AppName, int]]


@dataclass(slots=True)
class _Traces:
    """What the metrics hold of one application, so that it can be taken away again; `told` is what made them."""

    spec: AppSpec | None = None
    server: str = ""
    destination: Destination | None = None
    told: object = None
    conditions: frozenset[ConditionType] = frozenset()
    syncs: set[Labels] = field(default_factory=set)
    durations: set[Labels] = field(default_factory=set)


class Recorder:
    """The metrics of one daemon, in a registry of its own.

    `on_event` belongs on the bus; the other methods are what adapters call back. All of them run in the event loop's
    thread. `prefix` is `gitopsd`, or `argocd` for Argo CD's names and labels; any other goes before our names.
    `labels` are the labels of applications to show, `exemplar` gives the id of the trace under way ("" for none).
    """

    def __init__(
        self,
        *,
        version: str,
        prefix: str = "gitopsd",
        labels: Sequence[str] = (),
        exemplar: Callable[[], str] = lambda: "",
    ) -> None:
        registry = CollectorRegistry(auto_describe=False)
        self.exposition = Exposition(registry, prefix)
        self.exemplar = exemplar
        self._labels = tuple(labels)
        self._apps: dict[AppName, _Traces] = {}
        self._clusters = ClusterSeries(prefix, registry)
        self._sources = SourceSeries(prefix, registry)
        self._app_labels = GaugeSeries(with_labels(names.APP_LABELS, labels), prefix, registry)
        self._app_info = GaugeSeries(names.APP_INFO, prefix, registry)
        self._app_condition = GaugeSeries(names.APP_CONDITION, prefix, registry)
        self._app_sync = CounterSeries(names.APP_SYNC, prefix, registry)
        self._app_sync_seconds = CounterSeries(names.APP_SYNC_SECONDS, prefix, registry)
        self._operations = OperationSeries(prefix, registry)
        self._breaker = GaugeSeries(names.CIRCUIT_BREAKER, prefix, registry)
        self._journal_failed = CounterSeries(names.JOURNAL_FAILED, prefix, registry)
        self._reconcile = HistogramSeries(names.APP_RECONCILE, prefix, registry)
        self._reconcile_failed = CounterSeries(names.APP_RECONCILE_FAILED, prefix, registry)
        self._render = CounterSeries(RENDER, prefix, registry)
        self._render_seconds = HistogramSeries(RENDER_SECONDS, prefix, registry)
        self._render_wait = HistogramSeries(RENDER_WAIT_SECONDS, prefix, registry)
        self._engine_restarts = CounterSeries(ENGINE_RESTARTS, prefix, registry)
        self._reload_ok = GaugeSeries(names.CONFIG_RELOAD_SUCCESSFUL, prefix, registry)
        self._reload_at = GaugeSeries(names.CONFIG_RELOAD_TIMESTAMP, prefix, registry)
        self._build_info = GaugeSeries(names.BUILD_INFO, prefix, registry)
        self._loop_lag = HistogramSeries(names.LOOP_LAG, prefix, registry)
        self._store_failed = CounterSeries(names.STORE_FAILED, prefix, registry)
        self._internal_errors = CounterSeries(names.INTERNAL_ERRORS, prefix, registry)
        self._build_info.set("", 1, version, platform.python_version())
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

    def on_event(self, event: Event) -> None:
        """Take note of one event of the bus."""
        match event:
            case StatusChanged():
                self._operations.changed(event)
                self._status(event.spec, event.status, event.server)
            case Reconciled():
                server = shown_url(event.server or event.spec.destination.server)
                self._reconcile.observe(event.seconds, server, trace=self.exemplar())
                if event.failed:
                    self._reconcile_failed.add(server)
            case OperationEnded():
                self._operation_ended(event)
            case AppRemoved():
                self._removed(event.name)
            case ConfigReloaded():
                pass  # comes by `reload` too, which knows when

    # Adapters' callbacks; `seconds` is how long it took

    def git_request(self, repo: str, kind: str, seconds: float, ok: bool, waited: float = 0.0) -> None:
        """A request to a git server, after it `waited` for a worker; `kind` is `ls-remote` or `fetch`."""
        self._sources.git(repo, kind, seconds, waited, ok=ok)

    def artifact_request(self, repo: str, kind: str, seconds: float, ok: bool) -> None:
        """A request to a registry, a Helm repository or a web server; `kind` is `oci`, `index`, `pull` or `file`."""
        self._sources.artifact(repo, kind, seconds, ok=ok)

    def render(self, renderer: str, seconds: float, cached: bool, failed: bool) -> None:
        """A render of one source, or its answer out of the cache."""
        self._render.add(renderer, "failed" if failed else "cached" if cached else "rendered")
        if not cached:
            self._render_seconds.observe(seconds, renderer)

    def render_wait(self, seconds: float) -> None:
        """A render waited for its place at the engine."""
        self._render_wait.observe(seconds)

    def engine_restart(self, _reason: str = "") -> None:
        """A render worker is started in place of another. The reason is for the log: it would make endless series."""
        self._engine_restarts.add()

    def kube_request(
        self, server: str, verb: str, kind: str, code: int, seconds: float, *, waited: float = 0.0
    ) -> None:
        """A request to an API server, after it `waited` for its turn; `code` is the HTTP status, 0 if none came."""
        self._clusters.request(server, verb, kind, code, seconds, waited=waited)

    def watch_batch(self, server: str, events: int, seconds: float) -> None:
        """Changes of objects that came together were taken in."""
        self._clusters.batch(server, events, seconds)

    def cluster_up(self, server: str, name: str, up: bool, version: str = "") -> None:
        """The state of a cluster's connection; `version` is the API server's (`v1.36.3`), "" if it is not known now."""
        self._left(self._clusters.up(server, name, up, version))

    def cluster_removed(self, name: str) -> None:
        """The configuration does not have the cluster any more."""
        self._left(self._clusters.removed(name))
        self._breaker.drop(name)

    def _left(self, server: str) -> None:
        if server:
            self._reconcile.forget("dest_server", server)
            self._reconcile_failed.forget("dest_server", server)

    def reload(self, ok: bool, when: datetime) -> None:
        """A load of the configuration."""
        self._reload_ok.set("", float(ok))
        if ok:
            self._reload_at.set("", when.timestamp())

    def loop_lag(self, seconds: float) -> None:
        """How much later than asked the loop woke."""
        self._loop_lag.observe(seconds)

    def store_failed(self) -> None:
        """State could not be saved."""
        self._store_failed.add()

    def journal_failed(self) -> None:
        """What an operation does could not be kept."""
        self._journal_failed.add()

    def circuit_breaker(self, cluster: str, opened: bool) -> None:
        """Automated syncs to the cluster with this name are stopped, or go on."""
        self._breaker.set(cluster, float(opened), cluster)

    def internal_error(self, where: str) -> None:
        """A bug was met in the room `where`."""
        self._internal_errors.add(where)

    # What is asked at each scrape

    def ask_clusters(self, statuses: Statuses, clock: Clock, labels: Sequence[str] = ()) -> None:
        """Show what `statuses` tells of clusters, and of their labels these."""
        gauges = ClusterGauges(statuses, clock, labels)
        self.exposition.gather(gauges.metrics, gauges)

    def ask_sources(self, waiting: Callable[[], Mapping[str, int]]) -> None:
        """Show how many requests wait at each repository."""
        self.exposition.gather((REPO_PENDING,), lambda: {REPO_PENDING: self._sources.pending(waiting())})

    def ask_queue(self, depth: Callable[[], int], under_way: Callable[[], int]) -> None:
        """Show how many applications wait for a reconciliation, and how many have one."""

        def gather() -> Mapping[Metric, Rows]:
            return {names.QUEUE_DEPTH: [((), depth())], names.RECONCILING: [((), under_way())]}

        self.exposition.gather((names.QUEUE_DEPTH, names.RECONCILING), gather)

    def ask_log(self, lost: Callable[[], int]) -> None:
        """Show how many log lines were lost."""
        self.exposition.gather((names.LOG_LINES_LOST,), lambda: {names.LOG_LINES_LOST: [((), lost())]})

    def ask_traces(self, spans: Callable[[], tuple[int, int]]) -> None:
        """Show how many spans were sent, and how many were lost."""

        def gather() -> Mapping[Metric, Rows]:
            sent, lost = spans()
            return {names.TRACE_SPANS: [(("sent",), sent), (("lost",), lost)]}

        self.exposition.gather((names.TRACE_SPANS,), gather)

    def ask_orphans(self, orphans: Orphans) -> None:
        """Show how many orphaned resources the applications have whose projects look for them."""

        def gather() -> Mapping[Metric, Rows]:
            return {names.APP_ORPHANED: list(self._orphan_rows(orphans()))}

        self.exposition.gather((names.APP_ORPHANED,), gather)

    def ask_disk(self, state: Path, cache: Path) -> None:
        """Show the room that there is for these folders."""
        self.exposition.gather(DISK_METRICS, lambda: disk(state, cache), aside=True)

    def _orphan_rows(self, orphans: Mapping[AppName, int]) -> Iterator[tuple[Labels, float]]:
        for name, count in orphans.items():
            traces = self._apps.get(name)
            if traces is not None and traces.spec is not None:
                yield (name, traces.spec.project), count

    # Applications

    def _status(self, spec: AppSpec, status: AppStatus, server: str) -> None:
        traces = self._apps.setdefault(spec.name, _Traces())
        doing = _doing(status)
        told = (spec, server, status.sync, status.health.status, doing, status.conditions)
        if told == traces.told:
            return
        traces.told = told
        if spec is not traces.spec:
            self._sources.use(spec, traces.spec)
            traces.spec = spec
        if server or spec.destination != traces.destination:
            # A failure before the cluster is known says no server: then it is still the one it was.
            traces.server, traces.destination = server or spec.destination.server, spec.destination
        self._app_info.set(
            spec.name,
            1,
            spec.name,
            spec.project,
            shown_url(spec.sources[0].repo_url) if spec.sources else "",
            shown_url(traces.server),
            spec.destination.namespace,
            status.sync.value,
            status.health.status.value,
            "true" if spec.sync_policy.automated is not None else "false",
            doing,
        )
        if self._labels:
            values = (spec.labels.get(key, "") for key in self._labels)
            self._app_labels.set(spec.name, 1, spec.name, spec.project, *values)
        counts = Counter(condition.type for condition in status.conditions)
        for gone in traces.conditions - counts.keys():
            self._app_condition.drop((spec.name, gone))
        for kind, count in counts.items():
            self._app_condition.set((spec.name, kind), count, spec.name, spec.project, kind.value)
        traces.conditions = frozenset(counts)

    def _operation_ended(self, event: OperationEnded) -> None:
        spec = event.spec
        self._operations.ended(event, self.exemplar())
        traces = self._apps.setdefault(spec.name, _Traces())
        server = shown_url(event.server)
        traces.syncs.add(self._app_sync.add(spec.name, spec.project, server, event.operation.phase.value))
        traces.durations.add(
            self._app_sync_seconds.add(spec.name, spec.project, server, amount=max(0.0, event.seconds))
        )

    def _removed(self, name: AppName) -> None:
        traces = self._apps.pop(name, None)
        self._operations.removed(name)
        self._app_info.drop(name)
        self._app_labels.drop(name)
        if traces is None:
            return
        self._sources.use(None, traces.spec)
        for kind in traces.conditions:
            self._app_condition.drop((name, kind))
        for series in traces.syncs:
            self._app_sync.drop(series)
        for series in traces.durations:
            self._app_sync_seconds.drop(series)


def _doing(status: AppStatus) -> str:
    """Argo CD's word for what happens to the application; "" if nothing does."""
    if status.deletion is not None and status.deletion.under_way:
        return "delete"
    return "sync" if status.operation is not None and not status.operation.phase.done else ""
