"""docs/metrics.md says what the metrics say."""

import re
from pathlib import Path

import pytest

from gitopsd.metrics.argocd import ABSENT
from gitopsd.metrics.metric import Kind, Metric, shown_name
from gitopsd.metrics.names import METRICS
from gitopsd.metrics.reference import page

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_committed_page_is_made_from_the_metrics() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m gitopsd.metrics.reference > docs/metrics.md"


@pytest.mark.parametrize("prefix", ["gitopsd", "argocd"])
def test_no_two_metrics_have_one_name(prefix: str) -> None:
    names = [shown_name(metric, prefix) for metric in METRICS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_named_and_described_as_prometheus_asks(metric: Metric) -> None:
    """https://prometheus.io/docs/practices/naming/: base units, `_total` for counters and for nothing else."""
    assert re.fullmatch("[a-z][a-z0-9_]*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith("_seconds")
    assert metric.help.endswith(".")


# Argo CD's metrics that dashboards and alerts in the wild stand on, with their labels.
EXPECTED = {
    "app_info": "namespace name project autosync_enabled repo dest_server dest_namespace sync_status health_status "
    "operation",
    "app_condition": "namespace name project condition",
    "app_labels": "namespace name project",
    "app_sync_total": "namespace name project dest_server phase dry_run",
    "app_sync_duration_seconds_total": "namespace name project dest_server",
    "app_k8s_request_total": "namespace name project server response_code verb resource_kind resource_namespace "
    "dry_run",
    "app_orphaned_resources_count": "namespace name project",
    "app_reconcile": "namespace dest_server",
    "cluster_events_total": "server group kind",
    "resource_events_processing": "server",
    "resource_events_processed_in_batch": "server",
    "cluster_info": "server k8s_version name",
    "cluster_labels": "server name",
    "cluster_connection_status": "server k8s_version",
    "cluster_api_resources": "server",
    "cluster_api_resource_objects": "server",
    "cluster_cache_age_seconds": "server",
    "info": "version",
    "git_request_total": "repo request_type",
    "git_request_duration_seconds": "repo request_type",
    "git_fetch_fail_total": "repo revision",
    "git_lsremote_fail_total": "repo revision",
    "repo_pending_request_total": "repo",
    "repo_parallelism_wait_duration_seconds": "",
    "oci_request_total": "repo request_type",
    "oci_request_duration_seconds": "repo request_type",
    "oci_resolve_revision_fail_total": "repo revision",
    "oci_extract_fail_total": "repo revision",
    "kubectl_request_duration_seconds": "host verb",
    "kubectl_rate_limiter_duration_seconds": "host verb",
}


def test_every_metric_of_argo_cd_is_there_under_its_labels_or_the_page_says_why_not() -> None:
    ours = {metric.argocd.name: set(metric.argocd.labels) for metric in METRICS if metric.argocd is not None}
    assert ours == {name: set(labels.split()) for name, labels in EXPECTED.items()}
    absent = " ".join(ABSENT)
    for family in ("kubectl_exec", "redis", "login_request", "proxy_extension", "appset", "notifications"):
        assert family in absent
