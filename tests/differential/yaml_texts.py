"""YAML of every odd shape that a manifest can have, for hypothesis."""

# ruff: noqa: E501 - lists of samples

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[object]], object]

_ODD: Final = (
    *("yes", "No", "ON", "off", "y", "N", "true", "False", "TRUE", "yEs", "~", "null", "Null", "NULL", "nULL", ""),
    *("0", "-0", "+0", "00", "007", "08", "0o17", "0o8", "0x1F", "0xfg", "-0x1F", "0b101", "0b2", "1_000", "1__0", "_1", "1_"),
    *("9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
    *("18446744073709551615", "18446744073709551616", "123456789012345678901234567890", "0xFFFFFFFFFFFFFFFF", "0777777777777777777777"),
    *("1.0", "1.", ".5", "-.5", "+.5", ".", "1e3", "1E3", "1e+3", "1e-3", "1e", "e1", "1.e1", ".e1", "1e400", "-1e400", "1e-400"),
    *("1e20", "1e21", "1.5e300", "0.1", "1.10", "123456789.123456789", "1_0.5", "0x1p3", "1e1_0", "100000000000000000000.0"),
    *("2020-01-01", "2020-01-01T10:00:00Z", "2020-01-01 10:00:00", "2001-1-1", "10:30", "1:30:45", "190:20:30", "-1:30"),
    *("inf", "nan", "Infinity", "NaN", ".infx", "text", "two words", "a#b", "a:b", "a,b", "x'y", 'x"y', "-x", "- ", "?x", ":x", "=", "<<x"),
    *("é", "日本語", "😀", "a\u00a0b", "a\u0085b", "a\u2028b", "\ufeffx", "\\n", "!", "%x", "@x", "`x", "|x", ">x", "---x", "...x"),
)  # fmt: skip
_QUOTED: Final = (
    "''",
    '""',
    "'it''s'",
    '"tab\\t"',
    '"\\u00e9\\x41\\n"',
    '"\\U0001F600"',
    "'yes'",
    '"1"',
    "'~'",
    '"a\\\n  b"',
    '"\\/"',
    '"\\0"',
    "'a: b # c'",
)
_TAGGED: Final = (
    "!!str 5",
    "!!str yes",
    "!!int '5'",
    "!!int 0o17",
    "!!float 1",
    "!!float '1.5'",
    "!!bool 'true'",
    "!!null ''",
    "!!binary aGk=",
    "! 5",
    "!!str",
    "!!timestamp 2020-01-01",
    "!!int x",
    "!!bool 1",
    "!mine x",
)
_BLOCKS: Final = ("|", "|-", "|+", ">", ">-", ">+", "|2")
_KEYS: Final = ("a", "b", "c", "d", "'a'", '"b"', "1", "0x1", "1.0", "true", "yes", "n", "~", "''", "two words", "2020-01-01", "a.b/c", "é", "=", "-x", "1e3", "0o17", "null")  # fmt: skip


def scalars() -> st.SearchStrategy[str]:
    """Tokens that stand on one line (but for quoted ones that do not)."""
    numbers = st.one_of(st.integers().map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr))
    words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
    return st.one_of(
        st.sampled_from(_ODD),
        st.sampled_from(_ODD),
        st.sampled_from(_QUOTED),
        st.sampled_from(_TAGGED),
        numbers,
        words.map(lambda text: "'" + text.replace("'", "''") + "'"),
        words,
    )


@st.composite
def values(draw: st.DrawFn, indent: int, depth: int, anchors: list[str], *, flow: bool = False) -> str:
    """What stands after `key:` — with its blank or line break — at an indentation."""
    kinds = ["scalar", "scalar", "scalar", "alias", "block", "anchor"]
    kinds += ["flow map", "flow list", "map", "list"] if depth else []
    kind = draw(st.sampled_from([each for each in kinds if not flow or each not in ("map", "list", "block")]))
    pad = " " * indent
    match kind:
        case "alias" if anchors:
            found = f" *{draw(st.sampled_from(anchors))} "
        case "anchor":
            name = draw(st.sampled_from(["x", "y", "z1"]))
            inner = draw(values(indent, 0, anchors, flow=flow))
            named = not inner.lstrip().startswith(("*", "&"))
            anchors += [name] * named
            found = f" &{name}{inner}" if named else inner
        case "block":
            lines = draw(
                st.lists(
                    st.sampled_from(["one", "  two", "", "# no comment", "- x", "a: b", "--- x", "\tt"]), max_size=4
                )
            )
            found = f" {draw(st.sampled_from(_BLOCKS))}\n" + "".join(
                f"{pad}{line}\n" if line else "\n" for line in lines
            )
        case "flow map":
            pairs = draw(
                st.lists(st.tuples(st.sampled_from(_KEYS), values(indent, depth - 1, anchors, flow=True)), max_size=3)
            )
            found = " {" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
        case "flow list":
            items = draw(st.lists(values(indent, depth - 1, anchors, flow=True), max_size=3))
            found = " [" + ",".join(items) + "]"
        case "map":
            found = "\n" + draw(mappings(indent, depth - 1, anchors))
        case "list":
            items = draw(st.lists(values(indent + 2, depth - 1, anchors), min_size=1, max_size=3))
            found = "\n" + "".join(_line(f"{pad}-{item}") for item in items)
        case _:
            found = " " + draw(scalars())
    return found


@st.composite
def mappings(draw: st.DrawFn, indent: int, depth: int, anchors: list[str]) -> str:
    """Lines of a block mapping, now and then with a merge, a comment or an explicit key."""
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["pair"] * 8 + ["merge", "comment", "explicit"]))
        pad = " " * indent
        if kind == "merge" and anchors:
            names = draw(st.lists(st.sampled_from(anchors), min_size=1, max_size=2))
            lines.append(
                f"{pad}<<: *{names[0]}" if len(names) == 1 else f"{pad}<<: [{', '.join(f'*{each}' for each in names)}]"
            )
        elif kind == "comment":
            lines.append(f"{draw(st.sampled_from(['', pad]))}# {draw(st.sampled_from(['x', '---', 'a: b', '*x']))}")
        elif kind == "explicit":
            lines.append(f"{pad}? {draw(st.sampled_from(_KEYS))}\n{pad}:{draw(values(indent + 2, depth, anchors))}")
        else:
            lines.append(f"{pad}{draw(st.sampled_from(_KEYS))}:{draw(values(indent + 2, depth, anchors))}")
    return "".join(_line(line) for line in lines)


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """One object whose `data` is odd."""
    anchors: list[str] = []
    head = "apiVersion: v1\nkind: ConfigMap\n"
    if draw(st.booleans()):
        anchors.append("m")
        head += "metadata: &m {name: a, labels: {k: v}}\n"
    else:
        head += "metadata:\n  name: a\n"
    return head + "data:\n" + draw(mappings(2, 3, anchors))


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """A whole file: documents, empty ones, comments, line ends, encodings."""
    parts = draw(
        st.lists(
            st.one_of(manifests(), st.sampled_from(["", "# nothing\n", "\n\n", "null\n", "~\n"])),
            min_size=1,
            max_size=4,
        )
    )
    separators = st.sampled_from(["---\n", "--- \n", "---\t\n", "--- # c\n", "---\n---\n"])
    text = draw(st.sampled_from(["", "---\n", "# head\n"]))
    for number, part in enumerate(parts):
        text += (draw(separators) if number else "") + part
    text += draw(st.sampled_from(["", "", "---\n", "---", "\n# tail"]))
    if draw(st.booleans()):
        text = text.rstrip("\n")
    if draw(st.integers(0, 5)) == 0:
        text = text.replace("\n", "\r\n")
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16"]))
    return text.encode(encoding)


def _line(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
