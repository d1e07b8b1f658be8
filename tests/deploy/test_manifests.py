"""The manifests for running in a cluster: a real API server accepts each field, and they are the same however made."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gitopsd import __version__
from gitopsd.config import load
from tests.cluster_fixture import ROOT, ApiServer, api_server
from tests.deploy import operator_kinds
from tests.deploy.overlays import with_component
from tools import manifests

__all__ = ["api_server"]

DEPLOY: Final = ROOT / "deploy"
CHART: Final = DEPLOY / "chart" / "gitopsd"
FOLDERS: Final = (
    *(f"kubernetes/overlays/{name}" for name in ("cluster-admin", "namespaced", "read-only")),
    "sidecar",
    "self-managed",
)
HELM: Final = ROOT / ".build" / "originals" / "helm"
NAMESPACES: Final = ("gitopsd", "shop")
_PLURALS: Final = {"NetworkPolicy": "networkpolicies"}
_CLUSTERED: Final = frozenset({"Namespace", "ClusterRole", "ClusterRoleBinding"})

Object = dict[str, Any]


@pytest.fixture(scope="module")
def restricted(api_server: ApiServer) -> ApiServer:
    """The namespaces of the manifests, where pods may do next to nothing."""
    for name in NAMESPACES:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        api_server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        api_server.do("PATCH", f"/api/v1/namespaces/{name}", {"metadata": {"labels": labels}})
    return api_server


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_field_of_the_manifests_is_accepted(folder: str, restricted: ApiServer) -> None:
    _accepted(restricted, _objects(_rendered(DEPLOY / folder)))


@pytest.mark.parametrize(
    ("component", "kind"),
    [("ephemeral-state", None), ("servicemonitor", "ServiceMonitor"), ("prometheusrule", "PrometheusRule")],
)
def test_a_component_fits_the_base(component: str, kind: str | None, restricted: ApiServer, tmp_path: Path) -> None:
    operator_kinds.define(restricted)
    objects = _objects(_rendered(with_component(component, tmp_path)))
    _accepted(restricted, objects)
    (state,) = (each for each in objects if each["kind"] == "StatefulSet")
    volumes = {each["name"] for each in state["spec"]["template"]["spec"]["volumes"]}
    claims = {each["metadata"]["name"] for each in state["spec"].get("volumeClaimTemplates", ())}
    mounts = {each["name"] for each in state["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]}
    assert volumes | claims == mounts
    kinds = {each["kind"] for each in objects}
    assert kinds & {"ServiceMonitor", "PrometheusRule"} == ({kind} if kind else set())


def test_the_one_file_is_made_from_the_base() -> None:
    assert manifests.INSTALL.read_text(encoding="utf-8") == manifests.install(), "run python -m tools.manifests"


def test_the_configurations_in_the_manifests_are_valid(tmp_path: Path) -> None:
    for number, path in enumerate(sorted(DEPLOY.glob("**/gitopsd.yaml"))):
        place = tmp_path / str(number)
        (place / "credentials").mkdir(parents=True)
        (place / "applications.d").mkdir()
        shutil.copy(path, place)
        shutil.copy(DEPLOY / "self-managed" / "applications.yaml", place / "applications.d")
        (place / "credentials" / "git-password").write_text("token")
        config = load(str(place / "gitopsd.yaml"), environ={})
        assert len(config.applications) == 1
    assert number == 2


class TestChart:
    """The Helm chart."""

    def test_without_values_it_makes_what_the_base_has(self) -> None:
        base = _by_name(_objects(_rendered(DEPLOY / "kubernetes" / "overlays" / "cluster-admin")))
        del base["Namespace/gitopsd"]
        assert _by_name(_charted()) == base

    @pytest.mark.parametrize("preset", ["namespaced", "read-only"])
    def test_a_preset_makes_what_its_overlay_has(self, preset: str) -> None:
        overlay = _by_name(_objects(_rendered(DEPLOY / "kubernetes" / "overlays" / preset)))
        del overlay["Namespace/gitopsd"]
        assert _by_name(_charted({"rbac": {"preset": preset, "namespaces": ["shop"]}})) == overlay

    def test_every_value_is_used_and_its_result_accepted(self, restricted: ApiServer) -> None:
        operator_kinds.define(restricted)
        objects = _charted(ALL_VALUES)
        _accepted(restricted, objects)
        text = yaml.safe_dump_all(objects)
        for path, _ in manifests.leaves(json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))):
            for mark in _marks(ALL_VALUES, path):
                assert mark in text, f"{path} changes nothing"

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"rbac": {"preset": "namespaced"}}, "rbac.namespaces"),
            ({"rbac": {"preset": "admin"}}, "rbac.preset"),
            ({"replicas": 2}, "replicas"),
            ({"networkPolicy": {"egressPorts": ["https"]}}, "networkPolicy.egressPorts"),
            ({"config": {"server": {"listen": ":9090"}}}, "config.server.listen"),
            ({"config": {"server": {"listen": "127.0.0.1:8080"}}}, "config.server.listen"),
            ({"podLabels": {"app.kubernetes.io/name": "other"}}, "podLabels"),
            ({"podLabels": {"app.kubernetes.io/instance": "other"}}, "podLabels"),
        ],
    )
    def test_values_that_mean_nothing_are_refused(self, values: Object, said: str) -> None:
        with pytest.raises(subprocess.CalledProcessError) as caught:
            _charted(values)
        assert said in caught.value.stderr

    def test_the_port_that_probes_and_services_are_for_may_be_named(self) -> None:
        for listen in (":8080", "0.0.0.0:8080", "[::]:8080"):
            assert _charted({"config": {"server": {"listen": listen}}})

    def test_every_value_has_its_line_in_the_schema_the_page_and_the_values(self) -> None:
        assert manifests.README.read_text(encoding="utf-8") == manifests.readme(), "run python -m tools.manifests"
        schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
        values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
        told = {path for path, _ in manifests.leaves(schema)} - {"global"}
        assert all(each["description"] for _, each in manifests.leaves(schema))
        assert {path for path in told if _at(values, path) is None} == set()
        assert set(values) == {path.partition(".")[0] for path in told}

    def test_the_versions_are_ours(self) -> None:
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
        assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
        assert f"registry.example.org/gitopsd:{__version__}" in manifests.INSTALL.read_text(encoding="utf-8")

    @pytest.mark.skipif(not HELM.is_file(), reason="no helm: run `make originals`")
    def test_helm_finds_nothing_to_say_and_renders_the_same(self) -> None:
        linted = subprocess.run([HELM, "lint", "--strict", CHART], check=False, capture_output=True, text=True)
        assert linted.returncode == 0, linted.stdout
        command = [str(HELM), "template", "gitopsd", str(CHART), "--namespace", "gitopsd"]
        helm = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert _by_name(_objects(helm)) == _by_name(_charted())


# Each with a mark of its own, so that one which is ignored is noticed.
ALL_VALUES: Final[Object] = {
    "image": {
        "repository": "registry.example.org/mark-repository",
        "tag": "",
        "digest": f"sha256:{'a1' * 32}",
        "pullPolicy": "Always",
        "pullSecrets": [{"name": "mark-pull"}],
    },
    "config": {"log": {"level": "debug"}, "reconcile": {"refreshInterval": "mark-refresh"}},
    "applications": [{"name": "mark-application", "source": {"path": "mark-path"}}],
    "credentials": {"secretName": "mark-credentials"},
    "rbac": {"create": True, "preset": "namespaced", "namespaces": ["shop"], "impersonate": True},
    "serviceAccount": {"create": True, "name": "mark-account", "annotations": {"example.org/mark": "mark-annotation"}},
    "persistence": {
        "enabled": True,
        "size": "7Gi",
        "storageClass": "mark-class",
        "accessModes": ["ReadWriteOncePod"],
    },
    "cache": {"sizeLimit": "9Gi"},
    "resources": {"limits": {"memory": "3Gi"}},
    "networkPolicy": {
        "enabled": True,
        "scrapeFrom": [{"podSelector": {"matchLabels": {"mark": "scraper"}}}],
        "egressPorts": [9443],
    },
    "podDisruptionBudget": {"enabled": True},
    "serviceMonitor": {"enabled": True, "interval": "77s", "labels": {"mark": "mark-monitor"}},
    "prometheusRule": {"enabled": True, "labels": {"mark": "mark-rule"}},
    "podAnnotations": {"example.org/pod": "mark-pod-annotation"},
    "podLabels": {"mark-pod": "mark-label"},
    "nodeSelector": {"mark-node": "mark-node"},
    "tolerations": [{"key": "mark-toleration", "operator": "Exists"}],
    "affinity": {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [{"key": "mark-affinity", "operator": "Exists"}]}}
            ]
        }
    },
    "priorityClassName": "mark-priority",
    "env": [{"name": "MARK", "value": "mark-env"}],
    "volumes": [{"name": "mark-volume", "emptyDir": {}}],
    "volumeMounts": [{"name": "mark-volume", "mountPath": "/mark-mount"}],
}


def _marks(values: Object, path: str) -> Iterator[str]:
    """The values at a path as they would be written in a manifest; none for switches, and the tag beside a digest."""

    def scalars(value: object) -> Iterator[str]:
        if isinstance(value, Mapping):
            for each in value.values():
                yield from scalars(each)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            for each in value:
                yield from scalars(each)
        elif not isinstance(value, bool) and value:
            yield str(value)

    found = list(scalars(_at(values, path)))
    if path == "rbac.preset":
        found = ["kind: Role\n"]
    if path == "rbac.impersonate":
        found = ["impersonate"]
    yield from found


def _at(values: Object, path: str) -> object:
    found: Any = values
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _charted(values: Object | None = None) -> Sequence[Object]:
    """What the chart makes, rendered by our own engine."""
    return _objects(_rendered(CHART, yaml.safe_dump(values or {})))


@functools.cache
def _rendered(folder: Path, values: str = "") -> str:
    """What our own engine makes of a folder, or of the chart with these values."""
    if not values:
        return manifests.rendered(folder)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(values)
        file.flush()
        return manifests.rendered(folder, "--name", "gitopsd", "-n", "gitopsd", "-f", file.name)


def _objects(text: str) -> Sequence[Object]:
    return [each for each in yaml.safe_load_all(text) if each]


def _by_name(objects: Sequence[Object]) -> dict[str, Object]:
    """The objects by kind and name, the configuration in them read, for its comments are not compared."""
    found = {}
    for each in objects:
        if each["kind"] == "ConfigMap":
            each["data"] = {name: yaml.safe_load(text) for name, text in each["data"].items()}
        found[f"{each['kind']}/{each['metadata']['name']}"] = each
    return found


def _accepted(api_server: ApiServer, objects: Sequence[Object]) -> None:
    """Fail unless the API server would take all of it, each field of it, and the pods that would come of it."""
    assert objects
    for each in objects:
        _apply(api_server, each)
        if each["kind"] in ("StatefulSet", "Deployment"):
            _apply(api_server, _account_of(each), real=True)
            _apply(api_server, _pod_of(each))


def _account_of(workload: Object) -> Object:
    name = workload["spec"]["template"]["spec"]["serviceAccountName"]
    metadata = {"name": name, "namespace": workload["metadata"]["namespace"]}
    return {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": metadata}


def _pod_of(workload: Object) -> Object:
    """The pod that the controller would make. The workload alone is told nothing of what pods may not."""
    template, metadata = workload["spec"]["template"], workload["metadata"]
    claimed = [
        {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
        for claim in workload["spec"].get("volumeClaimTemplates", ())
    ]
    spec = {**template["spec"], "volumes": [*template["spec"]["volumes"], *claimed]}
    spec.pop("priorityClassName", None)  # which is looked up, and is not there
    names = {"name": metadata["name"], "namespace": metadata["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], **names}, "spec": spec}


def _apply(api_server: ApiServer, content: Object, *, real: bool = False) -> None:
    group, metadata = content["apiVersion"], content["metadata"]
    plural = _PLURALS.get(content["kind"], f"{content['kind'].lower()}s")
    place = "" if content["kind"] in _CLUSTERED else f"/namespaces/{metadata['namespace']}"
    base = f"/api/{group}" if "/" not in group else f"/apis/{group}"
    query = "fieldManager=test&force=true&fieldValidation=Strict" + ("" if real else "&dryRun=All")
    status, answer = api_server.request(
        "PATCH",
        f"{base}{place}/{plural}/{metadata['name']}?{query}",
        content,
        content_type="application/apply-patch+yaml",
    )
    assert status in (200, 201), f"{content['kind']} {metadata['name']}: {answer.get('message')}"
