package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// round asks for a Helm render with what was supplied before; it tells the needs that are left.
func round(t testing.TB, p params, roots map[string]string, given ...Given) (rendered, []Need) {
	t.Helper()
	encoded, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	job := &Job{ctx: ctx, params: encoded, supply: newSupply(&Request{Roots: roots, Given: given})}
	body := answer(1, job, renderHelm)
	var out struct {
		rendered
		Needs []Need `json:"needs"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		t.Fatal(err)
	}
	out.text = string(body)
	return out.rendered, out.Needs
}

func settled(t testing.TB, p params, roots map[string]string, given ...Given) rendered {
	t.Helper()
	out, needs := round(t, p, roots, given...)
	if out.Error != nil || len(needs) > 0 {
		t.Fatalf("%+v %v", out.Error, needs)
	}
	return out
}

func refused(t testing.TB, code Code, p params, roots map[string]string, given ...Given) *Fault {
	t.Helper()
	out, needs := round(t, p, roots, given...)
	if out.Error == nil || out.Error.Code != code || len(needs) > 0 {
		t.Fatalf("expected an error of code %s: %.2000s", code, out.text)
	}
	return out.Error
}

// dump is a chart that shows its values.
func dump(extra map[string]string) map[string]string {
	files := map[string]string{
		"chart/Chart.yaml":        "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"chart/templates/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: values}\ndata: {{ toJson .Values }}\n",
	}
	maps.Copy(files, extra)
	return files
}

func valuesOf(t testing.TB, out rendered) map[string]any {
	t.Helper()
	values, _ := at(t, kindOf(t, out, "ConfigMap"), "data").(map[string]any)
	return values
}

func TestHelmValueFilesOfOtherSources(t *testing.T) {
	root := snapshot(t, dump(map[string]string{"chart/own.yaml": "a: own\nfrom: own\n", "values/prod.yaml": "a: never\n"}))
	other := snapshot(t, map[string]string{"prod.yaml": "from: ref\nb: 1\n", "env/a.yaml": "c: a\n", "env/b.yaml": "c: b\n", "key.txt": "KEY"})
	roots := map[string]string{"$values": other}
	out := settled(t, helmOf(root, params{
		"value_files":     []string{"own.yaml", "$values/prod.yaml", "$values/env/*.yaml"},
		"file_parameters": []params{{"name": "key", "path": "$values/key.txt"}},
	}), roots)
	want := map[string]any{"a": "own", "from": "ref", "b": json.Number("1"), "c": "b", "key": "KEY"}
	if got := valuesOf(t, out); !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
	for _, read := range []Read{{"prod.yaml", "file", "$values"}, {"env", "dir", "$values"}, {"key.txt", "file", "$values"}, {"chart/own.yaml", "file", ""}} {
		if !slices.Contains(out.Result.Reads, read) {
			t.Errorf("%v is not among %v", read, out.Result.Reads)
		}
	}
	missing := helmOf(root, params{"value_files": []string{"$values/nope.yaml"}})
	if fault := refused(t, codeMissing, missing, roots); !strings.Contains(fault.Message, `"$values/nope.yaml"`) {
		t.Error(fault)
	}
	missing["ignore_missing_value_files"] = true
	if out := settled(t, missing, roots); !slices.Contains(out.Result.Reads, Read{"nope.yaml", "missing", "$values"}) {
		t.Error(out.Result.Reads)
	}
	broken := snapshot(t, map[string]string{"v.yaml": "a: b\nc: d: e\n"})
	fault := refused(t, codeParse, helmOf(root, params{"value_files": []string{"$values/v.yaml"}}), map[string]string{"$values": broken})
	if fault.File != "$values/v.yaml" || fault.Line != 2 {
		t.Errorf("%+v", *fault)
	}
	refused(t, codeRequest, helmOf(root, params{"value_files": []string{"$values"}}), roots)
	// A name that is no source is a path like any other.
	refused(t, codeMissing, helmOf(root, params{"value_files": []string{"$others/prod.yaml"}}), roots)
}

func TestP1ValueFilesOutsideOfTheirSourceAreRefused(t *testing.T) {
	secret, content := secretFile(t)
	root := snapshot(t, dump(nil))
	roots := map[string]string{"$values": snapshot(t, map[string]string{"link.yaml": "-> " + secret, "dir": "-> /etc", "sub/up.yaml": "-> ../../x"})}
	for _, name := range []string{"$values/../x.yaml", "$values/a/../../x", "$values//../x", "$values/link.yaml", "$values/dir/passwd", "$values/sub/up.yaml", "$values/*.yaml", "$values/https://h/v", "$values/../*.yaml"} {
		for _, extra := range []params{{"value_files": []string{name}, "ignore_missing_value_files": true}, {"file_parameters": []params{{"name": "a", "path": name}}}} {
			if extra["file_parameters"] != nil && strings.Contains(name, "*") {
				continue
			}
			out, needs := round(t, helmOf(root, extra), roots)
			if out.Error == nil || out.Error.Code != codePath || len(needs) > 0 || strings.Contains(out.text, content) {
				t.Errorf("%v: %s", extra, out.text)
			}
		}
	}
}

func TestHelmValueFilesComeOnceAtTheirOwnPlace(t *testing.T) {
	root := snapshot(t, dump(map[string]string{"chart/a.yaml": "v: a\n", "chart/b.yaml": "v: b\n", "chart/c.yaml": "v: c\n"}))
	for want, names := range map[string][]string{
		"c": {"?.yaml"},
		"a": {"?.yaml", "a.yaml"},           // named itself: not by the glob
		"b": {"a.yaml", "b.yaml", "a.yaml"}, // the first place counts
	} {
		out := mustRender(t, "helm", helmOf(root, params{"value_files": names}))
		if got := valuesOf(t, out)["v"]; got != want {
			t.Errorf("%v: %v", names, got)
		}
	}
	out := mustRender(t, "helm", helmOf(root, params{"value_files": []string{"[bc].yaml", "?.yaml"}}))
	if got := valuesOf(t, out)["v"]; got != "a" {
		t.Error(got)
	}
}

func TestHelmValueFilesOfTheWebAreAskedForAllAtOnce(t *testing.T) {
	root := snapshot(t, dump(map[string]string{"chart/own.yaml": "from: own\n"}))
	p := helmOf(root, params{
		"value_files":     []string{"https://example.org/a.yaml", "own.yaml", "HTTP://example.org/b.yaml"},
		"file_parameters": []params{{"name": "f", "path": "https://example.org/f.txt"}},
	})
	a, b, f := Need{Kind: needHTTP, URL: "https://example.org/a.yaml"}, Need{Kind: needHTTP, URL: "http://example.org/b.yaml"}, Need{Kind: needHTTP, URL: "https://example.org/f.txt"}
	if _, needs := round(t, p, nil); !reflect.DeepEqual(needs, []Need{a, b, f}) {
		t.Error(needs)
	}
	given := []Given{{Need: a, Content: []byte("from: a\na: 1\n")}, {Need: b, Content: []byte("b: 2\n")}, {Need: f, Content: []byte("text")}}
	want := map[string]any{"from": "own", "a": json.Number("1"), "b": json.Number("2"), "f": "text"}
	if got := valuesOf(t, settled(t, p, nil, given...)); !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
	// A file that cannot be had is never taken for one that may be missing.
	p["ignore_missing_value_files"] = true
	given[0] = Given{Need: a, Error: "example.org answers 404", Hint: "look"}
	if fault := refused(t, codeMissing, p, nil, given...); fault.Message != "example.org answers 404" {
		t.Error(fault)
	}
	given[0] = Given{Need: a, Content: []byte("a: [")}
	if fault := refused(t, codeParse, p, nil, given...); fault.File != a.URL {
		t.Error(fault)
	}
	refused(t, codeRefused, helmOf(root, params{"value_files": []string{"https://u:p@example.org/v.yaml"}}), nil)
}

// library are charts as a repository serves them, unpacked.
var library = map[string]map[string]string{
	"redis 17.0.2": {
		"Chart.yaml": "apiVersion: v2\nname: redis\nversion: 17.0.2\n", "values.yaml": "who: default\nexports: {data: {imported: it}}\n",
		"templates/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}-{{ .Values.who }}}\n", ".helmignore": "templates/\n",
	},
	"redis 16.1.0": {
		"Chart.yaml": "apiVersion: v2\nname: redis\nversion: 16.1.0\n", "values.yaml": "who: old\n",
		"templates/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}-{{ .Values.who }}}\n",
	},
	"common 1.0.0": {"Chart.yaml": "apiVersion: v2\nname: common\nversion: 1.0.0\ntype: library\n", "templates/_x.tpl": `{{ define "common.x" }}x{{ end }}`},
}

const repository = "https://charts.example.org"

func chartNeed(name, version string) Need {
	return Need{Kind: needChart, URL: repository, Name: name, Version: version}
}

func stocked(t testing.TB, need Need, chart string) Given {
	return Given{Need: need, Root: snapshot(t, library[chart])}
}

func withDependencies(yaml string, extra map[string]string) map[string]string {
	files := chartFiles(map[string]string{"chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n" + strings.ReplaceAll(yaml, "REPO", repository)})
	maps.Copy(files, extra)
	return files
}

func TestHelmDependenciesAreAskedForAllAtOnce(t *testing.T) {
	root := snapshot(t, withDependencies("- {name: redis, version: ^17.0.0, repository: REPO}\n- {name: common, version: 1.x, repository: REPO}\n- {name: here, version: '*', repository: file://../here}\n",
		map[string]string{"here/Chart.yaml": "apiVersion: v2\nname: here\nversion: 2.0.0\ndependencies: [{name: redis, version: ~16, repository: 'oci://registry.example.org/charts'}]\n"}))
	redis, common, old := chartNeed("redis", "^17.0.0"), chartNeed("common", "1.x"), Need{Kind: needChart, URL: "oci://registry.example.org/charts", Name: "redis", Version: "~16"}
	if _, needs := round(t, helmOf(root, nil), nil); !reflect.DeepEqual(needs, []Need{redis, common, old}) {
		t.Fatal(needs)
	}
	out := settled(t, helmOf(root, params{"values": []params{{"redis": params{"who": "me"}}}}), nil,
		stocked(t, redis, "redis 17.0.2"), stocked(t, common, "common 1.0.0"), stocked(t, old, "redis 16.1.0"))
	if got := strings.Join(names(out), " "); !strings.Contains(got, "ConfigMap/redis-me") || !strings.Contains(got, "ConfigMap/redis-old") {
		t.Error(got)
	}
	for _, m := range out.Result.Manifests {
		if at(t, m.Object, "metadata.name") == "redis-me" && m.File != "chart/charts/redis/templates/cm.yaml" {
			t.Error(m.File)
		}
	}
	for _, read := range out.Result.Reads {
		if strings.Contains(read.Path, "redis") {
			t.Error("what was given is not a read:", read)
		}
	}
}

func TestHelmDependencyAliasesConditionsTagsAndImports(t *testing.T) {
	one, other := chartNeed("redis", "17.0.2"), chartNeed("redis", "16.1.0")
	given := []Given{stocked(t, one, "redis 17.0.2"), stocked(t, other, "redis 16.1.0")}
	aliased := snapshot(t, withDependencies("- {name: redis, version: 17.0.2, repository: REPO, alias: cache, import-values: [data]}\n- {name: redis, version: 16.1.0, repository: REPO, alias: queue}\n",
		map[string]string{"chart/templates/i.yaml": "apiVersion: v1\nkind: Imported\nmetadata: {name: i-{{ .Values.imported }}}\n"}))
	out := settled(t, helmOf(aliased, params{"values": []params{{"cache": params{"who": "me"}}}}), nil, given...)
	got := strings.Join(names(out), " ")
	for _, want := range []string{"ConfigMap/cache-me", "ConfigMap/queue-old", "Imported/i-it"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	twice := snapshot(t, withDependencies("- {name: redis, version: 17.0.2, repository: REPO, alias: a}\n- {name: redis, version: 17.0.2, repository: REPO, alias: b}\n", nil))
	if got := strings.Join(names(settled(t, helmOf(twice, nil), nil, given[0])), " "); strings.Count(got, "-default") != 2 {
		t.Error(got)
	}
	chosen := snapshot(t, withDependencies("- {name: redis, version: 17.0.2, repository: REPO, condition: 'redis.enabled,all.enabled'}\n- {name: common, version: 1.0.0, repository: REPO, tags: [lib]}\n", nil))
	for _, c := range []struct {
		values params
		needs  []Need
	}{
		{params{"redis": params{"enabled": false}, "tags": params{"lib": false}}, nil}, // what is off need not be fetched
		{params{"redis": params{"enabled": true}, "tags": params{"lib": false}}, []Need{one}},
		{params{"all": params{"enabled": false}, "tags": params{"lib": false}}, []Need{one}}, // its own values may say redis.enabled
		{params{"redis": params{"enabled": false}}, []Need{chartNeed("common", "1.0.0")}},
	} {
		if _, needs := round(t, helmOf(chosen, params{"values": []params{c.values}}), nil); !reflect.DeepEqual(needs, c.needs) {
			t.Errorf("%v: %v", c.values, needs)
		}
	}
}

func TestHelmDependenciesOfVersionOneCharts(t *testing.T) {
	files := chartFiles(map[string]string{"chart/Chart.yaml": "name: web\nversion: 1.0.0\n", "chart/requirements.yaml": "dependencies:\n- {name: redis, version: ^17, repository: " + repository + "}\n"})
	root, need := snapshot(t, files), chartNeed("redis", "^17")
	if _, needs := round(t, helmOf(root, nil), nil); !reflect.DeepEqual(needs, []Need{need}) {
		t.Error(needs)
	}
	settled(t, helmOf(root, nil), nil, stocked(t, need, "redis 17.0.2"))
	if fault := refused(t, codeMissing, helmOf(root, nil), nil, Given{Need: need, Error: "cannot be had"}); fault.File != "chart/requirements.yaml" {
		t.Errorf("%+v", *fault)
	}
}

func TestHelmLockFilesPinDependenciesWhileTheyFit(t *testing.T) {
	// The digests are those that `helm dependency update` writes for these dependencies.
	dependencies := "- {name: redis, version: ^17.0.0, repository: REPO}\n"
	lock := "dependencies:\n- name: redis\n  repository: " + repository + "\n  version: 17.0.2\ndigest: sha256:" +
		sha256Of(`[[{"name":"redis","version":"^17.0.0","repository":"https://charts.example.org"}],[{"name":"redis","version":"17.0.2","repository":"https://charts.example.org"}]]`) +
		"\ngenerated: \"2026-01-02T03:04:05Z\"\n"
	pinned := snapshot(t, withDependencies(dependencies, map[string]string{"chart/Chart.lock": lock}))
	if _, needs := round(t, helmOf(pinned, nil), nil); !reflect.DeepEqual(needs, []Need{chartNeed("redis", "17.0.2")}) {
		t.Error(needs)
	}
	stale := snapshot(t, withDependencies(strings.Replace(dependencies, "17.0.0", "17.1.0", 1), map[string]string{"chart/Chart.lock": lock}))
	if _, needs := round(t, helmOf(stale, nil), nil); !reflect.DeepEqual(needs, []Need{chartNeed("redis", "^17.1.0")}) {
		t.Error(needs)
	}
	// Charts of Helm 2 lock the dependencies alone.
	second := "dependencies:\n- {name: redis, repository: REPO, version: 17.0.2}\ndigest: sha256:" +
		sha256Of(`{"dependencies":[{"name":"redis","version":"^17.0.0","repository":"https://charts.example.org"}]}`) + "\n"
	old := chartFiles(map[string]string{"chart/Chart.yaml": "name: web\nversion: 1.0.0\n",
		"chart/requirements.yaml": "dependencies:\n" + strings.ReplaceAll(dependencies, "REPO", repository), "chart/requirements.lock": strings.ReplaceAll(second, "REPO", repository)})
	if _, needs := round(t, helmOf(snapshot(t, old), nil), nil); !reflect.DeepEqual(needs, []Need{chartNeed("redis", "17.0.2")}) {
		t.Error(needs)
	}
	out, _ := round(t, helmOf(stale, nil), nil, stocked(t, chartNeed("redis", "^17.1.0"), "redis 17.0.2"))
	if out.Error == nil || !strings.Contains(out.Error.Message, "17.0.2 instead") {
		t.Error(out.text)
	}
}

func TestHelmDependenciesThatCannotBe(t *testing.T) {
	need := chartNeed("redis", "17.0.2")
	for name, c := range map[string]struct {
		dependency string
		code       Code
		says       string
		given      []Given
	}{
		"alias":       {`{name: redis, version: 17.0.2, repository: "alias:stable"}`, codeRefused, `alias "alias:stable"`, nil},
		"at":          {`{name: redis, version: 17.0.2, repository: "@stable"}`, codeRefused, `alias "@stable"`, nil},
		"name":        {`{name: redis, version: 17.0.2, repository: stable}`, codeRefused, "oci:// or file://", nil},
		"none":        {`{name: redis, version: 17.0.2}`, codeMissing, "names no repository", nil},
		"no version":  {`{name: redis, repository: REPO}`, codeParse, "invalid version", nil},
		"bad version": {`{name: redis, version: "a b", repository: REPO}`, codeParse, "invalid version", nil},
		"bad name":    {`{name: ../redis, version: 17.0.2, repository: REPO}`, codeParse, "not valid", nil},
		"no host":     {`{name: redis, version: 17.0.2, repository: "https://"}`, codeParse, "not a URL", nil},
		"not there":   {`{name: redis, version: 17.0.2, repository: REPO}`, codeMissing, "gone", []Given{{Need: need, Error: "the chart is gone"}}},
		"other chart": {`{name: redis, version: 17.0.2, repository: REPO}`, codeMissing, "common 1.0.0 instead", []Given{stocked(t, need, "common 1.0.0")}},
		"no chart":    {`{name: redis, version: 17.0.2, repository: REPO}`, codeParse, "redis: chart cannot be loaded", []Given{{Need: need, Root: t.TempDir()}}},
		"null":        {`null`, codeParse, "null", nil},
	} {
		t.Run(name, func(t *testing.T) {
			root := snapshot(t, withDependencies("- "+c.dependency+"\n", nil))
			fault := refused(t, c.code, helmOf(root, nil), nil, c.given...)
			if !strings.Contains(fault.Message, c.says) || !strings.HasPrefix(fault.File, "chart/") {
				t.Errorf("%+v", *fault)
			}
		})
	}
}

func TestHelmRendersWithoutWhatAPackagedChartLacks(t *testing.T) {
	need := chartNeed("redis", "17.0.2")
	packed := snapshot(t, map[string]string{"Chart.yaml": "apiVersion: v2\nname: redis\nversion: 17.0.2\ndependencies: [{name: x, version: 1.0.0, repository: 'https://other.example.org'}]\n"})
	out := settled(t, helmOf(snapshot(t, withDependencies("- {name: redis, version: 17.0.2, repository: REPO}\n", nil)), nil), nil, Given{Need: need, Root: packed})
	if len(out.Result.Warnings) != 1 || !strings.Contains(out.Result.Warnings[0], "dependency x") {
		t.Error(out.Result.Warnings)
	}
}

func TestHelmRendersAChartSource(t *testing.T) {
	files := map[string]string{}
	for name, content := range chartFiles(map[string]string{"chart/prod.yaml": "replicas: 9\n"}) {
		files[strings.TrimPrefix(name, "chart/")] = content
	}
	out := mustRender(t, "helm", helmOf(snapshot(t, files), params{"path": ".", "value_files": []string{"prod.yaml"}}))
	if at(t, kindOf(t, out, "Deployment"), "spec.replicas") != json.Number("9") || out.Result.Manifests[1].File != "templates/deploy.yaml" {
		t.Error(out.text)
	}
}

func TestP4FetchedChartsThatLinkOutAreRefused(t *testing.T) {
	secret, content := secretFile(t)
	root := snapshot(t, withDependencies("- {name: redis, version: 17.0.2, repository: REPO}\n", nil))
	for _, name := range []string{"values.yaml", "templates/x.yaml", "charts/s", ".helmignore"} {
		packed := snapshot(t, map[string]string{"Chart.yaml": "apiVersion: v2\nname: redis\nversion: 17.0.2\n", name: "-> " + secret})
		out, _ := round(t, helmOf(root, nil), nil, Given{Need: chartNeed("redis", "17.0.2"), Root: packed})
		if out.Error == nil || out.Error.Code != codePath || !strings.HasPrefix(out.Error.File, "chart/charts/redis/") || strings.Contains(out.text, content) {
			t.Errorf("%s: %s", name, out.text)
		}
	}
}

func TestP9FetchedChartsOfAnotherNameAreRefused(t *testing.T) {
	root := snapshot(t, withDependencies("- {name: redis, version: 17.0.2, repository: REPO}\n", nil))
	for _, name := range []string{"../x", "other", "a/b"} {
		packed := snapshot(t, map[string]string{"Chart.yaml": fmt.Sprintf("apiVersion: v2\nname: %q\nversion: 17.0.2\n", name)})
		if out, _ := round(t, helmOf(root, nil), nil, Given{Need: chartNeed("redis", "17.0.2"), Root: packed}); out.Error == nil {
			t.Error(out.text)
		}
	}
}

func TestE4LockFilesThatAreLinksOutAreRefused(t *testing.T) {
	secret, content := secretFile(t)
	root := snapshot(t, withDependencies("- {name: redis, version: 17.0.2, repository: REPO}\n", map[string]string{"chart/Chart.lock": "-> " + secret}))
	out, needs := round(t, helmOf(root, nil), nil)
	if out.Error == nil || out.Error.Code != codePath || len(needs) > 0 || strings.Contains(out.text, content) {
		t.Error(out.text)
	}
}

func TestE9DependenciesAreAskedForAtRepositoriesOnly(t *testing.T) {
	for _, address := range []string{"s3::https://h/x", "hg::h/x", "git+https://h/x", "ftp://h/x", "gopher://h", "file:/etc", "FILE:///etc", "https://u:p@h/x", "oci://u@h/x", "https://h/x#y", "ssh://git@h/x", "--upload-pack=x"} {
		root := snapshot(t, withDependencies("- {name: redis, version: 17.0.2, repository: '"+address+"'}\n", nil))
		out, needs := round(t, helmOf(root, nil), nil)
		if out.Error == nil || len(needs) > 0 || strings.Contains(out.text, "u:p") {
			t.Errorf("%s: %s", address, out.text)
		}
	}
}

func TestHelmCRDsOfSubchartsComeInOneOrder(t *testing.T) {
	files := chartFiles(nil)
	for _, name := range []string{"a", "b", "c", "d"} {
		files["chart/charts/"+name+"/Chart.yaml"] = "apiVersion: v2\nname: " + name + "\nversion: 1.0.0\n"
		files["chart/charts/"+name+"/crds/x.yaml"] = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: " + name + ".x.io}\n"
	}
	root := snapshot(t, files)
	first := mustRender(t, "helm", helmOf(root, nil)).text
	for range 20 {
		if again := mustRender(t, "helm", helmOf(root, nil)).text; again != first {
			t.Fatal("another order")
		}
	}
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
