"""`pods/log` through a real API server, down to the fake kubelet's endpoint."""

from __future__ import annotations

import re
import ssl

import anyio
import pytest

from gitopsd.testing.kubelet import FakeKubelet
from tests.cluster_fixture import ApiServer
from tests.testing.pods import Bench, a_pod, container, is_ready


async def test_the_annotations_lines_are_the_log(kubelet: FakeKubelet, bench: Bench) -> None:
    await bench.create("pods", a_pod("web", annotations={"logs": "one\ntwo\nthree"}))
    await bench.pod("web", is_ready)

    assert await bench.log("web") == (200, "one\ntwo\nthree\n")
    assert await bench.log("web", tailLines="1") == (200, "three\n")
    assert await bench.log("web", limitBytes="5") == (200, "one\nt")
    assert await bench.log("web", sinceSeconds="3600") == (200, "one\ntwo\nthree\n")
    assert await bench.log("web", sinceTime="2999-01-01T00:00:00Z") == (200, "")
    _, stamped = await bench.log("web", timestamps="true", tailLines="1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z three\n", stamped)


async def test_following_goes_on_until_the_pod_is_gone(kubelet: FakeKubelet, bench: Bench) -> None:
    await bench.create("pods", a_pod("web", annotations={"logs": "hello"}))
    await bench.pod("web", is_ready)
    heard: list[bytes] = []

    with anyio.fail_after(30):
        path = f"/api/v1/namespaces/{bench.namespace}/pods/web/log"
        async with bench.client.batches(path, {"follow": "true"}) as batches:
            async for lines in batches:
                if not heard:
                    kubelet.logs.write(f"{bench.namespace}/web", "main", "more")
                heard += lines
                if b"more" in lines:
                    await bench.do("DELETE", "pods/web")

    assert heard == [b"hello", b"more"]


async def test_a_follower_that_leaves_harms_nobody(kubelet: FakeKubelet, bench: Bench) -> None:
    await bench.create("pods", a_pod("web", annotations={"logs": "hello"}))
    await bench.pod("web", is_ready)
    path = f"/api/v1/namespaces/{bench.namespace}/pods/web/log"

    async with bench.client.batches(path, {"follow": "true"}) as batches:
        assert await anext(batches) == [b"hello"]

    assert await bench.log("web") == (200, "hello\n")


async def test_the_log_of_the_start_before_can_be_read(kubelet: FakeKubelet, bench: Bench) -> None:
    await bench.create("pods", a_pod("web", annotations={"logs": "boom", "behaviour": "crash"}))
    await bench.pod("web", lambda pod: container(pod).get("restartCount", 0) >= 1)

    assert await bench.log("web", previous="true") == (200, "boom\n")


async def test_there_is_no_earlier_log_of_a_first_start(kubelet: FakeKubelet, bench: Bench) -> None:
    await bench.create("pods", a_pod("web"))
    await bench.pod("web", is_ready)

    status, told = await bench.log("web", previous="true")

    assert status == 400
    assert "previous terminated container" in told


async def test_the_endpoint_lets_nobody_in_without_a_certificate(
    api_server: ApiServer, kubelet: FakeKubelet, bench: Bench
) -> None:
    node = (await bench.client.request("GET", "/api/v1/nodes/node-1")).body
    port = int(re.search(rb'"Port":(\d+)', node)[1])  # type: ignore[index]  # the test fails if there is none
    context = ssl.create_default_context(cafile=str(api_server.folder / "pki" / "ca.crt"))

    async def ask() -> None:
        async with await anyio.connect_tcp("127.0.0.1", port, ssl_context=context) as stream:
            await stream.send(b"GET /containerLogs/a/b/c HTTP/1.1\r\n\r\n")
            await stream.receive()

    with anyio.fail_after(30), pytest.raises((ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream)):
        await ask()
