"""Command plugins in a whole daemon: deployed, changed, hanging, silent, restarted."""

from __future__ import annotations

import os

import anyio
import anyio.lowlevel

from tests.e2e.conditions import at, healthy, out_of_sync, quiet, says, synced
from tests.e2e.manifests import config_map
from tests.e2e.world import World

# Prints what the repository holds, so that each commit says how the plugin behaves.
SCRIPT = 'sh ./behave.sh; for name in $(cat names.txt); do sed "s/NAME/$name/" template.yaml; echo ---; done'
TEMPLATE = config_map("NAME")


def given(world: World, **settings: object) -> None:
    tool = {"name": "tool", "generate": {"command": ["sh", "-c", SCRIPT]}, "discover": {"fileName": "names.txt"}}
    world.config["plugins"] = [{**tool, **settings}]
    world.good()
    world.commit({"app/names.txt": "one two\n", "app/template.yaml": TEMPLATE, "app/behave.sh": ""})


async def test_what_a_command_prints_is_deployed_and_follows_each_commit(world: World) -> None:
    given(world)
    world.application("app", prune=True, source={"plugin": {"env": [{"name": "A", "value": "b"}]}})
    async with world.daemon() as daemon:
        status = await daemon.until("app", synced, healthy)
        assert status.renderers == ("tool",)
        assert await world.cluster.names(world.full("app"), "configmaps") >= {"one", "two"}
        commit = world.commit({"app/names.txt": "one three\n"})
        await daemon.live("app", commit, quiet)
        await world.cluster.until(world.full("app"), "configmaps", lambda here: "three" in here and "two" not in here)


async def test_a_command_that_hangs_holds_up_its_own_application_only_and_is_mended_by_a_commit(world: World) -> None:
    given(world, timeout="6s")
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        world.commit({"app/behave.sh": "sleep 600 & sleep 600"})
        await daemon.refresh("app")
        await daemon.goes_on()
        await daemon.until("app", says("ComparisonError", "generate of plugin tool", "6 s", "killed"), seconds=60)
        assert await world.cluster.names(world.full("app"), "configmaps") >= {"one", "two"}
        commit = world.commit({"app/behave.sh": ""})
        await daemon.live("app", commit, healthy, quiet)
    assert os.listdir(world.folder / "state" / "cache" / "commands") == []


async def test_a_command_that_suddenly_prints_nothing_prunes_nothing(world: World) -> None:
    given(world)
    world.application("app", prune=True, self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        commit = world.commit({"app/names.txt": ""})
        await daemon.refresh("app")
        await daemon.until("app", out_of_sync, at(commit), says("SyncError", "git has no objects", "allowEmpty"))
        assert await world.cluster.names(world.full("app"), "configmaps") >= {"one", "two"}


async def definitions_at_rest(world: World) -> None:
    """Until the kinds of earlier tests are gone: a command is told what the cluster serves, so it runs again then."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    with anyio.fail_after(30):
        while any("deletionTimestamp" in item["metadata"] for item in (await world.cluster.do("GET", path))["items"]):
            await anyio.lowlevel.checkpoint()


async def test_after_a_restart_no_command_runs_again_for_the_same_commit(world: World) -> None:
    runs = world.folder / "runs"
    runs.mkdir()
    await definitions_at_rest(world)
    given(world, writePaths=[str(runs)])
    world.commit({"app/behave.sh": f"mktemp {runs}/XXXXXX >&2"})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
    assert len(os.listdir(runs)) == 1
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        await daemon.goes_on()
    assert len(os.listdir(runs)) == 1
    world.config["plugins"][0]["version"] = "v2"
    async with world.daemon() as daemon:
        status = await daemon.until("app", synced, healthy)
        await daemon.refresh("app")
        await daemon.until("app", synced, healthy, lambda status: status.renderers == ("tool-v2",))
    assert len(os.listdir(runs)) == 2
    assert status.name == world.full("app")
