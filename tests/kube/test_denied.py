"""A kind that may not be watched is tried again for ever, on virtual time: rights may come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise

import anyio
import pytest

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK
from gitopsd.kube.follow import Follower, Source
from gitopsd.kube.http import JSON, KubeHttp
from gitopsd.kube.index import Index
from gitopsd.kube.resource import Resource
from gitopsd.kube.watches import KindWatch
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.virtual_time import VirtualTimeLoop

HOUR_SECONDS = 3600.0
DOCUMENTED_SECONDS = 60.0
MAPS = Resource(GVK("", "v1", "ConfigMap"), "configmaps", namespaced=True, verbs=frozenset({"list", "watch"}))


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    return "asyncio", {"loop_factory": VirtualTimeLoop}


class _Refusing(KubeHttp):
    """Refuses every watch, and notes when it was asked."""

    def __init__(self) -> None:
        super().__init__(ClusterAccess("narrow", server="https://127.0.0.1:9"), clock=FakeClock())
        self.asked: list[float] = []

    @asynccontextmanager
    async def batches(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        kind: str = "",
        accept: str = JSON,
        idle_timeout: float = 600.0,
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        self.asked.append(anyio.current_time())
        if path:
            raise ClusterError("the API server refused to watch ConfigMap", status=403)
        yield _nothing()


async def _nothing() -> AsyncIterator[list[bytes]]:
    yield []


class _Up:
    async def wait_up(self) -> bool:
        return False


@pytest.mark.parametrize("share", [0.0, 1.0])
async def test_rights_that_come_are_noticed_within_the_documented_minute(share: float) -> None:
    http, clock = _Refusing(), FakeClock(share=share)
    sink = KindWatch(Index(), MAPS.gvk, lambda _apps: None, lambda _kind: frozenset())
    with anyio.move_on_after(HOUR_SECONDS):
        await Follower(Source(http, _Up(), clock), MAPS, sink).run()
    waits = [after - before for before, after in pairwise(http.asked)]
    assert 1.0 <= waits[0] <= 2.0
    assert DOCUMENTED_SECONDS / 2 <= max(waits) <= DOCUMENTED_SECONDS
