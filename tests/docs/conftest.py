"""A cluster for those who walk through pages, with pods that run."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gitopsd.testing.kubelet import FakeKubelet
from tests.cluster_fixture import ApiServer, api_server
from tests.docs.pages import ROOT
from tests.docs.walk import environment
from tests.e2e.conftest import master
from tests.testing.pods import running_kubelet

__all__ = ["api_server"]

ORIGINALS = ROOT / ".build" / "originals"


@pytest.fixture
async def kubelet(api_server: ApiServer) -> AsyncIterator[FakeKubelet]:
    """Pods run while this is there."""
    async with running_kubelet(api_server, master(api_server, "docs-kubelet")) as running:
        yield running


@pytest.fixture
def places() -> dict[str, str]:
    """What is otherwise on this machine than on a reader's: the port is one that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return {"127.0.0.1:8080": f"127.0.0.1:{free.getsockname()[1]}"}


@pytest.fixture
def reader(api_server: ApiServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a reader with a kubeconfig, gitopsd and kubectl."""
    if not (ORIGINALS / "kubectl").is_file():
        pytest.skip("kubectl is not built: run `make originals`")
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    kubeconfig = home / ".kube" / "config"
    kubeconfig.write_bytes(master(api_server, "docs-reader").read_bytes())
    kubeconfig.chmod(0o600)
    return environment(home, Path(sys.executable).parent, ORIGINALS)
