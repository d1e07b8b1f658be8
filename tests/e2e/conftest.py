"""A world for each test on the run's API server, and a fake kubelet for those whose pods shall run."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from gitopsd.daemon.clock import SystemClock
from gitopsd.kube.http import KubeHttp
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.faultproxy import FaultProxy
from gitopsd.testing.kubelet import FakeKubelet
from tests.cluster_fixture import ApiServer, api_server
from tests.e2e.cluster import Cluster
from tests.e2e.world import World, environment
from tests.testing.pods import running_kubelet

__all__ = ["api_server"]

_USERS: Final = itertools.count(1)


def master(api_server: ApiServer, user: str) -> Path:
    """The kubeconfig of a user who may do everything."""
    command: list[str | Path] = [api_server.program, "kubeconfig", "--dir", api_server.folder]
    command += ["--user", user, "--group", "system:masters"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def kubelet_kubeconfig(api_server: ApiServer) -> Path:
    """The fake kubelet's."""
    return master(api_server, "e2e-kubelet")


@pytest.fixture
async def kubelet(api_server: ApiServer, kubelet_kubeconfig: Path) -> AsyncIterator[FakeKubelet]:
    """Pods run while this is there."""
    async with running_kubelet(api_server, kubelet_kubeconfig) as running:
        yield running


@pytest.fixture
async def cluster(api_server: ApiServer) -> AsyncIterator[Cluster]:
    """The API server, as its administrator."""
    access = ClusterAccess("admin", kubeconfig=str(api_server.kubeconfig))
    async with KubeHttp(access, clock=SystemClock()) as client:
        yield Cluster(api_server, client)


@pytest.fixture
def user() -> str:
    """Whom the test's daemon is on the API server: the audit log tells its requests from all others."""
    return f"daemon-{next(_USERS)}"


@pytest.fixture
def world(cluster: Cluster, api_server: ApiServer, user: str, tmp_path: Path) -> World:
    """The test's own repository and configuration."""
    folder = tmp_path / "world"
    folder.mkdir(mode=0o700)
    return World(folder, cluster, master(api_server, user), user, environment())


@pytest.fixture
async def proxy(world: World) -> AsyncIterator[FaultProxy]:
    """A proxy that fails on demand; the world's cluster `local` is reached through it."""
    async with FaultProxy(world.kubeconfig) as proxy:
        world.config["clusters"] = [{"name": "local", "server": proxy.url}]
        yield proxy
