package main

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	sigsyaml "sigs.k8s.io/yaml"
)

// errReadOnly is what every write gets.
var errReadOnly = faultf(codeRefused, "rendering writes no files")

// kustomizeFS shows trees to Kustomize. Every kustomization passes here when the library loads it: what must not run is
// refused before the library sees it, addresses are replaced by paths to what was fetched for them, charts by what they
// render to, and the application's options are laid over the first one.
type kustomizeFS struct {
	trees    *kustomizeTrees
	target   string                           // folder of the kustomization to build
	edit     func(*types.Kustomization) error // applied to the target's kustomization
	inflate  *inflation                       // nil where Helm is not enabled
	warnings *Warnings
	parsed   map[string]bool   // absolute paths after links of files that Kustomize reads as YAML
	linked   map[string]string // kustomizations that are links: where they lead -> where they are

	fault      *Fault // the first refusal: Kustomize may hide it behind another error
	lost       *Fault // the last thing that was looked for in vain
	needing    bool   // something has to be fetched first
	customised bool   // a kustomization sets openapi, which Kustomize keeps in global variables
	exclusive  bool   // this run has Kustomize's global variables for itself
}

var errNeedsExclusive = errors.New("kustomization sets openapi")

func (k *kustomizeFS) refuse(f *Fault) error {
	if k.fault == nil {
		k.fault = f
	}
	return f
}

// locate turns Kustomize's absolute path into a tree and a path in it.
func (k *kustomizeFS) locate(p string) (*mount, string, error) {
	if strings.ContainsAny(p, "\n\x00") || len(p) > maxPathLength {
		return nil, "", missing("inline document") // Kustomize tries inline patches as file names first
	}
	m, rel, inside := k.trees.locate(p)
	if !inside {
		return nil, "", k.refuse(leaves(k.trees.clean(p)))
	}
	return m, rel, nil
}

// noted remembers why a look-up failed.
func (k *kustomizeFS) noted(m *mount, err error) error {
	if err == nil {
		return nil
	}
	if isNeed(err) {
		k.needing = true
		return err
	}
	fault := m.named(asFault(err, codePath))
	if fault.Code == codeMissing {
		k.lost = fault
		return fault
	}
	return k.refuse(fault)
}

// CleanedAbs resolves links; for a file the name is apart from its folder.
func (k *kustomizeFS) CleanedAbs(p string) (filesys.ConfirmedDir, string, error) {
	if _, made := k.trees.file(p); made {
		dir, name := path.Split(path.Clean(p))
		return confirmed(path.Clean(dir)), name, nil
	}
	m, rel, err := k.locate(p)
	if err != nil {
		return "", "", err
	}
	real, info, err := m.tree.Stat(rel)
	if err != nil {
		return "", "", k.noted(m, err)
	}
	at := path.Join(m.at, real)
	if info.IsDir() {
		return confirmed(at), "", nil
	}
	if real != rel && isKustomizationName(rel) {
		k.linked[at] = path.Clean(p)
	}
	return confirmed(path.Dir(at)), path.Base(at), nil
}

func isKustomizationName(p string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(p))
}

// ReadFile gives a file's bytes; a kustomization's are checked, and changed as the type's comment says.
func (k *kustomizeFS) ReadFile(p string) ([]byte, error) {
	if made, ok := k.trees.file(p); ok {
		return made.content, nil
	}
	m, rel, err := k.locate(p)
	if err != nil {
		return nil, err
	}
	data, err := m.tree.ReadFile(rel)
	if err != nil {
		return nil, k.noted(m, err)
	}
	asked, isLinked := k.linked[path.Clean(p)]
	if !isLinked {
		asked = path.Clean(p)
	}
	if isKustomizationName(asked) {
		return k.kustomization(asked, data)
	}
	if k.parsed[path.Clean(p)] {
		return k.checkedYAML(data, m.shown(rel))
	}
	if isYAMLName(rel) {
		if fault := guardYAML(data, m.shown(rel)); fault != nil && fault.Code == codeLimit {
			return nil, k.refuse(fault)
		}
	}
	return data, nil
}

// checkedYAML is for what Kustomize will parse.
func (k *kustomizeFS) checkedYAML(data []byte, file string) ([]byte, error) {
	data, err := toUTF8(data, file)
	if err != nil {
		return nil, k.refuse(asFault(err, codeParse))
	}
	if _, fault := inspectYAML(data, file, true); fault != nil {
		return nil, k.refuse(fault)
	}
	return data, nil
}

func isYAMLName(p string) bool {
	switch path.Ext(p) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// kustomization checks and changes the one at the absolute path at.
func (k *kustomizeFS) kustomization(at string, data []byte) ([]byte, error) {
	m, rel, err := k.locate(at)
	if err != nil {
		return nil, err
	}
	file, here := m.shown(rel), folder{m, path.Dir(rel)}
	if data, err = k.checkedYAML(data, file); err != nil {
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
	changed, err := k.adapt(&parsed, here)
	if err != nil {
		return nil, k.adaptFailed(err, file)
	}
	k.expect(here, &parsed)
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
		if err := k.edit(parsed); err != nil {
			return false, asFault(err, codeRequest)
		}
		changed = true
	}
	fetched, err := k.fetch(parsed, here)
	if err != nil && !isNeed(err) {
		return false, err
	}
	inflated, inflateErr := k.inflateCharts(parsed, here)
	if err == nil {
		err = inflateErr
	}
	return changed || fetched || inflated, err
}

func (k *kustomizeFS) isTarget(here folder) bool {
	return here.in == k.trees.snapshot() && here.dir == k.target
}

// adaptFailed asks for all that is missing in all kustomizations, where something is.
func (k *kustomizeFS) adaptFailed(err error, file string) error {
	if !isNeed(err) {
		return k.refuse(asFault(err, codeRequest).in(file, 0))
	}
	if !k.needing {
		k.needing = true
		k.collect(folder{k.trees.snapshot(), k.target}, map[string]bool{})
	}
	return err
}

// expect remembers which files the kustomization will have parsed as YAML.
func (k *kustomizeFS) expect(here folder, parsed *types.Kustomization) {
	visitReferences(parsed, func(ref reference) string {
		if !ref.parsed() || strings.Contains(ref.path, "\n") || path.IsAbs(ref.path) {
			return ref.path
		}
		joined := path.Join(here.absolute(), ref.path)
		m, rel, inside := k.trees.locate(joined)
		if !inside {
			return ref.path // refused when it is opened
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

// Exists says whether p is there.
func (k *kustomizeFS) Exists(p string) bool {
	_, err := k.stat(p)
	return err == nil
}

// IsDir says whether p is a folder, after links.
func (k *kustomizeFS) IsDir(p string) bool {
	info, err := k.stat(p)
	return err == nil && info.IsDir()
}

func (k *kustomizeFS) stat(p string) (fs.FileInfo, error) {
	m, rel, err := k.locate(p)
	if err != nil {
		return nil, err
	}
	_, info, err := m.tree.Stat(rel)
	return info, k.noted(m, err)
}

// ReadDir lists a folder.
func (k *kustomizeFS) ReadDir(p string) ([]string, error) {
	m, rel, err := k.locate(p)
	if err != nil {
		return nil, err
	}
	entries, err := m.tree.ReadDir(rel)
	if err != nil {
		return nil, k.noted(m, err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

func (k *kustomizeFS) Glob(string) ([]string, error) {
	return nil, k.refuse(faultf(codeRefused, "globs in kustomizations are not supported"))
}

func (k *kustomizeFS) Walk(string, filepath.WalkFunc) error {
	return k.refuse(faultf(codeRefused, "Kustomize may not walk the repository"))
}

func (k *kustomizeFS) Open(string) (filesys.File, error)   { return nil, k.refuse(errReadOnly) }
func (k *kustomizeFS) Create(string) (filesys.File, error) { return nil, k.refuse(errReadOnly) }
func (k *kustomizeFS) Mkdir(string) error                  { return k.refuse(errReadOnly) }
func (k *kustomizeFS) MkdirAll(string) error               { return k.refuse(errReadOnly) }
func (k *kustomizeFS) RemoveAll(string) error              { return k.refuse(errReadOnly) }
func (k *kustomizeFS) WriteFile(string, []byte) error      { return k.refuse(errReadOnly) }

var _ filesys.FileSystem = (*kustomizeFS)(nil)
