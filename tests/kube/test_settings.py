"""What the configuration says of kinds and namespaces, on a real API server."""

from collections.abc import AsyncIterator

import pytest

from gitopsd.core.app import AppSpec, Destination, Tracking, TrackingMethod
from gitopsd.core.customization import ALWAYS_EXCLUDED, KindFilter, ResourceSettings
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.jsonvalue import mapping
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.tracking import tracked
from gitopsd.core.unreadable import KindPlace
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.builders import a_config_map, an_object
from gitopsd.testing.faultproxy import FaultProxy
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import CONFIG_MAP, Changes, apply, desired
from tests.kube.conftest import RealClock
from tests.kube.test_faults import grant

SECRET = GVK("", "v1", "Secret")
SERVICE = GVK("", "v1", "Service")
LONG = AppName("x" * 70)


@pytest.fixture
def shop(namespace: str) -> AppName:
    return AppName(f"shop-{namespace}")


def without_secrets(*clusters: str) -> ResourceSettings:
    return ResourceSettings(exclusions=(*ALWAYS_EXCLUDED, KindFilter(("",), ("Secret",), clusters)))


def marked(namespace: str, app: AppName, tracking: Tracking, name: str = "settings") -> DesiredObject:
    """Return a ConfigMap as `desired` marks it."""
    key = ObjectKey("", "ConfigMap", namespace, name)
    body = a_config_map(name, namespace=namespace)
    spec = AppSpec(app, (), Destination(name="own"), tracking=tracking)
    document = Document(canonical({**body, "metadata": tracked(mapping(body, "metadata"), key, spec)}))
    return DesiredObject(key, CONFIG_MAP, document, document.digest())


async def test_excluded_kinds_are_neither_watched_nor_listed_nor_applied(
    cluster: KubeCluster, requests: list[RequestMade], namespace: str, shop: AppName
) -> None:
    cluster.configure(without_secrets())
    secret = desired(an_object("Secret", "hidden", namespace=namespace), shop)
    live = await cluster.observe(shop, [secret.key], [SECRET, CONFIG_MAP])
    assert (live.objects, live.unreadable.reasons) == ({}, {})
    assert cluster.excluded(SECRET.group_kind)
    with pytest.raises(ClusterError, match="excluded"):
        await apply(cluster, secret)
    assert {made.kind for made in requests if made.verb in ("watch", "list", "apply")} == {"ConfigMap"}


async def test_exclusions_come_and_go_while_running(cluster: KubeCluster, namespace: str, shop: AppName) -> None:
    secret = desired(an_object("Secret", "hidden", namespace=namespace), shop)
    await apply(cluster, secret)
    assert secret.key in (await cluster.observe(shop, [secret.key], [SECRET])).objects
    changes = Changes(cluster)
    cluster.configure(without_secrets())
    assert changes.named(shop) == 1
    assert SECRET.group_kind not in cluster.watched()
    assert (await cluster.observe(shop, [secret.key], [SECRET])).objects == {}
    cluster.configure(without_secrets("some-other-cluster"))
    assert secret.key in (await cluster.observe(shop, [secret.key], [SECRET])).objects


@pytest.mark.parametrize("here", ["own", "https://127.0.0.1*", "*"])
def test_exclusions_and_inclusions_name_clusters_by_url_or_name(here: str) -> None:
    names = ("https://127.0.0.1:6443", "own")
    excluding = ResourceSettings(exclusions=(KindFilter(("",), ("Secret",), (here,)),))
    including = ResourceSettings(inclusions=(KindFilter(("",), ("Secret",), (here,)),))
    for kind in (SECRET.group_kind, CONFIG_MAP.group_kind):
        assert excluding.excluded(kind, *names) is (kind.kind == "Secret")
        assert including.excluded(kind, *names) is (kind.kind != "Secret")


@pytest.fixture
async def by_label(api_server: ApiServer, clock: RealClock) -> AsyncIterator[KubeCluster]:
    access = ClusterAccess("own", kubeconfig=str(api_server.kubeconfig))
    settings = ResourceSettings(tracking=Tracking(TrackingMethod.LABEL))
    async with KubeCluster(access, clock=clock, resources=settings) as cluster:
        yield cluster


@pytest.mark.parametrize("app", [AppName("by-label"), LONG])
async def test_objects_are_found_by_label_also_where_the_name_is_too_long(
    by_label: KubeCluster, namespace: str, app: AppName
) -> None:
    tracking = Tracking(TrackingMethod.LABEL, "app.kubernetes.io/instance")
    wanted = marked(namespace, app, tracking)
    await apply(by_label, wanted)
    live = (await by_label.observe(app, [], [CONFIG_MAP])).objects
    assert [live[key].owner for key in live if key.namespace == namespace] == [app]
    another = AppName(f"{app}-2")
    assert not [key for key in (await by_label.observe(another, [], [CONFIG_MAP])).objects if key == wanted.key]


async def test_what_a_stateful_sets_controller_makes_is_never_the_applications_own(
    by_label: KubeCluster, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    """Its claims carry the labels of their template and have no owner: pruning them would lose data."""
    labels = {"app.kubernetes.io/instance": shop}
    claim = {
        "metadata": {"name": "data", "labels": labels},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    stateful_set = {
        "metadata": {"name": "db", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "serviceName": "db",
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
            "volumeClaimTemplates": [claim],
        },
    }
    api_server.do(
        "POST", f"/apis/apps/v1/namespaces/{namespace}/statefulsets?fieldManager=argocd-controller", stateful_set
    )
    made = ObjectKey("", "PersistentVolumeClaim", namespace, "data-db-0")
    changes = Changes(by_label)
    await changes.until_live(by_label, "observer", made, there=True)
    kinds = [GVK("apps", "v1", "StatefulSet"), GVK("", "v1", "PersistentVolumeClaim"), GVK("", "v1", "Pod")]
    live = (await by_label.observe(shop, [], kinds)).objects
    assert {key.name: found.copied for key, found in live.items()} == {"db": False, "data-db-0": True}


async def test_another_way_of_tracking_counts_at_once(cluster: KubeCluster, namespace: str, shop: AppName) -> None:
    by_label = Tracking(TrackingMethod.LABEL)
    await apply(cluster, marked(namespace, shop, by_label))
    assert (await cluster.observe(shop, [], [CONFIG_MAP])).objects == {}
    cluster.configure(ResourceSettings(tracking=by_label))
    assert len((await cluster.observe(shop, [], [CONFIG_MAP])).objects) == 1


async def test_objects_of_another_installation_are_strangers(
    cluster: KubeCluster, namespace: str, shop: AppName
) -> None:
    blue, green = Tracking(installation="blue"), Tracking(installation="green")
    theirs, ours = marked(namespace, shop, green, "theirs"), marked(namespace, shop, blue, "ours")
    cluster.configure(ResourceSettings(tracking=blue))
    await cluster.observe(shop, [], [CONFIG_MAP])
    for wanted in (theirs, ours):
        await apply(cluster, wanted)
    assert list((await cluster.observe(shop, [], [CONFIG_MAP])).objects) == [ours.key]
    taken = (await cluster.observe(shop, [theirs.key], [CONFIG_MAP])).objects[theirs.key]
    assert (taken.owner, taken.foreign) == ("", f"{shop} of installation green")


async def test_credentials_for_some_namespaces_watch_each_of_them(
    api_server: ApiServer, clock: RealClock, namespace: str, shop: AppName, requests: list[RequestMade]
) -> None:
    second, hidden = f"{namespace}-second", f"{namespace}-hidden"
    user = f"narrow-{namespace}"
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}
    for place in (second, hidden):
        api_server.do("POST", "/api/v1/namespaces", {"metadata": {"name": place}})
    for place in (namespace, second):
        grant(api_server, user, rule, place, namespace=place)
    access = ClusterAccess(
        "narrow", kubeconfig=str(api_server.user(user)), namespaces=(namespace, second), cluster_resources=False
    )
    async with KubeCluster(access, clock=clock, on_request=requests.append) as cluster:
        maps = [desired(a_config_map(namespace=place), shop) for place in (namespace, second)]
        for wanted in maps:
            await apply(cluster, wanted)
        live = await cluster.observe(shop, [], [CONFIG_MAP])
        assert set(live.objects) == {wanted.key for wanted in maps}
        changes = Changes(cluster)
        api_server.do("DELETE", f"/api/v1/namespaces/{second}/configmaps/settings")
        await changes.until(lambda: changes.named(shop) > 0)
        assert list((await cluster.observe(shop, [], [CONFIG_MAP])).objects) == [maps[0].key]
        elsewhere = maps[0].key._replace(namespace=hidden)
        role = GVK("rbac.authorization.k8s.io", "v1", "ClusterRole")
        live = await cluster.observe(shop, [maps[0].key, elsewhere], [CONFIG_MAP, role])
        assert hidden in live.unreadable.why(elsewhere)
        assert live.unreadable.why(maps[0].key) == ""
        assert "clusterResources" in live.unreadable.reasons[KindPlace(role.group_kind)]
    watched = {made.kind for made in requests if made.verb == "watch"}
    assert watched == {"ConfigMap"}


async def test_a_namespace_that_is_not_found_hides_nothing_of_the_others(
    proxy: FaultProxy, namespace: str, shop: AppName, clock: RealClock
) -> None:
    """As a gateway says of a namespace that it does not know; an API server has an empty list of it."""
    proxy.answer(404, times=1_000, matching=lambda request: "/namespaces/ghost/" in request.path)
    access = ClusterAccess("narrow", server=proxy.url, namespaces=(namespace, "ghost"))
    async with KubeCluster(access, clock=clock) as cluster:
        here, there = (desired(a_config_map(namespace=place), shop) for place in (namespace, "ghost"))
        await apply(cluster, here)
        live = await cluster.observe(shop, [here.key, there.key], [CONFIG_MAP])
        assert list(live.objects) == [here.key]
        assert "not found" in live.unreadable.why(there.key)
        assert live.unreadable.why(here.key) == ""
        assert cluster.watched() == {CONFIG_MAP.group_kind}
        proxy.answer(404, times=1_000, matching=lambda request: request.path.endswith("/configmaps"))
        changes = Changes(cluster)
        proxy.drop()
        await changes.until(lambda: changes.named(shop) > 0)
        live = await cluster.observe(shop, [here.key, there.key], [CONFIG_MAP])
        assert (live.objects, live.unreadable.reasons) == ({}, {})


async def test_a_namespace_without_a_role_hides_nothing_of_the_others(
    api_server: ApiServer, namespace: str, shop: AppName, clock: RealClock
) -> None:
    barred, user = f"{namespace}-barred", f"barred-{namespace}"
    api_server.do("POST", "/api/v1/namespaces", {"metadata": {"name": barred}})
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}
    grant(api_server, user, rule, namespace=namespace)
    access = ClusterAccess("narrow", kubeconfig=str(api_server.user(user)), namespaces=(namespace, barred))
    async with KubeCluster(access, clock=clock) as cluster:
        here, there = (desired(a_config_map(namespace=place), shop) for place in (namespace, barred))
        await apply(cluster, here)
        live = await cluster.observe(shop, [here.key, there.key], [CONFIG_MAP])
        assert list(live.objects) == [here.key]
        assert list(live.unreadable.reasons) == [KindPlace(CONFIG_MAP.group_kind, barred)]
        assert live.unreadable.why(here.key) == ""
        why = live.unreadable.why(there.key)
        assert f"ConfigMap in namespace {barred} cannot be read: " in why
        assert "configmaps" in why
        [kind] = cluster.status().kinds
        assert kind.failing
        [line] = kind.errors
        assert line.startswith(f"ConfigMap in namespace {barred}: the API server refused to watch ")
        assert kind.failing_in == (barred,)
        assert cluster.status().unreadable == f"ConfigMap cannot be read in {barred}"
        changes = Changes(cluster)
        grant(api_server, user, rule, "more", namespace=barred)
        await changes.until(lambda: changes.named(shop) > 0)
        live = await cluster.observe(shop, [here.key, there.key], [CONFIG_MAP])
        assert not live.unreadable.reasons
        assert not cluster.status().kinds[0].failing


async def test_a_namespace_that_is_not_looked_at_any_more_hides_what_was_in_it(
    api_server: ApiServer, namespace: str, shop: AppName, clock: RealClock
) -> None:
    left = f"{namespace}-left"
    access = ClusterAccess("narrowed", kubeconfig=str(api_server.kubeconfig), namespaces=(namespace,))
    async with KubeCluster(access, clock=clock) as cluster:
        live = await cluster.observe(shop, [], [CONFIG_MAP])
        assert live.unreadable.reasons == {}
        assert live.unreadable.hides({namespace}) is None
        assert live.unreadable.hides({namespace, left}) is not None
        why = live.unreadable.why(ObjectKey("", "ConfigMap", left, "one"))
        assert f"ConfigMap in namespace {left} cannot be read: cluster narrowed: the namespace is not looked at" in why
