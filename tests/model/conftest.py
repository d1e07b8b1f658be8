"""The model's tests run on virtual time, but for those on the real API server."""

import itertools
from collections.abc import Callable
from typing import Final

import pytest

from gitopsd.testing.virtual_time import VirtualTimeLoop
from tests.e2e.conftest import api_server, cluster, kubelet, kubelet_kubeconfig, world

__all__ = ["api_server", "cluster", "kubelet", "kubelet_kubeconfig", "world"]

_USERS: Final = itertools.count(1)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    """Return asyncio's loop, with the test's own time."""
    return "asyncio", {"loop_factory": VirtualTimeLoop}


@pytest.fixture
def user() -> str:
    """Whom the test's daemon is on the API server, which other folders' tests use too."""
    return f"model-{next(_USERS)}"
