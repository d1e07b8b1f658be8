"""Several clusters under one daemon: one that goes away and comes back, and those that only Argo CD's Secrets name."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio.to_thread
import httpx
import pytest
import yaml
from structlog.testing import capture_logs

from gitopsd.testing.faultproxy import FaultProxy
from tests.cluster_fixture import ApiServer, find_localcluster, start
from tests.e2e.conditions import healthy, quiet, says, synced
from tests.e2e.manifests import config_map
from tests.e2e.test_doctor import bad, examined, said
from tests.e2e.world import Running, World
from tests.tracing.collector import attributes, collecting

CANARY = "CANARY-c55e"


@pytest.fixture
async def second(api_server: ApiServer, world: World) -> AsyncIterator[ApiServer]:
    """Another cluster, of this test alone, which the world's configuration calls `second`."""
    program = find_localcluster()
    assert program is not None  # the first one runs
    running = await anyio.to_thread.run_sync(start, program, world.folder / "second")
    world.config["clusters"].append({"name": "second", "kubeconfig": str(running.kubeconfig)})
    yield running
    await anyio.to_thread.run_sync(running.stop)
    await anyio.to_thread.run_sync(lambda: shutil.rmtree(running.folder, ignore_errors=True))


async def get(daemon: Running, path: str) -> Any:
    """What the API answers."""
    transport = httpx.AsyncHTTPTransport(uds=str(daemon.daemon.socket_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://gitopsd") as client:
        told = await client.get(f"/api/v1{path}")
    assert CANARY not in told.text
    return told.json()


async def test_a_cluster_that_stops_turns_only_its_own_applications_unknown_and_comes_back_by_itself(
    world: World, second: ApiServer
) -> None:
    world.good()
    world.commit({"far/one.yaml": config_map("one")})
    world.application("far", self_heal=True, destination={"name": "second"})
    async with world.daemon() as daemon:
        await daemon.until("far", synced, healthy, quiet)
        await daemon.until("good", synced, healthy, quiet)
        before = len(daemon.history("good"))
        await anyio.to_thread.run_sync(second.stop)
        status = await daemon.until("far", says("ComparisonError", "cluster second: it does not answer since "))
        assert (status.sync.value, status.health.status.value) == ("Unknown", "Unknown")
        told = {each["name"]: each["connectionState"] for each in (await get(daemon, "/clusters"))["items"]}
        assert (told["local"]["status"], told["second"]["status"]) == ("Successful", "Failed")
        assert "the API server cannot be reached" in told["second"]["message"]
        await daemon.goes_on()
        assert {each.sync.value for each in daemon.history("good")[before:]} <= {"Synced", "OutOfSync"}
        commit = world.commit({"far/one.yaml": config_map("one", "2")})
        again = await anyio.to_thread.run_sync(start, second.program, second.folder)
        try:
            await daemon.until("far", synced, healthy, quiet, seconds=60)
            await daemon.live("far", commit, healthy, quiet)
            found = again.do("GET", f"/api/v1/namespaces/{world.full('far')}/configmaps/one")
            assert found["data"] == {"key": "2"}
            details = await get(daemon, "/clusters/second")
            assert details["connectionState"]["status"] == "Successful"
            assert details["applications"] == 1
            assert {each["kind"] for each in details["kinds"]} >= {"ConfigMap"}
        finally:
            await anyio.to_thread.run_sync(again.stop)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def cluster_secret(name: str, server: str, config: Mapping[str, object], **data: str) -> dict[str, object]:
    """Argo CD's Secret of a cluster."""
    written = {"name": name, "server": server, "config": json.dumps(config), **data}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {"argocd.argoproj.io/secret-type": "cluster"}},
        "data": {key: b64(value) for key, value in written.items()},
    }


def certificates(world: World) -> dict[str, str]:
    """`tlsClientConfig` of whom the world's daemon is."""
    content = yaml.safe_load(world.kubeconfig.read_text())
    user = content["users"][0]["user"]
    return {
        "caData": content["clusters"][0]["cluster"]["certificate-authority-data"],
        "certData": user["client-certificate-data"],
        "keyData": user["client-key-data"],
    }


@pytest.fixture
def secrets(world: World, api_server: ApiServer) -> str:
    """The path of the Secrets of a namespace that `clustersFrom` names."""
    namespace = world.full("argocd")
    api_server.do("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    world.config["clustersFrom"] = [{"cluster": "local", "namespace": namespace}]
    return f"/api/v1/namespaces/{namespace}/secrets"


async def test_clusters_of_secrets_come_change_and_go_without_a_restart(
    world: World, api_server: ApiServer, secrets: str
) -> None:
    world.good()
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", destination={"name": "far"})
    ca = {"caData": certificates(world)["caData"]}
    async with world.daemon() as daemon:
        await daemon.until("app", says("InvalidSpecError", "no cluster 'far' is configured", "that are there: local"))
        await daemon.goes_on()
        wrong = {"bearerToken": f"wrong-{CANARY}", "tlsClientConfig": ca}
        api_server.do("POST", secrets, cluster_secret("far", world.cluster.server, wrong))
        assert await daemon.daemon.reload()
        status = await daemon.until("app", says("ComparisonError", "cluster far: it does not answer since"))
        assert CANARY not in repr(status)
        right = {"config": b64(json.dumps({"tlsClientConfig": certificates(world)}))}
        api_server.do("PATCH", f"{secrets}/far", {"data": right})
        assert await daemon.daemon.reload()
        await daemon.until("app", synced, healthy, quiet)
        (far,) = [each for each in (await get(daemon, "/clusters"))["items"] if each["name"] == "far"]
        assert (far["connectionState"]["status"], far["applications"]) == ("Successful", 1)
        assert far["writtenAt"] == f"Secret {world.full('argocd')}/far of cluster local"
        api_server.do("DELETE", f"{secrets}/far")
        assert await daemon.daemon.reload()
        await daemon.until("app", says("InvalidSpecError", "no cluster 'far' is configured"))
        assert await world.cluster.find(world.full("app"), "configmaps/one")
        assert 'name="far"' not in await daemon.metrics()
        await daemon.goes_on()


async def test_E8_a_secret_that_names_a_program_starts_none(world: World, api_server: ApiServer, secrets: str) -> None:
    trace = world.folder / "started"
    program = {"command": "touch", "args": [str(trace)], "apiVersion": "client.authentication.k8s.io/v1"}
    api_server.do("POST", secrets, cluster_secret("evil", world.cluster.server, {"execProviderConfig": program}))
    world.good()
    async with world.daemon() as daemon:
        await daemon.goes_on()
        assert [each["name"] for each in (await get(daemon, "/clusters"))["items"]] == ["local"]
        assert not trace.exists()
        world.config["clustersFrom"][0]["allowExec"] = True
        assert await daemon.reload()
        await daemon.goes_on()
        with anyio.fail_after(30):
            while not trace.exists():  # noqa: ASYNC110  # another process makes it, and tells nobody
                await anyio.sleep(0.01)


async def test_S15_a_secret_takes_no_name_that_the_configuration_has(
    world: World, api_server: ApiServer, secrets: str
) -> None:
    token = {"bearerToken": CANARY}
    for name in ("local", "in-cluster"):
        api_server.do("POST", secrets, cluster_secret(name, "https://127.0.0.1:1", token))
    world.good()
    async with world.daemon() as daemon:
        await daemon.goes_on()
        (local,) = (await get(daemon, "/clusters"))["items"]
        assert (local["name"], local["server"]) == ("local", world.cluster.server)


async def test_while_secrets_cannot_be_read_their_applications_wait_and_begin_by_themselves(
    world: World, api_server: ApiServer, proxy: FaultProxy, secrets: str
) -> None:
    world.config["clusters"].append({"name": "near", "kubeconfig": str(world.kubeconfig)})
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", destination={"name": "far"})
    world.good()
    world.config["applications"][1]["destination"]["name"] = "near"
    config = {"tlsClientConfig": certificates(world)}
    api_server.do("POST", secrets, cluster_secret("far", world.cluster.server, config))
    await proxy.stop()
    async with world.daemon() as daemon:
        await daemon.until("app", says("ComparisonError", "no cluster 'far' is known yet", "not read"))
        await daemon.goes_on()
        await proxy.start()
        await daemon.until("app", synced, healthy, quiet, seconds=60)


async def test_a_password_in_a_kubeconfigs_server_comes_out_of_no_door(world: World) -> None:
    with_password = world.kubeconfig.read_text().replace("server: https://", f"server: https://user:{CANARY}@")
    gone = yaml.safe_load(with_password)
    gone["clusters"][0]["cluster"]["server"] = f"https://user:{CANARY}@127.0.0.1:1"
    for name, content in (("local", with_password), ("gone", yaml.safe_dump(gone))):
        (world.folder / name).write_text(content)
    world.config["clusters"] = [{"name": name, "kubeconfig": str(world.folder / name)} for name in ("local", "gone")]
    world.good()
    world.commit({"far/one.yaml": config_map("one")})
    world.application("far", destination={"name": "gone"})
    world.application(
        "by-url", "far", destination={"name": "", "server": f"https://user:{CANARY}@127.0.0.1:1"}, manual=True
    )
    with collecting() as collector, capture_logs() as lines:
        world.config["tracing"] = {"endpoint": collector.url}
        async with world.daemon() as daemon:
            await daemon.until("good", synced, healthy, quiet)
            await daemon.until("far", says("ComparisonError", "cluster gone: it does not answer since "))
            await daemon.until("by-url", says("ComparisonError", "cluster gone: it does not answer since "))
            told = {each["name"]: each for each in (await get(daemon, "/clusters"))["items"]}
            assert told["gone"]["server"] == "https://127.0.0.1:1"
            assert told["local"]["connectionState"]["status"] == "Successful"
            await get(daemon, "/applications")
            await get(daemon, f"/applications/{world.full('by-url')}")
            assert CANARY not in await daemon.metrics()
            assert CANARY not in repr(daemon.statuses)
    _, findings, written = await examined(world)
    assert ("clusters", "gone") in bad(findings)
    assert CANARY not in written
    assert {"cluster connected", "cluster lost"} <= {each["event"] for each in lines}
    assert CANARY not in repr(lines)
    assert collector.spans
    assert CANARY not in repr([attributes(span) for span in collector.spans])


async def test_a_kubeconfig_that_switches_tls_verification_off_is_used_where_the_entry_permits_it(world: World) -> None:
    content = yaml.safe_load(world.kubeconfig.read_text())
    (cluster,) = content["clusters"]
    cluster["cluster"] = {"server": cluster["cluster"]["server"], "insecure-skip-tls-verify": True}
    kubeconfig = world.folder / "unchecked"
    kubeconfig.write_text(yaml.safe_dump(content))
    world.config["clusters"] = [{"name": "local", "kubeconfig": str(kubeconfig)}]
    world.good()
    async with world.daemon() as daemon:
        await daemon.until("good", says("cluster local: ", "switches TLS verification off", "insecure: true"))
        world.config["clusters"][0]["insecure"] = True
        world.write()
        assert await daemon.daemon.reload()
        await daemon.until("good", synced, healthy, quiet)


@pytest.mark.parametrize("content", [None, "{", "contexts: []"])
async def test_a_kubeconfig_that_cannot_be_used_fails_its_own_cluster_only_until_it_can(
    world: World, content: str | None
) -> None:
    kubeconfig = world.folder / "later"
    if content is not None:
        kubeconfig.write_text(content)
    world.config["clusters"].append({"name": "later", "kubeconfig": str(kubeconfig)})
    world.good()
    world.commit({"far/one.yaml": config_map("one")})
    world.application("far", destination={"name": "later"})
    later = "https://LOCALHOST:" + world.cluster.server.rpartition(":")[2]
    world.application("by-url", "far", destination={"name": "", "server": later})
    code, findings, _ = await examined(world)
    assert code == 1
    assert bad(findings)[0][0] == "configuration"
    said(findings, "clusters", "local", "answers: v")
    async with world.daemon() as daemon:
        await daemon.until("good", synced, healthy, quiet)
        for name in ("far", "by-url"):
            status = await daemon.until(name, says("ComparisonError", "cluster later: ", str(kubeconfig), "Try: "))
            assert (status.sync.value, status.health.status.value) == ("Unknown", "Unknown")
        told = {each["name"]: each for each in (await get(daemon, "/clusters"))["items"]}
        assert told["local"]["connectionState"]["status"] == "Successful"
        assert told["later"]["connectionState"]["status"] == "Failed"
        assert str(kubeconfig) in told["later"]["connectionState"]["message"]
        assert "Try: " in told["later"]["connectionState"]["message"]
        assert told["later"]["applications"] == 1
        world.config["log"] = {"level": "info"}
        world.write()
        assert await daemon.daemon.reload()  # what is broken already keeps nothing else from being used
        assert set(daemon.daemon.config.broken) == {"later"}
        await daemon.goes_on()
        kubeconfig.write_text(world.kubeconfig.read_text().replace("127.0.0.1", "localhost"))
        assert await daemon.daemon.reload()
        assert not daemon.daemon.config.broken
        for name in ("far", "by-url"):
            await daemon.until(name, synced, healthy, quiet)
        kubeconfig.write_text("{")
        assert not await daemon.daemon.reload()  # what can be used goes on
        await daemon.goes_on()
