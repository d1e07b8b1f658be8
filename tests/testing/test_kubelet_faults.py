"""The fake kubelet in front of an API server that fails: it goes on where it was, and loses no pod."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gitopsd.core.errors import ClusterError
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.faultproxy import FaultProxy, ProxiedRequest
from gitopsd.testing.kubelet import FakeNode
from tests.cluster_fixture import ApiServer
from tests.testing.pods import Bench, a_pod, is_ready, kubelet_at

NODE = FakeNode("node-faulty", labels={"faulty": "yes"})


@pytest.fixture
async def proxy(api_server: ApiServer) -> AsyncIterator[FaultProxy]:
    """What stands between the kubelet and the API server; it has a node of its own."""
    async with FaultProxy(api_server.kubeconfig) as proxy:
        access = ClusterAccess("proxied", server=proxy.url)
        async with kubelet_at(access, api_server, NODE):
            yield proxy
    api_server.request("DELETE", f"/api/v1/nodes/{NODE.name}")


async def test_a_dropped_watch_goes_on_where_it_was(proxy: FaultProxy, bench: Bench) -> None:
    assert proxy.drop() == 1
    await bench.create("pods", _pod("web"))

    await bench.pod("web", is_ready)

    assert len([request for request in proxy.requests if _is_list(request)]) == 1


async def test_a_watch_that_is_too_old_begins_with_a_new_list(proxy: FaultProxy, bench: Bench) -> None:
    await bench.create("pods", _pod("old"))
    await bench.pod("old", is_ready)
    proxy.answer(410, matching=lambda request: request.is_watch)
    proxy.drop()
    await bench.create("pods", _pod("web"))

    await bench.pod("web", is_ready)

    assert len([request for request in proxy.requests if _is_list(request)]) == 2


async def test_pods_that_came_and_went_meanwhile_are_found_out(proxy: FaultProxy, bench: Bench) -> None:
    await bench.create("pods", _pod("old"))
    await bench.pod("old", is_ready)
    await proxy.stop()
    await bench.do("DELETE", "pods/old")
    await bench.create("pods", _pod("web"))

    await proxy.start()

    await bench.pod("web", is_ready)
    await bench.until("pods", lambda pods: "old" not in pods)


async def test_a_busy_api_server_is_asked_again(proxy: FaultProxy, bench: Bench) -> None:
    proxy.answer(429, times=3, matching=lambda request: request.method != "GET")
    proxy.answer(500, times=3, matching=lambda request: request.method != "GET")
    await bench.create("pods", _pod("web"))

    await bench.pod("web", is_ready)


async def test_a_user_who_may_do_nothing_is_told_so(api_server: ApiServer, namespace: str) -> None:
    access = ClusterAccess("nobody", kubeconfig=str(api_server.user("nobody")))

    with pytest.raises(ClusterError, match="node node-faulty cannot be registered") as caught:
        async with kubelet_at(access, api_server, NODE):
            pass

    assert "system:masters" in caught.value.hint


def _pod(name: str) -> dict[str, object]:
    return a_pod(name, nodeSelector=NODE.labels)


def _is_list(request: ProxiedRequest) -> bool:
    return request.path == "/api/v1/pods" and not request.is_watch
