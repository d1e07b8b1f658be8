package main

import (
	"bytes"
	"path"
	"slices"
)

// skipMarker in a file keeps it from being rendered (Argo CD docs, "Directory").
const skipMarker = "+argocd:skip-file-rendering"

type directoryParams struct {
	Root     string        `json:"root"`
	Path     string        `json:"path"`
	Recurse  bool          `json:"recurse"`
	Include  string        `json:"include"`
	Exclude  string        `json:"exclude"`
	Jsonnet  jsonnetInputs `json:"jsonnet"`
	MaxBytes int           `json:"max_bytes"`

	DisableExtensionFilter bool `json:"disable_extension_filter"`
}

// renderDirectory answers "directory": the plain manifests and Jsonnet files of a folder, in lexical order.
func renderDirectory(job *Job) ([]Manifest, error) {
	var params directoryParams
	if err := job.decodeParams(&params); err != nil {
		return nil, err
	}
	if err := job.open(params.Root); err != nil {
		return nil, err
	}
	dir, err := cleanRelative(params.Path)
	if err != nil {
		return nil, err
	}
	files, err := directoryFiles(job.tree, dir, params)
	if err != nil {
		return nil, err
	}
	budget := params.MaxBytes
	if budget <= 0 {
		budget = defaultDirectory
	}
	var out []Manifest
	total := 0
	for _, file := range files {
		if err := job.ctx.Err(); err != nil {
			return nil, err
		}
		manifests, size, err := renderFile(job, dir, file, params.Jsonnet)
		if err != nil && len(job.supply.missing()) > 0 {
			continue // what the other files need is told, too
		}
		if err != nil {
			return nil, err
		}
		if total += size; total > budget {
			return nil, limitFault("combined size in bytes of the manifests in "+dir, budget).
				hint("exclude files that are no manifests, or raise max_bytes")
		}
		out = append(out, manifests...)
	}
	return out, nil
}

// directoryFiles lists what is to be rendered: by extension, then exclude, then include.
func directoryFiles(tree *Tree, dir string, params directoryParams) ([]string, error) {
	include, err := compileGlob(params.Include, "include")
	if err != nil {
		return nil, err
	}
	exclude, err := compileGlob(params.Exclude, "exclude")
	if err != nil {
		return nil, err
	}
	_, info, err := tree.Resolve(dir)
	if err != nil {
		return nil, asFault(err, codePath).hint("check the source's path and revision")
	}
	if !info.IsDir() {
		return nil, faultf(codeMissing, "%q is a file, not a folder", dir).hint("the source's path must name a folder")
	}
	var files []string
	err = walkFiles(tree, dir, params.Recurse, func(file, below string) error {
		if !params.DisableExtensionFilter && !hasManifestExtension(below) {
			return nil
		}
		if exclude != nil && exclude.Match(below) || include != nil && !include.Match(below) {
			return nil
		}
		files = append(files, file)
		return nil
	})
	return files, err
}

func renderFile(job *Job, dir, file string, inputs jsonnetInputs) ([]Manifest, int, error) {
	data, err := job.tree.ReadFile(file)
	if err != nil {
		return nil, 0, err
	}
	if bytes.Contains(data, []byte(skipMarker)) {
		return nil, 0, nil
	}
	if path.Ext(file) == ".jsonnet" {
		manifests, err := renderJsonnet(job, dir, file, inputs)
		return manifests, len(data), err
	}
	manifests, err := decodeManifests(data, file, &job.warnings)
	if err != nil && !hasManifestExtension(file) && !looksLikeManifest.Match(data) {
		job.warnings.Add(file + ": skipped, not a Kubernetes manifest")
		return nil, 0, nil
	}
	return manifests, len(data), err
}

func hasManifestExtension(file string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json", ".jsonnet"}, path.Ext(file))
}
