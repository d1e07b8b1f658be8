"""What the machine does to the daemon's process: limits, clocks, signals. It copes, says so, and goes on."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import anyio
import httpx
import pytest

from gitopsd.testing.gitserver import GitRepo
from tests.e2e.child import Child, child
from tests.e2e.manifests import CHART, KUSTOMIZE, config_map, folder
from tests.e2e.world import World

REPOSITORIES = 20


def open_now(pid: int) -> int:
    """How many files a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def limit(pid: int) -> tuple[int, int]:
    """Soft and hard limit of open files of a process."""
    return resource.prlimit(pid, resource.RLIMIT_NOFILE)


async def test_the_soft_limit_of_open_files_is_raised_to_the_hard_one_and_that_is_said(world: World) -> None:
    world.good()
    async with child(world, limits="-Sn 256; ulimit -Hn 2048") as daemon:
        await daemon.until_synced("good")
        assert limit(daemon.process.pid) == (2048, 2048)
        (line,) = [line for line in daemon.lines if "files may be open" in str(line.get("event"))]
        assert (line["before"], line["now"]) == (256, 2048)


@pytest.mark.parametrize("files", [12, 63])
async def test_where_hardly_a_file_may_be_open_it_says_so_and_does_not_begin(world: World, files: int) -> None:
    world.good()
    async with child(world, limits=f"-n {files}") as process:
        assert await process.ended(30) == 2
        await process.until(lambda child: child.over)
    told = "".join(process.raw)
    assert f"it may have {files} files open at a time, and needs 64 at least" in told
    assert "LimitNOFILE=" in told
    assert "Traceback" not in told


async def test_200_applications_of_20_repositories_on_3_clusters_work_with_1024_open_files(
    world: World,
) -> None:
    world.config["clusters"] = [
        {"name": name, "kubeconfig": str(world.kubeconfig)} for name in ("local", "second", "third")
    ]
    repositories = [GitRepo(world.folder / f"repo-{number}.git") for number in range(REPOSITORIES)]
    for repository in repositories:
        repository.commit({"app/one.yaml": config_map("one")})
        world.config["repositories"].append({"url": str(repository.path)})
    names = [f"app{number}" for number in range(200)]
    for number, name in enumerate(names):
        cluster = ("local", "second", "third")[number % 3]
        repository = repositories[number % REPOSITORIES]
        namespace = world.full(f"few{number % 5}")
        world.application(
            name,
            "app",
            repo=str(repository.path),
            destination={"name": cluster, "namespace": namespace},
            source={"path": "app"},
        )
    for number in range(5):
        await world.cluster.namespace(world.full(f"few{number}"))
    async with child(world, limits="-n 1024") as daemon:
        await daemon.until(lambda child: {world.full(name) for name in names} <= child.looked_at(), 100)
        assert limit(daemon.process.pid) == (1024, 1024)
        assert open_now(daemon.process.pid) < 512
        assert not daemon.has_line("Too many open files")


async def test_no_file_to_open_any_more_is_named_and_all_goes_on_when_there_are_again(world: World) -> None:
    world.good()
    world.commit(folder("late", KUSTOMIZE))
    world.application("late", "late/overlays/prod")
    async with child(world) as daemon:
        await daemon.until_synced("good", "late")
        await daemon.until_line('"ready"')
        pid, before = daemon.process.pid, limit(daemon.process.pid)
        commit = world.commit(
            {"good/two.yaml": config_map("two"), "late/overlays/prod/patch.yaml": config_map("settings", "other")}
        )
        daemon.restart_log()
        # Whatever is open stays; nothing more can be opened.
        lowest = set(range(3, 4096)) - set(map(int, os.listdir(f"/proc/{pid}/fd")))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(lowest), before[1]))
        daemon.signal(signal.SIGHUP)
        await daemon.until_line("reload", "Too many open files")
        for engine in workers(pid, "gitopsd-engine"):
            os.kill(engine, signal.SIGKILL)
        await daemon.until_line("render worker ended", "Too many open files")
        spent, began = cpu_seconds(pid), time.monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(knock, daemon)
            # Drift is seen and healed by the connections that are open.
            await world.cluster.delete(world.full("good"), "configmaps/one")
            await world.cluster.until(world.full("good"), "configmaps", lambda here: "one" in here)
            tasks.cancel_scope.cancel()
        assert cpu_seconds(pid) - spent < 0.5 * (time.monotonic() - began) + 0.5, "it turns in vain"
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        for name in ("good", "late"):
            await daemon.refresh(name)
        await daemon.until(
            lambda child: {world.full(name) for name in ("good", "late")} <= synced_at(child, commit[:7])
        )
        assert not daemon.has_line("Traceback")


async def test_an_engine_that_gets_no_more_memory_of_the_machine_costs_one_render(world: World) -> None:
    world.good()
    greedy = '{{- $s := repeat 200000000 "xxxxxxxxxx" }}{{ len $s }}\n'
    world.commit({**folder("greedy", {**CHART, "templates/greedy.yaml": greedy}), **folder("chart", CHART)})
    world.application("greedy")
    world.application("chart")
    world.config["render"] = {"memoryLimit": "8Gi"}  # it is the machine that has no more, not we
    async with child(world, limits="-Sv 2500000") as daemon:
        await daemon.until_line("render worker ended", "memory")
        await daemon.until(
            lambda child: "the render worker died of this source, twice" in failures(child, world.full("greedy"))
        )
        await daemon.until_synced("good", "chart")
        commit = world.commit({"chart/values.yaml": "greeting: changed\n"})
        await daemon.refresh("chart")
        await daemon.until(lambda child: world.full("chart") in synced_at(child, commit[:7]))


def failures(daemon: Child, name: str) -> str:
    """All that was said of an application's trouble."""
    return "\n".join(str(line) for line in daemon.lines if line.get("application") == name)


async def test_a_file_of_a_secret_that_is_open_to_others_is_warned_of_at_start_and_reload(
    world: World,
) -> None:
    world.good()
    secret = world.folder / "password"
    secret.write_text("p4ss-w0rd", encoding="utf-8")
    secret.chmod(0o644)
    world.config["repositories"] += [
        {"url": "https://127.0.0.1:1/a.git", "username": "u", "password": {"file": str(secret)}}
    ]
    open_to_all = (str(secret), "it holds a secret, and everybody may read it (mode 0644)", f"chmod 600 {secret}")
    async with child(world) as daemon:
        await daemon.until_line(*open_to_all)
        await daemon.until_line('"ready"')
        daemon.restart_log()
        secret.chmod(0o600)
        daemon.signal(signal.SIGHUP)
        await daemon.until_line("configuration reloaded")
        assert not daemon.has_line("holds a secret")
        secret.chmod(0o644)
        daemon.signal(signal.SIGHUP)
        await daemon.until_line(*open_to_all)
        assert not daemon.has_line("p4ss-w0rd")


async def knock(daemon: Child) -> None:
    """Ask for something, which cannot be answered now."""
    with contextlib.suppress(httpx.HTTPError):
        await daemon.get("/healthz")


def workers(pid: int, name: str) -> list[int]:
    """The processes below `pid` whose program is called so."""
    listed = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid=,comm="], check=True, capture_output=True, text=True)
    return [int(number) for number, said in map(str.split, listed.stdout.splitlines()) if said == name[:15]]


def cpu_seconds(pid: int) -> float:
    """What a process used of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def synced_at(daemon: Child, revision: str) -> set[str]:
    """The applications that were synced to a revision."""
    return {
        line["application"]
        for line in daemon.lines
        if line.get("event") == "synced" and str(line["revision"]).startswith(revision)
    }
