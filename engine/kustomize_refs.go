package main

import (
	"path"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
)

// scpForm is user@host… at the start: Kustomize takes it for a git address.
var scpForm = regexp.MustCompile(`^[a-z][a-z0-9-]*@`)

// isRemote says whether Kustomize could take text for something on the network. It is wider than
// Kustomize's own test, on purpose: whatever is true here never reaches the library.
func isRemote(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	if strings.HasPrefix(text, "git::") {
		return true
	}
	first, _, _ := strings.Cut(text, "\n")
	if strings.HasPrefix(first, "{") || strings.HasPrefix(first, "[") || strings.HasPrefix(first, "#") || strings.HasPrefix(first, "apiversion:") {
		return false // an inline document
	}
	return strings.Contains(first, "://") || strings.HasPrefix(first, "github.com/") || strings.HasPrefix(first, "github.com:") ||
		strings.Contains(first, "?ref=") || strings.Contains(first, "?version=") || scpForm.MatchString(first) || password.MatchString(first)
}

// remoteRefused is for what a library tries to fetch by itself.
func remoteRefused(text string) *Fault {
	return faultf(codeRefused, "remote resource %q is not fetched while rendering", maskURL(text)).
		hint("copy it into the repository, or make it a source of the application")
}

var (
	userInfo = regexp.MustCompile(`://[^/@\s]*@`)
	password = regexp.MustCompile(`^[^/@\s:]*:[^/@\s]*@`)
)

// maskURL takes out of a URL what may be secret: user and password, query and fragment (advisory S8).
func maskURL(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if at := strings.IndexAny(text, "?#"); at >= 0 {
		text = text[:at]
	}
	return password.ReplaceAllString(userInfo.ReplaceAllString(text, "://***@"), "***@")
}

// referenceKind says what a place of a kustomization can name.
type referenceKind int

const (
	fileOrFolder referenceKind = iota // a manifest, or a folder with a kustomization
	folderOnly                        // a folder with a kustomization
	yamlFile                          // a file that Kustomize reads as YAML
	dataFile                          // a file of any content
)

// reference is one path or address that a kustomization names.
type reference struct {
	field string
	path  string
	kind  referenceKind
}

// parsed says whether Kustomize reads the file as YAML.
func (r reference) parsed() bool { return r.kind != dataFile }

// visitReferences shows each place of a kustomization that can name a file, a folder or an address, in the order in
// which Kustomize loads them, and puts what each returns in its place.
func visitReferences(k *types.Kustomization, each func(reference) string) {
	list := func(field string, kind referenceKind, paths []string) {
		for i, p := range paths {
			paths[i] = each(reference{field, p, kind})
		}
	}
	one := func(field string, kind referenceKind, p *string) {
		if *p != "" {
			*p = each(reference{field, *p, kind})
		}
	}
	list("resources", fileOrFolder, k.Resources)
	list("bases", fileOrFolder, k.Bases)
	list("configurations", yamlFile, k.Configurations)
	list("crds", yamlFile, k.Crds)
	for i := range k.ConfigMapGenerator {
		visitSources(&k.ConfigMapGenerator[i].KvPairSources, "configMapGenerator", each)
	}
	for i := range k.SecretGenerator {
		visitSources(&k.SecretGenerator[i].KvPairSources, "secretGenerator", each)
	}
	list("generators", fileOrFolder, k.Generators)
	list("components", folderOnly, k.Components)
	for i := range k.PatchesStrategicMerge {
		k.PatchesStrategicMerge[i] = types.PatchStrategicMerge(each(reference{"patchesStrategicMerge", string(k.PatchesStrategicMerge[i]), yamlFile}))
	}
	for i := range k.Patches {
		one("patches", yamlFile, &k.Patches[i].Path)
	}
	for i := range k.PatchesJson6902 {
		one("patchesJson6902", yamlFile, &k.PatchesJson6902[i].Path)
	}
	for i := range k.Replacements {
		one("replacements", yamlFile, &k.Replacements[i].Path)
	}
	list("transformers", fileOrFolder, k.Transformers)
	list("validators", fileOrFolder, k.Validators)
	if schema := k.OpenAPI["path"]; schema != "" {
		one("openapi.path", yamlFile, &schema)
		k.OpenAPI["path"] = schema
	}
}

// visitSources shows the files of a generator; of KEY=PATH only the path. A file without a key gets one where its path
// is replaced, since the key is the file's name.
func visitSources(sources *types.KvPairSources, field string, each func(reference) string) {
	for i, source := range sources.FileSources {
		key, file, keyed := strings.Cut(source, "=")
		if !keyed || strings.Contains(file, "=") || isRemote(key) {
			key, file = path.Base(source), source
		}
		if found := each(reference{field, file, dataFile}); found != file {
			sources.FileSources[i] = key + "=" + found
		}
	}
	for i, source := range sources.EnvSources {
		sources.EnvSources[i] = each(reference{field, source, dataFile})
	}
	if sources.EnvSource != "" {
		sources.EnvSource = each(reference{field, sources.EnvSource, dataFile})
	}
}
