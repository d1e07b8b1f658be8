package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

const jqLive = `{"kind":"A","spec":{"template":{"spec":{"containers":[{"name":"x","image":"i"},{"name":"y","image":"j"}]}},"big":9007199254740993},
	"webhooks":[{"clientConfig":{"caBundle":"a"}},{"clientConfig":{}}],"list":[0,1,2,3]}`

func TestJQGivesThePathsThatAnExpressionNames(t *testing.T) {
	for expression, want := range map[string]string{
		`.spec.template.spec.containers[] | select(.name=="x") | .image`: `[["spec","template","spec","containers",0,"image"]]`,
		`.webhooks[]?.clientConfig.caBundle`:                             `[["webhooks",0,"clientConfig","caBundle"],["webhooks",1,"clientConfig","caBundle"]]`,
		`.spec.replicas, .list[-1]`:                                      `[["spec","replicas"],["list",3]]`,
		`.list[1:3]`:                                                     `[["list",1],["list",2]]`,
		`.nothing[]?`:                                                    `null`,
		`.spec | .. | select(type == "string" and . == "j")`:             `[["spec","template","spec","containers",1,"image"]]`,
		`.spec as $s | .list[$s.template.spec.containers | length]`:      `[["list",2]]`,
		`def last: .list[3]; last`:                                       `[["list",3]]`,
		`.spec | select(.big == 9007199254740993) | .big # the number`:   `[["spec","big"]]`,
		`empty`:          `null`,
		`.list[-9]`:      `null`,
		`.["a.b"]."c d"`: `[["a.b","c d"]]`,
	} {
		got := pathsOf(t, expression, jqLive)
		text, _ := json.Marshal(got.Paths)
		if got.Error != "" || string(text) != want {
			t.Errorf("%s: %s (%s), want %s", expression, text, got.Error, want)
		}
	}
}

func TestJQFaultsAreNamed(t *testing.T) {
	for expression, want := range map[string]string{
		`.spec |`:             "line 1, column 8: unexpected EOF",
		".spec\n| ]":          `line 2, column 3: unexpected token "]"`,
		``:                    "empty",
		`.`:                   "the whole object",
		`nothing`:             "function not defined: nothing/0",
		`input`:               "input(s)/0 is not allowed",
		`inputs`:              "not allowed",
		`debug`:               "function not defined: debug/0",
		`debug("x")`:          "function not defined",
		`stderr`:              "not defined",
		`input_filename`:      "not defined",
		`import "a" as a; .a`: "modules",
		`include "a"; .a`:     "modules",
		`halt`:                "halt",
		`"x" | halt_error`:    "x",
		`.spec.big | error`:   "9007199254740993",
		`.kind[]`:             "cannot iterate",
		`.a) | (.b`:           "unexpected token",
		`[limit(100000; repeat(.list))] | .[] | .[0]`: "",
		`range(20000) as $i | .list[$i]`:              "more than 10000 places",
		strings.Repeat(".a|", 10000) + ".a":           "at most",
	} {
		got := pathsOf(t, expression, jqLive)
		if got.Error == "" || !strings.Contains(got.Error, want) {
			t.Errorf("%.60s: %+v, want %q", expression, got, want)
		}
	}
}

func TestJQSeesNoEnvironment(t *testing.T) {
	t.Setenv("GITOPSD_TEST_SECRET", "TOP-SECRET-CONTENT")
	for _, expression := range []string{`env.GITOPSD_TEST_SECRET | error`, `$ENV.GITOPSD_TEST_SECRET | error`, `$ENV | tostring | error`} {
		if got := pathsOf(t, expression, jqLive); strings.Contains(got.Error, "TOP-SECRET") || len(got.Paths) > 0 {
			t.Errorf("%s: %+v", expression, got)
		}
	}
}

func TestD4JQThatLoopsOrEatsMemoryIsEndedAndTheOthersAreAnswered(t *testing.T) {
	expressions := []string{`def f: f; f`, `[range(1e12)] | .[0]`, `def f: 1 + f; f`, `reduce range(1e9) as $i (0; [.]) | tojson`, `.kind`}
	var found struct{ Objects [][]places }
	askRules(t, "jq_paths", map[string]any{"expressions": expressions, "objects": []json.RawMessage{object(t, jqLive)}}, &found)
	for i, got := range found.Objects[0][:len(expressions)-1] {
		if got.Error == "" {
			t.Errorf("%s: %+v", expressions[i], got)
		}
	}
	if last := found.Objects[0][len(expressions)-1]; !reflect.DeepEqual(last.Paths, [][]any{{"kind"}}) {
		t.Errorf("%+v", last)
	}
}

func TestJQWithDeepSourceIsAnswered(t *testing.T) {
	expression := strings.Repeat("(", 8000) + ".kind" + strings.Repeat(")", 8000)
	if got := pathsOf(t, expression, jqLive); got.Error == "" && !reflect.DeepEqual(got.Paths, [][]any{{"kind"}}) {
		t.Errorf("%+v", got)
	}
}
