package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func openForTest(t *testing.T, files map[string]string) *Tree {
	t.Helper()
	tree, err := openTree(snapshot(t, files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tree.Close)
	return tree
}

func TestTreeResolvesLinksWithinTheRoot(t *testing.T) {
	tree := openForTest(t, map[string]string{"a/b/f": "x", "l": "-> a/b", "a/up": "-> ../l/f", "a/b/self": "-> .", "chain1": "-> chain2", "chain2": "-> a"})
	for asked, want := range map[string]string{
		"a/b/f": "a/b/f", "./a//b/./f": "a/b/f", "l/f": "a/b/f", "a/up": "a/b/f", "l/../b/f": "a/b/f", "a/b/self/self/f": "a/b/f", "chain1/b/f": "a/b/f", ".": ".", "": ".", "a/b/..": "a",
	} {
		for range 2 { // the second time folders are known
			if real, _, err := tree.Resolve(asked); err != nil || real != want {
				t.Errorf("%q: %q %v, expected %q", asked, real, err, want)
			}
		}
	}
	want := []Read{{Path: "a/b/self", Kind: "file"}, {Path: "a/up", Kind: "file"}, {Path: "chain1", Kind: "file"}, {Path: "chain2", Kind: "file"}, {Path: "l", Kind: "file"}}
	if !reflect.DeepEqual(tree.Reads(), want) {
		t.Error(tree.Reads())
	}
}

func TestTreeRecordsWhatIsMissing(t *testing.T) {
	tree := openForTest(t, map[string]string{"a/f": "x", "l": "-> a", "dead": "-> a/gone"})
	for _, asked := range []string{"nope", "l/nope", "a/f/below", "dead", "a/x/y/z"} {
		if _, err := tree.ReadFile(asked); asFault(err, codeInternal).Code != codeMissing {
			t.Errorf("%s: %v", asked, err)
		}
	}
	for _, missing := range []string{"nope", "a/nope", "a/f/below", "a/gone", "a/x/y/z"} {
		if !hasRead(tree.Reads(), missing, "missing") {
			t.Errorf("%s is not among %v", missing, tree.Reads())
		}
	}
}

func TestTreeNamesTheLinkThatLeaves(t *testing.T) {
	tree := openForTest(t, map[string]string{"a/out": "-> ../../x", "b": "-> a/out", "abs": "-> /etc/passwd", "a/deep": "-> ../a/../../y"})
	for asked, link := range map[string]string{"a/out": "a/out", "b": "a/out", "abs": "abs", "a/deep": "a/deep", "b/below/it": "a/out"} {
		_, _, err := tree.Resolve(asked)
		if f := asFault(err, codeInternal); f.Code != codePath || f.Message != fmt.Sprintf("link %q leaves the repository", link) {
			t.Errorf("%s: %+v", asked, *f)
		}
	}
}

func TestTreeReadsRegularFilesOfLimitedSizeOnly(t *testing.T) {
	root := snapshot(t, map[string]string{"small": "x"})
	large, err := os.Create(filepath.Join(root, "large"))
	if err != nil {
		t.Fatal(err)
	}
	if err := large.Truncate(maxFileBytes + 1); err != nil {
		t.Fatal(err)
	}
	_ = large.Close()
	tree, err := openTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if _, err := tree.ReadFile("large"); asFault(err, codeInternal).Code != codeLimit {
		t.Error(err)
	}
	if _, err := tree.ReadFile("."); asFault(err, codeInternal).Code != codeMissing {
		t.Error(err)
	}
	if _, err := tree.ReadDir("small"); asFault(err, codeInternal).Code != codeMissing {
		t.Error(err)
	}
}

func TestExpandGlob(t *testing.T) {
	tree := openForTest(t, map[string]string{"e/a.yaml": "", "e/b.yml": "", "e/x/a.yaml": "", "e/x/y/c.yaml": "", "a.yaml": ""})
	for pattern, want := range map[string]string{
		"e/*.yaml": "e/a.yaml", "e/**/*.yaml": "e/a.yaml e/x/a.yaml e/x/y/c.yaml", "**/a.yaml": "a.yaml e/a.yaml e/x/a.yaml", "e/{a.yaml,b.yml}": "e/a.yaml e/b.yml",
		"e/?.y*ml": "e/a.yaml e/b.yml", "e/[ab].yaml": "e/a.yaml", "e/[!a]*": "e/b.yml", "e/a,b.yaml": "", "e/*/a.yaml": "e/x/a.yaml", "none/*.yaml": "", "e/x/**": "e/x/a.yaml e/x/y/c.yaml",
	} {
		got, err := expandGlob(tree, pattern)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v %v", pattern, got, err)
		}
	}
	if _, err := expandGlob(tree, "e/[a"); asFault(err, codeInternal).Code != codeRequest {
		t.Error(err)
	}
}

func TestSourcesAtTheRootOfTheRepositoryRender(t *testing.T) {
	root := snapshot(t, map[string]string{
		"kustomization.yaml": "resources: [a.yaml, base]\n", "a.yaml": cm("a"), "base/kustomization.yaml": "resources: [b.yaml]\n", "base/b.yaml": cm("b"),
		"Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "templates/x.yaml": cm("x"),
	})
	for _, path := range []string{"", ".", "./"} {
		if got := names(mustRender(t, "kustomize", params{"root": root, "path": path})); !reflect.DeepEqual(got, []string{"ConfigMap/a", "ConfigMap/b"}) {
			t.Error(path, got)
		}
		out := mustRender(t, "helm", params{"root": root, "path": path, "release_name": "r"})
		if !reflect.DeepEqual(names(out), []string{"ConfigMap/x"}) || out.Result.Manifests[0].File != "templates/x.yaml" {
			t.Error(path, out.text)
		}
	}
}
