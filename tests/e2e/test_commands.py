"""The commands against a real daemon and a real cluster: `run --once` and its exit codes, and `app`."""

from __future__ import annotations

import json
import subprocess
import sys

import anyio

from gitopsd.testing.faultproxy import FaultProxy
from tests.e2e.child import child
from tests.e2e.manifests import config_map
from tests.e2e.world import World


async def gitopsd(world: World, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end, as CI would: no terminal anywhere."""
    with anyio.fail_after(90):
        return await anyio.run_process(
            [sys.executable, "-m", "gitopsd.cli", *arguments],
            check=False,
            env=world.environ,
            cwd=world.folder,
            stdin=subprocess.DEVNULL,
        )


async def test_run_once_ends_with_0_when_all_are_synced_and_healthy_and_writes_nothing_twice(world: World) -> None:
    world.good()
    world.good("better")
    world.write()
    done = await gitopsd(world, "run", "--config", "gitopsd.yaml", "--once", "--timeout", "60s")
    assert done.returncode == 0, done.stderr.decode()
    table = done.stdout.decode()
    for name in ("good", "better"):
        (line,) = [line for line in table.splitlines() if world.full(name) in line.split()]
        assert "Synced" in line
        assert "Healthy" in line
    before = await world.cluster.writes(world.user)
    again = await gitopsd(world, "run", "--config", "gitopsd.yaml", "--once", "-o", "json")
    assert again.returncode == 0
    assert {item["name"]: item["sync"] for item in json.loads(again.stdout)} == {
        world.full("good"): "Synced",
        world.full("better"): "Synced",
    }
    assert await world.cluster.writes(world.user) == before


async def test_run_once_goes_by_what_it_finds_and_not_by_what_it_remembers(world: World) -> None:
    world.good()
    world.write()
    first = await gitopsd(world, "run", "--config", "gitopsd.yaml", "--once")
    assert first.returncode == 0, first.stderr.decode()
    commit = world.commit({"good/one.yaml": config_map("one", "new")})
    await world.cluster.delete(world.full("good"), "configmaps/one")
    second = await gitopsd(world, "run", "--config", "gitopsd.yaml", "--once", "-o", "json")
    assert second.returncode == 0, second.stderr.decode()
    assert json.loads(second.stdout)[0]["revisions"] == [commit]
    assert (await world.cluster.get(world.full("good"), "configmaps/one"))["data"] == {"key": "new"}


async def test_run_once_ends_with_1_when_one_cannot_be_synced_and_says_which_and_why(world: World) -> None:
    world.good()
    world.commit({"bad/bad.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata: {port: 8080}\n"})
    world.application("bad")
    world.write()
    done = await gitopsd(world, "run", "--config", "gitopsd.yaml", "--once", "--timeout", "60s", "-o", "json")
    assert done.returncode == 1, done.stderr.decode()
    shown = {item["name"]: item for item in json.loads(done.stdout)}
    assert shown[world.full("good")]["sync"] == "Synced"
    assert shown[world.full("bad")]["sync"] == "OutOfSync"
    assert "data.port" in json.dumps(shown[world.full("bad")]["conditions"])


async def test_run_once_ends_with_2_when_the_configuration_cannot_be_used(world: World) -> None:
    world.config["reconsile"] = {}
    world.write()
    done = await gitopsd(world, "run", "--config", "gitopsd.yaml", "--once")
    assert done.returncode == 2
    assert b"gitopsd.yaml:" in done.stderr
    assert b"reconcile" in done.stderr
    assert b"Traceback" not in done.stderr


async def test_run_once_ends_with_3_when_the_time_is_over(world: World, proxy: FaultProxy) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    proxy.delay(30.0, times=100)
    world.write()
    done = await gitopsd(world, "run", "--config", "gitopsd.yaml", "--once", "--timeout", "2s")
    assert done.returncode == 3, done.stderr.decode()


async def test_app_list_get_and_refresh_ask_the_running_daemon(world: World) -> None:
    world.good()
    async with child(world) as daemon:
        await daemon.until_synced("good")
        await daemon.until_line('"ready"')
        listed = await gitopsd(world, "app", "list", "--config", "gitopsd.yaml", "-o", "json")
        assert listed.returncode == 0, listed.stderr.decode()
        assert world.full("good") in listed.stdout.decode()
        commit = world.commit({"good/one.yaml": config_map("one", "new")})
        refreshed = await gitopsd(world, "app", "refresh", world.full("good"), "--hard", "--config", "gitopsd.yaml")
        assert refreshed.returncode == 0, refreshed.stderr.decode()
        await daemon.until_line('"synced"', commit[:7])
        got = await gitopsd(world, "app", "get", world.full("good"), "--config", "gitopsd.yaml")
        assert got.returncode == 0, got.stderr.decode()
        assert commit[:7] in got.stdout.decode()
        assert "ConfigMap" in got.stdout.decode()
        missing = await gitopsd(world, "app", "get", "nobody", "--config", "gitopsd.yaml")
        assert missing.returncode == 1
        assert b"Try:" in missing.stderr
