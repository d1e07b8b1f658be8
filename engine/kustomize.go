package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

type kustomizeParams struct {
	Root           string           `json:"root"`
	Path           string           `json:"path"`
	Options        kustomizeOptions `json:"options"`
	LoadRestrictor string           `json:"load_restrictor"` // "rootOnly" (default) or "none"
	EnableHelm     bool             `json:"enable_helm"`     // the rest is for charts
	KubeVersion    string           `json:"kube_version"`
	APIVersions    []string         `json:"api_versions"`
	Seed           string           `json:"seed"` // as for charts
	SeedTime       int64            `json:"seed_time"`
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
	build := kustomizeBuild{job: job, trees: newKustomizeTrees(job), dir: real, params: &params, restriction: restriction}
	return build.manifests()
}

// kustomizeBuild is one build of the kustomization in dir.
type kustomizeBuild struct {
	job         *Job
	trees       *kustomizeTrees
	dir         string
	params      *kustomizeParams
	restriction types.LoadRestrictions
	ownOrigin   bool // the kustomization itself asks for origin annotations
}

// kustomizeRun is how a build is done.
type kustomizeRun struct {
	exclusive bool // with Kustomize's global variables for itself
	annotated bool // with Kustomize's origin annotations, which tell where each object came from
}

func (b *kustomizeBuild) manifests() ([]Manifest, error) {
	var way kustomizeRun
	found, err := b.run(way)
	for {
		if errors.Is(err, errNeedsExclusive) && !way.exclusive {
			way.exclusive = true
		} else if errors.Is(err, errNeedsOrigins) && !way.annotated {
			way.annotated = true
		} else {
			break
		}
		found, err = b.run(way)
	}
	if err != nil {
		return nil, err
	}
	out := make([]Manifest, 0, len(found))
	for index, each := range found {
		file, resource := each.file, each.resource
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

// result is an object that was built, and the file that it came from.
type result struct {
	resource *resource.Resource
	file     string
}

func (b *kustomizeBuild) annotated(resources []*resource.Resource) ([]result, error) {
	out := make([]result, len(resources))
	for i, each := range resources {
		file, err := b.settleOrigin(each)
		if err != nil {
			return nil, err
		}
		out[i] = result{each, file}
	}
	return out, nil
}

// settleOrigin gives the file that a resource came from, and leaves the annotation that says so only where the
// kustomization asks for it.
func (b *kustomizeBuild) settleOrigin(resource *resource.Resource) (string, error) {
	file := path.Join(b.dir, "kustomization.yaml")
	origin, err := resource.GetOrigin()
	if err != nil || origin == nil {
		return file, nil
	}
	start := path.Join(b.trees.snapshot().at, b.dir)
	if at := firstOf(origin.Path, origin.ConfiguredIn); at != "" {
		file = b.trees.shown(path.Join(start, at))
	}
	if !b.ownOrigin {
		return file, resource.SetOrigin(nil)
	}
	if b.trees.restoreOrigin(origin, start) {
		err = resource.SetOrigin(origin)
	}
	return file, err
}

// run builds once; errNeedsExclusive and errNeedsOrigins mean that it must be repeated that way.
func (b *kustomizeBuild) run(way kustomizeRun) ([]result, error) {
	view := &kustomizeFS{
		trees: b.trees, target: b.dir, warnings: &b.job.warnings,
		edit:   func(k *types.Kustomization) (bool, error) { return b.edit(k, way.annotated) },
		parsed: map[string]bool{}, linked: map[string]string{}, exclusive: way.exclusive,
	}
	if !way.annotated {
		view.origins = newOrigins(b.trees)
	}
	if b.params.EnableHelm {
		view.inflate = &inflation{job: b.job, params: b.params, trees: b.trees, rootOnly: b.restriction == types.LoadRestrictionsRootOnly}
	}
	if way.exclusive {
		schemaGate.Lock()
		defer schemaGate.Unlock()
		defer resetSchema()
	} else {
		schemaGate.RLock()
		defer schemaGate.RUnlock()
	}
	options := krusty.MakeDefaultOptions() // no plugins, no functions, no Helm
	options.Reorder = krusty.ReorderOptionUnspecified
	if !way.annotated {
		options.Reorder = krusty.ReorderOptionNone // the order tells the origins; sorted when those are known
	}
	options.LoadRestrictions = b.restriction
	resources, err := krusty.MakeKustomizer(options).Run(view, path.Join(b.trees.snapshot().at, b.dir))
	switch {
	case view.needing:
		return nil, errNeeds
	case view.customised && !way.exclusive:
		return nil, errNeedsExclusive
	case view.origins != nil && view.origins.broken:
		return nil, errNeedsOrigins
	case err != nil:
		return nil, b.failed(err, view)
	case way.annotated:
		return b.annotated(resources.Resources())
	}
	found := view.origins.of(folder{in: b.trees.snapshot(), dir: b.dir}, resources.Resources())
	if found == nil {
		return nil, errNeedsOrigins
	}
	sortResults(found)
	return found, nil
}

// resetSchema undoes what a kustomization's openapi field left in Kustomize's global variables: naming a
// built-in version is the only way by which the library drops a custom schema.
func resetSchema() {
	_ = openapi.SetSchema(map[string]string{"version": openapi.DefaultOpenAPI}, nil, true)
	_ = openapi.SetSchema(nil, nil, true)
	openapi.ResetOpenAPI()
}

// edit lays the options over the target and, where that is wanted, asks Kustomize to note each object's origin.
func (b *kustomizeBuild) edit(k *types.Kustomization, annotated bool) (changed bool, err error) {
	if err := b.params.Options.apply(k, b.dir, b.job.tree); err != nil {
		return false, err
	}
	probe := *k
	probe.FixKustomization()
	if err := probe.CheckEmpty(); err != nil {
		return false, faultf(codeRender, "the kustomization is empty").hint("name at least one resource")
	}
	b.ownOrigin = slices.Contains(k.BuildMetadata, types.OriginAnnotations)
	if annotated && !b.ownOrigin {
		k.BuildMetadata = append(k.BuildMetadata, types.OriginAnnotations)
		return true, nil
	}
	return !b.params.Options.empty(), nil
}

var inFile = regexp.MustCompile(`(?:from|File:|path|file) '?"?(/[A-Z2-7]{26}/[^'":\s]+)`)

// failed makes a Fault of Kustomize's error, which names the innermost cause last.
func (b *kustomizeBuild) failed(err error, view *kustomizeFS) error {
	text := err.Error()
	if view.fault != nil {
		return view.fault
	}
	kustomization := path.Join(b.dir, "kustomization.yaml")
	if strings.Contains(text, "unable to find one of 'kustomization.yaml'") {
		_, at, _ := strings.Cut(text, "in directory '")
		at, _, _ = strings.Cut(at, "'")
		return faultf(codeMissing, "no kustomization.yaml in %q", b.trees.clean(at)).in(kustomization, 0).
			hint("a base or component must be a folder with a kustomization.yaml")
	}
	var refused *Fault
	if errors.As(err, &refused) && refused.Code == codeRefused {
		return refused
	}
	clean := b.trees.clean(text)
	switch {
	case strings.Contains(text, "external plugins disabled"), strings.Contains(text, "only built-in plugins"):
		return pluginRefused(view, clean).in(kustomization, 0)
	case strings.Contains(text, "must specify --enable-helm"):
		return inflatorMisplaced().in(kustomization, 0)
	case view.lost != nil && strings.Contains(strings.ReplaceAll(text, `\"`, `"`), view.lost.Message):
		fault := faultf(codeMissing, "%s", b.trees.clean(view.lost.Message)).in(kustomization, 0)
		return fault.hint(view.lost.Hint).hint("check the paths in the kustomization; they are relative to its folder")
	}
	fault := faultf(codeRender, "%s", shorten(clean))
	if found := inFile.FindAllStringSubmatch(text, -1); len(found) > 0 {
		at := found[len(found)-1][1]
		if !isYAMLName(at) {
			at = path.Join(at, "kustomization.yaml")
		}
		fault.File = b.trees.shown(at)
	}
	if found := atLine.FindStringSubmatch(text); found != nil && fault.File != "" {
		fault.Line, _ = strconv.Atoi(found[1])
	}
	return fault.in(kustomization, 0)
}

var pluginKind = regexp.MustCompile(`external plugin '([^']+)'`)

// pluginRefused names what would have been run (advisory E11).
func pluginRefused(view *kustomizeFS, text string) *Fault {
	what, file := "", ""
	if kind := pluginKind.FindStringSubmatch(text); kind != nil {
		what = "the plugin " + kind[1] + " (a program or a Go plugin)"
		for _, function := range view.functions {
			if function.plugin == kind[1] {
				what, file = fmt.Sprintf("the function %s (%s)", kind[1], function.runs), function.file
			}
		}
	}
	fault := faultf(codeRefused, "Kustomize plugins and functions are never run: %s", firstOf(what, text))
	if file != "" {
		fault.in(file, 0)
	}
	return fault.hint("use a built-in generator or transformer, or render what it makes into the repository")
}
