"""YAML that says to every reader what was meant."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gitopsd.cli.yamldump import dump, dump_all
from gitopsd.core.jsonvalue import JsonValue
from gitopsd.plugin.yamltext import parse_yaml, split_documents

# What kubectl's YAML can hold: no lone surrogates, no NUL, numbers that JSON and Go agree on.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
# kubectl reads a float without a fraction as a whole number, of as many digits as tell it from its neighbours: beyond
# 2**53 that is another number to Python, which compares exactly.
FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer() or abs(x) < 2**53)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | FLOATS
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=5)
AWKWARD = [
    "yes", "No", "y", "on", "NULL", "~", "", "0777", "0o17", "0x1F", "1e3", "1_000", "12:30:45", ".5", "+.inf", ".NaN",
    "2020-01-01", "2020-01-01T00:00:00Z", "=", "<<", "- a", "a: b", "#c", "&a", "*a", "!t", "%d", "@", "`", "[x", "{x",
    "? q", " lead", "trail ", "\ttab", "a\n", "a\n\n", "\na", "  a\nb", "a\n b\n", "a \nb", "a\r\nb", "\x85", "\u2028",
    "\ufeffx", "\x1b[31m\n", "---", "...", "a\n---\nb", "1" * 400, "x" * 300, "0b1", "08", "-0", "1.", "\U0001f600",
]  # fmt: skip


def same(one: JsonValue, other: JsonValue) -> bool:
    """Equal as JSON values: true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) or (
        not isinstance(one, bool) and not isinstance(other, bool) and one == other
    )


@given(OBJECTS)
@example({text: text for text in AWKWARD})
@example({"list": AWKWARD})
def test_what_is_printed_parses_to_the_same_object(value: dict[str, JsonValue]) -> None:
    assert parse_yaml(dump(value)) == value


@given(OBJECTS)
@example({text: text for text in AWKWARD if text != "\ufeffx"})
def test_pyyaml_reads_strings_as_strings(value: dict[str, JsonValue]) -> None:
    """PyYAML takes more for numbers and times than kubectl does; none of our strings may become one."""
    assert same(yaml.safe_load(dump(value)), value)


@given(st.lists(OBJECTS.filter(bool), max_size=4))
def test_a_stream_splits_into_its_documents(values: list[JsonValue]) -> None:
    parsed = [parse_yaml(each.text) for each in split_documents(dump_all(values))]
    assert parsed == values


@pytest.mark.parametrize("text", AWKWARD)
def test_X7_no_control_character_reaches_the_terminal(text: str) -> None:
    assert all(char.isprintable() or char == "\n" for char in dump({"k": text, text: 1}))


def test_text_of_several_lines_is_a_block() -> None:
    assert dump({"script": "set -e\nrun\n"}) == "script: |\n  set -e\n  run\n"


def test_the_order_of_keys_stays() -> None:
    assert dump({"kind": "A", "apiVersion": "v1"}) == "kind: A\napiVersion: v1\n"


def test_the_same_object_twice_is_written_twice() -> None:
    same_labels = {"app": "web"}
    assert dump({"a": same_labels, "b": same_labels}) == "a:\n  app: web\nb:\n  app: web\n"


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert yaml.safe_load(dump({"a": "\ud800x"})) == {"a": "?x"}


def test_text_of_other_scripts_is_readable() -> None:
    assert dump({"a": "Grüße 中文"}) == "a: Grüße 中文\n"
