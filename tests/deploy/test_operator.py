"""What the Prometheus operator gets: targets with the job `gitopsd`, labels as we give them, our rules as they are."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gitopsd.metrics.names import METRICS
from tests.deploy.overlays import with_component
from tests.deploy.promtool import RULES, promtool
from tools import manifests

Object = dict[str, Any]

# What the operator gives each target of a ServiceMonitor: https://prometheus-operator.dev/docs/api-reference/api/.
_OF_THE_TARGET: Final = frozenset({"job", "instance", "namespace", "service", "pod", "container", "endpoint", "node"})
_CHARTED: Final = {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}


def charted(release: str, values: Mapping[str, object] = _CHARTED) -> Sequence[Object]:
    """What the chart makes for a release."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(values, file)
        file.flush()
        text = manifests.rendered(manifests.CHART, "--name", release, "-n", "watch", "-f", file.name)
    return [each for each in yaml.safe_load_all(text) if each]


def composed(component: str, folder: Path) -> Sequence[Object]:
    """What an overlay with the component makes."""
    return [each for each in yaml.safe_load_all(manifests.rendered(with_component(component, folder))) if each]


def of_kind(objects: Sequence[Object], kind: str) -> Object:
    """The one object of a kind."""
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


def jobs(objects: Sequence[Object]) -> list[str]:
    """The label `job` of the targets of each selected Service: its label that `jobLabel` names, else its name."""
    monitor = of_kind(objects, "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    found = [
        each["metadata"]
        for each in objects
        if each["kind"] == "Service"
        and each["metadata"]["namespace"] == monitor["metadata"]["namespace"]
        and wanted <= each["metadata"]["labels"].items()
    ]
    return [each["labels"].get(monitor["spec"].get("jobLabel"), each["name"]) for each in found]


@pytest.mark.parametrize("release", ["gitopsd", "mine", "gitopsd-test"])
def test_the_job_is_gitopsd_whatever_the_release_is_called(release: str) -> None:
    assert jobs(charted(release)) == ["gitopsd"]


def test_the_job_is_gitopsd_with_the_component(tmp_path: Path) -> None:
    assert jobs(composed("servicemonitor", tmp_path)) == ["gitopsd"]


def test_both_monitors_say_the_same(tmp_path: Path) -> None:
    chart, component = charted("gitopsd"), composed("servicemonitor", tmp_path)
    assert of_kind(chart, "ServiceMonitor")["spec"] == of_kind(component, "ServiceMonitor")["spec"]


def test_argo_cds_namespace_stays_and_is_the_only_label_that_a_target_has_too(tmp_path: Path) -> None:
    (endpoint,) = of_kind(composed("servicemonitor", tmp_path), "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True
    assert {label for metric in METRICS for label in metric.labels} & _OF_THE_TARGET == set()
    aliased = {label: value for each in METRICS if each.argocd for label, value in each.argocd.labels.items()}
    assert {label: value for label, value in aliased.items() if label in _OF_THE_TARGET} == {"namespace": "=argocd"}


def test_the_rules_are_made_from_those_of_prometheus() -> None:
    assert manifests.RULES.read_text(encoding="utf-8") == manifests.rules(), "run python -m tools.manifests"
    assert manifests.COMPONENT.read_text(encoding="utf-8") == manifests.component(), "run python -m tools.manifests"


@pytest.mark.parametrize("maker", ["chart", "component"])
def test_the_operator_gets_the_rules_as_they_are(maker: str, tmp_path: Path) -> None:
    objects = charted("mine") if maker == "chart" else composed("prometheusrule", tmp_path)
    spec = of_kind(objects, "PrometheusRule")["spec"]
    assert spec == {"groups": [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]}
    written = tmp_path / "rules.yaml"
    written.write_text(yaml.safe_dump(spec), encoding="utf-8")
    checked = promtool("check", "rules", written)
    assert checked.returncode == 0, checked.stderr


def test_there_are_no_rules_unless_they_are_asked_for() -> None:
    assert {"ServiceMonitor", "PrometheusRule"} & {each["kind"] for each in charted("mine", {})} == set()
