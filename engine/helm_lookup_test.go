package main

import (
	"reflect"
	"strings"
	"testing"
)

const lookups = `{{- $one := lookup "v1" "Secret" .Release.Namespace "db" -}}
{{- $all := lookup "v1" "Pod" "" "" -}}
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  password: {{ if $one }}{{ $one.data.password }}{{ else }}new{{ end }}
  port: {{ dig "port" 0 $one | quote }}
  pods: {{ $all.items | default list | len | quote }}
`

func TestLookupAsksTheCallerOnceForAll(t *testing.T) {
	root := snapshot(t, dump(map[string]string{"chart/templates/cm.yaml": lookups}))
	secret := Need{Kind: needLookup, APIVersion: "v1", ObjectKind: "Secret", Namespace: "ns", Name: "db"}
	pods := Need{Kind: needLookup, APIVersion: "v1", ObjectKind: "Pod"}
	p := helmOf(root, params{"lookup": true})
	if _, needs := round(t, p, nil); !reflect.DeepEqual(needs, []Need{secret, pods}) {
		t.Fatal(needs)
	}
	// A number stays as the API server wrote it.
	found := Given{Need: secret, Content: []byte(`{"kind":"Secret","data":{"password":"c2VjcmV0"},"port":12345678}`)}
	out := settled(t, p, nil, found, Given{Need: pods, Content: []byte(`{"items":[{},{}]}`)})
	if got := valuesOf(t, out); !reflect.DeepEqual(got, map[string]any{"password": "c2VjcmV0", "port": "12345678", "pods": "2"}) {
		t.Error(got)
	}
	for _, nothing := range []string{`{}`, `null`} {
		out = settled(t, p, nil, Given{Need: secret, Content: []byte(nothing)}, Given{Need: pods, Content: []byte(nothing)})
		if got := valuesOf(t, out); got["password"] != "new" || got["pods"] != "0" {
			t.Error(got)
		}
	}
}

func TestLookupsThatDependOnEachOtherTakeSeveralRounds(t *testing.T) {
	root := snapshot(t, dump(map[string]string{"chart/templates/cm.yaml": `{{- $ns := lookup "v1" "Namespace" "" "ns" }}
{{- $owner := lookup "v1" "ConfigMap" "ns" (dig "metadata" "labels" "owner" "" $ns | required "the namespace has no owner") }}
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {team: {{ $owner.data.team }}}
`}))
	p := helmOf(root, params{"lookup": true})
	first := Need{Kind: needLookup, APIVersion: "v1", ObjectKind: "Namespace", Name: "ns"}
	second := Need{Kind: needLookup, APIVersion: "v1", ObjectKind: "ConfigMap", Namespace: "ns", Name: "me"}
	if _, needs := round(t, p, nil); !reflect.DeepEqual(needs, []Need{first}) {
		t.Fatal(needs) // that the template fails without it is no error yet
	}
	given := []Given{{Need: first, Content: []byte(`{"metadata":{"labels":{"owner":"me"}}}`)}}
	if _, needs := round(t, p, nil, given...); !reflect.DeepEqual(needs, []Need{second}) {
		t.Fatal(needs)
	}
	out := settled(t, p, nil, append(given, Given{Need: second, Content: []byte(`{"data":{"team":"a"}}`)})...)
	if got := valuesOf(t, out); got["team"] != "a" {
		t.Error(got)
	}
}

func TestLookupGivesEachCallItsOwnObject(t *testing.T) {
	root := snapshot(t, dump(map[string]string{"chart/templates/cm.yaml": `{{- $a := lookup "v1" "X" "" "x" }}{{- $_ := set $a "k" "changed" }}{{- $b := lookup "v1" "X" "" "x" }}
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {k: {{ $b.k }}}
`}))
	need := Need{Kind: needLookup, APIVersion: "v1", ObjectKind: "X", Name: "x"}
	out := settled(t, helmOf(root, params{"lookup": true}), nil, Given{Need: need, Content: []byte(`{"k":"own"}`)})
	if got := valuesOf(t, out); got["k"] != "own" {
		t.Error(got)
	}
}

func TestLookupsThatAreNotAnsweredAreErrors(t *testing.T) {
	root := snapshot(t, dump(map[string]string{"chart/templates/cm.yaml": `a: {{ lookup "v1" "Secret" "other" "x" }}`}))
	need := Need{Kind: needLookup, APIVersion: "v1", ObjectKind: "Secret", Namespace: "other", Name: "x"}
	fault := refused(t, codeMissing, helmOf(root, params{"lookup": true}), nil, Given{Need: need, Error: "the project may not see Secret in other", Hint: "ask"})
	if !strings.Contains(fault.Message, "may not see") || fault.Hint != "ask" || fault.File != "chart/templates/cm.yaml" {
		t.Errorf("%+v", *fault)
	}
	refused(t, codeRequest, helmOf(root, params{"lookup": true}), nil, Given{Need: need, Content: []byte(`[`)})
}
