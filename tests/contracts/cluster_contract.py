"""What every cluster does: the suite that the real one and the fake pass.

A subclass gives the fixtures `cluster` (entered) and `namespace` (an empty namespace that exists). Tests may share a
cluster: each has applications of its own.
"""

from collections.abc import Callable, Mapping

import anyio
import pytest

from gitopsd.core.annotations import TRACKING_ID, tracking_id
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, text
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject, KindInfo
from gitopsd.core.permit import permit_object
from gitopsd.ports.cluster import Cluster, LiveChange
from gitopsd.testing.builders import a_config_map, a_deployment, an_app, an_object

CONFIG_MAP = GVK("", "v1", "ConfigMap")
DEPLOYMENT = GVK("apps", "v1", "Deployment")
REPLICA_SET = GVK("apps", "v1", "ReplicaSet")
DEADLINE_SECONDS = 60.0
_CLAIM: JsonObject = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def desired(body: JsonObject, app: str = "", *, tracked_as: ObjectKey | None = None) -> DesiredObject:
    """Return `body` (with a namespace of its own) as it is applied, tracked as `app`'s unless that is ""."""
    gvk = GVK.parse(text(body, "apiVersion"), text(body, "kind"))
    key = ObjectKey(gvk.group, gvk.kind, text(body, "metadata", "namespace"), text(body, "metadata", "name"))
    if app:
        metadata: dict[str, JsonValue] = dict(body["metadata"])  # type: ignore[arg-type]  # builders make mappings
        marks: dict[str, JsonValue] = dict(metadata.get("annotations") or {})  # type: ignore[arg-type]  # JSON, as above
        marks[TRACKING_ID] = tracking_id(AppName(app), tracked_as or key, "default")
        body = {**body, "metadata": {**metadata, "annotations": marks}}
    document = Document(canonical(body))
    return DesiredObject(key, gvk, document, document.digest())


async def apply(cluster: Cluster, wanted: DesiredObject) -> object:
    """Apply with a permit for it."""
    return await cluster.apply(permit_object(an_app(), wanted.key), wanted)


class Changes:
    """What a listener heard, and a way to wait for it."""

    def __init__(self, cluster: Cluster) -> None:
        self.heard: list[LiveChange] = []
        self._news = anyio.Event()
        self.stop = cluster.subscribe(self._hear)

    def _hear(self, change: LiveChange) -> None:
        self.heard.append(change)
        self._news.set()

    def named(self, app: str) -> int:
        """How many changes named `app`."""
        return sum(app in change.apps for change in self.heard)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, looking again after each change."""
        with anyio.fail_after(DEADLINE_SECONDS):
            while not condition():
                self._news = anyio.Event()
                await self._news.wait()

    async def until_live(self, cluster: Cluster, app: str, key: ObjectKey, *, there: bool) -> None:
        """Wait until `app` sees the object with `key`, or does not any more."""
        with anyio.fail_after(DEADLINE_SECONDS):
            while True:
                self._news = anyio.Event()
                live = await cluster.observe(AppName(app), [key], [])
                if (key in live.objects) is there:
                    return
                await self._news.wait()


def a_definition(group: str) -> JsonObject:
    """Return a CustomResourceDefinition of Widget, complete enough for a real API server."""
    schema: Mapping[str, JsonValue] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version: Mapping[str, JsonValue] = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    spec: Mapping[str, JsonValue] = {
        "group": group,
        "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
        "scope": "Namespaced",
        "versions": [version],
    }
    return an_object("CustomResourceDefinition", f"widgets.{group}", api_version="apiextensions.k8s.io/v1", spec=spec)


class ClusterContract:
    """Subclass it with the two fixtures."""

    @pytest.fixture
    def shop(self, namespace: str) -> AppName:
        return AppName(f"shop-{namespace}")

    @pytest.fixture
    def bank(self, namespace: str) -> AppName:
        return AppName(f"bank-{namespace}")

    async def test_the_target_names_version_and_served_apis(self, cluster: Cluster, namespace: str) -> None:
        target = await cluster.target()
        assert target.kube_version.startswith("v1.")
        assert {"v1", "apps/v1", "apps/v1/Deployment"} <= set(target.api_versions)
        assert cluster.connection().up
        assert cluster.connection().version == target.kube_version

    async def test_discovery_tells_scope_and_leaves_out_what_is_not_there(
        self, cluster: Cluster, namespace: str
    ) -> None:
        missing = GVK("nowhere.example.org", "v1", "Ghost")
        kinds = await cluster.kinds([DEPLOYMENT, GVK("", "v1", "Namespace"), missing])
        assert kinds == {DEPLOYMENT: KindInfo(namespaced=True), GVK("", "v1", "Namespace"): KindInfo(namespaced=False)}

    async def test_an_applied_object_is_observed_at_once(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        assert (await cluster.observe(shop, [wanted.key], [CONFIG_MAP])).objects == {}
        applied = await cluster.apply(permit_object(an_app(), wanted.key), wanted)
        live = await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        assert live.objects == {wanted.key: applied}
        assert (applied.owner, applied.copied, applied.gvk, applied.key) == (shop, False, CONFIG_MAP, wanted.key)
        assert text(applied.document.body(), "data", "colour") == "green"
        assert applied.uid
        assert applied.resource_version

    async def test_applying_again_changes_nothing(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        permit = permit_object(an_app(), wanted.key)
        first = await cluster.apply(permit, wanted)
        again = await cluster.apply(permit, wanted)
        assert (again.uid, again.resource_version) == (first.uid, first.resource_version)

    async def test_what_an_apply_leaves_out_is_removed(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        await apply(cluster, desired(a_config_map(data={"a": "1", "b": "2"}, namespace=namespace), shop))
        wanted = desired(a_config_map(data={"a": "1"}, namespace=namespace), shop)
        applied = await cluster.apply(permit_object(an_app(), wanted.key), wanted)
        assert applied.document.body()["data"] == {"a": "1"}

    async def test_a_permit_for_another_object_opens_nothing(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        with pytest.raises(PermissionError):
            await cluster.apply(permit_object(an_app(), replace_name(wanted.key, "other")), wanted)
        assert (await cluster.observe(shop, [wanted.key], [])).objects == {}

    async def test_objects_of_somebody_else_are_seen_only_by_key(
        self, cluster: Cluster, namespace: str, shop: AppName, bank: AppName
    ) -> None:
        untracked = desired(a_config_map("plain", namespace=namespace))
        banks = desired(a_config_map("banks", namespace=namespace), bank)
        await cluster.observe(shop, [], [CONFIG_MAP])
        await apply(cluster, untracked)
        await apply(cluster, banks)
        assert (await cluster.observe(shop, [], [CONFIG_MAP])).objects == {}
        live = await cluster.observe(shop, [untracked.key, banks.key], [CONFIG_MAP])
        assert {key: found.owner for key, found in live.objects.items()} == {untracked.key: "", banks.key: bank}

    async def test_tracked_objects_that_are_not_wanted_any_more_are_found(
        self, cluster: Cluster, namespace: str, shop: AppName, bank: AppName
    ) -> None:
        left = desired(a_config_map("left", namespace=namespace), shop)
        await apply(cluster, left)
        live = await cluster.observe(shop, [], [CONFIG_MAP])
        assert list(live.objects) == [left.key]
        assert (await cluster.observe(bank, [], [CONFIG_MAP])).objects == {}

    async def test_an_object_that_was_copied_with_its_annotation_is_marked(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        original = ObjectKey("", "ConfigMap", namespace, "original")
        copy = desired(a_config_map("copy", namespace=namespace), shop, tracked_as=original)
        await apply(cluster, copy)
        live = (await cluster.observe(shop, [], [CONFIG_MAP])).objects[copy.key]
        assert (live.owner, live.copied) == (shop, True)

    async def test_an_object_that_another_one_owns_is_its_child_and_found_by_key_only(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        deployment = desired(a_deployment(namespace=namespace, replicas=0), shop)
        owner = await cluster.apply(permit_object(an_app(), deployment.key), deployment)
        await cluster.observe(shop, [deployment.key], [DEPLOYMENT])
        child = desired(a_replica_set(namespace, owner.uid), shop)
        await apply(cluster, child)
        live = await cluster.observe(shop, [deployment.key], [DEPLOYMENT, REPLICA_SET])
        assert list(live.objects) == [deployment.key]
        assert child.key in {found.key for found in cluster.children([owner.uid])}
        live = await cluster.observe(shop, [deployment.key, child.key], [DEPLOYMENT, REPLICA_SET])
        assert set(live.objects) == {deployment.key, child.key}

    async def test_a_claim_of_a_template_is_a_child_though_it_names_no_owner(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        database = desired(a_stateful_set(namespace), shop)
        owner = await cluster.apply(permit_object(an_app(), database.key), database)
        changes = Changes(cluster)
        await cluster.observe(shop, [database.key], [database.gvk])
        claims = [desired(a_claim(name, namespace)) for name in ("data-db-0", "data-other-0")]
        for claim in claims:
            await apply(cluster, claim)
        await changes.until(lambda: any(found.key == claims[0].key for found in cluster.children([owner.uid])))
        assert claims[1].key not in {found.key for found in cluster.children([owner.uid])}

    async def test_every_change_of_a_kept_object_is_told_to_who_traces(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        permit = permit_object(an_app(), wanted.key)
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        told: list[LiveObject | None] = []
        stop = cluster.trace(lambda key, live: told.append(live) if key == wanted.key else None)
        changes = Changes(cluster)
        applied = await cluster.apply(permit, wanted)
        assert [live and live.resource_version for live in told] == [applied.resource_version]
        await cluster.delete(permit, applied)
        await changes.until(lambda: told[-1] is None)
        stop()
        await cluster.apply(permit, wanted)
        assert told[-1] is None

    async def test_a_deleted_object_is_gone_and_its_application_hears_of_it(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        permit = permit_object(an_app(), wanted.key)
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        applied = await cluster.apply(permit, wanted)
        changes = Changes(cluster)
        await cluster.delete(permit, applied)
        await changes.until(lambda: changes.named(shop) > 0)
        await changes.until_live(cluster, shop, wanted.key, there=False)
        await cluster.delete(permit, applied)

    async def test_delete_spares_another_object_of_the_same_name(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        permit = permit_object(an_app(), wanted.key)
        first = await cluster.apply(permit, wanted)
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        changes = Changes(cluster)
        await cluster.delete(permit, first, propagation="Background")
        await changes.until_live(cluster, shop, wanted.key, there=False)
        second = await cluster.apply(permit, wanted)
        await cluster.delete(permit, first)
        live = await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        assert live.objects[wanted.key].uid == second.uid

    async def test_only_the_application_that_is_concerned_hears_of_a_change(
        self, cluster: Cluster, namespace: str, shop: AppName, bank: AppName
    ) -> None:
        shops, banks = (desired(a_config_map(app, namespace=namespace), app) for app in (shop, bank))
        await cluster.observe(shop, [shops.key], [CONFIG_MAP])
        await cluster.observe(bank, [banks.key], [CONFIG_MAP])
        permit = permit_object(an_app(), banks.key)
        await apply(cluster, shops)
        applied = await cluster.apply(permit, banks)
        changes = Changes(cluster)
        await cluster.delete(permit, applied)
        await changes.until(lambda: changes.named(bank) > 0)
        assert changes.named(shop) == 0

    async def test_an_apply_is_told_to_the_other_applications_that_want_the_object(
        self, cluster: Cluster, namespace: str, shop: AppName, bank: AppName
    ) -> None:
        shops = desired(a_config_map(namespace=namespace), shop)
        banks = desired(a_config_map(namespace=namespace), bank)
        await cluster.observe(shop, [shops.key], [CONFIG_MAP])
        await cluster.observe(bank, [banks.key], [CONFIG_MAP])
        await cluster.apply(permit_object(an_app(shop), shops.key), shops)
        changes = Changes(cluster)
        await cluster.apply(permit_object(an_app(bank), banks.key), banks)
        await changes.until(lambda: changes.named(shop) > 0)

    async def test_a_listener_that_stopped_hears_nothing(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        permit = permit_object(an_app(), wanted.key)
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        applied = await cluster.apply(permit, wanted)
        stopped, changes = Changes(cluster), Changes(cluster)
        stopped.stop()
        await cluster.delete(permit, applied)
        await changes.until(lambda: changes.named(shop) > 0)
        assert stopped.heard == []

    async def test_a_forgotten_application_hears_nothing(
        self, cluster: Cluster, namespace: str, shop: AppName, bank: AppName
    ) -> None:
        shops, banks = (desired(a_config_map(app, namespace=namespace), app) for app in (shop, bank))
        await cluster.observe(shop, [shops.key], [CONFIG_MAP])
        await cluster.observe(bank, [banks.key], [CONFIG_MAP])
        deleted = [await cluster.apply(permit_object(an_app(), wanted.key), wanted) for wanted in (shops, banks)]
        await cluster.forget(shop, [CONFIG_MAP.group_kind])
        changes = Changes(cluster)
        for live in deleted:
            await cluster.delete(permit_object(an_app(), live.key), live)
        await changes.until(lambda: changes.named(bank) > 0)
        assert changes.named(shop) == 0

    async def test_a_prediction_tells_the_result_and_writes_nothing(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_deployment(namespace=namespace, replicas=None), shop)
        (prediction,) = await cluster.predict([(wanted, None)])
        assert prediction.error == ""
        assert prediction.document is not None
        spec = prediction.document.body()["spec"]
        assert isinstance(spec, Mapping)
        assert spec["replicas"] == 1
        assert (prediction.desired_digest, prediction.resource_version) == (wanted.digest, "")
        assert (await cluster.observe(shop, [wanted.key], [DEPLOYMENT])).objects == {}

    async def test_an_invalid_object_among_good_ones_is_an_answer(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        good = [desired(a_config_map(f"good-{number}", namespace=namespace), shop) for number in range(3)]
        bad = desired(an_object("ConfigMap", "bad", namespace=namespace, data={"port": 8080}), shop)
        live = await cluster.apply(permit_object(an_app(), good[0].key), good[0])
        predictions = await cluster.predict([(good[0], live), (bad, None), (good[1], None), (good[2], None)])
        assert [prediction.document is not None for prediction in predictions] == [True, False, True, True]
        assert "data.port" in predictions[1].error
        assert predictions[0].resource_version == live.resource_version

    async def test_an_invalid_object_is_refused_with_its_field(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        bad = desired(an_object("ConfigMap", "bad", namespace=namespace, data={"port": 8080}), shop)
        with pytest.raises(ClusterError) as refused:
            await apply(cluster, bad)
        assert "data.port" in str(refused.value)
        assert not refused.value.retryable

    async def test_a_missing_namespace_says_what_to_do(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        lost = desired(a_config_map(namespace=f"{namespace}-not-there"), shop)
        with pytest.raises(ClusterError) as refused:
            await apply(cluster, lost)
        assert f"namespace {namespace}-not-there does not exist" in str(refused.value)
        assert "CreateNamespace=true" in refused.value.hint
        assert refused.value.status == 404

    async def test_a_kind_that_is_not_served_has_no_objects_until_it_is_defined(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        group = f"{namespace}.example.org"
        widget = GVK(group, "v1", "Widget")
        instance = desired(an_object("Widget", "one", api_version=f"{group}/v1", namespace=namespace, spec={}), shop)
        assert (await cluster.observe(shop, [instance.key], [widget])).objects == {}
        with pytest.raises(ClusterError, match="does not serve"):
            await apply(cluster, instance)
        changes = Changes(cluster)
        await apply(cluster, desired(a_definition(group), shop))
        with anyio.fail_after(DEADLINE_SECONDS):
            while widget not in await cluster.kinds([widget]):
                seen = len(changes.heard)
                await changes.until(lambda seen=seen: len(changes.heard) > seen)  # type: ignore[misc]  # bound right now
        await apply(cluster, instance)
        assert list((await cluster.observe(shop, [instance.key], [widget])).objects) == [instance.key]


def replace_name(key: ObjectKey, name: str) -> ObjectKey:
    """Return the key of another object beside it."""
    return key._replace(name=name)


def a_stateful_set(namespace: str) -> JsonObject:
    """Return a StatefulSet `db` without pods, with a template `data` of claims."""
    template: JsonObject = {
        "metadata": {"labels": {"app": "db"}},
        "spec": {"containers": [{"name": "main", "image": "registry.example.org/db:1"}]},
    }
    claim: JsonObject = {"metadata": {"name": "data"}, "spec": _CLAIM}
    spec: JsonObject = {
        "replicas": 0,
        "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}},
        "template": template,
        "volumeClaimTemplates": [claim],
    }
    return an_object("StatefulSet", "db", api_version="apps/v1", namespace=namespace, spec=spec)


def a_claim(name: str, namespace: str) -> JsonObject:
    """Return a PersistentVolumeClaim that nobody owns."""
    return an_object("PersistentVolumeClaim", name, namespace=namespace, spec=_CLAIM)


def a_replica_set(namespace: str, owner_uid: str) -> JsonObject:
    """Return a ReplicaSet without pods below a Deployment `web`.

    With labels that the Deployment selects: its controller would let go of the ReplicaSet otherwise.
    """
    body = a_deployment("web-1", namespace=namespace, replicas=0)
    metadata: Mapping[str, JsonValue] = {
        "name": "web-1",
        "namespace": namespace,
        "labels": {"app": "web"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner_uid, "controller": True}
        ],
    }
    return {**body, "kind": "ReplicaSet", "metadata": metadata}
