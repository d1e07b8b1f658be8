"""A cluster that has applications besides is a cluster in every other respect, and applications are objects in it."""

import pytest

from gitopsd.control.children import Children
from gitopsd.control.children_cluster import ClustersWithChildren, ClusterWithChildren
from gitopsd.core.app import AppSpec
from gitopsd.core.childapps import Shown
from gitopsd.core.customization import KindFilter, ResourceSettings
from gitopsd.core.desired import desired
from gitopsd.core.errors import ClusterError, SpecError
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.permit import permit_object
from gitopsd.ports.cluster import Cluster, LiveChange, Patch
from gitopsd.testing.applications import FakeReader, an_application
from gitopsd.testing.builders import a_config_map, a_namespace, an_app, manifests
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.cluster import FakeCluster, FakeClusters
from gitopsd.testing.journal import FakeJournal
from tests.contracts.cluster_contract import ClusterContract
from tests.contracts.cluster_writes_contract import WritesContract
from tests.contracts.strays_contract import StraysContract

ROOT = an_app("root")
SHOP = AppName("shop")
APPLICATION = GVK("argoproj.io", "v1alpha1", "Application")
KEY = ObjectKey("argoproj.io", "Application", "argocd", "shop")


class Keeper:
    """`control.children.Keeper` that remembers what it was told."""

    def __init__(self) -> None:
        self.specs = {ROOT.name: ROOT}
        self.let_gone: list[tuple[AppName, bool]] = []
        self.gave_up: set[AppName] = set()

    def spec(self, name: AppName) -> AppSpec | None:
        """The application."""
        return self.specs.get(name)

    def shown(self, name: AppName) -> Shown | None:
        """Nothing is known."""
        return None

    def wants(self, name: AppName, key: ObjectKey) -> bool:
        """Whether its manifests have it: they did when it was `take`n, unless it `gave_up`."""
        return name not in self.gave_up

    def take(self, spec: AppSpec) -> None:
        """Work for it."""
        self.specs[spec.name] = spec

    async def let_go(self, spec: AppSpec, *, cascade: bool) -> None:
        """Work for it no more."""
        self.let_gone.append((spec.name, cascade))


def with_children(inner: FakeCluster, keeper: Keeper | None = None) -> ClusterWithChildren:
    """The cluster as passes see it."""
    children = Children(FakeJournal(), FakeReader(), FakeClock(), keeper or Keeper())
    found = ClustersWithChildren(FakeClusters(inner), children).find(name=inner.name)
    assert isinstance(found, ClusterWithChildren)
    return found


class TestClusterWithChildren(ClusterContract, StraysContract, WritesContract):
    """A cluster of its own for each test."""

    @pytest.fixture
    def namespace(self) -> str:
        return "team"

    @pytest.fixture
    def cluster(self, namespace: str) -> Cluster:
        inner = FakeCluster()
        inner.plant(a_namespace(namespace))
        return with_children(inner)


class TestChildren:
    """Applications as objects."""

    @pytest.fixture
    def inner(self) -> FakeCluster:
        return FakeCluster()

    @pytest.fixture
    def keeper(self) -> Keeper:
        return Keeper()

    @pytest.fixture
    def cluster(self, inner: FakeCluster, keeper: Keeper) -> ClusterWithChildren:
        return with_children(inner, keeper)

    async def wanted(self, cluster: Cluster, *bodies: JsonObject) -> tuple[DesiredObject, ...]:
        """What root wants."""
        found = manifests(*bodies)
        kinds = await cluster.kinds({item.gvk for item in found})
        return desired(ROOT, found, kinds).objects

    async def applied(self, cluster: Cluster, *, finalizer: bool = False) -> LiveObject:
        """Root's child."""
        [wish] = await self.wanted(cluster, an_application("shop", finalizer=finalizer))
        return await cluster.apply(permit_object(ROOT, wish.key), wish)

    async def test_they_are_served_where_nobody_defined_them(self, cluster: ClusterWithChildren) -> None:
        assert (await cluster.kinds([APPLICATION]))[APPLICATION].namespaced
        assert "argoproj.io/v1alpha1/Application" in (await cluster.target()).api_versions

    async def test_they_are_never_excluded(self, keeper: Keeper) -> None:
        everything = KindFilter()
        inner = FakeCluster(resources=ResourceSettings(exclusions=(everything,)))
        cluster = with_children(inner, keeper)
        assert cluster.excluded(GroupKind("", "ConfigMap"))
        assert not cluster.excluded(APPLICATION.group_kind)

    async def test_one_that_is_applied_is_observed_at_once_beside_other_objects(
        self, cluster: ClusterWithChildren, inner: FakeCluster
    ) -> None:
        live = await self.applied(cluster)
        [other] = await self.wanted(cluster, a_config_map("settings"))
        await cluster.apply(permit_object(ROOT, other.key), other)
        found = await cluster.observe(ROOT.name, [KEY, other.key], [APPLICATION, other.gvk])
        assert set(found.objects) == {KEY, other.key}
        assert found.objects[KEY] is live
        assert (await cluster.observe(AppName("other"), [KEY], [APPLICATION])).objects == {}
        assert inner.keys("Application") == []

    async def test_a_dry_run_tells_what_an_apply_gives_and_changes_nothing(
        self, cluster: ClusterWithChildren, keeper: Keeper
    ) -> None:
        live = await self.applied(cluster)
        same, settings = await self.wanted(cluster, an_application("shop"), a_config_map("settings"))
        [other] = await self.wanted(cluster, an_application("shop", revision="v2"))
        predictions = await cluster.predict([(other, live), (settings, None), (same, live)])
        assert [item.error for item in predictions] == ["", "", ""]
        assert [item.desired_digest for item in predictions] == [other.digest, settings.digest, same.digest]
        assert predictions[0].document is not None
        assert text(predictions[0].document.body(), "spec", "source", "targetRevision") == "v2"
        assert predictions[2].document == live.document
        assert keeper.specs[SHOP].sources[0].target_revision == "main"

    async def test_a_dry_run_tells_what_is_wrong(self, cluster: ClusterWithChildren) -> None:
        live = await self.applied(cluster)
        broken: JsonObject = {**an_application("shop"), "spec": {}}
        [wish] = await self.wanted(cluster, broken)
        for there in (live, None):
            [prediction] = await cluster.predict([(wish, there)])
            assert prediction.document is None
            assert "spec has no source" in prediction.error

    async def test_one_that_exists_is_not_created(self, cluster: ClusterWithChildren) -> None:
        [wish] = await self.wanted(cluster, an_application("shop"))
        await cluster.create(permit_object(ROOT, KEY), wish)
        with pytest.raises(ClusterError) as raised:
            await cluster.create(permit_object(ROOT, KEY), wish)
        assert raised.value.reason == "AlreadyExists"

    async def test_a_permit_for_another_object_opens_nothing(self, cluster: ClusterWithChildren) -> None:
        live = await self.applied(cluster)
        [wish] = await self.wanted(cluster, an_application("shop", revision="v2"))
        permit = permit_object(ROOT, KEY._replace(name="other"))
        with pytest.raises(PermissionError):
            await cluster.apply(permit, wish)
        with pytest.raises(PermissionError):
            await cluster.delete(permit, live)
        with pytest.raises(PermissionError):
            await cluster.patch(permit, live, Patch({"spec": None}))

    async def test_J14_any_text_is_no_service_account(self, cluster: ClusterWithChildren) -> None:
        [wish] = await self.wanted(cluster, an_application("shop"))
        with pytest.raises(SpecError):
            await cluster.apply(permit_object(ROOT, KEY), wish, impersonate="admin")

    async def test_a_delete_spares_a_later_one_of_its_name(self, cluster: ClusterWithChildren, keeper: Keeper) -> None:
        first = await self.applied(cluster)
        await cluster.delete(permit_object(ROOT, KEY), first)
        second = await self.applied(cluster)
        await cluster.delete(permit_object(ROOT, KEY), first)
        assert (await cluster.observe(ROOT.name, [KEY], [APPLICATION])).objects.keys() == {KEY}
        await cluster.delete(permit_object(ROOT, KEY), second)
        assert (await cluster.observe(ROOT.name, [KEY], [APPLICATION])).objects == {}
        assert keeper.let_gone == [(SHOP, False), (SHOP, False)]

    async def test_one_with_a_finalizer_is_deleting_until_its_objects_are_gone(
        self, cluster: ClusterWithChildren, keeper: Keeper
    ) -> None:
        live = await self.applied(cluster, finalizer=True)
        await cluster.delete(permit_object(ROOT, KEY), live)
        assert keeper.let_gone == [(SHOP, True)]
        found = await cluster.observe(ROOT.name, [KEY], [APPLICATION])
        assert found.objects[KEY].deleting
        with pytest.raises(ClusterError, match="it is being deleted"):
            await self.applied(cluster)

    async def test_changes_are_told_to_who_listens_until_he_stops(self, cluster: ClusterWithChildren) -> None:
        traced: list[tuple[ObjectKey, bool]] = []
        heard: list[LiveChange] = []
        stop_tracing = cluster.trace(lambda key, live: traced.append((key, live is not None)))
        stop = cluster.subscribe(heard.append)
        await cluster.observe(ROOT.name, [KEY], [APPLICATION])
        live = await self.applied(cluster)
        assert (traced, heard) == ([(KEY, True)], [])  # to its writer it is no news
        await cluster.delete(permit_object(ROOT, KEY), live)
        assert traced == [(KEY, True), (KEY, False)]
        assert heard == [LiveChange("local", frozenset({ROOT.name}))]
        stop_tracing()
        stop()
        await self.applied(cluster)
        assert len(traced) == 2
