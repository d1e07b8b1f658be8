"""`source.helm`: every field, alone and against the others."""

# ruff: noqa: E501 - manifests are easier to compare when each is one line

from __future__ import annotations

from gitopsd.core.jsonvalue import JsonObject, JsonValue
from tests.differential.case import Case, Files, Outcome, Tool, chart, config_map, shows

_KINDS = """apiVersion: v1
kind: ConfigMap
metadata: {name: kinds}
data:
{{- range $k, $v := .Values }}
  {{ $k }}: {{ printf "%s %v" (kindOf $v) $v | quote }}
{{- end }}
"""
_SHOWN: Files = {"all.yaml": shows(".Values"), "kinds.yaml": _KINDS}


def _case(feature: str, name: str, files: Files, outcome: Outcome = Outcome.EQUAL, **options: JsonValue) -> Case:
    return Case(f"helm: {feature}", name, Tool.HELM, files, options, outcome=outcome)


def _parameters(**values: str) -> list[JsonObject]:
    return [{"name": name.replace("__", "."), "value": value} for name, value in values.items()]


def _strings(**values: str) -> list[JsonObject]:
    return [{**each, "forceString": True} for each in _parameters(**values)]


_VALUES = "a: 1\nb: {c: 2, d: [x, y]}\nempty: {}\nnothing: null\n"
_PROD = {"app/prod.yaml": "a: 10\nb: {c: 20}\n", "app/more/eu.yaml": "b: {d: [z]}\n", "shared/all.yaml": "a: 7\ns: t\n"}
CASES = [
    _case("chart's own values", "as they are", chart(_SHOWN, values=_VALUES)),
    _case("chart's own values", "none", chart(_SHOWN)),
    _case(
        "chart's own values",
        "odd scalars",
        chart(
            _SHOWN,
            values="a: 1e3\nb: 0o17\nc: 017\nd: 0x1F\ne: yes\nf: 'yes'\ng: 1_000\nh: 1.0\ni: 12345678901234567890\n"
            "j: 123456789012345678901234567890\nk: .5\nl: 1e-7\nm: ~\nn: 2020-01-01\no: 1:30\np: -0\nq: +1\nr: 9007199254740993\n"
            "s: 1000000\nt: 10000000000000000000000\nu: on\nv: n\nw: 1.10\nx: 0b11\ny: y\nz: 00\n",
        ),
    ),
    _case(
        "chart's own values",
        "anchors and merges",
        chart(_SHOWN, values="x: &x {p: 1, q: 2}\ny: {<<: *x, q: 3}\nz: *x\n"),
    ),
    _case("chart's own values", "no mapping", chart(_SHOWN, values="- a\n- b\n"), Outcome.REFUSED),
    _case("chart's own values", "broken", chart(_SHOWN, values="a: [\n"), Outcome.REFUSED),
    _case("valueFiles", "one over the chart's", chart(_SHOWN, values=_VALUES) | _PROD, valueFiles=["prod.yaml"]),
    _case(
        "valueFiles",
        "the later one wins",
        chart(_SHOWN, values=_VALUES) | _PROD,
        valueFiles=["prod.yaml", "more/eu.yaml"],
    ),
    _case(
        "valueFiles", "outside of the chart", chart(_SHOWN, values=_VALUES) | _PROD, valueFiles=["../shared/all.yaml"]
    ),
    _case("valueFiles", "from the root", chart(_SHOWN, values=_VALUES) | _PROD, valueFiles=["/shared/all.yaml"]),
    _case(
        "valueFiles",
        "null takes a key away",
        chart(_SHOWN, values=_VALUES) | {"app/n.yaml": "a: null\nb: {c: ~}\n"},
        valueFiles=["n.yaml"],
    ),
    _case(
        "valueFiles",
        "a map over a scalar",
        chart(_SHOWN, values=_VALUES) | {"app/n.yaml": "a: {x: 1}\nb: 5\n"},
        valueFiles=["n.yaml"],
    ),
    _case(
        "valueFiles", "empty file", chart(_SHOWN, values=_VALUES) | {"app/n.yaml": "# nothing\n"}, valueFiles=["n.yaml"]
    ),
    _case("valueFiles", "one that is missing", chart(_SHOWN), Outcome.REFUSED, valueFiles=["gone.yaml"]),
    _case(
        "valueFiles",
        "json",
        chart(_SHOWN) | {"app/n.json": '{"a": 1.0, "b": 1e3, "c": [true, null]}'},
        valueFiles=["n.json"],
    ),
    _case(
        "valueFiles",
        "odd scalars",
        chart(_SHOWN)
        | {"app/n.yaml": "a: 1e3\nb: 0o17\nc: 017\ne: yes\ni: 12345678901234567890\nj: 1.0\nk: 1000000\nl: off\n"},
        valueFiles=["n.yaml"],
    ),
    _case(
        "values", "text", chart(_SHOWN, values=_VALUES) | _PROD, valueFiles=["prod.yaml"], values="a: 11\nb: {e: 1e3}\n"
    ),
    _case(
        "values",
        "odd scalars",
        chart(_SHOWN),
        values="a: 1e3\nb: 0o17\nc: 017\nd: yes\ne: 1.0\nf: 12345678901234567890\ng: .5\nh: 0x1F\n",
    ),
    _case("values", "null takes a key away", chart(_SHOWN, values=_VALUES), values="a: null\nb: {d: null}\n"),
    _case(
        "valuesObject",
        "instead of values",
        chart(_SHOWN, values=_VALUES),
        values="a: 11\n",
        valuesObject={"a": 12, "b": {"c": "x"}},
    ),
    _case(
        "valuesObject",
        "numbers",
        chart(_SHOWN),
        valuesObject={"a": 1, "b": 1.5, "c": 10000000, "d": 1e21, "e": 2**53 + 1, "f": [1, True, None]},
    ),
    _case(
        "parameters",
        "over the rest",
        chart(_SHOWN, values=_VALUES) | _PROD,
        valueFiles=["prod.yaml"],
        values="a: 11",
        parameters=_parameters(a="13", b__c="x"),
    ),
    _case(
        "parameters",
        "types",
        chart(_SHOWN),
        parameters=_parameters(
            a="1", b="true", c="1.5", d="null", e="", f="01", g="-7", h="1e3", i="yes", j="9999999999999"
        ),
    ),
    _case(
        "parameters",
        "forced strings",
        chart(_SHOWN),
        parameters=_strings(a="1", b="true", c="1.5", d="null", e="", f="01"),
    ),
    _case(
        "parameters",
        "lists by index",
        chart(_SHOWN, values=_VALUES),
        parameters=[
            {"name": "b.d[1]", "value": "Y"},
            {"name": "l[0].n", "value": "1"},
            {"name": "l[2].n", "value": "3"},
        ],
    ),
    _case(
        "parameters",
        "lists in braces",
        chart(_SHOWN),
        parameters=[{"name": "l", "value": "{a,b,1}"}, {"name": "m", "value": "{}"}],
    ),
    _case("parameters", "dots in a key", chart(_SHOWN), parameters=[{"name": r"ann.example\.org/x", "value": "1"}]),
    _case(
        "parameters",
        "equals signs and colons",
        chart(_SHOWN),
        parameters=_parameters(a="x=y", b="http://h:80/?q=1&r", c="a b", d="'q'", e='"'),
    ),
    _case(
        "parameters",
        "null takes a chart's key away",
        chart(_SHOWN, values=_VALUES),
        parameters=_parameters(a="null", b__c="null"),
    ),
    _case(
        "fileParameters",
        "text of a file",
        chart(_SHOWN) | {"app/files/x.txt": "line 1\nline 2: {{ no }}\n", "shared/y": "1"},
        fileParameters=[{"name": "x", "path": "files/x.txt"}, {"name": "o.y", "path": "../shared/y"}],
    ),
    _case(
        "fileParameters",
        "over parameters",
        chart(_SHOWN) | {"app/x": "file"},
        fileParameters=[{"name": "x", "path": "x"}],
        parameters=_strings(x="set"),
    ),
    _case(
        "releaseName",
        "in names and labels",
        chart({"a.yaml": config_map("{{ .Release.Name }}-x", "r: {{ .Release | toJson | quote }}")}),
        releaseName="other",
    ),
    _case(
        "releaseName",
        "one that is not valid",
        chart({"a.yaml": config_map("x")}),
        Outcome.REFUSED,
        releaseName="Not_Valid!",
    ),
    _case(
        "namespace",
        "in templates",
        chart({"a.yaml": config_map("x", "n: {{ .Release.Namespace }}")}),
        namespace="elsewhere",
    ),
    _case(
        "kubeVersion", "seen by templates", chart({"a.yaml": shows(".Capabilities.KubeVersion")}), kubeVersion="1.27.4"
    ),
    _case(
        "kubeVersion",
        "asked for by the chart",
        chart({"a.yaml": config_map("x")}, meta='kubeVersion: ">=1.30.0-0"\n'),
        kubeVersion="v1.30.1",
    ),
    _case(
        "kubeVersion",
        "too old for the chart",
        chart({"a.yaml": config_map("x")}, meta='kubeVersion: ">=1.30.0"\n'),
        Outcome.REFUSED,
        kubeVersion="1.29.0",
    ),
    _case(
        "apiVersions",
        "told",
        chart(
            {
                "a.yaml": config_map(
                    "x",
                    'm: {{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" | quote }}\nd: {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" | quote }}\nb: {{ .Capabilities.APIVersions.Has "batch/v1" | quote }}',
                )
            }
        ),
        apiVersions=["monitoring.coreos.com/v1/ServiceMonitor"],
    ),
    _case(
        "apiVersions",
        "those that Helm knows",
        chart(
            {"a.yaml": shows(".Capabilities.APIVersions"), "b.yaml": shows(".Capabilities.HelmVersion.Version", "helm")}
        ),
    ),
    _case(
        "skipCrds",
        "skipped",
        chart({"a.yaml": config_map("x")}, crds___c__yaml="apiVersion: x.org/v1\nkind: Crd\nmetadata: {name: c}\n"),
        skipCrds=True,
    ),
    _case(
        "skipCrds",
        "kept",
        chart(
            {"a.yaml": config_map("x")},
            crds___c__yaml="apiVersion: x.org/v1\nkind: Crd\nmetadata: {name: c}\n---\napiVersion: x.org/v1\nkind: Crd\nmetadata: {name: d}\n",
        ),
    ),
    _case(
        "skipTests",
        "skipped",
        chart(
            {
                "a.yaml": config_map("x"),
                "t.yaml": config_map("t").replace("name: t", 'name: t\n  annotations: {"helm.sh/hook": test}'),
            }
        ),
        skipTests=True,
    ),
    _case(
        "skipTests",
        "kept",
        chart(
            {
                "a.yaml": config_map("x"),
                "t.yaml": config_map("t").replace(
                    "name: t", 'name: t\n  annotations: {"helm.sh/hook": "test,pre-install"}'
                ),
            }
        ),
    ),
    _case(
        "skipSchemaValidation",
        "skipped",
        chart(_SHOWN, values="a: x", values__schema__json='{"properties": {"a": {"type": "integer"}}}'),
        skipSchemaValidation=True,
    ),
    _case(
        "values.schema.json",
        "met",
        chart(
            _SHOWN,
            values="a: 3",
            values__schema__json='{"$schema": "http://json-schema.org/draft-07/schema#", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 2}}}',
        ),
    ),
    _case(
        "values.schema.json",
        "not met",
        chart(_SHOWN, values="a: 1", values__schema__json='{"properties": {"a": {"type": "integer", "minimum": 2}}}'),
        Outcome.REFUSED,
    ),
    _case(
        "values.schema.json",
        "met by a parameter",
        chart(_SHOWN, values="a: 1", values__schema__json='{"properties": {"a": {"type": "integer", "minimum": 2}}}'),
        parameters=_parameters(a="2"),
    ),
    _case(
        "values.schema.json",
        "additional keys",
        chart(
            _SHOWN, values="a: 1\nb: 2", values__schema__json='{"properties": {"a": {}}, "additionalProperties": false}'
        ),
        Outcome.REFUSED,
    ),
    _case(
        "values.schema.json",
        "references within",
        chart(
            _SHOWN,
            values="a: {size: 1}",
            values__schema__json='{"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "object", "required": ["size"]}}}',
        ),
    ),
]
