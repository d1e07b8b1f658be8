"""What every cluster does where an application asks for objects that belong to nobody; part of the cluster contract."""

from collections.abc import Callable
from functools import partial

import pytest

from gitopsd.core.ids import AppName
from gitopsd.core.live import LiveObject
from gitopsd.core.orphans import Strays
from gitopsd.core.permit import permit_object
from gitopsd.ports.cluster import Cluster
from gitopsd.testing.builders import a_config_map, a_deployment, an_app
from tests.contracts.cluster_contract import CONFIG_MAP, Changes, a_replica_set, apply, desired

MAPS = ("ConfigMap", "Deployment", "ReplicaSet")


def untracked(strays: Strays) -> set[str]:
    """The names of what nothing tracks, without what Kubernetes makes in each namespace."""
    return {live.key.name for live in strays.untracked if live.key.kind in MAPS} - {"kube-root-ca.crt"}


async def until(
    cluster: Cluster, changes: Changes, app: str, namespace: str, condition: Callable[[Strays], bool]
) -> Strays:
    """Ask whenever `app` is told to, until the answer is complete and as it should be."""
    while True:
        seen = changes.named(app)
        strays = await cluster.strays(AppName(app), namespace)
        if strays.complete and condition(strays):
            return strays
        await changes.until(partial(_told_again, changes, app, seen))


def _told_again(changes: Changes, app: str, before: int) -> bool:
    return changes.named(app) > before


class StraysContract:
    """Of each test the applications have names of their own."""

    @pytest.fixture
    def shop(self, namespace: str) -> AppName:
        return AppName(f"shop-{namespace}")

    async def asked(self, cluster: Cluster, app: AppName) -> Changes:
        """A listener, once `app` is known to the cluster."""
        await cluster.observe(app, [], [CONFIG_MAP])
        return Changes(cluster)

    async def test_what_nobody_tracks_or_owns_is_a_stray_and_its_coming_and_going_is_told(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        changes = await self.asked(cluster, shop)
        owner = desired(a_deployment(namespace=namespace, replicas=0))
        there = await cluster.apply(permit_object(an_app(), owner.key), owner)
        await apply(cluster, desired(a_replica_set(namespace, there.uid)))
        await until(cluster, changes, shop, namespace, lambda found: untracked(found) == {"web"})
        left = desired(a_config_map("left", namespace=namespace))
        live = await cluster.apply(permit_object(an_app(), left.key), left)
        found = await until(cluster, changes, shop, namespace, lambda found: untracked(found) == {"web", "left"})
        (stray,) = (one for one in found.untracked if one.key == left.key)
        assert (stray.uid, stray.gvk, stray.owner) == (live.uid, CONFIG_MAP, "")
        await cluster.delete(permit_object(an_app(), left.key), live, propagation="Background")
        await until(cluster, changes, shop, namespace, lambda found: untracked(found) == {"web"})

    async def test_what_an_application_wants_or_tracks_is_none(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        changes = await self.asked(cluster, shop)
        bank = AppName(f"bank-{namespace}")
        wanted = desired(a_config_map("wanted", namespace=namespace))
        await cluster.observe(bank, [wanted.key], [CONFIG_MAP])
        await apply(cluster, wanted)
        await apply(cluster, desired(a_config_map("tracked", namespace=namespace), bank))
        await apply(cluster, desired(a_config_map("left", namespace=namespace)))
        found = await until(cluster, changes, shop, namespace, lambda found: "left" in untracked(found))
        assert untracked(found) == {"left"}
        assert dict(found.tracked) == {}

    async def test_what_is_tracked_by_an_application_that_is_not_known_is_told_apart(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        changes = await self.asked(cluster, shop)
        gone = f"gone-{namespace}"
        await apply(cluster, desired(a_config_map("old", namespace=namespace), gone))
        found = await until(cluster, changes, shop, namespace, lambda found: gone in found.tracked)
        assert names(found.tracked[gone]) == {"old"}
        assert untracked(found) == set()

    async def test_an_application_that_goes_leaves_its_objects_behind(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        changes = await self.asked(cluster, shop)
        bank = AppName(f"bank-{namespace}")
        wanted = desired(a_config_map("old", namespace=namespace), bank)
        await cluster.observe(bank, [wanted.key], [CONFIG_MAP])
        await apply(cluster, wanted)
        await apply(cluster, desired(a_config_map("left", namespace=namespace)))
        found = await until(cluster, changes, shop, namespace, lambda found: untracked(found) == {"left"})
        assert dict(found.tracked) == {}
        await cluster.forget(bank, [CONFIG_MAP.group_kind])
        assert names((await cluster.strays(shop, namespace)).tracked[bank]) == {"old"}

    async def test_whoever_asks_no_more_is_told_no_more(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        changes = await self.asked(cluster, shop)
        bank = AppName(f"bank-{namespace}")
        await cluster.observe(bank, [], [CONFIG_MAP])
        await cluster.strays(bank, namespace)
        assert (await cluster.strays(shop, "")) == Strays()
        told = changes.named(shop)
        await apply(cluster, desired(a_config_map("left", namespace=namespace)))
        await until(cluster, changes, bank, namespace, lambda found: untracked(found) == {"left"})
        assert changes.named(shop) == told

    async def test_other_namespaces_do_not_matter(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        changes = await self.asked(cluster, shop)
        await apply(cluster, desired(a_config_map(f"left-{namespace}", namespace="default")))
        await apply(cluster, desired(a_config_map("left", namespace=namespace)))
        found = await until(cluster, changes, shop, namespace, lambda found: bool(untracked(found)))
        assert untracked(found) == {"left"}
        assert {live.key.namespace for live in found.untracked} == {namespace}


def names(found: tuple[LiveObject, ...]) -> set[str]:
    """Their names."""
    return {live.key.name for live in found}
