"""Rows of the advisories that need the whole daemon to be shown."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
import yaml

from gitopsd.testing.gitserver import GitServer
from tests.e2e.child import child
from tests.e2e.conditions import says, synced
from tests.e2e.manifests import CHART, config_map, folder, manifest, secret
from tests.e2e.world import World

CANARIES = {
    "password": "canary-git-password",
    "token": "canary-cluster-token",
    "secret": "canary-secret-value",
    "bearer": "canary-bearer-token",
}
ODD_MARKS = (
    {"argocd.argoproj.io/tracking-id": "no-separator"},
    {"argocd.argoproj.io/tracking-id": ":::///"},
    {"argocd.argoproj.io/sync-wave": "99999999999999999999999"},
    {"argocd.argoproj.io/sync-wave": "-"},
    {"argocd.argoproj.io/sync-options": "=,,=true,Prune"},
    {"argocd.argoproj.io/hook": ",,,"},
    {"argocd.argoproj.io/hook": "Nonsense"},
    {"helm.sh/hook": "crd-install,pre-install"},
    {"helm.sh/hook-weight": "many"},
    {"argocd.argoproj.io/ignore-healthcheck": "perhaps"},
    {"argocd.argoproj.io/compare-options": "\u202e{"},
    {"example.org/long": "x" * 200_000},
)
ODD_OBJECTS: tuple[dict[str, Any], ...] = (
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "../../secrets/x"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a" * 300}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "annotations": {"a": 1, "b": None}}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "labels": [1, 2]}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 7}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": "one"},
    {"apiVersion": "v1/../../x", "kind": "ConfigMap", "metadata": {"name": "one"}},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "one"}, "spec": "none"},
    {"apiVersion": "v1", "kind": "List", "items": [None, 1, {"kind": "List", "items": [{}]}]},
    {"apiVersion": "v1", "kind": "", "metadata": {"name": "one"}},
)


async def test_Z2_odd_annotations_and_objects_hurt_their_own_application_only_and_so_after_a_restart(
    world: World,
) -> None:
    random_bytes = random.Random(7)  # noqa: S311  # the same odd text at each run
    world.good()
    names = []
    for number, mark in enumerate(ODD_MARKS):
        names.append(f"mark-{number}")
        world.commit({f"mark-{number}/one.yaml": config_map("one", **mark)})
    for number, body in enumerate(ODD_OBJECTS):
        names.append(f"body-{number}")
        world.commit({f"body-{number}/one.yaml": yaml.safe_dump(body)})
    for number in range(5):
        names.append(f"noise-{number}")
        noise = f"apiVersion: v1\nkind: ConfigMap\n{random_bytes.randbytes(60).hex()}: *x\n"
        world.commit({f"noise-{number}/one.yaml": noise})
    for name in names:
        world.application(name, prune=True, self_heal=True)
    for _ in range(2):
        async with world.daemon() as daemon:
            await daemon.until_true(daemon.is_ready, seconds=60)
            await daemon.goes_on()
            assert all(daemon.status(name) for name in names)
            conditions = [item.type.value for name in names for item in daemon.status(name).conditions]
            assert "UnknownError" not in conditions, "an internal error stands for a bug"
            assert "gitopsd_internal_error_total{" not in await daemon.metrics()


async def test_Z2_a_live_object_with_an_odd_tracking_id_is_nobodys_and_hurts_nobody(world: World) -> None:
    world.good()
    await world.cluster.namespace(world.full("odd"))
    good = world.full("good")
    for number, mark in enumerate(("x", "::", f"{good}:/ConfigMap:", "\u202e:/:/", f"{good}:a:b")):
        body = {
            "metadata": {"name": f"odd-{number}", "annotations": {"argocd.argoproj.io/tracking-id": mark}},
        }
        await world.cluster.create(world.full("odd"), "configmaps", body)
    async with world.daemon() as daemon:
        await daemon.goes_on()
        assert len(await world.cluster.names(world.full("odd"), "configmaps")) == 5


async def test_a_copied_object_with_the_tracking_id_of_its_original_is_not_pruned(world: World) -> None:
    world.good()
    async with world.daemon() as daemon:
        await daemon.until("good", synced)
        original = await world.cluster.get(world.full("good"), "configmaps/one")
        copy = {"metadata": {"name": "copy", "annotations": original["metadata"]["annotations"]}}
        await world.cluster.create(world.full("good"), "configmaps", copy)
        await daemon.goes_on()
        assert "copy" in await world.cluster.names(world.full("good"), "configmaps")


async def test_S8_S9_no_secret_is_in_log_api_metrics_status_or_children_of_a_whole_run(world: World) -> None:
    world.good()
    bad_secret = manifest("v1", "Secret", "bad", data={"key": CANARIES["secret"] + "-not-base64"})
    world.commit({"app/secret.yaml": secret("fine", CANARIES["secret"]), "app/bad.yaml": bad_secret})
    world.commit({"worse/secret.yaml": secret("fine", CANARIES["secret"]).replace("  key:", "  key:\n   -")})
    world.application("worse")
    with GitServer(world.folder) as git:
        git.faults.username, git.faults.password = "ci", "another"
        world.config["repositories"] += [
            {"url": git.url("repo.git"), "username": "ci", "password": CANARIES["password"]},
            {"url": git.url("other.git"), "bearerToken": CANARIES["bearer"]},
        ]
        world.config["clusters"].append({"name": "second", "server": "https://127.0.0.1:9", "token": CANARIES["token"]})
        world.application("app")
        world.application("refused", repo=git.url("repo.git"))
        world.application("bearer", repo=git.url("other.git"))
        world.application("nowhere", "good", destination={"name": "second"})
        async with child(world) as daemon:
            apps = {world.full(name) for name in ("app", "worse", "refused", "bearer", "nowhere", "good")}
            await daemon.until(lambda child: apps <= child.looked_at())
            await daemon.until_synced("good")
            await daemon.until_line('"ready"')
            told = [(await daemon.get("/metrics", public=True)).text, (await daemon.get("/api/v1/applications")).text]
            told += [(await daemon.get(f"/api/v1/applications/{app}")).text for app in sorted(apps)]
            told.append(await anyio.to_thread.run_sync(children_of, daemon.process.pid))
            world.path.write_text(world.path.read_text().replace("username: ci", "usrname: ci"))
            await daemon.until_line("the old one goes on", "usrname")
            daemon.signal(signal.SIGTERM)
            assert await daemon.ended(30) == 0
            everything = "\n".join([*daemon.raw, *told])
    assert [name for name, canary in CANARIES.items() if canary in everything] == []
    assert "authentication failed" in everything


def children_of(pid: int) -> str:
    """Arguments and environment of a process's children, as anybody on the machine with the right may read them."""
    found = []
    for task in Path("/proc").glob("[0-9]*"):
        try:
            if int((task / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found += [(task / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ")]
        except OSError:
            continue
    assert found
    return "\n".join(found)


@pytest.mark.parametrize(
    "revision",
    ["HEAD~1", "main^{tree}", ":/one", "main@{1}", "--upload-pack=x", "refs/heads/main:app/one.yaml"],
)
async def test_G5_a_revision_expression_is_no_revision(world: World, revision: str) -> None:
    world.good()
    world.commit({"app/one.yaml": config_map("one")})
    world.commit({"app/one.yaml": config_map("one", "2")})
    world.application("app", source={"targetRevision": revision})
    async with world.daemon() as daemon:
        await daemon.goes_on()
        (error,) = daemon.daemon.config.errors
        assert "expected a branch, a tag, a commit id or HEAD" in str(error)
        assert await world.cluster.names(world.full("app"), "configmaps") == set()


async def test_S10_credentials_do_not_follow_a_redirect(world: World) -> None:
    world.good()
    with GitServer(world.folder) as first, GitServer(world.folder) as second:
        first.faults.redirect_to = second.url("").rstrip("/")
        entry = {"url": first.url("repo.git"), "username": "ci", "password": CANARIES["password"]}
        world.config["repositories"].append(entry)
        world.application("app", repo=first.url("repo.git"))
        async with world.daemon() as daemon:
            await daemon.until("app", says("ComparisonError", "redirected to another host"))
            await daemon.goes_on()
        assert not [seen for seen in second.seen if seen.authorization]


async def test_P1_value_files_outside_the_repository_are_refused(world: World) -> None:
    world.good()
    (world.folder / "outside.yaml").write_text(f"greeting: {CANARIES['secret']}\n")
    world.commit(folder("app", CHART))
    outside = ("../../outside.yaml", str(world.folder / "outside.yaml"), "../../../../etc/passwd")
    for number, value_file in enumerate(outside):
        world.application(f"app-{number}", "app", source={"helm": {"valueFiles": [value_file]}})
    async with world.daemon() as daemon:
        for number in range(3):
            status = await daemon.until(f"app-{number}", says("ComparisonError"))
            assert CANARIES["secret"] not in repr(status)
        await daemon.goes_on()


async def test_E2_helm_in_a_kustomization_runs_nothing(world: World) -> None:
    world.good()
    inflator = "helmGlobals: {configHome: ./plugins}\nhelmCharts: [{name: evil, releaseName: evil}]\n"
    world.commit({"app/kustomization.yaml": inflator, "app/plugins/x/plugin.yaml": "name: x\n"})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", says("ComparisonError", "helm"))
        await daemon.goes_on()


async def test_E3_jsonnet_imports_nothing_from_outside(world: World) -> None:
    world.good()
    world.commit({"app/main.jsonnet": "{ a: importstr '/proc/self/environ' }\n"})
    world.commit({"up/main.jsonnet": "{ a: importstr '../../../../../etc/passwd' }\n"})
    world.application("app")
    world.application("up")
    async with world.daemon() as daemon:
        for name in ("app", "up"):
            status = await daemon.until(name, says("ComparisonError", "leaves the repository"))
            assert "root:" not in repr(status)
            assert "PATH=" not in repr(status)
        await daemon.goes_on()


@pytest.mark.parametrize(
    "repository",
    [
        {"url": "ssh://git@git.example.org/app.git", "proxy": "socks5://h;touch executed:1080"},
        {"url": "ssh://-oProxyCommand=touch%20executed/app.git"},
        {"url": "ssh://git@host;touch executed/app.git"},
    ],
    ids=["proxy", "option-for-a-host", "command-in-a-host"],
)
async def test_G3_no_proxy_and_no_host_is_ever_a_command(world: World, repository: dict[str, str]) -> None:
    world.good()
    world.config["repositories"].append(repository)
    async with child(world) as daemon:
        assert await daemon.ended(30) == 2
        assert daemon.has_line("repositories[1]")
    assert not (world.folder / "executed").exists()
