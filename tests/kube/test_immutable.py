"""The API server's words for fields that cannot be changed are those that `core.immutable` knows."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

import pytest

from gitopsd.core.errors import ClusterError
from gitopsd.core.immutable import is_immutable
from gitopsd.core.permit import permit_object
from gitopsd.kube.cluster import KubeCluster
from gitopsd.testing.builders import an_app
from tests.contracts.cluster_contract import apply, desired

Body = dict[str, Any]
POD: Final[Body] = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example.org/main:1"}]}
ALWAYS: Final[Body] = {"containers": POD["containers"]}
CLAIM: Final[Body] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
PLACE: Final = "NAMESPACE"


def labelled(label: str) -> Body:
    """Return a selector and the template that it selects."""
    labels = {"app": label}
    return {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": ALWAYS},
    }


def selecting(kind: str, **spec: object) -> tuple[str, str, Body, Body]:
    return "apps/v1", kind, {"spec": {**spec, **labelled("a")}}, {"spec": labelled("b")}


def role(name: str) -> Body:
    return {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}}


CASES: Final[Mapping[str, tuple[str, str, Body, Body]]] = {
    "template of a Job": (
        "batch/v1",
        "Job",
        {"spec": {"template": {"spec": POD}}},
        {
            "spec": {
                "template": {"spec": {**POD, "containers": [{"name": "main", "image": "registry.example.org/x:2"}]}}
            }
        },
    ),
    "completionMode of a Job": (
        "batch/v1",
        "Job",
        {"spec": {"template": {"spec": POD}}},
        {"spec": {"completionMode": "Indexed", "completions": 3}},
    ),
    "selector of a Deployment": selecting("Deployment", replicas=0),
    "selector of a ReplicaSet": selecting("ReplicaSet", replicas=0),
    "selector of a DaemonSet": selecting("DaemonSet"),
    "selector of a StatefulSet": selecting("StatefulSet", replicas=0, serviceName="web"),
    "serviceName of a StatefulSet": (
        "apps/v1",
        "StatefulSet",
        {"spec": {"replicas": 0, "serviceName": "one", **labelled("a")}},
        {"spec": {"serviceName": "two"}},
    ),
    "volumeClaimTemplates of a StatefulSet": (
        "apps/v1",
        "StatefulSet",
        {
            "spec": {
                "replicas": 0,
                "serviceName": "web",
                **labelled("a"),
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": CLAIM}],
            }
        },
        {"spec": {"volumeClaimTemplates": [{"metadata": {"name": "other"}, "spec": CLAIM}]}},
    ),
    "access modes of a claim": (
        "v1",
        "PersistentVolumeClaim",
        {"spec": CLAIM},
        {"spec": {"accessModes": ["ReadWriteMany"]}},
    ),
    "class of a claim": (
        "v1",
        "PersistentVolumeClaim",
        {"spec": {**CLAIM, "storageClassName": "one"}},
        {"spec": {"storageClassName": "two"}},
    ),
    "size of a claim that shrinks": (
        "v1",
        "PersistentVolumeClaim",
        {"spec": CLAIM},
        {"spec": {"resources": {"requests": {"storage": "1Gi"}}}},
    ),
    "clusterIP of a Service": (
        "v1",
        "Service",
        {"spec": {"ports": [{"port": 80}]}},
        {"spec": {"clusterIP": "None"}},
    ),
    "data of a sealed ConfigMap": ("v1", "ConfigMap", {"immutable": True, "data": {"a": "1"}}, {"data": {"a": "2"}}),
    "seal of a ConfigMap": ("v1", "ConfigMap", {"immutable": True, "data": {"a": "1"}}, {"immutable": False}),
    "data of a sealed Secret": ("v1", "Secret", {"immutable": True, "data": {"a": "MQ=="}}, {"data": {"a": "Mg=="}}),
    "type of a Secret": ("v1", "Secret", {"data": {"a": "MQ=="}}, {"type": "example.org/other"}),
    "roleRef of a RoleBinding": ("rbac.authorization.k8s.io/v1", "RoleBinding", role("one"), role("two")),
    "roleRef of a ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", role("one"), role("two")),
    "provisioner of a StorageClass": (
        "storage.k8s.io/v1",
        "StorageClass",
        {"provisioner": "example.org/one"},
        {"provisioner": "example.org/two"},
    ),
    "parameters of a StorageClass": (
        "storage.k8s.io/v1",
        "StorageClass",
        {"provisioner": "example.org/one", "parameters": {"a": "1"}},
        {"parameters": {"a": "2"}},
    ),
    "value of a PriorityClass": ("scheduling.k8s.io/v1", "PriorityClass", {"value": 1}, {"value": 2}),
    "handler of a RuntimeClass": ("node.k8s.io/v1", "RuntimeClass", {"handler": "one"}, {"handler": "two"}),
    "controller of an IngressClass": (
        "networking.k8s.io/v1",
        "IngressClass",
        {"spec": {"controller": "example.org/one"}},
        {"spec": {"controller": "example.org/two"}},
    ),
    "source of a volume": (
        "v1",
        "PersistentVolume",
        {
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/one"},
            }
        },
        {"spec": {"hostPath": {"path": "/two"}}},
    ),
    "scope of a definition": (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {
            "spec": {
                "group": f"{PLACE}.example.org",
                "scope": "Namespaced",
                "names": {"kind": "Thing", "plural": "things"},
                "versions": [
                    {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
                ],
            }
        },
        {"spec": {"scope": "Cluster"}},
    ),
    "names of a definition": (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {
            "spec": {
                "group": f"{PLACE}.example.org",
                "scope": "Namespaced",
                "names": {"kind": "Thing", "plural": "things"},
                "versions": [
                    {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
                ],
            }
        },
        {"spec": {"names": {"kind": "Other", "plural": "things"}}},
    ),
}
CLUSTER_SCOPED: Final = frozenset(
    {
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "IngressClass",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
    }
)


def merged(body: Any, change: Any) -> Any:
    if not (isinstance(body, dict) and isinstance(change, dict)) or "matchLabels" in body:
        return deepcopy(change)
    return {**body, **{key: merged(body.get(key), item) for key, item in change.items()}}


def placed(body: Any, namespace: str) -> Any:
    if isinstance(body, dict):
        return {key: placed(item, namespace) for key, item in body.items()}
    return body.replace(PLACE, namespace) if isinstance(body, str) else body


@pytest.mark.parametrize("case", CASES)
async def test_a_field_that_cannot_be_changed_is_known_by_the_servers_words(
    cluster: KubeCluster, namespace: str, case: str
) -> None:
    api_version, kind, before, change = CASES[case]
    metadata = {"name": f"{namespace}-one"} if kind in CLUSTER_SCOPED else {"name": "one", "namespace": namespace}
    if kind == "CustomResourceDefinition":
        metadata = {"name": f"things.{namespace}.example.org"}
    first = placed({"apiVersion": api_version, "kind": kind, "metadata": metadata, **before}, namespace)
    old, new = (desired(body) for body in (first, merged(first, placed(change, namespace))))
    live = await cluster.apply(permit_object(an_app(), old.key), old)
    if kind == "CustomResourceDefinition":  # before it is served it can still be another
        thing = {"apiVersion": f"{namespace}.example.org/v1", "kind": "Thing"}
        await cluster.predict([(desired({**thing, "metadata": {"name": "one", "namespace": namespace}}), None)])
    try:
        (prediction,) = await cluster.predict([(new, live)])
        assert is_immutable(prediction.error)
        with pytest.raises(ClusterError) as refused:
            await apply(cluster, new)
        assert (refused.value.reason, refused.value.status) == ("Immutable", 422)
        assert "on-immutable: recreate" in refused.value.hint
        assert len(str(refused.value)) < 800
    finally:
        await cluster.delete(permit_object(an_app(), old.key), live, propagation="Background")


async def test_what_is_wrong_in_another_way_is_not_taken_for_it(cluster: KubeCluster, namespace: str) -> None:
    metadata = {"name": "one", "namespace": namespace}
    bad = desired({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 99_999}]}})
    (prediction,) = await cluster.predict([(bad, None)])
    assert not is_immutable(prediction.error)
    with pytest.raises(ClusterError) as refused:
        await apply(cluster, bad)
    assert refused.value.reason == "Invalid"
