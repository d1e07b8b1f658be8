"""What is said of an object at a glance: info items, images, its part in the network."""

from __future__ import annotations

import pytest

from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.live import LiveObject
from gitopsd.core.tree.info import images, info_items
from gitopsd.core.tree.network import Ingress, Networking, networking
from gitopsd.core.tree.node import node_of
from gitopsd.core.tree.podinfo import status_reason
from tests.core.tree.objects import live

RUNS: JsonObject = {"name": "main", "ready": True, "state": {"running": {}}}


def pod(inits: list[JsonValue] | None = None, mains: list[JsonValue] | None = None, **status: JsonValue) -> JsonObject:
    """A Pod of init containers i0, i1 … (the `sidecar` stays) and containers."""
    mains = [RUNS] if mains is None else mains
    names = [each["name"] for each in inits or [] if isinstance(each, dict)]
    return {
        "metadata": {},
        "spec": {
            "initContainers": [{"name": n, **({"restartPolicy": "Always"} if n == "sidecar" else {})} for n in names],
            "containers": [{"name": f"c{number}"} for number in range(len(mains))],
        },
        "status": {"phase": "Running", "initContainerStatuses": inits or [], "containerStatuses": mains, **status},
    }


def ended(name: str, code: int, *, reason: str = "", signal: int = 0) -> JsonObject:
    return {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason, "signal": signal}}}


def waits(name: str, reason: str) -> JsonObject:
    return {"name": name, "state": {"waiting": {"reason": reason}}}


READY: JsonValue = [{"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (pod(), "Running"),
        (pod(mains=[], phase="Pending"), "Pending"),
        (pod(mains=[], phase="Failed", reason="Evicted"), "Evicted"),
        (pod(mains=[waits("main", "CrashLoopBackOff")]), "CrashLoopBackOff"),
        (pod(mains=[RUNS, waits("other", "ImagePullBackOff")]), "ImagePullBackOff"),
        (pod(mains=[ended("main", 1, reason="Error")]), "Error"),
        (pod(mains=[ended("main", 3)]), "ExitCode:3"),
        (pod(mains=[ended("main", 137, signal=9)]), "Signal:9"),
        (pod(mains=[ended("main", 0, reason="Completed"), RUNS], conditions=READY), "Running"),
        (pod(mains=[ended("main", 0, reason="Completed"), RUNS]), "NotReady"),
        (pod(mains=[ended("main", 0, reason="Completed")], phase="Succeeded"), "Completed"),
        (pod([ended("i0", 0), {"name": "i1", "state": {"running": {}}}], [], phase="Pending"), "Init:1/2"),
        (pod([waits("i0", "PodInitializing")], [], phase="Pending"), "Init:0/1"),
        (pod([waits("i0", "ErrImagePull")], [], phase="Pending"), "Init:ErrImagePull"),
        (pod([ended("i0", 1, reason="Error")], [], phase="Pending"), "Init:Error"),
        (pod([ended("i0", 2)], [], phase="Pending"), "Init:ExitCode:2"),
        (pod([{"name": "sidecar", "started": True, "state": {"running": {}}}]), "Running"),
        (pod([{"name": "sidecar", "started": False, "state": {"running": {}}}], [], phase="Pending"), "Init:0/1"),
        ({**pod(), "metadata": {"deletionTimestamp": "2026-03-01T12:00:00Z"}}, "Terminating"),
        (
            {**pod(reason="NodeLost"), "metadata": {"deletionTimestamp": "2026-03-01T12:00:00Z"}},
            "Unknown",
        ),
        ({"status": 7}, ""),
    ],
)
def test_a_pod_is_told_in_the_word_that_kubectl_shows(body: JsonObject, reason: str) -> None:
    assert status_reason(body) == reason


def told(one: LiveObject) -> dict[str, str]:
    return dict(info_items(one.key, one.document.body()))


def test_a_pod_tells_node_containers_restarts_and_how_it_ended_last() -> None:
    last: JsonObject = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-03-01T12:01:00Z"}}
    earlier: JsonObject = {"terminated": {"exitCode": 1, "finishedAt": "2026-03-01T12:00:00Z"}}
    body = pod(
        [{"name": "sidecar", "started": True, "ready": True, "restartCount": 2, "state": {"running": {}}}],
        [{**RUNS, "restartCount": 3, "lastState": last}, {**waits("side", "Error"), "lastState": earlier}],
    )
    spec = {**body["spec"], "nodeName": "n1"}  # type: ignore[dict-item]  # `pod` makes a mapping
    assert told(live("Pod", "web", spec=spec, status=body["status"])) == {
        "Status Reason": "Error",
        "Node": "n1",
        "Containers": "2/3",
        "Restart Count": "5",
        "Last Termination": "main: OOMKilled (exit code 137) at 2026-03-01T12:01:00Z",
    }


@pytest.mark.parametrize(
    ("one", "items"),
    [
        (live("Service", "s", spec={"type": "LoadBalancer"}), {"Type": "LoadBalancer"}),
        (live("Service", "s", spec={}), {"Type": "ClusterIP"}),
        (
            live(
                "PersistentVolumeClaim",
                "c",
                spec={"storageClassName": "fast"},
                status={"phase": "Bound", "capacity": {"storage": "8Gi"}},
            ),
            {"Status": "Bound", "Capacity": "8Gi", "Storage Class": "fast"},
        ),
        (
            live(
                "ReplicaSet",
                "r",
                api_version="apps/v1",
                annotations={"deployment.kubernetes.io/revision": "3"},
                spec={"replicas": 2},
                status={"readyReplicas": 1},
            ),
            {"Revision": "Rev:3", "Replicas": "1/2"},
        ),
        (
            live("Rollout", "r", api_version="argoproj.io/v1", annotations={"rollout.argoproj.io/revision": "12"}),
            {"Revision": "Rev:12"},
        ),
        (live("ControllerRevision", "r", api_version="apps/v1", revision=4), {"Revision": "Rev:4"}),
        (live("Deployment", "d", api_version="apps/v1"), {"Replicas": "0/1"}),
        (
            live("DaemonSet", "d", api_version="apps/v1", status={"desiredNumberScheduled": 3, "numberReady": 2}),
            {"Replicas": "2/3"},
        ),
        (live("Job", "j", api_version="batch/v1", status={"succeeded": 1}), {"Completions": "1/1"}),
        (
            live("CronJob", "c", api_version="batch/v1", spec={"schedule": "0 1 * * *", "suspend": True}),
            {"Schedule": "0 1 * * *", "Suspended": "true"},
        ),
        (
            live(
                "HorizontalPodAutoscaler",
                "h",
                api_version="autoscaling/v2",
                spec={"maxReplicas": 5},
                status={"currentReplicas": 2},
            ),
            {"Scale": "2 (1 to 5)"},
        ),
        (live("ConfigMap", "c", data={"key": "value"}), {}),
        (live("Service", "odd", spec=7, status=[], revision="x"), {"Type": "ClusterIP"}),
    ],
)
def test_kinds_have_their_items(one: LiveObject, items: dict[str, str]) -> None:
    assert told(one) == items


def test_S1_nothing_of_a_secret_is_in_its_node() -> None:
    canary = "c4n4ry"
    secret = live(
        "Secret",
        "password",
        type="Opaque",
        data={"a": canary},
        stringData={"b": canary},
        annotations={"kubectl.kubernetes.io/last-applied-configuration": canary, "other": canary},
    )
    assert canary not in repr(node_of(secret, None))


def test_only_pods_tell_images_each_once() -> None:
    containers: JsonValue = [{"image": "a:1"}, {"image": "b:1"}, {"image": "a:1"}, {}]
    spec: JsonObject = {"initContainers": [{"image": "init:1"}], "containers": containers}
    one = live("Pod", "p", spec=spec)
    assert images(one.key, one.document.body()) == ("init:1", "a:1", "b:1")
    other = live("PodTemplate", "p", spec=spec)
    assert images(other.key, other.document.body()) == ()


def network(one: LiveObject) -> Networking | None:
    return networking(one.key, one.document.body())


def keys(one: LiveObject) -> tuple[list[str], list[str]]:
    found = network(one) or Networking()
    return [str(key) for key in found.targets], [str(key) for key in found.sources]


def test_a_load_balancer_tells_where_it_takes_traffic() -> None:
    status: JsonObject = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "lb.example.org"}, {}]}}
    found = network(live("Service", "s", spec={"selector": {"a": "b"}}, status=status))
    assert found == Networking(
        target_labels={"a": "b"}, ingress=(Ingress(ip="192.0.2.1"), Ingress(hostname="lb.example.org"))
    )


def test_an_ingress_names_services_and_urls() -> None:
    backend: JsonObject = {"backend": {"service": {"name": "web"}}}
    old: JsonObject = {"backend": {"serviceName": "old"}}
    rules: JsonValue = [{"host": "shop.example.org", "http": {"paths": [backend, backend, old, {}]}}]
    spec: JsonObject = {"defaultBackend": {"service": {"name": "rest"}}, "rules": rules}
    one = live("Ingress", "i", api_version="networking.k8s.io/v1", spec=spec)
    assert keys(one)[0] == ["Service shop/rest", "Service shop/web", "Service shop/old"]
    found = network(one)
    assert found is not None
    assert found.external_urls == ("http://shop.example.org",)


def test_routes_name_services_and_gateways_with_the_defaults_of_the_api() -> None:
    refs: JsonValue = [
        {"name": "web"},
        {"name": "far", "namespace": "bank"},
        {"name": "b", "group": "x.io", "kind": "B"},
    ]
    spec: JsonObject = {"parentRefs": [{"name": "edge", "namespace": "infra"}], "rules": [{"backendRefs": refs}, 7]}
    one = live("GRPCRoute", "r", api_version="gateway.networking.k8s.io/v1", spec=spec)
    assert keys(one) == (
        ["Service shop/web", "Service bank/far", "x.io/B shop/b"],
        ["gateway.networking.k8s.io/Gateway infra/edge"],
    )


def test_a_gateway_is_reached_at_the_hosts_of_its_listeners() -> None:
    listeners: JsonValue = [
        {"protocol": "HTTPS", "hostname": "shop.example.org", "port": 443},
        {"protocol": "HTTP", "hostname": "shop.example.org", "port": 8080},
        {"protocol": "HTTPS", "hostname": "*.example.org", "port": 443},
        {"protocol": "TCP", "hostname": "tcp.example.org", "port": 1},
        {"protocol": "HTTP", "port": 80},
    ]
    status: JsonObject = {
        "addresses": [{"type": "IPAddress", "value": "192.0.2.1"}, {"type": "Hostname", "value": "h"}]
    }
    one = live("Gateway", "g", api_version="gateway.networking.k8s.io/v1", spec={"listeners": listeners}, status=status)
    found = network(one)
    assert found is not None
    assert found.external_urls == ("https://shop.example.org", "http://shop.example.org:8080")
    assert found.ingress == (Ingress(ip="192.0.2.1"), Ingress(hostname="h"))


def test_a_virtual_service_names_the_services_of_the_cluster_only() -> None:
    hosts = ["web", "far.bank", "deep.bank.svc.cluster.local", "www.example.org", ""]
    routes: JsonValue = [{"route": [{"destination": {"host": host}} for host in hosts]}]
    one = live("VirtualService", "v", api_version="networking.istio.io/v1", spec={"http": routes})
    assert keys(one)[0] == ["Service shop/web", "Service bank/far", "Service bank/deep"]


def test_any_kind_may_ask_for_links() -> None:
    one = live("ConfigMap", "c", annotations={"link.argocd.argoproj.io/docs": "https://docs.example.org"})
    assert network(one) == Networking(external_urls=("https://docs.example.org",))
    assert network(live("ConfigMap", "c")) is None


def test_X1_a_script_is_no_link_whoever_names_it() -> None:
    bad = "javascript:alert(1)"
    mark: JsonObject = {"link.argocd.argoproj.io/a": bad, "link.argocd.argoproj.io/b": f"title|{bad}"}
    listeners: JsonValue = [{"protocol": "HTTP", "hostname": "a/javascript:alert(1)", "port": 80}]
    for one in (
        live("ConfigMap", "c", annotations=mark),
        live("Ingress", "i", api_version="networking.k8s.io/v1", spec={"rules": [{"host": "a b"}]}),
        live("Gateway", "g", api_version="gateway.networking.k8s.io/v1", spec={"listeners": listeners}),
    ):
        urls = (network(one) or Networking()).external_urls
        assert all(url.startswith("http://") for url in urls)
        assert not any(url.startswith(bad) for url in urls)
