"""Every metric: its name, labels, type and help, once; and what Argo CD calls it.

Sources: https://prometheus.io/docs/practices/naming/ and
https://argo-cd.readthedocs.io/en/stable/operator-manual/metrics/. With the prefix `argocd` a metric that Argo CD has
too takes Argo CD's name and labels, so that its dashboards and alerts work as they are; the others keep their names
behind the prefix.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ARGOCD_PREFIX: Final = "argocd"


class Kind(enum.Enum):
    """Prometheus' metric types, as far as they are used here."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Alias:
    """Argo CD's name of a metric, and its labels: label → the label of ours that it shows, or `=text`, a constant."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Counters are named with their `_total`; `buckets` (seconds) are a histogram's.

    `unshown` are values given after those of `labels`, which only the alias shows.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    argocd: Alias | None = None
    unshown: tuple[str, ...] = ()


_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SLOW: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# The namespace of Argo CD's Application objects, which ours have not: what a stock installation says.
_NAMESPACE: Final = {"namespace": "=argocd"}
_APP: Final = {**_NAMESPACE, "name": "name", "project": "project"}

APP_INFO: Final = Metric(
    "app_info",
    Kind.GAUGE,
    "Applications: always 1; the labels say what it is, and how.",
    (
        "name",
        "project",
        "repo",
        "dest_server",
        "dest_namespace",
        "sync_status",
        "health_status",
        "autosync_enabled",
        "operation",
    ),
    argocd=Alias(
        "app_info",
        {
            **_APP,
            "autosync_enabled": "autosync_enabled",
            "repo": "repo",
            "dest_server": "dest_server",
            "dest_namespace": "dest_namespace",
            "sync_status": "sync_status",
            "health_status": "health_status",
            "operation": "operation",
        },
    ),
)
APP_CONDITION: Final = Metric(
    "app_condition",
    Kind.GAUGE,
    "How many conditions of a type an application has.",
    ("name", "project", "condition"),
    argocd=Alias("app_condition", {**_APP, "condition": "condition"}),
)
APP_SYNC: Final = Metric(
    "app_sync_total",
    Kind.COUNTER,
    "Syncs that ended, by the phase that they ended in.",
    ("name", "project", "dest_server", "phase"),
    argocd=Alias("app_sync_total", {**_APP, "dest_server": "dest_server", "phase": "phase", "dry_run": "=false"}),
)
APP_SYNC_SECONDS: Final = Metric(
    "app_sync_duration_seconds_total",
    Kind.COUNTER,
    "Seconds that syncs took, from their start to their end.",
    ("name", "project", "dest_server"),
    argocd=Alias("app_sync_duration_seconds_total", {**_APP, "dest_server": "dest_server"}),
)
OPERATION_SECONDS: Final = Metric(
    "operation_seconds",
    Kind.HISTOGRAM,
    "How long syncs took from their start to their end, waiting for health and hooks included.",
    ("phase",),
    (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0),
)
OPERATIONS: Final = Metric(
    "operations",
    Kind.GAUGE,
    "Syncs under way; state is running, waiting (for health, hooks or objects to go) or terminating.",
    ("state",),
)
OPERATION_OBJECTS: Final = Metric(
    "operation_objects_total",
    Kind.COUNTER,
    "Objects of syncs that ended, by what came of them: Synced, Pruned, PruneSkipped or SyncFailed.",
    ("result",),
)
HOOKS: Final = Metric(
    "hook_total",
    Kind.COUNTER,
    "Hooks that ran, of syncs and deletions, by their outcome.",
    ("phase", "outcome"),
)
ROLLBACKS: Final = Metric(
    "rollback_total",
    Kind.COUNTER,
    "Syncs that ended and were to bring back an entry of the history; automated where nobody asked for it.",
    ("phase", "automated"),
)
DELETIONS: Final = Metric(
    "deletions",
    Kind.GAUGE,
    "Applications whose objects are being deleted; Held and Waiting ones wait for somebody or something.",
    ("phase",),
)
CIRCUIT_BREAKER: Final = Metric(
    "circuit_breaker_open",
    Kind.GAUGE,
    "Whether automated syncs to a cluster are stopped because too many would prune or have failed.",
    ("cluster",),
)
JOURNAL_FAILED: Final = Metric(
    "journal_fail_total",
    Kind.COUNTER,
    "Attempts to keep what operations do that failed; the operation waits, and it is tried again.",
)
APP_RECONCILE: Final = Metric(
    "app_reconcile_seconds",
    Kind.HISTOGRAM,
    "How long reconciliations of applications took.",
    ("dest_server",),
    _SLOW,
    argocd=Alias("app_reconcile", {**_NAMESPACE, "dest_server": "dest_server"}, (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)),
)
APP_RECONCILE_FAILED: Final = Metric(
    "app_reconcile_failed_total",
    Kind.COUNTER,
    "Reconciliations after which an application could not be compared.",
    ("dest_server",),
)
GIT_REQUEST: Final = Metric(
    "git_request_total",
    Kind.COUNTER,
    "Requests to git servers.",
    ("repo", "request_type"),
    argocd=Alias("git_request_total", {"repo": "repo", "request_type": "request_type"}),
)
GIT_REQUEST_SECONDS: Final = Metric(
    "git_request_seconds",
    Kind.HISTOGRAM,
    "How long requests to git servers took.",
    ("repo", "request_type"),
    _SLOW,
    argocd=Alias("git_request_duration_seconds", {"repo": "repo", "request_type": "request_type"}),
)
GIT_FETCH_FAILED: Final = Metric(
    "git_fetch_fail_total",
    Kind.COUNTER,
    "Fetches from git servers that failed.",
    ("repo",),
    argocd=Alias("git_fetch_fail_total", {"repo": "repo", "revision": "="}),
)
GIT_LSREMOTE_FAILED: Final = Metric(
    "git_lsremote_fail_total",
    Kind.COUNTER,
    "Ref look-ups at git servers that failed.",
    ("repo",),
    argocd=Alias("git_lsremote_fail_total", {"repo": "repo", "revision": "="}),
)
RENDER: Final = Metric(
    "render_total",
    Kind.COUNTER,
    "Renders of a source; result is rendered, cached or failed.",
    ("renderer", "result"),
)
RENDER_SECONDS: Final = Metric(
    "render_seconds",
    Kind.HISTOGRAM,
    "How long renders took, those answered by the cache left out.",
    ("renderer",),
    _FAST,
)
ENGINE_RESTARTS: Final = Metric(
    "engine_restart_total", Kind.COUNTER, "Render workers that ended on their own or were ended, and were started anew."
)
KUBE_REQUEST: Final = Metric(
    "kube_request_total",
    Kind.COUNTER,
    "Requests to Kubernetes API servers; code is <error> where no answer came.",
    ("server", "verb", "kind", "code"),
    argocd=Alias(
        "app_k8s_request_total",
        {
            **_NAMESPACE,
            "name": "=",
            "project": "=",
            "server": "server",
            "response_code": "code",
            "verb": "verb",
            "resource_kind": "kind",
            "resource_namespace": "=",
            "dry_run": "=",
        },
    ),
)
KUBE_REQUEST_SECONDS: Final = Metric(
    "kube_request_seconds",
    Kind.HISTOGRAM,
    "How long requests to Kubernetes API servers took; watches left out.",
    ("server", "verb"),
    _FAST,
)
CLUSTER_UP: Final = Metric(
    "cluster_up",
    Kind.GAUGE,
    "Whether a cluster's API server answers.",
    ("server", "name"),
    argocd=Alias("cluster_connection_status", {"server": "server", "k8s_version": "k8s_version"}),
    unshown=("k8s_version",),
)
CLUSTER_INFO: Final = Metric(
    "cluster_info",
    Kind.GAUGE,
    "Clusters of the configuration: always 1.",
    ("server", "k8s_version", "name"),
    argocd=Alias("cluster_info", {"server": "server", "k8s_version": "k8s_version", "name": "name"}),
)
CONFIG_RELOAD_SUCCESSFUL: Final = Metric(
    "config_last_reload_successful",
    Kind.GAUGE,
    "Whether the last load of the configuration succeeded; with 0 the one before is in force.",
)
CONFIG_RELOAD_TIMESTAMP: Final = Metric(
    "config_last_reload_success_timestamp_seconds",
    Kind.GAUGE,
    "When the configuration in force was loaded (Unix time).",
)
BUILD_INFO: Final = Metric(
    "build_info",
    Kind.GAUGE,
    "The running version: always 1.",
    ("version", "python_version"),
    argocd=Alias("info", {"version": "version"}),
)
LOOP_LAG: Final = Metric(
    "loop_lag_seconds",
    Kind.HISTOGRAM,
    "How much later than asked the event loop woke, sampled about once a second.",
    (),
    (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0),
)
STORE_FAILED: Final = Metric(
    "store_fail_total", Kind.COUNTER, "Attempts to save state that failed; what could not be saved is tried again."
)
INTERNAL_ERRORS: Final = Metric(
    "internal_error_total", Kind.COUNTER, "Bugs that were met and survived; the log has each of them.", ("where",)
)

METRICS: Final = (
    APP_INFO,
    APP_CONDITION,
    APP_SYNC,
    APP_SYNC_SECONDS,
    OPERATION_SECONDS,
    OPERATIONS,
    OPERATION_OBJECTS,
    HOOKS,
    ROLLBACKS,
    DELETIONS,
    CIRCUIT_BREAKER,
    JOURNAL_FAILED,
    APP_RECONCILE,
    APP_RECONCILE_FAILED,
    GIT_REQUEST,
    GIT_REQUEST_SECONDS,
    GIT_FETCH_FAILED,
    GIT_LSREMOTE_FAILED,
    RENDER,
    RENDER_SECONDS,
    ENGINE_RESTARTS,
    KUBE_REQUEST,
    KUBE_REQUEST_SECONDS,
    CLUSTER_UP,
    CLUSTER_INFO,
    CONFIG_RELOAD_SUCCESSFUL,
    CONFIG_RELOAD_TIMESTAMP,
    BUILD_INFO,
    LOOP_LAG,
    STORE_FAILED,
    INTERNAL_ERRORS,
)


def shown_name(metric: Metric, prefix: str) -> str:
    """The name that a scrape shows."""
    if prefix == ARGOCD_PREFIX and metric.argocd is not None:
        return f"{prefix}_{metric.argocd.name}"
    return f"{prefix}_{metric.name}"
