"""Watches and the index on a real API server: who hears of what, and what it costs."""

import anyio
import pytest

from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.permit import permit_object
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.builders import a_config_map, a_deployment, an_app, an_object
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import CONFIG_MAP, DEPLOYMENT, Changes, apply, desired
from tests.kube.conftest import Opening, RealClock

POD = GVK("", "v1", "Pod")


@pytest.fixture
def shop(namespace: str) -> AppName:
    return AppName(f"shop-{namespace}")


async def test_what_we_apply_ourselves_is_no_news(cluster: KubeCluster, namespace: str, shop: AppName) -> None:
    ours = an_app(shop)
    wanted = [desired(a_config_map(f"map-{number}", namespace=namespace), shop) for number in range(20)]
    last = desired(a_config_map("last", namespace=namespace), shop)
    await cluster.observe(shop, [item.key for item in (*wanted, last)], [CONFIG_MAP])
    applied = await cluster.apply(permit_object(ours, last.key), last)
    changes = Changes(cluster)
    async with anyio.create_task_group() as group:
        for item in wanted:
            group.start_soon(cluster.apply, permit_object(ours, item.key), item)
    # The event of the delete comes after those of all applies.
    await cluster.delete(permit_object(ours, last.key), applied, propagation="Background")
    await changes.until_live(cluster, shop, last.key, there=False)
    assert changes.named(shop) == 1


async def test_a_change_by_somebody_else_reaches_the_owner_alone(
    cluster: KubeCluster, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    wanted = desired(a_config_map(namespace=namespace), shop)
    await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
    await cluster.observe(AppName("bank"), [], [CONFIG_MAP])
    await apply(cluster, wanted)
    changes = Changes(cluster)
    api_server.do("PATCH", path(wanted.key), {"data": {"colour": "red"}})
    await changes.until(lambda: changes.named(shop) > 0)
    assert changes.named("bank") == 0


async def test_pods_below_a_deployment_are_its_children_and_their_changes_reach_its_owner(
    cluster: KubeCluster, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    wanted = desired(a_deployment(namespace=namespace, replicas=2), shop)
    await cluster.observe(shop, [wanted.key], [DEPLOYMENT])
    changes = Changes(cluster)
    owner = await cluster.apply(permit_object(an_app(), wanted.key), wanted)
    await changes.until(lambda: kinds_below(cluster, owner.uid) == ["Pod", "Pod", "ReplicaSet"])
    pod = next(child for child in cluster.children([owner.uid]) if child.key.kind == "Pod")
    body = pod.document.body()
    assert "managedFields" not in str(body)
    heard = changes.named(shop)
    status = {"status": {"phase": "Running"}}
    api_server.do("PATCH", f"{path(pod.key)}/status", status)
    await changes.until(lambda: changes.named(shop) > heard)
    live = await cluster.observe(shop, [wanted.key], [DEPLOYMENT])
    assert list(live.objects) == [wanted.key]


async def test_children_that_were_there_before_their_owner_was_wanted_are_found(
    cluster: KubeCluster, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    """Somebody else's Deployment is adopted while its pods, strangers until then, exist already."""
    await cluster.observe(AppName("other"), [], [DEPLOYMENT])
    manual = desired(a_deployment(namespace=namespace, replicas=2))
    api_server.do("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", dict(manual.document.body()))
    watcher = AppName(f"watcher-{namespace}")
    seen = Changes(cluster)
    first = await seen_child(cluster, seen, watcher, manual.key)
    await seen.until(lambda: kinds_below(cluster, first.uid) == ["Pod", "Pod", "ReplicaSet"])
    await cluster.forget(watcher, [DEPLOYMENT.group_kind])
    assert kinds_below(cluster, first.uid) == []
    changes = Changes(cluster)
    live = await cluster.observe(shop, [manual.key], [DEPLOYMENT])
    owner = live.objects[manual.key]
    await changes.until(lambda: kinds_below(cluster, owner.uid) == ["Pod", "Pod", "ReplicaSet"])


async def seen_child(cluster: KubeCluster, changes: Changes, app: AppName, key: ObjectKey) -> LiveObject:
    await changes.until_live(cluster, app, key, there=True)
    return (await cluster.observe(app, [key], [])).objects[key]


async def test_after_a_list_looking_costs_no_request(
    cluster: KubeCluster, namespace: str, shop: AppName, requests: list[RequestMade]
) -> None:
    missing = ObjectKey("", "ConfigMap", namespace, "not-there")
    await cluster.observe(shop, [missing], [CONFIG_MAP, DEPLOYMENT])
    before = len(requests)
    for _ in range(100):
        await cluster.observe(shop, [missing], [CONFIG_MAP, DEPLOYMENT])
        await cluster.target()
        await cluster.kinds([CONFIG_MAP])
    assert len(requests) == before


async def test_an_untracked_object_is_read_once_and_then_followed(
    cluster: KubeCluster, api_server: ApiServer, namespace: str, shop: AppName, requests: list[RequestMade]
) -> None:
    await cluster.observe(shop, [], [CONFIG_MAP])
    api_server.do("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "theirs"}})
    key = ObjectKey("", "ConfigMap", namespace, "theirs")
    changes = Changes(cluster)
    await changes_or(cluster, shop, key)
    before = [made.verb for made in requests].count("get")
    assert key in (await cluster.observe(shop, [key], [CONFIG_MAP])).objects
    heard = changes.named(shop)
    api_server.do("PATCH", path(key), {"data": {"a": "b"}})
    await changes.until(lambda: changes.named(shop) > heard)
    live = await cluster.observe(shop, [key], [CONFIG_MAP])
    assert live.objects[key].document.body()["data"] == {"a": "b"}
    assert [made.verb for made in requests].count("get") == before


async def changes_or(cluster: KubeCluster, app: AppName, key: ObjectKey) -> None:
    """Want the object; its event may still be on its way."""
    changes = Changes(cluster)
    await changes.until_live(cluster, app, key, there=True)
    changes.stop()


async def test_a_watch_that_nobody_needs_is_closed_after_the_grace(
    api_server: ApiServer, namespace: str, open_cluster: Opening, shop: AppName
) -> None:
    async with open_cluster(api_server.kubeconfig, grace_seconds=0.0) as cluster:
        wanted = desired(a_config_map(namespace=namespace), shop)
        await apply(cluster, wanted)
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP, DEPLOYMENT])
        assert {kind.kind for kind in cluster.watched()} == {"ConfigMap", "Deployment", "ReplicaSet", "Pod"}
        await cluster.forget(shop, [DEPLOYMENT.group_kind])
        await anyio.wait_all_tasks_blocked()
        assert {kind.kind for kind in cluster.watched()} == {"ConfigMap"}
        await cluster.forget(shop, [CONFIG_MAP.group_kind])
        await anyio.wait_all_tasks_blocked()
        assert cluster.watched() == frozenset()
        assert wanted.key in (await cluster.observe(shop, [wanted.key], [CONFIG_MAP])).objects


async def test_what_the_api_server_warns_of_is_told(api_server: ApiServer, namespace: str, clock: RealClock) -> None:
    told: list[tuple[ObjectKey, str]] = []
    access = ClusterAccess("warned", kubeconfig=str(api_server.kubeconfig))
    async with KubeCluster(access, clock=clock, on_warning=lambda *warning: told.append(warning)) as cluster:
        old = desired(an_object("Endpoints", "old", namespace=namespace))
        await apply(cluster, old)
    assert [key for key, _ in told] == [old.key]
    assert "deprecated" in told[0][1]


async def test_leaving_waits_for_no_watch_and_leaves_no_task(
    api_server: ApiServer, namespace: str, clock: RealClock, shop: AppName
) -> None:
    before = len(anyio.get_running_tasks())
    access = ClusterAccess("brief", kubeconfig=str(api_server.kubeconfig))
    async with KubeCluster(access, clock=clock) as cluster:
        await cluster.observe(shop, [], [CONFIG_MAP, DEPLOYMENT])
        began = anyio.current_time()
    assert anyio.current_time() - began < 10
    await anyio.wait_all_tasks_blocked()
    assert len(anyio.get_running_tasks()) == before


async def test_nothing_blocks_the_loop(
    nothing_blocks: None, api_server: ApiServer, namespace: str, clock: RealClock, shop: AppName
) -> None:
    access = ClusterAccess("free", kubeconfig=str(api_server.kubeconfig))
    async with KubeCluster(access, clock=clock) as cluster:
        wanted = desired(a_deployment(namespace=namespace), shop)
        await cluster.observe(shop, [wanted.key], [DEPLOYMENT])
        await apply(cluster, wanted)
        await cluster.predict([(wanted, None)])


def path(key: ObjectKey) -> str:
    plural = {"ConfigMap": "configmaps", "Pod": "pods"}[key.kind]
    return f"/api/v1/namespaces/{key.namespace}/{plural}/{key.name}"


def kinds_below(cluster: KubeCluster, uid: str) -> list[str]:
    return sorted(child.key.kind for child in cluster.children([uid]))
