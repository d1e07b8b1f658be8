package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func askAction(t testing.TB, methodName, source, live string, given map[string]string) actionAnswer {
	t.Helper()
	var found struct{ Found actionAnswer }
	askRules(t, methodName, map[string]any{"source": source, "open_libs": true, "object": object(t, live), "parameters": given}, &found)
	return found.Found
}

func offeredBy(t testing.TB, source, live string) actionAnswer {
	t.Helper()
	return askAction(t, "actions", source, live, nil)
}

// actedBy is the one object that a script changed, as canonical JSON.
func actedBy(t testing.TB, source, live string, given map[string]string) string {
	t.Helper()
	found := askAction(t, "act", source, live, given)
	if found.Error != "" || len(found.Impacted) != 1 {
		t.Fatalf("%+v", found)
	}
	text, err := json.Marshal(found.Impacted[0].Resource)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDiscoveryTellsActionsByName(t *testing.T) {
	found := offeredBy(t, `
local actions = {}
actions["scale"] = {["params"] = {{["name"] = "replicas", ["default"] = tostring(obj.spec.replicas)}, {name = "why"}}}
actions["resume"] = {["disabled"] = not(obj.spec.paused), ["iconClass"] = "fa fa-play", ["displayName"] = "Go on"}
actions["restart"] = {}
actions["odd"] = {obj.spec.paused}
return actions`, `{"spec":{"replicas":3,"paused":false}}`)
	want := actionAnswer{Actions: []offeredAction{
		{Name: "odd"}, {Name: "restart"},
		{Name: "resume", Disabled: true, Icon: "fa fa-play", Title: "Go on"},
		{Name: "scale", Parameters: []actionParameter{{"replicas", "3"}, {"why", ""}}},
	}}
	if fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("%+v, want %+v", found, want)
	}
}

func TestAnActionReturnsTheChangedObject(t *testing.T) {
	live := `{"metadata":{"name":"web"},"spec":{"replicas":1,"ratio":0.5,"template":{"spec":{"emptyDir":{},"args":[],"list":[1,"b"]}}}}`
	got := actedBy(t, `
local os = require("os")
if obj.spec.template.metadata == nil then obj.spec.template.metadata = {} end
if obj.spec.template.metadata.annotations == nil then obj.spec.template.metadata.annotations = {} end
obj.spec.template.metadata.annotations["restartedAt"] = os.date("!%Y-%m-%dT%XZ"):sub(1, 2)
obj.spec.replicas = tonumber(actionParams["replicas"])
return obj`, live, map[string]string{"replicas": "4"})
	want := `{"metadata":{"name":"web"},"spec":{"ratio":0.5,"replicas":4,"template":{"metadata":{"annotations":{"restartedAt":"20"}},` +
		`"spec":{"args":[],"emptyDir":{},"list":[1,"b"]}}}}`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAnActionReturnsObjectsToMakeAndToChange(t *testing.T) {
	found := askAction(t, "act", `
local job = {apiVersion = "batch/v1", kind = "Job", metadata = {name = obj.metadata.name .. "-1", labels = {}}, spec = {args = {}, volumes = {{emptyDir = {}}}}}
return {{operation = "create", resource = job}, {operation = "patch", resource = obj}}`, `{"metadata":{"name":"web"},"spec":{"args":["x"]}}`, nil)
	text, _ := json.Marshal(found)
	want := `{"impacted":[{"operation":"create","resource":{"apiVersion":"batch/v1","kind":"Job","metadata":{"labels":{},"name":"web-1"},` +
		`"spec":{"args":[],"volumes":[{"emptyDir":{}}]}}},{"operation":"patch","resource":{"metadata":{"name":"web"},"spec":{"args":["x"]}}}]}`
	if string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
}

func TestAScriptThatEmptiesAListLeavesAList(t *testing.T) {
	got := actedBy(t, `obj.status.conditions = {}; table.remove(obj.spec.items); return obj`,
		`{"spec":{"items":[null,"a"]},"status":{"conditions":[{"type":"A"}]}}`, nil)
	if want := `{"spec":{"items":[]},"status":{"conditions":[]}}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestActionFaultsAreNamed(t *testing.T) {
	for _, one := range []struct{ method, source, words string }{
		{"actions", `return 7`, "expect table output"},
		{"actions", `return`, "expect table output"},
		{"actions", `return {{}}`, "has no name"},
		{"actions", `return {restart = true}`, "is a boolean, not a table"},
		{"actions", `return {scale = {params = {{}}}}`, "parameter 1"},
		{"actions", `local a = {}; for i = 1, 200 do a["x" .. i] = {} end; return a`, "more than 100"},
		{"actions", `return nothing.there`, "line 1"},
		{"actions", `return {`, "syntax error"},
		{"actions", `while true do end`, "was not ready"},
		{"act", `return "done"`, "expect table output"},
		{"act", `return {}`, "empty"},
		{"act", `return {{operation = "delete", resource = obj}}`, "only create and patch"},
		{"act", `return {{operation = "create"}}`, "no resource"},
		{"act", `return {7}`, "item 1"},
		{"act", `obj.self = obj; return obj`, "contains itself"},
		{"act", `obj.spec = print; return obj`, "returned a function"},
		{"act", `obj.spec = 0/0; return obj`, "JSON has not"},
		{"act", `obj.spec = {1, x = 2}; return obj`, "gaps, or named fields"},
		{"act", `obj.spec = {[true] = 1}; return obj`, "both named fields and items"},
		{"act", `local s = string.rep("x", 1000000); obj.a = {s, s, s, s, s}; return obj`, "too large"},
		{"act", `io.open("/etc/passwd")`, "line 1"},
	} {
		found := askAction(t, one.method, one.source, `{"metadata":{"name":"a"}}`, nil)
		if !strings.Contains(found.Error, one.words) || found.Actions != nil || found.Impacted != nil {
			t.Errorf("%s: %+v, want an error with %q", one.source, found, one.words)
		}
	}
}

func TestAnActionsFaultOnASecretTellsNoValue(t *testing.T) {
	found := askAction(t, "act", `error(obj.data.password)`, `{"apiVersion":"v1","kind":"Secret","data":{"password":"c4n4ry"}}`, nil)
	if found.Error == "" || strings.Contains(found.Error, "c4n4ry") {
		t.Errorf("%+v", found)
	}
}
