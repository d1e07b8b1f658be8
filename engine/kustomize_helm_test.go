package main

import (
	"maps"
	"reflect"
	"strings"
	"testing"
)

// widgetChart shows in a ConfigMap what it was rendered with.
var widgetChart = map[string]string{
	"Chart.yaml":  "apiVersion: v2\nname: widget\nversion: 1.2.3\n",
	"values.yaml": "color: red\nsize: 1\nnested: {a: file, b: file}\nlist: [1, 2]\n",
	"templates/conf.yaml": `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-conf
  namespace: {{ .Release.Namespace }}
data:
  color: {{ .Values.color | quote }}
  size: {{ .Values.size | quote }}
  nested: {{ .Values.nested | toJson | quote }}
  list: {{ .Values.list | toJson | quote }}
  extra: {{ .Values.extra | quote }}
  kube: {{ .Capabilities.KubeVersion.Version | quote }}
  api: {{ .Capabilities.APIVersions.Has "own.io/v1" | quote }}
`,
	"templates/hook.yaml":  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: pre-install}\n",
	"templates/test.yaml":  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: test\n  annotations: {helm.sh/hook: test}\n",
	"templates/NOTES.txt":  "thanks",
	"crds/crd.yaml":        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.own.io}\n",
	"values-prod.yaml":     "color: prod\n",
	"templates/_name.tpl":  `{{ define "x" }}{{ end }}`,
	"templates/empty.yaml": "{{ if false }}x{{ end }}",
}

// withChart puts a chart's files below a folder, beside other files.
func withChart(folder string, chart, files map[string]string) map[string]string {
	out := maps.Clone(files)
	for name, content := range chart {
		out[folder+"/"+name] = content
	}
	return out
}

func chartData(t *testing.T, out rendered) map[string]any {
	t.Helper()
	for _, m := range out.Result.Manifests {
		if strings.HasSuffix(at(t, m.Object, "metadata.name").(string), "-conf") {
			return m.Object["data"].(map[string]any)
		}
	}
	t.Fatal(out.text)
	return nil
}

func TestKustomizeRendersLocalCharts(t *testing.T) {
	root := snapshot(t, withChart("o/charts/widget", widgetChart, map[string]string{
		"o/kustomization.yaml": "helmCharts:\n- name: widget\n  releaseName: rel\n  namespace: ns\n  includeCRDs: true\nnamePrefix: p-\nresources: [a.yaml]\n", "o/a.yaml": cm("a"),
	}))
	out := mustBuild(t, params{"root": root, "path": "o", "enable_helm": true})
	want := []string{"CustomResourceDefinition/widgets.own.io", "ConfigMap/p-rel-conf", "ConfigMap/p-a", "ConfigMap/p-hook", "ConfigMap/p-test"}
	if !reflect.DeepEqual(names(out.rendered), want) {
		t.Error(names(out.rendered))
	}
	for _, m := range out.Result.Manifests {
		if at(t, m.Object, "metadata.name") == "p-rel-conf" && (m.File != "o/charts/widget/templates/conf.yaml" || at(t, m.Object, "metadata.namespace") != "ns" || m.Object["metadata"].(map[string]any)["annotations"] != nil) {
			t.Error(m)
		}
	}
	if !hasRead(out.Result.Reads, "o/charts/widget/templates/conf.yaml", "file") || strings.Contains(out.text, "made-") {
		t.Error(out.text)
	}
}

func TestTheFieldsOfHelmChartsDoWhatKustomizeDoes(t *testing.T) {
	files := withChart("charts/widget", widgetChart, map[string]string{
		"v.yaml": "color: blue\nnested: {a: v}\n", "more.yaml": "size: 9\n", "last.yaml": "size: 10\nextra: last\n",
	})
	for name, c := range map[string]struct {
		chart string
		data  map[string]any
		has   []string
		lacks []string
	}{
		"the chart's own values": {"", map[string]any{"color": "red", "size": "1", "nested": `{"a":"file","b":"file"}`}, []string{"release-name-conf", "hook", "test"}, []string{"widgets"}},
		"valuesFile":             {"valuesFile: v.yaml", map[string]any{"color": "blue", "size": "1", "nested": `{"a":"v","b":"file"}`}, nil, nil},
		"additionalValuesFiles":  {"additionalValuesFiles: [more.yaml, last.yaml]", map[string]any{"color": "red", "size": "10", "extra": "last"}, nil, nil},
		"valuesInline":           {"valuesInline: {color: inline, nested: {a: inline}, list: [3]}", map[string]any{"color": "inline", "size": "1", "nested": `{"a":"inline","b":"file"}`, "list": "[3]"}, nil, nil},
		"override":               {"valuesMerge: override\n  valuesFile: v.yaml\n  valuesInline: {color: inline}", map[string]any{"color": "inline"}, nil, nil},
		"merge":                  {"valuesMerge: merge\n  valuesFile: v.yaml\n  valuesInline: {color: inline, extra: inline}", map[string]any{"color": "blue", "extra": "inline"}, nil, nil},
		"replace":                {"valuesMerge: replace\n  valuesFile: v.yaml\n  valuesInline: {extra: inline}", map[string]any{"color": "red", "extra": "inline"}, nil, nil},
		"inline, then files":     {"valuesInline: {size: 5}\n  additionalValuesFiles: [more.yaml]", map[string]any{"size": "9"}, nil, nil},
		"big whole numbers":      {"valuesInline: {size: 1000000}", map[string]any{"size": "1e+06"}, nil, nil},
		"includeCRDs":            {"includeCRDs: true", nil, []string{"widgets.own.io"}, nil},
		"skipHooks":              {"skipHooks: true", nil, nil, []string{"hook", "test"}},
		"skipTests":              {"skipTests: true", nil, []string{"hook"}, []string{"test"}},
		"kubeVersion":            {"kubeVersion: v1.25.1", map[string]any{"kube": "v1.25.1", "api": "true"}, nil, nil},
		"apiVersions":            {"apiVersions: [other.io/v1]", map[string]any{"kube": "v1.30.0", "api": "false"}, nil, nil},
		"nameTemplate":           {"nameTemplate: '{{ \"Made\" | lower }}-up'", nil, []string{"made-up-conf"}, nil},
		"debug and devel":        {"debug: true\n  devel: true", nil, []string{"release-name-conf"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			files["kustomization.yaml"] = "helmCharts:\n- name: widget\n  " + c.chart + "\n"
			out := mustBuild(t, params{"root": snapshot(t, files), "path": ".", "enable_helm": true, "kube_version": "v1.30.0", "api_versions": []string{"own.io/v1"}})
			data := chartData(t, out.rendered)
			for key, value := range c.data {
				if data[key] != value {
					t.Errorf("%s: %v, expected %v", key, data[key], value)
				}
			}
			all := strings.Join(names(out.rendered), " ") + " "
			for _, each := range c.has {
				if !strings.Contains(all, "/"+each+" ") {
					t.Errorf("%s lacks %s", all, each)
				}
			}
			for _, each := range c.lacks {
				if strings.Contains(all, "/"+each+" ") {
					t.Errorf("%s has %s", all, each)
				}
			}
		})
	}
}

func TestChartsOfRepositoriesAreAskedForAllAtOnce(t *testing.T) {
	root := snapshot(t, map[string]string{
		"o/kustomization.yaml": "resources: [../b]\nhelmCharts:\n- {name: one, repo: 'https://charts.example.org/', version: 1.0.0}\n- {name: two, repo: 'oci://registry.example.org/charts', version: ^2.0.0}\n",
		"b/kustomization.yaml": "helmCharts:\n- {name: three, repo: 'http://charts.example.org:8080', devel: true}\nresources: ['github.com/o/r?ref=v1']\n",
	})
	out := build(t, params{"root": root, "path": "o", "enable_helm": true})
	want := []Need{
		{Kind: needChart, URL: "https://charts.example.org", Name: "one", Version: "1.0.0"}, {Kind: needChart, URL: "oci://registry.example.org/charts", Name: "two", Version: "^2.0.0"},
		{Kind: needChart, URL: "http://charts.example.org:8080", Name: "three", Version: ">0.0.0-0"}, gitNeed("https://github.com/o/r", "v1"),
	}
	if !reflect.DeepEqual(out.Needs, want) {
		t.Error(out.text)
	}
}

func TestAGivenChartIsRenderedAndItsOwnValueFilesCanBeNamed(t *testing.T) {
	root := snapshot(t, map[string]string{"o/kustomization.yaml": "helmCharts:\n- name: widget\n  repo: https://charts.example.org\n  version: 1.2.3\n  valuesFile: charts/widget-1.2.3/widget/values-prod.yaml\n"})
	given := Given{Need: Need{Kind: needChart, URL: "https://charts.example.org", Name: "widget", Version: "1.2.3"}, Root: snapshot(t, widgetChart)}
	out := mustBuild(t, params{"root": root, "path": "o", "enable_helm": true}, given)
	if data := chartData(t, out.rendered); data["color"] != "prod" || data["size"] != "1" {
		t.Error(data)
	}
	if file := out.Result.Manifests[0].File; file != "https://charts.example.org/widget@1.2.3//templates/conf.yaml" {
		t.Error(file)
	}
	if !hasRead(out.Result.Reads, "o/charts/widget-1.2.3/widget", "missing") {
		t.Error(out.Result.Reads)
	}
}

func TestALocalChartIsTakenBeforeTheRepositorys(t *testing.T) {
	root := snapshot(t, withChart("own/widget-1.2.3/widget", widgetChart, map[string]string{"kustomization.yaml": "helmGlobals: {chartHome: own}\nhelmCharts:\n- {name: widget, repo: 'https://charts.example.org', version: 1.2.3}\n"}))
	mustBuild(t, params{"root": root, "path": ".", "enable_helm": true})
}

func TestChartsInheritTheNamespaceOfWhatUsesThem(t *testing.T) {
	chart := withChart("base/charts/widget", widgetChart, map[string]string{
		"base/kustomization.yaml": "helmCharts:\n- {name: widget, releaseName: r}\nresources: [a.yaml]\n", "base/a.yaml": cm("a"),
		"mid/kustomization.yaml": "resources: [../base]\nnamePrefix: mid-\n", "link": "-> base",
		"one/kustomization.yaml":     "resources: [../mid]\nnamespace: one\n",
		"two/kustomization.yaml":     "resources: [../one, ../other]\nnamespace: two\n",
		"other/kustomization.yaml":   "resources: [../link]\nnamePrefix: other-\n",
		"options/kustomization.yaml": "resources: [../mid]\n",
	})
	root := snapshot(t, chart)
	namespaces := func(p params) map[string]any {
		p["root"], p["enable_helm"] = root, true
		found := map[string]any{}
		for _, m := range mustBuild(t, p).Result.Manifests {
			metadata := m.Object["metadata"].(map[string]any)
			found[metadata["name"].(string)] = metadata["namespace"]
		}
		return found
	}
	want := map[string]any{"mid-a": "two", "mid-r-conf": "one", "mid-hook": nil, "mid-test": nil, "other-a": "two", "other-r-conf": "two", "other-hook": nil, "other-test": nil}
	if got := namespaces(params{"path": "two"}); !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
	want = map[string]any{"mid-a": "given", "mid-r-conf": "given", "mid-hook": nil, "mid-test": nil}
	if got := namespaces(params{"path": "options", "options": params{"namespace": "given"}}); !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
	if got := namespaces(params{"path": "base"}); got["r-conf"] != "default" {
		t.Error(got)
	}
}

func TestChartsAmongGeneratorsAreRendered(t *testing.T) {
	const inflator = "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: widget\nreleaseName: gen\nvaluesInline: {color: gen}\n"
	for name, files := range map[string]map[string]string{
		"file":              {"kustomization.yaml": "generators: [g.yaml]\n", "g.yaml": inflator},
		"inline":            {"kustomization.yaml": "generators:\n- |\n  " + strings.ReplaceAll(strings.TrimSpace(inflator), "\n", "\n  ") + "\n"},
		"among others":      {"kustomization.yaml": "generators: [g.yaml]\n", "g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: beside}\nliterals: [a=b]\n---\n" + inflator},
		"the old generator": {"kustomization.yaml": "helmChartInflationGenerator:\n- {chartName: widget, releaseName: gen, valuesLocal: {color: gen}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			out := mustBuild(t, params{"root": snapshot(t, withChart("charts/widget", widgetChart, files)), "path": ".", "enable_helm": true})
			all := strings.Join(names(out.rendered), " ")
			if data := chartData(t, out.rendered); data["color"] != "gen" || !strings.Contains(all, "gen-conf") || strings.Contains(all, "beside") != (name == "among others") {
				t.Error(all, data)
			}
		})
	}
}

func TestChartsInRemoteBasesAreThoseOfTheirRepository(t *testing.T) {
	root := snapshot(t, withChart("charts/widget", widgetChart, map[string]string{"kustomization.yaml": "resources: ['github.com/o/r/sub']\n"}))
	remote := snapshot(t, withChart("sub/charts/widget", widgetChart, map[string]string{"sub/kustomization.yaml": "helmCharts:\n- {name: widget, valuesFile: v.yaml}\n", "sub/v.yaml": "color: remote\n"}))
	out := mustBuild(t, params{"root": root, "path": ".", "enable_helm": true}, Given{Need: gitNeed("https://github.com/o/r", ""), Root: remote})
	if data := chartData(t, out.rendered); data["color"] != "remote" || out.Result.Manifests[0].File != "https://github.com/o/r//sub/charts/widget/templates/conf.yaml" {
		t.Error(out.text)
	}
}

func TestChartsThatRenderNothingAreNoFault(t *testing.T) {
	root := snapshot(t, map[string]string{"kustomization.yaml": "helmCharts:\n- {name: w}\n", "charts/w/Chart.yaml": "apiVersion: v2\nname: w\nversion: 1.0.0\n"})
	if out := mustBuild(t, params{"root": root, "path": ".", "enable_helm": true}); len(out.Result.Manifests) != 0 {
		t.Error(out.text)
	}
}

func TestFaultsOfChartsSayWhichAndWhere(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		code Code
		file string
		says string
	}{
		"no chart":            {"- {name: gone}", codeMissing, "o/kustomization.yaml", `"o/charts/gone"`},
		"no name":             {"- {releaseName: x}", codeParse, "o/kustomization.yaml", "no name"},
		"odd name":            {"- {name: ../widget}", codeParse, "o/kustomization.yaml", "not the name"},
		"option for a name":   {"- {name: --post-renderer=x}", codeParse, "o/kustomization.yaml", "not the name"},
		"option for releases": {"- {name: widget, releaseName: --post-renderer=x}", codeParse, "o/kustomization.yaml", "begins with '-'"},
		"two names":           {"- {name: widget, releaseName: a, nameTemplate: b}", codeParse, "o/kustomization.yaml", "both"},
		"bad release":         {"- {name: widget, releaseName: A_B}", codeParse, "o/kustomization.yaml", "not valid"},
		"bad template":        {"- {name: widget, nameTemplate: '{{ end'}", codeRender, "o/kustomization.yaml", "nameTemplate"},
		"bad merge":           {"- {name: widget, valuesMerge: both}", codeParse, "o/kustomization.yaml", "valuesMerge"},
		"no value file":       {"- {name: widget, valuesFile: gone.yaml}", codeMissing, "o/kustomization.yaml", "o/gone.yaml"},
		"value file outside":  {"- {name: widget, valuesFile: ../v.yaml}", codeRender, "o/kustomization.yaml", "security; file 'v.yaml' is not in or below 'o'"},
		"bad values":          {"- {name: widget, additionalValuesFiles: [bad.yaml]}", codeParse, "o/bad.yaml", "not valid YAML"},
		"bad kubeVersion":     {"- {name: widget, kubeVersion: one}", codeRequest, "o/kustomization.yaml", "kube_version"},
		"broken template":     {"- {name: broken}", codeRender, "o/charts/broken/templates/x.yaml", "Helm chart broken"},
		"broken output":       {"- {name: output}", codeRender, "o/charts/output/templates/x.yaml", "Helm chart output"},
		"unknown field":       {"- {name: widget, values: x}", codeParse, "o/kustomization.yaml", "values"},
	} {
		t.Run(name, func(t *testing.T) {
			root := snapshot(t, withChart("o/charts/widget", widgetChart, map[string]string{
				"o/kustomization.yaml": "helmCharts:\n" + c.text + "\n", "v.yaml": "a: b\n", "o/bad.yaml": "a: b: c\n",
				"o/charts/broken/Chart.yaml": "apiVersion: v2\nname: broken\nversion: 1.0.0\n", "o/charts/broken/templates/x.yaml": "a: {{ fail \"no\" }}",
				"o/charts/output/Chart.yaml": "apiVersion: v2\nname: output\nversion: 1.0.0\n", "o/charts/output/templates/x.yaml": "kind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: b\n c: [\n",
			}))
			out := build(t, params{"root": root, "path": "o", "enable_helm": true})
			if out.Error == nil || out.Error.Code != c.code || out.Error.File != c.file || !strings.Contains(out.Error.Message, c.says) {
				t.Error(out.text)
			}
		})
	}
}

func TestE2HelmsSettingsAndPluginsAreNotReadFromTheRepository(t *testing.T) {
	for name, text := range map[string]string{
		"configHome":         "helmGlobals: {configHome: ./h}\nhelmCharts:\n- {name: widget, repo: 'foo://x'}\n",
		"configHome alone":   "helmGlobals: {configHome: ./h}\nhelmCharts:\n- {name: widget}\n",
		"plugin scheme":      "helmCharts:\n- {name: gone, repo: 'foo://x', version: 1.0.0}\n",
		"file scheme":        "helmCharts:\n- {name: gone, repo: 'file:///etc', version: 1.0.0}\n",
		"option":             "helmCharts:\n- {name: gone, repo: '--repository-config=x', version: 1.0.0}\n",
		"credentials":        "helmCharts:\n- {name: gone, repo: 'https://user:password@charts.example.org', version: 1.0.0}\n",
		"metadata service":   "helmCharts:\n- {name: gone, repo: 'http://169.254.169.254', version: 1.0.0}\n",
		"old home":           "helmChartInflationGenerator:\n- {chartName: widget, helmHome: ./h}\n",
		"old program":        "helmChartInflationGenerator:\n- {chartName: widget, helmBin: ./run.sh}\n",
		"old arguments":      "helmChartInflationGenerator:\n- {chartName: widget, extraArgs: [--post-renderer, ./run.sh]}\n",
		"generator with one": "generators: [g.yaml]\n",
	} {
		t.Run(name, func(t *testing.T) {
			root := snapshot(t, withChart("charts/widget", widgetChart, map[string]string{
				"kustomization.yaml": text, "h/.data/plugins/p/plugin.yaml": "name: p\ndownloaders: [{command: run.sh, protocols: [foo]}]\n", "run.sh": "#!/bin/sh\n",
				"g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: widget\nconfigHome: ./h\n",
			}))
			out := build(t, params{"root": root, "path": ".", "enable_helm": true})
			if out.Error == nil || out.Error.Code != codeRefused || out.Error.Hint == "" || strings.Contains(out.text, "password") {
				t.Error(out.text)
			}
		})
	}
	root := snapshot(t, map[string]string{"kustomization.yaml": "helmGlobals: {registryConfig: x}\n"})
	mustFail(t, codeParse, "kustomize", params{"root": root, "path": ".", "enable_helm": true})
}

func TestP6ChartsOfKustomizationsStayInTheRepository(t *testing.T) {
	secret, content := secretFile(t)
	for name, text := range map[string]string{
		"chartHome up":       "helmGlobals: {chartHome: ../..}\nhelmCharts:\n- {name: widget}\n",
		"chartHome absolute": "helmGlobals: {chartHome: /etc}\nhelmCharts:\n- {name: widget}\n",
		"values up":          "helmCharts:\n- {name: widget, valuesFile: ../../v.yaml}\n",
		"values absolute":    "helmCharts:\n- {name: widget, additionalValuesFiles: [" + secret + "]}\n",
		"values by link":     "helmCharts:\n- {name: widget, valuesFile: link.yaml}\n",
		"chart by link":      "helmGlobals: {chartHome: out}\nhelmCharts:\n- {name: widget}\n",
	} {
		for _, restrictor := range []string{"rootOnly", "none"} {
			root := snapshot(t, withChart("o/charts/widget", widgetChart, map[string]string{"o/kustomization.yaml": text, "o/link.yaml": "-> " + secret, "o/out": "-> ../.."}))
			out := build(t, params{"root": root, "path": "o", "enable_helm": true, "load_restrictor": restrictor})
			if out.Error == nil || out.Error.Code != codePath || strings.Contains(out.text, content) {
				t.Error(name, out.text)
			}
		}
	}
}

func TestOriginAnnotationsNameWhatAskedForAChart(t *testing.T) {
	root := snapshot(t, withChart("b/charts/widget", widgetChart, map[string]string{
		"kustomization.yaml": "resources: [b]\nbuildMetadata: [originAnnotations]\n", "b/kustomization.yml": "helmCharts: [{name: widget, skipHooks: true}]\n",
	}))
	out := mustBuild(t, params{"root": root, "path": ".", "enable_helm": true})
	want := "configuredIn: b/kustomization.yml\nconfiguredBy:\n  apiVersion: builtin\n  kind: HelmChartInflationGenerator\n"
	if got := at(t, out.Result.Manifests[0].Object, "metadata.annotations").(map[string]any)["config.kubernetes.io/origin"]; got != want {
		t.Errorf("%q", got)
	}
}
