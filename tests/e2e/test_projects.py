"""Projects on a real API server: orphaned resources, syncs as service accounts, restrictions that nobody enforces."""

from __future__ import annotations

from typing import Any

import httpx

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.conditions import ConditionType
from tests.e2e.conditions import failed, quiet, says, synced
from tests.e2e.manifests import config_map, manifest
from tests.e2e.world import Running, World

EVERYTHING: dict[str, Any] = {
    "sourceRepos": ["*"],
    "destinations": [{"server": "*", "namespace": "*"}],
    "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
WARNING = ConditionType.ORPHANED_RESOURCE_WARNING.value


def project(world: World, **fields: Any) -> None:
    """The project `web`, which allows everything unless `fields` say otherwise."""
    world.config["projects"] = [{"name": "web", **EVERYTHING, **fields}]


async def ask(daemon: Running, name: str, about: str = "") -> dict[str, Any]:
    """What the API answers about an application."""
    transport = httpx.AsyncHTTPTransport(uds=str(daemon.daemon.socket_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://gitopsd") as client:
        told = await client.get(f"/api/v1/applications/{daemon.world.full(name)}{about}")
    assert told.status_code == 200
    return dict(told.json())


async def deployer(world: World, name: str, *verbs: str) -> str:
    """A service account of the application's namespace that may do this to ConfigMaps; its user name."""
    namespace = world.full(name)
    await world.cluster.namespace(namespace)
    await world.cluster.create(namespace, "serviceaccounts", {"metadata": {"name": "deployer"}})
    path = f"{RBAC}/namespaces/{namespace}"
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": list(verbs)}]
    await world.cluster.do("POST", f"{path}/roles", {"metadata": {"name": "deployer"}, "rules": rules})
    binding = {
        "metadata": {"name": "deployer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
        "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": namespace}],
    }
    await world.cluster.do("POST", f"{path}/rolebindings", binding)
    return f"system:serviceaccount:{namespace}:deployer"


def no_orphans(status: AppStatus) -> bool:
    """No warning of orphaned resources."""
    return all(condition.type.value != WARNING for condition in status.conditions)


async def test_what_belongs_to_nobody_is_warned_of_and_never_deleted(world: World) -> None:
    project(world, orphanedResources={"ignore": [{"kind": "ConfigMap", "name": "known-*"}]})
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", project="web", prune=True, self_heal=True)
    namespace = world.full("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced, quiet)
        for name in ("left", "known-1"):
            await world.cluster.create(namespace, "configmaps", {"metadata": {"name": name}})
        await daemon.until("app", synced, says(WARNING, f"1 orphaned resources: ConfigMap {namespace}/left."))
        listed = await ask(daemon, "app", "/orphaned-resources")
        assert [item["name"] for item in listed["items"]] == ["left"]
        tree = await ask(daemon, "app", "/resource-tree")
        assert [(item["kind"], item["name"]) for item in tree["orphanedNodes"]] == [("ConfigMap", "left")]
        # What git takes over belongs to somebody; what it let go is pruned and not an orphan.
        await daemon.live("app", world.commit({"app/two.yaml": config_map("left")}), no_orphans)
        await daemon.live("app", world.commit({"app/one.yaml": None}), no_orphans)
        assert await world.cluster.names(namespace, "configmaps") == {"left", "known-1"}


async def test_N1_a_whole_sync_is_made_as_the_projects_service_account(world: World) -> None:
    user = await deployer(world, "app", "get", "create", "patch", "delete")
    entry = {"server": "*", "namespace": world.full("app"), "defaultServiceAccount": "deployer"}
    project(world, destinationServiceAccounts=[entry])
    world.config["sync"] = {"impersonation": {"enabled": True}}
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": config_map("two")})
    world.application("app", project="web", prune=True, self_heal=True, syncPolicy={"syncOptions": []})
    namespace = world.full("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        changed = world.commit({"app/one.yaml": config_map("one", "2"), "app/two.yaml": None})
        await daemon.live("app", changed)
        await world.cluster.patch(namespace, "configmaps/one", {"data": {"key": "drifted"}})
        await world.cluster.until(namespace, "configmaps", lambda found: found["one"]["data"] == {"key": "2"})
        # What the account may not do is not done.
        await daemon.refresh("app")
        world.commit({"app/secret.yaml": manifest("v1", "Secret", "forbidden")})
        await daemon.refresh("app")
        await daemon.until("app", failed, says("SyncError", f"add to a Role of {user}", "secrets"))
        assert await world.cluster.names(namespace, "secrets") == set()
    asked = [entry for entry in await world.cluster.audit(world.user) if entry["verb"] not in ("get", "list", "watch")]
    assert {entry["verb"] for entry in asked} == {"patch", "delete"}
    assert {entry.get("impersonatedUser", {}).get("username") for entry in asked} == {user}


async def test_where_the_project_names_no_account_nothing_is_written(world: World) -> None:
    project(world, destinationServiceAccounts=[{"server": "*", "namespace": "x", "defaultServiceAccount": "a"}])
    world.config["sync"] = {"impersonation": {"enabled": True}}
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", project="web")
    world.good()
    async with world.daemon() as daemon:
        await daemon.until("app", failed, says("SyncError", "project 'web' names no service account"))
        assert await world.cluster.names(world.full("app"), "configmaps") == set()
        user = await deployer(world, "app", "get", "create", "patch")
        names = {"server": "*", "namespace": "*", "defaultServiceAccount": "deployer"}
        project(world, destinationServiceAccounts=[names])
        assert await daemon.reload()
        await daemon.until("app", synced)
        found = await world.cluster.get(world.full("app"), "configmaps/one")
        assert found["data"] == {"key": "1"}
        assert user


async def test_a_project_that_becomes_restricted_leaves_its_applications_untouched(world: World) -> None:
    project(world)
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", project="web", prune=True, self_heal=True)
    world.good()
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        project(world, sourceRepos=["https://git.example.org/*"])
        assert await daemon.reload()
        await daemon.until(
            "app", says("InvalidSpecError", "restrictions are not enforced by this version: sourceRepos")
        )
        world.commit({"app/one.yaml": config_map("one", "2")})
        await daemon.goes_on()
        found = await world.cluster.get(world.full("app"), "configmaps/one")
        assert found["data"] == {"key": "1"}


async def test_links_of_objects_are_the_applications_external_urls(world: World) -> None:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec = {"rules": [{"host": "shop.example.org", "http": {"paths": paths}}]}
    marks = {"link.argocd.argoproj.io/runbook": "https://wiki.example.org", "link.argocd.argoproj.io/x": "javascript:x"}
    world.commit(
        {
            "app/a.yaml": manifest("v1", "ConfigMap", "one", annotations=marks),
            "app/b.yaml": manifest("networking.k8s.io/v1", "Ingress", "front", spec=spec),
        }
    )
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        told = await ask(daemon, "app")
    assert told["summary"]["externalURLs"] == ["https://wiki.example.org", "http://shop.example.org"]
    assert [item["links"] for item in told["resources"]] == [
        [{"title": "runbook", "url": "https://wiki.example.org"}],
        [{"title": "shop.example.org", "url": "http://shop.example.org"}],
    ]
