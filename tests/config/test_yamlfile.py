"""YAML that others wrote: what it means, and what is refused before it can do harm."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gitopsd.config import ConfigErrors
from gitopsd.config.yamlfile import MAX_BYTES, parse
from gitopsd.core.ids import Position
from tests.config.writing import loaded


def value(text: str) -> object:
    (document,) = parse(text.encode(), "f.yaml")
    return document.value


def error(text: str | bytes) -> str:
    with pytest.raises(ConfigErrors) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", True),
        ("Off", False),
        ("y", "y"),
        ("~", None),
        ("017", 15),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-12", -12),
        ("1.50", 1.5),
        ("1e3", "1e3"),
        ("1e+3", 1000.0),
        ("12e4567", "12e4567"),
        ("089", 89.0),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("1.2.3", "1.2.3"),
        ("-", None),
        ("18446744073709551616", 18446744073709551616.0),
        ("'1'", "1"),
        ("! 1", "1"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
        ("=", "="),
    ],
)
def test_scalars_mean_what_they_mean_to_kubernetes(text: str, expected: object) -> None:
    found = value(f"a: {text}" if text != "-" else "a:\n")
    assert found == {"a": expected}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(expected)


def test_keys_are_text_whatever_they_look_like() -> None:
    assert value("{on: 1, 1: 2, 1.5: 3, null: 4}") == {"on": 1, "1": 2, "1.5": 3, "null": 4}


def test_merge_keys_give_what_is_not_there() -> None:
    assert value("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 0}") == {
        "a": {"x": 1, "y": 1},
        "b": {"y": 2, "z": 2},
        "c": {"x": 0, "y": 1, "z": 2},
    }


def test_positions_count_from_one_and_fall_back_to_what_is_around() -> None:
    (document,) = parse("a:\n  - b: ü\n    c: 1\n".encode(), "f.yaml")
    assert document.position(("a", 0, "c")) == Position("f.yaml", 3, 8)
    assert document.position(("a", 0, "c"), key=True) == Position("f.yaml", 3, 5)
    assert document.position(("a", 0, "none", "deeper")) == Position("f.yaml", 2, 5)
    assert document.position() == Position("f.yaml", 1, 1)


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!!binary", "!!set", "!x"]
)
def test_U2_tags_are_refused_by_name(tag: str) -> None:  # the row's own name
    shown = tag.replace("!!", "tag:yaml.org,2002:") if "python" in tag else tag
    kind = "[id]" if "python" in tag else "id"
    assert f"the tag {shown} is not allowed" in error(f"a: {tag} {kind}")


def test_C3_duplicate_keys_are_refused_with_both_places() -> None:  # the row's own name
    text = error("kind: A\nspec:\n  b: 1\n  b: 2\nkind: B\n")
    assert text.splitlines() == [
        "f.yaml:4:3: the key b stands here twice: it is at line 3, column 3 too",
        "f.yaml:5:1: the key kind stands here twice: it is at line 1, column 1 too",
    ]
    assert "stands here twice" in error('{"namespace": "a", "namespace": "b"}')


BOMB = "a: &a [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{','.join([f'*{chr(97 + level)}'] * 9)}]\n" for level in range(8)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "too large once its aliases are expanded"),
        ("a: &a " + "x" * 1_000_000 + "\nb: [" + "*a," * 1000 + "]", "too large once its aliases are expanded"),
        ("[" * 100_000, "nested too deeply"),
        ("{a: " * 100_000, "nested too deeply"),
        ("- " * 100_000, "nested too deeply"),
        ("a: &a\n  b: *a\n", "contains itself"),
        ("&a [*a]", "contains itself"),
        ("a: &a {<<: *a}", "contains itself"),
        ("a: " + "9" * 100_000, "the number is too large"),
        ("a: 0x" + "f" * 100_000, "the number is too large"),
        ("a: 1e+999", "the number is too large"),
        ("a: .nan", "no place in JSON"),
    ],
    ids=range(12),
)
def test_D8_what_grows_when_it_is_walked_is_refused_at_once(text: str, message: str) -> None:  # the row's own name
    before = time.process_time()
    assert message in error(text)
    assert time.process_time() - before < 1


def test_D8_a_huge_file_is_refused_unread(tmp_path: Path) -> None:  # the row's own name
    assert "the file is too large: expected at most 10 MiB" in error(b"a: " + b"x" * MAX_BYTES)
    with open(tmp_path / "big.list", "wb") as file:
        file.truncate(50 * 1024 * 1024)
    with pytest.raises(ConfigErrors) as caught:
        loaded(tmp_path, "include: ['*.list']")
    assert "it is larger than 10240 KiB" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: b\nc: \xff\n", "f.yaml:2:4: the file is not text: expected UTF-8"),
        (b"a: b\nc: d\x00e\n", "f.yaml:2:5: the YAML cannot be read: a control character stands here"),
        (b"a: \x07\n", "f.yaml:1:4: the YAML cannot be read: a control character stands here"),
        (
            b"? [a, b]\n: c\n",
            "f.yaml:1:3: a key is no text: expected `key: value`. Try: quotes around a value that starts with { or [",
        ),
        (
            b"a: {{ b }}\n",
            "f.yaml:1:5: a key is no text: expected `key: value`. Try: quotes around a value that starts with { or [",
        ),
        (b"%YAML 3.0\n---\na: b", "f.yaml:1:1: the YAML cannot be read: found incompatible YAML document"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(data: bytes, message: str) -> None:
    assert error(data) == message


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    (document,) = parse(b"\xef\xbb\xbfa: b\r\nc: d\r\n", "f.yaml")
    assert document.value == {"a": "b", "c": "d"}


def test_ten_thousand_applications_are_read_in_seconds() -> None:
    entry = (
        "- name: app-{}\n"
        "  source: {{repoURL: https://git.example.org/a.git, path: a/b, targetRevision: main}}\n"
        "  destination: {{name: local, namespace: a}}\n"
    )
    before = time.process_time()
    (document,) = parse("".join(entry.format(number) for number in range(10_000)).encode(), "f.yaml")
    assert isinstance(document.value, list)
    assert len(document.value) == 10_000
    assert time.process_time() - before < 10
