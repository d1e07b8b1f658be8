package main

import (
	"bytes"
	"path"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	sigsyaml "sigs.k8s.io/yaml"
)

// values are the value files in the order in which helm would be told of them.
func (i *inflation) values(wanted *wantedChart, place *chartPlace, here folder) ([]map[string]any, error) {
	first, err := i.firstValues(wanted, place, here)
	if err != nil {
		return nil, err
	}
	out := []map[string]any{first}
	for _, name := range wanted.AdditionalValuesFiles {
		data, shown, err := i.valueFile(name, place, here)
		if err != nil {
			return nil, err
		}
		parsed, err := parseValues(data, shown)
		if err != nil {
			return nil, err
		}
		out = append(out, parsed)
	}
	return out, nil
}

// firstValues are valuesFile, by default the chart's own, and valuesInline merged as valuesMerge says.
func (i *inflation) firstValues(wanted *wantedChart, place *chartPlace, here folder) (map[string]any, error) {
	if len(wanted.ValuesInline) > 0 && wanted.ValuesMerge == "replace" {
		return reparsed(wanted.ValuesInline)
	}
	var data []byte
	var shown string
	var err error
	if wanted.ValuesFile != "" {
		data, shown, err = i.valueFile(wanted.ValuesFile, place, here)
	} else {
		shown = place.in.shown(path.Join(place.dir, "values.yaml"))
		if data, err = place.in.tree.ReadFile(path.Join(place.dir, "values.yaml")); err != nil && !isNeed(err) {
			if fault := asFault(err, codePath); fault.Code != codeMissing {
				return nil, place.in.named(fault)
			}
			err = nil // Kustomize fails for a chart without values.yaml; there is no reason to
		}
	}
	if err != nil {
		return nil, err
	}
	parsed, err := parseValues(data, shown)
	if err != nil || len(wanted.ValuesInline) == 0 {
		return parsed, err
	}
	return mergedValues(wanted, data)
}

// mergedValues lays valuesInline over the file (override), or the file over valuesInline (merge).
func mergedValues(wanted *wantedChart, data []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	file, err := kyaml.Parse(string(data))
	if err != nil {
		return nil, faultf(codeParse, "%s: %s", wanted.ValuesFile, shorten(err.Error()))
	}
	inline, err := kyaml.FromMap(wanted.ValuesInline)
	if err != nil {
		return nil, faultf(codeParse, "valuesInline: %s", shorten(err.Error()))
	}
	var merged *kyaml.RNode
	if wanted.ValuesMerge == "merge" {
		merged, err = merge2.Merge(file, inline, kyaml.MergeOptions{})
	} else {
		merged, err = merge2.Merge(inline, file, kyaml.MergeOptions{})
	}
	if err != nil {
		return nil, faultf(codeRender, "values cannot be merged: %s", shorten(err.Error()))
	}
	if merged == nil {
		return map[string]any{}, nil
	}
	values, err := merged.Map()
	if err != nil {
		return nil, faultf(codeRender, "values cannot be merged: %s", shorten(err.Error()))
	}
	return reparsed(values)
}

// reparsed reads values as helm would from the file that Kustomize writes for it.
func reparsed(values map[string]any) (map[string]any, error) {
	data, err := sigsyaml.Marshal(values)
	if err != nil {
		return nil, faultf(codeRender, "values cannot be encoded: %s", shorten(err.Error()))
	}
	return parseValues(data, "valuesInline")
}

// valueFile reads a value file by its name in the kustomization.
func (i *inflation) valueFile(name string, place *chartPlace, here folder) (data []byte, shown string, err error) {
	if isRemote(name) {
		need, fault := parseRemoteFile(name)
		if fault != nil {
			return nil, "", fault
		}
		given, err := i.job.supply.get(need)
		return given.Content, maskURL(need.URL), err
	}
	joined := path.Join(here.dir, name)
	if below, inside := strings.CutPrefix(joined, place.home+"/"); place.pulled && inside {
		data, err = place.in.tree.ReadFile(below)
		shown = place.in.shown(below)
	} else {
		data, shown, err = i.file(name, here)
	}
	if err != nil && !isNeed(err) {
		return nil, "", asFault(err, codePath).hint("value files are relative to the kustomization's folder")
	}
	return data, shown, err
}

// file reads a file of the kustomization's tree, within its folder unless other files are allowed.
func (i *inflation) file(name string, here folder) (data []byte, shown string, err error) {
	joined := path.Join(here.dir, name)
	if path.IsAbs(name) || joined == ".." || strings.HasPrefix(joined, "../") {
		return nil, "", leaves(name)
	}
	shown = here.in.shown(joined)
	real, _, err := here.in.tree.Resolve(joined)
	if err != nil {
		return nil, "", here.in.named(asFault(err, codePath))
	}
	if i.rootOnly && here.dir != "." && !strings.HasPrefix(real, here.dir+"/") {
		return nil, "", faultf(codeRender, "security; file '%s' is not in or below '%s'", shown, here.in.shown(here.dir)).
			hint("move the file below the kustomization, or set loadRestrictor: none")
	}
	if data, err = here.in.tree.ReadFile(joined); err != nil && !isNeed(err) {
		err = here.in.named(asFault(err, codePath))
	}
	return data, shown, err
}
