"""What the cluster does while the API server, or the way to it, fails."""

import contextlib
from collections.abc import Callable, Mapping, Sequence

import anyio
import pytest

from gitopsd.core.errors import ClusterDown, ClusterError
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.live import Live
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.permit import permit_object
from gitopsd.core.unreadable import KindPlace
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.builders import a_config_map, an_app, an_object
from gitopsd.testing.faultproxy import FaultProxy, ProxiedRequest
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import CONFIG_MAP, DEADLINE_SECONDS, Changes, apply, desired
from tests.kube.conftest import Opening, RealClock

BUSY = (
    b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too many","reason":"TooManyRequests","code":429}'
)
GONE = b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old","reason":"Expired","code":410}'


def is_write(request: ProxiedRequest) -> bool:
    return request.method == "PATCH"


def watches(plural: str) -> Callable[[ProxiedRequest], bool]:
    return lambda request: request.is_watch and request.path.endswith(f"/{plural}")


@pytest.fixture
def shop(namespace: str) -> AppName:
    """Give an application of this test's own: earlier tests' namespaces are still going away."""
    return AppName(f"shop-{namespace}")


def a_map(namespace: str, name: str = "settings") -> DesiredObject:
    return desired(a_config_map(name, namespace=namespace), f"shop-{namespace}")


def change_behind(api_server: ApiServer, namespace: str, name: str = "settings") -> None:
    """Have somebody else change the ConfigMap."""
    path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
    api_server.do("PATCH", path, {"data": {"colour": "red"}})


async def test_429_is_tried_again_after_what_the_server_asks_for(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str, requests: list[RequestMade]
) -> None:
    proxy.answer(429, times=2, matching=is_write, body=BUSY, headers={"Retry-After": "1"})
    began = anyio.current_time()
    await apply(behind_proxy, a_map(namespace))
    assert anyio.current_time() - began >= 2
    assert [made.code for made in requests if made.verb == "apply"] == [429, 429, 201]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_burst_of_5xx_is_ridden_out(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str, status: int
) -> None:
    proxy.answer(status, times=3, matching=is_write)
    await apply(behind_proxy, a_map(namespace))


async def test_5xx_without_end_is_an_error_after_a_bounded_number_of_tries(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str
) -> None:
    proxy.answer(500, times=1000, matching=is_write)
    with pytest.raises(ClusterError) as failed:
        await apply(behind_proxy, a_map(namespace))
    assert failed.value.retryable
    assert sum(map(is_write, proxy.requests)) == 5


async def test_a_conflict_is_tried_again(behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str) -> None:
    proxy.answer(409, times=2, matching=is_write)
    await apply(behind_proxy, a_map(namespace))


async def test_a_connection_that_breaks_under_a_write_is_tried_again(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str
) -> None:
    proxy.abort(times=2, matching=is_write)
    await apply(behind_proxy, a_map(namespace))


async def test_a_dropped_watch_resumes_where_it_was(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    wanted = a_map(namespace)
    await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    await apply(behind_proxy, wanted)
    changes = Changes(behind_proxy)
    assert proxy.drop() == 1
    change_behind(api_server, namespace)
    await changes.until(lambda: changes.named(shop) > 0)
    live = await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    assert live.objects[wanted.key].document.body()["data"] == {"colour": "red"}
    resumed = [request for request in proxy.requests if watches("configmaps")(request)][-1]
    assert "resourceVersion" in resumed.query
    assert "sendInitialEvents" not in resumed.query


async def test_410_gone_lists_anew_and_notices_what_was_missed(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    kept, deleted = a_map(namespace, "kept"), a_map(namespace, "deleted")
    keys = [kept.key, deleted.key]
    await behind_proxy.observe(shop, keys, [CONFIG_MAP])
    await apply(behind_proxy, kept)
    await apply(behind_proxy, deleted)
    changes = Changes(behind_proxy)
    # Watches that are resumed fail until both things have happened behind their back.
    proxy.answer(503, times=1000, matching=lambda request: "resourceVersion" in request.query)
    proxy.drop()
    change_behind(api_server, namespace, "kept")
    api_server.do("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/deleted")
    proxy.heal()
    proxy.answer(410, matching=lambda request: "resourceVersion" in request.query, body=GONE)
    live = await until_observed(behind_proxy, changes, shop, keys, lambda live: deleted.key not in live.objects)
    assert live.objects[kept.key].document.body()["data"] == {"colour": "red"}
    # A look whether the server is up may come after it.
    last = [request for request in proxy.requests if watches("configmaps")(request)][-1]
    assert last.query["sendInitialEvents"] == "true"


async def until_observed(
    cluster: KubeCluster, changes: Changes, app: AppName, keys: Sequence[ObjectKey], condition: Callable[[Live], bool]
) -> Live:
    """Look again after each change until the objects are as expected; a cluster that is down now may come up."""
    with anyio.fail_after(DEADLINE_SECONDS):
        while True:
            seen = len(changes.heard)
            with contextlib.suppress(ClusterError):
                live = await cluster.observe(app, keys, [CONFIG_MAP])
                if condition(live):
                    return live
            await changes.until(lambda seen=seen: len(changes.heard) > seen)  # type: ignore[misc]  # bound right now


async def test_a_server_without_streaming_lists_is_listed_in_pages(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str, shop: AppName
) -> None:
    proxy.answer(400, times=1000, matching=lambda request: "sendInitialEvents" in request.query)
    wanted = a_map(namespace)
    await apply(behind_proxy, wanted)
    live = await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    found = live.objects[wanted.key].document.body()
    assert (found["apiVersion"], found["kind"]) == ("v1", "ConfigMap")
    changes = Changes(behind_proxy)
    await behind_proxy.delete(permit_object(an_app(), wanted.key), live.objects[wanted.key])
    await changes.until_live(behind_proxy, shop, wanted.key, there=False)


async def test_a_cluster_that_is_down_at_start_is_entered_and_found_when_it_comes_up(
    proxy: FaultProxy, clock: RealClock, namespace: str, shop: AppName
) -> None:
    await proxy.stop()
    async with KubeCluster(ClusterAccess("late", server=proxy.url), clock=clock) as cluster:
        with pytest.raises(ClusterDown) as down:
            await cluster.observe(shop, [], [CONFIG_MAP])
        assert "late" in down.value.where
        assert not cluster.connection().up
        assert cluster.connection().error
        changes = Changes(cluster)
        await proxy.start()
        await changes.until(lambda: cluster.connection().up)
        assert changes.named(shop) == 1
        await cluster.observe(shop, [], [CONFIG_MAP])


async def test_a_cluster_that_goes_down_says_so_once_and_recovers(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    wanted = a_map(namespace)
    await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    await apply(behind_proxy, wanted)
    changes = Changes(behind_proxy)
    await proxy.stop()
    await changes.until(lambda: not behind_proxy.connection().up)
    with pytest.raises(ClusterDown):
        await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    with pytest.raises(ClusterDown):
        await apply(behind_proxy, wanted)
    assert behind_proxy.connection().since > 0
    change_behind(api_server, namespace)
    await proxy.start()
    await changes.until(lambda: behind_proxy.connection().up)
    await until_observed(
        behind_proxy,
        changes,
        shop,
        [wanted.key],
        lambda live: live.objects[wanted.key].document.body()["data"] == {"colour": "red"},
    )


async def test_a_forbidden_kind_hurts_only_those_that_need_it(
    api_server: ApiServer, namespace: str, shop: AppName, open_cluster: Opening
) -> None:
    user = f"limited-{namespace}"
    grant(api_server, user, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]})
    async with open_cluster(api_server.user(user)) as cluster:
        await cluster.observe(AppName("allowed"), [], [CONFIG_MAP])
        secret = CONFIG_MAP._replace(kind="Secret")
        live = await cluster.observe(shop, [], [secret, CONFIG_MAP])
        assert list(live.unreadable.reasons) == [KindPlace(secret.group_kind)]
        rule = 'apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"]'
        assert rule in live.unreadable.reasons[KindPlace(secret.group_kind)]
        await cluster.observe(AppName("allowed"), [], [CONFIG_MAP])
        changes = Changes(cluster)
        grant(
            api_server, user, {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}, "more"
        )
        await changes.until(lambda: changes.named(shop) > 0)
        assert not (await cluster.observe(shop, [], [secret])).unreadable
        assert changes.named("allowed") == 0


async def test_a_forbidden_write_names_the_missing_rule(
    api_server: ApiServer, namespace: str, open_cluster: Opening
) -> None:
    async with open_cluster(api_server.user(f"powerless-{namespace}")) as cluster:
        with pytest.raises(ClusterError) as refused:
            await apply(cluster, a_map(namespace))
    assert refused.value.status == 403
    assert 'resources: ["configmaps"]' in refused.value.hint
    assert namespace in refused.value.hint


async def test_a_port_that_somebody_added_is_named_as_what_may_keep_an_apply_from_working(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    """Two ports want names, which ours needs not: an apply can go on only once the other one is gone."""
    service = desired(an_object("Service", "web", namespace=namespace, spec={"ports": [{"port": 80}]}))
    await apply(cluster, service)
    path = f"/api/v1/namespaces/{namespace}/services/web"
    api_server.do("PATCH", path, {"spec": {"ports": [{"port": 8080}]}})
    with pytest.raises(ClusterError, match=r"spec\.ports\[0\]\.name") as refused:
        await apply(cluster, service)
    assert "somebody added to the object in the cluster" in refused.value.hint


async def test_children_that_may_not_be_listed_do_not_keep_their_owner_back(
    api_server: ApiServer, namespace: str, shop: AppName, open_cluster: Opening
) -> None:
    user = f"owner-{namespace}"
    grant(api_server, user, {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch"]})
    async with open_cluster(api_server.user(user)) as cluster:
        live = await cluster.observe(shop, [], [CONFIG_MAP._replace(group="apps", kind="Deployment")])
    assert live == Live({})


async def test_a_namespace_that_is_being_deleted_is_named_and_retryable(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    api_server.do("PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"finalizers": ["example.org/held"]}})
    api_server.do("DELETE", f"/api/v1/namespaces/{namespace}")
    with pytest.raises(ClusterError) as refused:
        await apply(cluster, a_map(namespace))
    api_server.do("PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"finalizers": None}})
    assert refused.value.retryable
    assert "being terminated" in str(refused.value)
    assert "namespace is gone" in refused.value.hint


async def test_an_apply_that_is_cancelled_leaves_nothing_behind(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str
) -> None:
    await behind_proxy.target()
    proxy.delay(30, matching=is_write)
    began = anyio.current_time()
    with anyio.move_on_after(0.2):
        await apply(behind_proxy, a_map(namespace))
    assert anyio.current_time() - began < 10
    await apply(behind_proxy, a_map(namespace))


def grant(
    api_server: ApiServer, user: str, rule: Mapping[str, object], role: str = "role", *, namespace: str = ""
) -> None:
    """Let the user do what the rule says, in a namespace or everywhere."""
    name = f"{user}-{role}"
    base = "/apis/rbac.authorization.k8s.io/v1"
    api_server.do("POST", f"{base}/clusterroles", {"metadata": {"name": name}, "rules": [rule]})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    bindings = f"namespaces/{namespace}/rolebindings" if namespace else "clusterrolebindings"
    api_server.do("POST", f"{base}/{bindings}", binding)
