"""The resource tree over HTTP, in Argo CD's words."""

from __future__ import annotations

import httpx

from gitopsd.control.trees import Sight
from gitopsd.core.appstatus import ResourceStatus, SyncCode
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonValue
from gitopsd.core.live import LiveObject
from gitopsd.core.tree.node import node_of
from tests.core.tree.objects import live, managed
from tests.web.conftest import Daemon

CANARY = "c4n4ry"
URL = "/api/v1/applications/shop/resource-tree"


def sight(*below: LiveObject, roots: tuple[LiveObject, ...], missing: tuple[ResourceStatus, ...] = ()) -> Sight:
    """The tree of `roots` and what is below them; what is below is Healthy."""
    nodes = {one.key: node_of(one, Health(HealthStatus.HEALTHY)) for one in (*roots, *below)}
    statuses = tuple(managed(root, SyncCode.OUT_OF_SYNC) for root in roots)
    return Sight(nodes, (*statuses, *missing))


def a_ref(kind: str, name: str, uid: str, group: str = "") -> dict[str, str]:
    return {"group": group, "version": "v1", "kind": kind, "namespace": "shop", "name": name, "uid": uid}


async def test_a_node_is_told_in_the_words_of_argo_cd(daemon: Daemon, local: httpx.AsyncClient) -> None:
    service = live("Service", "web", spec={"selector": {"app": "web"}, "type": "LoadBalancer"})
    replica_set = live(
        "ReplicaSet",
        "web-1",
        api_version="apps/v1",
        version=8,
        annotations={"deployment.kubernetes.io/revision": "3"},
        spec={"replicas": 1},
    )
    pod = live(
        "Pod", "web-1-a", owners=(replica_set.uid,), labels={"app": "web"}, spec={"containers": [{"image": "a:1"}]}
    )
    daemon.trees[AppName("shop")] = sight(pod, roots=(service, replica_set))
    told = await local.get(URL)
    assert told.status_code == 200
    tree = told.json()
    assert (tree["orphanedNodes"], tree["unreadable"]) == ([], [])
    assert [node["name"] for node in tree["nodes"]] == ["web", "web-1", "web-1-a"]
    assert tree["nodes"][0]["networkingInfo"] == {
        "targetLabels": {"app": "web"},
        "targetRefs": [a_ref("Pod", "web-1-a", pod.uid)],
        "labels": {},
        "ingress": [],
        "externalURLs": [],
    }
    assert tree["nodes"][1] == {
        **a_ref("ReplicaSet", "web-1", replica_set.uid, "apps"),
        "parentRefs": [],
        "info": [{"name": "Revision", "value": "Rev:3"}, {"name": "Replicas", "value": "0/1"}],
        "networkingInfo": None,
        "resourceVersion": "8",
        "images": [],
        "health": {"status": "Healthy", "message": ""},
        "createdAt": "2026-03-01T12:00:00Z",
        "deleting": False,
        "sync": "OutOfSync",
        "requiresPruning": False,
    }
    assert tree["nodes"][2]["parentRefs"] == [a_ref("ReplicaSet", "web-1", replica_set.uid, "apps")]
    assert (tree["nodes"][2]["images"], tree["nodes"][2]["sync"]) == (["a:1"], None)


async def test_what_is_missing_orphaned_or_unreadable_is_told(daemon: Daemon, local: httpx.AsyncClient) -> None:
    key = ObjectKey("", "ConfigMap", "shop", "gone")
    missing = ResourceStatus(key, GVK("", "v1", "ConfigMap"), SyncCode.OUT_OF_SYNC, Health(HealthStatus.MISSING))
    orphan = node_of(live("ConfigMap", "lost"), None)
    unreadable = {GroupKind("", "Pod"): "may not be listed"}
    daemon.trees[AppName("shop")] = Sight({}, (missing,), (orphan,), unreadable)
    tree = (await local.get(URL)).json()
    [node] = tree["nodes"]
    assert (node["uid"], node["createdAt"], node["health"]["status"], node["sync"]) == (
        "",
        None,
        "Missing",
        "OutOfSync",
    )
    assert [(node["name"], node["health"]) for node in tree["orphanedNodes"]] == [("lost", None)]
    assert tree["unreadable"] == [{"group": "", "kind": "Pod", "reason": "may not be listed"}]


async def test_S1_no_value_of_a_secret_and_no_environment_is_in_the_tree(
    daemon: Daemon, local: httpx.AsyncClient
) -> None:
    secret = live(
        "Secret",
        "password",
        data={"a": CANARY},
        stringData={"a": CANARY},
        annotations={"kubectl.kubernetes.io/last-applied-configuration": CANARY, "note": CANARY},
        labels={"label": CANARY},
    )
    containers: JsonValue = [{"name": "a", "image": "a:1", "env": [{"name": "P", "value": CANARY}], "args": [CANARY]}]
    pod = live("Pod", "web", owners=(secret.uid,), spec={"containers": containers})
    daemon.trees[AppName("shop")] = sight(pod, roots=(secret,))
    told = await local.get(URL)
    assert told.status_code == 200
    assert CANARY not in told.text


async def test_X1_no_link_of_the_tree_is_a_script(daemon: Daemon, local: httpx.AsyncClient) -> None:
    links = {"link.argocd.argoproj.io/a": f"javascript:{CANARY}", "link.argocd.argoproj.io/b": "https://example.org/x"}
    daemon.trees[AppName("shop")] = sight(roots=(live("ConfigMap", "c", annotations=links),))
    told = await local.get(URL)
    assert CANARY not in told.text
    assert told.json()["nodes"][0]["networkingInfo"]["externalURLs"] == ["https://example.org/x"]


async def test_an_application_that_is_not_there_is_named_in_no_answer(local: httpx.AsyncClient) -> None:
    told = await local.get(f"/api/v1/applications/{CANARY}/resource-tree")
    assert told.status_code == 404
    assert "gitopsd app list" in told.json()["error"]["hint"]
    assert CANARY not in told.text


async def test_R8_the_tree_is_not_behind_the_public_door(daemon: Daemon, public: httpx.AsyncClient) -> None:
    daemon.trees[AppName("shop")] = sight(roots=(live("ConfigMap", "c"),))
    assert (await public.get(URL)).status_code == 404


async def test_text_that_utf8_cannot_hold_spoils_no_answer(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.trees[AppName("shop")] = sight(roots=(live("Service", "web", spec={"type": "\ud800"}),))
    told = await local.get(URL)
    assert told.status_code == 200
    assert told.json()["nodes"][0]["info"][0]["value"] == "?"


async def test_a_tree_of_thousands_comes_whole(daemon: Daemon, local: httpx.AsyncClient) -> None:
    root = live("ReplicaSet", "web", api_version="apps/v1")
    pods = [live("Pod", f"web-{number:04}", owners=(root.uid,)) for number in range(3000)]
    daemon.trees[AppName("shop")] = sight(*pods, roots=(root,))
    nodes = (await local.get(URL)).json()["nodes"]
    assert [node["name"] for node in nodes] == ["web", *(f"web-{number:04}" for number in range(3000))]
