"""Applications that an application has among its manifests, on a real API server on which nobody defined any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.ids import AppName
from gitopsd.testing.kubelet import FakeKubelet
from tests.cluster_fixture import ApiServer
from tests.e2e.conditions import failed, healthy, resource, synced, waiting
from tests.e2e.manifests import config_map, deployment, manifest
from tests.e2e.world import World
from tests.testing.pods import running_kubelet

FINALIZER = "resources-finalizer.argocd.argoproj.io"
CHART = "apiVersion: v2\nname: chart\nversion: 1.0.0\n"
TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: charted}\ndata: {colour: '{{ .Values.colour }}'}\n"
PATCH = "resources: [map.yaml]\nnamePrefix: kustomized-\n"


def child(
    world: World, name: str, *, wave: int = 0, path: str = "", project: str = "default", finalizer: bool = False
) -> str:
    """An Application of the folder `path` (its own name by default) in a namespace of its own."""
    metadata: dict[str, Any] = {
        "name": world.full(name),
        "namespace": "argocd",
        "annotations": {"argocd.argoproj.io/sync-wave": str(wave)},
    }
    if finalizer:
        metadata["finalizers"] = [FINALIZER]
    spec = {
        "project": project,
        "source": {"repoURL": str(world.repo.path), "targetRevision": "main", "path": path or name},
        "destination": {"name": "local", "namespace": world.full(name)},
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": True},
            "syncOptions": ["CreateNamespace=true"],
            "retry": {"limit": -1, "backoff": {"duration": "200ms", "factor": 1, "maxDuration": "1s"}},
        },
    }
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}
    return yaml.safe_dump(body, sort_keys=False)


def three(world: World, *, finalizer: bool = False) -> dict[str, str]:
    """A Deployment in wave 0; a Kustomize folder and a chart in wave 1."""
    return {
        "root/base.yaml": child(world, "base", wave=0, finalizer=finalizer),
        "root/kustom.yaml": child(world, "kustom", wave=1, finalizer=finalizer),
        "root/chart.yaml": child(world, "chart", wave=1, finalizer=finalizer),
        "base/web.yaml": deployment("web"),
        "kustom/kustomization.yaml": PATCH,
        "kustom/map.yaml": config_map("map"),
        "chart/Chart.yaml": CHART,
        "chart/values.yaml": "colour: green\n",
        "chart/templates/map.yaml": TEMPLATE,
    }


def root(world: World, **entry: Any) -> None:
    """The one application that the configuration has."""
    policy = {"syncOptions": [], "automated": {"prune": True, "selfHeal": True}, "pruneLimit": 1.0}
    world.application("root", prune=True, self_heal=True, **{"syncPolicy": policy, **entry})


def message(status: AppStatus, name: str) -> str:
    """What the last sync says of one object."""
    assert status.operation is not None
    return next(item.message for key, item in status.operation.results.items() if key.name == name)


async def absent(world: World, name: str, path: str) -> bool:
    """Whether the object is not there (any more)."""
    return await world.cluster.find(world.full(name), path) is None


async def test_three_children_in_two_waves_become_synced_in_order(world: World, kubelet: FakeKubelet) -> None:
    world.commit(three(world))
    root(world)
    async with world.daemon() as daemon:
        status = await daemon.until("root", synced, healthy)
        assert {item.key.name: str(item.health and item.health.status) for item in status.resources} == {
            world.full(name): "Healthy" for name in ("base", "kustom", "chart")
        }
        for name in ("base", "kustom", "chart"):
            await daemon.until(name, synced, healthy)
        charted = await world.cluster.get(world.full("chart"), "configmaps/charted")
        assert charted["data"] == {"colour": "green"}
        await world.cluster.get(world.full("kustom"), "configmaps/kustomized-map")
        writes = [line.partition(" ")[2] for line in await world.cluster.writes(world.user)]
        assert writes.index("deployments/web") < writes.index("configmaps/charted")
        assert writes.index("deployments/web") < writes.index("configmaps/kustomized-map")
        assert not any("applications" in line for line in writes)
        [base], [chart] = daemon.operations("base"), daemon.operations("chart")
        assert base.operation.finished_at is not None
        assert chart.operation.started_at >= base.operation.finished_at


async def test_a_change_of_a_childs_manifest_in_git_is_followed(world: World) -> None:
    files = {
        "root/shop.yaml": child(world, "shop", path="one"),
        "one/map.yaml": config_map("first"),
        "two/map.yaml": config_map("second"),
    }
    world.commit(files)
    root(world)
    async with world.daemon() as daemon:
        await daemon.until("root", synced, healthy)
        commit = world.commit({"root/shop.yaml": child(world, "shop", path="two")})
        await daemon.live("root", commit, healthy)
        await daemon.until("shop", synced, lambda status: [item.key.name for item in status.resources] == ["second"])
        assert await absent(world, "shop", "configmaps/first")


async def test_what_is_wrong_with_a_child_is_said_with_file_and_line(world: World) -> None:
    broken = child(world, "broken").replace("name: local", "name: nowhere")
    world.commit({"root/broken.yaml": f"# a comment\n---\n{broken}", "root/map.yaml": config_map(world.full("fine"))})
    root(world, destination={"namespace": "default"})
    async with world.daemon() as daemon:
        status = await daemon.until("root", failed)
        text = message(status, world.full("broken"))
        assert "broken.yaml" in text
        assert "the cluster nowhere is not configured" in text
        await world.cluster.get("default", f"configmaps/{world.full('fine')}")
        commit = world.commit({"root/broken.yaml": child(world, "broken"), "broken/map.yaml": config_map("map")})
        await daemon.live("root", commit, healthy)


@pytest.mark.parametrize("finalizer", [False, True])
async def test_a_child_that_left_git_takes_its_objects_along_only_with_a_finalizer(
    world: World, finalizer: bool
) -> None:
    files = {
        "root/stays.yaml": child(world, "stays"),
        "root/goes.yaml": child(world, "goes", finalizer=finalizer),
        "stays/map.yaml": config_map("map"),
        "goes/map.yaml": config_map("map"),
    }
    world.commit(files)
    root(world)
    async with world.daemon() as daemon:
        await daemon.until("root", synced, healthy)
        commit = world.commit({"root/goes.yaml": None})
        await daemon.live("root", commit, healthy)
        await daemon.until_true(lambda: world.full("goes") not in daemon.daemon.supervisor.applications())
        assert await absent(world, "goes", "configmaps/map") is finalizer
        await daemon.until("stays", synced, healthy)
        await daemon.goes_on("stays")


async def test_a_restart_between_two_waves_goes_on_with_the_second(
    world: World, api_server: ApiServer, kubelet_kubeconfig: Path
) -> None:
    world.commit(three(world))
    root(world)
    async with world.daemon() as daemon:
        await daemon.until("root", waiting)
        await daemon.until("base", synced)
        assert set(daemon.daemon.supervisor.applications()) == {world.full("root"), world.full("base")}
    async with world.daemon() as daemon:
        assert world.full("base") in daemon.daemon.supervisor.applications()
        await daemon.until("root", waiting)
        assert world.full("chart") not in daemon.daemon.supervisor.applications()
        async with running_kubelet(api_server, kubelet_kubeconfig):
            await daemon.until("root", synced, healthy)
            await daemon.until("chart", synced, healthy)
    async with world.daemon() as daemon:
        await daemon.until("root", synced)
        await daemon.until("chart", synced)
        assert daemon.operations("root") == []


async def test_children_go_with_their_parent_in_reverse_waves(world: World, kubelet: FakeKubelet) -> None:
    world.commit(three(world, finalizer=True))
    root(world, finalizers=[FINALIZER])
    async with world.daemon() as daemon:
        await daemon.until("root", synced, healthy)
        world.config["applications"] = []
        assert await daemon.reload()
        await daemon.until_true(lambda: not daemon.daemon.supervisor.applications())
        for name, path in (("base", "deployments/web"), ("chart", "configmaps/charted")):
            assert await absent(world, name, path)
        writes = [line for line in await world.cluster.writes(world.user) if line.startswith("delete ")]
        order = [line.partition(" ")[2] for line in writes]
        assert order.index("configmaps/charted") < order.index("deployments/web")
        assert order.index("configmaps/kustomized-map") < order.index("deployments/web")


async def test_a_childs_child_is_an_application_too(world: World) -> None:
    world.commit(
        {
            "root/team.yaml": child(world, "team"),
            "team/shop.yaml": child(world, "shop"),
            "shop/map.yaml": config_map("map"),
        }
    )
    root(world)
    async with world.daemon() as daemon:
        await daemon.until("root", synced, healthy)
        await daemon.until("team", synced, healthy)
        await world.cluster.get(world.full("shop"), "configmaps/map")


async def test_N4_what_a_team_writes_gets_it_no_rights_of_others(world: World) -> None:
    """App of apps in project team renders an AppProject, and an Application in project default."""
    project = manifest("argoproj.io/v1alpha1", "AppProject", "everything", namespace="argocd", spec={})
    world.commit(
        {
            "root/project.yaml": project,
            "root/evil.yaml": child(world, "evil"),
            "root/shop.yaml": child(world, "shop", project="team"),
            "evil/map.yaml": config_map("map"),
            "shop/map.yaml": config_map("map"),
        }
    )
    world.config["projects"] = [
        {
            "name": "team",
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        }
    ]
    root(world, project="team")
    async with world.daemon() as daemon:
        status = await daemon.until("root", failed)
        assert "must not be in project 'default'" in message(status, world.full("evil"))
        assert "AppProject everything may only come from the default project" in message(status, "everything")
        await daemon.until("shop", synced, healthy)
        assert world.full("evil") not in daemon.daemon.supervisor.applications()
        assert await absent(world, "evil", "configmaps/map")
        assert str(resource(status, world.full("evil")).sync) == "OutOfSync"


async def test_the_history_of_a_child_survives_a_start_with_another_state_key(world: World) -> None:
    world.commit({"root/shop.yaml": child(world, "shop"), "shop/map.yaml": config_map("map")})
    root(world)
    shop = AppName(world.full("shop"))
    async with world.daemon() as daemon:
        await daemon.until("shop", synced)
        before = (await daemon.daemon.supervisor.operations.history(shop)).entries
        assert before
        key = Path(daemon.daemon.config.state_dir) / "state.key"
    right = key.read_bytes()
    key.write_bytes(bytes(len(right)))
    root(world, syncPolicy={})  # nobody brings the child again meanwhile
    async with world.daemon() as daemon:
        assert shop not in daemon.daemon.supervisor.applications()
    key.write_bytes(right)
    root(world)
    async with world.daemon() as daemon:
        await daemon.until("shop", synced)
        assert (await daemon.daemon.supervisor.operations.history(shop)).entries == before
