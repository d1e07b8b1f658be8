"""Who changed what is ours."""

import json
from typing import Any

import pytest

from gitopsd.core.compare import Comparison, Verdict, compare
from gitopsd.core.document import Document, canonical
from gitopsd.core.live import Prediction
from gitopsd.core.otherowner import changed_by
from gitopsd.testing.builders import a_config_map
from gitopsd.testing.objects import Objects
from tests.core.making import live, live_body, live_of, want

WANTED = want(a_config_map(data={"key": "1"}))


def compared(manager: str, *, data: dict[str, str], fields: Any) -> Comparison:
    """After `manager` made the ConfigMap's data so, and `fields` of it its own."""
    (wanted,) = WANTED.objects
    body = json.loads(live_of(wanted).document.raw)
    body["data"] = data
    entry = {"manager": manager, "operation": "Update", "fieldsType": "FieldsV1", "time": "2026-03-01T12:00:00Z"}
    body["metadata"]["managedFields"].append({**entry, "apiVersion": "v1", "fieldsV1": fields})
    there = live_body(wanted, body)
    server = Objects()
    server.bodies[wanted.key] = body
    predicted = Document(canonical(server.applied(wanted.key, wanted.document.body(), wanted.gvk)))
    found = compare(WANTED, live(there), {wanted.key: Prediction(wanted.digest, there.resource_version, predicted)})
    assert [item.verdict for item in found.objects.values()] == [Verdict.CHANGED]
    return found


def test_who_set_a_field_that_differs_is_named_with_the_field() -> None:
    found = compared("kubectl-edit", data={"key": "2"}, fields={"f:data": {"f:key": {}}})
    assert changed_by(found) == "data.key of ConfigMap default/settings by kubectl-edit"


def test_where_only_we_are_recorded_nobody_is_named() -> None:
    assert changed_by(compared("somebody", data={"key": "2"}, fields={"f:metadata": {"f:labels": {}}})) == ""


def test_a_field_that_is_gone_was_set_by_nobody() -> None:
    assert changed_by(compared("somebody", data={}, fields={"f:data": {}})) == ""


@pytest.mark.parametrize("comparison", [compare(WANTED, live()), compare(WANTED, live(live_of(WANTED.objects[0])))])
def test_what_is_missing_or_in_sync_was_changed_by_nobody(comparison: Comparison) -> None:
    assert changed_by(comparison) == ""


def test_a_manager_without_sense_or_end_spoils_no_line() -> None:
    found = compared("evil\x1b[31m" + "x" * 9999, data={"key": "2"}, fields={"f:data": {"f:key": {}}})
    said = changed_by(found)
    assert "\x1b" not in said
    assert len(said) < 200
