from __future__ import annotations

from collections.abc import Callable

import pytest

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.plugin import Options, substitute


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    options = Options({"recurze": True}, "source.directory")
    options.boolean("recurse")
    with pytest.raises(RenderError) as caught:
        options.done()
    assert str(caught.value) == (
        "source.directory.recurze is not an option of this renderer. Try: did you mean recurse?"
    )


def test_absent_and_null_give_the_default() -> None:
    for block in ({}, {"key": None}):
        options = Options(block, "source.x")
        assert options.text("key", "default") == "default"
        assert options.boolean("key") is False
        assert options.integer("key", 3) == 3
        assert options.texts("key") == ()
        assert options.text_map("key") == {}
        assert options.blocks("key") == ()
        options.done()


@pytest.mark.parametrize(
    ("block", "read", "message"),
    [
        ({"key": 1}, lambda options: options.text("key"), "source.x.key: expected a string, got a number"),
        ({"key": "yes"}, lambda options: options.boolean("key"), "source.x.key: expected true or false, got a string"),
        (
            {"key": True},
            lambda options: options.integer("key"),
            "source.x.key: expected a whole number, got true or false",
        ),
        ({"key": "x"}, lambda options: options.texts("key"), "source.x.key: expected a list, got a string"),
        ({"key": ["a", 1]}, lambda options: options.texts("key"), "source.x.key[1]: expected a string, got a number"),
        ({"key": []}, lambda options: options.object("key"), "source.x.key: expected a mapping, got a list"),
        ({"key": {"a": None}}, lambda options: options.text_map("key"), "source.x.key[a]: expected a string, got null"),
        ({"key": ["a"]}, lambda options: options.blocks("key"), "source.x.key[0]: expected a mapping, got a string"),
    ],
)
def test_Z2_a_value_of_another_type_is_an_error_that_names_its_key(
    block: JsonObject, read: Callable[[Options], object], message: str
) -> None:
    with pytest.raises(RenderError) as caught:
        read(Options(block, "source.x"))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$NAME-${NAME}", "n-n"),
        ("a$$b", "a$b"),
        ("$$NAME", "$NAME"),
        ("[$UNKNOWN]", "[]"),
        ("5 $ and ${", "5 $ and ${"),
        ("$NAME_", ""),
    ],
)
def test_the_build_environment_is_substituted_as_go_does(text: str, expected: str) -> None:
    assert substitute(text, {"NAME": "n"}) == expected
