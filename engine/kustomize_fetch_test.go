package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// asked is an answer that may be one of needs.
type asked struct {
	rendered
	Needs []Need `json:"needs"`
}

// build renders a kustomization with what was given for its needs.
func build(t testing.TB, p params, given ...Given) asked {
	t.Helper()
	encoded, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	body := answer(1, &Job{ctx: context.Background(), params: encoded, supply: newSupply(&Request{Given: given})}, renderKustomize)
	var out asked
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		t.Fatal(err)
	}
	out.text = string(body)
	return out
}

func mustBuild(t testing.TB, p params, given ...Given) asked {
	t.Helper()
	out := build(t, p, given...)
	if out.Error != nil || out.Needs != nil {
		t.Fatal(out.text)
	}
	return out
}

func gitNeed(url, ref string) Need { return Need{Kind: needGit, URL: url, Version: ref} }

func fileNeed(url string) Need { return Need{Kind: needHTTP, URL: url} }

func TestKustomizeAsksForAllRemotesAtOnce(t *testing.T) {
	root := snapshot(t, map[string]string{
		"o/kustomization.yaml": "resources: [../b, 'https://github.com/org/repo/base?ref=v1', 'https://example.org/crd.yaml']\ncomponents: ['git@git.example.org:org/c.git//x?ref=main']\n" +
			"patches:\n- path: https://example.org/patch.yaml\nconfigMapGenerator:\n- name: c\n  files: [https://example.org/data.txt]\n",
		"b/kustomization.yaml": "resources: [../c, 'https://github.com/org/repo/other?ref=v1', ssh://git@git.example.org/deep/er]\n",
		"c/kustomization.yaml": "resources: ['https://github.com/org/repo/base?ref=v2']\nopenapi: {path: https://example.org/schema.json}\n",
	})
	out := build(t, params{"root": root, "path": "o"})
	want := map[Need]bool{
		gitNeed("https://github.com/org/repo", "v1"): true, gitNeed("https://github.com/org/repo", "v2"): true, gitNeed("git@git.example.org:org/c.git", "main"): true,
		gitNeed("ssh://git@git.example.org/deep/er", ""): true, fileNeed("https://example.org/crd.yaml"): true, fileNeed("https://example.org/patch.yaml"): true,
		fileNeed("https://example.org/data.txt"): true, fileNeed("https://example.org/schema.json"): true,
	}
	got := map[Need]bool{}
	for _, need := range out.Needs {
		got[need] = true
	}
	if !reflect.DeepEqual(got, want) || len(out.Needs) != len(want) {
		t.Error(out.text)
	}
}

func TestKustomizeRendersRemoteBasesAndComponents(t *testing.T) {
	root := snapshot(t, map[string]string{
		"o/kustomization.yaml": "resources: ['https://github.com/org/repo//overlays/one?ref=v1', a.yaml]\ncomponents: ['git@git.example.org:org/parts.git//label?ref=main']\nnamePrefix: p-\n",
		"o/a.yaml":             cm("a"),
	})
	remote := snapshot(t, map[string]string{
		"overlays/one/kustomization.yaml": "resources: [../../base]\nnameSuffix: -one\n", "base/kustomization.yaml": "resources: [deploy.yaml]\nconfigMapGenerator:\n- name: conf\n  files: [x.txt]\n",
		"base/deploy.yaml": deployment, "base/x.txt": "x",
	})
	parts := snapshot(t, map[string]string{
		"label/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels:\n- pairs: {part: here}\n",
	})
	given := []Given{{Need: gitNeed("https://github.com/org/repo", "v1"), Root: remote}, {Need: gitNeed("git@git.example.org:org/parts.git", "main"), Root: parts}}
	out := mustBuild(t, params{"root": root, "path": "o"}, given...)
	files := map[string]string{}
	for _, m := range out.Result.Manifests {
		metadata := m.Object["metadata"].(map[string]any)
		if at(t, m.Object, "metadata.labels.part") != "here" || strings.Contains(fmt.Sprint(metadata["annotations"]), "origin") {
			t.Error(m.Object)
		}
		name := metadata["name"].(string)
		files[m.Object["kind"].(string)+"/"+name[:min(len(name), 10)]] = m.File
	}
	want := map[string]string{
		"Deployment/p-web-one": "https://github.com/org/repo?ref=v1//base/deploy.yaml", "ConfigMap/p-conf-one": "https://github.com/org/repo?ref=v1//base/kustomization.yaml",
		"ConfigMap/p-a": "o/a.yaml",
	}
	if !reflect.DeepEqual(files, want) {
		t.Error(files)
	}
	for _, read := range out.Result.Reads {
		if !strings.HasPrefix(read.Path, "o/") && read.Path != "o" {
			t.Error("a read of what was given: ", read)
		}
	}
}

func TestRemoteBasesMayUseOtherRemoteBases(t *testing.T) {
	root := snapshot(t, map[string]string{"kustomization.yaml": "resources: ['https://github.com/org/one?ref=v1']\n"})
	one := snapshot(t, map[string]string{"kustomization.yaml": "resources: ['https://github.com/org/two//sub', 'https://example.org/x.yaml']\nnamePrefix: one-\n"})
	two := snapshot(t, map[string]string{"sub/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: two-\n", "sub/a.yaml": cm("a")})
	given := []Given{{Need: gitNeed("https://github.com/org/one", "v1"), Root: one}}
	first := build(t, params{"root": root, "path": "."})
	second := build(t, params{"root": root, "path": "."}, given...)
	if !reflect.DeepEqual(first.Needs, []Need{gitNeed("https://github.com/org/one", "v1")}) ||
		!reflect.DeepEqual(second.Needs, []Need{gitNeed("https://github.com/org/two", ""), fileNeed("https://example.org/x.yaml")}) {
		t.Fatal(first.text, second.text)
	}
	given = append(given, Given{Need: second.Needs[0], Root: two}, Given{Need: second.Needs[1], Content: []byte(cm("x"))})
	if out := mustBuild(t, params{"root": root, "path": "."}, given...); !reflect.DeepEqual(names(out.rendered), []string{"ConfigMap/one-two-a", "ConfigMap/one-x"}) {
		t.Error(names(out.rendered))
	}
}

func TestOneRepositoryServesSeveralFolders(t *testing.T) {
	root := snapshot(t, map[string]string{"kustomization.yaml": "resources: ['github.com/org/repo/a?ref=v1', 'https://github.com/org/repo//b?ref=v1', 'github.com/org/repo/a?ref=v2']\n"})
	one := snapshot(t, map[string]string{"a/kustomization.yaml": "resources: [x.yaml]\n", "a/x.yaml": cm("a-one"), "b/kustomization.yaml": "resources: [x.yaml]\n", "b/x.yaml": cm("b-one")})
	two := snapshot(t, map[string]string{"a/kustomization.yaml": "resources: [x.yaml]\n", "a/x.yaml": cm("a-two")})
	out := mustBuild(t, params{"root": root, "path": "."}, Given{Need: gitNeed("https://github.com/org/repo", "v1"), Root: one}, Given{Need: gitNeed("https://github.com/org/repo", "v2"), Root: two})
	if !reflect.DeepEqual(names(out.rendered), []string{"ConfigMap/a-one", "ConfigMap/a-two", "ConfigMap/b-one"}) {
		t.Error(names(out.rendered))
	}
}

func TestFilesOfTheWebStandWhereKustomizeTakesThem(t *testing.T) {
	root := snapshot(t, map[string]string{"kustomization.yaml": `
resources: [https://example.org/manifests.yaml]
patches:
- path: https://example.org/patch.yaml?raw=1
- path: https://example.org/json.yaml
  target: {kind: Deployment}
replacements:
- path: https://example.org/replacement.yaml
configurations: [https://example.org/configuration.yaml]
transformers: [https://example.org/transformer.yaml]
crds: [https://example.org/crd.json]
configMapGenerator:
- name: data
  files: [https://example.org/plain.txt, own=https://example.org/other.bin]
  envs: [https://example.org/vars.env]
generatorOptions: {disableNameSuffixHash: true}
`})
	given := map[string]string{
		"https://example.org/manifests.yaml":   deployment + "---\n" + cm("extra"),
		"https://example.org/patch.yaml?raw=1": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 7}\n",
		"https://example.org/json.yaml":        "- {op: add, path: /spec/paused, value: true}\n",
		"https://example.org/replacement.yaml": "source: {kind: ConfigMap, name: extra, fieldPath: metadata.name}\n" +
			"targets:\n- select: {kind: Deployment}\n  fieldPaths: [spec.template.spec.containers.0.name]\n",
		"https://example.org/configuration.yaml": "commonAnnotations:\n- {path: spec/own, create: true, kind: Deployment}\n",
		"https://example.org/transformer.yaml":   "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: x}\nprefix: t-\nfieldSpecs:\n- path: metadata/name\n",
		"https://example.org/crd.json":           `{"x.v1.Widget": {"Schema": {"properties": {"kind": {}}}}}`,
		"https://example.org/plain.txt":          "{{ not: yaml [",
		"https://example.org/other.bin":          "\x00\xff",
		"https://example.org/vars.env":           "A=1\n",
	}
	var all []Given
	for url, content := range given {
		all = append(all, Given{Need: fileNeed(url), Content: []byte(content)})
	}
	out := mustBuild(t, params{"root": root, "path": "."}, all...)
	for _, m := range out.Result.Manifests {
		switch at(t, m.Object, "metadata.name") {
		case "t-web":
			container := at(t, m.Object, "spec.template.spec.containers").([]any)[0].(map[string]any)
			if at(t, m.Object, "spec.replicas") != json.Number("7") || at(t, m.Object, "spec.paused") != true || container["name"] != "extra" {
				t.Error(m.Object)
			}
			if m.File != "https://example.org/manifests.yaml" {
				t.Error(m.File)
			}
		case "t-data":
			if want := map[string]any{"plain.txt": "{{ not: yaml [", "A": "1"}; !reflect.DeepEqual(m.Object["data"], want) {
				t.Error(m.Object)
			}
			if m.Object["binaryData"].(map[string]any)["own"] != "AP8=" {
				t.Error(m.Object)
			}
		case "t-extra":
		default:
			t.Error(m.Object)
		}
	}
	if len(out.Result.Manifests) != 3 {
		t.Error(names(out.rendered))
	}
}

func TestAURLThatMayBeEitherIsTriedAsAFileFirst(t *testing.T) {
	root := snapshot(t, map[string]string{"kustomization.yaml": "resources: [https://git.example.org/org/repo/sub]\n"})
	file, base := fileNeed("https://git.example.org/org/repo/sub"), gitNeed("https://git.example.org/org/repo", "")
	remote := snapshot(t, map[string]string{"sub/kustomization.yaml": "resources: [a.yaml]\n", "sub/a.yaml": cm("from-git")})
	if out := build(t, params{"root": root, "path": "."}); !reflect.DeepEqual(out.Needs, []Need{file}) {
		t.Error(out.text)
	}
	if out := mustBuild(t, params{"root": root, "path": "."}, Given{Need: file, Content: []byte(cm("from-web"))}); names(out.rendered)[0] != "ConfigMap/from-web" {
		t.Error(out.text)
	}
	for _, first := range []Given{{Need: file, Content: []byte("<!DOCTYPE html>\n<html>\n<a>x: y: z</a>")}, {Need: file, Error: "404"}} {
		if out := build(t, params{"root": root, "path": "."}, first); !reflect.DeepEqual(out.Needs, []Need{base}) {
			t.Error(out.text)
		}
		if out := mustBuild(t, params{"root": root, "path": "."}, first, Given{Need: base, Root: remote}); names(out.rendered)[0] != "ConfigMap/from-git" {
			t.Error(out.text)
		}
	}
}

func TestWhatCouldNotBeFetchedIsNamedWithItsPlace(t *testing.T) {
	root := snapshot(t, map[string]string{"o/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "components: ['https://github.com/org/repo?ref=v9']\n"})
	out := build(t, params{"root": root, "path": "o"}, Given{Need: gitNeed("https://github.com/org/repo", "v9"), Error: "https://github.com/org/repo at v9 cannot be had: no such tag", Hint: "check the ref"})
	if out.Error == nil || out.Error.Code != codeMissing || out.Error.File != "b/kustomization.yaml" || out.Error.Hint != "check the ref" || !strings.Contains(out.Error.Message, "components: ") || !strings.Contains(out.Error.Message, "no such tag") {
		t.Error(out.text)
	}
}

func TestFaultsInWhatWasFetchedNameItsAddress(t *testing.T) {
	const at = "https://github.com/org/repo?ref=v1"
	for name, c := range map[string]struct {
		files map[string]string
		file  string
		says  string
	}{
		"missing folder":   {map[string]string{"x": ""}, "o/kustomization.yaml", "sub"},
		"no kustomization": {map[string]string{"sub/x.yaml": cm("x")}, "o/kustomization.yaml", at + "//sub"},
		"broken":           {map[string]string{"sub/kustomization.yaml": "resources: [\n"}, at + "//sub/kustomization.yaml", "not valid YAML"},
		"unknown field":    {map[string]string{"sub/kustomization.yaml": "resource: []\n"}, at + "//sub/kustomization.yaml", "resource"},
		"missing file":     {map[string]string{"sub/kustomization.yaml": "resources: [gone.yaml]\n"}, "o/kustomization.yaml", at},
		"leaving":          {map[string]string{"sub/kustomization.yaml": "resources: [../../x]\n"}, at + "//sub/kustomization.yaml", `resources: path "../../x" leaves the repository`},
		"link out":         {map[string]string{"sub/kustomization.yaml": "resources: [x.yaml]\n", "sub/x.yaml": "-> /etc/passwd"}, at + "//sub/x.yaml", "leaves the repository"},
		"outside of root":  {map[string]string{"sub/kustomization.yaml": "resources: [../x.yaml]\n", "x.yaml": cm("x")}, at + "//x.yaml", "security; file '" + at + "//x.yaml' is not in or below '" + at + "//sub'"},
	} {
		t.Run(name, func(t *testing.T) {
			root := snapshot(t, map[string]string{"o/kustomization.yaml": "resources: ['github.com/org/repo/sub?ref=v1']\n"})
			out := build(t, params{"root": root, "path": "o"}, Given{Need: gitNeed("https://github.com/org/repo", "v1"), Root: snapshot(t, c.files)})
			if out.Error == nil || c.file != "" && out.Error.File != c.file || !strings.Contains(out.Error.Message, c.says) || mountName.MatchString(out.text) {
				t.Error(out.text)
			}
		})
	}
}

func TestFaultsInFilesOfTheWebNameTheirURL(t *testing.T) {
	root := snapshot(t, map[string]string{"kustomization.yaml": "resources: [https://example.org/x.yaml]\n"})
	for content, code := range map[string]Code{"a: b: c\n": codeParse, "hello": codeParse, cm("a") + "kind: Twice\n": codeParse, bomb(): codeLimit} {
		out := build(t, params{"root": root, "path": "."}, Given{Need: fileNeed("https://example.org/x.yaml"), Content: []byte(content)})
		if out.Error == nil || out.Error.Code != code || out.Error.File != "https://example.org/x.yaml" {
			t.Error(out.text)
		}
	}
}

func TestP6OneRepositoryCannotReadAnother(t *testing.T) {
	root := snapshot(t, map[string]string{"o/kustomization.yaml": "resources: ['github.com/org/foreign/sub', 'github.com/org/private/sub']\n", "o/secret.yaml": cm("top-secret"), "secret/kustomization.yaml": "resources: [s.yaml]\n", "secret/s.yaml": cm("top-secret")})
	private := snapshot(t, map[string]string{"sub/kustomization.yaml": "resources: [a.yaml]\n", "sub/a.yaml": cm("a")})
	for _, text := range []string{
		"resources: [../../secret]\n", "resources: [../../snapshot/secret]\n", "resources: [../../0/secret]\n", "resources: [../../o/secret.yaml]\n", "resources: [/snapshot/o/secret.yaml]\n",
		"configMapGenerator:\n- name: x\n  files: [../../o/secret.yaml]\n",
	} {
		for _, restrictor := range []string{"rootOnly", "none"} {
			foreign := snapshot(t, map[string]string{"sub/kustomization.yaml": text})
			out := build(t, params{"root": root, "path": "o", "load_restrictor": restrictor},
				Given{Need: gitNeed("https://github.com/org/foreign", ""), Root: foreign}, Given{Need: gitNeed("https://github.com/org/private", ""), Root: private})
			if out.Error == nil || out.Error.Code != codePath || strings.Contains(out.text, "top-secret") {
				t.Error(text, out.text)
			}
		}
	}
}

func TestP7RemoteBasesThatUseEachOtherEndInAnError(t *testing.T) {
	root := snapshot(t, map[string]string{"kustomization.yaml": "resources: ['github.com/org/one']\n"})
	one := snapshot(t, map[string]string{"kustomization.yaml": "resources: ['github.com/org/two']\n"})
	two := snapshot(t, map[string]string{"kustomization.yaml": "resources: ['github.com/org/one']\n"})
	out := build(t, params{"root": root, "path": "."}, Given{Need: gitNeed("https://github.com/org/one", ""), Root: one}, Given{Need: gitNeed("https://github.com/org/two", ""), Root: two})
	if out.Error == nil || !strings.Contains(out.Error.Message, "cycle detected") || mountName.MatchString(out.text) {
		t.Error(out.text)
	}
}

func TestOriginAnnotationsThatAreAskedForNameTheRepository(t *testing.T) {
	root := snapshot(t, map[string]string{"o/kustomization.yaml": "resources: ['github.com/org/repo/sub?ref=v1', ../b]\nbuildMetadata: [originAnnotations]\n", "b/kustomization.yaml": "resources: [b.yaml]\n", "b/b.yaml": cm("b")})
	remote := snapshot(t, map[string]string{"sub/kustomization.yaml": "resources: [a.yaml]\n", "sub/a.yaml": cm("a")})
	out := mustBuild(t, params{"root": root, "path": "o"}, Given{Need: gitNeed("https://github.com/org/repo", "v1"), Root: remote})
	want := map[string]string{"a": "path: sub/a.yaml\nrepo: https://github.com/org/repo\nref: v1\n", "b": "path: ../b/b.yaml\n"}
	for _, m := range out.Result.Manifests {
		metadata := m.Object["metadata"].(map[string]any)
		if got := metadata["annotations"].(map[string]any)["config.kubernetes.io/origin"]; got != want[metadata["name"].(string)] {
			t.Errorf("%s: %q", metadata["name"], got)
		}
	}
}

func TestComponentsOfTheApplicationMayBeRemote(t *testing.T) {
	root := snapshot(t, map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": cm("a")})
	part := snapshot(t, map[string]string{"kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: part-\n"})
	options := params{"root": root, "path": ".", "options": params{"components": []string{"github.com/org/part?ref=v1"}, "ignoreMissingComponents": true}}
	if out := build(t, options); !reflect.DeepEqual(out.Needs, []Need{gitNeed("https://github.com/org/part", "v1")}) {
		t.Error(out.text)
	}
	if out := mustBuild(t, options, Given{Need: gitNeed("https://github.com/org/part", "v1"), Root: part}); names(out.rendered)[0] != "ConfigMap/part-a" {
		t.Error(out.text)
	}
}

func TestNamesOfTheRepositoryThatLookLikeHostsStayLocal(t *testing.T) {
	root := snapshot(t, map[string]string{
		"kustomization.yaml": "resources: [app@v1/a.yaml, app@v1/deep/base]\nconfigMapGenerator:\n- name: c\n  files: [app@v1/x.txt]\n  options: {disableNameSuffixHash: true}\n",
		"app@v1/a.yaml":      cm("a"), "app@v1/deep/base/kustomization.yaml": "resources: [b.yaml]\n", "app@v1/deep/base/b.yaml": cm("b"), "app@v1/x.txt": "x",
	})
	out := mustBuild(t, params{"root": root, "path": "."})
	if !reflect.DeepEqual(names(out.rendered), []string{"ConfigMap/a", "ConfigMap/b", "ConfigMap/c"}) {
		t.Error(out.text)
	}
	fault := mustFail(t, codeRefused, "kustomize", params{"root": snapshot(t, map[string]string{"kustomization.yaml": "resources: [app@v2/deep/base]\n"}), "path": "."})
	if !strings.Contains(fault.Message, "app@v2") {
		t.Error(fault.Message)
	}
}

func TestS8SecretsInAddressesAreNotShown(t *testing.T) {
	for _, text := range []string{
		"https://example.org/x.yaml?sig=CANARY", "https://CANARY@example.org/x.yaml", "https://user:CANARY@example.org/o/r//x?ref=v1", "user:CANARY@example.org:o/r",
		"https://example.org/o/r#CANARY", "https://example.org/o/r//x?token=CANARY", "ssh://user:CANARY@example.org/o/r",
	} {
		root := snapshot(t, map[string]string{"kustomization.yaml": "resources: ['" + text + "']\n"})
		given := Given{Need: fileNeed("https://example.org/x.yaml?sig=CANARY"), Content: []byte("hello")}
		if out := build(t, params{"root": root, "path": "."}, given); out.Error == nil || strings.Contains(out.text, "CANARY") {
			t.Error(text, out.text)
		}
	}
	root := snapshot(t, map[string]string{"kustomization.yaml": "resources: ['https://example.org/x.yaml?sig=CANARY']\n"})
	if out := mustBuild(t, params{"root": root, "path": "."}, Given{Need: fileNeed("https://example.org/x.yaml?sig=CANARY"), Content: []byte(cm("a"))}); strings.Contains(out.text, "CANARY") {
		t.Error(out.text)
	}
}

// encrypted is what SOPS makes of a file, as far as the engine looks at it.
const encrypted = "a: ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]\nsops:\n  mac: ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]\n  version: 3.9.0\n  lastmodified: \"2026-01-01T00:00:00Z\"\n"

func TestEncryptedFilesAndRemotesAreAskedForTogether(t *testing.T) {
	root := snapshot(t, map[string]string{
		"o/kustomization.yaml": "resources: ['github.com/org/repo?ref=v1', ../b]\nsecretGenerator:\n- name: s\n  files: [one.yaml]\n", "o/one.yaml": encrypted,
		"b/kustomization.yaml": "secretGenerator:\n- name: t\n  files: [two.yaml]\n", "b/two.yaml": encrypted,
	})
	remote := snapshot(t, map[string]string{"kustomization.yaml": "secretGenerator:\n- name: r\n  files: [three.yaml]\n", "three.yaml": encrypted})
	one, two := Need{Kind: needDecrypt, Path: "o/one.yaml", Format: "yaml"}, Need{Kind: needDecrypt, Path: "b/two.yaml", Format: "yaml"}
	out := build(t, params{"root": root, "path": "o"})
	if !reflect.DeepEqual(out.Needs, []Need{gitNeed("https://github.com/org/repo", "v1"), two, one}) {
		t.Fatal(out.text)
	}
	given := []Given{{Need: out.Needs[0], Root: remote}, {Need: one, Content: []byte("a: first\n")}, {Need: two, Content: []byte("a: second\n")}}
	three := Need{Kind: needDecrypt, Root: "git", URL: "https://github.com/org/repo", Version: "v1", Path: "three.yaml", Format: "yaml"}
	if out = build(t, params{"root": root, "path": "o"}, given...); !reflect.DeepEqual(out.Needs, []Need{three}) {
		t.Fatal(out.text)
	}
	out = mustBuild(t, params{"root": root, "path": "o"}, append(given, Given{Need: three, Content: []byte("a: third\n")})...)
	if len(out.Result.Manifests) != 3 || strings.Contains(out.text, "ENC[") || !strings.Contains(out.text, "YTogdGhpcmQK") {
		t.Error(out.text)
	}
}
