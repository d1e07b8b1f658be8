package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const readyScript = `
hs = {}
hs.status = "Progressing"
hs.message = "Waiting for the controller"
if obj.status ~= nil and obj.status.conditions ~= nil then
  for i, condition in ipairs(obj.status.conditions) do
    if condition.type == "Ready" and condition.status == "True" then
      hs.status = "Healthy"
      hs.message = condition.message
      return hs
    end
    if condition.type == "Ready" and condition.status == "False" then
      hs.status = "Degraded"
      hs.message = condition.reason .. ": " .. condition.message
      return hs
    end
  end
end
return hs
`

func TestLuaJudgesByConditions(t *testing.T) {
	for live, want := range map[string]verdict{
		`{"kind":"A"}`: {Status: "Progressing", Message: "Waiting for the controller"},
		`{"status":{"conditions":[{"type":"X"},{"type":"Ready","status":"True","message":"ok"}]}}`:                  {Status: "Healthy", Message: "ok"},
		`{"status":{"conditions":[{"type":"Ready","status":"False","reason":"Broken","message":"no such thing"}]}}`: {Status: "Degraded", Message: "Broken: no such thing"},
		`{"status":{"conditions":[]}}`:   {Status: "Progressing", Message: "Waiting for the controller"},
		`{"status":{"conditions":null}}`: {Status: "Progressing", Message: "Waiting for the controller"},
	} {
		if got := judgeLua(t, readyScript, live); got != want {
			t.Errorf("%s: %+v, want %+v", live, got, want)
		}
	}
}

func TestLuaKnowsTheIdiomsOfHealthScripts(t *testing.T) {
	live := `{"apiVersion":"a/v1","kind":"A","metadata":{"name":"web-7","generation":3,"creationTimestamp":"2020-05-01T10:00:00Z"},
		"spec":{"replicas":3,"nothing":null,"ratio":0.5},"status":{"observedGeneration":3,"items":["a","b"],"map":{"x":1,"y":2}}}`
	for _, holds := range []string{
		`obj.status.observedGeneration == obj.metadata.generation`,
		`tostring(obj.spec.replicas) == "3" and obj.spec.ratio == 0.5`,
		`obj.spec.nothing == nil and next(obj.status) ~= nil`,
		`#obj.status.items == 2 and obj.status.items[2] == "b"`,
		`string.find(obj.metadata.name, "^web%-%d+$") == 1`,
		`obj.metadata.name:match("(%d+)$") == "7"`,
		`string.gsub("a.b.c", "%.", "-") == "a-b-c"`,
		`select(2, string.gsub("aaa", "a", "%0%0")) == 3`,
		`string.gsub("hello world", "(%w+) (%w+)", "%2 %1") == "world hello"`,
		`string.gsub("$name is $age", "%$(%w+)", {name="x", age=3}) == "x is 3"`,
		`string.gsub("abc", "%w", function(c) if c == "b" then return "B" end end) == "aBc"`,
		`string.gsub("abc", "", "-") == "-a-b-c-"`,
		`string.format("%d of %s (%5.2f%%)", 2, "three", 66.666) == "2 of three (66.67%)"`,
		`table.concat({"a", 1, "c"}, ", ") == "a, 1, c"`,
		`(function() local n = 0; for k, v in pairs(obj.status.map) do n = n + v end; return n end)() == 3`,
		`(function() local t = {}; for w in string.gmatch("one two", "%a+") do table.insert(t, w) end; return t[2] end)() == "two"`,
		`(function() local t = {3,1,2}; table.sort(t, function(a, b) return a < b end); return t[1] end)() == 1`,
		`math.max(1, 5) == 5 and math.floor(2.7) == 2`,
		`os.time() - os.time({year=2020, month=5, day=1, hour=10, min=0, sec=0}) > 0`,
		`os.time({year="2020", month="05", day="01", hour="10"}) == 1588327200`,
		`os.date("!%Y-%m-%dT%H:%M:%SZ", 1588327200) == "2020-05-01T10:00:00Z"`,
		`os.date("*t", 1588327200).hour == 10 and require("os").time() > 0`,
		`pcall(function() error("x") end) == false`,
		`(function() local y, m, d = obj.metadata.creationTimestamp:match("(%d+)-(%d+)-(%d+)"); return y .. m .. d end)() == "20200501"`,
		`coroutine.wrap(function() coroutine.yield(4) end)() == 4`,
	} {
		script := `print("x"); if ` + holds + ` then return {status="Healthy"} end return {status="Degraded"}`
		if got := judgeLua(t, script, live); got != (verdict{Status: "Healthy"}) {
			t.Errorf("%s: %+v", holds, got)
		}
	}
}

func TestLuaWithoutOpinionSaysNothing(t *testing.T) {
	for _, script := range []string{`return nil`, ``, `return {}`, `return`} {
		if got := judgeLua(t, script, `{}`); got != (verdict{}) {
			t.Errorf("%q: %+v", script, got)
		}
	}
}

func TestLuaFaultsAreNamedWithTheirLine(t *testing.T) {
	for script, want := range map[string]string{
		"local x = obj.status.phase\nreturn {status='Healthy'}": "1: attempt to index a non-table object(nil) with key 'phase'",
		"\nerror('my words')":                   "2: my words",
		"error({})":                             "the script raised an error that is a table",
		"return {status='Fine'}":                `invalid health status: "Fine"`,
		"return {status=1}":                     "number as its status",
		"return {status='Healthy', message={}}": "table as its message",
		"return {message='x'}":                  "no status",
		"return 'Healthy'":                      "expect table output from Lua script, not string",
		"if x then\nreturn {status='Healthy'}":  "at the end of the script",
		"local x = = 1":                         "line 1, column 11: syntax error near \"=\"",
		"goto nowhere":                          "nowhere",
		"function f() return 1 + f() end f()":   "stack overflow",
		"return unpack({}, 1, 1e7)":             "registry overflow",
		"return string.rep('x', 1e9)":           "at most",
		"return ('x'):rep(1e15)":                "at most",
		"return string.format('%99999d', 1)":    "invalid conversion",
		"local s = ('x'):rep(1e6) local t = {} for i = 1, 1000 do t[i] = s end return table.concat(t)": "at most",
		"return (('x'):rep(2e5)):gsub('.', ('y'):rep(1e6))":                                            "at most",
		"return (('x'):rep(1e6)):find('x-y')":                                                          "at most",
	} {
		if got := judgeLua(t, script, `{}`); got.Status != "" || got.Passing || !strings.Contains(got.Error, want) {
			t.Errorf("%s: %+v, want %q", script, got, want)
		}
	}
}

func TestE10LuaReachesNothingOutside(t *testing.T) {
	for _, name := range []string{
		"io", "package", "load", "loadstring", "loadfile", "dofile", "module", "newproxy", "setfenv", "getfenv", "channel", "_printregs", "python",
		"os.exit", "os.execute", "os.getenv", "os.remove", "os.rename", "os.tmpname", "os.setenv", "string.dump", "debug.getinfo", "debug.setmetatable",
		"math.randomseed", `getmetatable("")`,
	} {
		for _, open := range []bool{true, false} {
			library, _, dotted := strings.Cut(name, ".")
			script := fmt.Sprintf("local found = %s\nreturn {status = found == nil and 'Healthy' or 'Degraded'}", name)
			if dotted && !strings.Contains(name, "(") {
				script = fmt.Sprintf("if %s == nil then return {status='Healthy'} end\n", library) + script
			}
			got := judgeAll(t, []Rule{{Language: "lua", Source: script, OpenLibs: open}}, judgedObject{0, object(t, `{}`)})[0]
			if got.Status != "Healthy" {
				t.Errorf("%s, open_libs %t: %+v", name, open, got)
			}
		}
	}
	if got := judgeLua(t, `require("socket")`, `{}`); !strings.Contains(got.Error, "module socket not found") {
		t.Errorf("require: %+v", got)
	}
}

func TestLuaScriptsLeaveNothingToEachOther(t *testing.T) {
	rules := []Rule{{Language: "lua", Source: `string.upper = nil; leak = 1; obj.kind = "changed"; return {status="Healthy"}`},
		{Language: "lua", Source: `if leak == nil and string.upper ~= nil and obj.kind == "A" then return {status="Healthy"} end return {status="Degraded"}`}}
	got := judgeAll(t, rules, judgedObject{0, object(t, `{"kind":"A"}`)}, judgedObject{1, object(t, `{"kind":"A"}`)})
	if got[1].Status != "Healthy" {
		t.Errorf("%+v", got)
	}
}

func TestD4LuaThatLoopsIsEndedAndTheBatchGoesOn(t *testing.T) {
	rules := []Rule{
		{Language: "lua", Source: `while true do pcall(function() while true do end end) end`},
		{Language: "lua", Source: readyScript},
		{Language: "lua", Source: `function f() return f() end f()`},
	}
	live := object(t, `{}`)
	began := time.Now()
	got := judgeAll(t, rules, judgedObject{0, live}, judgedObject{1, live}, judgedObject{0, live}, judgedObject{0, live}, judgedObject{2, live}, judgedObject{1, live})
	for _, i := range []int{0, 2, 3, 4} {
		if got[i].Error == "" || !got[i].Passing {
			t.Errorf("%d: %+v", i, got[i])
		}
	}
	if got[1].Status != "Progressing" || got[5].Status != "Progressing" || !strings.Contains(got[3].Error, "not tried") {
		t.Errorf("%+v", got)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestD4LuaThatEatsMemoryIsEndedAndTheBatchGoesOn(t *testing.T) {
	live := object(t, `{}`)
	for _, script := range []string{
		`local t = {} while true do t[#t + 1] = ("x"):rep(1e6) end`,
		`local s = "x" while true do s = s .. s end`,
		`local t = {} for i = 1, 1e9 do t[i] = {} end`,
		`local t = {} for i = 1, 1e9 do t[i] = {} t[i][1048575] = 1 end`,
	} {
		got := judgeAll(t, []Rule{{Language: "lua", Source: script}, {Language: "lua", Source: readyScript}}, judgedObject{0, live}, judgedObject{1, live})
		if !strings.Contains(got[0].Error, "too much memory") && !strings.Contains(got[0].Error, "not ready after") || got[1].Status != "Progressing" {
			t.Errorf("%s: %+v", script, got)
		}
	}
}

func TestS4ErrorsOfSecretsAreNotTold(t *testing.T) {
	secret := `{"apiVersion":"v1","kind":"Secret","data":{"password":"aHVudGVyMg=="}}`
	for _, rule := range []Rule{
		{Language: "lua", Source: `error(obj.data.password)`},
		{Language: "cel", Source: `object.data.password == 'x' ? 'Healthy' : string(int(object.data.password))`},
	} {
		got := judgeAll(t, []Rule{rule}, judgedObject{0, object(t, secret)})[0]
		if got.Error == "" || strings.Contains(got.Error, "aHVudGVyMg") {
			t.Errorf("%+v", got)
		}
	}
	for _, expression := range []string{`.data | keys_unsorted[0] as $k | .[$k] | error`, `getpath([.data.password])`, `.data.password | .[]`} {
		got := pathsOf(t, expression, secret)
		if strings.Contains(fmt.Sprint(got), "aHVudGVyMg") {
			t.Errorf("%s: %+v", expression, got)
		}
	}
}
