"""Orphaned resources on a real API server: what is looked at, what it costs, and what goes wrong."""

from __future__ import annotations

import base64

import anyio
import anyio.lowlevel
import pytest

from gitopsd.core.app import Tracking, TrackingMethod
from gitopsd.core.customization import ALWAYS_EXCLUDED, KindFilter, ResourceSettings
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import AppName, GroupKind
from gitopsd.core.orphans import Strays, orphaned
from gitopsd.core.project import OrphanedResources
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.builders import a_config_map, an_object
from gitopsd.testing.faultproxy import FaultProxy
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import CONFIG_MAP, Changes, a_definition, apply, desired
from tests.contracts.strays_contract import until
from tests.kube.conftest import Opening, RealClock

SHOP = AppName("shop")
SECRET = CONFIG_MAP._replace(kind="Secret")


def post(api_server: ApiServer, namespace: str, plural: str, body: object) -> None:
    """Somebody creates an object of the core group."""
    api_server.do("POST", f"/api/v1/namespaces/{namespace}/{plural}", body)


def orphans(strays: Strays) -> list[str]:
    """What is shown of them, as `Kind/name`."""
    found = orphaned(strays, lambda _: False, OrphanedResources())
    return [f"{live.key.kind}/{live.key.name}" for live in found.objects]


async def asked(cluster: KubeCluster) -> Changes:
    """A listener, once the application is known."""
    await cluster.observe(SHOP, [], [CONFIG_MAP])
    return Changes(cluster)


async def test_what_kubernetes_itself_makes_is_no_orphan(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    changes = await asked(cluster)
    port = {"port": 80}
    post(api_server, namespace, "services", an_object("Service", "web", spec={"ports": [port], "selector": {"a": "b"}}))
    post(api_server, namespace, "serviceaccounts", an_object("ServiceAccount", "robot"))
    token = an_object(
        "Secret",
        "robot-token",
        annotations={"kubernetes.io/service-account.name": "robot"},
        type="kubernetes.io/service-account-token",
    )
    post(api_server, namespace, "secrets", token)
    post(api_server, namespace, "events", an_event(namespace))
    expected = ["Service/web", "ServiceAccount/robot"]
    found = await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == expected)
    assert orphans(found) == expected  # neither Endpoints, token, event nor what each namespace has


async def test_S6_of_an_orphan_only_metadata_is_known_and_nothing_of_a_secrets_values(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    changes = await asked(cluster)
    kept = {"kubectl.kubernetes.io/last-applied-configuration": '{"data": {"password": "hunter2"}}', "team": "web"}
    data = {"password": base64.b64encode(b"hunter2").decode()}
    post(api_server, namespace, "secrets", an_object("Secret", "left", annotations=kept, data=data))
    found = await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == ["Secret/left"])
    (live,) = (one for one in found.untracked if one.key.kind == "Secret")
    raw = live.document.raw.decode()
    assert all(word not in raw for word in ("hunter2", data["password"], "managedFields"))
    assert '"team":"web"' in raw


async def test_one_namespace_is_watched_once_however_many_ask_and_none_where_nobody_does(
    cluster: KubeCluster, namespace: str, requests: list[RequestMade]
) -> None:
    await cluster.observe(SHOP, [], [CONFIG_MAP])
    assert {made.kind for made in requests if made.verb == "watch"} <= {"ConfigMap"}
    changes = await asked(cluster)
    await until(cluster, changes, SHOP, namespace, lambda _: True)
    watched = [made.kind for made in requests if made.verb == "watch"]
    bank = AppName("bank")
    await cluster.observe(bank, [], [CONFIG_MAP])
    assert (await cluster.strays(bank, namespace)).complete
    assert (await cluster.strays(SHOP, namespace)).complete
    assert [made.kind for made in requests if made.verb == "watch"] == watched
    assert {"Secret", "Service", "Deployment", "Ingress"} <= set(watched)
    assert not {"Node", "ClusterRole", "Event", "Lease"} & set(watched)


async def test_a_change_that_says_nothing_new_wakes_nobody(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    changes = await asked(cluster)
    post(api_server, namespace, "configmaps", a_config_map("left"))
    await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == ["ConfigMap/left"])
    await cluster.forget(SHOP, [CONFIG_MAP.group_kind])  # the watch of applications' own objects would tell
    await cluster.observe(SHOP, [], [SECRET])
    await cluster.strays(SHOP, namespace)
    told = changes.named(SHOP)
    for colour in ("red", "blue"):
        api_server.do("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/left", {"data": {"colour": colour}})
    post(api_server, namespace, "configmaps", a_config_map("next"))
    await until(cluster, changes, SHOP, namespace, lambda found: "ConfigMap/next" in orphans(found))
    assert changes.named(SHOP) - told == 1


async def test_kinds_that_come_while_we_run_are_looked_at_and_forgotten_when_they_go(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    changes = await asked(cluster)
    await until(cluster, changes, SHOP, namespace, lambda _: True)
    group = f"{namespace}.example.org"
    definition = desired(a_definition(group))
    await apply(cluster, definition)
    await apply(cluster, desired(an_object("Widget", "left", api_version=f"{group}/v1", namespace=namespace)))
    await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == ["Widget/left"])
    api_server.do("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")
    await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == [])


async def test_objects_of_another_installation_are_left_to_it(
    api_server: ApiServer, clock: RealClock, namespace: str
) -> None:
    access = ClusterAccess("ours", kubeconfig=str(api_server.kubeconfig))
    ours = ResourceSettings(tracking=Tracking(installation="ours"))
    async with KubeCluster(access, clock=clock, resources=ours) as cluster:
        changes = await asked(cluster)
        for name, installation in (("theirs", "theirs"), ("ours", "ours")):
            marks = {
                "argocd.argoproj.io/tracking-id": f"gone:/ConfigMap:{namespace}/{name}",
                "argocd.argoproj.io/installation-id": installation,
            }
            post(api_server, namespace, "configmaps", a_config_map(name, annotations=marks))
        await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == ["ConfigMap/ours"])


async def test_a_kind_that_may_not_be_listed_is_named_and_hurts_no_other(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str
) -> None:
    body = b'{"kind":"Status","status":"Failure","reason":"Forbidden","message":"secrets is forbidden","code":403}'
    proxy.answer(403, body=body, times=1000, matching=lambda seen: f"/namespaces/{namespace}/secrets" in seen.path)
    changes = await asked(behind_proxy)
    post(api_server, namespace, "configmaps", a_config_map("left"))
    found = await until(behind_proxy, changes, SHOP, namespace, lambda found: orphans(found) == ["ConfigMap/left"])
    assert set(found.unreadable) == {GroupKind("", "Secret")}
    assert "forbidden" in found.unreadable[GroupKind("", "Secret")]


async def test_what_happened_while_the_connection_was_lost_is_found(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str
) -> None:
    changes = await asked(behind_proxy)
    post(api_server, namespace, "configmaps", a_config_map("old"))
    await until(behind_proxy, changes, SHOP, namespace, lambda found: orphans(found) == ["ConfigMap/old"])
    await proxy.stop()
    await changes.until(lambda: not behind_proxy.connection().up)
    api_server.do("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/old")
    post(api_server, namespace, "configmaps", a_config_map("new"))
    with pytest.raises(ClusterError):
        await behind_proxy.strays(SHOP, namespace)
    await proxy.start()
    await changes.until(lambda: behind_proxy.connection().up)
    await until(behind_proxy, changes, SHOP, namespace, lambda found: orphans(found) == ["ConfigMap/new"])


async def test_a_server_that_streams_no_lists_is_listed(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str
) -> None:
    refusal = b'{"kind":"Status","status":"Failure","reason":"Invalid","message":"sendInitialEvents","code":422}'
    proxy.answer(422, body=refusal, times=100_000, matching=lambda seen: "sendInitialEvents" in seen.query)
    changes = await asked(behind_proxy)
    post(api_server, namespace, "configmaps", a_config_map("left"))
    found = await until(behind_proxy, changes, SHOP, namespace, lambda found: orphans(found) == ["ConfigMap/left"])
    assert dict(found.unreadable) == {}


async def test_a_namespace_that_credentials_do_not_reach_is_an_error(
    api_server: ApiServer, clock: RealClock, namespace: str
) -> None:
    access = ClusterAccess(
        "one", kubeconfig=str(api_server.kubeconfig), namespaces=("default",), cluster_resources=False
    )
    async with KubeCluster(access, clock=clock) as cluster:
        await asked(cluster)
        with pytest.raises(ClusterError, match=f"namespace {namespace} is not looked at"):
            await cluster.strays(SHOP, namespace)


async def test_watches_end_a_while_after_nobody_asks(
    api_server: ApiServer, open_cluster: Opening, namespace: str
) -> None:
    async with open_cluster(api_server.kubeconfig, grace_seconds=0.0) as cluster:
        changes = await asked(cluster)
        post(api_server, namespace, "configmaps", a_config_map("left"))
        await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == ["ConfigMap/left"])
        with anyio.fail_after(30):
            while (await cluster.strays(SHOP, namespace)).complete:  # until it has to begin anew
                await cluster.strays(SHOP, "")
                await anyio.lowlevel.checkpoint()


def an_event(namespace: str) -> dict[str, object]:
    """An event, which nobody owns."""
    about = {"kind": "ConfigMap", "namespace": namespace, "name": "a"}
    return {"metadata": {"name": "it-happened"}, "involvedObject": about, "reason": "Because", "type": "Normal"}


async def test_a_kind_that_is_excluded_while_we_run_is_not_looked_at_any_more(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    changes = await asked(cluster)
    post(api_server, namespace, "configmaps", a_config_map("left"))
    await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == ["ConfigMap/left"])
    excluded = KindFilter(groups=("",), kinds=("ConfigMap",))
    cluster.configure(ResourceSettings(exclusions=(*ALWAYS_EXCLUDED, excluded)))
    assert orphans(await cluster.strays(SHOP, namespace)) == []
    cluster.configure(ResourceSettings())
    await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == ["ConfigMap/left"])


async def test_marks_that_mean_another_thing_now_are_read_anew(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    changes = await asked(cluster)
    marks = {"argocd.argoproj.io/tracking-id": f"{SHOP}:/ConfigMap:{namespace}/ours"}
    post(api_server, namespace, "configmaps", a_config_map("ours", annotations=marks))
    post(api_server, namespace, "configmaps", a_config_map("left"))
    await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == ["ConfigMap/left"])
    cluster.configure(ResourceSettings(tracking=Tracking(TrackingMethod.LABEL)))
    await cluster.observe(SHOP, [], [CONFIG_MAP])
    expected = ["ConfigMap/left", "ConfigMap/ours"]
    await until(cluster, changes, SHOP, namespace, lambda found: orphans(found) == expected)
