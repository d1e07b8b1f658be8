"""A real API server, clusters of ours in front of it, and a proxy in between that fails on demand."""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster, KubeSettings
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.faultproxy import FaultProxy
from tests.cluster_fixture import ApiServer, api_server, namespace

__all__ = ["api_server", "namespace"]


class RealClock:
    """Time as it is; jitter drawn from a fixed seed."""

    def __init__(self) -> None:
        self._random = random.Random(7)  # noqa: S311 - jitter, no secret

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)  # noqa: TID251 - this is the clock

    def monotonic(self) -> float:
        """Return the loop's kind of seconds."""
        return time.monotonic()

    def jitter(self, seconds: float) -> float:
        """Return a part of `seconds`."""
        return self._random.uniform(0, seconds)


@pytest.fixture
def clock() -> RealClock:
    return RealClock()


@pytest.fixture
def requests() -> list[RequestMade]:
    """Give the requests that `cluster` and `behind_proxy` made, as metrics hear of them."""
    return []


@pytest.fixture
async def cluster(api_server: ApiServer, clock: RealClock, requests: list[RequestMade]) -> AsyncIterator[KubeCluster]:
    access = ClusterAccess("local", kubeconfig=str(api_server.kubeconfig))
    async with KubeCluster(access, clock=clock, on_request=requests.append) as cluster:
        yield cluster


@pytest.fixture
async def proxy(api_server: ApiServer) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(api_server.kubeconfig) as proxy:
        yield proxy


@pytest.fixture
async def behind_proxy(proxy: FaultProxy, clock: RealClock, requests: list[RequestMade]) -> AsyncIterator[KubeCluster]:
    """Give a cluster that reaches the API server through `proxy`."""
    access = ClusterAccess("proxied", server=proxy.url)
    async with KubeCluster(access, clock=clock, on_request=requests.append) as cluster:
        yield cluster


Opening = Callable[..., AbstractAsyncContextManager[KubeCluster]]


@pytest.fixture
def open_cluster(clock: RealClock) -> Opening:
    """Give a way to open a cluster for a kubeconfig."""

    def opened(kubeconfig: Path, **settings: float) -> KubeCluster:
        chosen = KubeSettings(**settings)  # type: ignore[arg-type]  # tests name fields of the right type
        return KubeCluster(ClusterAccess("own", kubeconfig=str(kubeconfig)), clock=clock, settings=chosen)

    return opened
