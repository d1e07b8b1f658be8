"""What differs, field by field, with the owner of what is live; and what of it nobody is shown."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import pytest

from gitopsd.core.adoption import LAST_APPLIED
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict, compare
from gitopsd.core.difference import (
    ABSENT,
    LONGEST_VALUE,
    MOST_DIFFERENCES,
    Difference,
    Owner,
    Shown,
    differing,
    object_differences,
    owner_of,
)
from gitopsd.core.document import Document, canonical
from gitopsd.core.live import Prediction
from gitopsd.core.mask import masked
from gitopsd.core.normalize import NO_RULES
from gitopsd.testing.builders import a_config_map, a_deployment, an_object
from gitopsd.testing.objects import Objects
from tests.core.making import live, live_body, live_of, want

Body = dict[str, Any]
CANARY: Final = "CANARY-7f3a"
CANARIES: Final = (CANARY, base64.b64encode(CANARY.encode()).decode())
SCALER: Final = {
    "manager": "kubectl-scale",
    "operation": "Update",
    "apiVersion": "apps/v1",
    "time": "2026-03-01T12:00:00Z",
    "subresource": "scale",
    "fieldsV1": {"f:spec": {"f:replicas": {}}},
}


def changed(wanted: Any, there: Any, *before: Any) -> ObjectComparison:
    """`wanted` (a manifest) against the body `there`, judged by what an apply over `before` would make of it."""
    (one,) = want(wanted).objects
    found = live_body(one, there)
    server = Objects()
    server.bodies[one.key] = there
    predicted = server.applied(one.key, one.document.body(), one.gvk)
    prediction = Prediction(one.digest, found.resource_version, Document(canonical(predicted)))
    return compare(want(wanted), live(found), {one.key: prediction}).objects[one.key]


def applied(manifest: Any) -> Body:
    """The object right after we applied it."""
    (one,) = want(manifest).objects
    body: Body = json.loads(live_of(one).document.raw)
    return body


def fields(item: ObjectComparison, **more: Any) -> dict[str, Difference]:
    """Its differences by path."""
    return {field.path: field for field in object_differences(item, NO_RULES, **more).fields}


def said(item: ObjectComparison, **more: Any) -> str:
    """All that is told of it, as text."""
    return repr(object_differences(item, NO_RULES, **more).fields)


def test_a_field_is_told_with_both_values_and_who_set_the_live_one() -> None:
    there = applied(a_deployment("web", replicas=5))
    there["spec"]["replicas"] = 3
    entry = {**there["metadata"]["managedFields"][0], "time": "2026-03-01T13:00:00Z"}
    there["metadata"]["managedFields"] = [entry, SCALER]
    found = fields(changed(a_deployment("web", replicas=5), there))
    owner = Owner("kubectl-scale", "Update", "2026-03-01T12:00:00Z", "scale")
    assert found == {
        "spec.replicas": Difference("spec.replicas", Shown(present=True, value=5), Shown(present=True, value=3), owner)
    }


def test_list_items_are_named_by_their_keys() -> None:
    there = applied(a_deployment("web", image="web:1"))
    found = fields(changed(a_deployment("web", image="web:2"), there))
    assert list(found) == ["spec.template.spec.containers[name=web].image"]
    assert found["spec.template.spec.containers[name=web].image"].owner == Owner(
        "gitopsd", "Apply", "2030-01-01T00:00:00Z"
    )


def test_what_is_absent_is_not_what_is_null() -> None:
    there = applied(a_config_map("settings", {"a": "1", "b": "2"}))
    found = fields(changed(a_config_map("settings", {"a": "1", "c": "3"}), there))
    assert (found["data.b"].desired, found["data.b"].live) == (ABSENT, Shown(present=True, value="2"))
    assert (found["data.c"].desired, found["data.c"].live) == (Shown(present=True, value="3"), ABSENT)
    assert found["data.c"].owner is None
    assert Shown(present=True, value=None) != ABSENT


def test_missing_and_extra_objects_are_one_difference() -> None:
    wanted = want(a_config_map("settings", {"a": "1"}))
    (one,) = wanted.objects
    missing = compare(wanted, live())
    (field,) = object_differences(missing.objects[one.key], NO_RULES).fields
    assert (field.path, field.live) == ("", ABSENT)
    assert field.desired.present
    extra = compare(want(), live(live_of(one)))
    (field,) = object_differences(extra.objects[one.key], NO_RULES).fields
    assert (field.path, field.desired) == ("", ABSENT)
    assert "managedFields" not in repr(field.live)


def test_what_is_in_sync_or_could_not_be_compared_has_no_fields() -> None:
    wanted = want(a_config_map("settings", {"a": "1"}))
    (one,) = wanted.objects
    refused = ObjectComparison(one.key, one, live_of(one), Verdict.REFUSED, error="no")
    synced = ObjectComparison(one.key, one, live_of(one), Verdict.SYNCED)
    assert object_differences(refused, NO_RULES).fields == object_differences(synced, NO_RULES).fields == ()
    assert differing(Comparison({one.key: synced})) == ()
    assert differing(Comparison({one.key: refused})) == (refused,)


def test_many_differences_and_long_values_are_cut() -> None:
    many = {f"k{number}": "x" for number in range(MOST_DIFFERENCES + 1)}
    there = applied(a_config_map("settings", dict.fromkeys(many, "y")))
    found = object_differences(changed(a_config_map("settings", many), there), NO_RULES)
    assert (len(found.fields), found.truncated) == (MOST_DIFFERENCES, True)
    text = "é" * 5_000
    there = applied(a_config_map("settings", {"long": text + "old"}))
    field = fields(changed(a_config_map("settings", {"long": text + "new"}), there))["data.long"]
    assert field.live.size == field.desired.size == 10_003
    assert isinstance(field.live.value, str)
    assert isinstance(field.desired.value, str)
    assert field.live.value.endswith("éold"), "the part where they begin to differ"
    assert field.desired.value.endswith("énew")
    assert len(field.live.value.encode()) <= LONGEST_VALUE


def test_of_several_owners_the_last_that_is_not_us_is_named() -> None:
    there: Body = {
        "metadata": {
            "managedFields": [
                {"manager": "helm", "operation": "Update", "time": "2026-03-01T10:00:00Z", "fieldsV1": {"f:a": {}}},
                {"manager": "edit", "operation": "Update", "time": "2026-03-01T11:00:00Z", "fieldsV1": {"f:a": {}}},
                {"manager": "gitopsd", "operation": "Apply", "time": "2026-03-01T12:00:00Z", "fieldsV1": {"f:a": {}}},
            ]
        },
        "a": {"b": 1},
    }
    owner = owner_of(there, "a")
    assert owner is not None
    assert owner.manager == "edit"
    assert owner_of(there, "a.b") == owner, "who has the whole has its parts"
    assert owner_of(there, "c") is None
    assert owner_of(there, "not a path") is None


def secret(data: Any, **more: Any) -> Body:
    """A Secret."""
    return dict(an_object("Secret", "login", data=data, **more))


def test_S1_no_value_of_a_secret_is_told() -> None:
    """Neither side's, nor when git has no data at all and the dry-run answers with what is live."""
    there = applied(secret({"password": CANARIES[1], "user": "eA=="}))
    found = changed(secret({"password": "bmV3", "user": "eA=="}), there)
    assert list(fields(found)) == ["data.password"]
    field = fields(found)["data.password"]
    assert (field.live.value, field.desired.value) == ("++++++++", "+++++++++")
    stripped = {key: value for key, value in secret({}).items() if key != "data"}
    entry = {"manager": "edit", "operation": "Update", "fieldsV1": {"f:data": {"f:password": {}}}}
    there["metadata"]["managedFields"].append(entry)
    for item in (found, changed(stripped, there), compare(want(), live(extra(there))).objects[found.key]):
        assert not any(canary in said(item) for canary in CANARIES)


def extra(there: Body) -> Any:
    """It as an object that left git."""
    (one,) = want(secret({})).objects
    return live_body(one, there)


def test_S1_masks_tell_equal_from_changed_and_nothing_else() -> None:
    one, other, third = masked([secret({"a": "x", "b": "y"}), secret({"a": "x", "b": "yyyyyyyyy"}), secret({"b": "z"})])
    assert one["data"] == {"a": "++++++++", "b": "++++++++"}
    assert other["data"] == {"a": "++++++++", "b": "+++++++++"}
    assert third["data"] == {"b": "++++++++++"}


@pytest.mark.parametrize("text", [json.dumps({"data": {"password": CANARY}}), f'{{"broken": "{CANARY}'])
@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
def test_S2_the_last_applied_configuration_is_not_told(kind: str, text: str) -> None:
    manifest = dict(an_object(kind, "login", data={"a": "eA=="}))
    there = applied(manifest)
    there["metadata"]["annotations"][LAST_APPLIED] = text
    item = changed(dict(an_object(kind, "login", data={"a": "eQ=="})), there)
    assert list(fields(item)) == ["data.a"]
    (one,) = want(manifest).objects
    left = compare(want(), live(live_body(one, there))).objects[one.key]
    for told in (said(item), said(left)):
        assert CANARY not in told
        assert LAST_APPLIED not in told


def test_S3_one_side_that_is_a_secret_masks_all_sides() -> None:
    named_otherwise = {**secret({"password": CANARY}), "kind": "ConfigMap"}
    for told in masked([named_otherwise, secret({"password": CANARY})]):
        assert CANARY not in repr(told)
    (config_map,) = masked([named_otherwise])
    assert config_map["data"] == {"password": CANARY}, "a true ConfigMap is not masked"


@pytest.mark.parametrize("data", [CANARY, [CANARY], {"password": {"nested": CANARY}}, {"password": None}, None])
def test_S1_data_of_a_wrong_type_is_masked_too(data: Any) -> None:
    for told in masked([secret(data), {**secret({}), "stringData": data}]):
        assert CANARY not in repr(told)


def test_annotations_that_the_configuration_names_are_masked() -> None:
    there = applied(a_config_map("settings", annotations={"example.org/token": CANARY, "note": "old"}))
    wanted = a_config_map("settings", annotations={"example.org/token": "new", "note": "new"})
    found = fields(changed(wanted, there), mask_annotations={"example.org/token"})
    field = found['metadata.annotations["example.org/token"]']
    assert (field.live.value, field.desired.value) == ("++++++++", "+++++++++")
    assert found["metadata.annotations.note"].live.value == "old"
