"""Marks of applications on objects: what is written is what is read, and nothing is taken for another's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.annotations import INSTANCE_LABEL, TRACKING_ID
from gitopsd.core.app import BY_ANNOTATION, AppSpec, Destination, Tracking, TrackingMethod
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.tracking import NOBODYS, mark, tracked, whose

KEY = ObjectKey("", "ConfigMap", "shop", "settings")
BY_LABEL = Tracking(TrackingMethod.LABEL)
METHODS = [Tracking(method) for method in TrackingMethod]
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,120}[a-z0-9])?", fullmatch=True)


def spec(name: str, tracking: Tracking) -> AppSpec:
    return AppSpec(AppName(name), (), Destination(name="local", namespace="shop"), tracking=tracking)


def marked(name: str, tracking: Tracking, **metadata: JsonValue) -> JsonObject:
    return tracked({"name": "settings", **metadata}, KEY, spec(name, tracking))


def written_by(manager: str, operation: str) -> JsonValue:
    fields: JsonValue = {
        "f:metadata": {"f:labels": {f"f:{label}": {} for label in (INSTANCE_LABEL, "example.org/app")}}
    }
    return [{"manager": manager, "operation": operation, "fieldsV1": fields}]


@given(NAMES, st.sampled_from(METHODS), st.sampled_from(["", "blue"]))
def test_what_is_written_is_read_again(name: str, method: Tracking, installation: str) -> None:
    tracking = Tracking(method.method, "example.org/app", installation)
    found = whose(marked(name, tracking, managedFields=written_by("gitopsd", "Apply")), KEY, tracking)
    assert found == (mark(AppName(name), tracking), False, "")


@given(NAMES, NAMES)
def test_no_two_applications_have_the_same_mark(one: str, other: str) -> None:
    one, other = f"{'x' * 60}{one}", f"{'x' * 60}{other}"
    marks = {mark(AppName(name), BY_LABEL) for name in (one, other)}
    assert len(marks) == len({one, other})
    assert all(len(text) <= 63 for text in marks)


@pytest.mark.parametrize(
    ("method", "annotated", "labelled"),
    [
        (TrackingMethod.ANNOTATION, True, False),
        (TrackingMethod.ANNOTATION_AND_LABEL, True, True),
        (TrackingMethod.LABEL, False, True),
    ],
)
def test_only_the_marks_of_the_method_are_written(method: TrackingMethod, annotated: bool, labelled: bool) -> None:
    metadata = marked("guestbook", Tracking(method), labels={"team": "blue"})
    assert (TRACKING_ID in str(metadata), INSTANCE_LABEL in str(metadata)) == (annotated, labelled)
    assert metadata["labels"] == {"team": "blue", **({INSTANCE_LABEL: "guestbook"} if labelled else {})}


def test_a_label_of_somebody_elses_says_nothing_where_annotations_count() -> None:
    metadata: JsonObject = {"labels": {INSTANCE_LABEL: "guestbook"}}
    assert whose(metadata, KEY, BY_ANNOTATION) == NOBODYS
    assert whose(metadata, KEY, Tracking(TrackingMethod.ANNOTATION_AND_LABEL)) == NOBODYS


def test_children_that_carry_the_label_of_their_template_are_nobodys() -> None:
    metadata = marked("guestbook", BY_LABEL, ownerReferences=[{"uid": "1"}])
    assert whose(metadata, KEY, BY_LABEL) == NOBODYS


@pytest.mark.parametrize(
    ("operation", "manager", "copied"),
    [
        ("Apply", "gitopsd", False),
        ("Apply", "argocd-controller", False),
        ("Update", "argocd-controller", False),
        ("Apply", "somebody", True),
        ("Update", "kubectl-client-side-apply", True),
        ("Update", "helm", True),
        ("Update", "kube-controller-manager", True),
        ("Update", "k3s", True),
    ],
)
def test_a_label_that_somebody_else_wrote_is_no_reason_to_prune(operation: str, manager: str, copied: bool) -> None:
    """The claims of a StatefulSet have no owner, and a Helm release may be named as an application is: both would be
    pruned as soon as labels decide.
    """
    found = whose(marked("guestbook", BY_LABEL, managedFields=written_by(manager, operation)), KEY, BY_LABEL)
    assert found == ("guestbook", copied, "")


@pytest.mark.parametrize("method", TrackingMethod)
def test_objects_of_another_installation_are_not_ours(method: TrackingMethod) -> None:
    ours, theirs, plain = (Tracking(method, installation=name) for name in ("blue", "green", ""))
    for mine in (ours, plain):
        found = whose(marked("guestbook", theirs), KEY, mine)
        assert found == ("", False, "guestbook of installation green")
    assert whose(marked("guestbook", plain), KEY, ours) == NOBODYS
    assert whose(marked("guestbook", ours), KEY, ours).mark == "guestbook"


def test_metadata_of_any_shape_is_read() -> None:
    odd: list[JsonValue] = [None, 1, "text", [], [1], {"a": 1}]
    for value in odd:
        metadata: JsonObject = {"annotations": value, "labels": value, "managedFields": value, "ownerReferences": value}
        for tracking in METHODS:
            assert whose(metadata, KEY, tracking) == NOBODYS
