"""Paths that name fields from outside."""

import pytest

from gitopsd.core.fieldpath import AllItems, ItemWith, fields_at, parse_path, parse_pointer
from gitopsd.core.jsonvalue import JsonValue

POD: JsonValue = {
    "metadata": {"annotations": {"example.org/at": "now", "a": "b"}},
    "spec": {"containers": [{"name": "web", "image": "one", "ports": [{"containerPort": 80}]}, {"name": "log"}]},
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("spec.containers[name=web].image", [("spec", "containers", 0, "image")]),
        ("spec.containers[*].name", [("spec", "containers", 0, "name"), ("spec", "containers", 1, "name")]),
        ("spec.containers[1].name", [("spec", "containers", 1, "name")]),
        ("spec.containers[name=web].ports[containerPort=80]", [("spec", "containers", 0, "ports", 0)]),
        ('metadata.annotations["example.org/at"]', [("metadata", "annotations", "example.org/at")]),
        ("metadata.annotations[*]", [("metadata", "annotations", "example.org/at"), ("metadata", "annotations", "a")]),
        ("spec.containers[name=nobody].image", []),
        ("spec.replicas", []),
        ("spec.containers.image", []),
        ("metadata.name.first", []),
    ],
)
def test_a_path_finds_its_fields(text: str, found: list[tuple[str | int, ...]]) -> None:
    assert list(fields_at(POD, parse_path(text))) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/spec/containers/0/image", [("spec", "containers", 0, "image")]),
        ("/metadata/annotations/example.org~1at", [("metadata", "annotations", "example.org/at")]),
        ("/spec/containers/9", []),
        ("/spec/containers/-", []),
    ],
)
def test_a_json_pointer_finds_its_field(text: str, found: list[tuple[str | int, ...]]) -> None:
    assert list(fields_at(POD, parse_pointer(text))) == found


@pytest.mark.parametrize("text", ["", ".a", "a..b", "a[", "a b", "a[b", "a.[0]", "a" + ".b" * 64])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # any words will do here
        parse_path(text)


def test_a_pointer_begins_with_a_slash() -> None:
    with pytest.raises(ValueError, match="begins with /"):
        parse_pointer("spec/replicas")


def test_steps_are_told_apart() -> None:
    assert parse_path("a[*][b=c]") == ("a", AllItems(), ItemWith("b", "c"))
