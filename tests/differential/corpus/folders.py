"""Folders of manifests, and Jsonnet."""

# ruff: noqa: E501 - manifests are easier to compare when each is one line

from __future__ import annotations

from gitopsd.core.jsonvalue import JsonValue
from tests.differential.case import Case, Content, Files, Outcome, Tool, config_map

_POD = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "%s"}}'
_SCALARS = """apiVersion: v1
kind: ConfigMap
metadata: {name: scalars}
data:
"""


def _case(
    feature: str,
    name: str,
    files: Files,
    outcome: Outcome = Outcome.EQUAL,
    *,
    told: tuple[str, ...] = (),
    why: str = "",
    **options: JsonValue,
) -> Case:
    within = {f"app/{file}": content for file, content in files.items()}
    return Case(f"directory: {feature}", name, Tool.PLAIN, within, options, outcome=outcome, told=told, why=why)


def _text(feature: str, name: str, text: Content, outcome: Outcome = Outcome.EQUAL, why: str = "") -> Case:
    return _case(feature, name, {"a.yaml": text}, outcome, why=why)


def _data(feature: str, name: str, *lines: str, outcome: Outcome = Outcome.EQUAL, why: str = "") -> Case:
    return _text(feature, name, _SCALARS + "".join(f"  {line}\n" for line in lines), outcome, why)


def _jsonnet(name: str, files: Files, *told: str, outcome: Outcome = Outcome.EQUAL, **options: JsonValue) -> Case:
    block: dict[str, JsonValue] = {"jsonnet": options} if options else {}
    return Case("jsonnet", name, Tool.JSONNET, files, block, outcome=outcome, told=told)


_TREE = {
    "a.yaml": config_map("a"),
    "b.yml": config_map("b"),
    "c.json": _POD % "c",
    "sub/d.yaml": config_map("d"),
    "sub/deep/e.yaml": config_map("e"),
    "README.md": "no",
    "x.yaml.bak": "no: [",
}
_OBJECT = '{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: %s }, data: { v: %s } }'

CASES = [
    _case("files", "by extension, in lexical order", {"b.yaml": config_map("b"), "a.yml": config_map("a"), "B.json": _POD % "p", "z.txt": "no", ".hidden.yaml": config_map("h")}, told=(".hidden.yaml", "B.json", "a.yml", "b.yaml")),
    _case("files", "folders are not entered", _TREE, told=("a.yaml", "b.yml", "c.json")),
    _case("recurse", "all of it", _TREE, told=("a.yaml", "b.yml", "c.json", "sub/d.yaml", "sub/deep/e.yaml"), recurse=True),
    _case("include", "one pattern", _TREE, told=("a.yaml", "sub/d.yaml", "sub/deep/e.yaml"), recurse=True, include="*.yaml"),
    _case("include", "alternatives", _TREE, told=("a.yaml", "b.yml"), recurse=True, include="{a.yaml,b.*}"),
    _case("include", "a folder", _TREE, told=("sub/d.yaml", "sub/deep/e.yaml"), recurse=True, include="sub/*"),
    _case("exclude", "a folder", _TREE, told=("a.yaml", "b.yml", "c.json"), recurse=True, exclude="sub/*"),
    _case("exclude", "is stronger than include", _TREE, told=("a.yaml",), recurse=True, include="*.yaml", exclude="sub/**"),
    _case("exclude", "sets and question marks", _TREE, told=("c.json", "sub/d.yaml", "sub/deep/e.yaml"), recurse=True, exclude="[a-b].y?*"),
    _case("disableExtensionFilter", "every file", {"a.yaml": config_map("a"), "b.txt": config_map("b"), "c": _POD % "c", "README.md": "words: ["}, told=("a.yaml", "b.txt", "c"), disableExtensionFilter=True),
    _case("skip marker", "leaves a file out", {"a.yaml": config_map("a"), "b.yaml": "# +argocd:skip-file-rendering\n" + config_map("b")}, told=("a.yaml",)),
    _case("files that are no manifests", "are skipped", {"a.yaml": config_map("a"), "values.yaml": "replicas: 3\n", "list.yaml": "- a\n- b\n", "text.yaml": "words\n", "empty.yaml": "", "comment.yaml": "# no\n"}, told=("a.yaml",)),
    _case("links", "to files are followed", {"a.yaml": "→../shared.yaml", "../shared.yaml": config_map("shared")}),
    _text("documents", "several", f"{config_map('a')}---\n{config_map('b')}---\n{config_map('c')}"),
    _text("documents", "empty ones", f"---\n---\n# nothing\n---\n{config_map('a')}---\n\n---\nnull\n---\n~\n---\n"),
    _text("documents", "separators with comments and blanks", f"--- # one\n{config_map('a')}---   \n{config_map('b')}---\t# t\n{config_map('c')}"),
    _text("documents", "an end mark", f"{config_map('a')}...\n---\n{config_map('b')}...\n"),
    _text("documents", "a version directive", f"%YAML 1.1\n---\n{config_map('a')}", Outcome.MORE, "kubectl parts a directive from its document"),
    _text("documents", "content on the separator's line", f"--- {{apiVersion: v1, kind: Pod, metadata: {{name: a}}}}\n---\n{config_map('b')}", Outcome.MORE, "it is YAML"),
    _text("documents", "no end of line at the end", config_map("a").rstrip()),
    _text("documents", "a text block that ends with the file", config_map("a", "v: |\n  x").rstrip()),
    _text("documents", "separators within text", config_map("a", "v: |\n  x\n  ---\n  y\nw: '---'")),
    _text("documents", "CRLF", f"{config_map('a')}---\n{config_map('b', 'v: |' + chr(10) + '  x' + chr(10) + '  y')}".replace("\n", "\r\n")),
    _text("documents", "tabs", config_map("a", 'v: "x"\t# c\nw:\ty')),
    _text("documents", "a document without a kind", f"{config_map('a')}---\nmetadata: {{name: x}}\n", Outcome.REFUSED),
    _text("documents", "no mapping but a manifest's words", "- apiVersion: v1\n  kind: Pod\n", Outcome.REFUSED),
    _text("documents", "broken", "apiVersion: v1\nkind: Pod\nmetadata: {name: a\nx: y\n", Outcome.REFUSED),
    _text("lists", "List", "apiVersion: v1\nkind: List\nmetadata: {resourceVersion: ''}\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}\n"),
    _text("lists", "typed, items without a type", "apiVersion: v1\nkind: ConfigMapList\nitems:\n- {metadata: {name: a}, data: {x: y}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"),
    _text("lists", "within a list", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: a}}]}\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n", Outcome.MORE, "kubectl loses its way in it"),
    _text("lists", "empty", "apiVersion: v1\nkind: List\nitems: []\n---\n" + config_map("a")),
    _case("JSON", "a file", {"a.json": '{\n "apiVersion": "v1",\n "kind": "ConfigMap",\n "metadata": {"name": "a"},\n "data": {"x": "\\u00e9\\n\\ud83d\\ude00", "n": 1.0, "e": 1e3, "b": 12345678901234567890, "f": 0.1, "m": -0, "i": 9223372036854775807, "j": 1E+2, "k": 1e-7, "l": 1e21, "o": -0.0, "p": 123456789012345678901234567890, "q": [1.50, {"r": 2.0}], "t": true, "z": null}\n}\n'}),
    _case("JSON", "several objects after each other", {"a.json": (_POD % "a") + "\n" + (_POD % "b") + (_POD % "c")}),
    _case("JSON", "a list", {"a.json": '{"apiVersion": "v1", "kind": "List", "items": [' + _POD % "a" + "," + _POD % "b" + "]}"}),
    _case("JSON", "with separators", {"a.json": _POD % "a" + "\n---\n" + _POD % "b" + "\n"}),
    _case("JSON", "then YAML", {"a.yaml": _POD % "a" + "\n---\n" + config_map("b")}),
    _case("JSON", "in a .yaml file, in YAML's flow style", {"a.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: a}}\n"}),
    _case("JSON", "a number that is too large", {"a.json": '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "x": 1e400}'}, Outcome.REFUSED),
    _case("JSON", "broken", {"a.json": '{"apiVersion": "v1", "kind": }'}, Outcome.REFUSED),
    _case("JSON", "an array", {"a.json": "[" + _POD % "a" + "]"}, Outcome.REFUSED),
    _data("scalars", "booleans of YAML 1.1", "a: yes", "b: No", "c: ON", "d: off", "e: y", "f: N", "g: True", "h: FALSE", "i: 'yes'", 'j: "no"', "k: yEs", "l: t"),
    _data("scalars", "whole numbers", "a: 0777", "b: 0o17", "c: 0x1F", "d: 0b11", "e: 1_000", "f: +5", "g: -0", "h: 00", "i: 08", "j: 0x_F", "k: 1__0", "l: _1", "m: 0o8", "n: -0x1F", "o: +0b1", "p: 190:20:30"),
    _data("scalars", "big numbers", "a: 9007199254740993", "b: 9223372036854775807", "c: 9223372036854775808", "d: 18446744073709551615", "e: 18446744073709551616", "f: -9223372036854775808", "g: -9223372036854775809", "h: 123456789012345678901234567890", "i: 0xFFFFFFFFFFFFFFFF", "j: 0x1FFFFFFFFFFFFFFFF"),
    _data("scalars", "floats", "a: 1.0", "b: 1e3", "c: 1E-3", "d: .5", "e: 5.", "f: 1.5e300", "g: 1e21", "h: 1e20", "i: 0.1", "j: 1.10", "k: -1.5", "l: +1.5", "m: 1e", "n: 1.e1", "o: 123456789.123456789", "p: 1e-7", "q: 1_0.5", "r: 100000000000000000000000.0", "s: 1e400", "t: -0.0", "u: 0.0000001"),
    _data("scalars", "no finite numbers", "a: .inf", outcome=Outcome.REFUSED),
    _data("scalars", "not a number", "a: .nan", outcome=Outcome.REFUSED),
    _data("scalars", "words like infinity", "a: inf", "b: nan", "c: Infinity", "d: .Inf1", "e: NaN"),
    _data("scalars", "times and dates", "a: 2020-01-01", "b: 2020-01-01T10:00:00Z", "c: 2020-01-01 10:00:00", "d: 10:30", "e: 1:30:45", "f: 2001-1-1"),
    _data("scalars", "nothing", "a: ~", "b:", "c: null", "d: Null", "e: NULL", "f: nULL", "g: ''", 'h: ""'),
    _data("scalars", "texts", "a: |", "  x", "   y", "", "b: |-", "  x", "", "c: |+", "  x", "", "d: >", "  x", "  y", "", "  z", "e: >-", "  x", "f: 'it''s'", 'g: "tab\\t \\u00e9 \\x41 \\n"', "h: a", "  b", "  c", 'i: "a', '  b"', "j: a # c", "k: a#b", "l: '#'", "m: a:b", "n: '- x'", "o: !!str 5", "p: |2", "    x"),
    _data("scalars", "keys that are no texts", "1: a", "true: b", "1.5: c", "0x10: e", "2020-01-01: f", "'1.0': g", "1e3: h"),
    _data("scalars", "an empty key", "~: a", "'': b", why="", outcome=Outcome.REFUSED),
    _data("scalars", "complex keys", "? a", ": b", "? 'c d'", ": {e: f}"),
    _data("scalars", "a mapping as a key", "? {a: b}", ": c", outcome=Outcome.REFUSED),
    _data("tags", "of YAML itself", "a: !!str yes", "b: !!int '5'", "c: !!float 1", "d: !!bool 'true'", "e: !!null ''", "f: !!binary aGk=", "g: !!seq [a]", "h: !!map {a: b}", "i: ! 5", "j: !!timestamp 2020-01-01"),
    _data("tags", "sets and ordered maps", "a: !!set {x, y}", "b: !!omap [x: 1]"),
    _data("tags", "foreign ones", "a: !mine x", outcome=Outcome.STRICTER, why="plain data has no foreign tags"),
    _text("anchors", "aliases and merges", "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: a, labels: &l {a: b}}\ndata:\n  <<: *l\n  c: d\nother: *m\nmore: [*l, &x 5, *x]\n"),
    _text("anchors", "merges of several", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx: &x {p: 1, q: 1}\ny: &y {q: 2, r: 2}\nz: {<<: [*x, *y], r: 3}\nw: {r: 3, <<: [*y, *x]}\nv: {<<: *x, <<: *y}\n"),
    _text("anchors", "keys over merged ones", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {a: b, c: d}}\ndata:\n  <<: *l\n  a: own\n  e: f\nmore: {a: own, <<: *l}\n"),
    _text("anchors", "merge lists", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx: &x {p: 1, q: 1}\ny: &y {q: 2, r: 2}\nz: {<<: [*x, *y], r: 3}\nw: {r: 3, <<: [*y, *x]}\nu: {'<<': text}\n"),
    _text("anchors", "an anchor that is set again", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx: &x 1\ny: *x\nz: &x 2\nw: *x\n"),
    _text("anchors", "an alias of nothing", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: *gone}\n", Outcome.REFUSED),
    _text("anchors", "across documents", f"x: &x 1\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n---\n{config_map('b', 'v: *x')}", Outcome.REFUSED),
    _text("duplicate keys", "in YAML", config_map("a", "x: 1\nx: 2"), Outcome.STRICTER, "a key that is set twice has two readings"),
    _data("duplicate keys", "that become one", "1: a", "0x1: b", outcome=Outcome.STRICTER, why="a key that is set twice has two readings"),
    _data("duplicate keys", "a text and a number", "'1': a", "1: b", outcome=Outcome.STRICTER, why="kubectl takes either, by chance"),
    _data("duplicate keys", "booleans", "yes: a", "true: b", outcome=Outcome.STRICTER, why="a key that is set twice has two readings"),
    _text("duplicate keys", "beside a merge", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx: &x {p: 1}\ny: {<<: *x, p: 2, p: 3}\n", Outcome.STRICTER, "a key that is set twice has two readings"),
    _case("duplicate keys", "in JSON", {"a.json": '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "name": "b"}}'}, Outcome.STRICTER, why="a key that is set twice has two readings"),
    _text("encodings", "UTF-8 with a mark", b"\xef\xbb\xbf" + config_map("a", "v: é").encode()),
    _text("encodings", "UTF-16, little end first", config_map("a", "v: é 😀").encode("utf-16")),
    _text("encodings", "UTF-16, big end first", b"\xfe\xff" + f"{config_map('a', 'v: é 😀')}---\n{config_map('b')}".encode("utf-16-be")),
    _text("encodings", "Latin-1", config_map("a", "v: é").encode("latin-1"), Outcome.STRICTER, "kubectl puts U+FFFD in the place of what it cannot read"),
    _text("encodings", "unusual blanks", config_map("a", "v: 'a\u00a0b\u2028c\u0085d'")),
    _jsonnet("an object and an array", {"app/a.jsonnet": _OBJECT % ('"a"', "1 + 1"), "app/b.jsonnet": "[" + _OBJECT % ('"b"', "std.length([1, 2])") + "," + _OBJECT % ('"c"', "null") + "]"}, "app/a.jsonnet", "app/b.jsonnet"),
    _jsonnet("functions, comprehensions, text", {"app/a.jsonnet": "local f(n) = " + _OBJECT % ('"n%d" % n', "|||\n  one\n  two\n|||") + ";\n[f(n) for n in std.range(1, 3) if n != 2]"}, "app/a.jsonnet"),
    _jsonnet("numbers", {"app/a.jsonnet": _OBJECT % ('"a"', "[1.0, 1e3, 0.1, 1 / 3, 1e21, -0.0, 9007199254740993, 1e100]")}, "app/a.jsonnet"),
    _jsonnet("inheritance and hidden fields", {"app/a.jsonnet": "local base = " + _OBJECT % ('"base"', "$.hidden") + " + {hidden:: 1};\nbase + {hidden: 2, data+: {w: super.v}, metadata+: {labels: {a: 'l'}, name: 'x'}}"}, "app/a.jsonnet"),
    _jsonnet("imports beside and in libs", {"app/a.jsonnet": 'local l = import "l.libsonnet"; local o = import "o.libsonnet"; l + {data: {o: o, t: importstr "t.txt"}}', "app/l.libsonnet": _OBJECT % ('"l"', "1"), "vendor/o.libsonnet": "{a: 1}", "app/t.txt": "text\n"}, "--jpath", "{root}/vendor", "app/a.jsonnet", libs=["vendor"]),
    _jsonnet("the last lib is asked first", {"app/a.jsonnet": _OBJECT % ('"a"', 'import "x.libsonnet"'), "one/x.libsonnet": "1", "two/x.libsonnet": "2"}, "--jpath", "{root}/one", "--jpath", "{root}/two", "app/a.jsonnet", libs=["one", "two"]),
    _jsonnet("external variables", {"app/a.jsonnet": _OBJECT % ('std.extVar("n")', 'std.extVar("c")')}, "--ext-str", "n=app-x", "--ext-code", "c={x: 1 + 1}", "app/a.jsonnet", extVars=[{"name": "n", "value": "$ARGOCD_APP_NAME-x"}, {"name": "c", "value": "{x: 1 + 1}", "code": True}]),
    _jsonnet("top-level arguments", {"app/a.jsonnet": "function(n, c=7, d=8) " + _OBJECT % ("n", "[c, d]")}, "--tla-str", "n=a", "--tla-code", "c=[1]", "app/a.jsonnet", tlas=[{"name": "n", "value": "a"}, {"name": "c", "value": "[1]", "code": True}]),
    _jsonnet("a variable that is missing", {"app/a.jsonnet": _OBJECT % ('std.extVar("gone")', "1")}, "app/a.jsonnet", outcome=Outcome.REFUSED),
    _jsonnet("an error of its own", {"app/a.jsonnet": 'error "no"'}, "app/a.jsonnet", outcome=Outcome.REFUSED),
    _jsonnet("an assertion", {"app/a.jsonnet": _OBJECT % ('"a"', "1") + " + {assert false : 'no'}"}, "app/a.jsonnet", outcome=Outcome.REFUSED),
    _jsonnet("standard functions", {"app/a.jsonnet": _OBJECT % ('"a"', "{m: std.manifestYamlDoc({a: [1, 'x']}), p: std.parseYaml('a: yes'), j: std.parseJson('{}'), s: std.split('a,b', ','), f: std.format('%05.2f', 1.5), b: std.base64('x'), h: std.md5('x'), k: std.objectFields({b: 1, a: 2}), t: std.sort([3, 1, 2]), u: std.asciiUpper('a'), r: std.strReplace('aa', 'a', 'b'), g: std.get({a: 1}, 'b', 'd'), me: std.mergePatch({a: 1, b: 2}, {a: null})}")}, "app/a.jsonnet"),
]  # fmt: skip
