package main

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"sigs.k8s.io/kustomize/api/types"
)

// chartPlace is where a chart is: in the kustomization's own tree, or given.
type chartPlace struct {
	in     *mount
	dir    string
	pulled bool
	home   string // the folder where Kustomize would have put a given chart: value files may name it
}

// renderedFile is what one file of a chart rendered to.
type renderedFile struct {
	shown string
	text  string
}

var (
	chartPath      = regexp.MustCompile(`^[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)*$`)
	defaultRelease = "release-name" // of `helm template` without a name
)

// render gives what `helm template` prints for the chart, in its order, by file. Rules: Kustomize's
// HelmChartInflationGenerator.
func (i *inflation) render(wanted *wantedChart, here folder) ([]renderedFile, error) {
	if err := wanted.check(); err != nil {
		return nil, err
	}
	place, err := i.find(wanted, here)
	if err != nil {
		return nil, err
	}
	values, err := i.values(wanted, place, here)
	if err != nil {
		return nil, err
	}
	params := &helmParams{
		Path: place.dir, Namespace: firstOf(wanted.Namespace, "default"), Values: values, SkipCRDs: !wanted.IncludeCRDs, SkipTests: wanted.SkipTests,
		KubeVersion: firstOf(wanted.KubeVersion, i.params.KubeVersion), APIVersions: wanted.ApiVersions,
		Seed: i.params.Seed, SeedTime: i.params.SeedTime,
	}
	if len(params.APIVersions) == 0 {
		params.APIVersions = i.params.APIVersions
	}
	if params.ReleaseName, err = i.releaseName(wanted, params); err != nil {
		return nil, err
	}
	files, err := i.template(params, place, wanted.SkipHooks)
	if err != nil && !isNeed(err) {
		return nil, place.in.named(asFault(err, codeRender))
	}
	return files, err
}

func (w *wantedChart) check() error {
	switch {
	case w.globals.ConfigHome != "":
		return faultf(codeRefused, "helmGlobals.configHome (helmHome) is refused: Helm's settings and plugins are not read from a repository").
			hint("remove configHome; repositories and credentials are configured in gitopsd")
	case w.Name == "":
		return faultf(codeParse, "a chart has no name")
	case !chartPath.MatchString(w.Name):
		return faultf(codeParse, "%q is not the name of a chart", w.Name)
	case strings.HasPrefix(w.ReleaseName, "-"):
		return faultf(codeParse, "releaseName %q begins with '-'", w.ReleaseName)
	case w.ReleaseName != "" && w.NameTemplate != "":
		return faultf(codeParse, "releaseName and nameTemplate cannot both be set")
	case !slices.Contains([]string{"", "override", "merge", "replace"}, w.ValuesMerge):
		return faultf(codeParse, "valuesMerge must be override, merge or replace, not %q", w.ValuesMerge)
	}
	return nil
}

// find looks for the chart in chartHome, then asks for it.
func (i *inflation) find(wanted *wantedChart, here folder) (*chartPlace, error) {
	chartHome := firstOf(wanted.globals.ChartHome, types.HelmDefaultHome)
	if path.IsAbs(chartHome) {
		return nil, leaves(chartHome)
	}
	home := path.Join(here.dir, chartHome)
	if wanted.Version != "" && wanted.Repo != "" {
		home = path.Join(home, wanted.Name+"-"+wanted.Version)
	}
	local := path.Join(home, wanted.Name)
	if local == ".." || strings.HasPrefix(local, "../") {
		return nil, leaves(chartHome)
	}
	real, info, err := here.in.tree.Resolve(local)
	if err == nil && info.IsDir() {
		return &chartPlace{in: here.in, dir: real}, nil
	}
	if err != nil && asFault(err, codePath).Code != codeMissing {
		return nil, here.in.named(asFault(err, codePath))
	}
	if wanted.Repo == "" {
		return nil, faultf(codeMissing, "there is no chart in %q, and no repo to fetch it from", here.in.shown(local)).
			hint("commit the chart there, or set repo and version")
	}
	return i.pull(wanted, local)
}

// pull gives the chart of a repository or registry.
func (i *inflation) pull(wanted *wantedChart, local string) (*chartPlace, error) {
	if fault := checkChartRepository(wanted.Repo); fault != nil {
		return nil, fault
	}
	version := wanted.Version
	if version == "" && wanted.Devel {
		version = ">0.0.0-0"
	}
	need := Need{Kind: needChart, URL: strings.TrimRight(wanted.Repo, "/"), Name: wanted.Name, Version: version}
	m, known := i.trees.byNeed[need]
	if !known {
		tree, err := i.job.supply.folder(need)
		if err != nil {
			return nil, err
		}
		m = &mount{at: "/-", tree: tree, name: strings.TrimRight(maskURL(need.URL)+"/"+need.Name+"@"+need.Version, "@")}
		i.trees.byNeed[need] = m
	}
	return &chartPlace{in: m, dir: ".", pulled: true, home: local}, nil
}

var chartScheme = regexp.MustCompile(`^(?i)(https?|oci)://`)

func checkChartRepository(repo string) *Fault {
	scheme := chartScheme.FindString(repo)
	if scheme == "" {
		return faultf(codeRefused, "chart repository %q is refused: it is no http://, https:// or oci:// address", maskURL(repo)).
			hint("write the repository's URL")
	}
	host, _, _ := strings.Cut(repo[len(scheme):], "/")
	why := oddCharacters(repo)
	if why == "" && strings.Contains(host, "@") {
		why = "it holds credentials, which belong into gitopsd's configuration"
	}
	if why = firstOf(why, badHost(host)); why != "" {
		return faultf(codeRefused, "chart repository %q is refused: %s", maskURL(repo), why).hint("write the repository's URL")
	}
	return nil
}

// releaseName is releaseName, what nameTemplate renders to, or helm's own default.
func (i *inflation) releaseName(wanted *wantedChart, params *helmParams) (string, error) {
	name := firstOf(wanted.ReleaseName, defaultRelease)
	if wanted.NameTemplate != "" {
		naming := helmRender{job: i.job, params: params, dir: ".", capabilities: common.DefaultCapabilities, chart: &chart.Chart{
			Metadata:  &chart.Metadata{APIVersion: chart.APIVersionV2, Name: "nameTemplate", Version: "0.0.0"},
			Templates: []*common.File{{Name: "templates/name", Data: []byte(wanted.NameTemplate)}},
		}}
		files, err := naming.render(map[string]any{})
		if err != nil {
			return "", faultf(codeRender, "nameTemplate: %s", asFault(err, codeRender).Message)
		}
		name = strings.TrimSpace(files["nameTemplate/templates/name"])
	}
	if err := chartutil.ValidateReleaseName(name); err != nil {
		return "", faultf(codeParse, "release name %q is not valid: %v", name, err).
			hint("set releaseName: at most 53 lower case letters, digits, '-' and '.'")
	}
	return name, nil
}

// template renders the chart and sorts what comes out: CRDs, manifests in install order, hooks.
func (i *inflation) template(params *helmParams, place *chartPlace, skipHooks bool) ([]renderedFile, error) {
	capabilities, err := params.capabilities()
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	for _, each := range params.Values {
		values = loader.MergeMaps(values, each)
	}
	reader := chartLoader{job: i.job, tree: place.in.tree, values: values, packed: place.pulled}
	loaded, err := reader.load(place.dir, true, 0)
	if err != nil {
		return nil, err
	}
	run := helmRender{job: i.job, params: params, chart: loaded, dir: place.dir, capabilities: capabilities}
	if err := run.checkInstallable(); err != nil {
		return nil, err
	}
	files, err := run.render(values)
	if err != nil {
		return nil, err
	}
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, run.outputFault(err, "")
	}
	var out outcome
	if !params.SkipCRDs {
		for _, crd := range loaded.CRDObjects() {
			out.add(place.in.shown(run.repositoryPath(crd.Filename)), string(crd.File.Data))
		}
	}
	for _, manifest := range manifests {
		out.add(place.in.shown(run.repositoryPath(manifest.Name)), manifest.Content)
	}
	for _, hook := range hooks {
		if !skipHooks && !(params.SkipTests && slices.Contains(hook.Events, release.HookTest)) {
			out.add(place.in.shown(run.repositoryPath(hook.Path)), hook.Manifest)
		}
	}
	return out.checked()
}

// outcome gathers documents, by file as long as they follow each other.
type outcome []renderedFile

func (o *outcome) add(shown, text string) {
	if last := len(*o) - 1; last >= 0 && (*o)[last].shown == shown {
		(*o)[last].text += "\n---\n" + text
		return
	}
	*o = append(*o, renderedFile{shown, text})
}

// checked keeps bombs from Kustomize's reader. A chart that renders nothing leaves one empty file, so that a
// kustomization of nothing else is not taken for an empty one.
func (o outcome) checked() ([]renderedFile, error) {
	for _, file := range o {
		if fault := guardYAML([]byte(file.text), file.shown); fault != nil && fault.Code == codeLimit {
			return nil, fault
		}
	}
	if len(o) == 0 {
		return []renderedFile{{shown: "nothing.yaml"}}, nil
	}
	return o, nil
}
