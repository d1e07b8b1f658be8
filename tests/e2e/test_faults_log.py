"""Nobody reads the log: the daemon goes on, counts what is lost, and logs again when somebody does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.abc
import httpx

from tests.e2e.child import child
from tests.e2e.manifests import config_map
from tests.e2e.world import World

SECONDS = 30.0


@dataclass
class Unread:
    """A daemon whose standard error is somewhere that a test chose."""

    world: World
    process: anyio.abc.Process

    async def ask(self, path: str) -> httpx.Response:
        """Ask its socket, which may not be there yet."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.world.folder / "state" / "gitopsd.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://local", timeout=20.0) as client:
            return await client.get(path)

    async def until_synced(self, name: str, commit: str) -> None:
        """Until an application is at a commit."""
        with anyio.fail_after(SECONDS):
            while not await self._synced(name, commit):
                assert self.process.returncode is None
                await anyio.sleep(0.05)  # nothing tells of it: its log is not read, which is what this is about

    async def _synced(self, name: str, commit: str) -> bool:
        try:
            answer = await self.ask(f"/api/v1/applications/{self.world.full(name)}")
        except httpx.TransportError:
            return False
        if answer.status_code != 200:
            return False
        found = answer.json()["summary"]
        return (found["sync"], found["revisions"]) == ("Synced", [commit])

    async def commit(self, name: str, value: str) -> str:
        """Commit, and have it looked for."""
        commit = self.world.commit({f"{name}/one.yaml": config_map("one", value)})
        transport = httpx.AsyncHTTPTransport(uds=str(self.world.folder / "state" / "gitopsd.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://local", timeout=20.0) as client:
            await client.post(f"/api/v1/applications/{self.world.full(name)}/refresh", json={})
        return commit

    async def lost(self) -> float:
        """What its metrics say of lost lines."""
        text = (await self.ask("/metrics")).text
        (line,) = [line for line in text.splitlines() if line.startswith("gitopsd_log_lines_lost_total ")]
        return float(line.split()[1])


@asynccontextmanager
async def unread(world: World, stderr: int) -> AsyncIterator[Unread]:
    """A daemon that logs to a descriptor."""
    world.write()
    process = await anyio.open_process(
        [sys.executable, "-m", "gitopsd.cli", "run", "--config", str(world.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env=world.environ,
        cwd=world.folder,
        start_new_session=True,
    )
    try:
        yield Unread(world, process)
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.wait()
            await process.aclose()


async def test_whoever_reads_the_log_goes_away_and_the_daemon_stays(world: World) -> None:
    first = world.commit({"good/one.yaml": config_map("one")})
    world.application("good")
    read, write = os.pipe()
    try:
        async with unread(world, write) as daemon:
            os.close(read)
            await daemon.until_synced("good", first)
            await daemon.until_synced("good", await daemon.commit("good", "2"))
            assert await daemon.lost() > 0
            daemon.process.terminate()
            assert await daemon.process.wait() == 0
    finally:
        os.close(write)


async def test_a_full_disk_under_the_log_ends_nothing(world: World) -> None:
    first = world.commit({"good/one.yaml": config_map("one")})
    world.application("good")
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        async with unread(world, full) as daemon:
            await daemon.until_synced("good", first)
            assert await daemon.lost() > 0
            daemon.process.terminate()
            assert await daemon.process.wait() == 0
    finally:
        os.close(full)


async def test_whoever_reads_the_log_stops_and_the_loop_is_not_held_up(world: World) -> None:
    first = world.commit({"good/one.yaml": config_map("one")})
    world.application("good")
    world.config["log"]["level"] = "debug"
    read, write = os.pipe()
    try:
        # The pipe is full before the daemon's first line.
        os.set_blocking(write, False)
        try:
            while os.write(write, b"x" * 4096):
                pass
        except BlockingIOError:
            os.set_blocking(write, True)
        async with unread(world, write) as daemon:
            await daemon.until_synced("good", first)
            await daemon.until_synced("good", await daemon.commit("good", "2"))
            assert await daemon.lost() == 0  # they wait, since there is room
            daemon.process.terminate()
            with anyio.fail_after(SECONDS):
                assert await daemon.process.wait() == 0
    finally:
        os.close(read)
        os.close(write)


async def test_at_sigterm_the_last_lines_are_out(world: World) -> None:
    first = world.commit({"good/one.yaml": config_map("one")})
    world.application("good")
    path = world.folder / "log"
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        async with unread(world, file) as daemon:
            await daemon.until_synced("good", first)
            daemon.process.send_signal(signal.SIGTERM)
            assert await daemon.process.wait() == 0
    finally:
        os.close(file)
    events = [json.loads(line)["event"] for line in Path(path).read_text().splitlines()]  # noqa: ASYNC240  # a small file
    assert events[-2:] == ["stopping", "stopped"]


async def test_the_level_changes_while_it_runs_by_request_and_by_reload(world: World) -> None:
    world.good()
    world.config["log"]["level"] = "warning"
    async with child(world) as daemon:
        with anyio.fail_after(SECONDS):
            while not daemon.socket.is_socket():  # noqa: ASYNC110  # at this level no line tells of it
                await anyio.sleep(0.02)
        ran = await command("log-level", "debug", "--for", "10m", "--socket", str(daemon.socket))
        assert ran.startswith("debug (configured: warning), until ")
        await daemon.until_line("log level changed", '"debug"')
        await daemon.refresh("good")
        await daemon.until_line('"reconciled"')
        assert (await command("log-level", "reset", "--socket", str(daemon.socket))) == "warning (as configured)\n"
        await daemon.until_line("log level changed", '"warning"')
        world.config["log"]["level"] = "info"
        world.write()
        daemon.signal(signal.SIGHUP)
        await daemon.until_line("log level changed", "the configuration")
        assert (await command("log-level", "--socket", str(daemon.socket))) == "info (as configured)\n"


async def test_a_running_daemon_is_profiled(world: World) -> None:
    world.good()
    async with child(world) as daemon:
        await daemon.until_line('"ready"')
        text = await command("profile", "--seconds", "0.5", "--socket", str(daemon.socket))
        assert text.startswith("gitopsd for 0.5 s: ")
        found = json.loads(
            await command("profile", "--seconds", "0.2", "--format", "speedscope", "--socket", str(daemon.socket))
        )
        assert found["profiles"]


async def command(*words: str) -> str:
    """What `gitopsd admin …` says."""
    done = await anyio.run_process([sys.executable, "-m", "gitopsd.cli", "admin", *words])
    return done.stdout.decode()
