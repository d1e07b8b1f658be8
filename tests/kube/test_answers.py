"""Answers of status 200 that are none of Kubernetes: what a proxy in between says of itself. They end nothing."""

import ast
from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from typing import Final

import anyio
import pytest

import gitopsd.kube
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, AppName
from gitopsd.core.jsonvalue import text
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.permit import permit_object
from gitopsd.core.unreadable import KindPlace
from gitopsd.kube.body import parsed_list
from gitopsd.kube.cluster import KubeCluster
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.permissions import Inspector
from gitopsd.kube.refusal import Asked
from gitopsd.ports.cluster import ClusterAccess, Patch
from gitopsd.testing.builders import a_config_map, an_app
from gitopsd.testing.faultproxy import FaultProxy, ProxiedRequest
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import CONFIG_MAP, DEADLINE_SECONDS, Changes, apply, desired
from tests.kube.conftest import RealClock

GARBAGE: Final = (b"<html>login</html>", b"", b"[]", b"null", b"\xff\xfe", b'{"message":"sign in"}')
# What looks a little like a list of a kind that can be watched.
NO_LISTS: Final = (
    b'{"items":[]}',
    b'{"items":{},"metadata":{"resourceVersion":"7"}}',
    b'{"metadata":{"resourceVersion":"7"}}',
)
ASKED: Final = Asked("local", "list", "NodeMetrics")
# Of Secrets' own values, of what credential programs print, and of Status objects and versions, which may be missing.
_NO_ANSWERS: Final = {"body", "cluster_secrets", "credential_plugin", "link", "objects", "refusal"}


@pytest.fixture
def shop(namespace: str) -> AppName:
    return AppName(f"shop-{namespace}")


def one_object(plural: str) -> Callable[[ProxiedRequest], bool]:
    return lambda request: request.method == "GET" and f"/{plural}/" in request.path


def a_page(plural: str) -> Callable[[ProxiedRequest], bool]:
    return lambda request: "limit" in request.query and request.path.endswith(f"/{plural}")


def make(api_server: ApiServer, namespace: str, *names: str) -> list[DesiredObject]:
    """Have somebody else make ConfigMaps."""
    for name in names:
        body = dict(a_config_map(name, namespace=namespace))
        api_server.do("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)
    return [desired(a_config_map(name, namespace=namespace), f"shop-{namespace}") for name in names]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_page_in_the_place_of_an_object_makes_its_place_unreadable_and_ends_nothing(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, garbage: bytes
) -> None:
    shop = AppName(f"shop-{namespace}")
    [one] = make(api_server, namespace, "one")
    await behind_proxy.observe(AppName("first"), [], [CONFIG_MAP])
    proxy.answer(200, matching=one_object("configmaps"), body=garbage)
    live = await behind_proxy.observe(shop, [one.key], [CONFIG_MAP])
    assert list(live.unreadable.reasons) == [KindPlace(CONFIG_MAP.group_kind, namespace)]
    why = live.unreadable.why(one.key)
    assert "cannot be understood" in why
    assert "proxy" in why
    live = await behind_proxy.observe(shop, [one.key], [CONFIG_MAP])
    assert (list(live.objects), bool(live.unreadable)) == ([one.key], False)


@pytest.mark.parametrize("garbage", [*GARBAGE, *NO_LISTS])
async def test_a_page_in_the_place_of_a_list_is_not_an_empty_one(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, garbage: bytes
) -> None:
    shop = AppName(f"shop-{namespace}")
    many = make(api_server, namespace, *(f"map-{number}" for number in range(12)))
    await behind_proxy.observe(AppName("first"), [], [CONFIG_MAP])
    proxy.answer(200, matching=a_page("configmaps"), body=garbage)
    live = await behind_proxy.observe(shop, [one.key for one in many], [CONFIG_MAP])
    assert all("cannot be understood" in live.unreadable.why(one.key) for one in many)
    live = await behind_proxy.observe(shop, [one.key for one in many], [CONFIG_MAP])
    assert (len(live.objects), bool(live.unreadable)) == (12, False)


@pytest.mark.parametrize("garbage", [*GARBAGE, *NO_LISTS])
async def test_a_page_in_the_place_of_a_followers_list_makes_its_kind_unreadable(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, garbage: bytes
) -> None:
    shop = AppName(f"shop-{namespace}")
    [one] = make(api_server, namespace, "one")
    proxy.answer(400, times=1_000, matching=lambda request: "sendInitialEvents" in request.query)
    proxy.answer(200, times=1_000, matching=a_page("configmaps"), body=garbage)
    live = await behind_proxy.observe(shop, [one.key], [CONFIG_MAP])
    assert "cannot be understood" in live.unreadable.why(one.key)
    changes = Changes(behind_proxy)
    proxy.heal()
    await changes.until_live(behind_proxy, shop, one.key, there=True)
    live = await behind_proxy.observe(shop, [one.key], [CONFIG_MAP])
    assert not live.unreadable


async def test_a_page_does_not_tell_how_far_a_server_has_come_that_a_watch_is_to_be_resumed_at(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    [one] = make(api_server, namespace, "one")
    await behind_proxy.observe(shop, [one.key], [CONFIG_MAP])
    changes = Changes(behind_proxy)
    proxy.answer(200, matching=a_page("configmaps"), body=GARBAGE[-1])
    proxy.drop()
    api_server.do("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/one", {"data": {"colour": "red"}})
    await changes.until(lambda: changes.named(shop) > 0)
    asked = [request for request in proxy.requests if request.path.endswith("/configmaps")]
    last = max(number for number, request in enumerate(asked) if request.is_watch)
    assert [request.query.get("limit") for request in asked[last - 2 : last]] == ["1", "1"]


@pytest.mark.parametrize("items", ["[]", "null"])
def test_an_empty_list_is_one_also_where_a_server_writes_null(items: str) -> None:
    raw = f'{{"items":{items},"metadata":{{"resourceVersion":"7"}}}}'.encode()
    assert text(parsed_list(raw, ASKED), "metadata", "resourceVersion") == "7"


def test_a_list_of_a_kind_that_cannot_be_watched_needs_no_version() -> None:
    raw = b'{"items":[],"metadata":{}}'
    assert parsed_list(raw, ASKED, watchable=False)["items"] == []
    with pytest.raises(ClusterError, match="cannot be understood"):
        parsed_list(raw, ASKED)


async def test_a_child_that_cannot_be_read_for_garbage_ends_nothing(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, shop: AppName
) -> None:
    [parent] = make(api_server, namespace, "parent")
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    metadata = api_server.do("GET", f"{path}/parent")["metadata"]
    assert isinstance(metadata, dict)
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "parent", "uid": metadata["uid"]}
    api_server.do("POST", path, {"metadata": {"name": "child", "ownerReferences": [owner]}})
    await behind_proxy.observe(AppName("first"), [], [CONFIG_MAP])
    asked = anyio.Event()

    def asks_for_the_child(request: ProxiedRequest) -> bool:
        found = request.path.endswith("/child")
        if found:
            asked.set()
        return found

    proxy.answer(200, times=1_000, matching=asks_for_the_child, body=GARBAGE[0])
    live = await behind_proxy.observe(shop, [parent.key], [CONFIG_MAP])
    assert list(live.objects) == [parent.key]
    with anyio.fail_after(DEADLINE_SECONDS):
        await asked.wait()
    changes = Changes(behind_proxy)
    api_server.do("PATCH", f"{path}/parent", {"data": {"colour": "red"}})
    await changes.until(lambda: changes.named(shop) > 0)
    assert list(behind_proxy.ended()) == []


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_page_in_the_place_of_what_was_written_is_an_error_that_the_next_try_mends(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str, garbage: bytes
) -> None:
    shop = AppName(f"shop-{namespace}")
    wanted = desired(a_config_map("settings", namespace=namespace), shop)
    permit = permit_object(an_app(), wanted.key)
    applied = await behind_proxy.apply(permit, wanted)
    again = desired(a_config_map("settings", {"colour": "red"}, namespace=namespace), shop)
    ways: list[Callable[[], Awaitable[object]]] = [
        lambda: behind_proxy.apply(permit, again),
        lambda: behind_proxy.apply(permit, again, replace=True),
        lambda: behind_proxy.create(permit, again),
        lambda: behind_proxy.patch(permit, applied, Patch({"data": {"colour": "red"}})),
    ]
    for way in ways:
        proxy.answer(200, matching=lambda request: request.method != "GET", body=garbage)
        with pytest.raises(ClusterError, match="cannot be understood") as failed:
            await way()
        assert failed.value.retryable
        proxy.heal()
    await apply(behind_proxy, again)
    live = await behind_proxy.observe(shop, [wanted.key], [CONFIG_MAP])
    assert live.objects[wanted.key].document.body()["data"] == {"colour": "red"}


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_page_in_the_place_of_a_dry_run_is_no_prediction_to_be_remembered(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str, garbage: bytes
) -> None:
    shop = AppName(f"shop-{namespace}")
    wanted = desired(a_config_map("settings", namespace=namespace), shop)
    proxy.answer(200, matching=lambda request: "dryRun" in request.query, body=garbage)
    with pytest.raises(ClusterError, match="cannot be understood"):
        await behind_proxy.predict([(wanted, None)])
    [prediction] = await behind_proxy.predict([(wanted, None)])
    assert prediction.error == ""


@pytest.mark.parametrize("name", ["one", ""])
async def test_a_page_in_the_place_of_a_look_up_is_not_what_is_looked_up(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str, name: str
) -> None:
    make(api_server, namespace, "one")
    for garbage in GARBAGE:
        proxy.answer(200, matching=lambda request: "/configmaps" in request.path, body=garbage)
        with pytest.raises(ClusterError, match="cannot be understood"):
            await behind_proxy.look_up(CONFIG_MAP, namespace, name)
    assert b'"one"' in await behind_proxy.look_up(CONFIG_MAP, namespace, name)


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_page_in_the_place_of_a_kinds_description_is_named_with_what_was_asked(
    behind_proxy: KubeCluster, proxy: FaultProxy, garbage: bytes
) -> None:
    proxy.answer(200, matching=lambda request: request.path == "/apis/ghosts.example.org/v1", body=garbage)
    with pytest.raises(ClusterError, match="cannot be understood") as failed:
        await behind_proxy.kinds([GVK("ghosts.example.org", "v1", "Ghost")])
    assert "/apis/ghosts.example.org/v1" in failed.value.where


async def test_a_page_in_the_place_of_argo_cds_secrets_is_not_none_of_them(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str
) -> None:
    for plural, page in product(("secrets", "configmaps"), GARBAGE):
        proxy.answer(200, matching=lambda request, plural=plural: plural in request.path, body=page)  # type: ignore[misc]  # bound right now
        with pytest.raises(ClusterError, match="cannot be understood"):
            await behind_proxy.repository_secrets(namespace)


async def test_a_page_in_the_place_of_a_version_is_told_by_who_inspects_the_cluster(
    proxy: FaultProxy, clock: RealClock
) -> None:
    access = ClusterAccess("proxied", server=proxy.url)
    async with KubeHttp(access, clock=clock) as http:
        proxy.answer(200, body=GARBAGE[0])
        with pytest.raises(ClusterError, match="cannot be understood"):
            await Inspector(access, http, clock).greet()


def test_what_a_server_answers_is_parsed_by_one_function_alone() -> None:
    folder = Path(gitopsd.kube.__file__).parent
    parsing = {
        file.stem
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("orjson.loads", "json.loads")
    }
    assert parsing <= _NO_ANSWERS
