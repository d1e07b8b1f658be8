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

// snapshotRoot is where Kustomize sees the root of the tree. Kustomize wants absolute paths and joins
// "../.." lexically; a prefix of its own tells a path that left the tree from one at its top.
const snapshotRoot = "/snapshot"

// errReadOnly is what every write gets.
var errReadOnly = faultf(codeRefused, "rendering writes no files")

// kustomizeFS shows a Tree to Kustomize. Every kustomization passes here when the library loads it:
// what must not run is refused before the library sees it, and the application's options are laid over the first one.
type kustomizeFS struct {
	tree     *Tree
	target   string                           // folder of the kustomization to build
	edit     func(*types.Kustomization) error // applied to the target's kustomization
	warnings *Warnings
	parsed   map[string]bool // files that Kustomize reads as YAML, by path after links

	fault      *Fault // the first refusal: Kustomize may hide it behind another error
	lost       *Fault // the last thing that was looked for in vain
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

// relative turns Kustomize's absolute path into one relative to the root.
func (k *kustomizeFS) relative(p string) (string, error) {
	if strings.ContainsAny(p, "\n\x00") || len(p) > maxPathLength {
		return "", missing("inline document") // Kustomize tries inline patches as file names first
	}
	clean := path.Clean(p)
	if clean == snapshotRoot {
		return ".", nil
	}
	below, inside := strings.CutPrefix(clean, snapshotRoot+"/")
	if !inside {
		return "", k.refuse(leaves(p))
	}
	return below, nil
}

// noted remembers why a look-up failed.
func (k *kustomizeFS) noted(err error) error {
	if err == nil {
		return nil
	}
	fault := asFault(err, codePath)
	if fault.Code == codeMissing {
		k.lost = fault
		return fault
	}
	return k.refuse(fault)
}

// CleanedAbs resolves links; for a file the name is apart from its folder.
func (k *kustomizeFS) CleanedAbs(p string) (filesys.ConfirmedDir, string, error) {
	rel, err := k.relative(p)
	if err != nil {
		return "", "", err
	}
	real, info, err := k.tree.Stat(rel)
	if err != nil {
		return "", "", k.noted(err)
	}
	if info.IsDir() {
		return absolute(real), "", nil
	}
	return absolute(path.Dir(real)), path.Base(real), nil
}

func absolute(rel string) filesys.ConfirmedDir {
	return filesys.ConfirmedDir(path.Join(snapshotRoot, rel))
}

// ReadFile gives a file's bytes; a kustomization's are checked and, for the target, edited.
func (k *kustomizeFS) ReadFile(p string) ([]byte, error) {
	rel, err := k.relative(p)
	if err != nil {
		return nil, err
	}
	data, err := k.tree.ReadFile(rel)
	if err != nil {
		return nil, k.noted(err)
	}
	if slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(rel)) {
		return k.kustomization(rel, data)
	}
	if k.parsed[rel] {
		if data, err = toUTF8(data, rel); err != nil {
			return nil, k.refuse(asFault(err, codeParse))
		}
		if _, fault := inspectYAML(data, rel, true); fault != nil {
			return nil, k.refuse(fault)
		}
		return data, nil
	}
	if isYAMLName(rel) {
		if fault := guardYAML(data, rel); fault != nil && fault.Code == codeLimit {
			return nil, k.refuse(fault)
		}
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

func (k *kustomizeFS) kustomization(rel string, data []byte) ([]byte, error) {
	data, err := toUTF8(data, rel)
	if err != nil {
		return nil, k.refuse(asFault(err, codeParse))
	}
	if _, fault := inspectYAML(data, rel, true); fault != nil {
		return nil, k.refuse(fault)
	}
	var parsed types.Kustomization
	if err := parsed.Unmarshal(data); err != nil {
		return nil, k.refuse(kustomizationFault(err, rel, data))
	}
	for _, warning := range *parsed.CheckDeprecatedFields() {
		k.warnings.Add(rel + ": " + strings.TrimPrefix(warning, "# Warning: "))
	}
	if fault := checkReferences(&parsed, rel); fault != nil {
		return nil, k.refuse(fault)
	}
	if len(parsed.OpenAPI) > 0 {
		k.customised = true
		if !k.exclusive {
			return nil, errNeedsExclusive
		}
	}
	if path.Dir(rel) != k.target {
		k.expect(path.Dir(rel), &parsed)
		return data, nil
	}
	if err := k.edit(&parsed); err != nil {
		return nil, k.refuse(asFault(err, codeRequest).in(rel, 0))
	}
	if fault := checkReferences(&parsed, rel); fault != nil { // the application's options name files too
		return nil, k.refuse(fault)
	}
	k.expect(path.Dir(rel), &parsed)
	edited, err := sigsyaml.Marshal(parsed)
	if err != nil {
		return nil, k.refuse(faultf(codeInternal, "kustomization cannot be encoded: %v", err))
	}
	return edited, nil
}

// expect remembers which files the kustomization in dir will have parsed as YAML.
func (k *kustomizeFS) expect(dir string, parsed *types.Kustomization) {
	for _, ref := range references(parsed) {
		if !ref.parsed || strings.Contains(ref.path, "\n") || path.IsAbs(ref.path) {
			continue
		}
		joined := path.Join(dir, ref.path)
		if joined == ".." || strings.HasPrefix(joined, "../") {
			continue // refused when it is opened
		}
		k.parsed[joined] = true
		if isYAMLName(joined) {
			if real, _, err := k.tree.Resolve(joined); err == nil {
				k.parsed[real] = true
			}
		}
	}
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
	rel, err := k.relative(p)
	if err != nil {
		return nil, err
	}
	_, info, err := k.tree.Stat(rel)
	return info, k.noted(err)
}

// ReadDir lists a folder.
func (k *kustomizeFS) ReadDir(p string) ([]string, error) {
	rel, err := k.relative(p)
	if err != nil {
		return nil, err
	}
	entries, err := k.tree.ReadDir(rel)
	if err != nil {
		return nil, k.noted(err)
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
