package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {keep: "yes"}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.0
        args: ["12345678901234567"]
        env: [{name: BIG, value: "1"}]
      terminationGracePeriodSeconds: 12345678901234567
`

func overlay(extra string) map[string]string {
	return map[string]string{
		"base/kustomization.yaml":    "resources:\n- deploy.yaml\nconfigMapGenerator:\n- name: conf\n  files: [conf.txt]\n",
		"base/deploy.yaml":           deployment,
		"base/conf.txt":              "{{ not yaml: [",
		"overlay/kustomization.yaml": "resources:\n- ../base\n" + extra,
		"component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" +
			"patches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: add, path: /metadata/labels, value: {component: on-it}}\n",
	}
}

func TestKustomizeBuildsAnOverlay(t *testing.T) {
	root := snapshot(t, overlay("namePrefix: dev-\n"))
	out := mustRender(t, "kustomize", params{"root": root, "path": "overlay"})
	if len(out.Result.Manifests) != 2 {
		t.Fatal(names(out))
	}
	byKind := map[string]int{}
	for i, m := range out.Result.Manifests {
		byKind[m.Object["kind"].(string)] = i
	}
	deploy := out.Result.Manifests[byKind["Deployment"]]
	if deploy.File != "base/deploy.yaml" || at(t, deploy.Object, "metadata.name") != "dev-web" {
		t.Errorf("%+v", deploy)
	}
	if !reflect.DeepEqual(at(t, deploy.Object, "metadata.annotations"), map[string]any{"keep": "yes"}) {
		t.Error("annotations changed: ", deploy.Object)
	}
	if at(t, deploy.Object, "spec.template.spec.terminationGracePeriodSeconds") != json.Number("12345678901234567") {
		t.Error("a number was rounded")
	}
	conf := out.Result.Manifests[byKind["ConfigMap"]]
	if conf.File != "base/kustomization.yaml" || !strings.HasPrefix(at(t, conf.Object, "metadata.name").(string), "dev-conf-") {
		t.Errorf("%+v", conf)
	}
	if _, annotated := conf.Object["metadata"].(map[string]any)["annotations"]; annotated {
		t.Error("annotations were left: ", conf.Object)
	}
	for _, p := range []string{"overlay/kustomization.yaml", "base/kustomization.yaml", "base/deploy.yaml", "base/conf.txt"} {
		if !hasRead(out.Result.Reads, p, "file") {
			t.Errorf("%s is not among %v", p, out.Result.Reads)
		}
	}
	if !hasRead(out.Result.Reads, "overlay/kustomization.yml", "missing") || hasRead(out.Result.Reads, "component/kustomization.yaml", "file") {
		t.Error(out.Result.Reads)
	}
}

func TestKustomizeOptionsActAsKustomizeEdit(t *testing.T) {
	files := overlay("images:\n- {name: nginx, newTag: from-file}\n- {name: other, newTag: x}\ncommonAnnotations: {a: file}\nlabels:\n- pairs: {l: file}\n")
	root := snapshot(t, files)
	out := mustRender(t, "kustomize", params{"root": root, "path": "overlay", "options": params{
		"namePrefix": "p-", "nameSuffix": "-s", "namespace": "ns", "images": []string{"nginx=registry.local/nginx:2.0"},
		"replicas":     []params{{"name": "web", "count": 3}},
		"commonLabels": params{"l2": "given"}, "labelWithoutSelector": true,
		"commonAnnotations": params{"a": "given"}, "forceCommonAnnotations": true,
		"patches":    []params{{"target": params{"kind": "Deployment"}, "patch": "- {op: replace, path: /spec/template/spec/containers/0/name, value: patched}"}},
		"components": []string{"../component", "../nowhere"}, "ignoreMissingComponents": true,
	}})
	var deploy map[string]any
	for _, m := range out.Result.Manifests {
		if m.Object["kind"] == "Deployment" {
			deploy = m.Object
		}
	}
	want := map[string]any{
		"metadata.name": "p-web-s", "metadata.namespace": "ns", "spec.replicas": json.Number("3"), "metadata.annotations.a": "given",
		"metadata.labels.l": "file", "metadata.labels.l2": "given", "metadata.labels.component": "on-it",
	}
	for p, value := range want {
		if at(t, deploy, p) != value {
			t.Errorf("%s is %v, expected %v", p, at(t, deploy, p), value)
		}
	}
	if _, selected := at(t, deploy, "spec.selector.matchLabels").(map[string]any)["l2"]; selected {
		t.Error("labelWithoutSelector changed the selector")
	}
	container := at(t, deploy, "spec.template.spec.containers").([]any)[0].(map[string]any)
	if container["image"] != "registry.local/nginx:2.0" || container["name"] != "patched" {
		t.Error(container)
	}
	after, err := os.ReadFile(filepath.Join(root, "overlay/kustomization.yaml"))
	if err != nil || string(after) != files["overlay/kustomization.yaml"] {
		t.Error("the kustomization was written")
	}
	if !hasRead(out.Result.Reads, "nowhere", "missing") {
		t.Error("the missing component is not recorded")
	}
}

func TestKustomizeOptionFaults(t *testing.T) {
	root := snapshot(t, overlay("commonAnnotations: {a: file}\ncommonLabels: {l: file}\n"))
	cases := []struct {
		code    Code
		options params
		says    string
	}{
		{codeRequest, params{"commonAnnotations": params{"a": "b"}}, "forceCommonAnnotations"},
		{codeRequest, params{"commonLabels": params{"l": "b"}}, "forceCommonLabels"},
		{codeRequest, params{"commonLabels": params{"l": "b"}, "labelWithoutSelector": true}, "commonLabels"},
		{codeRequest, params{"images": []string{"nginx"}}, "nginx"},
		{codeMissing, params{"components": []string{"../nowhere"}}, "nowhere"},
		{codePath, params{"components": []string{"../../nowhere"}, "ignoreMissingComponents": true}, "nowhere"},
		{codeRefused, params{"components": []string{"https://h/r?ref=-x"}, "ignoreMissingComponents": true}, "h/r"},
		{codeRefused, params{"components": []string{"https://user:password@h/o/r"}}, "h/o/r"},
		{codeRefused, params{"patches": []params{{"path": "git@h:o/p.yaml"}}}, "h:o/p.yaml"},
	}
	for _, c := range cases {
		fault := mustFail(t, c.code, "kustomize", params{"root": root, "path": "overlay", "options": c.options})
		if !strings.Contains(fault.Message+fault.Hint, c.says) {
			t.Errorf("%v: %+v", c.options, *fault)
		}
	}
	mustRender(t, "kustomize", params{"root": root, "path": "overlay", "options": params{"commonLabels": params{"l": "b"}, "forceCommonLabels": true}})
	fault := mustFail(t, codeRequest, "kustomize", params{"root": root, "path": "overlay", "load_restrictor": "all"})
	if !strings.Contains(fault.Message, "load_restrictor") {
		t.Error(fault.Message)
	}
}

func TestParseImage(t *testing.T) {
	for text, want := range map[string]string{
		"nginx:1.2": "nginx||1.2|", "nginx@sha256:ab": "nginx|||sha256:ab", "a=b": "a|b||", "a=b:1": "a|b|1|", "h:5000/a=h:5000/b:1@sha256:c": "h:5000/a|h:5000/b|1|sha256:c",
		"h:5000/a:1": "h:5000/a||1|", "a=*:2": "a|*|2|",
	} {
		image, err := parseImage(text)
		if got := fmt.Sprintf("%s|%s|%s|%s", image.Name, image.NewName, image.NewTag, image.Digest); err != nil || got != want {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
}

func TestKustomizeWarnsOfDeprecatedFields(t *testing.T) {
	root := snapshot(t, overlay("commonLabels: {a: b}\nvars: []\n"))
	out := mustRender(t, "kustomize", params{"root": root, "path": "overlay"})
	text := strings.Join(out.Result.Warnings, "\n")
	if !strings.Contains(text, "overlay/kustomization.yaml: 'commonLabels' is deprecated") {
		t.Error(out.Result.Warnings)
	}
}

func TestKustomizeFaultsSayWhere(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		code  Code
		file  string
		line  int
		says  string
	}{
		"missing base":     {map[string]string{"o/kustomization.yaml": "resources: [../gone]\n"}, codeMissing, "o/kustomization.yaml", 0, `"gone" does not exist`},
		"missing file":     {map[string]string{"o/kustomization.yaml": "resources: [gone.yaml]\n"}, codeMissing, "o/kustomization.yaml", 0, `"o/gone.yaml" does not exist`},
		"no kustomization": {map[string]string{"o/kustomization.yaml": "resources: [../b]\n", "b/x.yaml": cm("x")}, codeMissing, "o/kustomization.yaml", 0, `no kustomization.yaml in "b"`},
		"nothing there":    {map[string]string{"o/x.yaml": cm("x")}, codeMissing, "o/kustomization.yaml", 0, `no kustomization.yaml in "o"`},
		"unknown field":    {map[string]string{"o/kustomization.yaml": "namePrefix: a\nresource: [a.yaml]\n"}, codeParse, "o/kustomization.yaml", 2, `unknown field "resource"`},
		"broken":           {map[string]string{"o/kustomization.yaml": "resources:\n- a\n b: [\n"}, codeParse, "o/kustomization.yaml", 3, "not valid YAML"},
		"broken resource":  {map[string]string{"o/kustomization.yaml": "resources: [a.yaml]\n", "o/a.yaml": cm("a") + "x: y: z\n"}, codeParse, "o/a.yaml", 5, "mapping values"},
		"duplicate key":    {map[string]string{"o/kustomization.yaml": "resources: [a.yaml]\n", "o/a.yaml": cm("a") + "kind: Secret\n"}, codeParse, "o/a.yaml", 5, "set twice"},
		"empty":            {map[string]string{"o/kustomization.yaml": "\n"}, codeRender, "o/kustomization.yaml", 0, "empty"},
		"bad patch":        {map[string]string{"o/kustomization.yaml": "resources: [a.yaml]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: nope}\n", "o/a.yaml": cm("a")}, codeRender, "o/kustomization.yaml", 0, "no resource matches"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fault := mustFail(t, c.code, "kustomize", params{"root": snapshot(t, c.files), "path": "o"})
			if fault.File != c.file || fault.Line != c.line || !strings.Contains(fault.Message, c.says) || strings.Contains(fault.Message, "/snapshot") {
				t.Fatalf("%+v", *fault)
			}
		})
	}
}

func TestKustomizeFilesStayInTheirKustomizationUnlessTold(t *testing.T) {
	root := snapshot(t, map[string]string{"o/kustomization.yaml": "resources: [../x.yaml]\n", "x.yaml": cm("x")})
	fault := mustFail(t, codeRender, "kustomize", params{"root": root, "path": "o"})
	if !strings.Contains(fault.Message, "security; file 'x.yaml' is not in or below 'o'") {
		t.Error(fault.Message)
	}
	out := mustRender(t, "kustomize", params{"root": root, "path": "o", "load_restrictor": "none"})
	if !reflect.DeepEqual(names(out), []string{"ConfigMap/x"}) {
		t.Error(names(out))
	}
}

func TestP6KustomizeReadsNothingOutsideOfTheRepository(t *testing.T) {
	secret, content := secretFile(t)
	for name, text := range map[string]string{
		"generator file":     "configMapGenerator:\n- name: a\n  files: [/proc/self/environ]\n",
		"generator relative": "configMapGenerator:\n- name: a\n  files: [../../../../../../../../../../etc/passwd]\n",
		"secret key":         "secretGenerator:\n- name: a\n  files: [k=" + secret + "]\n",
		"envs":               "configMapGenerator:\n- name: a\n  envs: [../../x]\n",
		"resources up":       "resources: [../..]\n",
		"resource absolute":  "resources: [" + secret + "]\n",
		"resource by link":   "resources: [link.yaml]\n",
		"patch by link":      "resources: [a.yaml]\npatches:\n- path: link.yaml\n",
		"folder by link":     "resources: [dir]\n",
		"crds":               "crds: [" + secret + "]\n",
		"openapi":            "openapi: {path: ../../openapi.json}\n",
		"replacement":        "replacements:\n- path: ../../r.yaml\n",
		"configuration":      "configurations: [link.yaml]\n",
		"transformer":        "transformers: [link.yaml]\n",
		"inline transformer": "resources: [a.yaml]\ntransformers:\n- |\n  apiVersion: builtin\n  kind: PatchTransformer\n  metadata: {name: x}\n  path: " + secret + "\n",
	} {
		for _, restrictor := range []string{"rootOnly", "none"} {
			t.Run(name+" "+restrictor, func(t *testing.T) {
				root := snapshot(t, map[string]string{"o/kustomization.yaml": text, "o/a.yaml": cm("a"), "o/link.yaml": "-> " + secret, "o/dir": "-> " + filepath.Dir(secret)})
				out := call(t, "kustomize", params{"root": root, "path": "o", "load_restrictor": restrictor})
				if out.Error == nil || out.Error.Code != codePath || strings.Contains(out.text, content) {
					t.Fatal(out.text)
				}
			})
		}
	}
}

func TestAnEntryThatLeavesTheRepositoryIsNamedAsItIsWritten(t *testing.T) {
	for text, says := range map[string]string{
		"resources:\n- ../../../etc\n":                                   `resources: path "../../../etc" leaves`,
		"resources:\n- /etc/passwd\n":                                    `resources: path "/etc/passwd" leaves`,
		"components:\n- ../../..\n":                                      `components: path "../../.." leaves`,
		"configMapGenerator:\n- {name: c, files: [k=../../../x.conf]}\n": `configMapGenerator: path "../../../x.conf" leaves`,
	} {
		root := snapshot(t, map[string]string{"a/o/kustomization.yaml": "resources: [../b]\n", "a/b/kustomization.yaml": text})
		fault := mustFail(t, codePath, "kustomize", params{"root": root, "path": "a/o"})
		if fault.File != "a/b/kustomization.yaml" || fault.Line != 2 || !strings.Contains(fault.Message, says) {
			t.Errorf("%+v", *fault)
		}
	}
}

func TestP6TheEnvironmentIsNoSource(t *testing.T) {
	root := snapshot(t, map[string]string{"kustomization.yaml": "configMapGenerator:\n- name: a\n  envs: [e]\n", "e": "HOME\n"})
	t.Setenv("HOME", "")
	out := call(t, "kustomize", params{"root": root, "path": "."})
	if strings.Contains(out.text, "/root") {
		t.Fatal(out.text)
	}
}

func TestP7CyclesOfBasesEndInAnError(t *testing.T) {
	root := snapshot(t, map[string]string{"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n", "c/kustomization.yaml": "resources: [.]\n"})
	for _, p := range []string{"a", "c"} {
		fault := mustFail(t, codeRender, "kustomize", params{"root": root, "path": p})
		if !strings.Contains(fault.Message, "cycle detected") {
			t.Error(fault.Message)
		}
	}
}

// remoteFields are all places of a kustomization that can name something on the network.
var remoteFields = map[string]string{
	"resources": "resources: [%q]\n", "bases": "bases: [%q]\n", "components": "components: [%q]\n", "crds": "crds: [%q]\n",
	"configurations": "configurations: [%q]\n", "generators": "generators: [%q]\n", "transformers": "transformers: [%q]\n", "validators": "validators: [%q]\n",
	"openapi": "openapi: {path: %q}\n", "patches": "patches:\n- path: %q\n", "json": "patchesJson6902:\n- path: %q\n", "merge": "patchesStrategicMerge: [%q]\n",
	"replacements": "replacements:\n- path: %q\n", "files": "configMapGenerator:\n- name: a\n  files: [%q]\n", "envs": "secretGenerator:\n- name: a\n  envs: [%q]\n", "env": "secretGenerator:\n- name: a\n  env: %q\n",
}

// nested is a kustomization in "o", or one that a kustomization in "o" uses.
func nested(text string, inBase bool) map[string]string {
	if inBase {
		return map[string]string{"o/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": text}
	}
	return map[string]string{"o/kustomization.yaml": text}
}

func TestE1OddRemoteReferencesAreRefusedInEveryField(t *testing.T) {
	for field, format := range remoteFields {
		for _, remote := range []string{
			"https://h/o/r#x", "file:///etc", "git::git::https://h/o/r", " https://h/o/r", "https://h/o/r\n", "https://user:password@h/o/r", "user@host:../repo",
			"https://169.254.169.254/latest", "s3::https://h/o", "https://h/$(id)/x", "git@-oProxyCommand=x:o/r",
		} {
			for _, inBase := range []bool{false, true} {
				fault := mustFail(t, codeRefused, "kustomize", params{"root": snapshot(t, nested(fmt.Sprintf(format, remote), inBase)), "path": "o"})
				if fault.Hint == "" || strings.Contains(fault.Message, "password") {
					t.Errorf("%s %s: %+v", field, remote, *fault)
				}
			}
		}
	}
}

func TestE1RefsThatLookLikeOptionsAreRefused(t *testing.T) {
	for _, field := range []string{"resources", "bases", "components", "generators", "transformers", "validators"} {
		for _, remote := range []string{"https://h/o/r?ref=--upload-pack=touch%20/tmp/pwn", "https://h/o/r?ref=--upload-pack=x", "https://h/o/r?version=-x", "github.com/o/r?ref=-x", "git@h:o/r?ref=-x"} {
			for _, inBase := range []bool{false, true} {
				mustFail(t, codeRefused, "kustomize", params{"root": snapshot(t, nested(fmt.Sprintf(remoteFields[field], remote), inBase)), "path": "o"})
			}
		}
	}
}

func TestE1RemoteReferencesAreAskedForAndNeverFetched(t *testing.T) {
	for field, format := range remoteFields {
		for _, remote := range []string{"git@host:org/repo.git", "https://h/o/r", "git::https://h/o/r", "https://h/plain.yaml", "http://h/plain.yaml", "ssh://git@h/o/r", "github.com/o/r", "GitHub.com:o/r"} {
			for _, inBase := range []bool{false, true} {
				out := call(t, "kustomize", params{"root": snapshot(t, nested(fmt.Sprintf(format, remote), inBase)), "path": "o"})
				if asked := strings.HasPrefix(out.text, `{"id":1,"needs":[{"kind":"`); !asked && (out.Error == nil || out.Error.Code != codeRefused) {
					t.Errorf("%s %s: %s", field, remote, out.text)
				}
			}
		}
	}
}

func TestE1RemoteFilesInTransformerConfigurationsAreRefused(t *testing.T) {
	root := snapshot(t, map[string]string{
		"kustomization.yaml": "resources: [a.yaml]\ntransformers: [t.yaml]\n", "a.yaml": cm("a"),
		"t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: https://127.0.0.1:1/p.yaml\n",
	})
	mustFail(t, codeRefused, "kustomize", params{"root": root, "path": "."})
}

func TestHelmInKustomizeIsRefusedUnlessEnabled(t *testing.T) {
	for name, text := range map[string]string{
		"globals":   "helmGlobals: {chartHome: ./h}\nresources: [a.yaml]\n",
		"charts":    "helmCharts:\n- {name: c, version: 1.0.0}\n",
		"old":       "helmChartInflationGenerator:\n- {chartName: c}\n",
		"generator": "generators: [g.yaml]\n",
	} {
		t.Run(name, func(t *testing.T) {
			root := snapshot(t, map[string]string{
				"kustomization.yaml": text, "a.yaml": cm("a"), "charts/c/Chart.yaml": "name: c\nversion: 1.0.0\napiVersion: v2\n",
				"g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: c\n",
			})
			fault := mustFail(t, codeRefused, "kustomize", params{"root": root, "path": "."})
			if !strings.Contains(fault.Message, "enabled") || !strings.Contains(fault.Hint, "enableHelm") {
				t.Errorf("%+v", *fault)
			}
		})
	}
}

func TestE11PluginsAndFunctionsAreRefusedByName(t *testing.T) {
	function := func(how string) string {
		return "apiVersion: v1\nkind: Fn\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      " + how + "\n"
	}
	for name, c := range map[string]struct{ config, says string }{
		"exec plugin": {"apiVersion: someteam.example.com/v1\nkind: Chart\nmetadata: {name: x}\n", "the plugin Chart (a program or a Go plugin)"},
		"exec":        {function("exec: {path: ./run.sh}"), "the function Fn (exec)"},
		"container":   {function("container: {image: x}"), "the function Fn (container)"},
		"starlark":    {function("starlark: {path: ./x.star}"), "the function Fn (starlark)"},
		"other":       {function("wasm: {path: ./x.wasm}"), "the function Fn (of an unknown way to run)"},
	} {
		for _, field := range []string{"generators", "transformers", "validators"} {
			for _, inline := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", field, " ", inline), func(t *testing.T) {
					entry, file := field+": [f.yaml]\n", "f.yaml"
					if inline {
						entry, file = field+":\n- |\n  "+strings.ReplaceAll(strings.TrimSpace(c.config), "\n", "\n  ")+"\n", "kustomization.yaml"
					}
					if !strings.Contains(c.says, "function") {
						file = "kustomization.yaml"
					}
					root := snapshot(t, map[string]string{"kustomization.yaml": "resources: [a.yaml]\n" + entry, "a.yaml": cm("a"), "f.yaml": c.config, "run.sh": "#!/bin/sh\n"})
					fault := mustFail(t, codeRefused, "kustomize", params{"root": root, "path": "."})
					if !strings.Contains(fault.Message, c.says) || fault.File != file || fault.Hint == "" {
						t.Errorf("%+v", *fault)
					}
				})
			}
		}
	}
}

func TestD8AliasBombsInKustomizeAreLimitErrors(t *testing.T) {
	for name, text := range map[string]string{
		"resource": "resources: [x.yaml]\n", "patch": "resources: [a.yaml]\npatches:\n- path: x.yaml\n", "transformer": "resources: [a.yaml]\ntransformers: [x.yaml]\n",
	} {
		root := snapshot(t, map[string]string{"kustomization.yaml": text, "a.yaml": cm("a"), "x.yaml": bomb()})
		if fault := mustFail(t, codeLimit, "kustomize", params{"root": root, "path": "."}); fault.File != "x.yaml" {
			t.Errorf("%s: %+v", name, *fault)
		}
	}
	root := snapshot(t, map[string]string{"kustomization.yaml": bomb()})
	mustFail(t, codeLimit, "kustomize", params{"root": root, "path": "."})
}

const widgetSchema = `{"definitions":{"w":{"type":"object","x-kubernetes-group-version-kind":[{"group":"x.io","kind":"Widget","version":"v1"}],
"properties":{"spec":{"type":"object","properties":{"parts":{"type":"array","x-kubernetes-patch-merge-key":"name","x-kubernetes-patch-strategy":"merge",
"items":{"type":"object","properties":{"name":{"type":"string"},"v":{"type":"string"}}}}}}}}}}`

func TestKustomizeCustomSchemasDoNotLeakIntoOtherRenders(t *testing.T) {
	widget := "apiVersion: x.io/v1\nkind: Widget\nmetadata: {name: w}\nspec:\n  parts:\n  - {name: a, v: old}\n  - {name: b, v: old}\n"
	patch := "patches:\n- patch: |\n    apiVersion: x.io/v1\n    kind: Widget\n    metadata: {name: w}\n    spec: {parts: [{name: a, v: new}]}\n"
	root := snapshot(t, map[string]string{
		"with/kustomization.yaml": "resources: [w.yaml]\nopenapi: {path: s.json}\n" + patch, "with/w.yaml": widget, "with/s.json": widgetSchema,
		"without/kustomization.yaml": "resources: [w.yaml]\n" + patch, "without/w.yaml": widget,
	})
	parts := func(p string) int {
		out := mustRender(t, "kustomize", params{"root": root, "path": p})
		return len(at(t, out.Result.Manifests[0].Object, "spec.parts").([]any))
	}
	var group sync.WaitGroup
	for range 8 {
		for p, want := range map[string]int{"with": 2, "without": 1} {
			group.Go(func() {
				if got := parts(p); got != want {
					t.Errorf("%s: %d parts, expected %d", p, got, want)
				}
			})
		}
	}
	group.Wait()
}

func BenchmarkKustomizeSmall(b *testing.B) {
	root := snapshot(b, overlay("namePrefix: dev-\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {replicas: 5}\n"))
	warmKustomize()
	for b.Loop() {
		mustRender(b, "kustomize", params{"root": root, "path": "overlay"})
	}
}
