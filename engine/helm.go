package main

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	sigsyaml "sigs.k8s.io/yaml"
)

// helmParams are Argo CD's source.helm fields and what `helm template` is told besides.
type helmParams struct {
	Root                    string              `json:"root"`
	Path                    string              `json:"path"`
	ReleaseName             string              `json:"release_name"`
	Namespace               string              `json:"namespace"`
	ValueFiles              []string            `json:"value_files"`
	IgnoreMissingValueFiles bool                `json:"ignore_missing_value_files"`
	Values                  []map[string]any    `json:"values"`
	Parameters              []helmParameter     `json:"parameters"`
	FileParameters          []helmFileParameter `json:"file_parameters"`
	SkipCRDs                bool                `json:"skip_crds"`
	SkipTests               bool                `json:"skip_tests"`
	SkipSchemaValidation    bool                `json:"skip_schema_validation"`
	KubeVersion             string              `json:"kube_version"`
	APIVersions             []string            `json:"api_versions"`

	// Seed (hex) makes random functions functions of their inputs; SeedTime is what `now` is then. Lookup lets templates
	// ask for objects of the cluster.
	Seed     string `json:"seed"`
	SeedTime int64  `json:"seed_time"`
	Lookup   bool   `json:"lookup"`
}

// renderHelm answers "helm": what `helm template` prints, hooks included, CRDs first.
func renderHelm(job *Job) ([]Manifest, error) {
	var params helmParams
	if err := job.decodeParams(&params); err != nil {
		return nil, err
	}
	if err := job.open(params.Root); err != nil {
		return nil, err
	}
	return params.render(job, job.tree)
}

// render renders the chart at p.Path of the tree.
func (p *helmParams) render(job *Job, tree *Tree) ([]Manifest, error) {
	capabilities, err := p.capabilities()
	if err != nil {
		return nil, err
	}
	if err := chartutil.ValidateReleaseName(p.ReleaseName); err != nil {
		return nil, faultf(codeRequest, "release name %q is not valid: %v", p.ReleaseName, err).
			hint("set releaseName: at most 53 lower case letters, digits, '-' and '.'")
	}
	dir, isFolder, err := p.locate(tree)
	if err != nil {
		return nil, err
	}
	values, err := p.values(&valueFiles{job: job, tree: tree, dir: valuesDir(dir, isFolder)})
	if err != nil {
		return nil, err
	}
	loader := chartLoader{job: job, tree: tree, values: values}
	loaded, err := loader.load(dir, isFolder, 0)
	if err != nil {
		return nil, err
	}
	run := helmRender{job: job, params: p, chart: loaded, dir: dir, capabilities: capabilities}
	return run.manifests(values)
}

func (p *helmParams) capabilities() (*common.Capabilities, error) {
	capabilities := common.DefaultCapabilities.Copy()
	if p.KubeVersion != "" {
		version, err := common.ParseKubeVersion(p.KubeVersion)
		if err != nil {
			return nil, faultf(codeRequest, "kube_version %q is not a version: %v", p.KubeVersion, err)
		}
		capabilities.KubeVersion = *version
	}
	capabilities.APIVersions = append(capabilities.APIVersions, p.APIVersions...)
	return capabilities, nil
}

// locate finds the chart's folder or archive: its path after links.
func (p *helmParams) locate(tree *Tree) (dir string, isFolder bool, err error) {
	asked, err := cleanRelative(p.Path)
	if err != nil {
		return "", false, err
	}
	dir, info, err := tree.Resolve(asked)
	if err != nil {
		return "", false, asFault(err, codePath).hint("check the source's path and revision")
	}
	if info.IsDir() {
		if _, _, err := tree.Stat(path.Join(dir, "Chart.yaml")); err != nil {
			return "", false, asFault(err, codePath).hint("a Helm source's path must name the folder that holds Chart.yaml")
		}
	}
	return dir, info.IsDir(), nil
}

// helmRender is one rendering of a loaded chart.
type helmRender struct {
	job          *Job
	params       *helmParams
	chart        *chart.Chart
	dir          string
	capabilities *common.Capabilities
}

func (h *helmRender) manifests(values map[string]any) ([]Manifest, error) {
	if err := h.checkInstallable(); err != nil {
		return nil, err
	}
	files, err := h.render(values)
	if err != nil {
		return nil, err
	}
	for name := range files {
		if isNotes(name) {
			delete(files, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, h.outputFault(err, "")
	}
	var out []Manifest
	documents := map[string]int{}
	add := func(source, text string) error {
		found, err := h.decode(text, source, documents[source])
		documents[source]++
		out = append(out, found...)
		return err
	}
	if !h.params.SkipCRDs {
		for _, crd := range h.chart.CRDObjects() {
			if err := add(crd.Filename, string(crd.File.Data)); err != nil {
				return nil, err
			}
		}
	}
	for _, manifest := range manifests {
		if err := add(manifest.Name, manifest.Content); err != nil {
			return nil, err
		}
	}
	for _, hook := range hooks {
		if h.params.SkipTests && slices.Contains(hook.Events, release.HookTest) {
			continue
		}
		if err := add(hook.Path, hook.Manifest); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (h *helmRender) checkInstallable() error {
	metadata := h.chart.Metadata
	if metadata.Deprecated {
		h.job.warnings.Add("chart " + metadata.Name + " is deprecated")
	}
	if metadata.KubeVersion != "" && !chartutil.IsCompatibleRange(metadata.KubeVersion, h.capabilities.KubeVersion.String()) {
		return faultf(codeRender, "chart requires kubeVersion %s, which Kubernetes %s does not meet", metadata.KubeVersion, h.capabilities.KubeVersion.Version).
			in(path.Join(h.dir, "Chart.yaml"), 0).hint("use a version of the chart that supports the cluster, or set kubeVersion")
	}
	return nil
}

// render runs the templates: no DNS, and the cluster only through what the caller gives.
func (h *helmRender) render(values map[string]any) (map[string]string, error) {
	if err := chartutil.ProcessDependencies(h.chart, values); err != nil {
		return nil, faultf(codeRender, "chart dependencies: %s", shorten(err.Error())).in(path.Join(h.dir, "Chart.yaml"), 0)
	}
	options := common.ReleaseOptions{Name: h.params.ReleaseName, Namespace: h.params.Namespace, Revision: 1, IsInstall: true}
	top, err := util.ToRenderValuesWithSchemaValidation(h.chart, values, options, h.capabilities, true)
	if err != nil {
		return nil, faultf(codeRender, "values: %s", shorten(err.Error())).in(path.Join(h.dir, "values.yaml"), 0)
	}
	if !h.params.SkipSchemaValidation {
		merged, _ := top["Values"].(common.Values)
		if err := validateValues(h.chart, merged); err != nil {
			return nil, asFault(err, codeRender).in(path.Join(h.dir, "values.schema.json"), 0)
		}
	}
	drawn, err := newDraws(h.job.ctx, h.params.Seed, h.params.SeedTime)
	if err != nil {
		return nil, err
	}
	functions := drawn.functions()
	if h.params.Lookup {
		functions["lookup"] = h.lookup
	}
	drawn.mark(h.chart)
	files, err := engine.Engine{CustomTemplateFuncs: functions}.RenderWithContext(h.job.ctx, h.chart, top)
	h.job.noteRandom(drawn.list(h.repositoryPath))
	if err != nil {
		return nil, h.templateFault(err)
	}
	return files, nil
}

// decode reads what a template made. Helm takes a key that is set twice; a manifest's identity must be clear
// though, so there it is an error, elsewhere a warning.
func (h *helmRender) decode(text, source string, index int) ([]Manifest, error) {
	file := h.repositoryPath(source)
	var out []Manifest
	for offset, part := range splitDocuments([]byte(text)) {
		object, fault := part.toJSON(file)
		if fault != nil && strings.HasSuffix(fault.Message, "is set twice") && !identity.MatchString(fault.Message) {
			lenient, err := sigsyaml.YAMLToJSON(part.text)
			if err != nil {
				return nil, h.outputFault(err, source)
			}
			h.job.warnings.Add(file + ": " + fault.Message + " in a rendered manifest; the last one counts")
			object, fault = lenient, nil
		}
		if fault != nil {
			if fault.File = file; fault.Code == codeParse {
				fault.Code = codeRender
			}
			return nil, fault.hint("the line counts in what the template rendered")
		}
		if object == nil || string(object) == "null" {
			continue
		}
		manifests, err := flatten(object, place{file, 1, index + offset}, []byte(text), &h.job.warnings)
		if err != nil {
			return nil, err
		}
		out = append(out, manifests...)
	}
	return out, nil
}

var identity = regexp.MustCompile(`key "(apiVersion|kind|metadata|name|namespace)"`)

// repositoryPath turns Helm's name of a template, which begins with the chart's name, into a path from the root.
func (h *helmRender) repositoryPath(source string) string {
	_, below, found := strings.Cut(source, "/")
	if !found {
		return source
	}
	return path.Join(h.dir, below)
}

var templatePlace = regexp.MustCompile(`([A-Za-z0-9][\w./@+-]*\.(?:yaml|yml|tpl|txt|json)):(\d+)(?::(\d+))?`)

// templateFault takes file and line from Helm's message; in a chain of includes the last place is the cause.
func (h *helmRender) templateFault(err error) *Fault {
	message := templatePlace.ReplaceAllStringFunc(strings.TrimSpace(err.Error()), unmarked)
	fault := faultf(codeRender, "%s", shorten(message))
	var own *Fault
	if errors.As(err, &own) { // of one of our functions
		fault = faultf(own.Code, "%s", own.Message).hint(own.Hint)
	}
	if places := templatePlace.FindAllStringSubmatch(message, -1); len(places) > 0 {
		last := places[len(places)-1]
		fault.File = h.repositoryPath(last[1])
		fault.Line, _ = strconv.Atoi(last[2])
		fault.Column, _ = strconv.Atoi(last[3])
	}
	return fault.in(path.Join(h.dir, "Chart.yaml"), 0).hint("render it by hand: helm template " + h.dir)
}

// unmarked takes what draws.mark put in front of a template out of a place in its first line.
func unmarked(place string) string {
	found := templatePlace.FindStringSubmatch(place)
	column, err := strconv.Atoi(found[3])
	if err != nil || found[2] != "1" || isPartial(found[1]) || column < len(enterText) {
		return place
	}
	return fmt.Sprintf("%s:1:%d", found[1], column-len(enterText))
}

var outputError = regexp.MustCompile(`^YAML parse error on ([^:]+): `)

// outputFault is for a template whose output is no YAML.
func (h *helmRender) outputFault(err error, source string) *Fault {
	message := err.Error()
	if found := outputError.FindStringSubmatch(message); found != nil {
		source = found[1]
		message = message[len(found[0]):]
	}
	fault := yamlFault(fmt.Errorf("%s", message), h.repositoryPath(source), 0)
	if fault.Code == codeLimit {
		return fault
	}
	fault.Code = codeRender
	fault.Message = "the template rendered something that is " + fault.Message
	return fault.hint("the line counts in what the template rendered")
}
