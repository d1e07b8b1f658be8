package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"
)

// rulesTestMemory is enough for all that is right.
const rulesTestMemory = 256 << 20

func askRules(t testing.TB, methodName string, params any, into any) []byte {
	t.Helper()
	return askThe(t, newRules(rulesTestMemory), methodName, params, into)
}

func askThe(t testing.TB, r *rules, methodName string, params any, into any) []byte {
	t.Helper()
	raw, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	body := answer(1, &Job{ctx: ctx, params: raw}, r.methods()[methodName])
	var told struct {
		Result json.RawMessage `json:"result"`
		Error  *Fault          `json:"error"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		t.Fatal(err)
	}
	if told.Error != nil {
		t.Fatalf("%s failed: %+v", methodName, told.Error)
	}
	if err := json.Unmarshal(told.Result, into); err != nil {
		t.Fatal(err)
	}
	return body
}

func object(t testing.TB, text string) json.RawMessage {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Fatalf("no JSON: %s", text)
	}
	return json.RawMessage(text)
}

type judgedObject struct {
	Rule   int             `json:"rule"`
	Object json.RawMessage `json:"object"`
}

func judgeAll(t testing.TB, rules []Rule, objects ...judgedObject) []verdict {
	t.Helper()
	var found struct{ Healths []verdict }
	askRules(t, "health", map[string]any{"rules": rules, "objects": objects}, &found)
	if len(found.Healths) != len(objects) {
		t.Fatalf("%d verdicts for %d objects", len(found.Healths), len(objects))
	}
	return found.Healths
}

func judgeLua(t testing.TB, source, live string) verdict {
	t.Helper()
	return judgeAll(t, []Rule{{Language: "lua", Source: source, OpenLibs: true}}, judgedObject{0, object(t, live)})[0]
}

func judgeCEL(t testing.TB, source, live string) verdict {
	t.Helper()
	return judgeAll(t, []Rule{{Language: "cel", Source: source}}, judgedObject{0, object(t, live)})[0]
}

func pathsOf(t testing.TB, expression, live string) places {
	t.Helper()
	var found struct{ Objects [][]places }
	askRules(t, "jq_paths", map[string]any{"expressions": []string{expression}, "objects": []json.RawMessage{object(t, live)}}, &found)
	return found.Objects[0][0]
}
