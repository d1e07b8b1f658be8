"""What the long runs stand on: an API server whose pods run, and worlds on it whose daemon meets a proxy first."""

from __future__ import annotations

import itertools
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread

from gitopsd.daemon.clock import SystemClock
from gitopsd.kube.http import KubeHttp
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.faultproxy import FaultProxy
from tests.cluster_fixture import ApiServer, find_localcluster, start
from tests.e2e.cluster import WRITES, Cluster
from tests.e2e.world import World, environment
from tests.testing.pods import running_kubelet

_USERS: Final = itertools.count(1)

Entry = Mapping[str, Any]


@dataclass
class Ground:
    """A running API server, seen as its administrator; `folder` is for worlds."""

    api_server: ApiServer
    cluster: Cluster
    folder: Path
    _read: int = 0
    _one_reader: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    _entries: dict[str, list[Entry]] = field(default_factory=dict)

    @asynccontextmanager
    async def world(self) -> AsyncIterator[tuple[World, FaultProxy]]:
        """A world whose cluster `local` is reached through the proxy, as a user of its own."""
        user = f"long-{next(_USERS)}"
        kubeconfig = await anyio.to_thread.run_sync(lambda: master(self.api_server, user))
        with tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as name:
            async with FaultProxy(kubeconfig) as proxy:
                world = World(Path(name), self.cluster, kubeconfig, user, environment())
                world.config["clusters"] = [{"name": "local", "server": proxy.url}]
                yield world, proxy

    async def writes(self, user: str) -> list[Entry]:
        """What `user` wrote so far and the API server did, in order: entries of its audit log, dry-runs left out."""

        def read() -> list[Entry]:
            with (self.api_server.folder / "audit.log").open("rb") as log:
                log.seek(self._read)
                lines = log.readlines()
            for line in lines:
                if not line.endswith(b"}\n"):
                    break
                self._read += len(line)
                self._take(json.loads(line))
            return list(self._entries.get(user, ()))

        return await anyio.to_thread.run_sync(read, limiter=self._one_reader)

    def _take(self, entry: Entry) -> None:
        name = str(entry.get("user", {}).get("username", ""))
        code = entry.get("responseStatus", {}).get("code", 0)
        if name.startswith("long-") and entry["verb"] in WRITES and code < 300 and "dryRun" not in entry["requestURI"]:
            self._entries.setdefault(name, []).append(entry)


def master(api_server: ApiServer, user: str) -> Path:
    """The kubeconfig of a user who may do everything."""
    command: list[str | Path] = [api_server.program, "kubeconfig", "--dir", api_server.folder]
    command += ["--user", user, "--group", "system:masters"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    return Path(done.stdout.strip())


@asynccontextmanager
async def standing_on(api_server: ApiServer, folder: Path) -> AsyncIterator[Ground]:
    """The ground that a running API server is, with pods that run."""
    kubelet = await anyio.to_thread.run_sync(lambda: master(api_server, "kubelet-of-long-runs"))
    access = ClusterAccess("admin", kubeconfig=str(api_server.kubeconfig))
    async with KubeHttp(access, clock=SystemClock()) as client, running_kubelet(api_server, kubelet):
        yield Ground(api_server, Cluster(api_server, client), folder)


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """A ground of its own, for runs without pytest. Raises `RuntimeError` if the local cluster is not built."""
    program = find_localcluster()
    if program is None:
        raise RuntimeError("no localcluster: run `make setup`, or name one in GITOPSD_LOCALCLUSTER")
    with tempfile.TemporaryDirectory(prefix="gitopsd-long-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        api_server = await anyio.to_thread.run_sync(lambda: start(program, folder / "cluster"))
        try:
            (folder / "worlds").mkdir(mode=0o700)
            async with standing_on(api_server, folder / "worlds") as standing:
                yield standing
        finally:
            await anyio.to_thread.run_sync(api_server.stop, abandon_on_cancel=False)
