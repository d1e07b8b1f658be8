package main

import (
	"bytes"
	"errors"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"
)

// kustomization checks and changes the one at the absolute path at.
func (k *kustomizeFS) kustomization(at string, data []byte) ([]byte, error) {
	m, rel, err := k.locate(at)
	if err != nil {
		return nil, err
	}
	file, here := m.shown(rel), folder{m, path.Dir(rel), path.Base(rel)}
	if data, _, err = k.checkedYAML(data, file); err != nil {
		return nil, err
	}
	var parsed types.Kustomization
	if err := parsed.Unmarshal(data); err != nil {
		return nil, k.refuse(kustomizationFault(err, file, data))
	}
	for _, warning := range *parsed.CheckDeprecatedFields() {
		k.warnings.Add(file + ": " + strings.TrimPrefix(warning, "# Warning: "))
	}
	if len(parsed.OpenAPI) > 0 {
		k.customised = true
		if !k.exclusive {
			return nil, errNeedsExclusive
		}
	}
	if k.origins != nil && !k.origins.follows(&parsed) {
		k.origins.broken = true
		return nil, errNeedsOrigins
	}
	changed, err := k.adapt(&parsed, here)
	if err != nil {
		return nil, k.adaptFailed(err, file)
	}
	k.expect(here, &parsed)
	k.watch(here, &parsed, data)
	if k.origins != nil {
		k.origins.load(here, &parsed)
	}
	if !changed {
		return data, nil
	}
	adapted, err := sigsyaml.Marshal(parsed)
	if err != nil {
		return nil, k.refuse(faultf(codeInternal, "kustomization cannot be encoded: %v", err))
	}
	return adapted, nil
}

// adapt lays the options over the target, and makes everything local that a kustomization names.
func (k *kustomizeFS) adapt(parsed *types.Kustomization, here folder) (changed bool, err error) {
	if k.isTarget(here) {
		if changed, err = k.edit(parsed); err != nil {
			return false, asFault(err, codeRequest)
		}
	}
	fetched, err := k.fetch(parsed, here)
	if err != nil && !isNeed(err) {
		return false, err
	}
	inherited := ""
	if k.inflate != nil {
		inherited = k.inflate.way.enter(here.absolute(), k.uses(parsed, here), parsed.Namespace)
	}
	inflated, inflateErr := k.inflateCharts(parsed, here, inherited)
	if inflateErr != nil && !isNeed(inflateErr) {
		return false, inflateErr
	}
	if err == nil {
		err = inflateErr
	}
	return changed || fetched || inflated, err
}

// uses are the folders that the kustomization will have loaded, after links, in order.
func (k *kustomizeFS) uses(parsed *types.Kustomization, here folder) []string {
	var out []string
	visitReferences(parsed, func(ref reference) string {
		if ref.kind > folderOnly || strings.Contains(ref.path, "\n") || path.IsAbs(ref.path) {
			return ref.path
		}
		joined := path.Join(here.absolute(), ref.path)
		_, made := k.trees.file(joined)
		if m, rel, inside := k.trees.locate(joined); inside && !made {
			if real, info, err := m.tree.Resolve(rel); err == nil && info.IsDir() {
				out = append(out, path.Join(m.at, real))
			}
		}
		return ref.path
	})
	return out
}

func (k *kustomizeFS) isTarget(here folder) bool {
	return here.in == k.trees.snapshot() && here.dir == k.target
}

// adaptFailed asks for all that is missing in all kustomizations, where something is.
func (k *kustomizeFS) adaptFailed(err error, file string) error {
	if !isNeed(err) {
		return k.refuse(asFault(err, codeRequest).in(file, 0))
	}
	k.need()
	return err
}

// need notes, at the first thing that has to be fetched or decrypted, everything that has to be.
func (k *kustomizeFS) need() {
	if !k.needing {
		k.needing = true
		k.collect(folder{in: k.trees.snapshot(), dir: k.target}, map[string]bool{})
	}
}

// expect remembers which files the kustomization will have parsed as YAML.
func (k *kustomizeFS) expect(here folder, parsed *types.Kustomization) {
	visitReferences(parsed, func(ref reference) string {
		if !ref.parsed() || strings.Contains(ref.path, "\n") || path.IsAbs(ref.path) {
			return ref.path
		}
		joined := path.Join(here.absolute(), ref.path)
		m, rel, inside := k.trees.locate(joined)
		if _, made := k.trees.file(joined); made || !inside {
			return ref.path // checked before, or refused when it is opened
		}
		k.parsed[joined] = true
		if isYAMLName(rel) {
			if real, _, err := m.tree.Resolve(rel); err == nil {
				k.parsed[path.Join(m.at, real)] = true
			}
		}
		return ref.path
	})
}

// watch remembers which entries of the kustomization name a place outside of its tree: what is refused when Kustomize
// opens it is then named as it is written.
func (k *kustomizeFS) watch(here folder, parsed *types.Kustomization, data []byte) {
	visitReferences(parsed, func(ref reference) string {
		at := path.Join(here.absolute(), ref.path)
		if path.IsAbs(ref.path) {
			at = path.Clean(ref.path)
		}
		if _, _, inside := k.trees.locate(at); inside || strings.Contains(ref.path, "\n") {
			return ref.path
		}
		fault := leaves(ref.path).in(here.in.shown(path.Join(here.dir, here.name)), lineOf(data, ref.path))
		fault.Message = ref.field + ": " + fault.Message
		if k.leaving == nil {
			k.leaving = map[string]*Fault{}
		}
		k.leaving[at] = fault
		return ref.path
	})
}

// lineOf is the first line that has text in it, 0 if none has.
func lineOf(data []byte, text string) int {
	before, _, found := bytes.Cut(data, []byte(text))
	if !found {
		return 0
	}
	return 1 + bytes.Count(before, []byte("\n"))
}

// kustomizationFault finds the line of the field that Kustomize does not know.
func kustomizationFault(err error, file string, data []byte) *Fault {
	fault := yamlFault(errors.Unwrap(err), file, 0)
	fault.Message = "not a valid kustomization: " + strings.TrimPrefix(fault.Message, invalidYAML+": ")
	if _, field, found := strings.Cut(err.Error(), `unknown field "`); found {
		field, _, _ = strings.Cut(field, `"`)
		for number, line := range bytes.Split(data, []byte("\n")) {
			if bytes.Contains(line, []byte(field)) {
				fault.Line = number + 1
				break
			}
		}
	}
	return fault
}
