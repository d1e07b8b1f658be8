"""Rows of the advisories on what is written to clusters, by the whole daemon on a real API server."""

from __future__ import annotations

import json
from typing import Final

import pytest

from gitopsd.core.adoption import LAST_APPLIED
from tests.e2e.conditions import Wanted, failed, says, synced
from tests.e2e.manifests import config_map, manifest
from tests.e2e.test_projects import deployer, project
from tests.e2e.world import World

ENFORCE: Final = "pod-security.kubernetes.io/enforce"
HOOK: Final = "argocd.argoproj.io/hook"
PHASES: Final = ("PreSync", "Sync", "PostSync")


def ended_with(words: str) -> Wanted:
    """The last operation says so."""
    return lambda status: status.operation is not None and words in status.operation.message


async def test_N3_an_application_cannot_set_the_security_level_of_its_namespace(world: World) -> None:
    project(world)
    world.good()
    world.commit({"app/one.yaml": config_map("one")})
    metadata = {"labels": {ENFORCE: "privileged"}}
    options = {"syncOptions": ["CreateNamespace=true"], "managedNamespaceMetadata": metadata}
    world.application("app", project="web", syncPolicy=options)
    async with world.daemon() as daemon:
        await daemon.until("app", failed, says("SyncError", ENFORCE, "allowedNamespaceMetadata"))
        assert await world.cluster.find(world.full("app"), f"/api/v1/namespaces/{world.full('app')}") is None
        project(world, allowedNamespaceMetadata=["pod-security.kubernetes.io/*"])
        assert await daemon.reload()
        await daemon.until("app", synced)
        space = await world.cluster.do("GET", f"/api/v1/namespaces/{world.full('app')}")
        assert space["metadata"]["labels"][ENFORCE] == "privileged"
        await daemon.goes_on()


@pytest.mark.parametrize("labels", [{ENFORCE: "privileged"}, {}], ids=["sets", "drops"])
async def test_N3_a_namespace_that_exists_keeps_its_security_level(world: World, labels: dict[str, str]) -> None:
    project(world)
    space = world.full("app")
    await world.cluster.namespace(space)
    path = f"/api/v1/namespaces/{space}"
    level = {"labels": {ENFORCE: "restricted"}}
    applied = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, **level}})
    by_kubectl = {"metadata": {**level, "annotations": {LAST_APPLIED: applied}}}
    await world.cluster.do("PATCH", f"{path}?fieldManager=kubectl-client-side-apply", by_kubectl)
    spelled = "".join(f"    {key}: {value}\n" for key, value in labels.items())
    text = f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {space}\n  labels:\n    team: web\n{spelled}"
    world.commit({"app/space.yaml": text, "app/one.yaml": config_map("one")})
    world.application("app", project="web", prune=True, self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", failed, says("SyncError", ENFORCE))
        found = await world.cluster.do("GET", path)
        assert found["metadata"]["labels"][ENFORCE] == "restricted"
        assert "team" not in found["metadata"]["labels"]


async def test_N3_a_namespace_of_another_application_is_not_taken_over(world: World) -> None:
    project(world)
    space = world.full("shared")
    text = f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {space}\n  labels:\n    team: WHO\n"
    for name in ("first", "second"):
        world.commit({f"{name}/space.yaml": text.replace("WHO", name)})
    world.application("first")
    async with world.daemon() as daemon:
        await daemon.until("first", synced)
        world.application("second", project="web")
        assert await daemon.reload()
        await daemon.until("second", failed, says("SyncError", f"belongs to application {world.full('first')}"))
        found = await world.cluster.do("GET", f"/api/v1/namespaces/{space}")
        assert found["metadata"]["labels"]["team"] == "first"


async def test_N1_R2_hooks_of_every_phase_and_replaces_are_made_as_the_projects_service_account(world: World) -> None:
    user = await deployer(world, "app", "get", "create", "update", "patch", "delete")
    entry = {"server": "*", "namespace": world.full("app"), "defaultServiceAccount": "deployer"}
    project(world, destinationServiceAccounts=[entry])
    world.config["sync"] = {"impersonation": {"enabled": True}}
    hooks = {f"app/{phase}.yaml": config_map(phase.lower(), **{HOOK: phase}) for phase in PHASES}
    option = {"argocd.argoproj.io/sync-options": "Replace=true"}
    world.commit({**hooks, "app/one.yaml": config_map("one"), "app/whole.yaml": config_map("whole", **option)})
    world.application("app", project="web", prune=True, syncPolicy={"syncOptions": []})
    names = {"one", "whole", *(phase.lower() for phase in PHASES)}
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        assert await world.cluster.names(world.full("app"), "configmaps") == names
        changed = {"app/whole.yaml": config_map("whole", "2", **option), "app/one.yaml": None}
        await daemon.live("app", world.commit(changed), synced)
        await world.cluster.until(world.full("app"), "configmaps", lambda found: "one" not in found)
    asked = [entry for entry in await world.cluster.audit(world.user) if entry["verb"] not in ("get", "list", "watch")]
    assert {entry["verb"] for entry in asked} == {"create", "update", "patch", "delete"}
    assert {entry.get("impersonatedUser", {}).get("username") for entry in asked} == {user}


@pytest.mark.parametrize("phase", [*PHASES, "SyncFail"])
async def test_R2_a_hook_of_a_phase_can_do_no_more_than_the_projects_account_may(world: World, phase: str) -> None:
    user = await deployer(world, "app", "get", "create", "update", "patch", "delete")
    entry = {"server": "*", "namespace": world.full("app"), "defaultServiceAccount": "deployer"}
    project(world, destinationServiceAccounts=[entry])
    world.config["sync"] = {"impersonation": {"enabled": True}}
    await world.cluster.namespace(world.full("foreign"))
    bad = manifest("v1", "ConfigMap", "bad", data={"key": 1}) if phase == "SyncFail" else config_map("one")
    foreign = config_map("hook", namespace=world.full("foreign"), **{HOOK: phase})
    world.commit({"app/hook.yaml": foreign, "app/one.yaml": bad})
    world.application("app", project="web", syncPolicy={"syncOptions": []})
    async with world.daemon() as daemon:
        await daemon.until("app", failed, ended_with(user))
        assert "hook" not in await world.cluster.names(world.full("foreign"), "configmaps")
