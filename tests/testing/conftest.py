"""A fake kubelet on a real API server, and a namespace to make pods in."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gitopsd.daemon.clock import SystemClock
from gitopsd.kube.http import KubeHttp
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.kubelet import FakeKubelet
from tests.cluster_fixture import ApiServer, api_server, namespace
from tests.testing.pods import Bench, running_kubelet

__all__ = ["api_server", "namespace"]


@pytest.fixture(scope="session")
def kubelet_kubeconfig(api_server: ApiServer) -> Path:
    """The kubeconfig of the fake kubelet's own user."""
    command: list[str | Path] = [api_server.program, "kubeconfig", "--dir", api_server.folder]
    command += ["--user", "fake-kubelet", "--group", "system:masters"]
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return Path(done.stdout.strip())


@pytest.fixture
async def kubelet(api_server: ApiServer, kubelet_kubeconfig: Path) -> AsyncIterator[FakeKubelet]:
    """A fake kubelet of one node."""
    async with running_kubelet(api_server, kubelet_kubeconfig) as running:
        yield running


@pytest.fixture
async def bench(api_server: ApiServer, namespace: str) -> AsyncIterator[Bench]:
    """The test's namespace, with its service account, which pods need."""
    access = ClusterAccess("tests", kubeconfig=str(api_server.kubeconfig))
    async with KubeHttp(access, clock=SystemClock()) as client:
        made = Bench(client, namespace)
        await made.until("serviceaccounts", lambda accounts: "default" in accounts)
        yield made
