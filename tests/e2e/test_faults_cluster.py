"""What goes wrong at clusters: the other applications go on, the status says what to do, nothing is lost."""

from __future__ import annotations

import json

import anyio.to_thread
import pytest

from gitopsd.testing.faultproxy import FaultProxy, ProxiedRequest
from tests.cluster_fixture import ApiServer
from tests.e2e.conditions import at, failed, healthy, quiet, resource, says, synced
from tests.e2e.manifests import config_map, manifest
from tests.e2e.world import World


def is_write(request: ProxiedRequest) -> bool:
    return request.method in ("PATCH", "POST", "DELETE") and "dryRun" not in request.query


def is_api(request: ProxiedRequest) -> bool:
    return not request.is_watch


async def test_a_cluster_that_is_down_at_start_is_waited_for(world: World, proxy: FaultProxy) -> None:
    world.good()
    world.application("app", "good")
    other = {"name": "other", "kubeconfig": str(world.kubeconfig)}
    world.config["clusters"].append(other)
    world.config["applications"][0]["destination"]["name"] = "other"
    await proxy.stop()
    async with world.daemon() as daemon:
        await daemon.until("app", says("ComparisonError", "cluster local", "Try: check that its API server runs"))
        await daemon.goes_on()
        assert daemon.is_ready()
        assert 'gitopsd_cluster_up{name="local"' in await daemon.metrics()
        await proxy.start()
        await daemon.until("app", synced, healthy, quiet, seconds=60)


async def test_a_cluster_that_goes_down_in_the_middle_of_a_sync_and_comes_back_loses_nothing(
    world: World, proxy: FaultProxy
) -> None:
    world.commit({f"app/{number}.yaml": config_map(f"map-{number}") for number in range(60)})
    world.application("app", self_heal=True)
    proxy.delay(0.02, times=1000, matching=is_write)
    async with world.daemon() as daemon:
        await world.cluster.until("", "/api/v1/namespaces", lambda here: world.full("app") in here)
        await world.cluster.until(world.full("app"), "configmaps", lambda here: len(here) > 5)
        await proxy.stop()
        await daemon.until("app", lambda status: status.conditions)
        proxy.heal()
        await proxy.start()
        await daemon.until("app", synced, healthy, quiet, seconds=90)
        assert len(await world.cluster.names(world.full("app"), "configmaps")) == 60


async def test_a_cluster_that_is_down_keeps_no_other_cluster_waiting_and_drift_meanwhile_is_healed(
    world: World, proxy: FaultProxy
) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", self_heal=True)
    world.config["clusters"].append({"name": "other", "kubeconfig": str(world.kubeconfig)})
    world.good()
    world.config["applications"][1]["destination"]["name"] = "other"
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        await proxy.stop()
        await world.cluster.patch(world.full("app"), "configmaps/one", {"data": {"key": "drift"}})
        await daemon.goes_on()
        await proxy.start()
        await world.cluster.until(
            world.full("app"), "configmaps", lambda maps: maps["one"]["data"] == {"key": "1"}, seconds=60
        )
        await daemon.until("app", synced, healthy, quiet, seconds=60)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_burst_of_refusals_is_ridden_out(world: World, proxy: FaultProxy, status: int) -> None:
    world.commit({f"app/{number}.yaml": config_map(f"map-{number}") for number in range(10)})
    world.application("app")
    body = json.dumps({"kind": "Status", "status": "Failure", "code": status, "message": "burst"}).encode()
    proxy.answer(status, times=15, matching=is_write, body=body, headers={"Retry-After": "0"})
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy, seconds=60)
        assert f'code="{status}"' in await daemon.metrics()
        assert len(await world.cluster.names(world.full("app"), "configmaps")) == 10


async def test_a_server_that_refuses_everything_for_a_while_is_ridden_out(world: World, proxy: FaultProxy) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    proxy.answer(500, times=4)
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy, quiet, seconds=60)


async def test_a_dropped_watch_misses_nothing(world: World, proxy: FaultProxy) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        for turn in range(3):
            assert proxy.drop() > 0
            await world.cluster.patch(world.full("app"), "configmaps/one", {"data": {"key": f"drift-{turn}"}})
            await world.cluster.until(world.full("app"), "configmaps", lambda maps: maps["one"]["data"] == {"key": "1"})
            await daemon.until("app", synced)


async def test_410_gone_lists_anew_and_misses_nothing(world: World, proxy: FaultProxy) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": config_map("two")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        gone = json.dumps({"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410}).encode()
        resumed = [request.path for request in proxy.requests if request.is_watch]
        proxy.answer(
            410,
            times=len(resumed),
            matching=lambda request: request.is_watch and "sendInitialEvents" not in request.query,
            body=gone,
        )
        proxy.drop()
        await world.cluster.delete(world.full("app"), "configmaps/two")
        await world.cluster.until(world.full("app"), "configmaps", lambda maps: "two" in maps)
        await daemon.until("app", synced, healthy)


async def test_an_invalid_object_among_good_ones_is_named_and_the_good_ones_are_applied(world: World) -> None:
    bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata: {port: 8080}\n"
    world.good()
    world.commit({"app/one.yaml": config_map("one"), "app/bad.yaml": bad, "app/two.yaml": config_map("two")})
    world.application("app")
    async with world.daemon() as daemon:
        status = await daemon.until("app", failed, says("SyncError", "bad", "data.port"))
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one", "two"}
        assert resource(status, "one").sync.value == "Synced"
        assert resource(status, "bad").sync.value == "OutOfSync"
        await daemon.goes_on()
        commit = world.commit({"app/bad.yaml": bad.replace("8080", "'8080'")})
        await daemon.live("app", commit, healthy, quiet)


async def test_a_good_object_that_becomes_invalid_keeps_its_live_state(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one", "good")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        world.commit({"app/one.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: [1]\n"})
        await daemon.refresh("app")
        await daemon.until("app", says("SyncError", "ConfigMap", "one"))
        assert (await world.cluster.get(world.full("app"), "configmaps/one"))["data"] == {"key": "good"}


async def test_a_namespace_that_is_being_deleted_is_waited_out(world: World) -> None:
    world.good()
    world.commit({"app/one.yaml": config_map("one")})
    held = {"metadata": {"name": "held", "finalizers": ["example.org/held"]}}
    await world.cluster.namespace(world.full("app"))
    await world.cluster.create(world.full("app"), "configmaps", held)
    await world.cluster.do("DELETE", f"/api/v1/namespaces/{world.full('app')}")
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until(
            "app", failed, says("SyncError", "one", "being terminated", "wait until its namespace is gone")
        )
        await daemon.goes_on()
        await world.cluster.patch(world.full("app"), "configmaps/held", {"metadata": {"finalizers": None}})
        await daemon.until("app", synced, healthy, quiet, seconds=60)
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one"}


async def test_a_namespace_deleted_while_running_is_made_again_by_self_heal(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        before = await world.cluster.get(world.full("app"), "configmaps/one")
        await world.cluster.do("DELETE", f"/api/v1/namespaces/{world.full('app')}")

        def back(maps: object) -> bool:
            assert isinstance(maps, dict)
            return "one" in maps and maps["one"]["metadata"]["uid"] != before["metadata"]["uid"]

        await world.cluster.until(world.full("app"), "configmaps", back, seconds=60)
        await daemon.until("app", synced, healthy, quiet, seconds=60)


async def limited(world: World, api_server: ApiServer) -> None:
    """The daemon's user may do everything with ConfigMaps and Namespaces, and nothing with Secrets."""
    user = f"limited-{world.number}"
    path = await anyio.to_thread.run_sync(api_server.user, user)
    world.config["clusters"] = [{"name": "local", "kubeconfig": str(path)}]
    rules = [{"apiGroups": [""], "resources": ["configmaps", "namespaces"], "verbs": ["*"]}]
    role = {"metadata": {"name": user}, "rules": rules}
    base = "/apis/rbac.authorization.k8s.io/v1"
    await world.cluster.do("POST", f"{base}/clusterroles", role)
    binding = {
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    await world.cluster.do("POST", f"{base}/clusterrolebindings", binding)


async def test_no_permission_for_one_kind_names_the_missing_rule_and_ends_when_it_is_given(
    world: World, api_server: ApiServer
) -> None:
    await limited(world, api_server)
    world.good()
    secret = manifest("v1", "Secret", "hidden", stringData={"key": "canary-value"})
    world.commit({"app/one.yaml": config_map("one"), "app/secret.yaml": secret})
    world.application("app")
    async with world.daemon() as daemon:
        status = await daemon.until("app", says("ComparisonError", "Secret", '["get", "list", "watch"]', "secrets"))
        assert "canary-value" not in repr(status)
        await daemon.goes_on()
        rules = [{"apiGroups": [""], "resources": ["configmaps", "namespaces", "secrets"], "verbs": ["*"]}]
        path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/limited-{world.number}"
        await world.cluster.do("PATCH", path, {"rules": rules})
        await daemon.until("app", synced, healthy, quiet, seconds=60)


async def test_a_conversion_webhook_that_is_down_makes_only_its_kind_unknown(world: World) -> None:
    group = f"broken-{world.number}.example.org"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [{"name": name, "served": True, "storage": name == "v1", "schema": schema} for name in ("v1", "v2")]
    client = {"service": {"namespace": "default", "name": "nobody", "path": "/convert"}}
    spec = {
        "group": group,
        "names": {"kind": "Widget", "plural": "widgets"},
        "scope": "Namespaced",
        "versions": versions,
        "conversion": {
            "strategy": "Webhook",
            "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": client},
        },
    }
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    await world.cluster.do("POST", definitions, {"metadata": {"name": f"widgets.{group}"}, "spec": spec})
    world.good()
    world.commit({"app/one.yaml": config_map("one"), "app/stored.yaml": manifest(f"{group}/v1", "Widget", "stored")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        world.commit(
            {"app/stored.yaml": manifest(f"{group}/v2", "Widget", "stored"), "app/two.yaml": config_map("two")}
        )
    async with world.daemon() as daemon:
        status = await daemon.until("app", says("ComparisonError", "Widget", "cannot be read"))
        assert status.sync.value == "Unknown"
        assert resource(status, "one").sync.value == "Synced"
        assert resource(status, "stored").sync.value == "Unknown"
        await daemon.goes_on()
    await world.cluster.do("DELETE", f"{definitions}/widgets.{group}")


async def test_an_object_that_somebody_keeps_changing_is_healed_with_growing_waits(world: World) -> None:
    world.config["reconcile"]["selfHealBackoff"] = {"duration": "1s", "factor": 10, "maxDuration": "60s"}
    world.good()
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        for turn in range(2):
            await world.cluster.patch(world.full("app"), "configmaps/one", {"data": {"key": f"drift-{turn}"}})
            await world.cluster.until(world.full("app"), "configmaps", lambda maps: maps["one"]["data"] == {"key": "1"})
            await daemon.until("app", synced)
        await world.cluster.patch(world.full("app"), "configmaps/one", {"data": {"key": "drift-again"}})
        status = await daemon.until("app", lambda status: "back-off" in status.decision)
        assert status.sync.value == "OutOfSync"
        await daemon.goes_on()


async def test_a_commit_is_not_held_back_by_the_failures_of_the_one_before(world: World) -> None:
    bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {port: 8080}\n"
    world.commit({"app/one.yaml": bad})
    slow = {"limit": -1, "backoff": {"duration": "1h", "factor": 2, "maxDuration": "2h"}}
    world.application("app", syncPolicy={"retry": slow})
    async with world.daemon() as daemon:
        await daemon.until("app", failed)
        commit = world.commit({"app/one.yaml": config_map("one")})
        await daemon.refresh("app")
        await daemon.until("app", synced, at(commit), quiet)
