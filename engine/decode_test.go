package main

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"
)

func decodeParamsOf(text string) params {
	return params{"documents_base64": base64.StdEncoding.EncodeToString([]byte(text)), "file": "m.yaml"}
}

func TestDecodeReadsYAMLAsKubectlDoes(t *testing.T) {
	text := "# head\n---\n\n" + cm("a") + "data: {yes: on, big: 12345678901234567, f: 1.50, m: 0777, s: \"1e3\"}\n---\n# only a comment\n--- # next\n" + cm("b") + "...\n" + `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"c"},"n":12345678901234567890123}` + "\n"
	out := mustRender(t, "decode", decodeParamsOf(text))
	if got := names(out); !reflect.DeepEqual(got, []string{"ConfigMap/a", "ConfigMap/b", "Secret/c"}) {
		t.Fatal(got)
	}
	data := out.Result.Manifests[0].Object["data"].(map[string]any)
	want := map[string]any{"true": true, "big": json.Number("12345678901234567"), "f": json.Number("1.5"), "m": json.Number("511"), "s": "1e3"}
	for key, value := range want {
		if data[key] != value {
			t.Errorf("%s is %v (%T), expected %v", key, data[key], data[key], value)
		}
	}
	if out.Result.Manifests[2].Object["n"] != json.Number("1.2345678901234568e+22") {
		t.Error("a JSON number is not what kubectl makes of it")
	}
	lines := []int{out.Result.Manifests[0].Line, out.Result.Manifests[1].Line, out.Result.Manifests[2].Line}
	if !reflect.DeepEqual(lines, []int{4, 12, 17}) {
		t.Errorf("documents begin at lines %v", lines)
	}
}

func TestDecodeFlattensLists(t *testing.T) {
	text := "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n- apiVersion: v1\n  kind: ConfigMapList\n  items:\n  - metadata: {name: b}\n"
	out := mustRender(t, "decode", decodeParamsOf(text))
	if got := names(out); !reflect.DeepEqual(got, []string{"Service/a", "ConfigMap/b"}) {
		t.Fatal(got)
	}
	if out.Result.Manifests[1].Object["apiVersion"] != "v1" {
		t.Error("item of a typed list has no apiVersion")
	}
}

func TestDecodeWritesNumbersAsKubectlDoes(t *testing.T) {
	numbers := map[string]string{
		"1.0": "1", "1e3": "1000", "-0": "0", "9223372036854775807": "9223372036854775807", "1.50": "1.5", "1E21": "1e+21",
		"12345678901234567890": "12345678901234567000", "0.0000001": "1e-7", "[1.0,\"1.0\",{\"a\":2.0}]": "[1,\"1.0\",{\"a\":2}]",
	}
	for written, want := range numbers {
		text := `{"apiVersion":"v1","kind":"A","metadata":{"name":"a \\\" 1.0"},"n":` + strings.ReplaceAll(written, `\`, "") + "}"
		out, fault := kubectlNumbers(json.RawMessage(text))
		if fault != nil || !strings.HasSuffix(string(out), `"n":`+strings.ReplaceAll(want, `\`, "")+"}") || !strings.Contains(string(out), `a \\\" 1.0`) {
			t.Errorf("%s became %s (%v)", written, out, fault)
		}
	}
	mustFail(t, codeParse, "decode", decodeParamsOf(`{"apiVersion":"v1","kind":"A","n":1e400}`))
}

func TestDecodeTakesJSONObjectsWithoutSeparators(t *testing.T) {
	text := `{"apiVersion":"v1","kind":"A","metadata":{"name":"a"}}` + "\n\n" + `{"apiVersion":"v1","kind":"A","metadata":{"name":"b"}} {"apiVersion":"v1","kind":"A","metadata":{"name":"c"}}` + "\n---\n" + cm("d")
	out := mustRender(t, "decode", decodeParamsOf(text))
	if got := names(out); !reflect.DeepEqual(got, []string{"A/a", "A/b", "A/c", "ConfigMap/d"}) {
		t.Fatal(got)
	}
	for index, line := range []int{1, 3, 3, 5} {
		if found := out.Result.Manifests[index]; found.Line != line || found.Document != index {
			t.Errorf("%d is at line %d, document %d", index, found.Line, found.Document)
		}
	}
}

func TestDecodeLetsKeysOverrideMergedOnesAndNoOthers(t *testing.T) {
	head := "apiVersion: v1\nkind: A\nmetadata: {name: a, labels: &l {a: b, c: d}}\n"
	out := mustRender(t, "decode", decodeParamsOf(head+"data: {<<: *l, a: own}\n"))
	if got := out.Result.Manifests[0].Object["data"]; !reflect.DeepEqual(got, map[string]any{"a": "own", "c": "d"}) {
		t.Error(got)
	}
	for _, twice := range []string{"{<<: *l, a: x, a: y}", "{1: a, 0x1: b}", "{'1': a, 1: b}", "{yes: a, true: b}", "{1.5: a, '1.5': b}"} {
		fault := mustFail(t, codeParse, "decode", decodeParamsOf(head+"data:\n  x: "+twice+"\n"))
		if !strings.Contains(fault.Message, "is set twice") || fault.Line != 5 {
			t.Errorf("%s: %+v", twice, *fault)
		}
	}
}

func TestDecodeTakesByteOrderMarksAndUTF16(t *testing.T) {
	little := []byte{0xFF, 0xFE}
	for _, unit := range utf16.Encode([]rune(cm("ü"))) {
		little = append(little, byte(unit), byte(unit>>8))
	}
	for _, text := range []string{"\uFEFF" + cm("ü"), string(little)} {
		if got := names(mustRender(t, "decode", decodeParamsOf(text))); !reflect.DeepEqual(got, []string{"ConfigMap/ü"}) {
			t.Error(got)
		}
	}
}

func TestDecodeSaysWhereTheFaultIs(t *testing.T) {
	cases := map[string]struct {
		text string
		line int
		says string
	}{
		"syntax":           {cm("a") + "---\napiVersion: v1\nkind: [\n", 7, "not valid YAML"},
		"mapping":          {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  b: c: d\n", 5, "mapping values"},
		"no kind":          {"\n\napiVersion: v1\nmetadata: {name: a}\n", 3, "without kind"},
		"no apiVersion":    {"kind: ConfigMap\nmetadata: {name: a}\n", 1, "without apiVersion"},
		"kind of a number": {"apiVersion: v1\nkind: 7\n", 1, "without kind"},
		"not a mapping":    {"- apiVersion: v1\n  kind: A\n", 1, "must be a mapping"},
		"no text":          {cm("a") + "x: \xff\n", 5, "neither UTF-8"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fault := mustFail(t, codeParse, "decode", decodeParamsOf(c.text))
			if fault.File != "m.yaml" || fault.Line != c.line || !strings.Contains(fault.Message, c.says) {
				t.Fatalf("%+v", *fault)
			}
		})
	}
}

func TestDecodeSkipsWhatIsNoManifest(t *testing.T) {
	for _, text := range []string{"name: x\nversion: 1\n", `{"name":"x","version":"1"}`, "- a\n- b\n", "just text", "a: b: c\n"} {
		out := mustRender(t, "decode", decodeParamsOf(text+"\n---\n"+cm("a")))
		if len(out.Result.Manifests) != 1 || len(out.Result.Warnings) != 1 || !strings.Contains(out.Result.Warnings[0], "m.yaml:1") {
			t.Errorf("%q: %s", text, out.text)
		}
	}
}

func TestC3DuplicateKeysAreErrors(t *testing.T) {
	for _, text := range []string{
		"apiVersion: v1\nkind: ConfigMap\nkind: Secret\nmetadata: {name: a}\n",
		"{\"apiVersion\": \"v1\",\n \"kind\": \"ConfigMap\",\n \"kind\": \"Secret\", \"metadata\": {\"name\": \"a\"}}",
	} {
		fault := mustFail(t, codeParse, "decode", decodeParamsOf(text))
		if fault.Line != 3 || !strings.Contains(fault.Message, `"kind" is set twice`) {
			t.Errorf("%+v", *fault)
		}
	}
	fault := mustFail(t, codeParse, "decode", decodeParamsOf(`{"apiVersion":"v1","kind":"A","metadata":{"namespace":"x","namespace":"y"}}`))
	if !strings.Contains(fault.Message, "namespace") {
		t.Error(fault.Message)
	}
}

// bomb is nine levels of aliases, nine each: 387 million nodes when expanded.
func bomb() string {
	var out strings.Builder
	out.WriteString(cm("bomb") + "a0: &a0 [lol]\n")
	for level := 1; level <= 9; level++ {
		from := "*a" + string(rune('0'+level-1))
		out.WriteString("a" + string(rune('0'+level)) + ": &a" + string(rune('0'+level)) + " [" + strings.Repeat(from+", ", 8) + from + "]\n")
	}
	return out.String()
}

func TestD8AliasBombIsALimitError(t *testing.T) {
	mustFail(t, codeLimit, "decode", decodeParamsOf(bomb()))
	big := cm("big") + "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a, ", 200) + "*a]\n"
	mustFail(t, codeLimit, "decode", decodeParamsOf(big))
}

func TestD8OddYAMLEndsInAnError(t *testing.T) {
	mustFail(t, codeParse, "decode", decodeParamsOf(cm("deep")+"a: "+strings.Repeat("[", 100_000)))
	mustFail(t, codeParse, "decode", decodeParamsOf(cm("self")+"a: &a [*a]\n"))
	mustFail(t, codeLimit, "decode", decodeParamsOf(`{"apiVersion":"v1","kind":"A","x":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+"}"))
}

func TestD8SmallAliasesWork(t *testing.T) {
	out := mustRender(t, "decode", decodeParamsOf(cm("a")+"x: &x {k: v}\nz: {<<: *x, l: w}\n"))
	if at(t, out.Result.Manifests[0].Object, "z.k") != "v" {
		t.Error(out.text)
	}
}

func TestU2ForeignTagsAreErrors(t *testing.T) {
	for _, tag := range []string{"!!python/object/apply:os.system [id]", "!!python/name:os.system ''", "!own x"} {
		fault := mustFail(t, codeParse, "decode", decodeParamsOf(cm("a")+"x: "+tag+"\n"))
		if !strings.Contains(fault.Message, strings.Fields(tag)[0]) && !strings.Contains(fault.Message, "tag:yaml.org,2002:"+strings.TrimPrefix(strings.Fields(tag)[0], "!!")) || fault.Line != 5 {
			t.Errorf("%+v", *fault)
		}
	}
	mustRender(t, "decode", decodeParamsOf(cm("a")+"x: !!str 1\ny: 'wow! !x'\nz: !!binary aGk=\n"))
}
