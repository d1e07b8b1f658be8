"""Replacing, making and patching objects of a real API server, with faults and by two at once."""

from dataclasses import replace

import anyio
import pytest

from gitopsd.core.annotations import OPERATION
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import AppName
from gitopsd.core.jsonvalue import objects, string_map, text
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.permit import permit_object
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.ports.cluster import Patch
from gitopsd.testing.builders import a_config_map, a_deployment, an_app, an_object
from gitopsd.testing.faultproxy import FaultProxy, ProxiedRequest
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import CONFIG_MAP, desired

CONFLICT = b'{"kind":"Status","reason":"Conflict","message":"the object has been modified","code":409}'


def posts(request: ProxiedRequest) -> bool:
    return request.method == "POST"


def puts(request: ProxiedRequest) -> bool:
    return request.method == "PUT"


def of_operation(namespace: str, operation: str = "", **data: str) -> DesiredObject:
    marks = {OPERATION: operation} if operation else {}
    return desired(a_config_map("hook", namespace=namespace, data=data, annotations=marks), f"shop-{namespace}")


async def lose_the_answer(cluster: KubeCluster, proxy: FaultProxy, wanted: DesiredObject) -> str:
    """Create it where the first answer is lost; the uid of what is there then."""
    proxy.strike(lambda _: None, 1, matching=posts, after=True)
    made = await cluster.create(permit_object(an_app(), wanted.key), wanted)
    return made.uid


async def test_a_create_whose_answer_is_lost_has_made_one_object_and_says_so(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str, api_server: ApiServer
) -> None:
    wanted = of_operation(namespace, "op-1", a="1")
    uid = await lose_the_answer(behind_proxy, proxy, wanted)
    there = api_server.do("GET", f"/api/v1/namespaces/{namespace}/configmaps/hook")
    assert text(there, "metadata", "uid") == uid  # type: ignore[arg-type]  # an answer of JSON
    assert [made.method for made in proxy.requests if posts(made)] == ["POST", "POST"]


async def test_a_create_whose_answer_is_lost_is_not_taken_for_another_operations(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str
) -> None:
    first = of_operation(namespace, "op-1")
    await behind_proxy.create(permit_object(an_app(), first.key), first)
    proxy.abort(times=1, matching=posts)
    with pytest.raises(ClusterError) as refused:
        await behind_proxy.create(permit_object(an_app(), first.key), of_operation(namespace, "op-2"))
    assert refused.value.reason == "AlreadyExists"
    with pytest.raises(ClusterError) as unmarked:
        await lose_the_answer(behind_proxy, proxy, replace(first, document=of_operation(namespace).document))
    assert unmarked.value.reason == "AlreadyExists"


async def test_an_object_is_created_only_under_the_name_of_its_permit(
    cluster: KubeCluster, namespace: str, requests: list[RequestMade]
) -> None:
    wanted = desired(a_config_map("mine", namespace=namespace))
    other = replace(wanted, document=desired(a_config_map("other", namespace=namespace)).document)
    generated = desired(an_object("ConfigMap", "", namespace=namespace, data={}))
    for odd in (other, replace(generated, key=wanted.key)):
        with pytest.raises(ClusterError) as refused:
            await cluster.create(permit_object(an_app(), wanted.key), odd)
        assert refused.value.reason == "Invalid"
    assert "create" not in {request.verb for request in requests}


async def test_a_replace_that_somebody_came_before_is_made_of_what_is_there_then(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str, api_server: ApiServer
) -> None:
    wanted = desired(a_config_map(namespace=namespace), "shop")
    permit = permit_object(an_app(), wanted.key)
    before = await behind_proxy.apply(permit, wanted)
    path = f"/api/v1/namespaces/{namespace}/configmaps/settings"

    def meddle(_: ProxiedRequest) -> None:
        api_server.do("PATCH", path, {"data": {"theirs": "1"}})

    proxy.strike(meddle, 1, matching=puts)  # and the connection breaks: the same request again meets a newer object
    other = desired(a_config_map(namespace=namespace, data={"a": "9"}), "shop")
    replaced = await behind_proxy.apply(permit, other, replace=True)
    assert (replaced.uid, string_map(replaced.document.body(), "data")) == (before.uid, {"a": "9"})
    assert len([made for made in proxy.requests if puts(made)]) == 3


async def test_a_replace_that_never_gets_its_turn_ends(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str
) -> None:
    wanted = desired(a_config_map(namespace=namespace), "shop")
    permit = permit_object(an_app(), wanted.key)
    await behind_proxy.apply(permit, wanted)
    proxy.answer(409, times=100, matching=puts, body=CONFLICT)
    with anyio.fail_after(40), pytest.raises(ClusterError) as refused:
        await behind_proxy.apply(permit, wanted, replace=True)
    assert (refused.value.reason, refused.value.retryable) == ("Conflict", True)
    assert 1 < len([made for made in proxy.requests if puts(made)]) < 20


async def test_two_that_replace_at_once_both_end_and_one_of_them_was_last(cluster: KubeCluster, namespace: str) -> None:
    sides = [desired(a_config_map(namespace=namespace, data={"a": side}), "shop") for side in "12"]
    made: list[str] = []

    async def put(wanted: DesiredObject) -> None:
        live = await cluster.apply(permit_object(an_app(), wanted.key), wanted, replace=True)
        made.append(live.uid)

    async with anyio.create_task_group() as group:
        for side in sides:
            group.start_soon(put, side)
    assert len(set(made)) == 1
    live = (await cluster.observe(AppName("shop"), [sides[0].key], [CONFIG_MAP])).objects[sides[0].key]
    assert string_map(live.document.body(), "data") in ({"a": "1"}, {"a": "2"})


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
async def test_what_was_replaced_needs_no_apply(cluster: KubeCluster, namespace: str, kind: str) -> None:
    bodies = {
        "Deployment": [a_deployment(namespace=namespace, replicas=0, image=f"nginx:{n}") for n in (1, 2)],
        "Service": [
            an_object("Service", "web", namespace=namespace, spec={"ports": [{"port": port}]}) for port in (80, 81)
        ],
    }
    first, second = (desired(body, "shop") for body in bodies[kind])
    permit = permit_object(an_app(), first.key)
    await cluster.apply(permit, first)
    live = await cluster.apply(permit, second, replace=True)
    (prediction,) = await cluster.predict([(second, live)])
    assert prediction.document is not None
    assert prediction.document.body()["spec"] == live.document.body()["spec"]
    managers = [text(entry, "manager") for entry in objects(live.document.body(), "metadata", "managedFields")]
    assert managers.count("gitopsd") == 1


async def test_a_subresource_that_cannot_be_patched_is_refused_unsent(
    cluster: KubeCluster, namespace: str, requests: list[RequestMade]
) -> None:
    wanted = desired(a_config_map(namespace=namespace))
    permit = permit_object(an_app(), wanted.key)
    live = await cluster.apply(permit, wanted)
    for odd in ("../other", "exec", "binding"):
        with pytest.raises(ClusterError, match="subresource"):
            await cluster.patch(permit, live, Patch({}, subresource=odd))
    assert "patch" not in {request.verb for request in requests}


async def test_a_patch_of_the_status_leaves_the_rest(cluster: KubeCluster, namespace: str) -> None:
    wanted = desired(a_deployment(namespace=namespace, replicas=0))
    permit = permit_object(an_app(), wanted.key)
    live = await cluster.apply(permit, wanted)
    patched = await cluster.patch(
        permit, live, Patch({"status": {"observedGeneration": 7}, "spec": {"replicas": 3}}, subresource="status")
    )
    assert patched.document.body()["spec"] == live.document.body()["spec"]
