"""A watch whose task ends without a word is told of; one of a cluster that is down has not ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from gitopsd.core.ids import GVK, GroupKind
from gitopsd.kube.background import Background
from gitopsd.kube.follow import Source
from gitopsd.kube.http import JSON, KubeHttp
from gitopsd.kube.index import Index
from gitopsd.kube.resource import Resource
from gitopsd.kube.watches import Watches
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.clock import FakeClock
from tests.kube.conftest import RealClock

MAPS = Resource(GVK("", "v1", "ConfigMap"), "configmaps", namespaced=True, verbs=frozenset({"list", "watch"}))
KIND = GroupKind("", "ConfigMap")


class _Slipping(KubeHttp):
    """As a library in which a cancellation of its own gets away."""

    def __init__(self) -> None:
        super().__init__(ClusterAccess("slipping", server="https://127.0.0.1:9"), clock=RealClock())

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
        if path:
            raise anyio.get_cancelled_exc_class()
        yield _nothing()


async def _nothing() -> AsyncIterator[list[bytes]]:
    yield []


class _Up:
    async def wait_up(self) -> bool:
        return False


def _watches(tasks: TaskGroup, *, namespaces: tuple[str, ...] = ()) -> Watches:
    return Watches(
        Source(_Slipping(), _Up(), FakeClock()),
        Index(),
        lambda _apps: None,
        Background(tasks),
        grace=1.0,
        patience=1.0,
        children_of=lambda _kind: (),
        namespaces=namespaces,
    )


async def test_a_watch_that_ended_without_a_word_is_named_until_it_is_closed_or_begun_anew() -> None:
    async with anyio.create_task_group() as tasks:
        watches = _watches(tasks)
        watches.start(MAPS)
        assert list(watches.ended()) == []
        await anyio.wait_all_tasks_blocked()
        assert list(watches.ended()) == [KIND]
        watches.close(KIND)
        assert list(watches.ended()) == []


async def test_one_of_several_namespaces_is_enough() -> None:
    async with anyio.create_task_group() as tasks:
        watches = _watches(tasks, namespaces=("one", "two"))
        watches.start(MAPS)
        await anyio.wait_all_tasks_blocked()
        assert list(watches.ended()) == [KIND]
