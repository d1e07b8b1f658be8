package main

import (
	"strings"
	"testing"
)

const celLive = `{"apiVersion":"example.org/v1","kind":"A","metadata":{"name":"web","generation":2},"spec":{"replicas":3,"ratio":0.5,"paused":false},
	"status":{"readyReplicas":1,"observedGeneration":2,"conditions":[{"type":"Ready","status":"False","message":"no volume"}]}}`

func TestCELJudges(t *testing.T) {
	for source, want := range map[string]verdict{
		`object.status.readyReplicas < object.spec.replicas ? 'Progressing' : 'Healthy'`:                                                                                            {Status: "Progressing"},
		`self.status.conditions.exists(c, c.type == 'Ready' && c.status == 'False') ? {'status': 'Degraded', 'message': self.status.conditions[0].message} : {'status': 'Healthy'}`: {Status: "Degraded", Message: "no volume"},
		`has(object.status.phase) ? object.status.phase : ''`:                                                                                                                       {},
		`object.?status.?phase.orValue('Suspended')`:                                                                                                                                {Status: "Suspended"},
		`object.?status.?phase`: {},
		`null`:                  {},
		`object.spec.ratio > 0 && object.spec.ratio < 1 ? 'Healthy' : 'Degraded'`:                                         {Status: "Healthy"},
		`{'status': 'Healthy', 'message': '%d of %d'.format([object.status.readyReplicas, object.spec.replicas])}`:        {Status: "Healthy", Message: "1 of 3"},
		`'x,y'.split(',').size() == 2 && math.greatest(1, 2) == 2 && sets.contains([1, 2], [1]) ? 'Healthy' : 'Degraded'`: {Status: "Healthy"},
		`timestamp('2020-01-01T00:00:00Z') < timestamp('2021-01-01T00:00:00Z') ? 'Healthy' : 'Degraded'`:                  {Status: "Healthy"},
	} {
		if got := judgeCEL(t, source, celLive); got != want {
			t.Errorf("%s: %+v, want %+v", source, got, want)
		}
	}
}

func TestCELCasesAreTriedInOrder(t *testing.T) {
	rule := Rule{Language: "cel", Cases: []CELCase{
		{When: "object.spec.paused", Status: "Suspended"},
		{When: "object.status.readyReplicas < object.spec.replicas", Status: "Progressing", Message: "string(object.status.readyReplicas) + ' are ready'"},
		{When: "true", Status: "Healthy"},
	}}
	if got := judgeAll(t, []Rule{rule}, judgedObject{0, object(t, celLive)})[0]; got != (verdict{Status: "Progressing", Message: "1 are ready"}) {
		t.Errorf("%+v", got)
	}
	rule.Cases = rule.Cases[:1]
	if got := judgeAll(t, []Rule{rule}, judgedObject{0, object(t, celLive)})[0]; got != (verdict{}) {
		t.Errorf("%+v", got)
	}
}

func TestCELFaultsAreNamed(t *testing.T) {
	for source, want := range map[string]string{
		`object.status.phase`:           "no such key: phase",
		`object.metadata.name`:          `invalid health status: "web"`,
		`{'message': 'x'}`:              "no status",
		`{'status': 1}`:                 "int as its status",
		`object.spec.replicas`:          "gives a int",
		`1 + 1`:                         "line 0",
		`object.status.`:                "line 1, column 15: Syntax error",
		"'Healthy' +\n nothing.at.all":  "line 2, column 2: undeclared reference to 'nothing'",
		``:                              "Syntax error",
		`'a'.matches('(')  ? 'a' : 'b'`: "line 1",
		`lists.range(1000000) == [] ? 'Healthy' : 'Degraded'`:                                                                      "range",
		`lists.range(10000).all(a, lists.range(10000).all(b, lists.range(10000).all(c, a + b + c >= 0))) ? 'Healthy' : 'Degraded'`: "cost limit exceeded",
		strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000):                                                                "recursion",
	} {
		if source == `1 + 1` {
			want = "the expression gives a int"
		}
		if got := judgeCEL(t, source, celLive); got.Status != "" || !strings.Contains(got.Error, want) {
			t.Errorf("%.80s: %+v, want %q", source, got, want)
		}
	}
	for _, rule := range []Rule{
		{Language: "cel", Cases: []CELCase{{When: "true", Status: "Fine"}}},
		{Language: "cel", Source: "'Healthy'", Cases: []CELCase{{When: "true", Status: "Healthy"}}},
		{Language: "cel", Cases: []CELCase{{When: "1", Status: "Healthy"}}},
		{Language: "cel", Cases: []CELCase{{When: "object.spec.replicas", Status: "Healthy"}}},
		{Language: "cel", Cases: []CELCase{{When: "true", Status: "Healthy", Message: "1"}}},
		{Language: "rego", Source: "x"},
	} {
		if got := judgeAll(t, []Rule{rule}, judgedObject{0, object(t, celLive)})[0]; got.Error == "" {
			t.Errorf("%+v: %+v", rule, got)
		}
	}
}
