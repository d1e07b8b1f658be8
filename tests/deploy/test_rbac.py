"""The presets of rights in a cluster: enough for what they are for, and nothing in them that is not needed."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from demo.place import samples
from tests.cluster_fixture import ROOT
from tests.deploy.accounts import Account
from tests.e2e.cluster import Cluster
from tests.e2e.conditions import Wanted, healthy, out_of_sync, says, synced
from tests.e2e.conftest import api_server, cluster, kubelet, kubelet_kubeconfig
from tests.e2e.manifests import config_map, manifest, secret
from tests.e2e.world import Running, World, environment

__all__ = ["api_server", "cluster", "kubelet", "kubelet_kubeconfig"]

COMPONENTS: Final = ROOT / "deploy" / "kubernetes" / "components"
PAGE: Final = ROOT / "docs" / "in-cluster.md"
_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_LOOKUPS: Final = '{{ $_ := lookup "v1" "%s" .Release.Namespace "%s" }}'

Rules = Sequence[Mapping[str, Any]]


class Row(NamedTuple):
    """One verb of one rule of a preset, and words of what an application says where it is missing."""

    preset: str
    rule: int
    verb: str
    words: Sequence[str]


# The verbs of rules that allow everything: what the story below cannot do without each.
_READING: Final = {
    "get": ("ComparisonError", "cannot get"),
    "list": ("ComparisonError", "cannot list"),
    "watch": ("ComparisonError", "refused to watch"),
}
_WRITING: Final = {
    "create": ("SyncError", "cannot create"),
    "update": ("SyncError", "refused to replace"),
    "patch": ("SyncError", "cannot patch"),
    "delete": ("SyncError", "refused to delete"),
}
_RIGHTS: Final = {
    "bind": ("SyncError", "RoleBinding", "attempting to grant"),
    "escalate": ("SyncError", "ClusterRole", "attempting to grant"),
}
ROWS: Final = (
    *(Row("cluster-admin", 0, verb, words) for verb, words in {**_READING, **_WRITING}.items()),
    *(Row("cluster-admin", 1, verb, words) for verb, words in _RIGHTS.items()),
    *(Row("namespaced", 0, verb, words) for verb, words in {**_READING, **_WRITING}.items()),
    *(Row("read-only", 0, verb, words) for verb, words in _READING.items()),
)
PRESETS: Final = tuple(dict.fromkeys(row.preset for row in ROWS))


def test_every_verb_of_every_rule_has_its_test_and_its_line_on_the_page() -> None:
    written = {
        (preset, number, verb)
        for preset in PRESETS
        for number, rule in enumerate(rules_of(preset))
        for verb in rule["verbs"]
    }
    assert {row[:3] for row in ROWS} == written
    assert {path.name.removeprefix("rbac-") for path in COMPONENTS.glob("rbac-*")} == set(PRESETS)
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for preset, number, verb, _ in ROWS:
        resources = ", ".join(rules_of(preset)[number]["resources"]).replace("*", "everything")
        cells = (f"`{preset}`", resources, f"`{verb}`")
        assert [
            line for line in lines if all(cell in line.split("|", 4)[:4][part + 1] for part, cell in enumerate(cells))
        ], f"docs/in-cluster.md has no line for {cells}"


@pytest.mark.parametrize("preset", PRESETS)
async def test_a_preset_is_enough_for_what_it_is_for(preset: str, cluster: Cluster, tmp_path: Path) -> None:
    async with _daemon_with(preset, rules_of(preset), cluster, tmp_path) as daemon:
        await _story(preset, daemon)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.preset}-{row.rule}-{row.verb}")
async def test_nothing_in_a_preset_is_superfluous(row: Row, cluster: Cluster, tmp_path: Path) -> None:
    fewer = copy.deepcopy(list(rules_of(row.preset)))
    fewer[row.rule]["verbs"].remove(row.verb)
    async with _daemon_with(row.preset, fewer, cluster, tmp_path) as daemon:
        await _story(row.preset, daemon, stopped=says(*row.words))
        assert daemon.status("app").conditions


@pytest.mark.parametrize("preset", ["cluster-admin", "namespaced"])
@pytest.mark.usefixtures("kubelet")
async def test_the_samples_sync_with_a_preset(preset: str, cluster: Cluster, tmp_path: Path) -> None:
    wanted = {name: sample.expected for name, sample in samples().items()}
    if preset == "namespaced":
        # It has a CustomResourceDefinition, which is in no namespace.
        del wanted["backups"]
    world = _world(cluster, tmp_path)
    tree = ROOT / "demo" / "samples"
    world.commit({str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()})
    configured = yaml.safe_load((ROOT / "demo" / "gitopsd.yaml").read_text(encoding="utf-8"))["applications"]
    for entry in configured:
        if entry["name"] in wanted:
            source = {key: value for key, value in entry["source"].items() if key != "repoURL"}
            world.application(entry["name"], prune=True, self_heal=True, source=source)
    await _given(world, preset, rules_of(preset), list(wanted))
    async with world.daemon() as daemon:
        for name, health in wanted.items():
            await daemon.until(name, synced, _has_health(health), seconds=60)


async def test_the_rights_of_the_sidecar_are_enough_for_settings(cluster: Cluster, tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "sidecar" / "rbac.yaml").read_text(encoding="utf-8")
    (role,) = (each for each in yaml.safe_load_all(text) if each["kind"] == "Role")
    world = _world(cluster, tmp_path)
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": secret("two", "value")})
    world.application("app", prune=True, self_heal=True)
    await _given(world, "namespaced", role["rules"], ["app"])
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        await daemon.live("app", world.commit({"app/one.yaml": config_map("one", "2"), "app/two.yaml": None}))
    assert await cluster.names(world.full("app"), "secrets") == set()


def rules_of(preset: str) -> Rules:
    """The rules of a preset's only role."""
    text = (COMPONENTS / f"rbac-{preset}" / "rbac.yaml").read_text(encoding="utf-8")
    (role,) = (each for each in yaml.safe_load_all(text) if each["kind"] in ("Role", "ClusterRole"))
    rules: Rules = role["rules"]
    return rules


def _has_health(wanted: str) -> Wanted:
    return lambda status: status.health.status.value == wanted


def _world(cluster: Cluster, folder: Path) -> World:
    (folder / "world").mkdir(mode=0o700)
    return World(folder / "world", cluster, cluster.api_server.kubeconfig, "", environment())


async def _given(world: World, preset: str, rules: Rules, names: Sequence[str]) -> None:
    """A service account with these rules, by which the world's daemon reaches the cluster, as in a pod."""
    api_server = world.cluster.api_server
    account = Account.create(api_server, preset)
    (world.folder / "token").write_text(account.token(), encoding="ascii")
    (world.folder / "token").chmod(0o600)
    reached = {"name": "local", "server": api_server.server, "ca": account.authority}
    world.config["clusters"] = [{**reached, "tokenFile": str(world.folder / "token")}]
    if preset != "namespaced":
        api_server.do("POST", f"{_RBAC}/clusterroles", {"metadata": {"name": account.namespace}, "rules": rules})
        account.bind(account.namespace)
        return
    world.config["clusters"][0]["namespaces"] = [world.full(name) for name in names]
    for entry in world.config["applications"]:
        entry["syncPolicy"]["syncOptions"] = []
    for name in names:
        await world.cluster.namespace(world.full(name))
        place = f"{_RBAC}/namespaces/{world.full(name)}"
        api_server.do("POST", f"{place}/roles", {"metadata": {"name": "gitopsd"}, "rules": rules})
        named = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "gitopsd"}
        binding = {"metadata": {"name": "gitopsd"}, "roleRef": named, "subjects": [account.subject]}
        api_server.do("POST", f"{place}/rolebindings", binding)


@asynccontextmanager
async def _daemon_with(preset: str, rules: Rules, cluster: Cluster, folder: Path) -> AsyncIterator[Running]:
    """A daemon with these rights, and one application of a chart that looks up, makes and replaces objects."""
    world = _world(cluster, folder)
    world.config["helm"] = {"lookup": True}
    reading = preset == "read-only"
    world.application("app", prune=True, self_heal=True)
    world.commit(_chart(world, preset, first=True))
    if reading:
        # What is there already was made by somebody who may.
        async with world.daemon() as daemon:
            await daemon.until("app", synced, healthy)
        del world.config["applications"][0]["syncPolicy"]["automated"]
    await _given(world, preset, rules, ["app"])
    async with world.daemon() as daemon:
        yield daemon


async def _story(preset: str, daemon: Running, stopped: Wanted | None = None) -> None:
    """What a preset is for. With `stopped`, fail unless this becomes true of the application on the way."""
    world = daemon.world

    async def reaches(*wanted: Wanted) -> bool:
        if stopped is None:
            await daemon.until("app", *wanted)
            return True
        status = await daemon.until("app", lambda status: stopped(status) or all(ask(status) for ask in wanted))
        return not stopped(status)

    if not await reaches(synced, healthy):
        return
    commit = world.commit(_chart(world, preset, first=False))
    await daemon.refresh("app")
    if not await reaches(*_after_change(preset, commit)):
        return
    assert stopped is None, "it went well without the right"


def _after_change(preset: str, commit: str) -> Sequence[Wanted]:
    if preset == "read-only":
        return (out_of_sync, _differs("one"))
    return (synced, healthy, lambda status: status.revisions[:1] == (commit,))


def _differs(name: str) -> Wanted:
    return lambda status: [each.key.name for each in status.resources if each.sync.value == "OutOfSync"] == [name]


def _chart(world: World, preset: str, *, first: bool) -> Mapping[str, str | None]:
    """The application's files: at first, and as they are changed; with one object fewer where pruning is allowed."""
    lookups = _LOOKUPS % ("ServiceAccount", "default") + _LOOKUPS % ("ConfigMap", "")
    port = 80 if first else 81
    spec = {"ports": [{"port": port}], "selector": {"app": "one"}}
    replaced = {"argocd.argoproj.io/sync-options": "Replace=true"}
    files: dict[str, str | None] = {
        "Chart.yaml": "{apiVersion: v2, name: app, version: 1.0.0}",
        "templates/one.yaml": f"{lookups}\n{config_map('one', '1' if first else '2')}",
        "templates/two.yaml": config_map("two") if first or preset == "read-only" else None,
    }
    if preset != "read-only":
        files["templates/service.yaml"] = manifest("v1", "Service", "app", annotations=replaced, spec=spec)
    if preset == "cluster-admin":
        rule = {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        subject = {"kind": "ServiceAccount", "name": "app", "namespace": world.full("app")}
        api = "rbac.authorization.k8s.io/v1"
        files["templates/role.yaml"] = manifest(api, "ClusterRole", world.full("app"), rules=[rule])
        files["templates/binding.yaml"] = manifest(api, "RoleBinding", "app", roleRef=role, subjects=[subject])
    return {f"app/{name}": text for name, text in files.items()}
