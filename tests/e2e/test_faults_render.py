"""What goes wrong while rendering: the other applications go on, the status says what to do, nothing is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import anyio.to_thread
import pytest

from gitopsd.core.ids import AppName
from gitopsd.testing.gitserver import LINK, Entry
from tests.e2e.conditions import at, healthy, quiet, says, synced
from tests.e2e.manifests import CHART, KUSTOMIZE, config_map, folder, manifest
from tests.e2e.world import World

ENDLESS = "{{- range $i, $e := until 100000 }}{{- range $j, $f := until 100000 }}{{ $j }}{{ end }}{{ end }}\n"


@pytest.mark.parametrize(
    ("broken", "path", "words", "mended"),
    [
        pytest.param(
            {"app/one.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one\n"},
            "app",
            ("app/one.yaml:",),
            {"app/one.yaml": config_map("one")},
            id="broken-yaml",
        ),
        pytest.param(
            folder("app", {**CHART, "templates/bad.yaml": 'a: b\n\nc: {{ required "set a port" .Values.port }}\n'}),
            "app",
            ("templates/bad.yaml:3", "set a port"),
            {"app/templates/bad.yaml": None},
            id="chart-that-fails",
        ),
        pytest.param(
            folder("app", {**KUSTOMIZE, "overlays/prod/kustomization.yaml": "resources: [../../bose]\n"}),
            "app/overlays/prod",
            ("bose",),
            {"app/overlays/prod/kustomization.yaml": KUSTOMIZE["overlays/prod/kustomization.yaml"]},
            id="missing-base",
        ),
        pytest.param(
            {"app/main.jsonnet": "{ a: error 'not today' }\n"},
            "app",
            ("app/main.jsonnet:1", "not today"),
            {"app/main.jsonnet": None, "app/one.yaml": config_map("one")},
            id="jsonnet-error",
        ),
        pytest.param(
            {"app/one.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"},
            "app",
            ("app/one.yaml", "metadata.name"),
            {"app/one.yaml": config_map("one")},
            id="object-without-a-name",
        ),
    ],
)
async def test_what_cannot_be_rendered_says_where_and_is_mended_by_a_commit(
    world: World, broken: Mapping[str, str], path: str, words: tuple[str, ...], mended: Mapping[str, str | None]
) -> None:
    world.good()
    world.commit(broken)
    world.application("app", path)
    async with world.daemon() as daemon:
        await daemon.until("app", says("ComparisonError", *words))
        await daemon.goes_on()
        commit = world.commit(mended)
        await daemon.live("app", commit, healthy, quiet)


async def test_a_commit_that_breaks_the_render_takes_nothing_away(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": config_map("two")})
    world.application("app", prune=True, self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        world.commit({"app/one.yaml": None, "app/two.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {\n"})
        await daemon.refresh("app")
        await daemon.until("app", says("ComparisonError", "app/two.yaml"))
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one", "two"}


async def test_an_endless_template_ends_at_the_deadline_and_the_others_go_on(world: World) -> None:
    world.config["render"] = {"deadline": "2s"}
    world.good()
    world.commit(folder("app", {**CHART, "templates/endless.yaml": ENDLESS}))
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.goes_on()
        await daemon.until("app", says("ComparisonError", "2"), seconds=40)
        await daemon.goes_on()
        commit = world.commit({"app/templates/endless.yaml": None})
        await daemon.live("app", commit, healthy, quiet)


def engines() -> set[int]:
    """The processes of engines below this one."""
    found = set()
    for task in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((task / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and "gitopsd-engine" in os.readlink(task / "exe"):
                found.add(int(task.name))
        except OSError:
            continue
    return found


async def test_an_engine_killed_in_the_middle_of_renders_loses_none(world: World) -> None:
    names = [f"chart-{number}" for number in range(12)]
    for name in names:
        world.commit(folder(name, CHART))
        world.application(name)
    world.good()
    async with world.daemon() as daemon:
        await daemon.until_all(synced)
        # An engine that is stopped answers nobody: all renders are under way when it dies.
        running = await anyio.to_thread.run_sync(engines)
        for pid in running:
            os.kill(pid, signal.SIGSTOP)
        commit = world.commit({f"{name}/values.yaml": "greeting: changed\n" for name in names})
        for name in names:
            daemon.daemon.supervisor.refresh(AppName(world.full(name)))
        await daemon.refresh("good")
        for pid in running:
            os.kill(pid, signal.SIGKILL)
        await daemon.until_all(synced, healthy, quiet, at(commit))
        for name in names:
            found = await world.cluster.get(world.full(name), f"configmaps/{world.full(name)}-shop")
            assert found["data"] == {"key": "changed"}
        assert f"gitopsd_engine_restart_total {len(running)}.0" in await daemon.metrics()
        await daemon.goes_on()


async def test_a_render_over_the_memory_limit_names_it_and_the_others_go_on(world: World) -> None:
    world.config["render"] = {"memoryLimit": "256Mi"}
    world.good()
    greedy = '{{- $s := repeat 200000000 "xxxxxxxxxx" }}{{ len $s }}\n'
    world.commit(folder("app", {**CHART, "templates/greedy.yaml": greedy}))
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", says("ComparisonError", "memory"), seconds=60)
        await daemon.goes_on()


async def test_E1_a_remote_base_is_refused_without_a_process_or_a_socket(world: World) -> None:
    world.good()
    marker = world.folder / "executed"
    bases = [
        f"https://127.0.0.1:9/team/base.git?ref=--upload-pack=touch%20{marker}",
        "git@127.0.0.1:team/base?ref=--upload-pack=x",
        "github.example.org/team/base?ref=main",
    ]
    for number, base in enumerate(bases):
        world.commit({f"app-{number}/kustomization.yaml": f"resources:\n- {base}\n"})
        world.application(f"app-{number}")
    async with world.daemon() as daemon:
        for number in range(len(bases)):
            await daemon.until(f"app-{number}", says("ComparisonError", "remote"))
        await daemon.goes_on()
        children = await anyio.to_thread.run_sync(engine_children)
    assert children == set()
    assert not marker.exists()


def engine_children() -> set[int]:
    """Processes that an engine has started."""
    owners = engines()
    assert owners
    found = set()
    for task in Path("/proc").glob("[0-9]*"):
        try:
            if int((task / "stat").read_text().rpartition(")")[2].split()[1]) in owners:
                found.add(int(task.name))
        except OSError:
            continue
    return found


async def test_P3_a_link_out_of_the_repository_is_refused_and_named(world: World) -> None:
    world.good()
    other = world.commit({"app/one.yaml": config_map("one")}, branch="linked")
    assert other
    world.commit({"app/password.yaml": Entry("/etc/passwd", LINK)}, branch="linked")
    world.application("app", source={"targetRevision": "linked"})
    async with world.daemon() as daemon:
        status = await daemon.until("app", says("ComparisonError", "app/password.yaml"))
        assert "root:" not in repr(status)
        await daemon.goes_on()


async def test_D1_more_objects_than_the_limit_are_that_applications_error(world: World) -> None:
    world.good()
    many = "".join(f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{n}}}\n" for n in range(60_000))
    world.commit({"app/many.yaml": many})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", says("ComparisonError", "limit"), seconds=60)
        await daemon.goes_on()


async def test_an_unknown_kind_is_named_and_the_good_objects_are_shown(world: World) -> None:
    world.good()
    world.commit({"app/one.yaml": config_map("one"), "app/odd.yaml": manifest("nobody.example.org/v1", "Odd", "odd")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", says("SyncError", "does not serve nobody.example.org/v1 Odd", "Try:"))
        await world.cluster.until(world.full("app"), "configmaps", lambda here: "one" in here)
        await daemon.goes_on()
