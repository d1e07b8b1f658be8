"""What every cluster does where objects are replaced, made, patched and deleted; part of the cluster contract."""

from collections.abc import Mapping

import pytest

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, AppName
from gitopsd.core.immutable import is_immutable
from gitopsd.core.jsonvalue import JsonObject, integer, string_map, text
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.permit import Permit, permit_object
from gitopsd.ports.cluster import Cluster, Patch
from gitopsd.testing.builders import a_config_map, a_deployment, an_app, an_object
from tests.contracts.cluster_contract import (
    CONFIG_MAP,
    DEPLOYMENT,
    Changes,
    a_definition,
    apply,
    desired,
    replace_name,
)

HOOK = {"argocd.argoproj.io/hook": "PreSync"}
FINALIZER = "example.org/keep"


def permit(wanted: DesiredObject | LiveObject) -> Permit:
    """Return the permit for it."""
    return permit_object(an_app(), wanted.key)


def data(live: LiveObject) -> Mapping[str, str]:
    """Return a ConfigMap's data."""
    return string_map(live.document.body(), "data")


def with_selector(body: JsonObject, label: str) -> JsonObject:
    """Return a Deployment that selects other pods."""
    spec = body["spec"]
    assert isinstance(spec, Mapping)
    template = spec["template"]
    assert isinstance(template, Mapping)
    labels: JsonObject = {"app": label}
    return {
        **body,
        "spec": {**spec, "selector": {"matchLabels": labels}, "template": {**template, "metadata": {"labels": labels}}},
    }


class WritesContract:
    """Of each test the applications have names of their own."""

    @pytest.fixture
    def shop(self, namespace: str) -> AppName:
        return AppName(f"shop-{namespace}")

    # ---- replace

    async def test_a_replaced_object_is_what_git_has_and_nothing_else(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        before = await cluster.apply(
            permit_object(an_app(), desired(a_config_map(namespace=namespace)).key),
            desired(a_config_map(namespace=namespace, data={"a": "1", "b": "2"}), shop),
        )
        await cluster.patch(permit(before), before, Patch({"data": {"theirs": "3"}}))
        wanted = desired(a_config_map(namespace=namespace, data={"a": "9"}), shop)
        replaced = await cluster.apply(permit(wanted), wanted, replace=True)
        assert data(replaced) == {"a": "9"}
        assert (replaced.uid, replaced.owner) == (before.uid, shop)
        live = await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        assert live.objects == {wanted.key: replaced}

    async def test_replace_makes_what_is_missing(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        made = await cluster.apply(permit(wanted), wanted, replace=True)
        assert (made.owner, data(made)) == (shop, {"colour": "green"})
        assert (await cluster.observe(shop, [wanted.key], [CONFIG_MAP])).objects == {wanted.key: made}

    @pytest.mark.parametrize("there_before", [True, False])
    async def test_what_git_drops_after_a_replace_goes_at_the_next_apply(
        self, cluster: Cluster, namespace: str, shop: AppName, *, there_before: bool
    ) -> None:
        if there_before:
            await apply(cluster, desired(a_config_map(namespace=namespace, data={"a": "0"}), shop))
        both = desired(a_config_map(namespace=namespace, data={"a": "1", "b": "2"}), shop)
        await cluster.apply(permit(both), both, replace=True)
        one = desired(a_config_map(namespace=namespace, data={"a": "1"}), shop)
        (prediction,) = await cluster.predict([(one, None)])
        assert prediction.document is not None
        assert string_map(prediction.document.body(), "data") == {"a": "1"}
        assert data(await cluster.apply(permit(one), one)) == {"a": "1"}

    async def test_replacing_again_changes_nothing(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        first = await cluster.apply(permit(wanted), wanted, replace=True)
        again = await cluster.apply(permit(wanted), wanted, replace=True)
        assert (again.uid, again.resource_version) == (first.uid, first.resource_version)

    async def test_a_replaced_object_keeps_the_finalizers_of_others(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        live = await cluster.apply(permit(wanted), wanted)
        await cluster.patch(permit(live), live, Patch({"metadata": {"finalizers": [FINALIZER]}}))
        other = desired(a_config_map(namespace=namespace, data={"a": "9"}), shop)
        replaced = await cluster.apply(permit(other), other, replace=True)
        metadata = replaced.document.body()["metadata"]
        assert isinstance(metadata, Mapping)
        assert metadata["finalizers"] == [FINALIZER]
        freed = await cluster.patch(permit(live), live, Patch({"metadata": {"finalizers": None}}))
        assert FINALIZER not in str(freed.document.body()["metadata"])

    async def test_fields_that_nobody_knows_are_no_error_with_or_without_validation(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        await cluster.apply(permit(wanted), wanted, validate=False)
        await cluster.apply(permit(wanted), wanted, replace=True, validate=False)
        assert wanted.key in (await cluster.observe(shop, [wanted.key], [CONFIG_MAP])).objects

    # ---- create

    async def test_a_created_object_is_observed_at_once(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        made = await cluster.create(permit(wanted), wanted)
        assert (made.key, made.owner, data(made)) == (wanted.key, shop, {"colour": "green"})
        assert (await cluster.observe(shop, [wanted.key], [CONFIG_MAP])).objects == {wanted.key: made}

    async def test_what_is_there_already_is_not_created_and_stays_as_it_is(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        before = desired(a_config_map(namespace=namespace), shop)
        live = await cluster.create(permit(before), before)
        wanted = desired(a_config_map(namespace=namespace, data={"a": "9"}), shop)
        with pytest.raises(ClusterError) as refused:
            await cluster.create(permit(wanted), wanted)
        assert (refused.value.reason, refused.value.status, refused.value.retryable) == ("AlreadyExists", 409, False)
        found = await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        assert found.objects[wanted.key].resource_version == live.resource_version

    async def test_a_permit_for_another_object_neither_creates_nor_replaces_nor_patches(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        other = permit_object(an_app(), replace_name(wanted.key, "other"))
        with pytest.raises(PermissionError):
            await cluster.create(other, wanted)
        with pytest.raises(PermissionError):
            await cluster.apply(other, wanted, replace=True)
        live = await cluster.create(permit(wanted), wanted)
        with pytest.raises(PermissionError):
            await cluster.patch(other, live, Patch({"data": {"a": "9"}}))
        found = await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        assert found.objects[wanted.key].resource_version == live.resource_version

    # ---- patch

    async def test_a_patch_changes_what_it_names_and_nothing_else(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace, data={"a": "1", "b": "2"}), shop)
        live = await cluster.apply(permit(wanted), wanted)
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        patched = await cluster.patch(permit(live), live, Patch({"data": {"a": None, "c": "3"}}))
        assert data(patched) == {"b": "2", "c": "3"}
        assert (patched.uid, patched.owner) == (live.uid, shop)
        assert (await cluster.observe(shop, [wanted.key], [CONFIG_MAP])).objects == {wanted.key: patched}

    async def test_a_patch_spares_another_object_of_the_same_name(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        first = await cluster.create(permit(wanted), wanted)
        changes = Changes(cluster)
        await cluster.delete(permit(wanted), first, propagation="Background")
        await changes.until_live(cluster, shop, wanted.key, there=False)
        with pytest.raises(ClusterError) as gone:
            await cluster.patch(permit(first), first, Patch({"data": {"a": "9"}}))
        assert (gone.value.reason, gone.value.status) == ("NotFound", 404)
        second = await cluster.create(permit(wanted), wanted)
        with pytest.raises(ClusterError) as refused:
            await cluster.patch(permit(first), first, Patch({"data": {"a": "9"}}))
        assert refused.value.reason == "Conflict"
        assert not refused.value.retryable
        found = await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        assert found.objects[wanted.key].resource_version == second.resource_version

    async def test_a_patch_of_the_scale_changes_the_replicas(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_deployment(namespace=namespace, replicas=0), shop)
        live = await cluster.apply(permit(wanted), wanted)
        scaled = await cluster.patch(permit(live), live, Patch({"spec": {"replicas": 2}}, subresource="scale"))
        assert (scaled.gvk, scaled.uid) == (DEPLOYMENT, live.uid)
        assert integer(scaled.document.body(), "spec", "replicas") == 2

    async def test_an_object_whose_last_finalizer_is_patched_away_is_gone(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        body = a_config_map(namespace=namespace)
        wanted = desired({**body, "metadata": {**body["metadata"], "finalizers": [FINALIZER]}}, shop)  # type: ignore[dict-item]  # builders make mappings
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        live = await cluster.create(permit(wanted), wanted)
        changes = Changes(cluster)
        await cluster.delete(permit(wanted), live)
        await changes.until(lambda: changes.named(shop) > 0)
        dying = (await cluster.observe(shop, [wanted.key], [CONFIG_MAP])).objects[wanted.key]
        assert dying.deleting
        await cluster.patch(permit(dying), dying, Patch({"metadata": {"finalizers": None}}))
        await changes.until_live(cluster, shop, wanted.key, there=False)

    # ---- refusals

    async def test_a_field_that_cannot_be_changed_is_told_as_that(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        body = a_deployment(namespace=namespace, replicas=0)
        live = await cluster.apply(permit(desired(body, shop)), desired(body, shop))
        other = desired(with_selector(body, "other"), shop)
        (prediction,) = await cluster.predict([(other, live)])
        assert is_immutable(prediction.error)
        assert "spec.selector" in prediction.error
        for replace in (False, True):
            with pytest.raises(ClusterError) as refused:
                await cluster.apply(permit(other), other, replace=replace)
            assert (refused.value.reason, refused.value.status, refused.value.retryable) == ("Immutable", 422, False)
            assert is_immutable(str(refused.value))

    async def test_the_cause_of_a_refusal_is_named(self, cluster: Cluster, namespace: str, shop: AppName) -> None:
        lost = desired(a_config_map(namespace=f"{namespace}-not-there"), shop)
        for write in (cluster.apply, cluster.create):
            with pytest.raises(ClusterError) as refused:
                await write(permit(lost), lost)
            assert (refused.value.reason, refused.value.retryable) == ("NamespaceMissing", True)
        group = f"{namespace}.missing.example.org"
        instance = desired(an_object("Widget", "one", api_version=f"{group}/v1", namespace=namespace, spec={}), shop)
        with pytest.raises(ClusterError) as unknown:
            await cluster.create(permit(instance), instance)
        assert (unknown.value.reason, unknown.value.retryable) == ("KindMissing", True)

    # ---- hooks

    async def test_the_last_state_of_a_hooks_object_is_known_after_its_end(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        hook, plain = (
            desired(a_config_map(name, namespace=namespace, annotations=marks), shop)
            for name, marks in (("hook", HOOK), ("plain", {}))
        )
        await cluster.observe(shop, [hook.key, plain.key], [CONFIG_MAP])
        made = await cluster.create(permit(hook), hook)
        other = await cluster.create(permit(plain), plain)
        ended = await cluster.patch(permit(made), made, Patch({"data": {"result": "done"}}))
        assert cluster.last_seen(hook.key) is None
        changes = Changes(cluster)
        for live in (ended, other):
            await cluster.delete(permit(live), live, propagation="Background")
            await changes.until_live(cluster, shop, live.key, there=False)
        seen = cluster.last_seen(hook.key)
        assert seen is not None
        assert (seen.uid, seen.owner, data(seen)["result"]) == (made.uid, shop, "done")
        assert cluster.last_seen(hook.key, made.uid) == seen
        assert cluster.last_seen(hook.key, "another") is None
        assert cluster.last_seen(plain.key) is None

    async def test_whoever_traces_hears_of_what_was_created_and_patched(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        await cluster.observe(shop, [wanted.key], [CONFIG_MAP])
        told: list[str] = []
        stop = cluster.trace(
            lambda key, live: told.append(live.resource_version) if live and key == wanted.key else None
        )
        made = await cluster.create(permit(wanted), wanted)
        patched = await cluster.patch(permit(made), made, Patch({"data": {"a": "9"}}))
        stop()
        assert told == [made.resource_version, patched.resource_version]

    async def test_the_logs_of_a_pod_that_is_gone_are_empty(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        wanted = desired(a_config_map(namespace=namespace), shop)
        live = await cluster.apply(permit(wanted), wanted)
        gone = LiveObject(
            wanted.key._replace(kind="Pod", name="gone"), GVK("", "v1", "Pod"), "no-uid", "1", live.document
        )
        assert await cluster.logs(gone, "main", max_bytes=1_000) == ""

    async def test_a_definition_that_is_created_has_its_kind_served(
        self, cluster: Cluster, namespace: str, shop: AppName
    ) -> None:
        group = f"{namespace}.made.example.org"
        definition = desired(a_definition(group), shop)
        await cluster.create(permit(definition), definition)
        instance = desired(an_object("Widget", "one", api_version=f"{group}/v1", namespace=namespace, spec={}), shop)
        made = await cluster.create(permit(instance), instance)
        assert text(made.document.body(), "kind") == "Widget"
