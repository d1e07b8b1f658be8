"""What a chart is made of: sub-charts, library charts, CRDs, hooks, ignored files, order."""

# ruff: noqa: E501 - manifests are easier to compare when each is one line

from __future__ import annotations

from gitopsd.core.jsonvalue import JsonValue
from tests.differential.case import Case, Files, Outcome, Tool, chart, config_map, packed, shows

_SUB = "app/charts/sub"


def _case(
    feature: str, name: str, files: Files, outcome: Outcome = Outcome.EQUAL, why: str = "", **options: JsonValue
) -> Case:
    return Case(f"helm: {feature}", name, Tool.HELM, files, options, outcome=outcome, why=why)


def _sub(
    name: str = "sub", templates: Files | None = None, values: str = "v: sub\n", meta: str = ""
) -> dict[str, str | bytes]:
    return chart(
        templates or {"s.yaml": shows(".Values", f"{{{{ .Release.Name }}}}-{name}-{{{{ .Chart.Name }}}}")},
        at=f"app/charts/{name}",
        values=values,
        meta=meta,
    )


def _needs(*entries: str) -> str:
    return "dependencies:\n" + "".join(f"- {{{entry}}}\n" for entry in entries)


_TOP: Files = {"t.yaml": shows(".Values", "top")}
_CRD = (
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: %s}\nspec: {group: x.org}\n"
)


def _hook(name: str, hook: str, weight: str = "", more: str = "") -> str:
    weight = f'\n    "helm.sh/hook-weight": "{weight}"' if weight else ""
    return config_map(name).replace(
        f"name: {name}", f'name: {name}\n  annotations:\n    "helm.sh/hook": {hook}{weight}{more}'
    )


def _kind(api: str, kind: str, name: str) -> str:
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}}}\n"


_ORDER = {
    f"{number}.yaml": _kind(api, kind, f"n{number}")
    for number, (api, kind) in enumerate(
        [
            ("networking.k8s.io/v1", "Ingress"), ("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "Secret"), ("v1", "ConfigMap"),
            ("example.org/v1", "Unknown"), ("v1", "Namespace"), ("rbac.authorization.k8s.io/v1", "RoleBinding"),
            ("rbac.authorization.k8s.io/v1", "Role"), ("batch/v1", "CronJob"), ("batch/v1", "Job"), ("v1", "ServiceAccount"),
            ("apps/v1", "StatefulSet"), ("autoscaling/v2", "HorizontalPodAutoscaler"), ("policy/v1", "PodDisruptionBudget"),
            ("v1", "PersistentVolume"), ("v1", "PersistentVolumeClaim"), ("storage.k8s.io/v1", "StorageClass"), ("v1", "Pod"),
            ("apps/v1", "DaemonSet"), ("networking.k8s.io/v1", "NetworkPolicy"), ("v1", "LimitRange"), ("v1", "ResourceQuota"),
            ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"), ("scheduling.k8s.io/v1", "PriorityClass"),
            ("rbac.authorization.k8s.io/v1", "ClusterRole"), ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
            ("networking.k8s.io/v1", "IngressClass"), ("apiregistration.k8s.io/v1", "APIService"), ("another.org/v1", "Abc"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("v1", "ReplicationController"), ("apps/v1", "ReplicaSet"),
        ]
    )
}  # fmt: skip

CASES = [
    _case("sub-charts", "a folder in charts/", chart(_TOP) | _sub()),
    _case("sub-charts", "an archive in charts/", chart(_TOP) | {"app/charts/sub-1.2.3.tgz": packed(_sub(), _SUB)}),
    _case("sub-charts", "values from above", chart(_TOP, values="sub: {v: top, w: 1}\n") | _sub()),
    _case("sub-charts", "null from above", chart(_TOP, values="sub: {v: null}\n") | _sub(values="v: sub\nw: 2\n")),
    _case(
        "sub-charts",
        "globals",
        chart(_TOP, values="global: {g: 1}\nsub: {global: {h: 2}}\n") | _sub(values="global: {g: 9, i: 3}\n"),
    ),
    _case(
        "sub-charts",
        "two levels",
        chart(_TOP, values="sub: {deep: {v: top}}\nglobal: {z: 1}\n")
        | _sub()
        | {f"app/charts/sub/{name[4:]}": text for name, text in _sub("deep").items()},
    ),
    _case(
        "sub-charts",
        "two levels of archives",
        chart(_TOP)
        | {
            "app/charts/sub.tgz": packed(
                _sub() | {"app/charts/sub/charts/deep.tgz": packed(_sub("deep"), "app/charts/deep")}, _SUB
            )
        },
    ),
    _case(
        "sub-charts",
        "a schema of their own",
        chart(_TOP, values="sub: {v: 1}\n")
        | _sub()
        | {f"{_SUB}/values.schema.json": '{"properties": {"v": {"type": "string"}}}'},
        Outcome.REFUSED,
    ),
    _case(
        "sub-charts",
        "from a folder beside",
        chart(_TOP, meta=_needs('name: beside, version: "*", repository: "file://../beside"'))
        | chart({"b.yaml": shows(".Values", "b")}, at="beside", values="v: 1\n"),
        Outcome.MORE,
        "what `helm dependency build` would do first",
    ),
    _case(
        "alias",
        "one chart twice",
        chart(
            _TOP,
            values="one: {v: 1}\ntwo: {v: 2}\n",
            meta=_needs("name: sub, version: 1.2.3, alias: one", "name: sub, version: 1.2.3, alias: two"),
        )
        | _sub(),
    ),
    _case(
        "alias",
        "with and without",
        chart(
            _TOP,
            values="one: {v: 1}\nsub: {v: 2}\n",
            meta=_needs("name: sub, version: 1.2.3, alias: one", "name: sub, version: 1.2.3"),
        )
        | _sub(),
    ),
    _case(
        "condition",
        "false",
        chart(_TOP, values="sub: {enabled: false}\n", meta=_needs("name: sub, version: 1.2.3, condition: sub.enabled"))
        | _sub(),
    ),
    _case(
        "condition",
        "the first that is set",
        chart(
            _TOP,
            values="x: {y: true}\nsub: {enabled: false}\n",
            meta=_needs('name: sub, version: 1.2.3, condition: "x.gone,x.y,sub.enabled"'),
        )
        | _sub(),
    ),
    _case(
        "condition",
        "by a parameter",
        chart(_TOP, values="sub: {enabled: false}\n", meta=_needs("name: sub, version: 1.2.3, condition: sub.enabled"))
        | _sub(),
        parameters=[{"name": "sub.enabled", "value": "true"}],
    ),
    _case(
        "condition",
        "no boolean",
        chart(_TOP, values="sub: {enabled: 'no'}\n", meta=_needs("name: sub, version: 1.2.3, condition: sub.enabled"))
        | _sub(),
    ),
    _case(
        "tags",
        "off",
        chart(_TOP, values="tags: {front: false}\n", meta=_needs("name: sub, version: 1.2.3, tags: [front]")) | _sub(),
    ),
    _case(
        "tags",
        "one of two on",
        chart(
            _TOP,
            values="tags: {front: false, back: true}\n",
            meta=_needs("name: sub, version: 1.2.3, tags: [front, back]"),
        )
        | _sub(),
    ),
    _case(
        "tags",
        "the condition is stronger",
        chart(
            _TOP,
            values="tags: {front: false}\nsub: {enabled: true}\n",
            meta=_needs("name: sub, version: 1.2.3, tags: [front], condition: sub.enabled"),
        )
        | _sub(),
    ),
    _case(
        "import-values",
        "exports",
        chart(_TOP, meta=_needs("name: sub, version: 1.2.3, import-values: [data]"))
        | _sub(values="exports: {data: {e: 1, f: {g: 2}}}\n"),
    ),
    _case(
        "import-values",
        "child and parent",
        chart(
            _TOP,
            values="p: {x: own}\n",
            meta=_needs("name: sub, version: 1.2.3, import-values: [{child: d, parent: p}]"),
        )
        | _sub(values="d: {x: 1, y: 2}\n"),
    ),
    _case(
        "import-values",
        "two charts",
        chart(
            _TOP,
            meta=_needs(
                "name: sub, version: 1.2.3, import-values: [{child: d, parent: p}]",
                "name: tub, version: 1.2.3, import-values: [{child: d, parent: p}]",
            ),
        )
        | _sub(values="d: {x: 1}\n")
        | _sub("tub", values="d: {x: 5, z: 3}\n"),
    ),
    _case(
        "library charts",
        "a library's templates",
        chart({"a.yaml": '{{ include "lib.cm" (dict "n" "made" "top" $) }}'}, meta=_needs("name: lib, version: 1.2.3"))
        | _sub(
            "lib",
            {
                "_cm.tpl": '{{ define "lib.cm" }}' + config_map("{{ .n }}", "c: {{ .top.Chart.Name }}") + "{{ end }}",
                "ignored.yaml": config_map("never"),
            },
            meta="type: library\n",
        ),
    ),
    _case(
        "library charts", "a library alone", chart({"a.yaml": config_map("x")}, meta="type: library\n"), Outcome.REFUSED
    ),
    _case(
        "apiVersion v1 charts",
        "requirements.yaml",
        chart(_TOP, meta="apiVersion: v1\n", requirements__yaml=_needs("name: sub, version: 1.2.3, condition: sub.on"))
        | _sub(values="on: false\nv: 1\n"),
    ),
    _case(
        "CRDs",
        "several files in order",
        chart(
            {"a.yaml": config_map("x")},
            crds___b__yaml=_CRD % "b.x.org",
            crds___a__yaml=_CRD % "a.x.org" + "---\n" + _CRD % "c.x.org",
        ),
    ),
    _case(
        "CRDs",
        "never templated",
        chart({"a.yaml": config_map("x")}, crds___a__yaml=(_CRD % "a.x.org") + "x: '{{ .Values }}'\n"),
    ),
    _case(
        "CRDs",
        "of a sub-chart",
        chart(_TOP, crds___a__yaml=_CRD % "a.x.org") | _sub() | {f"{_SUB}/crds/s.yaml": _CRD % "s.x.org"},
    ),
    _case("CRDs", "in templates", chart({"a.yaml": config_map("x"), "crd.yaml": _CRD % "{{ .Release.Name }}.x.org"})),
    _case(
        "CRDs",
        "in folders and json",
        chart(
            {"a.yaml": config_map("x")},
            crds___deep___b__yaml=_CRD % "b.x.org",
            crds___c__json='{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "j"}}',
            crds___README__md="no",
        ),
    ),
    _case(
        "hooks",
        "kinds and weights",
        chart(
            {
                "a.yaml": _hook("a", "pre-install", "5"),
                "b.yaml": _hook("b", "pre-install,pre-upgrade", "-5"),
                "c.yaml": _hook("c", "post-install"),
                "d.yaml": config_map("d"),
                "e.yaml": _hook(
                    "e", "post-delete", "0", '\n    "helm.sh/hook-delete-policy": before-hook-creation,hook-succeeded'
                ),
            }
        ),
    ),
    _case(
        "hooks",
        "crd-install and rollback",
        chart(
            {
                "a.yaml": _hook("a", "crd-install"),
                "b.yaml": _hook("b", "pre-rollback"),
                "c.yaml": _hook("c", "test-success"),
            }
        ),
    ),
    _case("hooks", "unknown ones", chart({"a.yaml": _hook("a", "sometimes"), "b.yaml": config_map("b")})),
    _case(
        "hooks",
        "resource policy",
        chart(
            {"a.yaml": config_map("a").replace("name: a", 'name: a\n  annotations: {"helm.sh/resource-policy": keep}')}
        ),
    ),
    _case(
        "hooks",
        "several documents",
        chart(
            {
                "a.yaml": "---\n".join(
                    [_hook("h", "pre-install"), config_map("m"), _hook("g", "post-install", "1"), config_map("l")]
                )
            }
        ),
    ),
    _case("order", "kinds are installed in Helm's order", chart(_ORDER)),
    _case(
        "order",
        "names within a kind",
        chart(
            {
                "z.yaml": config_map("b"),
                "a.yaml": config_map("c"),
                "m/x.yaml": config_map("a"),
                "B.yaml": config_map("d"),
            }
        ),
    ),
    _case(
        "order",
        "sub-charts between",
        chart({"z.yaml": config_map("z"), "a.yaml": config_map("a")})
        | _sub("bb", {"b.yaml": config_map("b")})
        | _sub("aa", {"y.yaml": config_map("yy")}),
    ),
    _case(
        ".helmignore",
        "files and folders",
        chart(
            {
                "a.yaml": config_map("a"),
                "b.yaml": config_map("b"),
                "t/c.yaml": config_map("c"),
                "_x.txt": "",
                "d.yaml": shows('.Files.Get "secret.txt"'),
            },
            secret__txt="s",
            kept__txt="k",
            __helmignore="# no\ntemplates/b.yaml\nt/\nsecret.*\n/top.txt\n",
        ),
    ),
    _case(
        ".helmignore",
        "a negation ignores the rest",
        chart({"a.yaml": config_map("a")}, __helmignore="*.txt\n!kept.txt\n"),
        Outcome.REFUSED,
    ),
    _case(
        "files of a chart",
        "notes are not manifests",
        chart(
            {
                "NOTES.txt": "Hello {{ .Release.Name }}",
                "a.yaml": config_map("a"),
                "sub/NOTES.txt": "x: {{ .Chart.Name }}",
            }
        ),
    ),
    _case(
        "files of a chart",
        "underscores are partials",
        chart(
            {
                "_h.yaml": "x: {{",
                "_a.tpl": '{{ define "n" }}{{ .Chart.Name }}{{ end }}',
                "a.yaml": config_map('{{ include "n" . }}'),
            }
        ),
        Outcome.REFUSED,
    ),
    _case(
        "files of a chart",
        "other extensions",
        chart(
            {
                "a.yml": config_map("a"),
                "b.json": '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "{{ .Release.Name }}"}}',
                "c.tpl": '{{ define "x" }}{{ end }}',
                "d.yaml": "",
            }
        ),
    ),
    _case(
        "files of a chart",
        "a byte order mark",
        chart({"a.yaml": "\ufeff" + config_map("a", "v: {{ .Values.v }}")}, values="\ufeffv: 1\n"),
    ),
    _case(
        "files of a chart",
        "CRLF",
        chart(
            {"a.yaml": config_map("a", "v: {{ .Values.v }}").replace("\n", "\r\n")},
            values="v: 1\r\nw: |\r\n  two\r\n  lines\r\n",
        ),
    ),
    _case("files of a chart", "no templates", chart({})),
    _case(
        "Chart.yaml",
        "all that templates see",
        chart(
            {"a.yaml": shows(".Chart")},
            meta='appVersion: "1.0"\ndescription: d\nkeywords: [k]\nhome: https://h\nicon: https://i\nsources: [https://s]\nmaintainers: [{name: m, email: m@x.org}]\nannotations: {a: b}\ndeprecated: true\n',
        ),
    ),
    _case(
        "Chart.yaml",
        "versions that are numbers",
        chart(
            {"a.yaml": config_map("x", "v: {{ .Chart.Version }}\na: {{ .Chart.AppVersion | quote }}")},
            meta="version: 1.0.0+build.7\nappVersion: 1.10\n",
        ),
    ),
    _case(
        "Chart.yaml",
        "no version",
        {"app/Chart.yaml": "apiVersion: v2\nname: app\n", "app/templates/a.yaml": config_map("a")},
        Outcome.REFUSED,
    ),
    _case(
        "Chart.yaml",
        "no name",
        {"app/Chart.yaml": "apiVersion: v2\nversion: 1.0.0\n", "app/templates/a.yaml": config_map("a")},
        Outcome.REFUSED,
    ),
    _case(
        "Chart.yaml",
        "a version that is none",
        chart({"a.yaml": config_map("a")}, meta="version: one\n"),
        Outcome.REFUSED,
    ),
]
