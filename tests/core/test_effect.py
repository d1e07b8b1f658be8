"""What of a dry-run's changes is ours."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.effect import Effect, differences, effects
from gitopsd.core.ownership import identical
from gitopsd.testing import field_ownership as fields


def owned(body: dict[str, Any]) -> dict[str, Any]:
    return fields.encode(fields.paths(body))


def paths(before: dict[str, Any], after: dict[str, Any], *claims: dict[str, Any]) -> list[str]:
    return [effect.path for effect in effects(before, after, claims)]


def pod(*containers: dict[str, Any], **annotations: str) -> dict[str, Any]:
    return {"metadata": {"annotations": annotations}, "spec": {"containers": list(containers)}}


OURS = owned(pod({"name": "web", "image": "a"}, ours="1"))


def test_a_field_of_ours_that_would_change_counts_with_both_values() -> None:
    before, after = pod({"name": "web", "image": "a"}), pod({"name": "web", "image": "b"})
    assert list(effects(before, after, [OURS])) == [Effect("spec.containers[name=web].image", ("a",), ("b",))]


def test_what_a_webhook_adds_or_changes_beside_our_fields_does_not_count() -> None:
    before = pod({"name": "web", "image": "a", "pull": "Always"}, ours="1", stamp="12:00")
    after = pod(
        {"name": "proxy", "image": "p"}, {"name": "web", "image": "a", "pull": "Never"}, ours="1", stamp="12:01"
    )
    assert paths(before, after, OURS, OURS) == []


def test_a_field_that_leaves_git_counts_because_we_own_it_now() -> None:
    claim = owned(pod({"name": "web", "image": "a"}))
    assert paths(pod(gone="1"), pod(), owned(pod(gone="1")), claim) == ["metadata.annotations.gone"]


def test_a_field_that_comes_counts_because_we_will_own_it() -> None:
    assert paths({}, {"data": {"new": "1"}}, {}, owned({"data": {"new": "1"}})) == ["data"]
    assert paths({"data": {"a": "1"}}, {"data": {"a": "1", "new": "1"}}, owned({"data": {"new": "1"}})) == ["data.new"]


def test_an_item_that_leaves_git_counts_and_is_named_by_its_key() -> None:
    both = owned(pod({"name": "web", "image": "a"}, {"name": "old", "image": "b"}))
    before = pod({"name": "web", "image": "a"}, {"name": "old", "image": "b"})
    assert paths(before, pod({"name": "web", "image": "a"}), both, OURS) == ["spec.containers[name=old]"]


def test_our_items_in_another_order_count() -> None:
    both = owned(pod({"name": "web", "image": "a"}, {"name": "old", "image": "b"}))
    before = pod({"name": "web", "image": "a"}, {"name": "old", "image": "b"})
    after = pod({"name": "old", "image": "b"}, {"name": "web", "image": "a"})
    assert paths(before, after, both) == ["spec.containers"]


def test_keys_with_dots_are_quoted() -> None:
    before, after = pod(**{"example.org/a": "1"}), pod(**{"example.org/a": "2"})
    claim = owned(after)
    assert paths(before, after, claim) == ['metadata.annotations["example.org/a"]']


@pytest.mark.parametrize(
    ("before", "after"),
    [({"finalizers": ["a", "b"]}, {"finalizers": ["a"]}), ({"finalizers": ["a"]}, {"finalizers": ["a", "b"]})],
)
def test_items_of_sets_count_where_they_are_ours(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert paths(before, after, {"f:finalizers": {'v:"b"': {}}}) == ["finalizers"]
    assert paths(before, after, {"f:finalizers": {'v:"a"': {}}}) == []


@pytest.mark.parametrize("claim", [{"f:a": None}, {"f:a": {"k:odd": {}}}, {"odd": {}}, {"f:a": {"v:{": {}}}], ids=str)
def test_odd_field_sets_are_read_without_an_error(claim: dict[str, Any]) -> None:
    list(effects({"a": [1]}, {"a": [2]}, [claim]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "name"]), inner, max_size=3),
    max_leaves=6,
)


@given(JSON, JSON)
def test_without_field_sets_every_difference_counts(before: Any, after: Any) -> None:
    assert (not list(differences(before, after))) is identical(before, after)


@given(st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), st.dictionaries(st.sampled_from("abc"), JSON))
def test_where_everything_is_ours_every_difference_counts(before: dict[str, Any], after: dict[str, Any]) -> None:
    claims: list[dict[str, Any]] = [{f"f:{key}": {} for key in before}, {f"f:{key}": {} for key in after}]
    found = list(effects(before, after, [claim for claim in claims if claim]))
    assert (not found) is identical(before, after)
