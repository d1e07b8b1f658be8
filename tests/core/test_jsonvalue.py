"""Forgiving reads out of objects that somebody else wrote."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.jsonvalue import (
    JsonValue,
    boolean,
    integer,
    mapping,
    objects,
    sequence,
    string_map,
    text,
    value,
)

DEPLOYMENT: JsonValue = {
    "metadata": {"name": "web", "labels": {"app": "web", "replicas": 3, "none": None}},
    "spec": {"replicas": 3, "paused": True, "ratio": 0.5, "nothing": None},
    "status": {"conditions": [{"type": "Available"}, "odd", None, {"type": "Progressing"}]},
}

JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)
PATHS = st.lists(st.sampled_from("abc"), max_size=4)


def test_a_value_is_found_at_its_path() -> None:
    assert value(DEPLOYMENT, "spec", "replicas") == 3
    assert value(DEPLOYMENT, "metadata", "labels", "app") == "web"


def test_an_empty_path_is_the_root() -> None:
    assert value(DEPLOYMENT) is DEPLOYMENT
    assert text("web") == "web"
    assert integer(3) == 3


@pytest.mark.parametrize(
    "path",
    [
        ("gone",),
        ("spec", "gone"),
        ("spec", "nothing", "below"),
        ("spec", "replicas", "below"),
        ("status", "conditions", "0"),
    ],
)
def test_a_path_that_leads_nowhere_is_none(path: tuple[str, ...]) -> None:
    assert value(DEPLOYMENT, *path) is None


def test_each_reader_gives_what_has_its_type() -> None:
    assert mapping(DEPLOYMENT, "metadata", "labels") == {"app": "web", "replicas": 3, "none": None}
    assert sequence(DEPLOYMENT, "status", "conditions") == [{"type": "Available"}, "odd", None, {"type": "Progressing"}]
    assert text(DEPLOYMENT, "metadata", "name") == "web"
    assert integer(DEPLOYMENT, "spec", "replicas") == 3
    assert boolean(DEPLOYMENT, "spec", "paused") is True


@pytest.mark.parametrize("odd", ["text", 0.5, True, None, [1], {"a": 1}])
def test_a_value_that_is_no_whole_number_is_the_default(odd: JsonValue) -> None:
    assert integer({"replicas": odd}, "replicas") == 0
    assert integer({"replicas": odd}, "replicas", default=1) == 1


@pytest.mark.parametrize("odd", [1, 0.5, True, None, ["x"], {"a": "x"}])
def test_a_value_that_is_no_string_is_empty_text(odd: JsonValue) -> None:
    assert text({"name": odd}, "name") == ""


@pytest.mark.parametrize("odd", ["true", "", 1, None, [True], {"a": True}, False])
def test_only_the_boolean_true_is_true(odd: JsonValue) -> None:
    assert boolean({"paused": odd}, "paused") is False


@pytest.mark.parametrize("odd", ["abc", 1, True, None, {"a": 1}])
def test_a_value_that_is_no_list_is_an_empty_list(odd: JsonValue) -> None:
    assert list(sequence({"items": odd}, "items")) == []
    assert list(objects({"items": odd}, "items")) == []


@pytest.mark.parametrize("odd", ["abc", 1, True, None, [{"a": 1}]])
def test_a_value_that_is_no_mapping_is_an_empty_mapping(odd: JsonValue) -> None:
    assert mapping({"spec": odd}, "spec") == {}
    assert string_map({"spec": odd}, "spec") == {}


def test_items_that_are_no_mappings_are_left_out_of_objects() -> None:
    assert objects(DEPLOYMENT, "status", "conditions") == [{"type": "Available"}, {"type": "Progressing"}]


def test_entries_that_are_no_strings_are_left_out_of_a_string_map() -> None:
    assert string_map(DEPLOYMENT, "metadata", "labels") == {"app": "web"}


READERS: list[tuple[Callable[..., object], type | tuple[type, ...]]] = [
    (mapping, Mapping),
    (sequence, (list, tuple)),
    (objects, list),
    (text, str),
    (integer, int),
    (boolean, bool),
    (string_map, dict),
]


@pytest.mark.parametrize(("reader", "type_"), READERS)
@given(root=JSON, path=PATHS)
def test_no_reader_raises_or_answers_with_another_type(
    reader: Callable[..., object], type_: type | tuple[type, ...], root: JsonValue, path: list[str]
) -> None:
    assert isinstance(reader(root, *path), type_)
