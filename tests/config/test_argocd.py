"""Argo CD's manifests as teams have them work unmodified."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.config import Config
from gitopsd.core.app import Automated, RetryPolicy
from tests.config.writing import loaded

MANIFESTS = Path(__file__).parent / "manifests"
MAIN = """
clusters:
  - {name: in-cluster, inCluster: true}
  - {name: production-eu, server: "https://10.1.0.1:6443", token: t}
include: ["*.yaml.in"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return loaded(tmp_path, MAIN, **{f"{path.name}.in": path.read_text() for path in sorted(MANIFESTS.glob("*.yaml"))})


def test_all_are_read(config: Config) -> None:
    assert sorted(app.name for app in config.applications) == [
        "cert-manager",
        "exported",
        "guestbook",
        "ingress-nginx",
        "jsonnet-dashboards",
        "listed-1",
        "listed-2",
        "payments-prod",
        "root",
        "storefront",
    ]


def test_all_are_honoured(config: Config) -> None:
    assert {app.name: app.unsupported for app in config.applications if app.unsupported} == {}


def test_other_manifests_are_named_in_warnings(config: Config) -> None:
    others = [warning for warning in config.warnings if " left as it is: " not in warning]
    assert [warning.split(": ", 1)[1] for warning in others] == [
        "ApplicationSet previews is not supported yet: ignored",
        (
            "project payments cannot be used: restrictions are not enforced by this version: "
            "destinations (without entries it allows nothing), "
            "clusterResourceWhitelist (without entries it allows nothing)"
        ),
    ]


def test_a_manifest_means_what_it_means_to_argo_cd(config: Config) -> None:
    app = next(app for app in config.applications if app.name == "storefront")
    assert app.destination.name == "production-eu"
    assert app.finalizers == ("resources-finalizer.argocd.argoproj.io",)
    assert app.sync_policy.automated == Automated(prune=True, self_heal=True)
    assert app.sync_policy.retry == RetryPolicy(5, 5.0, 2.0, 180.0)
    assert app.sync_policy.namespace_labels == {"pod-security.kubernetes.io/enforce": "restricted"}
    (source,) = app.sources
    assert (source.renderer, source.path, source.target_revision) == ("helm", "charts/storefront", "release/2024.10")
    assert source.options["valueFiles"] == ["values.yaml", "values-prod.yaml"]
    assert app.annotations["notifications.argoproj.io/subscribe.on-sync-failed.slack"] == "storefront-alerts"
