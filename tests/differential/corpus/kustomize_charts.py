"""Helm charts within kustomizations, and the options of `kustomize build`."""

# ruff: noqa: E501 - manifests are easier to compare when each is one line

from __future__ import annotations

from gitopsd.core.jsonvalue import JsonValue
from tests.differential.case import Case, Content, Files, Outcome, Tool, chart, config_map, shows
from tests.differential.official import KUBE_VERSION

_HELM = ("--enable-helm", "--helm-command", "{helm}", "--helm-kube-version", KUBE_VERSION)
_ON: dict[str, JsonValue] = {"enableHelm": True}
_VALUES = "color: red\nsize: 1\nnested: {a: file, b: file}\nlist: [1, 2]\nobjects: [{name: a, v: 1}, {name: b, v: 2}]\n"
_TEMPLATES: Files = {
    "values.yaml": shows(".Values", "{{ .Release.Name }}-values"),
    "release.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: release, namespace: '{{ .Release.Namespace }}'}\ndata: {name: '{{ .Release.Name }}', kube: '{{ .Capabilities.KubeVersion }}', api: '{{ .Capabilities.APIVersions.Has \"own.example.org/v1\" }}'}\n",
    "scalars.yaml": config_map("scalars", "yes: yes\nmode: 0644\nbig: 1e3\nn: ~"),
    "deploy.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: 'nginx:1'}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n",
    "hook.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-install, helm.sh/hook-weight: '3'}}\n",
    "test.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: test, annotations: {helm.sh/hook: test}}\n",
    "empty.yaml": "{{ if false }}x: y{{ end }}",
    "NOTES.txt": "thanks for {{ .Release.Name }}",
}
_CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.org}\n"


def _chart(at: str) -> Files:
    return chart(_TEMPLATES, at=at, values=_VALUES, crds___crd__yaml=_CRD)


def _case(
    name: str, entry: str = "", *, head: str = "", more: Files | None = None, outcome: Outcome = Outcome.EQUAL
) -> Case:
    files: dict[str, Content] = dict(_chart("app/charts/widget"))
    files["app/kustomization.yaml"] = f"{head}helmCharts:\n- name: widget\n{entry}"
    files.update({f"app/{file}": text for file, text in (more or {}).items()})
    why = "E2: Helm's settings and plugins are not read from a repository" if outcome is Outcome.STRICTER else ""
    return Case("kustomize: helmCharts", name, Tool.KUSTOMIZE, files, _ON, outcome=outcome, why=why, told=_HELM)


def _whole(name: str, files: Files, outcome: Outcome = Outcome.EQUAL) -> Case:
    return Case("kustomize: helmCharts", name, Tool.KUSTOMIZE, files, _ON, outcome=outcome, told=_HELM)


def _build(name: str, options: dict[str, JsonValue], told: tuple[str, ...], files: Files) -> Case:
    return Case("kustomize: build options", name, Tool.KUSTOMIZE, files, options, told=told)


_INFLATOR = "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: widget\nreleaseName: gen\nvaluesInline: {color: gen}\n"
_MINE: Files = {
    "v.yaml": "color: blue\nnested: {a: v}\nobjects: [{name: a, v: 3}]\n",
    "w.yaml": "size: 9\ncolor: last\n",
}
_ABOVE: Files = {"app/kustomization.yaml": "resources: [../x.yaml]\n", "x.yaml": config_map("above")}
_ALONE: Files = {"app/kustomization.yaml": "helmCharts: [{name: widget}]\n", **_chart("app/charts/widget")}

CASES = [
    _case("a local one"),
    _case("releaseName and namespace", "  releaseName: rel\n  namespace: elsewhere\n"),
    _case("nameTemplate", "  nameTemplate: '{{ \"Up\" | lower }}-x'\n"),
    _case("releaseName and nameTemplate", "  nameTemplate: a\n  releaseName: b\n", outcome=Outcome.REFUSED),
    _case("valuesFile", "  valuesFile: v.yaml\n", more=_MINE),
    _case("additionalValuesFiles", "  additionalValuesFiles: [v.yaml, w.yaml]\n", more=_MINE),
    _case("a value file that is missing", "  valuesFile: gone.yaml\n", outcome=Outcome.REFUSED),
    _case("a value file above", "  valuesFile: ../v.yaml\n", outcome=Outcome.REFUSED),
    _case("valuesInline", "  valuesInline: {color: inline, nested: {a: i}, list: [3], objects: [{name: b, v: 9}]}\n"),
    _case("valuesInline, numbers", "  valuesInline: {a: 1000000, b: 12345678901234567, c: 1.0, d: '007', e: 0644, f: yes, g: 1e3}\n"),
    _case("valuesInline, null", "  valuesInline: {color: null, nested: {a: null}}\n"),
    _case("valuesMerge override", "  valuesMerge: override\n  valuesFile: v.yaml\n  valuesInline: {color: i, extra: x}\n", more=_MINE),
    _case("valuesMerge merge", "  valuesMerge: merge\n  valuesFile: v.yaml\n  valuesInline: {color: i, extra: x}\n", more=_MINE),
    _case("valuesMerge replace", "  valuesMerge: replace\n  valuesFile: v.yaml\n  valuesInline: {extra: x}\n", more=_MINE),
    _case("valuesMerge of another kind", "  valuesMerge: both\n", outcome=Outcome.REFUSED),
    _case("inline and additional values", "  valuesInline: {size: 2}\n  additionalValuesFiles: [w.yaml]\n", more=_MINE),
    _case("includeCRDs", "  includeCRDs: true\n"),
    _case("skipHooks", "  skipHooks: true\n"),
    _case("skipTests", "  skipTests: true\n"),
    _case("kubeVersion and apiVersions", "  kubeVersion: v1.25.1\n  apiVersions: [own.example.org/v1]\n"),
    _case("debug", "  debug: true\n"),
    _case("below a namespace and a prefix", head="namespace: mine\nnamePrefix: p-\ncommonLabels: {l: m}\nimages: [{name: nginx, newTag: '2'}]\n"),
    _case("with patches", head="patches: [{target: {kind: Deployment}, patch: '- {op: add, path: /spec/replicas, value: 7}'}]\n"),
    _case("with resources and generators", head="resources: [own.yaml]\nconfigMapGenerator: [{name: gen, literals: [a=b]}]\nnameSuffix: -s\n", more={"own.yaml": config_map("own")}),
    _case("origins", head="buildMetadata: [originAnnotations, transformerAnnotations]\nnamePrefix: p-\n"),
    _case("a name that is an option", "  releaseName: --post-renderer\n", outcome=Outcome.REFUSED),
    _case("no chart of the name", "- name: gone\n", outcome=Outcome.REFUSED),
    _case("a field that is unknown", "  values: x\n", outcome=Outcome.REFUSED),
    _case("settings of its own", head="helmGlobals: {configHome: ./h}\n", outcome=Outcome.STRICTER),
    _whole("chartHome", {"app/kustomization.yaml": "helmGlobals: {chartHome: own/place}\nhelmCharts: [{name: widget}]\n", **_chart("app/own/place/widget")}),
    _whole("of a base", {"app/kustomization.yaml": "resources: [../base]\nnamespace: over\n", "base/kustomization.yaml": "helmCharts: [{name: widget, releaseName: b}]\nnamePrefix: b-\n", **_chart("base/charts/widget")}),
    _whole("of two overlays", {"app/kustomization.yaml": "resources: [one, two]\n", "app/one/kustomization.yaml": "resources: [../../base]\nnamespace: one\nnamePrefix: one-\n", "app/two/kustomization.yaml": "resources: [../../base]\nnamespace: two\nnamePrefix: two-\n", "base/kustomization.yaml": "helmCharts: [{name: widget, releaseName: b}]\n", **_chart("base/charts/widget")}),
    _whole("of a component", {"app/kustomization.yaml": "components: [../comp]\nnamespace: c\n", "comp/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nhelmCharts: [{name: widget}]\n", **_chart("comp/charts/widget")}),
    _whole("among generators", {"app/kustomization.yaml": "namespace: g\ngenerators: [g.yaml]\n", "app/g.yaml": _INFLATOR, **_chart("app/charts/widget")}),
    _whole("among generators, with another", {"app/kustomization.yaml": "generators: [g.yaml]\n", "app/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: beside}\nliterals: [a=b]\n---\n" + _INFLATOR, **_chart("app/charts/widget")}),
    _whole("the older generator", {"app/kustomization.yaml": "helmChartInflationGenerator: [{chartName: widget, releaseName: old, valuesLocal: {color: old}}]\n", **_chart("app/charts/widget")}),
    _whole("with a chart within", {"app/kustomization.yaml": "helmCharts: [{name: widget, valuesInline: {sub: {v: given}, global: {g: 1}}}]\n", **chart({"a.yaml": shows(".Values", "outer")}, at="app/charts/widget", values="sub: {w: outer}\n", meta="dependencies: [{name: sub, version: 1.2.3, repository: ''}]\n"), **chart({"a.yaml": shows(".Values", "inner")}, at="app/charts/widget/charts/sub", values="v: own\n")}),
    _build("enable-helm", {"buildOptions": "--enable-helm"}, _HELM, _ALONE),
    _build("helm versions", {"buildOptions": "--enable-helm --helm-kube-version 1.29.3 --helm-api-versions own.example.org/v1"}, (*_HELM, "--helm-kube-version", "1.29.3", "--helm-api-versions", "own.example.org/v1"), _ALONE),
    _build("kubeVersion and apiVersions", {"enableHelm": True, "kubeVersion": "1.29.3", "apiVersions": ["own.example.org/v1"]}, (*_HELM, "--helm-kube-version", "1.29.3", "--helm-api-versions", "own.example.org/v1"), _ALONE),
    _build("load-restrictor", {"buildOptions": "--load-restrictor LoadRestrictionsNone"}, ("--load-restrictor", "LoadRestrictionsNone"), _ABOVE),
    _build("loadRestrictor", {"loadRestrictor": "none"}, ("--load-restrictor", "LoadRestrictionsNone"), _ABOVE),
    _build("reorder and others without effect", {"buildOptions": "--as-current-user --stack-trace"}, ("--as-current-user", "--stack-trace"), {"app/kustomization.yaml": "resources: [x.yaml]\n", "app/x.yaml": config_map("x")}),
]  # fmt: skip
