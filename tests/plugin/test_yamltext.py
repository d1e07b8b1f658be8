from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonValue
from gitopsd.plugin import decode_text, parse_json, parse_yaml, split_documents


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("Off", False), ("y", True), ("'yes'", "yes"), ("~", None), ("null", None), ("", None),
        ("0777", 511), ("0o17", 15), ("0x1F", 31), ("1_000", 1000), ("1:30", "1:30"), ("1e3", 1000),
        ("1.0", 1), ("1.5", 1.5),
        ("9007199254740993", 9007199254740993), ("18446744073709551615", 18446744073709552000), (".5", 0.5), ("-3", -3),
        ("2020-01-01", "2020-01-01"), ("!!str 1", "1"), ("!!int 7", 7), ("! x", "x"), ("=", "="),
        ("!!binary aGk=", "hi"),
        ("{1: a, true: b, 1.5: c}", {"1": "a", "true": "b", "1.5": "c"}), ("08", 8), ("1.2.3", "1.2.3"),
        ("9" * 5000, "9" * 5000), ("1e999", "1e999"),
    ],
)  # fmt: skip
def test_scalars_are_read_as_kubectl_reads_them(text: str, value: JsonValue) -> None:
    found = parse_yaml(text)
    assert (type(found), found) == (type(value), value)


def test_merge_keys_are_merged_and_own_keys_win() -> None:
    text = "base: &b {p: 1, q: 1}\nmore: &m {r: 3}\nhere: {<<: [*b, *m], q: 2}\n"
    assert parse_yaml(text) == {"base": {"p": 1, "q": 1}, "more": {"r": 3}, "here": {"p": 1, "q": 2, "r": 3}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [\n", "f.yaml:3:1: did not find expected node content"),
        ("a: 1\na: 2\n", "f.yaml:2:1: key 'a' is set twice. Try: keep one of the two"),
        ("a: &x [*x]\n", "f.yaml:1:4: an anchor contains itself"),
        ("a: .inf\n", "f.yaml:1:4: JSON has no infinite numbers"),
        ("? [a]\n: b\n", "f.yaml:1:3: a key must be text"),
        ("a: !!int x\n", "f.yaml:1:4: the value is not what its tag !!int says"),
    ],
)
def test_errors_name_file_line_and_column(text: str, message: str) -> None:
    with pytest.raises(RenderError) as caught:
        parse_yaml(text, file="f.yaml")
    assert str(caught.value) == message


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!Ref", "!!set"])
def test_U2_a_tag_that_is_not_plain_data_is_an_error_that_names_it(tag: str) -> None:
    with pytest.raises(RenderError, match="unknown YAML tag") as caught:
        parse_yaml(f"a: {tag} [id]\n")
    assert tag.removeprefix("!!") in caught.value.what


def test_C3_a_key_set_twice_in_json_is_an_error() -> None:
    with pytest.raises(RenderError, match="'namespace' is set twice"):
        parse_json('{"metadata": {"namespace": "a", "namespace": "b"}}')


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize("text", [BOMB, "[" * 100_000, "a: &x {b: *x}", "x: " + "{a: " * 500 + "1" + "}" * 500])
def test_D8_bombs_and_deep_nesting_end_in_an_error_and_not_in_hours(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(RenderError):
        parse_yaml(text)
    assert time.monotonic() - began < 30


def test_documents_are_split_with_their_lines() -> None:
    text = "# head\n---\na: 1\n---\n# nothing\n--- # c\n\nb: 2\n...\n%YAML 1.1\n---\nc: 3\n--- {d: 4}\n"
    found = [(parse_yaml(each.text), each.line) for each in split_documents(text)]
    assert found == [({"a": 1}, 3), ({"b": 2}, 8), ({"c": 3}, 12), ({"d": 4}, 13)]


def test_byte_order_marks_and_utf16_are_understood() -> None:
    assert decode_text(b"\xef\xbb\xbfa: 1", "f") == "a: 1"
    assert decode_text("ä: 1".encode("utf-16"), "f") == "ä: 1"
    with pytest.raises(RenderError, match="neither UTF-8") as caught:
        decode_text(b"a: 1\nb: \xff\n", "f")
    assert caught.value.where == "f:2"


@given(st.text(st.sampled_from("ab: -[]{}&*!|>'\"\n\t#%,?0.1~"), max_size=60))
def test_Z2_no_text_raises_anything_but_a_render_error(text: str) -> None:
    for document in split_documents(text):
        try:
            parse_yaml(document.text)
        except RenderError:
            continue
