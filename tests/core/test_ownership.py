"""The fast path of compare: "unchanged" only where field ownership proves it, on what a real API server wrote.

`cases/applied.json`: objects and what kube-apiserver 1.36 made of them after a server-side apply.
"""

import json
from collections.abc import Iterator, Mapping, MutableMapping, MutableSequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.ownership import identical, unchanged
from gitopsd.testing import field_ownership as fields

CASES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "cases" / "applied.json").read_text())
# Where the API server's defaults reach into what is owned as one piece, only a dry-run can tell.
DOUBTFUL = {"downward field", "empty data", "null", "stringData", "two ports"}
PROVEN = sorted(CASES.keys() - DOUBTFUL)


@pytest.mark.parametrize("name", PROVEN)
def test_what_was_applied_is_unchanged(name: str) -> None:
    assert unchanged(CASES[name]["desired"], CASES[name]["live"])


@pytest.mark.parametrize("name", sorted(DOUBTFUL))
def test_where_ownership_leaves_a_doubt_the_answer_is_no(name: str) -> None:
    assert not unchanged(CASES[name]["desired"], CASES[name]["live"])


Spot = tuple[tuple[str | int, ...], Any]


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Spot]:
    """Every scalar, empty mapping and empty list below `value`, with its path."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for position, item in enumerate(value):
            yield from leaves(item, (*path, position))
    else:
        yield path, value


def ours(desired: Mapping[str, Any]) -> list[Spot]:
    """The leaves of what is applied that an apply owns."""
    identity = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}
    return [spot for spot in leaves(desired) if spot[0] not in identity]


def parent_of(root: Any, path: tuple[str | int, ...]) -> Any:
    here = root
    for step in path[:-1]:
        here = here[step]
    return here


def other_than(value: Any) -> list[Any]:
    """Values of the same and of other types that are not `value`."""
    candidates: list[Any] = ["other", 12345, True, False, 0, 1, 1.0, None, [], {}, "1"]
    return [item for item in candidates if not identical(item, value)]


@pytest.mark.parametrize("name", PROVEN)
def test_any_other_value_wanted_is_never_unchanged(name: str) -> None:
    case = CASES[name]
    for path, value in ours(case["desired"]):
        for other in other_than(value):
            desired = deepcopy(case["desired"])
            parent_of(desired, path)[path[-1]] = other
            assert not unchanged(desired, case["live"]), (path, other)


@pytest.mark.parametrize("name", PROVEN)
def test_a_field_that_left_git_is_never_unchanged(name: str) -> None:
    case = CASES[name]
    for path, _ in ours(case["desired"]):
        for depth in range(1, len(path) + 1):
            if path[:depth] in {("metadata",), ("apiVersion",)}:
                continue
            desired = deepcopy(case["desired"])
            parent = parent_of(desired, path[:depth])
            del parent[path[depth - 1]]
            assert not unchanged(desired, case["live"]), path[:depth]


@pytest.mark.parametrize("name", PROVEN)
def test_drift_at_an_owned_place_is_never_unchanged(name: str) -> None:
    case = CASES[name]
    owner = case["live"]["metadata"]["managedFields"][0]
    owned = fields.decode(owner["fieldsV1"])
    assert owned
    for path in owned:
        if path[-1] == ".":
            path = path[:-1]  # noqa: PLW2901  # the item itself
        live = deepcopy(case["live"])
        gone = fields.value_at(live, path)
        assert gone is not None or path[-1] == "f:none", path
        fields.remove(live, [path], [])
        if fields.value_at(live, path) is None and gone is not None:
            assert not unchanged(case["desired"], live), path


@pytest.mark.parametrize("name", PROVEN)
def test_an_addition_wanted_is_never_unchanged(name: str) -> None:
    case = CASES[name]
    for path, _ in leaves(case["desired"]):
        parent = parent_of(deepcopy(case["desired"]), path)
        desired = deepcopy(case["desired"])
        parent = parent_of(desired, path)
        if isinstance(parent, MutableMapping):
            parent["somethingNew"] = "value"
        elif isinstance(parent, MutableSequence):
            parent.append("something new")
        assert not unchanged(desired, case["live"]), path


@pytest.mark.parametrize("name", PROVEN)
def test_what_others_add_and_own_does_not_matter(name: str) -> None:
    live = deepcopy(CASES[name]["live"])
    live["status"] = {"phase": "Odd"}
    live["metadata"].setdefault("labels", {})["theirs"] = "yes"
    live["metadata"]["annotations"] = {**live["metadata"].get("annotations", {}), "theirs": "yes"}
    live["metadata"]["managedFields"].append(
        {
            "manager": "somebody",
            "operation": "Update",
            "apiVersion": live["apiVersion"],
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:metadata": {"f:labels": {"f:theirs": {}}, "f:annotations": {"f:theirs": {}}}},
        }
    )
    assert unchanged(CASES[name]["desired"], live)


def widget(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}


def after_apply(body: Mapping[str, Any], **entry: Any) -> dict[str, Any]:
    """`body` as it is after an apply, without defaults; `entry` replaces parts of our entry in managedFields."""
    live = deepcopy(dict(body))
    mine = {
        "manager": "gitopsd",
        "operation": "Apply",
        "apiVersion": body["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": fields.encode(fields.paths(body)),
        **entry,
    }
    live["metadata"] = {**live["metadata"], "uid": "u", "managedFields": [mine]}
    return live


@pytest.mark.parametrize(
    "entry",
    [
        {"manager": "kubectl"},
        {"operation": "Update"},
        {"subresource": "status"},
        {"apiVersion": "example.org/v1beta1"},
        {"fieldsV1": {}},
        {"fieldsV1": None},
        {"fieldsV1": "odd"},
        {"fieldsV1": {"f:spec": None}},
        {"fieldsV1": {"f:spec": {"f:size": "odd"}}},
        {"fieldsV1": {"f:spec": {"f:size": {}, "f:old": {}}}},
        {"fieldsV1": {"f:spec": {"f:size": {}}, "f:metadata": {"f:labels": {"f:old": {}}}}},
    ],
    ids=str,
)
def test_another_or_an_odd_entry_proves_nothing(entry: dict[str, Any]) -> None:
    body = widget(size=1)
    assert unchanged(body, after_apply(body))
    assert not unchanged(body, after_apply(body, **entry))


@pytest.mark.parametrize("managed", [None, "odd", [None, 3], {}], ids=str)
def test_odd_managed_fields_prove_nothing(managed: Any) -> None:
    live = after_apply(widget(size=1))
    live["metadata"]["managedFields"] = managed
    assert not unchanged(widget(size=1), live)


def test_an_object_at_another_version_proves_nothing() -> None:
    body = widget(size=1)
    assert not unchanged(body, {**after_apply(body), "apiVersion": "example.org/v1beta1"})


@pytest.mark.parametrize(
    ("wanted", "there"),
    [(1, True), (True, 1), (0, False), (1, 1.0), ("1", 1), (None, ""), ({}, []), ([], {}), (None, {}), ("", None)],
)
def test_values_of_other_types_are_other_values(wanted: Any, there: Any) -> None:
    live = after_apply(widget(field=wanted))
    live["spec"]["field"] = there
    assert not unchanged(widget(field=wanted), live)
    assert not identical(wanted, there)


def containers(*names: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": name, "image": "i"} for name in names]},
    }


def test_keyed_items_may_stand_among_those_of_others() -> None:
    live = after_apply(containers("a", "b"))
    live["spec"]["containers"].insert(1, {"name": "injected", "image": "sidecar"})
    assert unchanged(containers("a", "b"), live)


def test_keyed_items_in_another_order_are_a_change() -> None:
    live = after_apply(containers("a", "b"))
    assert not unchanged(containers("b", "a"), live)


def test_a_key_that_is_there_twice_proves_nothing() -> None:
    live = after_apply(containers("a", "b"))
    live["spec"]["containers"].append({"name": "a", "image": "i"})
    assert not unchanged(containers("a", "b"), live)
    assert not unchanged(containers("a", "a"), after_apply(containers("a", "a")))


def test_sets_may_hold_items_of_others() -> None:
    body = widget()
    body["metadata"]["finalizers"] = ["a", "b"]
    live = after_apply(body)
    live["metadata"]["finalizers"].insert(0, "theirs")
    assert unchanged(body, live)
    live["metadata"]["finalizers"].remove("b")
    assert not unchanged(body, live)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "name"]), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
)
def test_only_the_same_spec_is_unchanged(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = after_apply(widget(**first))
    assert unchanged(widget(**first), live)
    assert unchanged(widget(**second), live) == identical(first, second)


@given(JSON)
def test_identical_is_equality_of_json_texts(value: Any) -> None:
    assert identical(value, deepcopy(value))


@given(JSON, JSON)
def test_identical_tells_json_texts_apart(first: Any, second: Any) -> None:
    texts = [json.dumps(value, sort_keys=True) for value in (first, second)]
    assert identical(first, second) == (texts[0] == texts[1])
