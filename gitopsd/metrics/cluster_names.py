"""The metrics of clusters and of what is asked of their API servers.

Sources: https://prometheus.io/docs/practices/naming/ and
https://argo-cd.readthedocs.io/en/stable/operator-manual/metrics/.
"""

from __future__ import annotations

from typing import Final

from gitopsd.metrics.metric import Alias, Kind, Metric
from gitopsd.metrics.scales import FAST

_CLUSTER: Final = ("server", "name")
_KIND: Final = ("server", "name", "group", "kind")
_SERVER: Final = {"server": "server"}

KUBE_REQUEST: Final = Metric(
    "kube_request_total",
    Kind.COUNTER,
    "Requests to Kubernetes API servers; code is <error> where no answer came.",
    ("server", "verb", "kind", "code"),
    argocd=Alias(
        "app_k8s_request_total",
        {
            "namespace": "=argocd",
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
    FAST,
    argocd=Alias("kubectl_request_duration_seconds", {"host": "host", "verb": "verb"}),
    unshown=("host",),
)
KUBE_WAIT_SECONDS: Final = Metric(
    "kube_wait_seconds",
    Kind.HISTOGRAM,
    "How long requests to Kubernetes API servers waited for their turn before they were sent (`inFlight`, `qps`).",
    ("server", "verb"),
    FAST,
    argocd=Alias("kubectl_rate_limiter_duration_seconds", {"host": "host", "verb": "verb"}),
    unshown=("host",),
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
CLUSTER_LABELS: Final = Metric(
    "cluster_labels",
    Kind.GAUGE,
    "Labels of clusters, those that `server.metricsClusterLabels` names: always 1.",
    _CLUSTER,
    argocd=Alias("cluster_labels", {"server": "server", "name": "name"}),
)
CLUSTER_KINDS_SERVED: Final = Metric(
    "cluster_kinds_served", Kind.GAUGE, "Kinds that a cluster is known to serve.", _CLUSTER
)
CLUSTER_KINDS_WATCHED: Final = Metric(
    "cluster_kinds_watched",
    Kind.GAUGE,
    "Kinds that are watched in a cluster.",
    _CLUSTER,
    argocd=Alias("cluster_api_resources", _SERVER),
)
CLUSTER_KINDS_FAILING: Final = Metric(
    "cluster_kinds_failing",
    Kind.GAUGE,
    "Kinds whose watch cannot be kept up now: no permission, an aggregated API that is down, a broken conversion.",
    _CLUSTER,
)
CLUSTER_OBJECTS: Final = Metric(
    "cluster_objects",
    Kind.GAUGE,
    "Objects of watched kinds that there are in a cluster.",
    _CLUSTER,
    argocd=Alias("cluster_api_resource_objects", _SERVER),
)
CLUSTER_KIND_OBJECTS: Final = Metric(
    "cluster_kind_objects", Kind.GAUGE, "Objects of a watched kind that there are in a cluster.", _KIND
)
CLUSTER_KIND_OBJECTS_KEPT: Final = Metric(
    "cluster_kind_objects_kept",
    Kind.GAUGE,
    "Objects of a watched kind that are kept in memory, because they belong to applications.",
    _KIND,
)
CLUSTER_CACHE_AGE: Final = Metric(
    "cluster_cache_age_seconds",
    Kind.GAUGE,
    "How old what is known of a cluster may be: 0 while its API server answers, else the seconds since it did.",
    _CLUSTER,
    argocd=Alias("cluster_cache_age_seconds", _SERVER),
)
CLUSTER_EVENTS: Final = Metric(
    "cluster_events_total",
    Kind.COUNTER,
    "Changes of objects that the watches of a cluster told, by kind.",
    _KIND,
    argocd=Alias("cluster_events_total", {"server": "server", "group": "group", "kind": "kind"}),
)
WATCH_BATCH_SECONDS: Final = Metric(
    "watch_batch_seconds",
    Kind.HISTOGRAM,
    "How long it took to take in changes that came together.",
    ("server",),
    FAST,
    argocd=Alias("resource_events_processing", _SERVER, (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)),
)
WATCH_BATCH_EVENTS: Final = Metric(
    "watch_batch_events",
    Kind.GAUGE,
    "How many changes came together the last time.",
    ("server",),
    argocd=Alias("resource_events_processed_in_batch", _SERVER),
)

CLUSTER_METRICS: Final = (
    KUBE_REQUEST,
    KUBE_REQUEST_SECONDS,
    KUBE_WAIT_SECONDS,
    CLUSTER_UP,
    CLUSTER_INFO,
    CLUSTER_LABELS,
    CLUSTER_KINDS_SERVED,
    CLUSTER_KINDS_WATCHED,
    CLUSTER_KINDS_FAILING,
    CLUSTER_OBJECTS,
    CLUSTER_KIND_OBJECTS,
    CLUSTER_KIND_OBJECTS_KEPT,
    CLUSTER_CACHE_AGE,
    CLUSTER_EVENTS,
    WATCH_BATCH_SECONDS,
    WATCH_BATCH_EVENTS,
)
