"""Objects that others applied first, on a real API server: from our first apply on their fields are ours."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from gitopsd.core.adoption import ADOPTED_MANAGERS, LAST_APPLIED, adopted_managers, leftovers
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import AppName
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.permit import permit_object
from gitopsd.kube.adopt import JSON_PATCH
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.testing.builders import an_app, an_object
from gitopsd.testing.faultproxy import FaultProxy, ProxiedRequest
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import desired

APPLY: Final = "application/apply-patch+yaml"
Body = dict[str, Any]


def settings(namespace: str, **data: str) -> Body:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": namespace},
        "data": dict(data),
    }


def wanted(body: Mapping[str, Any], app: str = "shop", managers: frozenset[str] = ADOPTED_MANAGERS) -> DesiredObject:
    """What git has."""
    return replace(desired(body, app), adopts=managers)


def path_of(body: Mapping[str, Any]) -> str:
    """Where a ConfigMap is."""
    return f"/api/v1/namespaces/{body['metadata']['namespace']}/configmaps/{body['metadata']['name']}"


def kubectl_apply(api_server: ApiServer, body: Body) -> None:
    """What `kubectl apply` does for an object that is not there yet."""
    metadata = {**body["metadata"], "annotations": {LAST_APPLIED: json.dumps(body) + "\n"}}
    collection = path_of(body).rpartition("/")[0]
    api_server.do("POST", f"{collection}?fieldManager=kubectl-client-side-apply", {**body, "metadata": metadata})


def server_side_apply(api_server: ApiServer, body: Body, manager: str) -> None:
    """What Argo CD does with `ServerSideApply=true`."""
    status, answer = api_server.request(
        "PATCH", f"{path_of(body)}?fieldManager={manager}&force=true", body, content_type=APPLY
    )
    assert status in (200, 201), answer


def managers(api_server: ApiServer, body: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Who owns something of an object, and how they wrote it."""
    found: Any = api_server.do("GET", path_of(body))
    return {(entry["manager"], entry["operation"]) for entry in found["metadata"]["managedFields"]}


def data(api_server: ApiServer, body: Mapping[str, Any]) -> Any:
    """The data of a ConfigMap."""
    return api_server.do("GET", path_of(body)).get("data")


def content_type(request: ProxiedRequest) -> str:
    """What a request carries."""
    return request.headers.get("Content-Type", "") if request.method == "PATCH" else ""


async def look(cluster: KubeCluster, one: DesiredObject, app: str = "shop") -> LiveObject:
    """The live object, watched from now on."""
    live = await cluster.observe(AppName(app), [one.key], [one.gvk])
    return live.objects[one.key]


async def apply(cluster: KubeCluster, one: DesiredObject) -> LiveObject:
    """A sync's step."""
    return await cluster.apply(permit_object(an_app(), one.key), one)


async def test_what_kubectl_applied_and_git_has_no_more_goes_with_the_first_apply(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    before = settings(namespace, colour="blue", leftover="yes")
    kubectl_apply(api_server, before)
    now = wanted(settings(namespace, colour="blue"))
    await look(cluster, now)
    applied = await apply(cluster, now)
    assert applied.document.body()["data"] == {"colour": "blue"}
    assert data(api_server, before) == {"colour": "blue"}
    assert managers(api_server, before) == {("gitopsd", "Apply")}
    found: Any = api_server.do("GET", path_of(before))
    assert LAST_APPLIED not in found["metadata"]["annotations"], "what it says is not true any more"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs the program kubectl")
@pytest.mark.parametrize("more", [(), ("--server-side",)], ids=["client-side", "server-side"])
async def test_what_kubectl_itself_applied_is_taken_over(
    cluster: KubeCluster, api_server: ApiServer, namespace: str, tmp_path: Path, more: tuple[str, ...]
) -> None:
    file = tmp_path / "settings.json"
    before = settings(namespace, colour="blue", leftover="yes")
    file.write_text(json.dumps(before))
    command = ["kubectl", "--kubeconfig", str(api_server.kubeconfig), "apply", "-f", str(file), *more]
    await anyio.run_process(command, env={**os.environ, "HOME": str(tmp_path)})
    now = wanted(settings(namespace, colour="blue"))
    there = await look(cluster, now)
    assert leftovers(now.document.body(), there.document.body(), now.adopts) == (("data", "leftover"),)
    await apply(cluster, now)
    assert data(api_server, before) == {"colour": "blue"}
    assert managers(api_server, before) == {("gitopsd", "Apply")}


@pytest.mark.parametrize("manager", ["argocd-controller", "kubectl"])
async def test_what_another_tool_applied_server_side_goes_too(
    cluster: KubeCluster, api_server: ApiServer, namespace: str, manager: str
) -> None:
    before = settings(namespace, colour="blue", leftover="yes")
    server_side_apply(api_server, before, manager)
    now = wanted(settings(namespace, colour="red"))
    await look(cluster, now)
    await apply(cluster, now)
    assert data(api_server, before) == {"colour": "red"}
    assert managers(api_server, before) == {("gitopsd", "Apply")}


async def test_what_a_manager_of_the_annotation_wrote_goes_and_anybody_elses_stays(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    before = settings(namespace, leftover="yes")
    server_side_apply(api_server, before, "fleet")
    server_side_apply(api_server, settings(namespace, theirs="stays"), "somebody-else")
    named = adopted_managers({"argocd.argoproj.io/client-side-apply-migration-manager": "fleet"}, {})
    now = wanted(settings(namespace, colour="red"), managers=named)
    await look(cluster, now)
    await apply(cluster, now)
    assert data(api_server, before) == {"colour": "red", "theirs": "stays"}


async def test_nothing_is_taken_over_where_the_sync_option_says_no(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    before = settings(namespace, colour="blue", leftover="yes")
    kubectl_apply(api_server, before)
    off = adopted_managers({}, {"ClientSideApplyMigration": "false"})
    now = wanted(settings(namespace, colour="red"), managers=off)
    await look(cluster, now)
    await apply(cluster, now)
    assert data(api_server, before) == {"colour": "red", "leftover": "yes"}
    assert ("kubectl-client-side-apply", "Update") in managers(api_server, before)


async def test_defaults_that_kubectl_owns_come_back(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    """Its entry has everything that defaulting added, and scaling by somebody else is no part of it."""
    spec: Body = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "example.org/web:1"}]},
        },
    }
    body = an_object("Deployment", "web", namespace=namespace, api_version="apps/v1", spec=spec)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    api_server.do("POST", f"{path}?fieldManager=kubectl-client-side-apply", body)
    api_server.do("PATCH", f"{path}/web/scale?fieldManager=hpa", {"spec": {"replicas": 3}})
    now = wanted(body)
    await look(cluster, now)
    await apply(cluster, now)
    found: Any = api_server.do("GET", f"{path}/web")
    assert found["spec"]["replicas"] == 3
    assert found["spec"]["progressDeadlineSeconds"] == 600
    assert found["spec"]["strategy"]["type"] == "RollingUpdate"


async def test_an_object_that_is_ours_costs_one_request(
    cluster: KubeCluster, namespace: str, requests: list[RequestMade]
) -> None:
    first = wanted(settings(namespace, colour="blue"))
    await look_for_nothing(cluster, first)
    await apply(cluster, first)
    del requests[:]
    await apply(cluster, wanted(settings(namespace, colour="red")))
    assert [request.verb for request in requests] == ["apply"]


async def look_for_nothing(cluster: KubeCluster, one: DesiredObject) -> None:
    """Watch the kind of an object that is not there."""
    await cluster.observe(AppName("shop"), [one.key], [one.gvk])


async def test_a_change_in_between_is_looked_at_again(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str
) -> None:
    before = settings(namespace, colour="blue", leftover="yes")
    kubectl_apply(api_server, before)
    now = wanted(settings(namespace, colour="red"))
    await look(behind_proxy, now)
    conflict = b'{"kind": "Status", "reason": "Conflict", "code": 409, "message": "the object has been modified"}'
    proxy.answer(409, matching=lambda request: content_type(request) == JSON_PATCH, body=conflict)
    server_side_apply(api_server, settings(namespace, theirs="stays"), "somebody-else")
    await apply(behind_proxy, now)
    assert data(api_server, before) == {"colour": "red", "theirs": "stays"}
    sent = [(request.method, content_type(request)) for request in proxy.requests if request.path == path_of(before)]
    assert sent == [("PATCH", JSON_PATCH), ("GET", ""), ("PATCH", JSON_PATCH), ("PATCH", APPLY)]


async def test_two_that_take_over_at_once_both_succeed(
    cluster: KubeCluster, behind_proxy: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    before = settings(namespace, colour="blue", leftover="yes")
    kubectl_apply(api_server, before)
    now = wanted(settings(namespace, colour="red"))
    await look(cluster, now)
    await look(behind_proxy, now)
    async with anyio.create_task_group() as both:
        both.start_soon(apply, cluster, now)
        both.start_soon(apply, behind_proxy, now)
    assert data(api_server, before) == {"colour": "red"}
    assert managers(api_server, before) == {("gitopsd", "Apply")}


async def test_a_connection_lost_between_taking_over_and_applying_is_made_good_by_the_next_apply(
    behind_proxy: KubeCluster, proxy: FaultProxy, api_server: ApiServer, namespace: str
) -> None:
    before = settings(namespace, colour="blue", leftover="yes")
    kubectl_apply(api_server, before)
    now = wanted(settings(namespace, colour="red"))
    await look(behind_proxy, now)
    proxy.answer(403, matching=lambda request: content_type(request) == APPLY)
    with pytest.raises(ClusterError):
        await apply(behind_proxy, now)
    assert data(api_server, before) == {"colour": "blue", "leftover": "yes"}, "nothing but owners changed"
    proxy.heal()
    (prediction,) = await behind_proxy.predict([(now, await look(behind_proxy, now))])
    assert prediction.document is not None
    assert prediction.document.body()["data"] == {"colour": "red"}, "a dry-run shows the rest"
    await apply(behind_proxy, now)
    assert data(api_server, before) == {"colour": "red"}
