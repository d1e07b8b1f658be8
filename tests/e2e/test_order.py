"""Order within a sync: definitions before instances, waves one after another and healthy, hooks apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.testing.kubelet import FakeKubelet
from tests.e2e.conditions import at, failed, healthy, out_of_sync, quiet, running, says, synced, waiting
from tests.e2e.manifests import config_map, definition, deployment, manifest
from tests.e2e.world import World
from tests.testing.pods import running_kubelet


def instance(world: World, name: str, **annotations: str) -> str:
    """A Gadget, of a group that only this test has."""
    return manifest(f"{group(world)}/v1", "Gadget", name, annotations=annotations, spec={"size": 1})


def group(world: World) -> str:
    return f"e{world.number}.example.org"


async def test_a_definition_and_its_instance_in_one_commit_become_synced(world: World) -> None:
    world.commit({"app/a-instance.yaml": instance(world, "one"), "app/crd.yaml": definition("Gadget", group(world))})
    world.application("app")
    async with world.daemon() as daemon:
        status = await daemon.until("app", synced, healthy)
        assert quiet(status)
        assert [event.operation.retries for event in daemon.operations("app")] == [0]
        assert not [status for status in daemon.history("app") if status.conditions]
        path = f"/apis/{group(world)}/v1/namespaces/{world.full('app')}/gadgets/one"
        assert (await world.cluster.get("", path))["spec"] == {"size": 1}


async def test_a_definition_comes_first_even_if_its_instance_has_an_earlier_wave(world: World) -> None:
    world.commit(
        {
            "app/instance.yaml": instance(world, "one", wave="-5"),
            "app/crd.yaml": definition("Gadget", group(world)),
            "app/map.yaml": config_map("one"),
        }
    )
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        writes = await world.cluster.writes(world.user)
        plural = f"customresourcedefinitions/gadgets.{group(world)}"
        order = [text.partition(" ")[2] for text in writes]
        assert order.index(plural) < order.index("gadgets/one") < order.index("configmaps/one")


async def test_a_new_instance_is_watched_and_pruned_like_any_other_object(world: World) -> None:
    world.commit(
        {
            "app/one.yaml": instance(world, "one"),
            "app/two.yaml": instance(world, "two"),
            "app/crd.yaml": definition("Gadget", group(world)),
        }
    )
    # A foreground deletion waits for Kubernetes' garbage collector, which looks for new kinds twice a minute.
    options = ["CreateNamespace=true", "PrunePropagationPolicy=background"]
    world.application("app", prune=True, self_heal=True, syncPolicy={"syncOptions": options})
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        path = f"/apis/{group(world)}/v1/namespaces/{world.full('app')}/gadgets"
        await world.cluster.patch("", f"{path}/one", {"spec": {"size": 2}})
        await world.cluster.until("", path, lambda here: here["one"]["spec"]["size"] == 1)
        commit = world.commit({"app/two.yaml": None})
        await daemon.live("app", commit)
        assert await world.cluster.names("", path) == {"one"}


async def test_a_wave_waits_until_the_one_before_is_healthy(world: World, kubelet_kubeconfig: Path) -> None:
    world.commit({"app/first.yaml": deployment("first"), "app/second.yaml": config_map("second", wave="1")})
    world.application("app")
    async with world.daemon() as daemon:
        status = await daemon.until("app", waiting)
        assert status.operation is not None
        assert "Deployment" in status.operation.message
        assert "wave 0" in status.operation.message
        assert await world.cluster.names(world.full("app"), "configmaps") == set()
        async with running_kubelet(world.cluster.api_server, kubelet_kubeconfig):
            await daemon.until("app", synced, healthy)
        assert await world.cluster.names(world.full("app"), "configmaps") == {"second"}


async def test_waves_follow_one_another_where_pods_run(world: World, kubelet: FakeKubelet) -> None:
    world.commit({f"app/{wave}.yaml": deployment(f"step-{wave}", wave=str(wave)) for wave in (2, 0, 1)})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        created = [text for text in await world.cluster.writes(world.user) if "deployments/" in text]
        assert [text.rpartition("/")[2] for text in created] == ["step-0", "step-1", "step-2"]


async def test_a_degraded_wave_stops_the_sync_and_a_commit_that_mends_it_goes_on(
    world: World, kubelet: FakeKubelet
) -> None:
    def first(behaviour: str) -> str:
        stuck = deployment("first", behaviour=behaviour)
        return stuck.replace("spec:\n  replicas: 1", "spec:\n  progressDeadlineSeconds: 1\n  replicas: 1")

    world.commit({"app/first.yaml": first("crash"), "app/second.yaml": config_map("second", wave="1")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", failed, says("SyncError", "Deployment", "Degraded"))
        assert await world.cluster.names(world.full("app"), "configmaps") == set()
        commit = world.commit({"app/first.yaml": first("run")})
        await daemon.live("app", commit, healthy)
        assert await world.cluster.names(world.full("app"), "configmaps") == {"second"}


async def test_a_waiting_application_keeps_no_other_one_waiting(world: World) -> None:
    world.config["reconcile"]["concurrency"] = 1
    world.commit(
        {
            "stuck/first.yaml": deployment("first"),
            "stuck/second.yaml": config_map("second", wave="1"),
            "quick/one.yaml": config_map("one"),
        }
    )
    world.application("stuck")
    world.application("quick")
    async with world.daemon() as daemon:
        await daemon.until("stuck", running)
        await daemon.until("quick", synced, healthy)
        commit = world.commit({"quick/one.yaml": config_map("one", "new")})
        await daemon.live("quick", commit)
        assert running(daemon.status("stuck"))


async def test_a_newer_commit_supersedes_a_sync_that_waits(world: World) -> None:
    world.commit({"app/first.yaml": deployment("first"), "app/second.yaml": config_map("second", wave="1")})
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", waiting)
        commit = world.commit({"app/first.yaml": None})
        await daemon.refresh("app")
        await daemon.until("app", synced, healthy, at(commit))
        assert await world.cluster.names(world.full("app"), "deployments") == set()


@pytest.mark.parametrize(
    ("mark", "made"),
    [
        ({"argocd.argoproj.io/hook": "PreSync"}, True),
        ({"argocd.argoproj.io/hook": "PostSync,SyncFail"}, True),
        ({"argocd.argoproj.io/hook": "SyncFail"}, False),
        ({"argocd.argoproj.io/hook": "Skip"}, False),
        ({"helm.sh/hook": "pre-install,post-upgrade"}, True),
        ({"helm.sh/hook": "test"}, False),
    ],
    ids=lambda mark: "-".join(mark.values()) if isinstance(mark, dict) else str(mark),
)
async def test_hooks_run_at_their_phases_and_are_no_objects_of_the_application(
    world: World, mark: dict[str, str], made: bool
) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/hook.yaml": config_map("hook", **mark)})
    world.application("app", prune=True, self_heal=True)
    async with world.daemon() as daemon:
        status = await daemon.until("app", synced, healthy, quiet)
        assert [item.key.name for item in status.resources] == ["one"]
        assert await world.cluster.names(world.full("app"), "configmaps") == ({"one", "hook"} if made else {"one"})
        await daemon.refresh("app", hard=True)
        assert daemon.status("app").sync.value == "Synced"


async def test_an_object_that_becomes_a_hook_is_not_touched_by_sync_without_prune(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": config_map("two")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        hook = {"argocd.argoproj.io/hook": "PreSync"}
        world.commit({"app/two.yaml": config_map("two", "changed", **hook)})
        await daemon.refresh("app")
        await daemon.until("app", out_of_sync)
        assert (await world.cluster.get(world.full("app"), "configmaps/two"))["data"] == {"key": "1"}
