"""Every metric, once. Here those of applications, operations and the daemon itself; those of clusters and of sources
have modules of their own.

Sources: https://prometheus.io/docs/practices/naming/ and
https://argo-cd.readthedocs.io/en/stable/operator-manual/metrics/. With the prefix `argocd` a metric that Argo CD has
too takes Argo CD's name and labels, so that its dashboards and alerts work as they are; the others keep their names
behind the prefix.
"""

from __future__ import annotations

from typing import Final

from gitopsd.metrics.cluster_names import CLUSTER_METRICS
from gitopsd.metrics.metric import Alias, Kind, Metric
from gitopsd.metrics.scales import SLOW
from gitopsd.metrics.source_names import SOURCE_METRICS

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
APP_LABELS: Final = Metric(
    "app_labels",
    Kind.GAUGE,
    "Labels of applications, those that `server.metricsApplicationLabels` names: always 1.",
    ("name", "project"),
    argocd=Alias("app_labels", _APP),
)
APP_ORPHANED: Final = Metric(
    "app_orphaned_resources",
    Kind.GAUGE,
    "Objects in an application's namespace that belong to nobody, where its project has `orphanedResources`.",
    ("name", "project"),
    argocd=Alias("app_orphaned_resources_count", _APP),
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
APP_RECONCILE: Final = Metric(
    "app_reconcile_seconds",
    Kind.HISTOGRAM,
    "How long reconciliations of applications took.",
    ("dest_server",),
    SLOW,
    argocd=Alias("app_reconcile", {**_NAMESPACE, "dest_server": "dest_server"}, (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)),
)
APP_RECONCILE_FAILED: Final = Metric(
    "app_reconcile_failed_total",
    Kind.COUNTER,
    "Reconciliations after which an application could not be compared.",
    ("dest_server",),
)
QUEUE_DEPTH: Final = Metric(
    "reconcile_queue_depth", Kind.GAUGE, "Applications that wait for a reconciliation to begin."
)
RECONCILING: Final = Metric("reconcile_under_way", Kind.GAUGE, "Reconciliations under way.")
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
DISK_FREE: Final = Metric(
    "disk_free_bytes",
    Kind.GAUGE,
    "What is free for gitopsd on the file system of a folder: state (`state.dir`) or cache (`state.cacheDir`).",
    ("folder",),
)
DISK_SIZE: Final = Metric("disk_size_bytes", Kind.GAUGE, "How large the file system of such a folder is.", ("folder",))
STATE_BYTES: Final = Metric("state_bytes", Kind.GAUGE, "How large the files are that `state.dir` holds.")
STORE_FAILED: Final = Metric(
    "store_fail_total", Kind.COUNTER, "Attempts to save state that failed; what could not be saved is tried again."
)
LOG_LINES_LOST: Final = Metric(
    "log_lines_lost_total",
    Kind.COUNTER,
    "Log lines that nobody will read: whoever reads them stopped or went away, or the disk was full.",
)
TRACE_SPANS: Final = Metric(
    "trace_spans_total",
    Kind.COUNTER,
    "Spans of traces, by outcome: sent to the collector, or lost because it took none or too few.",
    ("outcome",),
)
INTERNAL_ERRORS: Final = Metric(
    "internal_error_total", Kind.COUNTER, "Bugs that were met and survived; the log has each of them.", ("where",)
)

SECTIONS: Final = (
    (
        "Applications",
        (
            APP_INFO,
            APP_CONDITION,
            APP_LABELS,
            APP_ORPHANED,
            APP_SYNC,
            APP_SYNC_SECONDS,
            APP_RECONCILE,
            APP_RECONCILE_FAILED,
            QUEUE_DEPTH,
            RECONCILING,
        ),
    ),
    (
        "Operations",
        (
            OPERATION_SECONDS,
            OPERATIONS,
            OPERATION_OBJECTS,
            HOOKS,
            ROLLBACKS,
            DELETIONS,
            CIRCUIT_BREAKER,
            JOURNAL_FAILED,
        ),
    ),
    ("Clusters", CLUSTER_METRICS),
    ("Repositories and renders", SOURCE_METRICS),
    (
        "The daemon",
        (
            BUILD_INFO,
            CONFIG_RELOAD_SUCCESSFUL,
            CONFIG_RELOAD_TIMESTAMP,
            LOOP_LAG,
            DISK_FREE,
            DISK_SIZE,
            STATE_BYTES,
            STORE_FAILED,
            LOG_LINES_LOST,
            TRACE_SPANS,
            INTERNAL_ERRORS,
        ),
    ),
)
"""All metrics by what they tell of."""

METRICS: Final = tuple(metric for _, metrics in SECTIONS for metric in metrics)
