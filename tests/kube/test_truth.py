"""Compare tells the truth, on a real API server, of objects made by hypothesis that everybody changes.

The fast path never says synced where a dry-run does not; after a sync everything is in sync; what somebody changed of
our fields is found, and what they changed beside them is none of ours. `make truth` tries for longer.
"""

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Final

import anyio.to_thread
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gitopsd.kube.cluster import KubeCluster
from gitopsd.ports.cluster import ClusterAccess
from tests.cluster_fixture import ApiServer
from tests.kube.conftest import RealClock
from tests.kube.generated import Body, Schemas
from tests.kube.injector import LABEL, injector
from tests.kube.others import Administrator, Change, Kind
from tests.kube.tally import Tally
from tests.kube.trial import Place, Trial

# How many objects of each kind are made; a few in `make test`, and always the same.
OBJECTS: Final = int(os.environ.get("GITOPSD_TRUTH_ROUNDS", "0"))
FEW: Final = 3

KINDS: Final = (
    Kind("v1", "ConfigMap", "configmaps"),
    Kind("v1", "Secret", "secrets"),
    Kind("v1", "Service", "services", status=True),
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", status=True),
    Kind("v1", "LimitRange", "limitranges"),
    Kind("v1", "ResourceQuota", "resourcequotas", status=True),
    Kind("v1", "Namespace", "namespaces", namespaced=False, effort=3),
    Kind("apps/v1", "Deployment", "deployments", scaled=True, status=True),
    Kind("apps/v1", "StatefulSet", "statefulsets", scaled=True, status=True),
    Kind("apps/v1", "DaemonSet", "daemonsets", status=True),
    Kind("batch/v1", "Job", "jobs", status=True),
    Kind("batch/v1", "CronJob", "cronjobs", status=True),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses", status=True),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", status=True),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", status=True),
    Kind("rbac.authorization.k8s.io/v1", "Role", "roles"),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False),
    Kind("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", namespaced=False),
    Kind("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False),
    Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    Kind(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        namespaced=False,
    ),
    Kind(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False, effort=3
    ),
    Kind("truth.example.org/v1", "Thing", "things", scaled=True, status=True),
    Kind("truth.example.org/v1", "Loose", "looses"),
)
WHO: Final = (
    *("us", "us", "us", "edit", "edit", "kubectl_apply", "server_side", "server_side", "scale", "status", "label"),
    *("inject", "remove", "remove", "reorder", "replace", "forget", "delete"),
)
_CHANGES: Final = st.lists(
    st.builds(Change, st.sampled_from(WHO), st.integers(0, 2**20), st.booleans()), min_size=1, max_size=5
)
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "format": "int32"}
_DEFINITIONS: Final = {
    # As a careful operator defines its kind: defaults on every level, and lists of every type.
    "Thing": {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "default": {},
                "properties": {
                    "replicas": {**_COUNT, "minimum": 0, "default": 1},
                    "mode": {"type": "string", "enum": ["Fast", "Slow"], "default": "Fast"},
                    "size": {"x-kubernetes-int-or-string": True},
                    "ratio": {"type": "number"},
                    "count": {"type": "integer", "format": "int64"},
                    "at": {"type": "string", "format": "date-time"},
                    "timeout": _TEXT,
                    "on": {"type": "boolean", "default": True},
                    "maybe": {"type": "string", "nullable": True},
                    "injected": _TEXT,
                    "nested": {
                        "type": "object",
                        "default": {},
                        "properties": {
                            "level": {**_COUNT, "default": 3},
                            "deeper": {"type": "object", "properties": {"flag": {"type": "boolean", "default": False}}},
                        },
                    },
                    "ports": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["port", "protocol"],
                        "items": {
                            "type": "object",
                            "required": ["port", "protocol"],
                            "properties": {
                                "port": _COUNT,
                                "protocol": {"type": "string", "default": "TCP"},
                                "note": _TEXT,
                                "weight": {**_COUNT, "default": 1},
                            },
                        },
                    },
                    "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": _TEXT},
                    "numbers": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "number"}},
                    "steps": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "name": _TEXT,
                                "tries": {**_COUNT, "default": 2},
                                "quiet": {"type": "boolean"},
                            },
                        },
                    },
                    "config": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "limits": {"type": "object", "additionalProperties": {"x-kubernetes-int-or-string": True}},
                    "whole": {
                        "type": "object",
                        "x-kubernetes-map-type": "atomic",
                        "properties": {"a": _TEXT, "b": {**_COUNT, "default": 7}},
                    },
                },
            },
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    },
    # As a careless one does.
    "Loose": {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    },
}


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    """Give what is counted; it is printed at the end."""
    tally = Tally()
    yield tally
    sys.stdout.write("\n" + "\n".join(tally.lines()) + "\n")
    for what, count in (tally.reasons + tally.again).most_common(20):
        sys.stdout.write(f"refused {count} times: {what}\n")


@pytest.fixture(scope="module")
def admin(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administrator]:
    """Give somebody who may do everything, on a cluster with a webhook and two kinds of its own."""
    admin = Administrator(api_server)
    for kind, schema in _DEFINITIONS.items():
        _define(api_server, kind, schema)
    with injector(tmp_path_factory.mktemp("injector")) as configuration:
        path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        admin.done("POST", path, configuration)
        yield admin
        admin.done("DELETE", f"{path}/injector")
    for kind in _DEFINITIONS:
        admin("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind.lower()}s.truth.example.org")
    admin.close()


@pytest.fixture
async def place(
    api_server: ApiServer, admin: Administrator, namespace: str, clock: RealClock, tally: Tally
) -> AsyncIterator[Place]:
    access = ClusterAccess("local", kubeconfig=str(api_server.kubeconfig))
    async with KubeCluster(access, clock=clock) as cluster:
        yield Place(cluster, admin, namespace, tally)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_compare_tells_the_truth_whatever_is_done_to(kind: Kind, place: Place) -> None:
    schemas = Schemas(place.admin.done("GET", f"/openapi/v3{kind.root}"))
    made = schemas.objects(kind.api_version, kind.name)

    @settings(
        max_examples=max(1, (OBJECTS or FEW) // kind.effort),
        derandomize=not OBJECTS,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(body=made, other=made, inject=st.sampled_from(["", "", "", "yes", "force"]), changes=_CHANGES)
    def check(body: Body, other: Body, inject: str, changes: list[Change]) -> None:
        if inject:
            body = {
                **body,
                "metadata": {**body["metadata"], "labels": {**body["metadata"].get("labels", {}), LABEL: inject}},
            }
        Trial(place, kind, body, other).run(changes)

    await anyio.to_thread.run_sync(check)


def _define(server: ApiServer, kind: str, schema: object) -> None:
    plural = f"{kind.lower()}s"
    subresources = {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.n"}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if kind == "Thing":
        version["subresources"] = subresources
    names = {"kind": kind, "plural": plural}
    group = "truth.example.org"
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    server.do("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
    _until_published(server, kind)


def _until_published(server: ApiServer, kind: str) -> None:
    """Its schema is published a moment after it is served."""
    for _ in range(2000):
        status, found = server.request("GET", "/openapi/v3/apis/truth.example.org/v1")
        if status == 200 and f"{kind}List" in json.dumps(found):
            return
    raise AssertionError(f"{kind} is not served")
