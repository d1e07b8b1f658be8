package main

import (
	"bytes"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
)

// inflation renders the charts that kustomizations name, as Kustomize would have the program helm do it. It knows the
// namespace that a kustomization inherits.
type inflation struct {
	job      *Job
	params   *kustomizeParams
	trees    *kustomizeTrees
	rootOnly bool // value files must be in or below the folder of their kustomization
	way      descent
}

// inflateCharts replaces helmCharts, and charts among the generators, by what they render to: resources that Kustomize
// reads from made files. inherited is the namespace of the kustomizations that use this one.
func (k *kustomizeFS) inflateCharts(parsed *types.Kustomization, here folder, inherited string) (changed bool, err error) {
	old, oldGlobals := types.SplitHelmParameters(parsed.HelmChartInflationGenerator)
	charts := append(slices.Clone(parsed.HelmCharts), old...)
	if k.inflate == nil {
		if len(charts) > 0 || parsed.HelmGlobals != nil {
			return false, helmNotEnabled()
		}
		return false, nil
	}
	if err := checkOldCharts(parsed.HelmChartInflationGenerator); err != nil {
		return false, err
	}
	globals := oldGlobals
	if parsed.HelmGlobals != nil {
		globals = *parsed.HelmGlobals
	}
	for i := range charts {
		charts[i].Namespace = firstOf(charts[i].Namespace, parsed.Namespace, inherited)
	}
	var wanted []wantedChart
	for _, each := range charts {
		wanted = append(wanted, wantedChart{each, globals, inflatedBy(here.name, "")})
	}
	among, generators, err := k.inflate.amongGenerators(parsed.Generators, here)
	if err != nil {
		return false, err
	}
	wanted = append(wanted, among...)
	if len(wanted) == 0 && parsed.HelmGlobals == nil {
		return false, nil
	}
	resources, err := k.inflate.all(wanted, here)
	if err != nil {
		return false, err
	}
	parsed.Resources = append(parsed.Resources, resources...)
	parsed.Generators = generators
	parsed.HelmCharts, parsed.HelmGlobals, parsed.HelmChartInflationGenerator = nil, nil, nil
	return true, nil
}

func helmNotEnabled() *Fault {
	return faultf(codeRefused, "the kustomization has Helm charts (helmCharts), which are not enabled for this application").
		hint("set kustomize.enableHelm: true in the application's source")
}

// inflatorMisplaced is for the generators that amongGenerators does not see.
func inflatorMisplaced() *Fault {
	return faultf(codeRefused, "a HelmChartInflationGenerator is rendered only where generators names its file, and where Helm is enabled").
		hint("set kustomize.enableHelm: true in the application's source, and name the generator's file in generators")
}

// checkOldCharts refuses what the deprecated form could name: programs, their arguments and their settings (advisory E2).
func checkOldCharts(charts []types.HelmChartArgs) error {
	for _, each := range charts {
		for field, value := range map[string]string{"helmBin": each.HelmBin, "helmHome": each.HelmHome, "extraArgs": strings.Join(each.ExtraArgs, " ")} {
			if value != "" {
				return faultf(codeRefused, "helmChartInflationGenerator.%s is refused: no helm program runs here", field).
					hint("write the chart into helmCharts, without " + field)
			}
		}
	}
	return nil
}

// wantedChart is one chart to render.
type wantedChart struct {
	types.HelmChart
	globals    types.HelmGlobals
	configured resource.Origin // what asks for it
}

// inflatedBy is what Kustomize notes as the origin of a chart's objects. name is the generator's, if it is one.
func inflatedBy(file, name string) resource.Origin {
	by := kyaml.ResourceIdentifier{TypeMeta: kyaml.TypeMeta{APIVersion: "builtin", Kind: inflatorKind}, NameMeta: kyaml.NameMeta{Name: name}}
	return resource.Origin{ConfiguredIn: file, ConfiguredBy: by}
}

// all renders the charts and returns the paths, from here, of files with what they rendered to. It goes on over charts
// that were not given yet, so that all are asked for at once.
func (i *inflation) all(wanted []wantedChart, here folder) ([]string, error) {
	var out []string
	var pending error
	for _, each := range wanted {
		rendered, err := i.render(&each, here)
		if isNeed(err) {
			pending = err
			continue
		}
		if err != nil {
			return nil, chartFault(err, each.Name)
		}
		for _, file := range rendered {
			content, err := marked(file.text)
			if err != nil {
				return nil, chartFault(faultf(codeRender, "%s", shorten(err.Error())).in(file.shown, 0), each.Name)
			}
			made := madeFile{content: content, shown: file.shown, inflatedBy: &each.configured}
			out = append(out, i.trees.add(here, plainName(path.Base(file.shown)), made))
		}
	}
	return out, pending
}

func chartFault(err error, name string) *Fault {
	fault := *asFault(err, codeRender)
	fault.Message = "Helm chart " + name + ": " + fault.Message
	return &fault
}

// marked puts the annotation on each object by which Kustomize's namespace transformer knows those of charts and leaves
// their namespace to the chart; Kustomize takes it off at the end.
func marked(text string) ([]byte, error) {
	resources, err := resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory()).NewResMapFromBytes([]byte(text))
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	for _, each := range resources.Resources() {
		if err := each.PipeE(kyaml.SetAnnotation(konfig.HelmGeneratedAnnotation, "true")); err != nil {
			return nil, err
		}
		document, err := each.RNode.String()
		if err != nil {
			return nil, err
		}
		out.WriteString("---\n" + document)
	}
	return []byte(out.String()), nil
}

const inflatorKind = "HelmChartInflationGenerator"

// amongGenerators finds the charts in the files and inline texts that generators names, and gives the generators
// without them.
func (i *inflation) amongGenerators(generators []string, here folder) (charts []wantedChart, rest []string, err error) {
	for _, each := range generators {
		text, shown, err := i.generator(each, here)
		if err != nil {
			return nil, nil, err
		}
		if !strings.Contains(text, inflatorKind) {
			rest = append(rest, each)
			continue
		}
		found, others, err := takeCharts(text, shown, configuredIn(each, here))
		if err != nil {
			return nil, nil, err
		}
		charts = append(charts, found...)
		if others != "" {
			rest = append(rest, others)
		}
	}
	return charts, rest, nil
}

// configuredIn is the file that a generator stands in, relative to the kustomization's folder.
func configuredIn(entry string, here folder) string {
	if strings.Contains(entry, "\n") || strings.HasPrefix(strings.TrimSpace(entry), "{") {
		return here.name
	}
	return entry
}

// generator reads what an entry of generators stands for; "" for folders, and for what Kustomize will complain about.
func (i *inflation) generator(entry string, here folder) (text, shown string, err error) {
	if strings.Contains(entry, "\n") || strings.HasPrefix(strings.TrimSpace(entry), "{") {
		return entry, here.in.shown(path.Join(here.dir, "kustomization.yaml")), nil
	}
	if made, ok := i.trees.file(path.Join(here.absolute(), entry)); ok {
		return string(made.content), made.shown, nil
	}
	if isRemote(entry) || path.IsAbs(entry) {
		return "", "", nil
	}
	data, shown, err := i.file(entry, here)
	if err != nil && !isNeed(err) {
		return "", "", nil
	}
	return string(data), shown, err
}

var takenFields = regexp.MustCompile(`(?i)unknown field "([^"]+)"`)

// takeCharts splits the documents of a generator file into charts and the rest.
func takeCharts(text, shown, file string) (charts []wantedChart, others string, err error) {
	for _, document := range splitDocuments([]byte(text)) {
		object, fault := document.toJSON(shown)
		if fault != nil {
			return nil, "", fault
		}
		var kind struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if object == nil || jsonTo(object, &kind, false) != nil {
			continue
		}
		if kind.APIVersion != "builtin" || kind.Kind != inflatorKind {
			others += "---\n" + string(document.text) + "\n"
			continue
		}
		var config struct {
			types.TypeMeta `json:",inline"`
			Metadata       types.ObjectMeta `json:"metadata"`
			types.HelmGlobals
			types.HelmChart
		}
		if err := jsonTo(object, &config, true); err != nil {
			message := err.Error()
			if found := takenFields.FindStringSubmatch(message); found != nil {
				message = "unknown field " + found[1]
			}
			return nil, "", faultf(codeParse, "not a valid %s: %s", inflatorKind, message).in(shown, document.line)
		}
		charts = append(charts, wantedChart{config.HelmChart, config.HelmGlobals, inflatedBy(file, config.Metadata.Name)})
	}
	return charts, others, nil
}

// jsonTo decodes JSON; strictly where unknown fields are faults.
func jsonTo(object json.RawMessage, into any, strict bool) error {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if strict {
		decoder.DisallowUnknownFields()
	}
	return decoder.Decode(into)
}
