package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// What SOPS writes; the values are made up.
const (
	sopsBlock = "sops:\n    age:\n        - recipient: age1x\n          enc: |\n            -----BEGIN AGE ENCRYPTED FILE-----\n" +
		"    lastmodified: \"2026-01-02T03:04:05Z\"\n    mac: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\n    version: 3.13.3\n"
	sopsSecret = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: one\nstringData:\n    a: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\n" + sopsBlock
	sopsObject = `"sops": {"age": [], "lastmodified": "2026-01-02T03:04:05Z", "mac": "ENC[x]", "version": "3.13.3"}`
	plainText  = "apiVersion: v1\nkind: Secret\nmetadata: {name: one}\nstringData: {a: plain}\n"
)

func TestWhatSOPSEncryptedIsKnownByItsMetadata(t *testing.T) {
	without := func(name string) string {
		var kept []string
		for _, line := range strings.Split(sopsSecret, "\n") {
			if !strings.HasPrefix(strings.TrimSpace(line), name+":") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "\n")
	}
	for _, one := range []struct{ file, text, want string }{
		{"secret.yaml", sopsSecret, sopsYAML},
		{"secret.yml", strings.ReplaceAll(sopsSecret, "\n", "\r\n"), sopsYAML},
		{"secret.yaml.enc", sopsSecret, sopsYAML},
		{"secret.json", "a: 1\n" + sopsBlock, sopsYAML},
		{"several.yaml", sopsSecret + "---\n" + sopsSecret, sopsYAML},
		{"bom.yaml", "\uFEFF" + sopsSecret, sopsYAML},
		{"deleted-mac.yaml", without("mac"), sopsYAML},
		{"deleted-date.yaml", without("lastmodified"), sopsYAML},
		{"secret.json", `{"a": "ENC[x]", ` + sopsObject + `}`, sopsJSON},
		{"data.json", `{"data": "ENC[x]", ` + sopsObject + `}`, sopsJSON},
		{"data.yaml", `{"data": "ENC[x]", ` + sopsObject + `}`, sopsJSON},
		{"id_ed25519", `{"data": "ENC[x]", ` + sopsObject + `}`, sopsBinary},
		{"two.bin", `{"data": "ENC[x]", "more": 1, ` + sopsObject + `}`, sopsJSON},
		{".env", "A=ENC[x]\nsops_lastmodified=2026\nsops_mac=ENC[x]\nsops_version=3.13.3\n", sopsDotenv},
		{"config.properties", "A=ENC[x]\nsops_mac=ENC[x]\nsops_version=3.13.3\n", sopsDotenv},
		{"app.ini", "[a]\nb = ENC[x]\n\n[sops]\nlastmodified = 2026\nmac = ENC[x]\nversion = 3.13.3\n", sopsINI},

		{"plain.yaml", plainText, ""},
		{"empty.yaml", "", ""},
		{"mentions.yaml", "sops: {mac: 1, version: 2}\nexample: ENC[x]\n", ""},
		{"values.yaml", "sops:\n    version: 3\n    age: ENC[x]\n", ""},
		{"nested.yaml", "values:\n  sops:\n    mac: ENC[x]\n    version: 3\n", ""},
		{"later.yaml", "sops:\n    mac: ENC[x]\nother:\n    version: 3\n", ""},
		{"text.yaml", "data: |\n  sops_mac=ENC[x]\n  sops_version=1\n", ""},
		{"map.yaml", "sops_mac: ENC[x]\nsops_version: 1\n", ""},
		{"README.md", "# How to\n\n" + sopsBlock, ""},
		{"a.json", `{"sops": "mac version lastmodified ENC[x]"}`, ""},
		{"broken.json", `{"a": ENC[x], ` + sopsObject, ""},
		{".sops.yaml", "creation_rules:\n  - path_regex: .*\n    age: age1x # ENC[x]\n", ""},
	} {
		if got := sopsFormat(one.file, []byte(one.text)); got != one.want {
			t.Errorf("%s is %q, not %q", one.file, got, one.want)
		}
	}
}

func TestEveryEncryptedFileOfARenderIsNeededAtOnce(t *testing.T) {
	root := snapshot(t, map[string]string{
		"app/a.yaml": sopsSecret, "app/b.json": `{"kind": "ENC[x]", ` + sopsObject + `}`, "app/c.yaml": plainText, "app/d.yaml": "-> ../e.yaml", "e.yaml": sopsSecret,
	})
	request := &Request{Params: encode(params{"root": root, "path": "app"})}
	got := ask(t, request, renderDirectory)
	need := func(file, format string) any {
		return map[string]any{"kind": "decrypt", "path": file, "format": format}
	}
	if want := []any{need("app/a.yaml", "yaml"), need("app/b.json", "json"), need("e.yaml", "yaml")}; !reflect.DeepEqual(got["needs"], want) {
		t.Error(got)
	}
	if reads := fmt.Sprint(got["reads"]); !strings.Contains(reads, "app/a.yaml") || !strings.Contains(reads, "e.yaml") {
		t.Error("the encrypted files are no reads:", reads)
	}
}

func TestThePlainTextIsRenderedInsteadOfWhatStandsThere(t *testing.T) {
	root := snapshot(t, map[string]string{"app/a.yaml": sopsSecret})
	need := Need{Kind: needDecrypt, Path: "app/a.yaml", Format: "yaml"}
	request := &Request{Params: encode(params{"root": root, "path": "app"}), Given: []Given{{Need: need, Content: []byte(plainText)}}}
	got := fmt.Sprint(ask(t, request, renderDirectory))
	if !strings.Contains(got, "plain") || strings.Contains(got, "ENC[") || strings.Contains(got, "sops") {
		t.Error(got)
	}
}

func TestAFileThatCannotBeDecryptedIsNamed(t *testing.T) {
	root := snapshot(t, map[string]string{"app/a.yaml": sopsSecret})
	need := Need{Kind: needDecrypt, Path: "app/a.yaml", Format: "yaml"}
	request := &Request{
		Params: encode(params{"root": root, "path": "app"}), Given: []Given{{Need: need, Error: "no key opens it", Hint: "add one"}},
	}
	fault, _ := ask(t, request, renderDirectory)["error"].(map[string]any)
	if fault["message"] != "no key opens it" || fault["file"] != "app/a.yaml" || fault["hint"] != "add one" {
		t.Error(fault)
	}
}

func TestEncryptedFilesOfOtherRootsAreNeededWithTheirRoot(t *testing.T) {
	values, chart := snapshot(t, map[string]string{"v.yaml": sopsSecret}), snapshot(t, map[string]string{"values.yaml": sopsSecret})
	redis := Need{Kind: needChart, URL: "https://example.org", Name: "redis", Version: "1.0.0"}
	request := &Request{Roots: map[string]string{"$values": values}, Given: []Given{{Need: redis, Root: chart}}}
	got := ask(t, request, func(job *Job) ([]Manifest, error) {
		other, err := job.supply.root("$values")
		if err != nil {
			return nil, err
		}
		if _, err := other.ReadFile("v.yaml"); err != nil {
			return nil, err
		}
		given, err := job.supply.folder(redis)
		if err != nil {
			return nil, err
		}
		_, err = given.ReadUnused("values.yaml")
		return nil, err
	})
	want := []any{
		map[string]any{"kind": "decrypt", "root": "$values", "path": "v.yaml", "format": "yaml"},
		map[string]any{
			"kind": "decrypt", "root": "chart", "url": "https://example.org", "name": "redis", "version": "1.0.0", "path": "values.yaml",
			"format": "yaml", "optional": true,
		},
	}
	if !reflect.DeepEqual(got["needs"], want) {
		t.Error(got)
	}
}

func TestOnlyWhatAChartRendersMustBeDecrypted(t *testing.T) {
	root := snapshot(t, map[string]string{
		"c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "c/values.yaml": sopsSecret, "c/secrets.dev.yaml": sopsSecret,
		"c/templates/a.yaml": sopsSecret, "c/crds/a.yaml": sopsSecret, "c/charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n",
		"c/charts/s/values.yaml": sopsSecret, "c/charts/s/files/a.yaml": sopsSecret,
	})
	request := &Request{Params: encode(params{"root": root, "path": "c", "release_name": "r", "value_files": []string{"secrets.dev.yaml"}})}
	needed := map[string]bool{}
	needs, _ := ask(t, request, renderHelm)["needs"].([]any)
	for _, each := range needs {
		need := each.(map[string]any)
		file := strings.TrimPrefix(need["path"].(string), "c/")
		needed[file] = needed[file] || need["optional"] == nil
	}
	want := map[string]bool{
		"values.yaml": true, "secrets.dev.yaml": true, "templates/a.yaml": true, "crds/a.yaml": true, "charts/s/values.yaml": true,
		"charts/s/files/a.yaml": false,
	}
	if !reflect.DeepEqual(needed, want) {
		t.Error(needed)
	}
}

func TestD2_anEncryptedFileWithAnAliasBombIsRefusedBeforeItIsDecrypted(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for letter := 'b'; letter <= 'j'; letter++ {
		before := string(letter - 1)
		bomb += fmt.Sprintf("%c: &%c [*%s, *%s, *%s, *%s, *%s, *%s, *%s, *%s]\n", letter, letter, before, before, before, before, before, before, before, before)
	}
	root := snapshot(t, map[string]string{"app/a.yaml": bomb + sopsBlock})
	fault, _ := ask(t, &Request{Params: encode(params{"root": root, "path": "app"})}, renderDirectory)["error"].(map[string]any)
	if fault["code"] != "limit" || fault["file"] != "app/a.yaml" {
		t.Error(fault)
	}
}

func BenchmarkOrdinaryFilesAreLookedAtForSOPS(b *testing.B) {
	file := []byte(strings.Repeat(plainText+"---\n", 1000))
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if sopsFormat("a.yaml", file) != "" {
			b.Fatal("taken for an encrypted one")
		}
	}
}

func TestAKustomizationsFileThatCannotBeDecryptedSaysWhatToDo(t *testing.T) {
	root := snapshot(t, map[string]string{
		"k/kustomization.yaml": "secretGenerator:\n- name: gen\n  envs: [s.env]\n",
		"k/s.env":              "A=ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]\nsops_mac=x\nsops_version=3.9.0\n",
	})
	need := Need{Kind: needDecrypt, Path: "k/s.env", Format: "dotenv"}
	request := &Request{
		Params: encode(params{"root": root, "path": "k"}), Given: []Given{{Need: need, Error: "no key opens it", Hint: "add one"}},
	}
	fault, _ := ask(t, request, renderKustomize)["error"].(map[string]any)
	if fault["message"] != "no key opens it" || fault["hint"] != "add one" {
		t.Error(fault)
	}
}
