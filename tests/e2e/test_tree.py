"""The resource tree of an application on a real API server, over the daemon's socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import httpx

from gitopsd.testing.kubelet import FakeKubelet
from tests.e2e.conditions import healthy, synced
from tests.e2e.manifests import config_map, definition, deployment, manifest
from tests.e2e.world import DEADLINE_SECONDS, Running, World

Tree = dict[str, Any]


async def tree_of(daemon: Running, name: str) -> Tree:
    """What the API answers."""
    transport = httpx.AsyncHTTPTransport(uds=str(daemon.daemon.socket_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://gitopsd") as client:
        told = await client.get(f"/api/v1/applications/{daemon.world.full(name)}/resource-tree")
    assert told.status_code == 200
    return dict(told.json())


async def until(daemon: Running, name: str, ask: Callable[[Tree], bool]) -> Tree:
    """Ask for the tree after each event until it is as wanted: whatever happens to a child wakes its application."""
    tree: Tree = {}
    with anyio.move_on_after(DEADLINE_SECONDS):
        while True:
            seen = len(daemon.events)
            tree = await tree_of(daemon, name)
            if ask(tree):
                return tree
            await daemon.until_true(lambda seen=seen: len(daemon.events) > seen)  # type: ignore[misc]  # bound right now
    raise AssertionError(f"the tree stayed {lines(tree)}, {tree.get('unreadable')}")


def lines(tree: Tree) -> list[tuple[str, str, str, str]]:
    """(kind, its parents' kinds, sync, health) of each node, in order."""
    return [
        (
            node["kind"],
            ",".join(ref["kind"] for ref in node["parentRefs"]),
            node["sync"] or "-",
            node["health"]["status"] if node["health"] else "-",
        )
        for node in tree.get("nodes", [])
    ]


def node(tree: Tree, kind: str) -> Tree:
    """The only node of a kind."""
    [found] = [each for each in tree["nodes"] if each["kind"] == kind]
    return dict(found)


async def test_the_tree_shows_what_controllers_made_and_where_traffic_goes(world: World, kubelet: FakeKubelet) -> None:
    service = manifest("v1", "Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80}]})
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    paths = [{"path": "/shop", "pathType": "Prefix", "backend": backend}]
    rules = [{"host": "shop.example.org", "http": {"paths": paths}}]
    ingress = manifest("networking.k8s.io/v1", "Ingress", "front", spec={"rules": rules})
    world.commit({"app/a.yaml": deployment("web"), "app/b.yaml": service, "app/c.yaml": ingress})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)

        def counted(tree: Tree) -> bool:
            """The pod is ready, and its ReplicaSet says so."""
            ready = ("Pod", "ReplicaSet", "-", "Healthy") in lines(tree)
            return ready and "1/1" in {item["value"] for item in node(tree, "ReplicaSet")["info"]}

        tree = await until(daemon, "app", counted)
        assert [line[:2] for line in lines(tree)] == [
            ("Deployment", ""),
            ("ReplicaSet", "Deployment"),
            ("Pod", "ReplicaSet"),
            ("Service", ""),
            ("Ingress", ""),
        ]
        pod = node(tree, "Pod")
        info = {item["name"]: item["value"] for item in pod["info"]}
        assert (info["Status Reason"], info["Containers"]) == ("Running", "1/1")
        assert info["Node"]
        assert pod["images"] == ["registry.example.org/main:1"]
        assert {item["value"] for item in node(tree, "ReplicaSet")["info"]} == {"Rev:1", "1/1"}
        assert [ref["uid"] for ref in node(tree, "Service")["networkingInfo"]["targetRefs"]] == [pod["uid"]]
        network = node(tree, "Ingress")["networkingInfo"]
        assert [ref["kind"] for ref in network["targetRefs"]] == ["Service"]
        assert network["externalURLs"] == ["http://shop.example.org/shop"]
        assert tree["unreadable"] == []
        await world.cluster.delete(world.full("app"), f"pods/{pod['name']}")
        again = await until(
            daemon,
            "app",
            lambda tree: (
                [each["uid"] for each in tree["nodes"] if each["kind"] == "Pod"] != [pod["uid"]]
                and ("Pod", "ReplicaSet", "-", "Healthy") in lines(tree)
            ),
        )
        assert node(again, "Deployment")["uid"] == node(tree, "Deployment")["uid"]


async def test_a_custom_kind_has_its_children_and_sick_ones_do_not_count(world: World) -> None:
    group = f"g{world.number}.example.org"
    world.config["resources"] = {"children": [{"group": group, "kind": "Widget", "children": ["Pod", "ConfigMap"]}]}
    widget = manifest(f"{group}/v1", "Widget", "one", spec={"size": 1})
    world.commit({"app/crd.yaml": definition("Widget", group), "app/one.yaml": widget, "app/c.yaml": config_map("own")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        namespace = world.full("app")
        tree = await until(daemon, "app", lambda tree: len(lines(tree)) == 3)
        owner = node(tree, "Widget")
        reference = {"apiVersion": f"{group}/v1", "kind": "Widget", "name": "one", "uid": owner["uid"]}
        metadata = {"name": "made", "ownerReferences": [reference]}
        await world.cluster.create(namespace, "configmaps", {"metadata": metadata, "data": {"key": "c4n4ry"}})
        containers = [{"name": "main", "image": "registry.example.org/main:1"}]
        pod = {"metadata": {**metadata, "name": "sick"}, "spec": {"containers": containers}}
        await world.cluster.create(namespace, "pods", pod)
        failed = {"status": {"phase": "Failed", "message": "out of luck"}}
        await world.cluster.do("PATCH", f"/api/v1/namespaces/{namespace}/pods/sick/status", failed)
        tree = await until(daemon, "app", lambda tree: ("Pod", "Widget", "-", "Degraded") in lines(tree))
        assert ("ConfigMap", "Widget", "-", "-") in lines(tree)
        assert "c4n4ry" not in str(tree)
        status = await daemon.refresh("app")
        assert healthy(status)
