"""`gitopsd diff` on a real cluster: who changed what, through the daemon and without one; and adoption by a sync."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from typing import Any, Final

import yaml

from gitopsd.core.adoption import LAST_APPLIED
from tests.e2e.conditions import out_of_sync, synced
from tests.e2e.manifests import config_map
from tests.e2e.test_commands import gitopsd
from tests.e2e.world import World

CANARY: Final = base64.b64encode(b"CANARY-7f3a").decode()
Body = dict[str, Any]


def deployment(replicas: int = 5, image: str = "example.org/web:1") -> Body:
    """A Deployment as git has it."""
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}},
        },
    }


def fields(done: subprocess.CompletedProcess[bytes]) -> dict[tuple[str, str], Any]:
    """(object, path) → field, of what `-o json` printed."""
    return {(item["name"], field["path"]): field for item in json.loads(done.stdout) for field in item["fields"]}


async def as_manager(world: World, namespace: str, path: str, body: Mapping[str, Any], manager: str) -> None:
    """Merge `body` into an object as this field manager."""
    await world.cluster.do("PATCH", f"{world.cluster.path(namespace, path)}?fieldManager={manager}", body)


async def test_a_drifted_application_is_told_with_the_owner_of_each_change(world: World) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "data": {"password": CANARY}}
    world.commit({"app/all.yaml": yaml.safe_dump_all([deployment(), secret])})
    world.application("app")
    namespace = world.full("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        done = await gitopsd(world, "diff", namespace, "--config", "gitopsd.yaml")
        assert (done.returncode, done.stdout) == (0, b""), done.stderr
        await as_manager(world, namespace, "deployments/web/scale", {"spec": {"replicas": 3}}, "kubectl-scale")
        await daemon.until("app", out_of_sync)
        await as_manager(world, namespace, "secrets/login", {"data": {"password": "b3RoZXI="}}, "kubectl-edit")
        await daemon.until("app", lambda status: sum(item.sync.value == "OutOfSync" for item in status.resources) == 2)
        done = await gitopsd(world, "diff", namespace, "--config", "gitopsd.yaml")
        assert done.returncode == 1, done.stderr
        told = done.stdout.decode()
        assert (
            f"apps/Deployment {namespace}/web   OutOfSync\n  spec.replicas   3 → 5   set by kubectl-scale (scale)"
            in told
        )
        assert "data.password   ++++++++ → +++++++++   set by kubectl-edit" in told
        assert CANARY not in told
        done = await gitopsd(world, "diff", namespace, "--config", "gitopsd.yaml", "-o", "json")
        owner = fields(done)["web", "spec.replicas"]["owner"]
        assert (owner["manager"], owner["operation"], owner["subresource"]) == ("kubectl-scale", "Update", "scale")
        assert CANARY not in done.stdout.decode()


async def test_a_folder_is_compared_with_a_cluster_and_nothing_is_written(world: World) -> None:
    namespace = world.full("folder")
    await world.cluster.namespace(namespace)
    folder = world.folder / "app"
    folder.mkdir()
    (folder / "all.yaml").write_text(yaml.safe_dump_all([deployment(), yaml.safe_load(config_map("new"))]))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments?fieldManager=kubectl-create"
    await world.cluster.create(namespace, path, deployment(replicas=2))
    world.write()
    ask = ("diff", "./app", "-n", namespace)
    world.environ["KUBECONFIG"] = str(world.kubeconfig)
    done = await gitopsd(world, *ask)
    assert done.returncode == 1, done.stderr
    told = done.stdout.decode()
    assert f"ConfigMap {namespace}/new   OutOfSync   in git, and not in the cluster" in told
    assert f"apps/Deployment {namespace}/web   OutOfSync\n  spec.replicas   2 → 5   set by kubectl-create" in told
    assert "tracking-id" not in told, "nobody tracks it: marks do not count"
    assert b"2 of 2 objects differ" in done.stderr
    (folder / "all.yaml").write_text(yaml.safe_dump(deployment(replicas=2)))
    by_name = await gitopsd(world, *ask, "--cluster", "local", "--config", "gitopsd.yaml")
    assert (by_name.returncode, by_name.stdout) == (0, b""), by_name.stderr
    assert await world.cluster.writes(world.user) == []
    (folder / "all.yaml").write_text(yaml.safe_dump({**deployment(), "spec": {"replicas": "many"}}))
    refused = await gitopsd(world, *ask)
    assert refused.returncode == 2
    assert b"could not be compared" in refused.stderr
    (folder / "all.yaml").write_text("a: [")
    assert (await gitopsd(world, *ask)).returncode == 2


async def test_a_file_and_a_folder_of_what_an_application_tracks_are_compared_without_its_marks(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    namespace = world.full("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
    world.environ["KUBECONFIG"] = str(world.kubeconfig)
    (world.folder / "one.yaml").write_text(config_map("one"))
    done = await gitopsd(world, "diff", "one.yaml", "-n", namespace)
    assert (done.returncode, done.stdout) == (0, b""), done.stdout + done.stderr
    (world.folder / "one.yaml").write_text(config_map("one", "other"))
    done = await gitopsd(world, "diff", "./one.yaml", "-n", namespace, "-o", "json")
    assert done.returncode == 1
    assert list(fields(done)) == [("one", "data.key")]


async def test_an_application_is_compared_without_its_daemon(world: World) -> None:
    noisy = {"kind": "ConfigMap", "name": "noisy", "jqPathExpressions": [".data.key"]}
    world.commit({"app/all.yaml": "\n---\n".join(map(config_map, ("one", "two", "noisy")))})
    world.application("app", ignoreDifferences=[noisy])
    namespace = world.full("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
    await world.cluster.patch(namespace, "configmaps/noisy", {"data": {"key": "of a controller"}})
    ask = ("diff", "--app", namespace, "--config", "gitopsd.yaml")
    done = await gitopsd(world, *ask)
    assert (done.returncode, done.stdout) == (0, b""), done.stdout + done.stderr
    writes = await world.cluster.writes(world.user)
    world.commit({"app/all.yaml": "\n---\n".join((config_map("one", "changed"), config_map("noisy")))})
    done = await gitopsd(world, *ask)
    assert done.returncode == 1, done.stderr
    assert f"ConfigMap {namespace}/two   OutOfSync   in the cluster, and no longer in git" in done.stdout.decode()
    assert "data.key   " in done.stdout.decode()
    assert "noisy" not in done.stdout.decode()
    assert await world.cluster.writes(world.user) == writes


async def test_what_argo_cd_left_behind_is_shown_and_goes_with_the_first_sync(world: World) -> None:
    """Its tracking annotation is there already, so that nothing but the leftover field differs."""
    namespace = world.full("app")
    await world.cluster.namespace(namespace)
    body = yaml.safe_load(config_map("one"))
    mark = f"{namespace}:/ConfigMap:{namespace}/one"
    body["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": mark}
    before = {**body, "data": {**body["data"], "leftover": "yes"}}
    annotations = {**body["metadata"]["annotations"], LAST_APPLIED: json.dumps(before)}
    there = {**before, "metadata": {"name": "one", "annotations": annotations}}
    await world.cluster.create(namespace, "configmaps?fieldManager=argocd-controller", there)
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", manual=True)
    async with world.daemon() as daemon:
        await daemon.until("app", out_of_sync)
        done = await gitopsd(world, "diff", namespace, "--config", "gitopsd.yaml")
        assert "data.leftover   yes → (not there)   set by argocd-controller" in done.stdout.decode()
        assert LAST_APPLIED not in done.stdout.decode()
        policy = world.config["applications"][0]["syncPolicy"]
        policy["automated"] = {}
        world.write()
        assert await daemon.daemon.reload()
        await daemon.until("app", synced)
    found = await world.cluster.get(namespace, "configmaps/one")
    assert found["data"] == {"key": "1"}
    assert LAST_APPLIED not in found["metadata"]["annotations"]


async def test_S5_a_secret_that_is_invalid_is_refused_without_its_values(world: World) -> None:
    """S4 too: the API server quotes what it refuses."""
    namespace = world.full("folder")
    await world.cluster.namespace(namespace)
    there = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "data": {"password": CANARY}}
    await world.cluster.create(namespace, "secrets", there)
    (world.folder / "login.yaml").write_text(yaml.safe_dump({**there, "data": {"password": "no-base64-CANARY!"}}))
    world.environ["KUBECONFIG"] = str(world.kubeconfig)
    for more in ((), ("-o", "json")):
        done = await gitopsd(world, "diff", "login.yaml", "-n", namespace, *more)
        told = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == 2, told
        assert "login" in told
        assert "CANARY" not in told
        assert CANARY not in told


async def test_secrets_of_argo_cd_that_cannot_be_read_are_told_and_the_rest_is_compared(world: World) -> None:
    world.good()
    world.config["clusters"].append({"name": "gone", "server": "https://127.0.0.1:1", "token": "x"})
    world.config["repositoriesFrom"] = world.config["clustersFrom"] = [{"cluster": "gone", "namespace": "argocd"}]
    world.write()
    done = await gitopsd(world, "diff", "--app", world.full("good"), "--config", "gitopsd.yaml")
    told = done.stderr.decode()
    assert done.returncode == 1, told
    assert "ConfigMap" in done.stdout.decode()
    for what in ("clusters", "repositories"):
        assert f"Argo CD's {what} in namespace argocd of cluster gone not read" in told
