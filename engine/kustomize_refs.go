package main

import (
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
		strings.Contains(first, "?ref=") || strings.Contains(first, "?version=") || scpForm.MatchString(first)
}

func remoteRefused(text string) *Fault {
	return faultf(codeRefused, "remote resource %q is not fetched while rendering", maskURL(text)).
		hint("copy it into the repository, or make it a source of the application")
}

var userInfo = regexp.MustCompile(`://[^/@\s]*@`)

// maskURL takes user and password out of a URL.
func maskURL(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return userInfo.ReplaceAllString(text, "://***@")
}

// reference is one path that a kustomization names.
type reference struct {
	field  string
	path   string
	parsed bool // Kustomize reads the file as YAML
}

// references lists every place of a kustomization that can name a file, a folder or an address.
func references(k *types.Kustomization) []reference {
	var out []reference
	add := func(field string, parsed bool, paths ...string) {
		for _, p := range paths {
			if p != "" {
				out = append(out, reference{field, p, parsed})
			}
		}
	}
	add("resources", true, k.Resources...)
	add("bases", true, k.Bases...)
	add("components", true, k.Components...)
	add("crds", true, k.Crds...)
	add("configurations", true, k.Configurations...)
	add("generators", true, k.Generators...)
	add("transformers", true, k.Transformers...)
	add("validators", true, k.Validators...)
	add("openapi.path", true, k.OpenAPI["path"])
	for _, p := range k.PatchesStrategicMerge {
		add("patchesStrategicMerge", true, string(p))
	}
	for _, p := range append(append([]types.Patch{}, k.Patches...), k.PatchesJson6902...) {
		add("patches", true, p.Path)
	}
	for _, r := range k.Replacements {
		add("replacements", true, r.Path)
	}
	for i := range k.ConfigMapGenerator {
		addSources(add, "configMapGenerator", &k.ConfigMapGenerator[i].KvPairSources)
	}
	for i := range k.SecretGenerator {
		addSources(add, "secretGenerator", &k.SecretGenerator[i].KvPairSources)
	}
	return out
}

func addSources(add func(string, bool, ...string), field string, sources *types.KvPairSources) {
	for _, file := range sources.FileSources {
		add(field, false, file)
		if _, value, found := strings.Cut(file, "="); found { // key=path
			add(field, false, value)
		}
	}
	add(field, false, sources.EnvSources...)
	add(field, false, sources.EnvSource)
}

// checkReferences refuses what the engine never does for a kustomization: fetching, Helm inflation.
// file is the kustomization's path, for the message.
func checkReferences(k *types.Kustomization, file string) *Fault {
	for _, ref := range references(k) {
		if isRemote(ref.path) {
			fault := remoteRefused(ref.path).in(file, 0)
			fault.Message = ref.field + ": " + fault.Message
			return fault
		}
	}
	if len(k.HelmCharts) > 0 || k.HelmGlobals != nil || len(k.HelmChartInflationGenerator) > 0 {
		return helmInKustomizeRefused().in(file, 0)
	}
	return nil
}

func helmInKustomizeRefused() *Fault {
	return faultf(codeRefused, "Kustomize's Helm inflator (helmCharts, helmGlobals) is not supported in this version").
		hint("make the chart a source of the application of its own")
}
