"""Quantities and durations by what they mean."""

import pytest

from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonValue
from gitopsd.core.knowntypes import DURATION, QUANTITY, fields_of_type, meaning, typed_fields


@pytest.mark.parametrize(
    "same",
    [
        ("1", "1000m", 1, "1.0", "1e0", "1E0", "0.001k", "+1"),
        ("0.5", "500m", 0.5, ".5", "500000u"),
        ("1Gi", "1024Mi", "1073741824", 1073741824),
        ("0", "0m", 0, "-0"),
        ("1E", "1000P", "1e18"),
        ("-1", "-1000m"),
    ],
)
def test_one_quantity_has_many_spellings(same: tuple[JsonValue, ...]) -> None:
    assert len({meaning(text, QUANTITY) for text in same}) == 1


@pytest.mark.parametrize("same", [("1h", "60m", "3600s", "1h0m0s"), ("1.5s", "1500ms"), ("0", "0s"), ("-1m", "-60s")])
def test_one_duration_has_many_spellings(same: tuple[str, ...]) -> None:
    assert len({meaning(text, DURATION) for text in same}) == 1


@pytest.mark.parametrize(("one", "other"), [("1", "1m"), ("1G", "1Gi"), ("1M", "1m"), ("1", "-1")])
def test_other_quantities_are_others(one: str, other: str) -> None:
    assert meaning(one, QUANTITY) != meaning(other, QUANTITY)


@pytest.mark.parametrize(
    "value", ["", "odd", "1KiB", "1 Gi", "--1", "1e999", "9" * 50, None, True, ["1"], {"a": "1"}, "infinity", "nan"]
)
def test_what_is_no_quantity_stays_as_it_is(value: JsonValue) -> None:
    assert meaning(value, QUANTITY) is value
    assert meaning(value, DURATION) is value


@pytest.mark.parametrize("value", ["", "1", "h", "1x", "1h2", "-", "--1s"])
def test_what_is_no_duration_stays_as_it_is(value: str) -> None:
    assert meaning(value, DURATION) is value


def test_workloads_and_rollouts_have_quantities_in_their_templates() -> None:
    for kind in (GroupKind("apps", "Deployment"), GroupKind("argoproj.io", "Rollout")):
        assert len(typed_fields(kind)) > 10
    assert typed_fields(GroupKind("example.org", "Widget")) == ()


def test_a_type_without_quantities_has_none_and_a_path_goes_before_those_of_a_type() -> None:
    assert list(fields_of_type(("spec",), "core/v1/SecretKeySelector")) == []
    assert [typed.path for typed in fields_of_type(("spec", "size"), QUANTITY)] == [("spec", "size")]
    assert {typed.path[:2] for typed in fields_of_type(("spec", "pod"), "core/v1/PodSpec")} == {("spec", "pod")}
