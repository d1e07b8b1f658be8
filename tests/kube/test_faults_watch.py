"""What the cluster does where a watch, or the kind behind it, goes wrong: one kind's trouble stays its own."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import orjson
import pytest

from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects
from gitopsd.core.live import Live
from gitopsd.core.permit import permit_object
from gitopsd.core.unreadable import KindPlace
from gitopsd.kube.cluster import KubeCluster, KubeSettings
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.builders import a_config_map, an_app, an_object
from gitopsd.testing.faultproxy import FaultProxy
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import CONFIG_MAP, DEADLINE_SECONDS, Changes, a_definition, apply, desired
from tests.kube.conftest import RealClock
from tests.kube.test_faults import BUSY, a_map, change_behind, until_observed, watches

SECRET = GVK("", "v1", "Secret")
EVENTS = 20_000
LONGEST_TURN_SECONDS = 0.02


@pytest.fixture
def shop(namespace: str) -> AppName:
    return AppName(f"shop-{namespace}")


def colour(live: Live, key: ObjectKey) -> JsonValue:
    data = live.objects[key].document.body()["data"]
    return data["colour"] if isinstance(data, dict) else None


def an_event(kind: str, body: JsonObject) -> bytes:
    return orjson.dumps({"type": kind, "object": body}) + b"\n"


async def until_colour(cluster: KubeCluster, changes: Changes, app: AppName, key: ObjectKey, wanted: str) -> None:
    await until_observed(cluster, changes, app, [key], lambda live: key in live.objects and colour(live, key) == wanted)


async def test_events_out_of_order_do_not_turn_time_back(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    wanted = a_map(namespace)
    await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    changes = Changes(behind_proxy)
    applied = await behind_proxy.apply(permit_object(an_app(), wanted.key), wanted)
    old = applied.document.body()
    change_behind(api_server, namespace)
    await until_colour(behind_proxy, changes, shop, wanted.key, "red")
    assert await proxy.say(an_event("MODIFIED", old), watches("configmaps")) == 1
    api_server.do("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/settings")
    await changes.until_live(behind_proxy, shop, wanted.key, there=False)
    await proxy.say(an_event("ADDED", old), watches("configmaps"))
    proxy.drop()
    after = wanted.key._replace(name="after")
    await behind_proxy.observe(shop, [wanted.key, after], [CONFIG_MAP])
    api_server.do("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "after"}})
    live = await until_observed(behind_proxy, changes, shop, [wanted.key, after], lambda live: after in live.objects)
    assert wanted.key not in live.objects
    resumed = [request for request in proxy.requests if watches("configmaps")(request)][-1]
    assert int(resumed.query["resourceVersion"]) > int(applied.resource_version)


async def test_a_server_that_was_restored_from_a_backup_is_listed_anew_and_followed(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    wanted, gone = a_map(namespace), a_map(namespace, "gone")
    await behind_proxy.observe(shop, [wanted.key, gone.key], [CONFIG_MAP])
    changes = Changes(behind_proxy)
    body = (await behind_proxy.apply(permit_object(an_app(), wanted.key), wanted)).document.body()
    lost = (await behind_proxy.apply(permit_object(an_app(), gone.key), gone)).document.body()
    # What happened after the backup was made, at versions that the server has not come to yet.
    later: JsonObject = {
        "metadata": {**mapping(body, "metadata"), "resourceVersion": str(10**15)},
        "data": {"colour": "lost"},
    }
    await proxy.say(an_event("MODIFIED", {**body, **later}), watches("configmaps"))
    await proxy.say(an_event("DELETED", lost), watches("configmaps"))
    await until_colour(behind_proxy, changes, shop, wanted.key, "lost")
    await changes.until_live(behind_proxy, shop, gone.key, there=False)
    proxy.drop()
    await until_colour(behind_proxy, changes, shop, wanted.key, "green")
    await changes.until_live(behind_proxy, shop, gone.key, there=True)
    change_behind(api_server, namespace)
    await until_colour(behind_proxy, changes, shop, wanted.key, "red")


async def test_a_watch_that_says_nothing_but_bookmarks_wakes_nobody_and_resumes_there(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    wanted = a_map(namespace)
    await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    await apply(behind_proxy, wanted)
    changes = Changes(behind_proxy)
    version = api_server.do("GET", "/api/v1/configmaps?limit=1")["metadata"]
    assert isinstance(version, dict)
    bookmark = an_event("BOOKMARK", {"kind": "ConfigMap", "metadata": {"resourceVersion": version["resourceVersion"]}})
    await proxy.say(bookmark * 1_000, watches("configmaps"))
    asked = len(proxy.requests)
    proxy.drop()
    change_behind(api_server, namespace)
    await until_colour(behind_proxy, changes, shop, wanted.key, "red")
    assert changes.named(shop) == 1
    resumed = next(request for request in proxy.requests[asked:] if watches("configmaps")(request))
    assert int(resumed.query["resourceVersion"]) >= int(version["resourceVersion"])


@pytest.mark.parametrize(
    "garbage",
    [b"<html>login</html>\n", b"[]\n", b'{"type":"MODIFIED"}\n', b'{"type":"MODIFIED","object":[1]}\n', b"\xff\xfe\n"],
)
async def test_garbage_in_a_watch_is_left_out_and_nothing_is_missed(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, garbage: bytes
) -> None:
    shop = AppName(f"shop-{namespace}")
    wanted = a_map(namespace)
    await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    await apply(behind_proxy, wanted)
    changes = Changes(behind_proxy)
    await proxy.say(garbage, watches("configmaps"))
    change_behind(api_server, namespace)
    await until_colour(behind_proxy, changes, shop, wanted.key, "red")
    assert not (await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])).unreadable


async def test_a_kind_of_which_only_garbage_comes_is_unreadable_alone_until_that_ends(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str, shop: AppName
) -> None:
    proxy.answer(200, times=1_000, matching=watches("secrets"), body=b"<html>login</html>\n")
    wanted = a_map(namespace)
    await apply(behind_proxy, wanted)
    live = await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP, SECRET])
    assert list(live.objects) == [wanted.key]
    assert "cannot be understood" in live.unreadable.reasons[KindPlace(SECRET.group_kind)]
    changes = Changes(behind_proxy)
    proxy.heal()
    await until_observed(behind_proxy, changes, shop, [wanted.key], lambda live: True)
    await readable(behind_proxy, changes, shop, SECRET)


async def readable(cluster: KubeCluster, changes: Changes, app: AppName, gvk: GVK) -> None:
    """Wait until the kind can be read again, looking when the application hears of something."""
    with anyio.fail_after(DEADLINE_SECONDS):
        while True:
            seen = len(changes.heard)
            if not (await cluster.observe(app, [], [gvk])).unreadable:
                return
            await changes.until(lambda seen=seen: len(changes.heard) > seen)  # type: ignore[misc]  # bound right now


async def test_a_busy_server_is_given_the_time_it_asks_for_and_its_watches_go_on_where_they_were(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    wanted = a_map(namespace)
    await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    await apply(behind_proxy, wanted)
    changes = Changes(behind_proxy)
    proxy.answer(429, times=6, matching=watches("configmaps"), body=BUSY, headers={"Retry-After": "1"})
    asked, began = len(proxy.requests), anyio.current_time()
    proxy.drop()
    change_behind(api_server, namespace)
    await until_colour(behind_proxy, changes, shop, wanted.key, "red")
    assert anyio.current_time() - began >= 6
    again = [request for request in proxy.requests[asked:] if watches("configmaps")(request)]
    assert len(again) == 7
    assert all("sendInitialEvents" not in request.query for request in again)


class LaterClock(RealClock):
    """Real time, and `ahead` of it."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


async def test_a_token_that_expires_while_watching_is_read_anew_before_anybody_notices(
    proxy: FaultProxy, api_server: ApiServer, namespace: str, tmp_path: Path
) -> None:
    clock = LaterClock()
    shop, wanted = AppName(f"shop-{namespace}"), a_map(namespace)
    token = tmp_path / "token"
    token.write_text("old")
    access = ClusterAccess("rotating", server=proxy.url, token_file=str(token))
    async with KubeCluster(access, clock=clock) as cluster:
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        await apply(cluster, wanted)
        changes = Changes(cluster)
        token.write_text("new")
        proxy.answer(401, times=1_000, matching=lambda request: request.headers["Authorization"] == "Bearer old")
        asked = len(proxy.requests)
        clock.ahead = 60  # credentials that were read a moment ago are not read again
        proxy.drop()
        change_behind(api_server, namespace)
        await until_colour(cluster, changes, shop, wanted.key, "red")
        assert changes.named(shop) == 1
        again = [request for request in proxy.requests[asked:] if watches("configmaps")(request)]
        assert again[-1].headers["Authorization"] == "Bearer new"
        assert "sendInitialEvents" not in again[-1].query


@pytest.fixture
async def impatient(proxy: FaultProxy, clock: RealClock) -> AsyncIterator[KubeCluster]:
    settings = KubeSettings(patience_seconds=2)
    async with KubeCluster(ClusterAccess("proxied", server=proxy.url), clock=clock, settings=settings) as cluster:
        yield cluster


async def test_a_list_that_hangs_holds_up_no_other_kind_and_is_told_when_it_comes(
    impatient: KubeCluster, proxy: FaultProxy, namespace: str, shop: AppName
) -> None:
    await impatient.target()
    proxy.delay(8, matching=watches("secrets"))
    wanted = a_map(namespace)
    await apply(impatient, wanted)
    changes = Changes(impatient)
    live = await impatient.observe(shop, [wanted.key], [CONFIG_MAP, SECRET])
    assert list(live.objects) == [wanted.key]
    assert "could not be listed yet" in live.unreadable.reasons[KindPlace(SECRET.group_kind)]
    began = anyio.current_time()
    await impatient.observe(shop, [wanted.key], [CONFIG_MAP, SECRET])
    assert anyio.current_time() - began < 2, "it is waited for once"
    await changes.until(lambda: changes.named(shop) > 0)
    await readable(impatient, changes, shop, SECRET)


def a_definition_with_webhook(group: str) -> JsonObject:
    """Return a definition of two versions whose conversion nobody answers."""
    body = a_definition(group)
    spec = body["spec"]
    assert isinstance(spec, dict)
    first = spec["versions"][0]
    assert isinstance(first, dict)
    client = {"service": {"namespace": "default", "name": "nobody", "path": "/convert"}}
    conversion = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": client}}
    second: JsonObject = {**first, "name": "v2", "storage": False}
    return {**body, "spec": {**spec, "versions": [first, second], "conversion": conversion}}


@pytest.fixture
def conversion_down(api_server: ApiServer, namespace: str) -> Iterator[str]:
    """Define a kind of a group of its own whose conversion nobody answers; gone afterwards, since it slows all down."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    group = f"{namespace}.example.org"
    api_server.do("POST", definitions, a_definition_with_webhook(group))
    yield group
    api_server.do("DELETE", f"{definitions}/widgets.{group}")


async def test_a_conversion_webhook_that_is_down_makes_only_its_kind_unreadable(
    cluster: KubeCluster, namespace: str, shop: AppName, conversion_down: str
) -> None:
    group = conversion_down
    stored, broken = GVK(group, "v1", "Widget"), GVK(group, "v2", "Widget")
    one = desired(an_object("Widget", "one", api_version=f"{group}/v1", namespace=namespace, spec={}), shop)
    await apply(cluster, one)
    wanted = a_map(namespace)
    await apply(cluster, wanted)
    live = await cluster.observe(shop, [wanted.key, one.key], [CONFIG_MAP, broken])
    assert wanted.key in live.objects
    assert list(live.unreadable.reasons) == [KindPlace(stored.group_kind)]
    assert "Widget" in live.unreadable.reasons[KindPlace(stored.group_kind)]


async def test_a_definition_that_goes_and_comes_back_under_a_watch_is_followed(
    cluster: KubeCluster, namespace: str, shop: AppName
) -> None:
    group = f"{namespace}.example.org"
    widget = GVK(group, "v1", "Widget")
    definition = desired(a_definition(group))
    one = desired(an_object("Widget", "one", api_version=f"{group}/v1", namespace=namespace, spec={}), shop)
    changes = Changes(cluster)
    for _ in range(3):
        live = await cluster.apply(permit_object(an_app(), definition.key), definition)
        await apply(cluster, one)
        found = await cluster.observe(shop, [one.key], [widget])
        assert (list(found.objects), bool(found.unreadable)) == ([one.key], False)
        await cluster.delete(permit_object(an_app(), definition.key), live, propagation="Background")
        with anyio.fail_after(DEADLINE_SECONDS):
            while widget in await cluster.kinds([widget]):
                seen = len(changes.heard)
                await changes.until(lambda seen=seen: len(changes.heard) > seen)  # type: ignore[misc]  # bound right now
        found = await cluster.observe(shop, [one.key], [widget])
        assert (found.objects, bool(found.unreadable)) == ({}, False)


async def test_a_kind_whose_version_is_served_no_more_is_followed_at_another_one(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    group = f"{namespace}.example.org"
    definition = a_definition(group)
    (served,) = objects(definition, "spec", "versions")
    both = {"spec": {"versions": [served, {**served, "name": "v2", "storage": False}]}}
    one = desired(an_object("Widget", "one", api_version=f"{group}/v1", namespace=namespace, spec={}), shop)
    await apply(behind_proxy, desired(definition))
    await apply(behind_proxy, one)
    await behind_proxy.observe(shop, [one.key], [one.gvk])
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}"
    api_server.do("PATCH", path, both)
    changes = Changes(behind_proxy)
    # Whoever is told of the change looks before it is certain that the version is gone.
    proxy.delay(0.5, times=10, matching=lambda request: request.path == f"/apis/{group}/v1")
    other = {"spec": {"versions": [{**served, "served": False, "storage": False}, {**served, "name": "v2"}]}}
    api_server.do("PATCH", path, other)
    with anyio.fail_after(DEADLINE_SECONDS):
        while not any(request.is_watch and f"{group}/v2/" in request.path for request in proxy.requests):
            seen = len(changes.heard)
            await behind_proxy.observe(shop, [one.key], [GVK(group, "v2", "Widget")])
            if not any(request.is_watch and f"{group}/v2/" in request.path for request in proxy.requests):
                await changes.until(lambda seen=seen: len(changes.heard) > seen)  # type: ignore[misc]  # bound right now


async def test_an_object_of_a_megabyte_and_a_half_is_applied_and_watched(
    cluster: KubeCluster, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    """The largest that etcd takes (1.5 MiB with all that the API server adds)."""
    group = f"{namespace}.example.org"
    await apply(cluster, desired(a_definition(group)))
    spec: JsonObject = {f"key-{number}": "x" * 1_000 for number in range(1_400)}
    large = desired(an_object("Widget", "large", api_version=f"{group}/v1", namespace=namespace, spec=spec), shop)
    await apply(cluster, large)  # waits until the kind is served: nobody could watch it before
    await cluster.observe(shop, [large.key], [large.gvk])
    changes = Changes(cluster)
    path = f"/apis/{group}/v1/namespaces/{namespace}/widgets/large"
    api_server.do("PATCH", path, {"spec": {"colour": "red"}})
    await changes.until(lambda: changes.named(shop) > 0)
    body = (await cluster.observe(shop, [large.key], [large.gvk])).objects[large.key].document.body()
    assert isinstance(body["spec"], dict)
    assert body["spec"]["colour"] == "red"


async def test_thousands_of_events_of_one_application_cost_no_other_and_never_block(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str, shop: AppName
) -> None:
    wanted = a_map(namespace)
    bank = AppName(f"bank-{namespace}")
    banks = desired(a_config_map("banks", namespace=namespace), bank)
    await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    await behind_proxy.observe(bank, [banks.key], [CONFIG_MAP])
    applied = await behind_proxy.apply(permit_object(an_app(), wanted.key), wanted)
    first = int(applied.resource_version) + 1
    batches = [events(applied.document.raw, first + done, 500) for done in range(0, EVENTS, 500)]
    changes = Changes(behind_proxy)
    turns: list[float] = []

    async def feel() -> None:
        while True:
            began = time.thread_time()  # the machine may be busy with others
            await anyio.lowlevel.checkpoint()
            turns.append(time.thread_time() - began)

    async with anyio.create_task_group() as group:
        group.start_soon(feel)
        for batch in batches:
            await proxy.say(batch, watches("configmaps"))
        await until_observed(
            behind_proxy, changes, shop, [wanted.key], lambda live: version_of(live, wanted.key) == first + EVENTS - 1
        )
        group.cancel_scope.cancel()
    assert changes.named(bank) == 0
    assert changes.named(shop) < EVENTS / 10
    assert max(turns) < LONGEST_TURN_SECONDS


def events(raw: bytes, version: int, count: int) -> bytes:
    """Return an event for each of `count` versions of an object, each with other data."""
    body = orjson.loads(raw)
    lines: list[bytes] = []
    for number in range(version, version + count):
        body["metadata"]["resourceVersion"] = body["data"]["colour"] = str(number)
        lines.append(an_event("MODIFIED", body))
    return b"".join(lines)


def version_of(live: Live, key: ObjectKey) -> int:
    return int(live.objects[key].resource_version)
