"""Latencies: from a push to live, and from drift to healed, with the daemon and with bare parts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import orjson

from benchmarks.api import Api, Values
from benchmarks.daemon import Daemon
from benchmarks.workload import Workload, commit, holders, push, set_value

_POLL_SECONDS: Final = 0.1
_PAUSE_SECONDS: Final = 0.3
_DRIFT: Final = b'{"data":{"value":"drift"}}'

Refresh = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where changes are made, and the watch that sees what comes of them."""

    workload: Workload
    api: Api
    values: Values


@dataclass(frozen=True, slots=True)
class Pushes:
    """Seconds from the end of each push: until live, and until every application had been compared with the commit."""

    live: Sequence[float]
    everybody: Sequence[float]


async def pushes(scene: Scene, names: Sequence[str], daemon: Daemon, refresh: Refresh) -> Pushes:
    """Change each of `names` by a push of its own, followed by `refresh`."""
    live: list[float] = []
    everybody: list[float] = []
    for name in names:
        value = await _pushed(scene.workload, name)
        expectation = scene.values.expect(holders(scene.workload, name), value)
        began = time.monotonic()
        await refresh(name)
        live.append(await expectation.moment() - began)
        wanted = await anyio.to_thread.run_sync(commit, scene.workload)
        with anyio.fail_after(60):
            while set((await daemon.revisions()).values()) != {wanted}:  # noqa: ASYNC110 - another process tells
                await anyio.sleep(_POLL_SECONDS)
        everybody.append(time.monotonic() - began)
        await anyio.sleep(_PAUSE_SECONDS)
    return Pushes(live, everybody)


async def drifts(scene: Scene, names: Sequence[str]) -> list[float]:
    """Seconds from the sending of another field manager's change until it is taken back."""
    found: list[float] = []
    for name in names:
        holder = holders(scene.workload, name)[0]
        path = "/api/v1/namespaces/{}/configmaps/{}".format(*holder)
        before = orjson.loads(await scene.api.get(path))["data"]["value"]
        healed = scene.values.expect([holder], before)
        began = time.monotonic()
        await scene.api.patch(path, _DRIFT, "somebody")
        found.append(await healed.moment() - began)
        await anyio.sleep(_PAUSE_SECONDS)
    return found


async def bare_pushes(scene: Scene, names: Sequence[str], bodies: Mapping[str, bytes], clone: Path) -> list[float]:
    """The floor of `pushes`: `git ls-remote`, `git fetch`, and the apply of what changed."""
    found: list[float] = []
    for name in names:
        value = await _pushed(scene.workload, name)
        expectation = scene.values.expect(holders(scene.workload, name), value)
        began = time.monotonic()
        await anyio.run_process(["git", "ls-remote", str(scene.workload.bare), "refs/heads/main"])
        await anyio.run_process(["git", "fetch", "--quiet", "origin"], cwd=clone)
        async with anyio.create_task_group() as tasks:
            for holder in holders(scene.workload, name):
                path = "/api/v1/namespaces/{}/configmaps/{}".format(*holder)
                tasks.start_soon(scene.api.apply, path, _with_value(bodies[path], value))
        found.append(await expectation.moment() - began)
    return found


async def bare_drifts(scene: Scene, names: Sequence[str], bodies: Mapping[str, bytes]) -> list[float]:
    """The floor of `drifts`: the watch shows the change, one apply takes it back, the watch shows that."""
    found: list[float] = []
    for name in names:
        holder = holders(scene.workload, name)[0]
        path = "/api/v1/namespaces/{}/configmaps/{}".format(*holder)
        before = orjson.loads(await scene.api.get(path))["data"]["value"]
        drifted, healed = scene.values.expect([holder], "drift"), scene.values.expect([holder], before)
        began = time.monotonic()
        await scene.api.patch(path, _DRIFT, "somebody")
        await drifted.moment()
        await scene.api.apply(path, _with_value(bodies[path], before))
        found.append(await healed.moment() - began)
    return found


async def hard_refresh(workload: Workload, daemon: Daemon) -> tuple[float, int]:
    """Seconds until all applications were reconciled again without the cache, and how many renders that took."""
    before, renders = await daemon.reconciled(), await daemon.renders()
    began = time.monotonic()
    for name in workload.names():
        await daemon.refresh(name, hard=True)
    with anyio.fail_after(300):
        while True:
            now = await daemon.reconciled()
            if all(now[name] != moment for name, moment in before.items()):
                break
            await anyio.sleep(_POLL_SECONDS)
    return time.monotonic() - began, await daemon.renders() - renders


def bare_lookup(workload: Workload, folder: Path) -> tuple[float, float]:
    """Seconds of a bare `git clone --bare` of the repository, and of a `git fetch` that finds nothing new."""
    began = time.monotonic()
    subprocess.run(["git", "clone", "--quiet", "--no-local", "--bare", workload.bare, folder], check=True)
    cloned = time.monotonic()
    subprocess.run(["git", "fetch", "--quiet", "origin"], cwd=folder, check=True)
    return cloned - began, time.monotonic() - cloned


async def _pushed(workload: Workload, name: str) -> str:
    """A new value for `name` that is pushed."""
    value = str(time.time_ns())

    def do() -> None:
        set_value(workload, name, value)
        push(workload, value)

    await anyio.to_thread.run_sync(do)
    return value


def _with_value(body: bytes, value: str) -> bytes:
    changed = orjson.loads(body)
    changed["data"]["value"] = value
    return orjson.dumps(changed)
