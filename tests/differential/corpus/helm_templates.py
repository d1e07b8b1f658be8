"""What templates do: functions, files, whitespace, odd output."""

# ruff: noqa: E501 - manifests are easier to compare when each is one line

from __future__ import annotations

from tests.differential.case import Case, Content, Files, Outcome, Tool, chart, config_map, shows


def _case(feature: str, name: str, files: Files, outcome: Outcome = Outcome.EQUAL, why: str = "") -> Case:
    return Case(f"helm: {feature}", name, Tool.HELM, files, outcome=outcome, why=why)


def _one(template: str, values: str = "", **more: str) -> dict[str, str | bytes]:
    return chart({"a.yaml": template}, values=values, **more)


_VALUES = "num: 3\nf: 1.5\ns: text\nb: true\nl: [c, a, b]\nm: {z: 1, why: {x: 2}}\nbig: 1000000\nt: '{{ .Release.Name }}-t'\nmulti: |\n  one\n  two\n"
_FUNCTIONS = {
    "strings": ["upper .Values.s", '"a b" | title', '"x" | repeat 3', '"abc" | trunc 2', '"a-b_c" | camelcase', '"fooBar" | snakecase', '"fooBar" | kebabcase', '"a,b" | splitList ","', '"abc" | contains "b"', 'nospace "a b"', 'substr 1 2 "abc"', '"a" | quote | squote', 'trimSuffix "x" "ax"', 'printf "%v %d %.2f %q" 1 2 3.5 "x"', 'indent 2 "a\\nb"', 'nindent 2 "a"', 'replace "a" "b" "aa"', 'regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W"', 'regexMatch "^a" "ab"', 'plural "one" "many" 2', 'wrap 3 "a b c d"', 'initials "a b"', 'swapcase "aB"', 'abbrev 5 "abcdefgh"'],
    "numbers": ["add 1 2", "sub 1 2", "mul 2 3", "div 7 2", "mod 7 2", "add1 1", "max 1 5 2", "min 3 1", "floor 1.7", "ceil 1.2", "round 1.2345 2", 'int "7"', 'int64 "0x10"', 'float64 "1.5"', 'toDecimal "0777"', "addf 1.1 2.2", "divf 1 3", "until 3", "untilStep 1 7 2", "seq 1 3", "int .Values.big", ".Values.big", ".Values.num", "mul .Values.f 2"],
    "lists": ["sortAlpha .Values.l", "first .Values.l", "last .Values.l", "rest .Values.l", "initial .Values.l", 'append .Values.l "d"', 'prepend .Values.l "0"', "reverse .Values.l", "uniq (list 1 1 2)", 'without .Values.l "a"', 'has "a" .Values.l', 'join "," .Values.l', 'compact (list 1 0 "" 2)', "slice .Values.l 1 2", "concat (list 1) (list 2)", "chunk 2 .Values.l", "len .Values.l", 'dig "why" "x" 0 .Values.m', "index .Values.l 1"],
    "maps": ["keys .Values.m | sortAlpha", 'values (dict "a" 1)', 'get .Values.m "z"', 'hasKey .Values.m "q"', 'pick .Values.m "z"', 'omit .Values.m "z"', 'merge (dict "a" 1) (dict "a" 2 "b" 3)', 'mergeOverwrite (dict "a" 1) (dict "a" 2 "b" 3)', "deepCopy .Values.m", 'set (dict) "k" "v"', 'unset (dict "k" "v" "j" 1) "k"', 'pluck "a" (dict "a" 1) (dict "a" 2)', 'dict "a" (dict "b" 1)', "tuple 1 2", 'index .Values "m" "why" "x"'],
    "defaults and types": ['default "d" ""', 'default "d" 0', 'default "d" false', 'coalesce 0 "" "x"', 'ternary "a" "b" true', "empty 0", "kindOf .Values.num", "typeOf .Values.f", 'kindIs "map" .Values.m', 'typeIs "string" .Values.s', "all 1 true", "any 0 false", "not true", "and 1 0", "or 0 2", "eq 1 1", 'ne "a" "b"', "lt 1 2", "gt 1.5 1.0", "toString .Values.big", "toStrings (list 1 2)", "kindOf .Values.big", "toString 1e6", "deepEqual (list 1) (list 1)"],
    "encodings": ['b64enc "x"', 'b64dec "eA=="', 'b32enc "x"', 'sha256sum "x"', 'sha1sum "x"', 'adler32sum "x"', "toJson .Values.m", "toPrettyJson .Values.m", 'toRawJson (dict "a" "<&>")', 'toJson (dict "a" "<&>")', "toYaml .Values.m", "toToml .Values.m", 'fromJson "{\\"a\\": 1}"', 'fromYaml "a: 1e3"', 'fromYamlArray "- 1\\n- x"', 'fromJsonArray "[1]"', 'fromYaml "{"', 'urlParse "https://u:p@h:1/p?q#f"', 'urlquery "a b"', 'html "<"', 'js "\'"', 'toYaml (dict "multi" "a\\nb" "n" 1.0 "s" "yes" "e" "1e3" "z" "" "o" "0o17")', "toYamlPretty .Values.m"],
    "versions and times": ['semver "1.2.3-b+m"', 'semverCompare ">=1.2" "1.3.0"', 'semverCompare "^1.2.0-0" "1.3.0-rc1"', '(semver "1.2.3").Minor', 'date "2006-01-02" (toDate "2006-01-02" "2026-03-04")', 'htmlDate (toDate "2006-01-02" "2026-03-04")', 'dateModify "-24h" (toDate "2006-01-02" "2026-03-04") | date "2006-01-02"', "duration 95", 'unixEpoch (toDate "2006-01-02" "2026-03-04")', 'durationRound "2h10m5s"'],
    "paths": ['base "a/b.c"', 'dir "a/b.c"', 'ext "a/b.c"', 'clean "a/../b"', 'isAbs "/a"', 'osBase "a/b"'],
    "flow": ['required "needed" .Values.s', "tpl .Values.t .", 'tpl "{{ .Values.num }}" $', 'include "two" .', '(include "two" . | trim | quote)', 'lookup "v1" "Secret" "ns" "x"', 'lookup "v1" "Secret" "" ""', '(lookup "v1" "ConfigMap" "ns" "x").data', 'getHostByName "example.org"', ".Release", ".Template", ".Subcharts", ".Values.gone", 'env "HOME"', 'expandenv "$HOME"'],
}  # fmt: skip
_UNKNOWN = ("env", "expandenv", "seq", "toToml", "osBase")


def _all(expressions: list[str]) -> dict[str, str | bytes]:
    """One template for each expression, so that one that both refuse does not hide the others."""
    return chart(
        {f"{number:02}.yaml": shows(f"({each})", f"n{number}") for number, each in enumerate(expressions)}
        | {"_h.tpl": '{{ define "two" }}\n two\n{{ end }}'},
        values=_VALUES,
    )


_NEVER = ('env "HOME"', 'expandenv "$HOME"')
_FILES: dict[str, Content] = {
    "app/f/a.txt": "A\nB\n",
    "app/f/b.conf": "x = {{ .Values }}\n",
    "app/f/deep/c.txt": "c",
    "app/one.bin": b"\x00\xff\x01",
}
CASES = [
    *(
        _case("functions", name, _all([each for each in expressions if each not in _NEVER]))
        for name, expressions in _FUNCTIONS.items()
    ),
    *(_case("functions", f"refused: {each}", _all([each]), Outcome.REFUSED) for each in _NEVER),
    _case("required, fail", "required of nothing", _one('x: {{ required "say x" .Values.x }}'), Outcome.REFUSED),
    _case("required, fail", "fail", _one('{{ fail "no" }}'), Outcome.REFUSED),
    _case("required, fail", "unknown function", _one("{{ nope }}"), Outcome.REFUSED),
    _case("required, fail", "nil pointer", _one("x: {{ .Values.a.b.c }}"), Outcome.REFUSED),
    _case("required, fail", "unclosed", _one("x: {{ if true }}"), Outcome.REFUSED),
    _case(
        "Files",
        "Get",
        _one(
            config_map(
                "x",
                'v: {{ .Files.Get "f/a.txt" | quote }}\ng: {{ .Files.Get "gone" | quote }}\nc: {{ .Files.Get "Chart.yaml" | quote }}',
            )
        )
        | _FILES,
    ),
    _case(
        "Files",
        "Glob",
        _one(
            'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n{{ (.Files.Glob "f/**").AsConfig | indent 2 }}\n{{ range $p, $_ := .Files.Glob "f/*.txt" }}\n  p-{{ base $p }}: {{ $p }}\n{{ end }}'
        )
        | _FILES,
    ),
    _case(
        "Files",
        "AsSecrets and Lines",
        _one(
            'apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata:\n{{ (.Files.Glob "{f/*,one.bin}").AsSecrets | indent 2 }}\n---\n'
            + config_map(
                "lines",
                'l: {{ .Files.Lines "f/a.txt" | toJson | quote }}\nb: {{ .Files.GetBytes "one.bin" | toString | b64enc }}',
            )
        )
        | _FILES,
    ),
    _case("Files", "tpl over a file", _one(config_map("x", 'v: {{ tpl (.Files.Get "f/b.conf") . | quote }}')) | _FILES),
    _case(
        "Files",
        "of a sub-chart only its own",
        chart({"a.yaml": shows('.Files.Get "own.txt"')}, own__txt="top")
        | chart({"s.yaml": shows('.Files.Get "own.txt"', "s")}, at="app/charts/sub", own__txt="sub"),
    ),
    _case(
        "named templates",
        "the last one defined counts",
        chart(
            {
                "_a.tpl": '{{ define "x" }}a{{ end }}',
                "_b.tpl": '{{ define "x" }}b{{ end }}',
                "c.yaml": config_map("x", 'v: {{ include "x" . }}\nt: {{ template "x" . }}'),
            }
        ),
    ),
    _case(
        "named templates",
        "a sub-chart's is overridden",
        chart({"_a.tpl": '{{ define "sub.x" }}top{{ end }}'})
        | chart(
            {"_a.tpl": '{{ define "sub.x" }}sub{{ end }}', "s.yaml": config_map("s", 'v: {{ include "sub.x" . }}')},
            at="app/charts/sub",
        ),
    ),
    _case(
        "named templates",
        "block and nested define",
        _one(
            '{{ block "b" . }}{{ end }}'
            + config_map("x", 'v: {{ include "n" (dict "a" 1) }}')
            + '{{ define "n" }}{{ .a }}{{ end }}'
        ),
    ),
    _case(
        "named templates",
        "endless recursion",
        _one('{{ define "r" }}{{ include "r" . }}{{ end }}x: {{ include "r" . }}'),
        Outcome.REFUSED,
    ),
    _case(
        "whitespace",
        "trimmed on both sides",
        _one(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  {{- if .Values.num }}\n  labels:\n    {{- range $k, $v := .Values.m }}\n    {{ $k }}: {{ $v | toJson | quote }}\n    {{- end }}\n  {{- end }}\ndata:\n  {{- /* nothing */ -}}\n  {{ with .Values.s }}\n  s: {{ . }}\n  {{ end }}",
            _VALUES,
        ),
    ),
    _case(
        "whitespace",
        "toYaml with indent and nindent",
        _one(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  v: |\n{{ .Values.multi | indent 4 }}\nspec:\n  {{- toYaml .Values.m | nindent 2 }}\n  l: {{ toYaml .Values.l | nindent 4 }}",
            _VALUES,
        ),
    ),
    _case(
        "whitespace",
        "tabs, trailing blanks, blank lines",
        _one("\n\n" + config_map("x", 'a: b   \nc: "d"\t') + "   \n\n"),
    ),
    _case(
        "whitespace",
        "variables and range with else",
        _one(
            "{{- $x := 1 -}}{{- range $i, $e := .Values.l }}{{ $x = add $x $i }}{{ else }}none{{ end -}}"
            + config_map("x", 'v: "{{ $x }}"\nr: "{{ range .Values.gone }}{{ else }}no{{ end }}"'),
            _VALUES,
        ),
    ),
    _case(
        "whitespace",
        "break and continue",
        _one(
            config_map(
                "x",
                'v: "{{ range .Values.l }}{{ if eq . "a" }}{{ continue }}{{ end }}{{ if eq . "b" }}{{ break }}{{ end }}{{ . }}{{ end }}"',
            ),
            _VALUES,
        ),
    ),
    _case(
        "several documents",
        "in one template",
        _one("---\n".join([config_map("a"), config_map("b"), "", "# only a comment\n", config_map("c")])),
    ),
    _case(
        "several documents",
        "a loop of them",
        _one("{{ range $i := until 3 }}\n---\n" + config_map("x-{{ $i }}") + "{{ end }}"),
    ),
    _case(
        "several documents",
        "separators with comments and blanks",
        _one(
            "# head\n---  \n"
            + config_map("a")
            + "--- # next\n"
            + config_map("b")
            + "---\n---\n"
            + config_map("c")
            + "---"
        ),
    ),
    _case(
        "several documents", "a separator inside of text", _one(config_map("a", 'v: |\n  one\n  ---\n  two\nw: "---"'))
    ),
    _case(
        "several documents",
        "a separator trimmed away",
        _one(config_map("a") + "{{- if true }}\n---\n{{- end }}\n" + config_map("b")),
    ),
    _case(
        "several documents",
        "a list",
        _one(
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n"
        ),
    ),
    _case(
        "empty templates",
        "nothing, comments, conditions",
        chart(
            {
                "a.yaml": "",
                "b.yaml": "# comment\n",
                "c.yaml": "{{ if false }}" + config_map("c") + "{{ end }}",
                "d.yaml": "---\n---\n",
                "e.yaml": config_map("e"),
                "f.yaml": "\n   \n",
            }
        ),
    ),
    _case(
        "odd values",
        "scalars go through",
        _one(
            'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nspec:\n  a: 1e3\n  b: 0o17\n  c: 017\n  d: yes\n  e: "yes"\n  f: 12345678901234567890\n  g: 1.0\n  h: ~\n  i: 2020-01-01\n  j: 1:30\n  k: 0x1F\n  l: 1_000\n  m: .5\n  n: on\n  o: y\n  p: 9007199254740993\n  q: -0.0\n  r: !!str 5\n  s: 1e400\n  t: 0b11\n  u: 123456789012345678901\n'
        ),
    ),
    _case(
        "odd values",
        "numbers from values",
        _one(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nspec:\n{{ range $k, $v := .Values }}\n  {{ $k }}: {{ $v }}\n  {{ $k }}q: {{ $v | quote }}\n  {{ $k }}j: {{ toJson $v }}\n{{ end }}",
            "a: 1000000\nb: 1e3\nc: 0o17\nd: 1.0\ne: 12345678\nf: 99999999999\ng: 0.1\nh: 1e21\ni: 017\n",
        ),
    ),
    _case(
        "odd values",
        "anchors and merges in a template",
        _one("apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: x}\ndata: {<<: *m, b: c}\nother: *m\n"),
    ),
    _case(
        "odd values",
        "a key twice",
        _one("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: b\n  a: c\n"),
    ),
    _case(
        "odd values",
        "unicode",
        _one(config_map("x", 'v: "äöü — 日本語 \\u00e9 🎉"\nw: {{ .Values.u | quote }}'), "u: naïve 🎈\n"),
    ),
    _case("odd values", "broken output", _one("apiVersion: v1\nkind: [\n"), Outcome.REFUSED),
    _case(
        "odd values",
        "a kind set twice",
        _one("apiVersion: v1\nkind: ConfigMap\nkind: Secret\nmetadata: {name: x}\n"),
        Outcome.STRICTER,
        "which object it is must be clear",
    ),
    _case("odd values", "no kind", _one("apiVersion: v1\nmetadata: {name: x}\n"), Outcome.REFUSED),
]
