package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
)

func chartFiles(extra map[string]string) map[string]string {
	files := map[string]string{
		"chart/Chart.yaml":             "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"chart/values.yaml":            "image: {repo: nginx, tag: \"1\"}\nreplicas: 1\nempty: null\n",
		"chart/templates/_helpers.tpl": `{{- define "web.name" -}}{{ .Release.Name }}-{{ .Chart.Name }}{{- end }}`,
		"chart/templates/deploy.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "web.name" . }}
  namespace: {{ .Release.Namespace }}
spec:
  replicas: {{ .Values.replicas }}
  image: "{{ .Values.image.repo }}:{{ .Values.image.tag }}"
`,
		"chart/templates/hook.yaml":       "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: hook\n  annotations: {\"helm.sh/hook\": pre-install}\n",
		"chart/templates/tests/test.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations: {\"helm.sh/hook\": test}\n",
		"chart/templates/NOTES.txt":       "thanks",
		"chart/crds/crd.yaml":             "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: ws.x.io}\n",
	}
	maps.Copy(files, extra)
	return files
}

func helmOf(root string, extra params) params {
	p := params{"root": root, "path": "chart", "release_name": "rel", "namespace": "ns"}
	maps.Copy(p, extra)
	return p
}

func kindOf(t testing.TB, out rendered, kind string) map[string]any {
	t.Helper()
	for _, m := range out.Result.Manifests {
		if m.Object["kind"] == kind {
			return m.Object
		}
	}
	t.Fatalf("no %s in %v", kind, names(out))
	return nil
}

func TestHelmRendersAsHelmTemplate(t *testing.T) {
	root := snapshot(t, chartFiles(nil))
	out := mustRender(t, "helm", helmOf(root, nil))
	want := []string{"CustomResourceDefinition/ws.x.io", "Deployment/rel-web", "Pod/test", "Job/hook"}
	if !reflect.DeepEqual(names(out), want) {
		t.Fatal(names(out))
	}
	deploy := out.Result.Manifests[1]
	if deploy.File != "chart/templates/deploy.yaml" || at(t, deploy.Object, "metadata.namespace") != "ns" || at(t, deploy.Object, "spec.image") != "nginx:1" {
		t.Errorf("%+v", deploy)
	}
	if at(t, kindOf(t, out, "Job"), "metadata.annotations").(map[string]any)["helm.sh/hook"] != "pre-install" {
		t.Error("the hook lost its annotation")
	}
	if out.Result.Manifests[0].File != "chart/crds/crd.yaml" {
		t.Error(out.Result.Manifests[0].File)
	}
	for path, kind := range map[string]string{"chart": "dir", "chart/templates": "dir", "chart/values.yaml": "file", "chart/.helmignore": "missing"} {
		if !hasRead(out.Result.Reads, path, kind) {
			t.Errorf("%s %s is not among %v", kind, path, out.Result.Reads)
		}
	}
	less := mustRender(t, "helm", helmOf(root, params{"skip_crds": true, "skip_tests": true}))
	if !reflect.DeepEqual(names(less), []string{"Deployment/rel-web", "Job/hook"}) {
		t.Error(names(less))
	}
}

func TestHelmValuesPrecedence(t *testing.T) {
	root := snapshot(t, chartFiles(map[string]string{
		"chart/v1.yaml": "image: {tag: v1, repo: one}\nreplicas: 2\n", "shared/v2.yaml": "image: {tag: v2}\n", "chart/env/b.yaml": "replicas: 4\n", "chart/env/a.yaml": "replicas: 3\n",
		"chart/templates/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {{ toJson .Values.data }}\n", "chart/file.txt": "from a file",
	}))
	out := mustRender(t, "helm", helmOf(root, params{
		"value_files": []string{"v1.yaml", "/shared/v2.yaml", "missing.yaml", "env/*.yaml", "none*.yaml"}, "ignore_missing_value_files": true,
		"values":          []params{{"data": params{"k": "first", "l": "first"}}, {"data": params{"k": "second"}}},
		"parameters":      []params{{"name": "data.n", "value": "123"}, {"name": "data.s", "value": "123", "forceString": true}, {"name": "data.c", "value": "a,b"}, {"name": "data.list", "value": "{a,b}"}},
		"file_parameters": []params{{"name": "data.f", "path": "file.txt"}},
	}))
	deploy := kindOf(t, out, "Deployment")
	if at(t, deploy, "spec.image") != "one:v2" || at(t, deploy, "spec.replicas") != json.Number("4") {
		t.Error(deploy)
	}
	data := at(t, kindOf(t, out, "ConfigMap"), "data")
	want := map[string]any{"k": "second", "l": "first", "n": json.Number("123"), "s": "123", "c": "a,b", "list": []any{"a", "b"}, "f": "from a file"}
	if !reflect.DeepEqual(data, want) {
		t.Error(data)
	}
	if !hasRead(out.Result.Reads, "chart/missing.yaml", "missing") || !hasRead(out.Result.Reads, "chart/env", "dir") || !hasRead(out.Result.Reads, "shared/v2.yaml", "file") {
		t.Error(out.Result.Reads)
	}
	for _, name := range []string{"missing.yaml", "none*.yaml"} {
		fault := mustFail(t, codeMissing, "helm", helmOf(root, params{"value_files": []string{name}}))
		if !strings.Contains(fault.Message, name) || !strings.Contains(fault.Hint, "ignoreMissingValueFiles") {
			t.Errorf("%+v", *fault)
		}
	}
}

func TestHelmSubcharts(t *testing.T) {
	sub := map[string]string{"sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 0.1.0\n", "sub/values.yaml": "who: default\n", "sub/templates/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sub-{{ .Values.who }}}\n"}
	dependency := "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n- {name: sub, version: 0.1.0, repository: REPO, condition: sub.enabled}\n"
	folder := map[string]string{"chart/Chart.yaml": strings.ReplaceAll(dependency, "REPO", "https://charts.invalid")}
	for name, content := range sub {
		folder["chart/charts/"+name] = content
	}
	packed := map[string]string{"chart/Chart.yaml": folder["chart/Chart.yaml"], "chart/charts/sub-0.1.0.tgz": pack(t, sub)}
	nested := map[string]string{"chart/charts/mid-1.tgz": pack(t, map[string]string{"mid/Chart.yaml": "apiVersion: v2\nname: mid\nversion: 1.0.0\n", "mid/charts/sub-0.1.0.tgz": pack(t, sub)})}
	local := map[string]string{"chart/Chart.yaml": strings.ReplaceAll(dependency, "REPO", "file://../sub")}
	maps.Copy(local, sub)
	for name, files := range map[string]map[string]string{"folder": folder, "archive": packed, "archive in archive": nested, "local": local} {
		t.Run(name, func(t *testing.T) {
			values := params{"sub": params{"who": "me"}}
			if name == "archive in archive" {
				values = params{"mid": values}
			}
			root := snapshot(t, chartFiles(files))
			out := mustRender(t, "helm", helmOf(root, params{"values": []params{values}}))
			if at(t, kindOf(t, out, "ConfigMap"), "metadata.name") != "sub-me" {
				t.Error(names(out))
			}
			if name == "archive in archive" {
				return
			}
			off := mustRender(t, "helm", helmOf(root, params{"parameters": []params{{"name": "sub.enabled", "value": "false"}}}))
			if strings.Contains(strings.Join(names(off), " "), "ConfigMap") {
				t.Error(names(off))
			}
		})
	}
	root := snapshot(t, chartFiles(map[string]string{"chart/Chart.yaml": folder["chart/Chart.yaml"]}))
	if _, needs := round(t, helmOf(root, nil), nil); len(needs) != 1 || needs[0].URL != "https://charts.invalid" || needs[0].Name != "sub" {
		t.Error(needs)
	}
}

func TestHelmRendersAChartArchive(t *testing.T) {
	packed := map[string]string{}
	for name, content := range chartFiles(nil) {
		packed[strings.Replace(name, "chart/", "web/", 1)] = content
	}
	root := snapshot(t, map[string]string{"web-1.0.0.tgz": pack(t, packed)})
	out := mustRender(t, "helm", helmOf(root, params{"path": "web-1.0.0.tgz"}))
	if len(out.Result.Manifests) != 4 || len(out.Result.Reads) != 1 {
		t.Error(out.text)
	}
}

func TestHelmFaultsSayWhere(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		extra params
		code  Code
		file  string
		line  int
		says  string
	}{
		"template syntax":   {map[string]string{"chart/templates/x.yaml": "a: 1\nb: {{ if }}\n"}, nil, codeRender, "chart/templates/x.yaml", 2, "if"},
		"fail":              {map[string]string{"chart/templates/x.yaml": "a: 1\n\n{{ fail \"no way\" }}\n"}, nil, codeRender, "chart/templates/x.yaml", 3, "no way"},
		"in a helper":       {map[string]string{"chart/templates/_h.tpl": "{{ define \"h\" }}\n{{ .Values.x.y }}{{ end }}", "chart/templates/x.yaml": "a: {{ include \"h\" . }}\n"}, nil, codeRender, "chart/templates/_h.tpl", 2, "nil pointer"},
		"output no YAML":    {map[string]string{"chart/templates/x.yaml": "apiVersion: v1\nkind: A\nmetadata: {name: a}\n b: [\n"}, nil, codeRender, "chart/templates/x.yaml", 3, "rendered something"},
		"kind twice":        {map[string]string{"chart/templates/x.yaml": "apiVersion: v1\nkind: A\nkind: B\nmetadata: {name: a}\n"}, nil, codeRender, "chart/templates/x.yaml", 3, "set twice"},
		"no kind":           {map[string]string{"chart/templates/x.yaml": "apiVersion: v1\nmetadata: {name: a}\n"}, nil, codeParse, "chart/templates/x.yaml", 1, "without kind"},
		"values syntax":     {map[string]string{"chart/v.yaml": "a: b\nc: d: e\n"}, params{"value_files": []string{"v.yaml"}}, codeParse, "chart/v.yaml", 2, "mapping values"},
		"values a list":     {map[string]string{"chart/v.yaml": "[a]"}, params{"value_files": []string{"v.yaml"}}, codeParse, "chart/v.yaml", 0, "must be a mapping"},
		"chart values":      {map[string]string{"chart/values.yaml": "a: b\nc: d: e\n"}, nil, codeParse, "chart/values.yaml", 2, "cannot be loaded"},
		"Chart.yaml":        {map[string]string{"chart/Chart.yaml": "apiVersion: v2\nname: [\n"}, nil, codeParse, "chart/Chart.yaml", 2, "cannot be loaded"},
		"no version":        {map[string]string{"chart/Chart.yaml": "apiVersion: v2\nname: a\n"}, nil, codeParse, "chart/Chart.yaml", 0, "version"},
		"library":           {map[string]string{"chart/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\ntype: library\n"}, nil, codeRefused, "chart/Chart.yaml", 0, "library"},
		"kubeVersion":       {map[string]string{"chart/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\nkubeVersion: '>=1.99'\n"}, params{"kube_version": "1.30.0"}, codeRender, "chart/Chart.yaml", 0, "1.99"},
		"schema":            {map[string]string{"chart/values.schema.json": `{"properties":{"replicas":{"type":"string"}}}`}, nil, codeRender, "chart/values.schema.json", 0, "replicas"},
		"schema not JSON":   {map[string]string{"chart/values.schema.json": `{`}, nil, codeRender, "chart/values.schema.json", 0, "not valid"},
		"no chart":          {nil, params{"path": "chart/templates"}, codeMissing, "", 0, "Chart.yaml"},
		"release name":      {nil, params{"release_name": "Not_Valid"}, codeRequest, "", 0, "Not_Valid"},
		"no release name":   {nil, params{"release_name": ""}, codeRequest, "", 0, "release name"},
		"kube_version":      {nil, params{"kube_version": "x"}, codeRequest, "", 0, "kube_version"},
		"file parameter":    {nil, params{"file_parameters": []params{{"name": "a", "path": "nope.txt"}}}, codeMissing, "", 0, "nope.txt"},
		"unknown parameter": {nil, params{"value_file": "x"}, codeRequest, "", 0, "value_file"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fault := mustFail(t, c.code, "helm", helmOf(snapshot(t, chartFiles(c.files)), c.extra))
			if fault.File != c.file || fault.Line != c.line || !strings.Contains(fault.Message, c.says) {
				t.Fatalf("%+v", *fault)
			}
		})
	}
	root := snapshot(t, chartFiles(map[string]string{"chart/values.schema.json": `{"properties":{"replicas":{"type":"string"}}}`}))
	mustRender(t, "helm", helmOf(root, params{"skip_schema_validation": true}))
}

func TestHelmToleratesOtherKeysSetTwiceWithAWarning(t *testing.T) {
	root := snapshot(t, chartFiles(map[string]string{"chart/templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  k: a\n  k: b\n"}))
	out := mustRender(t, "helm", helmOf(root, nil))
	if at(t, kindOf(t, out, "ConfigMap"), "data.k") != "b" || len(out.Result.Warnings) != 1 {
		t.Error(out.text)
	}
}

func TestHelmLibrariesWarningsAreInTheAnswer(t *testing.T) {
	root := snapshot(t, chartFiles(map[string]string{"chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\ndeprecated: true\n",
		"chart/templates/deploy.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"}))
	out := mustRender(t, "helm", helmOf(root, params{"values": []params{{"replicas": params{"a": "SECRET"}}, {"image": "x"}}}))
	text := strings.Join(out.Result.Warnings, "\n")
	if !strings.Contains(text, "deprecated") || !strings.Contains(text, "web.replicas") || strings.Contains(text, "SECRET") {
		t.Error(out.Result.Warnings)
	}
}

func TestHelmCapabilitiesAreTheCallers(t *testing.T) {
	root := snapshot(t, chartFiles(map[string]string{"chart/templates/c.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {v: {{ .Capabilities.KubeVersion.Version }}, has: {{ .Capabilities.APIVersions.Has "x.io/v1/W" | quote }}, install: {{ .Release.IsInstall | quote }}}
`}))
	out := mustRender(t, "helm", helmOf(root, params{"kube_version": "v1.31.2", "api_versions": []string{"x.io/v1", "x.io/v1/W"}}))
	if !reflect.DeepEqual(at(t, kindOf(t, out, "ConfigMap"), "data"), map[string]any{"v": "v1.31.2", "has": "true", "install": "true"}) {
		t.Error(out.text)
	}
}

func TestHelmIgnoreIsHonoured(t *testing.T) {
	root := snapshot(t, chartFiles(map[string]string{"chart/.helmignore": "*.bak\n/secretdir/\n", "chart/templates/x.bak": "{{ broken", "chart/secretdir/x": "no",
		"chart/templates/g.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: g}\ndata: {n: {{ len (.Files.Glob \"**\") | quote }}}\n"}))
	out := mustRender(t, "helm", helmOf(root, nil))
	if hasRead(out.Result.Reads, "chart/secretdir/x", "file") || !hasRead(out.Result.Reads, "chart/.helmignore", "file") {
		t.Error(out.Result.Reads)
	}
}

func TestP1ValueFilesOutsideOfTheRepositoryAreRefused(t *testing.T) {
	secret, content := secretFile(t)
	root := snapshot(t, chartFiles(map[string]string{"chart/link.yaml": "-> " + secret, "chart/dir": "-> /etc"}))
	for _, name := range []string{"../../b/values.yaml", "../../../../../../etc/passwd", "file:///etc/passwd", "link.yaml", "dir/passwd", "/../x", "dir/*.yaml", "ftp://h/v.yaml", "../../*.yaml"} {
		for _, extra := range []params{
			{"value_files": []string{name}}, {"value_files": []string{name}, "ignore_missing_value_files": true}, {"file_parameters": []params{{"name": "a", "path": name}}},
		} {
			if extra["file_parameters"] != nil && strings.Contains(name, "*") {
				continue
			}
			out := call(t, "helm", helmOf(root, extra))
			if out.Error == nil || out.Error.Code != codePath || strings.Contains(out.text, content) {
				t.Errorf("%v: %s", extra, out.text)
			}
		}
	}
	mustFail(t, codeMissing, "helm", helmOf(snapshot(t, chartFiles(nil)), params{"value_files": []string{"/etc/passwd"}})) // "/" is the root of the repository
}

func TestP4ChartFilesThatAreLinksOutAreRefused(t *testing.T) {
	secret, content := secretFile(t)
	for _, name := range []string{"values.yaml", "Chart.yaml", "templates/a.yaml", "charts/b", "crds/x.yaml", "files/data", ".helmignore", "values.schema.json", "templates"} {
		t.Run(name, func(t *testing.T) {
			files := chartFiles(nil)
			target := secret
			if name == "charts/b" || name == "templates" {
				target = "/etc"
			}
			for file := range files {
				if strings.HasPrefix(file, "chart/"+name+"/") {
					delete(files, file)
				}
			}
			files["chart/"+name] = "-> " + target
			out := call(t, "helm", helmOf(snapshot(t, files), nil))
			if out.Error == nil || out.Error.Code != codePath || !strings.Contains(out.Error.Message, "chart/"+name) || strings.Contains(out.text, content) {
				t.Fatal(out.text)
			}
		})
	}
	inside := chartFiles(map[string]string{"shared.yaml": "replicas: 7\n", "chart/values.yaml": "-> ../shared.yaml"})
	delete(inside, "chart/templates/deploy.yaml")
	out := mustRender(t, "helm", helmOf(snapshot(t, inside), nil))
	if !hasRead(out.Result.Reads, "shared.yaml", "file") || !hasRead(out.Result.Reads, "chart/values.yaml", "file") {
		t.Error(out.Result.Reads)
	}
}

func TestP7LinksToFoldersAboveEndInAnError(t *testing.T) {
	root := snapshot(t, chartFiles(map[string]string{"chart/files/up": "-> ../.."}))
	out := call(t, "helm", helmOf(root, nil))
	if out.Error == nil {
		t.Fatal("an endless folder was rendered")
	}
}

// entry is one entry of a hostile archive.
type entry struct {
	name, content, link string
	kind                byte
}

func packEntries(t testing.TB, entries []entry) string {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	for _, e := range entries {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		header := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o644, Size: int64(len(e.content)), Linkname: e.link}
		if err := writer.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func pack(t testing.TB, files map[string]string) string {
	var entries []entry
	for name, content := range files {
		entries = append(entries, entry{name: name, content: content})
	}
	return packEntries(t, entries)
}

var subChart = entry{name: "sub/Chart.yaml", content: "apiVersion: v2\nname: sub\nversion: 0.1.0\n"}

func renderWithArchive(t *testing.T, archive string) rendered {
	t.Helper()
	return call(t, "helm", helmOf(snapshot(t, chartFiles(map[string]string{"chart/charts/sub-0.1.0.tgz": archive})), nil))
}

func TestP8UnsafeNamesInArchivesAreRefused(t *testing.T) {
	for _, name := range []string{"../evil", "a/../../evil", `C:\evil`, "C:/evil", "/etc/evil", `sub\evil`, "sub/../../x", "sub/a/../../../x", "evil", "sub/new\nline"} {
		out := renderWithArchive(t, packEntries(t, []entry{subChart, {name: name, content: "x"}}))
		if out.Error == nil || out.Error.Code != codePath || out.Error.File != "chart/charts/sub-0.1.0.tgz" {
			t.Errorf("%q: %s", name, out.text)
		}
	}
	if _, err := safeName("a\x00b"); err == nil {
		t.Error("NUL in a name was taken")
	}
}

func TestP9ChartNamesThatArePathsAreRefused(t *testing.T) {
	for _, name := range []string{"../../x", ".", "..", "a/b", "-x", `a\b`, "a b", "{{ x }}"} {
		yaml := fmt.Sprintf("apiVersion: v2\nname: %q\nversion: 1.0.0\n", name)
		mustFail(t, codeParse, "helm", helmOf(snapshot(t, chartFiles(map[string]string{"chart/Chart.yaml": yaml})), nil))
		mustFail(t, codeParse, "helm", helmOf(snapshot(t, chartFiles(map[string]string{"chart/charts/s/Chart.yaml": yaml})), nil))
	}
}

func TestP10SpecialEntriesInArchivesAreRefused(t *testing.T) {
	for name, entries := range map[string][]entry{
		"link then file":  {{name: "sub/d", kind: tar.TypeSymlink, link: "/tmp"}, {name: "sub/d/x", content: "x"}},
		"link inside":     {{name: "sub/l", kind: tar.TypeSymlink, link: "Chart.yaml"}},
		"hard link":       {{name: "sub/h", kind: tar.TypeLink, link: "/etc/shadow"}},
		"device":          {{name: "sub/z", kind: tar.TypeChar}},
		"block device":    {{name: "sub/z", kind: tar.TypeBlock}},
		"fifo":            {{name: "sub/z", kind: tar.TypeFifo}},
		"same name twice": {{name: "sub/a", content: "1"}, {name: "sub/a", content: "2"}},
		"same name clean": {{name: "sub/a", content: "1"}, {name: "sub/./a", content: "2"}},
	} {
		out := renderWithArchive(t, packEntries(t, append([]entry{subChart}, entries...)))
		if out.Error == nil || out.Error.Code != codePath {
			t.Errorf("%s: %s", name, out.text)
		}
	}
	if out := renderWithArchive(t, "no archive"); out.Error == nil || out.Error.Code != codeParse {
		t.Error(out.text)
	}
	whole := packEntries(t, []entry{subChart, {name: "sub/x", content: strings.Repeat("x", 5000)}})
	if out := renderWithArchive(t, whole[:len(whole)-20]); out.Error == nil || out.Error.Code != codeParse {
		t.Error(out.text)
	}
}

func TestD2ArchiveBombsAreLimitErrors(t *testing.T) {
	zeros := strings.Repeat("\x00", 30<<20)
	big := packEntries(t, []entry{subChart, {name: "sub/a", content: zeros}, {name: "sub/b", content: zeros}, {name: "sub/c", content: zeros}, {name: "sub/d", content: zeros}})
	many := []entry{subChart}
	for i := range maxArchiveEntries {
		many = append(many, entry{name: fmt.Sprintf("sub/d%d/", i), kind: tar.TypeDir})
	}
	nested := packEntries(t, []entry{subChart})
	for range maxArchiveNesting + 2 {
		nested = packEntries(t, []entry{subChart, {name: "sub/charts/sub-0.1.0.tgz", content: nested}})
	}
	for name, archive := range map[string]string{"size": big, "entries": packEntries(t, many), "nesting": nested} {
		if out := renderWithArchive(t, archive); out.Error == nil || out.Error.Code != codeLimit {
			t.Errorf("%s: %.500s", name, out.text)
		}
	}
}

func TestD5SchemasReferToNothingOutside(t *testing.T) {
	for name, schema := range map[string]string{
		"device": `{"$ref":"file:///dev/zero"}`, "file": `{"properties":{"a":{"$ref":"file:///etc/passwd#/x"}}}`, "http": `{"$ref":"http://127.0.0.1:1/s.json"}`,
		"https": `{"$ref":"https://127.0.0.1:1/s.json"}`, "relative": `{"$ref":"other.json"}`, "id": `{"$id":"http://127.0.0.1:1/a","$ref":"b"}`, "meta": `{"$schema":"http://127.0.0.1:1/meta"}`,
	} {
		out := call(t, "helm", helmOf(snapshot(t, chartFiles(map[string]string{"chart/values.schema.json": schema})), nil))
		if out.Error == nil || out.Error.Code != codeRefused {
			t.Errorf("%s: %s", name, out.text)
		}
	}
	good := `{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"n":{"type":"integer"}},"properties":{"replicas":{"$ref":"#/definitions/n"}}}`
	mustRender(t, "helm", helmOf(snapshot(t, chartFiles(map[string]string{"chart/values.schema.json": good})), nil))
}

func TestD5DeepSchemasAreLimitErrors(t *testing.T) {
	var chain strings.Builder
	chain.WriteString(`{"$ref":"#/definitions/d0","definitions":{`)
	for i := range 100_000 {
		fmt.Fprintf(&chain, `"d%d":{"$ref":"#/definitions/d%d"},`, i, i+1)
	}
	chain.WriteString(`"d100000":{}}}`)
	deep := strings.Repeat(`{"not":`, 5000) + "{}" + strings.Repeat("}", 5000)
	for _, schema := range []string{chain.String(), deep} {
		mustFail(t, codeLimit, "helm", helmOf(snapshot(t, chartFiles(map[string]string{"chart/values.schema.json": schema})), nil))
	}
}

func TestD6HugeParameterNamesAreLimitErrors(t *testing.T) {
	root := snapshot(t, chartFiles(nil))
	for _, name := range []string{"a[2000000000]", "a[65537]", "a[99999999999999999999]", strings.Repeat("a.", 31) + "b", strings.Repeat(".", 100_000), strings.Repeat("a", 2000), "a" + strings.Repeat("[0]", 31)} {
		mustFail(t, codeLimit, "helm", helmOf(root, params{"parameters": []params{{"name": name, "value": "1"}}}))
		mustFail(t, codeLimit, "helm", helmOf(root, params{"file_parameters": []params{{"name": name, "path": "Chart.yaml"}}}))
	}
	for _, name := range []string{"", "a,b", "a=b", "{a}"} {
		mustFail(t, codeRequest, "helm", helmOf(root, params{"parameters": []params{{"name": name, "value": "1"}}}))
	}
}

func TestD8AliasBombsInValuesAreLimitErrors(t *testing.T) {
	root := snapshot(t, chartFiles(map[string]string{"chart/bomb.yaml": bomb()}))
	mustFail(t, codeLimit, "helm", helmOf(root, params{"value_files": []string{"bomb.yaml"}}))
	mustFail(t, codeLimit, "helm", helmOf(snapshot(t, chartFiles(map[string]string{"chart/values.yaml": bomb()})), nil))
	mustFail(t, codeLimit, "helm", helmOf(snapshot(t, chartFiles(map[string]string{"chart/templates/b.yaml": bomb()})), nil))
}

func TestE5TemplatesResolveNoNames(t *testing.T) {
	root := snapshot(t, chartFiles(map[string]string{"chart/templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {ip: {{ getHostByName \"localhost\" | quote }}}\n"}))
	if got := at(t, kindOf(t, mustRender(t, "helm", helmOf(root, nil)), "ConfigMap"), "data.ip"); got != "" {
		t.Error(got)
	}
}

func TestE6LookupFindsNothing(t *testing.T) {
	root := snapshot(t, chartFiles(map[string]string{"chart/templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {s: {{ lookup \"v1\" \"Secret\" \"kube-system\" \"\" | toJson | quote }}}\n"}))
	if got := at(t, kindOf(t, mustRender(t, "helm", helmOf(root, nil)), "ConfigMap"), "data.s"); got != "{}" {
		t.Error(got)
	}
}

func BenchmarkHelmSmall(b *testing.B) {
	root := snapshot(b, chartFiles(nil))
	for b.Loop() {
		mustRender(b, "helm", helmOf(root, params{"values": []params{{"replicas": 2}}}))
	}
}

func BenchmarkDirectorySmall(b *testing.B) {
	root := snapshot(b, map[string]string{"a.yaml": deployment, "b.yaml": cm("b"), "c.yaml": deployment})
	for b.Loop() {
		mustRender(b, "directory", params{"root": root, "path": "."})
	}
}

func TestHelmSchemaErrorsSayWhatIsWrongWhereWithoutTheValue(t *testing.T) {
	schema := `{"required":["host"],"properties":{"replicas":{"type":"string"},"image":{"properties":{"tag":{"pattern":"^v"}}},
"mail":{"format":"email"},"list":{"items":{"type":"integer"}},"either":{"anyOf":[{"type":"integer"},{"type":"boolean"}]},"one":{"oneOf":[{"type":"string"},{"minLength":1}]},"size":{"enum":["s","m"]}}}`
	values := params{"image": params{"tag": "CANARY"}, "mail": "CANARY", "list": []any{1, "CANARY"}, "either": "CANARY", "one": "CANARY", "size": "CANARY"}
	root := snapshot(t, chartFiles(map[string]string{"chart/values.schema.json": schema}))
	fault := mustFail(t, codeRender, "helm", helmOf(root, params{"values": []params{values}}))
	for _, want := range []string{"web: missing property 'host'", "web: replicas: got number, want string", "web: image.tag: does not match the pattern ^v", "web: list[1]: got string, want integer",
		"web: either: fits none of the allowed forms (either: got string, want integer, or either: got string, want boolean)", "web: one: fits more than one", "web: size: value must be one of 's', 'm'"} {
		if !strings.Contains(fault.Message, want) {
			t.Errorf("%q is not in %s", want, fault.Message)
		}
	}
	if strings.Contains(fault.Message, "CANARY") {
		t.Error(fault.Message)
	}
}
