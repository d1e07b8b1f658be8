package main

import (
	"encoding/json"
	"errors"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

type kustomizeParams struct {
	Root           string           `json:"root"`
	Path           string           `json:"path"`
	Options        kustomizeOptions `json:"options"`
	LoadRestrictor string           `json:"load_restrictor"` // "rootOnly" (default) or "none"
	KubeVersion    string           `json:"kube_version"`    // only Helm inflation uses these two
	APIVersions    []string         `json:"api_versions"`
}

// schemaGate guards the OpenAPI schema that Kustomize keeps in global variables. Builds that only use
// the built-in one run side by side; one that sets its own runs alone, and the schema is put back after it.
var schemaGate sync.RWMutex

// warmKustomize parses the built-in schema before the first request that needs it.
func warmKustomize() {
	schemaGate.RLock()
	defer schemaGate.RUnlock()
	openapi.Schema()
}

// renderKustomize answers "kustomize": `kustomize edit` with the options, then `kustomize build`, with no file written.
func renderKustomize(job *Job) ([]Manifest, error) {
	var params kustomizeParams
	if err := job.decodeParams(&params); err != nil {
		return nil, err
	}
	restriction := types.LoadRestrictionsRootOnly
	switch params.LoadRestrictor {
	case "", "rootOnly":
	case "none":
		restriction = types.LoadRestrictionsNone
	default:
		return nil, faultf(codeRequest, "load_restrictor must be rootOnly or none, not %q", params.LoadRestrictor)
	}
	if err := job.open(params.Root); err != nil {
		return nil, err
	}
	dir, err := cleanRelative(params.Path)
	if err != nil {
		return nil, err
	}
	real, info, err := job.tree.Resolve(dir)
	if err != nil {
		return nil, asFault(err, codePath).hint("check the source's path and revision")
	}
	if !info.IsDir() {
		return nil, faultf(codeMissing, "%q is a file, not a folder", dir).hint("the source's path must name a folder")
	}
	build := kustomizeBuild{job: job, dir: real, options: params.Options, restriction: restriction}
	return build.manifests()
}

// kustomizeBuild is one build of the kustomization in dir.
type kustomizeBuild struct {
	job         *Job
	dir         string
	options     kustomizeOptions
	restriction types.LoadRestrictions
	ownOrigin   bool // the kustomization itself asks for origin annotations
}

func (b *kustomizeBuild) manifests() ([]Manifest, error) {
	resources, err := b.run(false)
	if errors.Is(err, errNeedsExclusive) {
		resources, err = b.run(true)
	}
	if err != nil {
		return nil, err
	}
	out := make([]Manifest, 0, resources.Size())
	for index, resource := range resources.Resources() {
		file := path.Join(b.dir, "kustomization.yaml")
		if origin, err := resource.GetOrigin(); err == nil && origin != nil {
			if origin.Path != "" {
				file = path.Join(b.dir, origin.Path)
			} else if origin.ConfiguredIn != "" {
				file = path.Join(b.dir, origin.ConfiguredIn)
			}
		}
		if !b.ownOrigin {
			if err := resource.SetOrigin(nil); err != nil {
				return nil, err
			}
		}
		object, err := resource.MarshalJSON()
		if err != nil {
			return nil, faultf(codeRender, "%s: %v", resource.OrgId(), err).in(file, 0)
		}
		manifests, err := flatten(json.RawMessage(object), place{file, 1, index}, nil, &b.job.warnings)
		if err != nil {
			return nil, err
		}
		out = append(out, manifests...)
	}
	return out, nil
}

// run builds once; errNeedsExclusive means that it must be repeated with exclusive set.
func (b *kustomizeBuild) run(exclusive bool) (resmap.ResMap, error) {
	view := &kustomizeFS{
		tree: b.job.tree, target: b.dir, edit: b.edit, warnings: &b.job.warnings, parsed: map[string]bool{}, exclusive: exclusive,
	}
	if exclusive {
		schemaGate.Lock()
		defer schemaGate.Unlock()
		defer resetSchema()
	} else {
		schemaGate.RLock()
		defer schemaGate.RUnlock()
	}
	options := krusty.MakeDefaultOptions() // no plugins, no functions, no Helm
	options.LoadRestrictions = b.restriction
	resources, err := krusty.MakeKustomizer(options).Run(view, string(absolute(b.dir)))
	if view.customised && !exclusive {
		return nil, errNeedsExclusive
	}
	if err != nil {
		return nil, b.failed(err, view)
	}
	return resources, nil
}

// resetSchema undoes what a kustomization's openapi field left in Kustomize's global variables: naming a
// built-in version is the only way by which the library drops a custom schema.
func resetSchema() {
	_ = openapi.SetSchema(map[string]string{"version": openapi.DefaultOpenAPI}, nil, true)
	_ = openapi.SetSchema(nil, nil, true)
	openapi.ResetOpenAPI()
}

// edit lays the options over the target and asks Kustomize to note each object's origin.
func (b *kustomizeBuild) edit(k *types.Kustomization) error {
	if err := b.options.apply(k, b.dir, b.job.tree); err != nil {
		return err
	}
	probe := *k
	probe.FixKustomization()
	if err := probe.CheckEmpty(); err != nil {
		return faultf(codeRender, "the kustomization is empty").hint("name at least one resource")
	}
	for _, option := range k.BuildMetadata {
		if option == types.OriginAnnotations {
			b.ownOrigin = true
			return nil
		}
	}
	k.BuildMetadata = append(k.BuildMetadata, types.OriginAnnotations)
	return nil
}

var inFile = regexp.MustCompile(`(?:from|File:|path|file) '?"?(/snapshot/[^'":\s]+)`)

// failed makes a Fault of Kustomize's error, which names the innermost cause last.
func (b *kustomizeBuild) failed(err error, view *kustomizeFS) error {
	text := err.Error()
	if view.fault != nil {
		return view.fault
	}
	kustomization := path.Join(b.dir, "kustomization.yaml")
	if strings.Contains(text, "unable to find one of 'kustomization.yaml'") {
		_, at, _ := strings.Cut(text, "in directory '"+snapshotRoot)
		at, _, _ = strings.Cut(strings.TrimPrefix(at, "/"), "'")
		if at == "" {
			at = "."
		}
		return faultf(codeMissing, "no kustomization.yaml in %q", at).in(kustomization, 0).
			hint("a base or component must be a folder with a kustomization.yaml")
	}
	var refused *Fault
	if errors.As(err, &refused) && refused.Code == codeRefused {
		return refused
	}
	switch {
	case strings.Contains(text, "external plugins disabled"), strings.Contains(text, "only built-in plugins"):
		return faultf(codeRefused, "Kustomize plugins and functions are never run: %s", clean(text)).in(kustomization, 0).
			hint("render what the plugin makes into the repository")
	case strings.Contains(text, "must specify --enable-helm"):
		return helmInKustomizeRefused().in(kustomization, 0)
	case view.lost != nil && strings.Contains(strings.ReplaceAll(text, `\"`, `"`), view.lost.Message):
		return faultf(codeMissing, "%s", clean(view.lost.Message)).in(kustomization, 0).
			hint("check the paths in the kustomization; they are relative to its folder")
	}
	fault := faultf(codeRender, "%s", shorten(clean(text)))
	if found := inFile.FindStringSubmatch(text); found != nil {
		fault.File = clean(found[1])
	}
	if found := atLine.FindStringSubmatch(text); found != nil && fault.File != "" {
		fault.Line, _ = strconv.Atoi(found[1])
	}
	return fault.in(kustomization, 0)
}

// clean shows paths as the repository has them.
func clean(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, snapshotRoot+"/", ""), snapshotRoot, ".")
}
