package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestDirectoryRendersFilesInLexicalOrder(t *testing.T) {
	root := snapshot(t, map[string]string{
		"app/b.yaml": cm("b"), "app/a.json": `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}`,
		"app/c.yml": cm("c1") + "---\n" + cm("c2"), "app/notes.txt": "no", "app/sub/d.yaml": cm("d"),
		"app/e.jsonnet": `[{apiVersion:"v1",kind:"ConfigMap",metadata:{name:"e"+i}} for i in [1,2]]`,
		"app/skip.yaml": "# +argocd:skip-file-rendering\n{{ not yaml",
	})
	out := mustRender(t, "directory", params{"root": root, "path": "app"})
	want := []string{"Service/a", "ConfigMap/b", "ConfigMap/c1", "ConfigMap/c2", "ConfigMap/e1", "ConfigMap/e2"}
	if !reflect.DeepEqual(names(out), want) {
		t.Fatal(names(out))
	}
	if m := out.Result.Manifests[3]; m.File != "app/c.yml" || m.Line != 6 || m.Document != 1 {
		t.Errorf("%+v", m)
	}
	if !hasRead(out.Result.Reads, "app", "dir") || !hasRead(out.Result.Reads, "app/b.yaml", "file") || hasRead(out.Result.Reads, "app/sub/d.yaml", "file") {
		t.Error(out.Result.Reads)
	}
	deep := mustRender(t, "directory", params{"root": root, "path": "app", "recurse": true})
	if len(deep.Result.Manifests) != 7 || !hasRead(deep.Result.Reads, "app/sub", "dir") {
		t.Error(deep.text)
	}
}

func TestDirectoryIncludesAndExcludes(t *testing.T) {
	root := snapshot(t, map[string]string{"a.yaml": cm("a"), "b.yml": cm("b"), "x/a.yaml": cm("xa"), "x/b.yaml": cm("xb")})
	cases := []struct {
		include, exclude string
		want             []string
	}{
		{"", "", []string{"ConfigMap/a", "ConfigMap/b", "ConfigMap/xa", "ConfigMap/xb"}},
		{"{a.yaml,b.yml}", "", []string{"ConfigMap/a", "ConfigMap/b"}},
		{"*.yaml", "", []string{"ConfigMap/a", "ConfigMap/xa", "ConfigMap/xb"}},
		{"*", "x/*", []string{"ConfigMap/a", "ConfigMap/b"}},
		{"*.yaml", "*a.yaml", []string{"ConfigMap/xb"}},
	}
	for _, c := range cases {
		out := mustRender(t, "directory", params{"root": root, "path": ".", "recurse": true, "include": c.include, "exclude": c.exclude})
		if !reflect.DeepEqual(names(out), c.want) {
			t.Errorf("include %q exclude %q: %v", c.include, c.exclude, names(out))
		}
	}
	mustFail(t, codeRequest, "directory", params{"root": root, "path": ".", "include": "[a"})
}

func TestDirectoryFaults(t *testing.T) {
	root := snapshot(t, map[string]string{"a/x.yaml": cm("a") + "data: {\n", "f": "x", "big/b.yaml": cm("b") + "data: {k: " + strings.Repeat("x", 2000) + "}\n"})
	fault := mustFail(t, codeMissing, "directory", params{"root": root, "path": "nowhere"})
	if fault.Message != `"nowhere" does not exist in the repository` || fault.Hint == "" || !reflect.DeepEqual(fault.Reads, []Read{{Path: "nowhere", Kind: "missing"}}) {
		t.Errorf("%+v", *fault)
	}
	mustFail(t, codeMissing, "directory", params{"root": root, "path": "f"})
	mustFail(t, codeRequest, "directory", params{"root": root, "path": ".", "recurs": true})
	mustFail(t, codeRequest, "directory", params{"root": "relative", "path": "."})
	fault = mustFail(t, codeParse, "directory", params{"root": root, "path": "a"})
	if fault.File != "a/x.yaml" || fault.Line == 0 || len(fault.Reads) != 2 {
		t.Errorf("%+v", *fault)
	}
	fault = mustFail(t, codeLimit, "directory", params{"root": root, "path": "big", "max_bytes": 1000})
	if !strings.Contains(fault.Message, "1000") {
		t.Error(fault.Message)
	}
}

func TestP3LinksOutOfTheRepositoryAreRefused(t *testing.T) {
	secret, content := secretFile(t)
	for name, link := range map[string]string{
		"absolute file": "-> " + secret, "environment": "-> /proc/self/environ", "relative": "-> ../../../../../../../../etc/passwd",
		"folder": "-> ../..", "through a link": "-> out/x.yaml",
	} {
		t.Run(name, func(t *testing.T) {
			root := snapshot(t, map[string]string{"app/a.yaml": cm("a"), "app/x.yaml": link, "app/out": "-> /etc"})
			out := call(t, "directory", params{"root": root, "path": "app", "recurse": true})
			if out.Error == nil || out.Error.Code != codePath || !strings.Contains(out.Error.Message, "app/") || strings.Contains(out.text, content) {
				t.Fatal(out.text)
			}
		})
	}
}

func TestP3LinksInsideOfTheRepositoryAreFollowed(t *testing.T) {
	root := snapshot(t, map[string]string{"shared/a.yaml": cm("a"), "app/a.yaml": "-> ../shared/a.yaml", "l": "-> app"})
	out := mustRender(t, "directory", params{"root": root, "path": "l"})
	for _, p := range []string{"l", "app/a.yaml", "shared/a.yaml"} {
		if !hasRead(out.Result.Reads, p, "file") {
			t.Errorf("%s is not among %v", p, out.Result.Reads)
		}
	}
}

func TestP1PathsOutOfTheRepositoryAreRefused(t *testing.T) {
	root := snapshot(t, map[string]string{"a/x.yaml": cm("a")})
	for _, p := range []string{"..", "../..", "a/../../x", "/etc", "a/../..", "file:///etc"} {
		for _, method := range []string{"directory", "kustomize", "helm", "jsonnet"} {
			request := params{"root": root, "path": p}
			if method == "helm" {
				request["release_name"] = "r"
			}
			mustFail(t, codePath, method, request)
		}
	}
}

func TestP7CyclesOfLinksEndInAnError(t *testing.T) {
	root := snapshot(t, map[string]string{"app/l1": "-> l2", "app/l2": "-> l1", "app/x.yaml": "-> x.yaml"})
	mustFail(t, codePath, "directory", params{"root": root, "path": "app"})
	mustFail(t, codePath, "directory", params{"root": root, "path": "app/l1"})
}

func TestDirectoryWithoutTheExtensionFilterReadsEveryManifest(t *testing.T) {
	root := snapshot(t, map[string]string{
		"app/a.yaml": cm("a"), "app/b.txt": cm("b"), "app/Makefile": cm("c"), "app/README.md": "words: [\n", "app/logo.png": "\x89PNG\xff\x00",
	})
	filtered := mustRender(t, "directory", params{"root": root, "path": "app"})
	if got := names(filtered); !reflect.DeepEqual(got, []string{"ConfigMap/a"}) {
		t.Error(got)
	}
	all := mustRender(t, "directory", params{"root": root, "path": "app", "disable_extension_filter": true})
	if got := names(all); !reflect.DeepEqual(got, []string{"ConfigMap/c", "ConfigMap/a", "ConfigMap/b"}) {
		t.Error(got)
	}
	if len(all.Result.Warnings) != 2 {
		t.Error(all.Result.Warnings)
	}
	broken := snapshot(t, map[string]string{"app/a.txt": "apiVersion: v1\nkind: [\n"})
	mustFail(t, codeParse, "directory", params{"root": broken, "path": "app", "disable_extension_filter": true})
}
