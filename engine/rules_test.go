package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestCheckNamesLineAndColumn(t *testing.T) {
	var found struct{ Rules, Expressions []compileError }
	askRules(t, "check", map[string]any{
		"rules": []Rule{
			{Language: "lua", Source: readyScript}, {Language: "lua", Source: "x =\n= 1"}, {Language: "cel", Source: "'Healthy'"},
			{Language: "cel", Cases: []CELCase{{When: "true", Status: "Healthy"}, {When: "tru", Status: "Healthy"}}},
			{Language: "lua", Source: `while true do end`},
		},
		"expressions": []string{".a", ".a |\n| .b"},
	}, &found)
	places := []string{}
	for _, each := range append(found.Rules, found.Expressions...) {
		places = append(places, fmt.Sprintf("%d:%d/%d", each.Line, each.Column, each.Case))
	}
	if got := strings.Join(places, " "); got != "0:0/0 2:1/0 0:0/0 1:1/2 0:0/0 0:0/0 2:1/0" {
		t.Errorf("%s: %+v", got, found)
	}
}

func TestHugeAndDeepSourcesAreAnswered(t *testing.T) {
	for _, rule := range []Rule{
		{Language: "lua", Source: "return " + strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000)},
		{Language: "lua", Source: "return " + strings.Repeat("{", 100_000) + strings.Repeat("}", 100_000)},
		{Language: "lua", Source: "return " + strings.Repeat("not ", 60_000) + "1"},
		{Language: "lua", Source: strings.Repeat("do ", 40_000) + strings.Repeat("end ", 40_000)},
		{Language: "lua", Source: strings.Repeat(" ", maxRuleSource+1)},
		{Language: "cel", Source: strings.Repeat("!", 100_000) + "true"},
		{Language: "cel", Source: strings.Repeat("[", 50_000)},
		{Language: "cel", Source: "'" + strings.Repeat("x", maxRuleSource) + "'"},
		{Language: "lua", Source: "return {status=" + strings.Repeat("'a'..", 30_000) + "'a'}"},
		{Language: "lua", Source: "\x00\xff"},
	} {
		if got := judgeAll(t, []Rule{rule}, judgedObject{0, object(t, `{}`)})[0]; got.Status != "" || got.Error == "" {
			t.Errorf("%.40s: %+v", rule.Source, got)
		}
	}
}

func TestOddObjectsHurtOnlyThemselves(t *testing.T) {
	rules := []Rule{{Language: "lua", Source: readyScript}, {Language: "cel", Source: "has(object.kind) ? 'Healthy' : 'Degraded'"}}
	for rule := range rules {
		got := judgeAll(t, rules,
			judgedObject{rule, object(t, `[]`)}, judgedObject{rule, object(t, `null`)}, judgedObject{rule, object(t, `"x"`)},
			judgedObject{rule, object(t, `{"status":"x","n":1e400,"m":123456789012345678901234567890,"":{"":[null,[],{}]}}`)},
			judgedObject{rule, object(t, `{"kind":"A"}`)})
		for i := range 3 {
			if got[i].Error == "" {
				t.Errorf("%d: %+v", i, got[i])
			}
		}
		if got[4].Status == "" {
			t.Errorf("%+v", got[4])
		}
	}
}

func TestObjectsOfNoRuleAreTheCallersFault(t *testing.T) {
	raw, _ := json.Marshal(map[string]any{"rules": []Rule{}, "objects": []judgedObject{{0, json.RawMessage(`{}`)}}})
	_, err := newRules(rulesTestMemory).health(&Job{ctx: t.Context(), params: raw})
	if fault := asFault(err, codeInternal); fault.Code != codeRequest {
		t.Errorf("%+v", err)
	}
}

func TestProgramsAreKeptWithinBounds(t *testing.T) {
	kept, compiled := newPrograms(), 0
	compile := func() (any, error) { compiled++; return compiled, nil }
	for i := range 2 * maxPrograms {
		_, _ = kept.get("first", compile)
		_, _ = kept.get(fmt.Sprint(i), compile)
	}
	if compiled != 2*maxPrograms+1 || kept.order.Len() != maxPrograms || len(kept.known) != maxPrograms {
		t.Errorf("%d compiled, %d kept", compiled, kept.order.Len())
	}
	for i := range 100 {
		_, _ = kept.get(fmt.Sprint(i)+strings.Repeat("x", maxProgramBytes/10), compile)
	}
	if kept.bytes > maxProgramBytes {
		t.Errorf("%d bytes kept", kept.bytes)
	}
}

func TestTheRoleRulesIsSealedAndServes(t *testing.T) {
	p := start(t, "rules", "--memory-limit", fmt.Sprint(256<<20))
	if got := fmt.Sprint(p.hello["methods"]); got != "[act actions check health jq_paths]" {
		t.Errorf("methods %s", got)
	}
	if p.hello["sandbox"] == "none" {
		t.Log("no seccomp here")
	}
	p.send(1, "helm", 0, map[string]any{})
	if got := p.next(); got.Error == nil || got.Error.Code != codeRequest {
		t.Errorf("%s", got.text)
	}
	params := map[string]any{"rules": []Rule{{Language: "lua", Source: `print("x") return {status="Healthy"}`}}, "objects": []judgedObject{{0, json.RawMessage(`{}`)}}}
	p.send(2, "health", 0, params)
	if got := p.next(); got.text != `{"id":2,"result":{"healths":[{"status":"Healthy"}]}}` {
		t.Errorf("%s", got.text)
	}
}

func TestAnExpressionThatCannotBeEndedHasItsProcessReplaced(t *testing.T) {
	// A pattern whose search grows with a high power of the text's length, within one native call.
	script := `return (("a"):rep(3000)):find((".-"):rep(8) .. "b")`
	var found struct{ Healths []verdict }
	body := askRules(t, "health", map[string]any{
		"rules":   []Rule{{Language: "lua", Source: script}, {Language: "lua", Source: readyScript}},
		"objects": []judgedObject{{0, json.RawMessage(`{}`)}, {1, json.RawMessage(`{}`)}, {0, json.RawMessage(`{}`)}},
	}, &found)
	if !strings.HasSuffix(string(body), `"worker":"stuck"}`) || found.Healths[1].Status != "Progressing" || !strings.Contains(found.Healths[0].Error, "could not be ended") {
		t.Errorf("%s", body)
	}
}

func TestTextsThatDoubleEndTheProcessAtItsLimitOfMemory(t *testing.T) {
	p := start(t, "rules", "--memory-limit", fmt.Sprint(256<<20))
	p.send(1, "jq_paths", 0, map[string]any{"expressions": []string{`reduce range(1e9) as $i ("x"; . + .) | .a`}, "objects": []json.RawMessage{json.RawMessage(`{}`)}})
	for answer := range p.answers {
		if answer.Error == nil && !strings.Contains(answer.text, `"error":`) || answer.Error != nil && answer.Error.Code != codeMemory {
			t.Errorf("%s", answer.text)
		}
		_ = p.in.Close()
	}
}

// probeFiles runs in a process of its own and prints what the role may do with files.
func probeFiles() {
	sandbox := seal(false)
	_, opened := os.Open("/etc/passwd")
	written := os.WriteFile("/tmp/gitopsd-probe", nil, 0o600)
	_, listed := os.ReadDir("/")
	fmt.Println(sandbox, opened != nil, written != nil, listed != nil, os.Remove("/tmp/gitopsd-probe") != nil)
}

func TestE10TheRoleRulesOpensNoFiles(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), actAsEngine+"=probe-files")
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(out); got != "seccomp true true true true\n" && !strings.HasPrefix(got, "none ") {
		t.Errorf("%s", got)
	}
}
