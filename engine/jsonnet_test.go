package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestJsonnetRendersObjectsAndArrays(t *testing.T) {
	root := snapshot(t, map[string]string{
		"app/main.jsonnet":   `local lib = import 'lib.libsonnet'; function(n) [lib.cm(std.extVar('a')), lib.cm(n), null, {apiVersion:'v1', kind:'List', items:[lib.cm(std.toString(std.extVar('c').x))]}]`,
		"libs/lib.libsonnet": `{cm(name):: {apiVersion:'v1', kind:'ConfigMap', metadata:{name:name}, data: importstr 'text.txt'}}`,
		"libs/text.txt":      "hello",
	})
	out := mustRender(t, "jsonnet", params{
		"root": root, "path": "app/main.jsonnet", "libs": []string{"libs"},
		"ext_vars": []params{{"name": "a", "value": "one"}, {"name": "c", "value": "{x: 1+1}", "code": true}},
		"tlas":     []params{{"name": "n", "value": "two"}},
	})
	if !reflect.DeepEqual(names(out), []string{"ConfigMap/one", "ConfigMap/two", "ConfigMap/2"}) {
		t.Fatal(names(out))
	}
	if !hasRead(out.Result.Reads, "app/lib.libsonnet", "missing") || !hasRead(out.Result.Reads, "libs/text.txt", "file") {
		t.Error(out.Result.Reads)
	}
}

func TestJsonnetFaultsNameFileAndLine(t *testing.T) {
	root := snapshot(t, map[string]string{
		"syntax.jsonnet": "{\n  a: b c\n}", "runtime.jsonnet": "{\n  a: error 'boom'\n}", "missing.jsonnet": "import 'no.libsonnet'",
		"trace.jsonnet": "std.trace('seen', null)", "kindless.jsonnet": "{metadata: {name: 'x'}}", "unknown.jsonnet": "{\n\n a: nope}",
	})
	cases := []struct {
		file string
		code Code
		line int
		says string
	}{
		{"syntax", codeRender, 2, ""}, {"runtime", codeRender, 2, "boom"}, {"missing", codeMissing, 0, "no.libsonnet"},
		{"kindless", codeParse, 1, "without apiVersion"}, {"unknown", codeRender, 3, "nope"},
	}
	for _, c := range cases {
		fault := mustFail(t, c.code, "jsonnet", params{"root": root, "path": c.file + ".jsonnet"})
		if fault.File != c.file+".jsonnet" || fault.Line != c.line || !strings.Contains(fault.Message, c.says) {
			t.Errorf("%+v", *fault)
		}
	}
	out := mustRender(t, "jsonnet", params{"root": root, "path": "trace.jsonnet"})
	if len(out.Result.Warnings) != 1 || !strings.Contains(out.Result.Warnings[0], "seen") {
		t.Error(out.Result.Warnings)
	}
}

func TestJsonnetThatIsNoObjectIsAnError(t *testing.T) {
	object := "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'a'}}"
	for text, says := range map[string]string{
		"42": "evaluates to a number", "'yaml: text'": "evaluates to a string", "true": "evaluates to a boolean",
		"[" + object + ", 1]": "an array with a number in it", "[[" + object + "]]": "an array with an array in it", "['x']": "an array with a string in it",
	} {
		fault := mustFail(t, codeParse, "directory", params{"root": snapshot(t, map[string]string{"app/main.jsonnet": text}), "path": "app"})
		if fault.File != "app/main.jsonnet" || !strings.Contains(fault.Message, says) || !strings.Contains(fault.Hint, "an object or an array of objects") {
			t.Errorf("%s: %+v", text, *fault)
		}
	}
	for _, text := range []string{"null", "[]", "[null]"} {
		if out := mustRender(t, "jsonnet", params{"root": snapshot(t, map[string]string{"main.jsonnet": text}), "path": "main.jsonnet"}); len(names(out)) != 0 {
			t.Error(text, out.text)
		}
	}
}

func TestE3ImportsStayInTheRepository(t *testing.T) {
	secret, content := secretFile(t)
	for name, text := range map[string]string{
		"importstr":  "importstr '/etc/passwd'",
		"import":     "import '" + secret + "'",
		"importbin":  "importbin '/proc/self/environ'",
		"parent":     "import '../../x'",
		"link":       "importstr 'link'",
		"caught":     "if std.isString(importstr '/etc/passwd') then {} else {}",
		"link parts": "importstr 'dir/passwd'",
	} {
		t.Run(name, func(t *testing.T) {
			root := snapshot(t, map[string]string{"app/main.jsonnet": text, "app/link": "-> " + secret, "app/dir": "-> /etc"})
			out := call(t, "jsonnet", params{"root": root, "path": "app/main.jsonnet"})
			if out.Error == nil || out.Error.Code != codePath || strings.Contains(out.text, content) || strings.Contains(out.text, "root:") {
				t.Fatal(out.text)
			}
		})
	}
	root := snapshot(t, map[string]string{"app/main.jsonnet": "{}"})
	mustFail(t, codePath, "jsonnet", params{"root": root, "path": "app/main.jsonnet", "libs": []string{"../.."}})
	mustFail(t, codeMissing, "jsonnet", params{"root": root, "path": "app/main.jsonnet", "libs": []string{"/etc"}})
}

func TestE3ErrorsHoldNoContentOfOtherFiles(t *testing.T) {
	root := snapshot(t, map[string]string{"main.jsonnet": "import 'data.txt'", "data.txt": "password: hunter2 hunter3"})
	out := call(t, "jsonnet", params{"root": root, "path": "main.jsonnet"})
	if out.Error == nil || strings.Contains(out.text, "hunter3") {
		t.Fatal(out.text)
	}
}
