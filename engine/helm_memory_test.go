package main

import (
	"fmt"
	"maps"
	"runtime"
	"testing"
)

// heapAfter is what the heap holds when n renders were done and everything was collected.
func heapAfter(t *testing.T, n int, render func(i int)) int {
	t.Helper()
	for i := range n {
		render(i)
	}
	runtime.GC()
	runtime.GC() // what finalizers let go
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

func TestMemoryIsFlatOverManyHelmRenders(t *testing.T) {
	need := chartNeed("redis", "17.0.2")
	files := withDependencies("- {name: redis, version: 17.0.2, repository: REPO}\n", map[string]string{
		"chart/values.schema.json":   `{"properties":{"replicas":{"type":"integer"}}}`,
		"chart/charts/sub-0.1.0.tgz": pack(t, map[string]string{"sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 0.1.0\n"}),
		"chart/templates/r.yaml":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: r}\ndata: {a: {{ genPrivateKey \"ed25519\" | quote }}, b: {{ tpl \"{{ uuidv4 }}\" . }}, c: {{ regexFind \"[a-z]+\" .Release.Name }}}\n",
	})
	root, given := snapshot(t, files), stocked(t, need, "redis 17.0.2")
	broken := snapshot(t, chartFiles(map[string]string{"chart/templates/x.yaml": `{{ fail "no" }}`}))
	render := func(i int) {
		p := helmOf(root, params{"seed": fmt.Sprintf("%064x", i), "values": []params{{"replicas": i}}})
		settled(t, p, nil, given)
		round(t, p, nil) // ends in a need
		mustFail(t, codeRender, "helm", helmOf(broken, maps.Clone(params{"release_name": fmt.Sprintf("r%d", i)})))
	}
	before := heapAfter(t, 300, render)
	after := heapAfter(t, 900, render)
	if after > before+before/10 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
}
