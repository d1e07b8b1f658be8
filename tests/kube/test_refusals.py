"""What holds a write up: the API server's own answers, by cause."""

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.kube.cluster import KubeCluster
from gitopsd.kube.refusal import Asked, from_status
from gitopsd.testing.builders import a_config_map, an_object
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import DEADLINE_SECONDS, apply, desired
from tests.testing.conftest import bench
from tests.testing.pods import Bench

__all__ = ["bench"]
ADMISSION = "/apis/admissionregistration.k8s.io/v1"


def status(message: str, code: int, **fields: object) -> ClusterError:
    body: Any = {"kind": "Status", "message": message, "code": code, **fields}
    key = ObjectKey("", "ConfigMap", "shop", "one")
    return from_status(Asked("local", "apply", "ConfigMap", key), body, code=code)


async def refused_at_last(
    cluster: KubeCluster, namespace: str, kind: str = "ConfigMap", **fields: JsonValue
) -> ClusterError:
    """Make one object after another until the API server refuses: what forbids it takes a moment to be known."""
    with anyio.fail_after(DEADLINE_SECONDS):
        for number in range(10_000):
            try:
                await apply(cluster, desired({**an_object(kind, f"one-{number}", namespace=namespace), **fields}))
            except ClusterError as error:
                return error
    raise AssertionError("nothing was refused")


async def test_an_exceeded_quota_is_named_and_may_be_over_later(
    cluster: KubeCluster, api_server: ApiServer, bench: Bench
) -> None:
    path = f"/api/v1/namespaces/{bench.namespace}/resourcequotas"
    api_server.do("POST", path, {"metadata": {"name": "small"}, "spec": {"hard": {"count/configmaps": "1"}}})
    await bench.until("resourcequotas", lambda found: found["small"].get("status", {}).get("hard"))
    error = await refused_at_last(cluster, bench.namespace)
    assert (error.reason, error.status, error.retryable) == ("Quota", 403, True)
    assert "ResourceQuota small" in error.hint


async def test_a_namespace_that_is_being_deleted_is_told_as_that(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    api_server.do("POST", path, {"metadata": {"name": "kept", "finalizers": ["example.org/keep"]}})
    api_server.do("DELETE", f"/api/v1/namespaces/{namespace}")
    try:
        with pytest.raises(ClusterError) as refused:
            await apply(cluster, desired(a_config_map(namespace=namespace)))
        assert (refused.value.reason, refused.value.retryable) == ("NamespaceTerminating", True)
    finally:
        api_server.do("PATCH", f"{path}/kept", {"metadata": {"finalizers": None}})


async def test_a_webhook_that_does_not_answer_is_named(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    webhook = {
        "name": "absent.example.org",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    name = f"absent-{namespace}"
    path = f"{ADMISSION}/validatingwebhookconfigurations"
    api_server.do("POST", path, {"metadata": {"name": name}, "webhooks": [webhook]})
    try:
        error = await refused_at_last(cluster, namespace)
    finally:
        api_server.do("DELETE", f"{path}/{name}")
    assert (error.reason, error.retryable) == ("Webhook", True)
    assert "webhook absent.example.org" in error.hint


async def test_an_admission_policy_is_named(cluster: KubeCluster, api_server: ApiServer, namespace: str) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    policy: Mapping[str, object] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
        "validations": [{"expression": "false", "message": "data.a: field is immutable"}],
    }
    name = f"strict-{namespace}"
    policies, bindings = (f"{ADMISSION}/validatingadmissionpolic{end}" for end in ("ies", "ybindings"))
    api_server.do("POST", policies, {"metadata": {"name": name}, "spec": policy})
    binding = {"policyName": name, "validationActions": ["Deny"]}
    api_server.do("POST", bindings, {"metadata": {"name": name}, "spec": binding})
    try:
        error = await refused_at_last(cluster, namespace)
    finally:
        api_server.do("DELETE", f"{bindings}/{name}")
        api_server.do("DELETE", f"{policies}/{name}")
    assert (error.reason, error.status, error.retryable) == ("Policy", 422, False)
    assert name in error.hint


async def test_what_pod_security_forbids_says_where_that_is_written(
    cluster: KubeCluster, api_server: ApiServer, bench: Bench
) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api_server.do("PATCH", f"/api/v1/namespaces/{bench.namespace}", {"metadata": {"labels": labels}})
    spec: JsonObject = {"containers": [{"name": "main", "image": "registry.example.org/main:1", "stdin": True}]}
    error = await refused_at_last(cluster, bench.namespace, "Pod", spec=spec)
    assert (error.reason, error.status) == ("PodSecurity", 403)


def test_the_other_manager_of_a_field_is_named() -> None:
    message = 'Apply failed with 1 conflict: conflict with "autoscaler" using apps/v1: .spec.replicas'
    error = status(message, 409, reason="Conflict")
    assert "field manager autoscaler" in str(error)
    assert (error.reason, error.retryable) == ("Conflict", False)


def test_a_write_at_the_same_time_is_worth_another_try() -> None:
    message = (
        'Operation cannot be fulfilled on configmaps "one": the object has been modified; please apply your changes'
    )
    error = status(message, 409, reason="Conflict")
    assert (error.reason, error.retryable) == ("Conflict", True)


def test_a_quota_that_a_pod_names_no_limits_for_says_what_to_give() -> None:
    error = status('pods "x" is forbidden: failed quota: small: must specify limits.memory for: main', 403)
    assert error.reason == "Quota"
    assert "requests and limits" in error.hint


def test_a_path_that_is_not_served_is_a_kind_that_is_missing() -> None:
    assert from_status(Asked("local", "apply", "Thing"), {}, code=404).reason == "KindMissing"
    message = "the server could not find the requested resource"
    assert status(message, 404, reason="NotFound").reason == "KindMissing"
    assert status('configmaps "one" not found', 404, reason="NotFound").reason == "NotFound"


def test_the_object_is_named_once() -> None:
    error = status("no room", 422, reason="Invalid")
    assert str(error).startswith(
        "cluster local, ConfigMap shop/one: the API server refused to apply it: it is not valid"
    )
    listed = from_status(Asked("local", "list", "ConfigMap"), {}, code=500)
    assert str(listed).startswith("cluster local, ConfigMap: the API server refused to list ConfigMap: status 500")
