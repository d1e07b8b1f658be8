"""From manifests to the objects that an application wants."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.annotations import HOOK, INSTANCE_LABEL, TRACKING_ID
from gitopsd.core.app import AppSpec, Destination, SyncPolicy, Tracking, TrackingMethod
from gitopsd.core.desired import desired, managed_namespace, wanted_kinds
from gitopsd.core.ids import GVK, GroupKind, ObjectKey, Position
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Desired, KindInfo
from gitopsd.testing.builders import (
    a_config_map,
    a_definition,
    a_deployment,
    a_namespace,
    an_app,
    an_instance,
    an_object,
    manifests,
)

KINDS = {
    GVK("", "v1", "ConfigMap"): KindInfo(namespaced=True),
    GVK("apps", "v1", "Deployment"): KindInfo(namespaced=True),
    GVK("", "v1", "Namespace"): KindInfo(namespaced=False),
    GVK("batch", "v1", "Job"): KindInfo(namespaced=True),
    GVK("apiextensions.k8s.io", "v1", "CustomResourceDefinition"): KindInfo(namespaced=False),
}
APP = an_app(namespace="shop")


def want(*bodies: JsonObject, spec: AppSpec = APP) -> Desired:
    return desired(spec, manifests(*bodies), KINDS)


def body_of(wanted: Desired, position: int = 0) -> Any:
    return json.loads(wanted.objects[position].document.raw)


def test_an_object_without_a_namespace_gets_the_destinations() -> None:
    wanted = want(a_config_map(), a_config_map(namespace="own"))
    assert [item.key.namespace for item in wanted.objects] == ["shop", "own"]
    assert body_of(wanted)["metadata"]["namespace"] == "shop"


def test_a_cluster_scoped_object_loses_its_namespace() -> None:
    wanted = want(an_object("Namespace", "team", namespace="odd"))
    assert wanted.objects[0].key == ObjectKey("", "Namespace", "", "team")
    assert "namespace" not in body_of(wanted)["metadata"]
    assert body_of(wanted)["metadata"]["annotations"][TRACKING_ID] == "guestbook:/Namespace:shop/team"


def test_a_namespaced_object_without_any_namespace_is_a_problem() -> None:
    spec = an_app(namespace="")
    wanted = want(a_config_map(), spec=spec)
    assert wanted.objects == ()
    assert wanted.problems == ("app/0.yaml:1: ConfigMap settings names no namespace; set destination.namespace",)


@pytest.mark.parametrize("namespaced", [True, False])
def test_the_scope_of_a_kind_that_comes_along_is_its_definitions(namespaced: bool) -> None:
    wanted = want(an_instance(), a_definition(namespaced=namespaced))
    assert wanted.objects[0].key.namespace == ("shop" if namespaced else "")
    assert wanted.defines == {GroupKind("example.org", "Widget")}


def test_the_scope_of_an_unknown_kind_is_what_the_manifest_says() -> None:
    wanted = want(an_instance("one"), an_instance("two", namespace="own"))
    assert [item.key.namespace for item in wanted.objects] == ["", "own"]


def test_what_discovery_says_goes_before_a_definition() -> None:
    kinds = {**KINDS, GVK("example.org", "v1", "Widget"): KindInfo(namespaced=True)}
    wanted = desired(APP, manifests(an_instance(), a_definition(namespaced=False)), kinds)
    assert wanted.objects[0].key.namespace == "shop"


def test_the_last_of_duplicates_counts_and_a_warning_names_it() -> None:
    wanted = want(a_config_map(data={"a": "1"}), a_config_map(namespace="shop", data={"a": "2"}))
    assert len(wanted.objects) == 1
    assert body_of(wanted)["data"] == {"a": "2"}
    assert wanted.warnings == ("ConfigMap shop/settings appears more than once; the last one, app/1.yaml:1, counts",)


@pytest.mark.parametrize("kind", ["List", "ConfigMapList"])
def test_lists_are_their_items(kind: str) -> None:
    inner = {"apiVersion": "v1", "kind": "List", "items": [a_config_map("two"), "odd", None]}
    wanted = want({"apiVersion": "v1", "kind": kind, "items": [a_config_map("one"), inner]})
    assert [item.key.name for item in wanted.objects] == ["one", "two"]


def test_a_kind_that_only_sounds_like_a_list_is_none() -> None:
    wanted = want(an_object("AllowList", "x", api_version="example.org/v1", namespace="shop"))
    assert [item.key.kind for item in wanted.objects] == ["AllowList"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"kind": "ConfigMap", "metadata": {"name": "a"}}, "a manifest needs apiVersion and kind"),
        ({"apiVersion": "v1", "metadata": {"name": "a"}}, "a manifest needs apiVersion and kind"),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "v1 ConfigMap has no metadata.name"),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": None}, "v1 ConfigMap has no metadata.name"),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 3}},
            "v1 ConfigMap has a metadata.name that is not a string; put it in quotes",
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": True}},
            "v1 ConfigMap has a metadata.namespace that is not a string; put it in quotes",
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "a-"}},
            "v1 ConfigMap has no metadata.name; metadata.generateName is for hooks only",
        ),
    ],
)
def test_a_manifest_that_cannot_be_applied_is_a_problem_with_its_place(body: JsonObject, problem: str) -> None:
    wanted = want(a_config_map(), body)
    assert wanted.problems == (f"app/1.yaml:1: {problem}",)
    assert len(wanted.objects) == 1


def test_what_only_a_server_sets_is_left_out() -> None:
    exported: JsonObject = {
        **a_config_map(),
        "metadata": {
            "name": "settings",
            "uid": "1",
            "resourceVersion": "2",
            "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "selfLink": "/x",
            "managedFields": [{"manager": "kubectl"}],
            "labels": {"team": "blue"},
        },
    }
    assert set(body_of(want(exported))["metadata"]) == {"name", "namespace", "labels", "annotations"}
    assert (
        want(exported).digest
        == want(an_object("ConfigMap", "settings", labels={"team": "blue"}, data={"colour": "green"})).digest
    )


def test_a_wave_that_is_no_number_is_a_warning_and_wave_0() -> None:
    wanted = want(a_config_map(annotations={"argocd.argoproj.io/sync-wave": "first"}))
    assert wanted.objects[0].wave == 0
    assert "not a whole number" in wanted.doubts[0]
    assert want(a_config_map(wave=-3)).objects[0].wave == -3


def test_options_of_an_object_are_read() -> None:
    marked = a_config_map(annotations={"argocd.argoproj.io/sync-options": "Prune=false"})
    assert want(marked).objects[0].options == {"Prune": "false"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Prunes=false", "the sync option 'Prunes=false': there is none of this name; known are"),
        ("Replace=yes", "the sync option 'Replace=yes': known values are true, false"),
        ("CreateNamespace=true", "the sync option 'CreateNamespace=true': only an application can have it"),
        ("Force", "the sync option 'Force': known values are true, false"),
        ("Prune:false", "the object is kept, as with Prune=false"),
        ("prune=false", "the object is kept, as with Prune=false"),
        ("Delete=no", "known values are true, false, confirm; the object is kept, as with Delete=false"),
    ],
)
def test_an_unknown_sync_option_is_a_warning_with_its_place(written: str, said: str) -> None:
    marked = a_config_map(annotations={"argocd.argoproj.io/sync-options": f"Validate=false, {written}"})
    (warning,) = want(marked).doubts
    assert warning.startswith("app/0.yaml:1: ConfigMap shop/settings has the sync option ")
    assert said in warning


@pytest.mark.parametrize(
    "written", ["", "Prune=false", "Prune=confirm,Delete=confirm", "Force=true,Replace=true", "PruneLast=true, ,"]
)
def test_known_sync_options_are_no_warning(written: str) -> None:
    assert want(a_config_map(annotations={"argocd.argoproj.io/sync-options": written})).doubts == ()


@pytest.mark.parametrize(("written", "warnings"), [("fail", 0), ("recreate", 0), ("anew", 1)])
def test_an_unknown_word_for_immutable_fields_is_a_warning(written: str, warnings: int) -> None:
    assert len(want(a_config_map(annotations={"gitopsd.io/on-immutable": written})).doubts) == warnings


def test_tracking_by_annotation_alone() -> None:
    metadata = body_of(want(a_config_map()))["metadata"]
    assert metadata["annotations"] == {TRACKING_ID: "guestbook:/ConfigMap:shop/settings"}
    assert "labels" not in metadata


def test_tracking_by_annotation_and_label() -> None:
    spec = replace(APP, tracking=Tracking(TrackingMethod.ANNOTATION_AND_LABEL))
    metadata = body_of(want(an_object("ConfigMap", "a", labels={"team": "blue"}), spec=spec))["metadata"]
    assert metadata["labels"] == {"team": "blue", INSTANCE_LABEL: "guestbook"}
    assert TRACKING_ID in metadata["annotations"]


def test_a_tracking_annotation_in_git_is_replaced_by_ours() -> None:
    wanted = want(a_config_map(annotations={TRACKING_ID: "other:/ConfigMap:shop/settings"}))
    assert body_of(wanted)["metadata"]["annotations"][TRACKING_ID].startswith("guestbook:")


@pytest.mark.parametrize("value", [True, 1, None])
def test_annotations_and_labels_that_are_no_strings_are_not_left_out_silently(value: Any) -> None:
    body: JsonObject = {
        **a_config_map(),
        "metadata": {"name": "a", "annotations": {"x": value}, "labels": {"y": value}},
    }
    spec = replace(APP, tracking=Tracking(TrackingMethod.ANNOTATION_AND_LABEL))
    metadata = body_of(want(body, spec=spec))["metadata"]
    assert metadata["annotations"]["x"] is value
    assert metadata["labels"]["y"] is value


def test_rules_of_an_aggregated_cluster_role_are_its_controllers() -> None:
    def role(**fields: Any) -> JsonObject:
        kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"}}
        return {**kind, "rules": [], **fields}

    def wanted(body: JsonObject) -> Any:
        gvk = GVK("rbac.authorization.k8s.io", "v1", "ClusterRole")
        return body_of(desired(APP, manifests(body), {gvk: KindInfo(namespaced=False)}))

    assert "rules" not in wanted(role(aggregationRule={"clusterRoleSelectors": []}))
    assert wanted(role())["rules"] == []
    assert wanted(role(aggregationRule=None))["rules"] == []


def test_the_manifests_stay_as_they_are() -> None:
    body = a_config_map()
    before = json.dumps(body)
    want(body)
    assert json.dumps(body) == before


def test_the_digest_tells_what_would_be_applied_apart() -> None:
    base = want(a_config_map(), a_deployment())
    others = [
        want(a_config_map()),
        want(a_config_map(data={"colour": "red"}), a_deployment()),
        want(a_config_map("other"), a_deployment()),
        want(a_config_map(), a_deployment(), spec=an_app("other", namespace="shop")),
        want(a_config_map(), a_deployment(), spec=an_app(namespace="else")),
        want(a_config_map(), a_deployment(), spec=an_app(namespace="shop", cluster="other")),
        want(),
    ]
    assert len({base.digest, *(other.digest for other in others)}) == 8


@given(st.permutations(range(5)), st.integers(0, 1000))
def test_neither_the_order_of_manifests_nor_of_keys_changes_the_digest(order: list[int], seed: int) -> None:
    bodies = [a_config_map(f"c{number}", wave=number) for number in range(5)]

    def shuffled(body: JsonObject) -> JsonObject:
        keys = list(body)
        random.Random(seed).shuffle(keys)  # noqa: S311  # an order, no secret
        return {key: body[key] for key in keys}

    assert want(*(shuffled(bodies[number]) for number in order)).digest == want(*bodies).digest


def test_all_kinds_are_wanted_those_of_hooks_and_lists_too() -> None:
    hook = an_object("Job", "migrate", api_version="batch/v1", annotations={HOOK: "PreSync"})
    listed: JsonObject = {"apiVersion": "v1", "kind": "List", "items": [a_deployment()]}
    assert wanted_kinds(manifests(a_config_map(), hook, listed)) == {
        GVK("", "v1", "ConfigMap"),
        GVK("batch", "v1", "Job"),
        GVK("apps", "v1", "Deployment"),
    }


FIELDS = ["apiVersion", "kind", "metadata", "name", "items", "annotations", "spec", "names", "group", HOOK]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5),
    st.sampled_from(["List", "ConfigMap", "CustomResourceDefinition"]),
)
def test_Z2_no_manifest_at_all_breaks_it(body: dict[str, Any], kind: str) -> None:
    wanted = want({**body, "kind": kind}, a_config_map("good"))
    assert "good" in {item.key.name for item in wanted.objects}


class TestManagedNamespace:
    """CreateNamespace=true."""

    SPEC = an_app(namespace="shop", options={"CreateNamespace": "true"})

    def test_is_made_without_tracking(self) -> None:
        spec = replace(
            self.SPEC,
            sync_policy=SyncPolicy(
                options={"CreateNamespace": "true"},
                namespace_labels={"team": "blue"},
                namespace_annotations={"contact": "x"},
            ),
        )
        made = managed_namespace(spec, want(a_config_map(), spec=spec))
        assert made is not None
        assert made.key == ObjectKey("", "Namespace", "", "shop")
        assert made.origin == Position("gitopsd.yaml", 7, 5)
        assert json.loads(made.document.raw)["metadata"] == {
            "name": "shop",
            "labels": {"team": "blue"},
            "annotations": {"contact": "x"},
        }

    def test_is_not_made_where_the_sources_have_it(self) -> None:
        assert managed_namespace(self.SPEC, want(a_namespace("shop"), spec=self.SPEC)) is None
        assert managed_namespace(self.SPEC, want(a_namespace("other"), spec=self.SPEC)) is not None

    @pytest.mark.parametrize(
        "spec",
        [
            an_app(namespace="shop"),
            an_app(namespace="shop", options={"CreateNamespace": "false"}),
            an_app(namespace="", options={"CreateNamespace": "true"}),
        ],
    )
    def test_is_not_made_unasked_or_without_a_name(self, spec: AppSpec) -> None:
        assert managed_namespace(spec, want(spec=spec)) is None


def test_the_destination_reads_as_its_owner_wrote_it() -> None:
    assert str(Destination(name="local")) == "local"
    assert str(Destination(server="https://10.0.0.1:6443")) == "https://10.0.0.1:6443"
