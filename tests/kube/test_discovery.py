"""What a cluster serves: without aggregated discovery, with a broken aggregated API, and as definitions come and go."""

import contextlib

import anyio
import pytest

from gitopsd.core.errors import ClusterDown, ClusterError, SpecError
from gitopsd.core.ids import GVK, AppName
from gitopsd.core.manifest import KindInfo
from gitopsd.core.permit import permit_object
from gitopsd.core.unreadable import KindPlace
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.kube.clusters import KubeClusters
from gitopsd.kube.refusal import Asked, from_status
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.builders import an_app, an_object
from gitopsd.testing.faultproxy import FaultProxy, ProxiedRequest
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import (
    CONFIG_MAP,
    DEADLINE_SECONDS,
    DEPLOYMENT,
    Changes,
    a_definition,
    apply,
    desired,
)
from tests.kube.conftest import RealClock

SHOP = AppName("shop")


async def test_a_server_without_aggregated_discovery_is_asked_group_by_group(
    behind_proxy: KubeCluster, proxy: FaultProxy, cluster: KubeCluster
) -> None:
    proxy.forces["accept"] = "application/json"
    assert (await behind_proxy.target()).api_versions == (await cluster.target()).api_versions
    assert await behind_proxy.kinds([DEPLOYMENT]) == {DEPLOYMENT: KindInfo(namespaced=True)}


@pytest.mark.parametrize("accept", ["", "application/json"])
async def test_a_broken_aggregated_api_hurts_nobody_else(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, accept: str
) -> None:
    if accept:
        proxy.forces["accept"] = accept
    group = f"{namespace}.broken.example.org"
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"v1.{group}"},
        "spec": {
            "group": group,
            "version": "v1",
            "service": {"namespace": namespace, "name": "nobody"},
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
        },
    }
    path = "/apis/apiregistration.k8s.io/v1/apiservices"
    api_server.do("POST", path, service)
    try:
        broken = GVK(group, "v1", "Thing")
        assert (await behind_proxy.observe(SHOP, [], [CONFIG_MAP])).objects == {}
        live = await behind_proxy.observe(AppName("needy"), [], [broken, CONFIG_MAP])
        assert list(live.unreadable.reasons) == [KindPlace(broken.group_kind)]
        assert await behind_proxy.kinds([broken]) == {}
        assert (await behind_proxy.observe(SHOP, [], [CONFIG_MAP, DEPLOYMENT])).objects == {}
    finally:
        api_server.do("DELETE", f"{path}/v1.{group}")


async def test_a_kind_whose_definition_is_deleted_has_no_objects_any_more(cluster: KubeCluster, namespace: str) -> None:
    group = f"{namespace}.example.org"
    widget = GVK(group, "v1", "Widget")
    definition = desired(a_definition(group))
    changes = Changes(cluster)
    assert (await cluster.observe(SHOP, [], [widget])).objects == {}
    live = await cluster.apply(permit_object(an_app(), definition.key), definition)
    while widget not in await cluster.kinds([widget]):
        seen = len(changes.heard)
        await changes.until(lambda seen=seen: len(changes.heard) > seen)  # type: ignore[misc]  # bound right now
    instance = desired(an_object("Widget", "one", api_version=f"{group}/v1", namespace=namespace), "shop")
    await apply(cluster, instance)
    assert list((await cluster.observe(SHOP, [], [widget])).objects) == [instance.key]
    await cluster.delete(permit_object(an_app(), live.key), live, propagation="Background")
    while widget in await cluster.kinds([widget]):
        seen = len(changes.heard)
        await changes.until(lambda seen=seen: len(changes.heard) > seen)  # type: ignore[misc]  # bound right now
    assert (await cluster.observe(SHOP, [], [widget])).objects == {}


@pytest.mark.parametrize("fault", [403, 429, 0])
async def test_a_question_for_a_kind_that_goes_may_fail_and_its_watch_ends_all_the_same(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, fault: int
) -> None:
    group = f"{namespace}.example.org"
    widget = GVK(group, "v1", "Widget")
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    await apply(behind_proxy, desired(a_definition(group)))
    one = desired(an_object("Widget", "one", api_version=f"{group}/v1", namespace=namespace), "shop")
    await apply(behind_proxy, one)
    assert list((await behind_proxy.observe(SHOP, [one.key], [widget])).objects) == [one.key]

    def asks_for_it(request: ProxiedRequest) -> bool:
        return request.path == f"/apis/{group}/v1"

    if fault:
        proxy.answer(fault, times=1_000, matching=asks_for_it, headers={"Retry-After": "0"})
    else:
        proxy.abort(times=1_000, matching=asks_for_it)
    changes = Changes(behind_proxy)
    asked = len(proxy.requests)
    api_server.do("DELETE", f"{path}/widgets.{group}")
    with anyio.fail_after(DEADLINE_SECONDS):
        while widget.group_kind in behind_proxy.watched():
            seen = len(changes.heard)
            await behind_proxy.observe(SHOP, [one.key], [widget])
            if widget.group_kind in behind_proxy.watched():
                await changes.until(lambda seen=seen: len(changes.heard) > seen)  # type: ignore[misc]  # bound right now
    assert any(map(asks_for_it, proxy.requests[asked:]))
    proxy.heal()
    assert (await behind_proxy.observe(SHOP, [one.key], [CONFIG_MAP])).objects == {}
    assert list(behind_proxy.ended()) == []


async def test_a_pass_that_waits_for_a_definition_ends_when_its_cluster_is_left(
    proxy: FaultProxy, api_server: ApiServer, clock: RealClock, namespace: str
) -> None:
    group = f"{namespace}.example.org"
    one = desired(an_object("Widget", "one", api_version=f"{group}/v1", namespace=namespace), "shop")
    waiting = anyio.Event()
    failed: list[str] = []

    async def write(cluster: KubeCluster) -> None:
        try:
            await apply(cluster, one)
        except ClusterDown as error:
            failed.append(str(error))

    def looks(request: ProxiedRequest) -> bool:
        if request.path == f"/apis/{group}/v1":
            waiting.set()
        return request.path.startswith(f"/apis/{group}")

    proxy.answer(404, times=1_000, matching=looks)
    try:
        with anyio.fail_after(DEADLINE_SECONDS):
            access = ClusterAccess("brief", server=proxy.url)
            async with anyio.create_task_group() as tasks, KubeCluster(access, clock=clock) as cluster:
                await apply(cluster, desired(a_definition(group)))
                tasks.start_soon(write, cluster)
                await waiting.wait()
        assert ["closed" in why for why in failed] == [True], failed
    finally:
        api_server.do("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")


async def test_an_unknown_kind_is_not_asked_for_again_and_again(
    cluster: KubeCluster, requests: list[RequestMade]
) -> None:
    ghost = GVK("ghosts.example.org", "v1", "Ghost")
    await cluster.kinds([ghost])
    asked = [made.verb for made in requests].count("discover")
    for _ in range(50):
        assert await cluster.kinds([ghost]) == {}
    assert [made.verb for made in requests].count("discover") == asked


async def test_who_asks_while_a_question_for_an_unknown_kind_fails_hears_of_it_too_and_not_that_there_is_no_such_kind(
    behind_proxy: KubeCluster, proxy: FaultProxy
) -> None:
    ghost = GVK("ghosts.example.org", "v1", "Ghost")
    await behind_proxy.target()
    told: list[str] = []

    async def ask() -> None:
        with pytest.raises(ClusterError) as failed:
            await behind_proxy.kinds([ghost])
        told.append(failed.value.what)

    def asks(request: ProxiedRequest) -> bool:
        return request.path == f"/apis/{ghost.group}/{ghost.version}"

    proxy.answer(403, matching=asks, times=100)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask)
    await ask()
    assert len(told) == 4
    assert len(set(told)) == 1
    assert len([request for request in proxy.requests if asks(request)]) == 1
    proxy.heal()
    with anyio.fail_after(DEADLINE_SECONDS):
        while True:
            with contextlib.suppress(ClusterError):
                assert await behind_proxy.kinds([ghost]) == {}
                break
            await anyio.lowlevel.checkpoint()


async def test_a_destination_finds_its_cluster_by_name_or_server(api_server: ApiServer, clock: RealClock) -> None:
    accesses = [
        ClusterAccess("local", kubeconfig=str(api_server.kubeconfig)),
        ClusterAccess("inside", in_cluster=True),
        ClusterAccess("far", server="https://Far.example.org:443/"),
    ]
    async with KubeClusters(accesses, clock=clock) as clusters:
        assert clusters.find(name="far").name == "far"
        assert clusters.find(server=f"{api_server.server}/").name == "local"
        assert clusters.find(server="https://far.example.org").name == "far"
        assert clusters.find(server="https://kubernetes.default.svc").name == "inside"
        with pytest.raises(SpecError) as unknown:
            clusters.find(name="fra")
    assert "far, inside, local" in unknown.value.hint


async def test_a_cluster_called_in_cluster_is_the_one_that_argo_cds_manifests_mean(clock: RealClock) -> None:
    accesses = [ClusterAccess("in-cluster", server="https://far.example.org")]
    async with KubeClusters(accesses, clock=clock) as clusters:
        assert clusters.find(server="https://kubernetes.default.svc/").name == "in-cluster"
        await clusters.reconfigure([*accesses, ClusterAccess("inside", in_cluster=True)])
        assert clusters.find(server="https://kubernetes.default.svc").name == "inside"
        assert clusters.find(name="in-cluster").name == "in-cluster"
        await clusters.reconfigure([ClusterAccess("other", server="https://far.example.org")])
        with pytest.raises(SpecError):
            clusters.find(server="https://kubernetes.default.svc")
        with pytest.raises(SpecError):
            clusters.find(name="in-cluster")


def status(message: str, code: int, **fields: object) -> ClusterError:
    body = {"kind": "Status", "message": message, "code": code, **fields}
    return from_status(Asked("local", "apply", "ConfigMap"), body, code=code)  # type: ignore[arg-type]  # all of it JSON


def test_a_webhook_that_denies_is_named_and_not_retryable() -> None:
    error = status('admission webhook "policy.example.org" denied the request: no', 400)
    assert "policy.example.org" in error.hint
    assert not error.retryable


def test_a_webhook_that_does_not_answer_is_named_and_retryable() -> None:
    error = status('Internal error occurred: failed calling webhook "policy.example.org": timeout', 500)
    assert "policy.example.org" in error.hint
    assert error.retryable


def test_an_exceeded_quota_keeps_the_servers_words() -> None:
    error = status('pods "x" is forbidden: exceeded quota: small, requested: pods=1', 403, reason="Forbidden")
    assert "exceeded quota: small" in str(error)
    assert "quotas" in error.hint
