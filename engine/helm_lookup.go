package main

import (
	"k8s.io/apimachinery/pkg/util/json"
)

// lookup is the template function of that name, answered by the caller. What was not given yet is an empty object for
// now: the template goes on, so that its other look-ups are asked for in the same round, and what it makes of it is
// thrown away.
func (h *helmRender) lookup(apiVersion, kind, namespace, name string) (map[string]any, error) {
	need := Need{Kind: needLookup, APIVersion: apiVersion, ObjectKind: kind, Namespace: namespace, Name: name}
	given, err := h.job.supply.get(need)
	if isNeed(err) {
		return map[string]any{}, nil
	}
	if err != nil {
		return nil, err
	}
	found := map[string]any{} // anew each time: templates change what they got
	if err := json.Unmarshal(given.Content, &found); err != nil {
		return nil, faultf(codeRequest, "the answer to a lookup of %s is not a JSON object", kind)
	}
	if found == nil { // "null"
		found = map[string]any{}
	}
	return found, nil
}
