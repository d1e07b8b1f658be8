package main

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// errReadOnly is what every write gets.
var errReadOnly = faultf(codeRefused, "rendering writes no files")

// kustomizeFS shows trees to Kustomize. Every kustomization passes here when the library loads it: what must not run is
// refused before the library sees it, addresses are replaced by paths to what was fetched for them, charts by what they
// render to, and the application's options are laid over the first one.
type kustomizeFS struct {
	trees    *kustomizeTrees
	target   string                                               // folder of the kustomization to build
	edit     func(*types.Kustomization) (changed bool, err error) // applied to the target's kustomization
	inflate  *inflation                                           // nil where Helm is not enabled
	warnings *Warnings
	parsed   map[string]bool   // absolute paths after links of files that Kustomize reads as YAML
	linked   map[string]string // kustomizations that are links: where they lead -> where they are

	functions []function
	origins   *origins          // nil where Kustomize annotates
	leaving   map[string]*Fault // absolute path outside of all trees -> the entry that names it

	fault      *Fault // the first refusal: Kustomize may hide it behind another error
	lost       *Fault // the last thing that was looked for in vain
	needing    bool   // something has to be fetched first
	customised bool   // a kustomization sets openapi, which Kustomize keeps in global variables
	exclusive  bool   // this run has Kustomize's global variables for itself
}

var (
	errNeedsExclusive = errors.New("kustomization sets openapi")
	errNeedsOrigins   = errors.New("kustomization may move its objects")
)

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
		if fault := k.leaving[path.Clean(p)]; fault != nil {
			return nil, "", k.refuse(fault)
		}
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
		k.need()
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
		data, documents, err := k.checkedYAML(data, m.shown(rel))
		if err == nil && k.origins != nil {
			k.origins.read(path.Clean(p), documents)
		}
		return data, err
	}
	if isYAMLName(rel) {
		if fault := guardYAML(data, m.shown(rel)); fault != nil && fault.Code == codeLimit {
			return nil, k.refuse(fault)
		}
	}
	return data, nil
}

// checkedYAML is for what Kustomize will parse; it gives the text as UTF-8, and its documents.
func (k *kustomizeFS) checkedYAML(data []byte, file string) ([]byte, []*yaml.Node, error) {
	data, err := toUTF8(data, file)
	if err != nil {
		return nil, nil, k.refuse(asFault(err, codeParse))
	}
	nodes, fault := inspectYAML(data, file, true)
	if fault != nil {
		return nil, nil, k.refuse(fault)
	}
	if bytes.Contains(data, []byte(functionAnnotation)) {
		k.functions = append(k.functions, functionsIn(nodes, file)...)
	}
	return data, nodes, nil
}

func isYAMLName(p string) bool {
	switch path.Ext(p) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
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
