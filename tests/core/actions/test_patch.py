"""Merge patches between two objects, and what git has to say of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.actions.patch import merge_patch, replaces_a_list, same, touched, undone
from gitopsd.core.jsonvalue import JsonObject


def patched(target: Any, patch: Any) -> Any:
    """RFC 7386, as it stands there."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = patched(found.get(key), value)
    return found


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": 1.0}, {}),
        ({"a": 9007199254740993}, {"a": 9007199254740992.0}, {}),
        ({"a": 1, "b": None}, {"a": 1}, {}),
        ({"a": True}, {"a": 1}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": [1, 2]}, {"a": [1, 3]}, {"a": [1, 3]}),
        ({"a": [1, 2]}, {"a": [1.0, 2.0]}, {}),
        ({}, {"a": {"b": {}}}, {"a": {"b": {}}}),
        ({"a": "1"}, {"a": 1}, {"a": 1}),
        ({"a": []}, {"a": {}}, {"a": {}}),
    ],
)
def test_a_patch_has_what_differs(before: JsonObject, after: JsonObject, patch: JsonObject) -> None:
    assert merge_patch(before, after) == patch


LEAVES = st.booleans() | st.integers(-5, 5) | st.text(max_size=2)
TREES = st.recursive(
    LEAVES | st.lists(LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), TREES, max_size=4)


@given(before=OBJECTS, after=OBJECTS)
def test_a_patch_makes_the_one_of_the_other(before: JsonObject, after: JsonObject) -> None:
    assert same(patched(before, merge_patch(before, after)), after)


def test_fields_that_git_sets_otherwise_are_named() -> None:
    desired: JsonObject = {"spec": {"replicas": 2, "paused": False, "template": {"metadata": {"labels": {"a": "b"}}}}}
    patch: JsonObject = {
        "spec": {"replicas": 5, "paused": False, "template": {"metadata": {"labels": None, "annotations": {"x": "y"}}}}
    }
    assert undone(patch, desired) == [("spec", "replicas"), ("spec", "template", "metadata", "labels")]
    assert ("spec", "template", "metadata", "annotations", "x") in list(touched(patch))


def test_lists_in_a_patch_are_seen() -> None:
    assert replaces_a_list({"status": {"conditions": []}})
    assert not replaces_a_list({"status": {"phase": "x", "a": None}})
