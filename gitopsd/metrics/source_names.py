"""The metrics of repositories, artifacts and renders.

Sources: https://prometheus.io/docs/practices/naming/ and
https://argo-cd.readthedocs.io/en/stable/operator-manual/metrics/.
"""

from __future__ import annotations

from typing import Final

from gitopsd.metrics.metric import Alias, Kind, Metric
from gitopsd.metrics.scales import FAST, SLOW

_ARGO_CD_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0)

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
    SLOW,
    argocd=Alias("git_request_duration_seconds", {"repo": "repo", "request_type": "request_type"}, _ARGO_CD_S),
)
GIT_WAIT_SECONDS: Final = Metric(
    "git_wait_seconds",
    Kind.HISTOGRAM,
    "How long requests to git servers waited for a worker before they began.",
    (),
    SLOW,
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
REPO_PENDING: Final = Metric(
    "repo_pending_requests",
    Kind.GAUGE,
    "Requests to a repository's server that wait for a worker.",
    ("repo",),
    argocd=Alias("repo_pending_request_total", {"repo": "repo"}),
)
ARTIFACT_REQUEST: Final = Metric(
    "artifact_request_total",
    Kind.COUNTER,
    "Requests to OCI registries, Helm repositories and web servers; request_type is oci (what a tag means), index, "
    "pull or file.",
    ("repo", "request_type"),
    argocd=Alias("oci_request_total", {"repo": "repo", "request_type": "request_type"}),
)
ARTIFACT_REQUEST_SECONDS: Final = Metric(
    "artifact_request_seconds",
    Kind.HISTOGRAM,
    "How long such requests took.",
    ("repo", "request_type"),
    SLOW,
    argocd=Alias("oci_request_duration_seconds", {"repo": "repo", "request_type": "request_type"}, _ARGO_CD_S),
)
ARTIFACT_LOOKUP_FAILED: Final = Metric(
    "artifact_lookup_fail_total",
    Kind.COUNTER,
    "Questions what a version, a tag or a range stands for that failed.",
    ("repo",),
    argocd=Alias("oci_resolve_revision_fail_total", {"repo": "repo", "revision": "="}),
)
ARTIFACT_PULL_FAILED: Final = Metric(
    "artifact_pull_fail_total",
    Kind.COUNTER,
    "Downloads of charts, artifacts and files that failed.",
    ("repo",),
    argocd=Alias("oci_extract_fail_total", {"repo": "repo", "revision": "="}),
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
    FAST,
)
RENDER_WAIT_SECONDS: Final = Metric(
    "render_wait_seconds",
    Kind.HISTOGRAM,
    "How long renders waited for a place at the engine.",
    (),
    FAST,
    argocd=Alias(
        "repo_parallelism_wait_duration_seconds", {}, (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0, 60.0, 120.0)
    ),
)
ENGINE_RESTARTS: Final = Metric(
    "engine_restart_total", Kind.COUNTER, "Render workers that ended on their own or were ended, and were started anew."
)

SOURCE_METRICS: Final = (
    GIT_REQUEST,
    GIT_REQUEST_SECONDS,
    GIT_WAIT_SECONDS,
    GIT_FETCH_FAILED,
    GIT_LSREMOTE_FAILED,
    REPO_PENDING,
    ARTIFACT_REQUEST,
    ARTIFACT_REQUEST_SECONDS,
    ARTIFACT_LOOKUP_FAILED,
    ARTIFACT_PULL_FAILED,
    RENDER,
    RENDER_SECONDS,
    RENDER_WAIT_SECONDS,
    ENGINE_RESTARTS,
)
