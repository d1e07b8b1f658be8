package main

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"
)

// chartName is what may be a chart's name: it becomes part of paths and labels.
var chartName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`)

// chartLoader reads a chart, its sub-charts and its dependencies; the Helm library opens no file.
type chartLoader struct {
	job    *Job
	tree   *Tree
	values map[string]any // of the application, for the conditions of the first chart's dependencies
	budget *archiveBudget // of all archives of one render
	packed bool           // the chart comes from a package: .helmignore was heeded before, and what is not in it is left out
}

// load reads the chart in the folder, or the .tgz archive, at dir (a path after links).
func (l *chartLoader) load(dir string, isFolder bool, nesting int) (*chart.Chart, error) {
	if nesting > maxArchiveNesting {
		return nil, limitFault("charts inside of charts", maxArchiveNesting)
	}
	if l.budget == nil {
		l.budget = &archiveBudget{}
	}
	var files []*archive.BufferedFile
	var err error
	if isFolder {
		files, err = l.folder(dir)
	} else {
		files, err = l.archiveFile(dir)
	}
	if err != nil {
		return nil, err
	}
	if files, err = l.unpackSubcharts(files, dir, 0); err != nil {
		return nil, err
	}
	for _, file := range files {
		if isChartYAML(file.Name) {
			if fault := guardYAML(file.Data, path.Join(dir, file.Name)); fault != nil {
				return nil, fault
			}
		}
	}
	loaded, err := loader.LoadFiles(files)
	if err != nil {
		return nil, l.loadFault(err, dir)
	}
	if err := checkNames(loaded, dir); err != nil {
		return nil, err
	}
	if kind := loaded.Metadata.Type; nesting == 0 && kind != "" && kind != "application" {
		return nil, faultf(codeRefused, "%s charts are not installable", kind).in(path.Join(dir, "Chart.yaml"), 0).
			hint("name a chart of type application")
	}
	if err := l.dependencies(loaded, dir, nesting); err != nil {
		return nil, err
	}
	steady(loaded)
	return loaded, nil
}

// steady puts sub-charts into the order of their names: the library keeps them in a map, and CRDs would come in
// another order each time.
func steady(loaded *chart.Chart) {
	subs := slices.Clone(loaded.Dependencies())
	slices.SortStableFunc(subs, func(a, b *chart.Chart) int {
		return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(b.Metadata.Version, a.Metadata.Version))
	})
	loaded.SetDependencies(subs...)
	for _, sub := range subs {
		steady(sub)
	}
}

// isChartYAML tells the files that the Helm library parses from templates and files for templates.
func isChartYAML(name string) bool {
	switch path.Base(name) {
	case "Chart.yaml", "Chart.lock", "values.yaml", "requirements.yaml", "requirements.lock":
		return true
	}
	return false
}

// isRendered tells files of a chart that its rendering looks at from those that templates may or may not ask for.
func isRendered(name string) bool {
	parts := strings.Split(name, "/")
	return isChartYAML(name) || slices.Contains(parts, "templates") || slices.Contains(parts, "crds") || path.Base(name) == "values.schema.json"
}

// folder reads all files below dir that .helmignore leaves, links inside of the repository followed.
func (l *chartLoader) folder(dir string) ([]*archive.BufferedFile, error) {
	rules := ignore.Empty()
	var out []*archive.BufferedFile
	if l.packed {
		return out, l.walk(dir, "", rules, 0, &out)
	}
	text, err := l.tree.ReadFile(path.Join(dir, ignore.HelmIgnore))
	if err == nil {
		if rules, err = ignore.Parse(bytes.NewReader(text)); err != nil {
			return nil, faultf(codeParse, ".helmignore: %v", err).in(path.Join(dir, ignore.HelmIgnore), 0)
		}
	} else if fault := asFault(err, codePath); fault.Code != codeMissing {
		return nil, fault
	}
	rules.AddDefaults()
	return out, l.walk(dir, "", rules, 0, &out)
}

func (l *chartLoader) walk(dir, below string, rules *ignore.Rules, depth int, out *[]*archive.BufferedFile) error {
	if depth > maxDepth {
		return limitFault("depth of folders below "+dir, maxDepth).hint("look for a link that points to a folder above it")
	}
	entries, err := l.tree.ReadDir(path.Join(dir, below))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := path.Join(below, entry.Name())
		_, info, err := l.tree.Resolve(path.Join(dir, name))
		if err != nil {
			return err
		}
		if rules.Ignore(name, info) {
			continue
		}
		if info.IsDir() {
			if err := l.walk(dir, name, rules, depth+1, out); err != nil {
				return err
			}
			continue
		}
		read := l.tree.ReadUnused
		if isRendered(name) {
			read = l.tree.ReadFile
		}
		data, err := read(path.Join(dir, name))
		if err != nil {
			return err
		}
		*out = append(*out, &archive.BufferedFile{Name: name, ModTime: info.ModTime(), Data: trimBOM(data)})
		if len(*out) > maxArchiveEntries {
			return limitFault("files of the chart "+dir, maxArchiveEntries)
		}
	}
	return nil
}

func (l *chartLoader) archiveFile(file string) ([]*archive.BufferedFile, error) {
	data, err := l.tree.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return unpackChart(data, file, l.budget)
}

// unpackSubcharts replaces each charts/*.tgz by its files, so that no archive reaches the Helm library's own reader.
func (l *chartLoader) unpackSubcharts(files []*archive.BufferedFile, dir string, nesting int) ([]*archive.BufferedFile, error) {
	if !slices.ContainsFunc(files, isSubchartArchive) {
		return files, nil
	}
	if nesting > maxArchiveNesting {
		return nil, limitFault("chart archives inside of chart archives", maxArchiveNesting).in(dir, 0)
	}
	out := make([]*archive.BufferedFile, 0, len(files))
	for _, file := range files {
		if !isSubchartArchive(file) {
			out = append(out, file)
			continue
		}
		inner, err := unpackChart(file.Data, path.Join(dir, file.Name), l.budget)
		if err != nil {
			return nil, err
		}
		if inner, err = l.unpackSubcharts(inner, path.Join(dir, file.Name), nesting+1); err != nil {
			return nil, err
		}
		for _, part := range inner {
			part.Name = file.Name + ".unpacked/" + part.Name
			out = append(out, part)
		}
	}
	return out, nil
}

// isSubchartArchive is true for charts/x.tgz at any level of sub-charts; Helm skips names that begin with "_" or ".".
func isSubchartArchive(file *archive.BufferedFile) bool {
	base := path.Base(file.Name)
	return path.Ext(base) == ".tgz" && path.Base(path.Dir(file.Name)) == "charts" && !strings.ContainsAny(base[:1], "_.")
}

var chartFile = regexp.MustCompile(`cannot load ([\w.]+): `)

func (l *chartLoader) loadFault(err error, dir string) *Fault {
	file := path.Join(dir, "Chart.yaml")
	message := err.Error()
	if found := chartFile.FindStringSubmatchIndex(message); found != nil {
		file = path.Join(dir, message[found[2]:found[3]])
		fault := yamlFault(fmt.Errorf("%s", message[found[1]:]), file, 0)
		fault.Message = "chart cannot be loaded: " + fault.Message
		return fault
	}
	return faultf(codeParse, "chart cannot be loaded: %s", shorten(message)).in(file, 0)
}

func checkNames(loaded *chart.Chart, dir string) error {
	if !chartName.MatchString(loaded.Name()) {
		return faultf(codeParse, "chart name %q is not valid", loaded.Name()).in(path.Join(dir, "Chart.yaml"), 0).
			hint("a chart's name has letters, digits, '-', '_' and '.' only")
	}
	for _, sub := range loaded.Dependencies() {
		if err := checkNames(sub, dir); err != nil {
			return err
		}
	}
	return nil
}
