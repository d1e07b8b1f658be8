"""Children of any kind on a real API server: which kinds are watched below which, and what cannot be read."""

from __future__ import annotations

import anyio
import pytest

from gitopsd.core.customization import ChildRule, ResourceSettings
from gitopsd.core.ids import GVK, AppName, GroupKind
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.permit import permit_object
from gitopsd.core.tree.kinds import built_in_children
from gitopsd.kube.cluster import KubeCluster
from gitopsd.testing.builders import a_config_map, an_app, an_object
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import DEADLINE_SECONDS, DEPLOYMENT, Changes, a_definition, apply, desired
from tests.kube.conftest import Opening
from tests.kube.test_faults import grant

MAP = GroupKind("", "ConfigMap")


@pytest.fixture
def shop(namespace: str) -> AppName:
    return AppName(f"shop-{namespace}")


async def widgets(cluster: KubeCluster, namespace: str, shop: AppName) -> GVK:
    """Define Widgets of this test alone, and wait until they are served."""
    gvk = GVK(f"{namespace}.example.org", "v1", "Widget")
    await cluster.observe(shop, [], [gvk])
    changes = Changes(cluster)
    await apply(cluster, desired(a_definition(gvk.group), shop))
    with anyio.fail_after(DEADLINE_SECONDS):
        while gvk not in await cluster.kinds([gvk]):
            seen = len(changes.heard)
            await changes.until(lambda seen=seen: len(changes.heard) > seen)  # type: ignore[misc]  # bound right now
    return gvk


def owned(body: JsonObject, owner: GVK, uid: str) -> JsonObject:
    """Return `body` as `owner`'s."""
    reference = {"apiVersion": owner.api_version, "kind": owner.kind, "name": "one", "uid": uid}
    metadata = {**body["metadata"], "ownerReferences": [reference]}  # type: ignore[dict-item]  # builders make mappings
    return {**body, "metadata": metadata}


async def test_a_custom_kind_has_the_children_that_settings_name_as_soon_as_they_do(
    cluster: KubeCluster, namespace: str, shop: AppName
) -> None:
    gvk = await widgets(cluster, namespace, shop)
    wanted = desired(an_object("Widget", "one", api_version=gvk.api_version, namespace=namespace, spec={}), shop)
    owner = await cluster.apply(permit_object(an_app(), wanted.key), wanted)
    child = desired(owned(a_config_map("made", namespace=namespace), gvk, owner.uid))
    await apply(cluster, child)
    await cluster.observe(shop, [wanted.key], [gvk])
    assert MAP not in cluster.watched()
    assert cluster.children([owner.uid]) == []
    changes = Changes(cluster)
    cluster.configure(ResourceSettings(children=(ChildRule(gvk.group_kind, (MAP, gvk.group_kind)),)))
    assert changes.named(shop)
    await cluster.observe(shop, [wanted.key], [gvk])
    await changes.until(lambda: [found.key for found in cluster.children([owner.uid])] == [child.key])
    assert [found.aliases for found in cluster.children([owner.uid])] == [()]


async def test_kinds_that_own_each_other_are_watched_all_the_same(
    cluster: KubeCluster, namespace: str, shop: AppName
) -> None:
    gvk = await widgets(cluster, namespace, shop)
    ring = (ChildRule(gvk.group_kind, (MAP,)), ChildRule(MAP, (gvk.group_kind,)))
    cluster.configure(ResourceSettings(children=ring))
    with anyio.fail_after(DEADLINE_SECONDS):
        await cluster.observe(shop, [], [gvk])
    assert {MAP, gvk.group_kind} <= cluster.watched()


async def test_a_child_kind_that_nobody_serves_is_no_trouble(
    cluster: KubeCluster, namespace: str, shop: AppName
) -> None:
    nowhere = GroupKind("nowhere.example.org", "Ghost")
    cluster.configure(ResourceSettings(children=(ChildRule(DEPLOYMENT.group_kind, (nowhere,)),)))
    live = await cluster.observe(shop, [], [DEPLOYMENT])
    assert (bool(live.unreadable), cluster.unreadable_below(shop)) == (False, {})
    assert nowhere not in cluster.watched()


async def test_a_child_kind_that_may_not_be_listed_is_named_and_hurts_nobody(
    api_server: ApiServer, namespace: str, shop: AppName, open_cluster: Opening
) -> None:
    user = f"below-{namespace}"
    rule = {"apiGroups": ["apps"], "resources": ["deployments", "replicasets"], "verbs": ["get", "list", "watch"]}
    grant(api_server, user, rule)
    async with open_cluster(api_server.user(user)) as cluster:
        live = await cluster.observe(shop, [], [DEPLOYMENT])
        assert not live.unreadable
        unreadable = cluster.unreadable_below(shop)
        assert list(unreadable) == [GroupKind("", "Pod")]
        assert 'resources: ["pods"]' in unreadable[GroupKind("", "Pod")]
        await cluster.forget(shop, [DEPLOYMENT.group_kind])
        assert cluster.unreadable_below(shop) == {}


async def test_watches_of_children_that_are_needed_no_more_end(
    api_server: ApiServer, shop: AppName, open_cluster: Opening
) -> None:
    async with open_cluster(api_server.kubeconfig, grace_seconds=0.0) as cluster:
        children = (ChildRule(DEPLOYMENT.group_kind, (MAP,)),)
        cluster.configure(ResourceSettings(children=children))
        await cluster.observe(shop, [], [DEPLOYMENT])
        assert MAP in cluster.watched()
        cluster.configure(ResourceSettings())
        with anyio.fail_after(DEADLINE_SECONDS):
            while MAP in cluster.watched():
                await anyio.lowlevel.checkpoint()
        assert set(built_in_children(DEPLOYMENT.group_kind)) <= cluster.watched()
