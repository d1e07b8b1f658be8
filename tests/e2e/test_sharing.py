"""Objects that others write to as well, that were there before, and that cannot be changed."""

from __future__ import annotations

import anyio.to_thread
import pytest
from blockbuster import blockbuster_ctx

from gitopsd.core.operation import Phase
from gitopsd.testing.kubelet import FakeKubelet
from tests.e2e.conditions import at, failed, healthy, out_of_sync, quiet, resource, says, synced
from tests.e2e.manifests import config_map, deployment, manifest
from tests.e2e.world import World


async def test_an_object_that_kubectl_applied_before_gets_what_git_says(world: World) -> None:
    await world.cluster.namespace(world.full("app"))
    path = f"/api/v1/namespaces/{world.full('app')}/configmaps?fieldManager=kubectl-client-side-apply"
    last = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"key":"old","gone":"1"}}'
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": last}
    body = {"metadata": {"name": "one", "annotations": annotations}, "data": {"key": "old", "gone": "1"}}
    await world.cluster.do("POST", path, body)
    world.commit({"app/one.yaml": config_map("one", "new")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy, quiet)
        live = await world.cluster.get(world.full("app"), "configmaps/one")
        assert live["data"]["key"] == "new"
        commit = world.commit({"app/one.yaml": config_map("one", "newer")})
        await daemon.live("app", commit)


async def test_of_two_applications_that_want_one_object_otherwise_only_one_says_synced(world: World) -> None:
    await world.cluster.namespace(world.full("shared"))
    shared = {"namespace": world.full("shared")}
    world.commit({"first/a.yaml": config_map("one", "first"), "second/a.yaml": config_map("one", "second")})
    world.application("first", destination=shared)
    world.application("second", destination=shared)
    async with world.daemon() as daemon:
        for name in ("first", "second"):
            await daemon.until(name, lambda status: status.operation and status.operation.phase is Phase.SUCCEEDED)
        # Nobody heals: whoever wrote last has the object from now on.
        last = (await world.cluster.get(world.full("shared"), "configmaps/one"))["data"]["key"]
        await daemon.until("second" if last == "first" else "first", out_of_sync)
        await daemon.until(last, synced)


async def test_an_object_that_moves_to_another_application_leaves_the_old_one_synced(world: World) -> None:
    await world.cluster.namespace(world.full("shared"))
    shared = {"namespace": world.full("shared")}
    world.commit({"old/a.yaml": config_map("one"), "old/b.yaml": config_map("two"), "new/c.yaml": config_map("three")})
    world.application("old", destination=shared)
    world.application("new", destination=shared)
    async with world.daemon() as daemon:
        await daemon.until("old", synced)
        await daemon.until("new", synced)
        world.commit({"old/a.yaml": None, "new/a.yaml": config_map("one")})
        await daemon.refresh("old")
        await daemon.until("new", synced, lambda status: len(status.resources) == 2)
        await daemon.until("old", synced, lambda status: len(status.resources) == 1)


async def test_an_aggregated_cluster_role_keeps_the_rules_that_its_controller_gives_it(world: World) -> None:
    group, role = "rbac.authorization.k8s.io/v1", world.full("role")
    selector = {"matchLabels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}}
    aggregated = manifest(group, "ClusterRole", role, rules=[], aggregationRule={"clusterRoleSelectors": [selector]})
    world.commit({"app/role.yaml": aggregated})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        await world.cluster.until("", f"/apis/{group}/clusterroles", lambda roles: roles[role].get("rules"))
        await daemon.refresh("app", hard=True)
        await daemon.until("app", synced)
    assert (await world.cluster.get("", f"/apis/{group}/clusterroles/{role}"))["rules"]
    assert (await world.cluster.writes(world.user)).count(f"patch clusterroles/{role}") == 1


async def test_a_field_that_leaves_git_leaves_the_cluster(world: World) -> None:
    world.commit({"app/one.yaml": manifest("v1", "ConfigMap", "one", data={"key": "1", "more": "2"})})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        commit = world.commit({"app/one.yaml": config_map("one")})
        await daemon.live("app", commit)
        assert (await world.cluster.get(world.full("app"), "configmaps/one"))["data"] == {"key": "1"}


async def test_replicas_that_git_does_not_set_belong_to_an_autoscaler(world: World, kubelet: FakeKubelet) -> None:
    world.commit({"app/web.yaml": deployment("web").replace("  replicas: 1\n", "")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        await world.cluster.patch(world.full("app"), "deployments/web/scale", {"spec": {"replicas": 3}})
        await world.cluster.until(
            world.full("app"), "deployments", lambda here: here["web"].get("status", {}).get("readyReplicas") == 3
        )
        status = await daemon.refresh("app")
        assert synced(status)
        assert (await world.cluster.get(world.full("app"), "deployments/web"))["spec"]["replicas"] == 3


async def test_a_field_that_cannot_be_changed_is_named_and_the_rest_goes_live(world: World) -> None:
    world.good()
    fixed = manifest("v1", "ConfigMap", "fixed", data={"key": "1"}, immutable=True)
    world.commit({"app/fixed.yaml": fixed, "app/one.yaml": config_map("one")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        commit = world.commit({"app/fixed.yaml": fixed.replace("'1'", "'2'"), "app/one.yaml": config_map("one", "new")})
        await daemon.refresh("app")
        status = await daemon.until("app", failed, at(commit), says("SyncError", "fixed", "immutable"))
        assert resource(status, "fixed").sync.value == "OutOfSync"
        assert (await world.cluster.get(world.full("app"), "configmaps/one"))["data"] == {"key": "new"}
        await daemon.goes_on()


@pytest.mark.parametrize("behaviour", ["crash", "image-pull-error", "unready"])
async def test_pods_that_fare_badly_are_shown_with_their_cause_and_end_when_they_are_mended(
    world: World, kubelet: FakeKubelet, behaviour: str
) -> None:
    world.good()
    quick = "spec:\n  progressDeadlineSeconds: 1\n  replicas: 1"
    bad = deployment("web", behaviour=behaviour).replace("spec:\n  replicas: 1", quick, 1)
    world.commit({"app/web.yaml": bad})
    world.application("app")
    async with world.daemon() as daemon:
        status = await daemon.until("app", lambda status: status.health.status.value == "Degraded")
        assert "web" in status.health.message
        health = resource(status, "web").health
        assert health is not None
        assert health.message
        await daemon.goes_on()
        commit = world.commit({"app/web.yaml": deployment("web")})
        await daemon.live("app", commit, healthy)


async def test_an_object_held_by_a_finalizer_is_pruned_once_it_is_let_go(world: World) -> None:
    held = manifest("v1", "ConfigMap", "held", data={"key": "1"})
    world.commit({"app/one.yaml": config_map("one"), "app/held.yaml": held})
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        finalizers = {"metadata": {"finalizers": ["example.org/held"]}}
        await world.cluster.patch(world.full("app"), "configmaps/held", finalizers)
        world.commit({"app/held.yaml": None})
        await daemon.refresh("app")
        await daemon.until("app", out_of_sync, lambda status: len(status.resources) == 2)
        await world.cluster.until(
            world.full("app"), "configmaps", lambda here: "deletionTimestamp" in here["held"]["metadata"]
        )
        await world.cluster.patch(world.full("app"), "configmaps/held", {"metadata": {"finalizers": None}})
        await daemon.until("app", synced, lambda status: len(status.resources) == 1)
        deletes = [text for text in await world.cluster.writes(world.user) if text.startswith("delete ")]
        assert deletes == ["delete configmaps/held"]


async def test_a_running_daemon_never_blocks_its_loop(world: World) -> None:
    world.good()
    async with world.daemon() as daemon:
        await daemon.until("good", synced, healthy)
        # Starting may block: nobody waits yet. What the test itself does, it does in threads.
        with blockbuster_ctx():
            commit = await anyio.to_thread.run_sync(lambda: world.commit({"good/two.yaml": config_map("two")}))
            await daemon.live("good", commit)
            await world.cluster.patch(world.full("good"), "configmaps/one", {"data": {"key": "drift"}})
            await world.cluster.until(world.full("good"), "configmaps", lambda maps: maps["one"]["data"]["key"] == "1")
            await anyio.to_thread.run_sync(world.good, "later")
            await anyio.to_thread.run_sync(world.write)
            assert await daemon.daemon.reload()
            await daemon.refresh("later")
            await daemon.until("later", synced, healthy)
            assert await daemon.metrics()
