"""Requests that are made as a service account: its rights count, and the API server knows."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest

from gitopsd.core.errors import ClusterError, SpecError
from gitopsd.core.ids import GVK, AppName
from gitopsd.core.live import LiveObject
from gitopsd.core.permit import permit_object
from gitopsd.core.project import DestinationServiceAccount, Impersonation, Project, Projects
from gitopsd.core.serviceaccount import ServiceAccount
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.ports.cluster import Patch
from gitopsd.testing.builders import a_config_map, an_app
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import CONFIG_MAP, desired

WRITING = ("apply", "dry-run", "create", "replace", "patch", "delete", "logs")
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def account(api_server: ApiServer, namespace: str, name: str, *verbs: str) -> str:
    """The user name of a service account that may do this to ConfigMaps of the namespace."""
    path = f"{RBAC}/namespaces/{namespace}"
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": list(verbs)}]
    api_server.do("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
    api_server.do("POST", f"{path}/roles", {"metadata": {"name": name}, "rules": rules})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
    api_server.do("POST", f"{path}/rolebindings", binding)
    return ServiceAccount(namespace, name).user


def a_pod_of(live: LiveObject) -> LiveObject:
    """A pod that nobody knows, in the namespace of an object."""
    return replace(live, key=live.key._replace(kind="Pod", name="gone"), gvk=GVK("", "v1", "Pod"))


def impersonated(api_server: ApiServer, user: str) -> list[tuple[str, bool, set[str]]]:
    """What was asked as this user: verb, whether it was a dry-run, the groups that it was in."""
    found = []
    for entry in api_server.audit():
        who = entry.get("impersonatedUser")
        if isinstance(who, Mapping) and who["username"] == user:
            found.append((str(entry["verb"]), "dryRun=All" in str(entry["requestURI"]), set(who["groups"])))
    return found


async def test_N1_writes_and_dry_runs_are_made_as_the_service_account(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    user = account(api_server, namespace, "deployer", "get", "create", "patch", "delete")
    wanted = desired(a_config_map("mine", namespace=namespace), "shop")
    (prediction,) = await cluster.predict([(wanted, None)], impersonate=user)
    assert prediction.error == ""
    permit = permit_object(an_app(), wanted.key)
    live = await cluster.apply(permit, wanted, impersonate=user)
    await cluster.delete(permit, live, impersonate=user)
    asked = {(verb, dry_run) for verb, dry_run, _ in impersonated(api_server, user)}
    assert asked == {("patch", True), ("patch", False), ("delete", False)}
    groups = {"system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"}
    assert all(found == groups for _, _, found in impersonated(api_server, user))


async def test_N1_every_way_to_write_is_gone_as_the_service_account(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    user = account(api_server, namespace, "deployer", "get", "create", "update", "patch", "delete")
    wanted = desired(a_config_map("mine", namespace=namespace), "shop")
    permit = permit_object(an_app(), wanted.key)
    live = await cluster.create(permit, wanted, impersonate=user)
    await cluster.patch(permit, live, Patch({"data": {"a": "1"}}), impersonate=user)
    live = await cluster.apply(permit, wanted, impersonate=user, replace=True)
    await cluster.delete(permit, live, impersonate=user)
    asked = [verb for verb, _, _ in impersonated(api_server, user)]
    assert asked == ["create", "patch", "update", "patch", "delete"]
    writing = [entry for entry in api_server.audit() if namespace in str(entry["requestURI"])]
    assert [entry["verb"] for entry in writing if entry["verb"] != "get" and not entry.get("impersonatedUser")] == []


async def test_N1_what_the_service_account_may_not_do_is_not_done_on_any_way(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    user = account(api_server, namespace, "reader", "get")
    wanted = desired(a_config_map("mine", namespace=namespace), "shop")
    permit = permit_object(an_app(), wanted.key)
    for make in (partial(cluster.create), partial(cluster.apply, replace=True)):
        with pytest.raises(ClusterError) as refused:
            await make(permit, wanted, impersonate=user)
        assert (refused.value.status, user in str(refused.value)) == (403, True)
    live = await cluster.apply(permit, wanted)
    for patch in (Patch({"data": {"a": "1"}}), Patch({"spec": {}}, subresource="status")):
        with pytest.raises(ClusterError, match="reader"):
            await cluster.patch(permit, live, patch, impersonate=user)
    with pytest.raises(ClusterError, match="reader"):
        await cluster.apply(permit, wanted, replace=True, impersonate=user)
    with pytest.raises(ClusterError, match="reader"):
        await cluster.logs(a_pod_of(live), "main", max_bytes=100, impersonate=user)


async def test_N1_what_the_service_account_may_not_do_is_not_done(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    user = account(api_server, namespace, "reader", "get")
    wanted = desired(a_config_map("mine", namespace=namespace), "shop")
    permit = permit_object(an_app(), wanted.key)
    with pytest.raises(ClusterError) as refused:
        await cluster.apply(permit, wanted, impersonate=user)
    assert (refused.value.status, user in str(refused.value)) == (403, True)
    (prediction,) = await cluster.predict([(wanted, None)], impersonate=user)
    assert user in prediction.error
    live = await cluster.apply(permit, wanted)
    with pytest.raises(ClusterError, match="reader"):
        await cluster.delete(permit, live, impersonate=user)
    assert (await cluster.observe(AppName("shop"), [wanted.key], [CONFIG_MAP])).objects


@pytest.mark.parametrize(
    "user",
    [
        "admin",
        "system:admin",
        "system:serviceaccount::",
        "system:serviceaccount:a:",
        "system:serviceaccount:a:b\r\nX: y",
    ],
)
async def test_J14_nobody_else_can_be_impersonated_and_nothing_is_sent(
    cluster: KubeCluster, namespace: str, user: str, requests: list[RequestMade]
) -> None:
    wanted = desired(a_config_map("mine", namespace=namespace), "shop")
    permit = permit_object(an_app(), wanted.key)
    live = await cluster.apply(permit, wanted)
    before = [made for made in requests if made.verb in WRITING]
    with pytest.raises(SpecError):
        await cluster.apply(permit, wanted, impersonate=user)
    with pytest.raises(SpecError):
        await cluster.predict([(wanted, None)], impersonate=user)
    with pytest.raises(SpecError):
        await cluster.delete(permit, live, impersonate=user)
    with pytest.raises(SpecError):
        await cluster.create(permit, wanted, impersonate=user)
    with pytest.raises(SpecError):
        await cluster.apply(permit, wanted, replace=True, impersonate=user)
    with pytest.raises(SpecError):
        await cluster.patch(permit, live, Patch({}), impersonate=user)
    with pytest.raises(SpecError):
        await cluster.logs(a_pod_of(live), "main", max_bytes=100, impersonate=user)
    assert [made for made in requests if made.verb in WRITING] == before


async def test_N1_a_permit_to_write_as_somebody_is_none_to_write_as_gitopsd(
    cluster: KubeCluster, namespace: str
) -> None:
    wanted = desired(a_config_map("mine", namespace=namespace), "shop")
    projects = Projects(
        {"default": Project("default", accounts=(DestinationServiceAccount("*", "*", "ci:deployer"),))},
        Impersonation(enabled=True),
    )
    permit = permit_object(an_app(), wanted.key, projects, cluster.server)
    for write in (cluster.apply, cluster.create, partial(cluster.apply, replace=True)):
        with pytest.raises(PermissionError, match="to write as system:serviceaccount:ci:deployer"):
            await write(permit, wanted)
    assert wanted.key not in (await cluster.observe(AppName("shop"), [wanted.key], [CONFIG_MAP])).objects
