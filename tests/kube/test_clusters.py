"""Several clusters side by side, the way to each, and what is told of one that cannot be used."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from aiohttp import web

from gitopsd.core.errors import ClusterDown, ClusterError, SpecError
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret
from gitopsd.kube.cluster import KubeCluster
from gitopsd.kube.clusters import KubeClusters
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.pace import Pace
from gitopsd.ports.cluster import ClusterAccess, CredentialPlugin
from gitopsd.testing.builders import a_config_map
from gitopsd.testing.faultproxy import FaultProxy
from gitopsd.testing.proxies import ProxyServer
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import CONFIG_MAP, Changes, apply, desired
from tests.kube.conftest import RealClock

CANARY = "CANARY-77d0"
NOWHERE = "http://127.0.0.1:1"


@asynccontextmanager
async def serving(handler: web.Server) -> AsyncIterator[str]:
    """An HTTP server on the loopback; its URL."""
    runner = web.ServerRunner(handler)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def pki(api_server: ApiServer, name: str = "own", **fields: object) -> ClusterAccess:
    """The administrator's access by server and certificates."""
    folder = api_server.folder / "pki"
    key = Secret((folder / "admin.key").read_text())
    ca, certificate = (folder / "ca.crt").read_text(), (folder / "admin.crt").read_text()
    access = ClusterAccess(name, server=api_server.server, ca=ca, client_certificate=certificate, client_key=key)
    return replace(access, **fields)  # type: ignore[arg-type]  # fields by name


async def test_a_cluster_is_reached_through_its_proxy_alone(api_server: ApiServer, clock: RealClock) -> None:
    with ProxyServer(username="u", password=CANARY) as proxy:
        way = Proxy("http", "127.0.0.1", proxy.port, "u", Secret(CANARY))
        async with KubeHttp(pki(api_server, proxy=way), clock=clock) as http:
            assert (await http.request("GET", "/version")).ok
        assert proxy.seen == [api_server.server.removeprefix("https://")]


async def test_a_proxy_that_is_down_or_refuses_is_named_without_its_password(
    api_server: ApiServer, clock: RealClock
) -> None:
    with ProxyServer(username="u", password="other") as proxy:
        way = Proxy("http", "127.0.0.1", proxy.port, "u", Secret(CANARY))
        async with KubeHttp(pki(api_server, proxy=way), clock=clock) as http:
            with pytest.raises(ClusterDown, match="the proxy does not let the connection through") as refused:
                await http.request("GET", "/version")
    async with KubeHttp(pki(api_server, proxy=way), clock=clock) as http:
        with pytest.raises(ClusterDown, match="the proxy cannot be reached") as down:
            await http.request("GET", "/version")
    assert CANARY not in str(refused.value) + str(down.value)


async def test_a_cluster_that_is_down_says_since_when_and_why(clock: RealClock) -> None:
    async with KubeCluster(ClusterAccess("far", server=NOWHERE), clock=clock) as cluster:
        with pytest.raises(ClusterDown) as down:
            await cluster.target()
        assert cluster.connection().at is not None
    assert re.match(
        r"cluster far: it does not answer since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: the API server cannot be reached",
        str(down.value),
    )


async def test_a_429_makes_all_requests_of_the_cluster_wait_for_what_was_asked(clock: RealClock) -> None:
    came: list[tuple[str, float]] = []

    async def busy(request: web.BaseRequest) -> web.StreamResponse:
        came.append((request.path, time.monotonic()))
        return web.Response(status=429, headers={"Retry-After": "1"}) if len(came) == 1 else web.Response(text="{}")

    async with serving(web.Server(busy)) as url, KubeHttp(ClusterAccess("busy", server=url), clock=clock) as http:
        assert (await http.request("GET", "/one")).status == 429
        assert (await http.request("GET", "/other")).ok
        (_, first), (path, second) = came
        assert path == "/other"
        assert second - first >= 0.95


async def test_requests_of_a_cluster_with_a_qps_are_spread() -> None:
    pace = Pace(RealClock(), qps=20, burst=3)
    started = time.monotonic()
    for _ in range(7):
        await pace.turn()
    assert time.monotonic() - started >= 0.18
    free = Pace(RealClock())
    for _ in range(1000):
        await free.turn()


async def test_no_more_requests_are_on_their_way_than_the_cluster_is_given(clock: RealClock) -> None:
    here, most = 0, 0

    async def counting(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal here, most
        here += 1
        most = max(most, here)
        await anyio.wait_all_tasks_blocked()
        here -= 1
        return web.Response(text="{}")

    async with serving(web.Server(counting)) as url:
        access = ClusterAccess("narrow", server=url, in_flight=2)
        async with KubeHttp(access, clock=clock) as http, anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(http.request, "GET", f"/{number}")
    assert most == 2


@pytest.mark.parametrize("disabled", [True, False])
async def test_compression_can_be_switched_off(clock: RealClock, disabled: bool) -> None:
    seen: list[str] = []

    async def noting(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers.get("Accept-Encoding", ""))
        return web.Response(text="{}")

    async with serving(web.Server(noting)) as url:
        # By another name: where the server is this machine answers are never compressed.
        with ProxyServer(hosts={"far.example": url.removeprefix("http://")}) as way:
            proxy = Proxy("http", "127.0.0.1", way.port)
            access = ClusterAccess("far", server="http://far.example", proxy=proxy, disable_compression=disabled)
            async with KubeHttp(access, clock=clock) as http:
                assert (await http.request("GET", "/version")).ok
    assert ("gzip" in seen[0]) is not disabled


async def test_a_plugin_that_hangs_keeps_no_other_cluster_from_the_start(
    api_server: ApiServer, clock: RealClock
) -> None:
    hanging = CredentialPlugin(sys.executable, ("-c", "import time; time.sleep(600)"))
    accesses = [ClusterAccess("stuck", server=api_server.server, plugin=hanging), pki(api_server)]
    with anyio.fail_after(30):
        async with KubeClusters(accesses, clock=clock) as clusters:
            assert (await clusters.find(name="own").target()).kube_version


async def test_clusters_that_did_not_change_keep_their_connections(api_server: ApiServer, clock: RealClock) -> None:
    one, two = pki(api_server, "one"), pki(api_server, "two")
    async with KubeClusters([one, two], clock=clock) as clusters:
        before = {cluster.name: cluster for cluster in clusters.all}
        await clusters.reconfigure([replace(two, qps=5.0), pki(api_server, "three"), one])
        after = {cluster.name: cluster for cluster in clusters.all}
        assert list(after) == ["two", "three", "one"]
        assert after["one"] is before["one"]
        assert after["two"] is not before["two"]
        await clusters.reconfigure([one])
        assert [cluster.name for cluster in clusters.all] == ["one"]


async def test_a_cluster_that_was_replaced_lets_go_of_its_applications_and_looks_at_nothing(
    api_server: ApiServer, clock: RealClock, namespace: str
) -> None:
    access, app = pki(api_server), AppName("shop")
    key = ObjectKey("", "ConfigMap", namespace, "one")
    async with KubeClusters([access], clock=clock) as clusters:
        (before,) = clusters.all
        await before.observe(app, [key], [CONFIG_MAP])
        await clusters.reconfigure([replace(access, qps=5.0)])
        await anyio.wait_all_tasks_blocked()
        await before.forget(app, [key.group_kind])
        with pytest.raises(ClusterDown, match="its entry or its kubeconfig changed"):
            await before.observe(app, [key], [CONFIG_MAP])
        assert not (await clusters.find(name="own").observe(app, [key], [CONFIG_MAP])).unreadable


async def test_a_kubeconfig_that_leads_elsewhere_is_another_cluster(
    api_server: ApiServer, clock: RealClock, tmp_path: Path
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(api_server.kubeconfig.read_text().replace(api_server.server, NOWHERE))
    accesses = [ClusterAccess("moving", kubeconfig=str(path)), pki(api_server)]
    async with KubeClusters(accesses, clock=clock) as clusters:
        gone, stays = clusters.all
        with pytest.raises(ClusterDown):
            await gone.target()
        path.write_text(api_server.kubeconfig.read_text())
        await clusters.reconfigure(accesses)
        found, still = clusters.all
        assert found is not gone
        assert still is stays
        assert (await found.target()).kube_version
        await clusters.reconfigure(accesses)
        assert clusters.all == (found, stays)


async def test_a_cluster_may_be_one_that_is_not_known_yet(clock: RealClock) -> None:
    async with KubeClusters([ClusterAccess("hub", server=NOWHERE)], clock=clock) as clusters:
        await clusters.reconfigure([ClusterAccess("hub", server=NOWHERE)], "the hub is down")
        with pytest.raises(ClusterDown, match="the hub is down"):
            clusters.find(name="far")
        await clusters.reconfigure([ClusterAccess("hub", server=NOWHERE)])
        with pytest.raises(SpecError, match="that are there: hub"):
            clusters.find(name="far")


async def seen(cluster: KubeCluster, changes: Changes, key: ObjectKey) -> None:
    """Wait until the object is seen; a watch that has not come back yet is an error until then."""
    with anyio.fail_after(30):
        while True:
            heard = len(changes.heard)
            with contextlib.suppress(ClusterError):
                if key in (await cluster.observe(AppName("shop"), [key], [])).objects:
                    return
            await changes.until(lambda heard=heard: len(changes.heard) > heard)  # type: ignore[misc]  # bound right now


async def test_a_token_that_expires_while_watching_turns_the_cluster_down_until_there_is_another(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str
) -> None:
    wanted = desired(a_config_map("mine", namespace=namespace), "shop")
    await apply(behind_proxy, wanted)
    await behind_proxy.observe(AppName("shop"), [wanted.key], [CONFIG_MAP])
    changes = Changes(behind_proxy)
    proxy.answer(401, times=1_000_000)
    proxy.drop()
    await changes.until(lambda: not behind_proxy.connection().up)
    with pytest.raises(ClusterError, match="it does not answer since"):
        await behind_proxy.observe(AppName("shop"), [wanted.key], [CONFIG_MAP])
    proxy.heal()
    await changes.until(lambda: behind_proxy.connection().up)
    other = ObjectKey("", "ConfigMap", namespace, "other")
    await apply(behind_proxy, desired(a_config_map("other", namespace=namespace), "shop"))
    await seen(behind_proxy, changes, other)


async def test_what_is_told_of_a_cluster_counts_what_is_kept_and_seen(cluster: KubeCluster, namespace: str) -> None:
    wanted = desired(a_config_map("mine", namespace=namespace), "shop")
    await apply(cluster, wanted)
    await cluster.observe(AppName("shop"), [wanted.key], [CONFIG_MAP])
    status = cluster.status()
    (kind,) = [each for each in status.kinds if each.kind == "ConfigMap"]
    assert kind.version == "v1"
    assert 1 <= kind.kept < kind.seen
    assert status.api_resources > 40
    assert (status.connection.up, status.connection.version[:1]) == (True, "v")
