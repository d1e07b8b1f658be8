package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
)

// dependencies adds what Chart.yaml (or requirements.yaml) names and charts/ lacks: a folder of the repository for a
// file:// address, else the chart of a Helm repository or registry, which is asked for. Helm looks by name alone, and
// leaves out what a packaged chart lacks; so does this.
func (l *chartLoader) dependencies(loaded *chart.Chart, dir string, nesting int) error {
	wanted := lacking(loaded)
	if len(wanted) == 0 {
		return nil
	}
	if l.packed {
		for _, each := range wanted {
			l.job.warnings.Add("chart " + loaded.Name() + " does not hold its dependency " + each.Name + ": it is rendered without")
		}
		return nil
	}
	file := dependencyFile(loaded, dir)
	versions := l.versions(loaded, file)
	merged := common.Values{}
	if nesting == 0 {
		var err error
		if merged, err = util.CoalesceValues(loaded, l.values); err != nil {
			return faultf(codeRender, "values: %s", shorten(err.Error())).in(path.Join(dir, "values.yaml"), 0)
		}
	}
	var pending error
	var subs []*chart.Chart
	for _, each := range wanted {
		if switchedOff(each, merged) {
			continue
		}
		sub, err := l.dependency(each, versions[each], dir, nesting)
		if isNeed(err) {
			pending = err // the others are asked for in the same round
			continue
		}
		if err != nil {
			return asFault(err, codePath).in(file, 0)
		}
		subs = append(subs, sub)
	}
	if pending != nil {
		return pending
	}
	for _, sub := range subs {
		if !slices.ContainsFunc(loaded.Dependencies(), func(c *chart.Chart) bool { return sameChart(c, sub) }) {
			loaded.AddDependency(sub)
		}
	}
	return nil
}

// lacking are the dependencies of which charts/ has no chart of that name, whatever its version.
func lacking(loaded *chart.Chart) []*chart.Dependency {
	var wanted []*chart.Dependency
	for _, each := range loaded.Metadata.Dependencies {
		if each != nil && !slices.ContainsFunc(loaded.Dependencies(), func(c *chart.Chart) bool { return c.Name() == each.Name }) {
			wanted = append(wanted, each)
		}
	}
	return wanted
}

func sameChart(a, b *chart.Chart) bool {
	return a.Name() == b.Name() && a.Metadata.Version == b.Metadata.Version
}

func dependencyFile(loaded *chart.Chart, dir string) string {
	if loaded.Metadata.APIVersion == chart.APIVersionV1 &&
		slices.ContainsFunc(loaded.Files, func(f *common.File) bool { return f.Name == "requirements.yaml" }) {
		return path.Join(dir, "requirements.yaml")
	}
	return path.Join(dir, "Chart.yaml")
}

// dependency loads one dependency. version is the one to ask a repository for.
func (l *chartLoader) dependency(wanted *chart.Dependency, version, dir string, nesting int) (*chart.Chart, error) {
	if !chartName.MatchString(wanted.Name) {
		return nil, faultf(codeParse, "chart dependency %q: the name is not valid", wanted.Name)
	}
	if _, err := semver.NewConstraint(wanted.Version); err != nil {
		return nil, faultf(codeParse, "chart dependency %q has an invalid version or range %q", wanted.Name, wanted.Version)
	}
	var sub *chart.Chart
	var err error
	if local, isLocal := strings.CutPrefix(wanted.Repository, "file://"); isLocal {
		sub, err = l.localDependency(wanted, local, dir, nesting)
	} else {
		sub, err = l.remoteDependency(wanted, version, dir, nesting)
	}
	if err != nil {
		return nil, err
	}
	if sub.Name() != wanted.Name || !chartutil.IsCompatibleRange(wanted.Version, sub.Metadata.Version) {
		return nil, faultf(codeMissing, "chart dependency %q %s: %s has the chart %s %s instead",
			wanted.Name, wanted.Version, maskURL(wanted.Repository), sub.Name(), sub.Metadata.Version).
			hint("correct the dependency's name, version or repository")
	}
	return sub, nil
}

func (l *chartLoader) localDependency(wanted *chart.Dependency, local, dir string, nesting int) (*chart.Chart, error) {
	at, err := anchored(dir, local)
	if err != nil {
		return nil, err
	}
	real, info, err := l.tree.Resolve(at)
	if err != nil {
		return nil, asFault(err, codePath).hint("the dependency " + wanted.Name + " names this folder")
	}
	return l.load(real, info.IsDir(), nesting+1)
}

func (l *chartLoader) remoteDependency(wanted *chart.Dependency, version, dir string, nesting int) (*chart.Chart, error) {
	if err := checkRepository(wanted); err != nil {
		return nil, err
	}
	tree, err := l.job.supply.folder(Need{Kind: needChart, URL: plainScheme(wanted.Repository), Name: wanted.Name, Version: version})
	if err != nil {
		return nil, err
	}
	inside := chartLoader{job: l.job, tree: tree, budget: l.budget, packed: true}
	sub, err := inside.load(".", true, nesting+1)
	if err != nil {
		fault := *asFault(err, codeParse)
		fault.Message = "chart dependency " + wanted.Name + ": " + fault.Message
		fault.File = path.Join(dir, "charts", wanted.Name, fault.File)
		return nil, &fault
	}
	return sub, nil
}

// checkRepository takes the addresses that charts are fetched from; what else Helm knows is set up on one machine, or
// is a scheme of a Helm plugin.
func checkRepository(wanted *chart.Dependency) error {
	address := wanted.Repository
	scheme, rest, isURL := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	switch {
	case address == "":
		return faultf(codeMissing, "chart dependency %q (version %s) names no repository and is not in charts/", wanted.Name, wanted.Version).
			hint("name its repository, or commit the chart to charts/")
	case strings.HasPrefix(address, "@") || strings.HasPrefix(address, "alias:"):
		return faultf(codeRefused, "chart dependency %q names its repository by the alias %q, which only the author's machine knows", wanted.Name, address).
			hint("write the repository's URL into the dependency, or commit the chart to charts/ (helm dependency update)")
	case !isURL || !slices.Contains([]string{"http", "https", "oci"}, strings.ToLower(scheme)):
		return faultf(codeRefused, "chart dependency %q: the repository %q is no http://, https://, oci:// or file:// address", wanted.Name, maskURL(address)).
			hint("write the repository's URL into the dependency, or commit the chart to charts/ (helm dependency update)")
	case host == "" || strings.ContainsAny(address, " \t\r\n\x00#"):
		return faultf(codeParse, "chart dependency %q: the repository %q is not a URL", wanted.Name, maskURL(address))
	case strings.Contains(host, "@"):
		return faultf(codeRefused, "chart dependency %q: the repository %q carries credentials", wanted.Name, maskURL(address)).
			hint("configure the repository and its credentials under repositories, and take them out of the URL")
	}
	return nil
}

// switchedOff tells whether a dependency is disabled whatever its own values say, so that nobody has to fetch it.
// values are the parent chart's and the application's.
func switchedOff(wanted *chart.Dependency, values common.Values) bool {
	for key := range strings.SplitSeq(strings.TrimSpace(wanted.Condition), ",") {
		if key == "" {
			continue
		}
		found, err := values.PathValue(key)
		on, isBool := found.(bool)
		return err == nil && isBool && !on // where it is not set, the dependency's own values may set it
	}
	tags, err := values.Table("tags")
	if err != nil {
		return false
	}
	off := false
	for _, tag := range wanted.Tags {
		on, isBool := tags[tag].(bool)
		if isBool && on {
			return false
		}
		off = off || isBool
	}
	return off
}

// versions gives the version to ask for, for each dependency: the lock file's where it was made for the dependencies
// as they are written, else the range.
func (l *chartLoader) versions(loaded *chart.Chart, file string) map[*chart.Dependency]string {
	written := loaded.Metadata.Dependencies
	found := map[*chart.Dependency]string{}
	locked := loaded.Lock != nil && lockFits(written, loaded.Lock)
	if loaded.Lock != nil && !locked {
		l.job.warnings.Add("the lock file of chart " + loaded.Name() + " was not made for the dependencies in " + file + ": their ranges count")
	}
	for i, each := range written {
		if each == nil {
			continue
		}
		found[each] = each.Version
		if locked && loaded.Lock.Dependencies[i].Version != "" {
			found[each] = loaded.Lock.Dependencies[i].Version
		}
	}
	return found
}

// lockFits compares the lock file's digest with that of what it locks, as `helm dependency build` does: of the
// dependencies and what they were resolved to, or for charts of Helm 2 of the dependencies alone.
func lockFits(written []*chart.Dependency, lock *chart.Lock) bool {
	if len(written) != len(lock.Dependencies) {
		return false
	}
	for i, each := range lock.Dependencies {
		if each == nil || written[i] == nil || each.Name != written[i].Name {
			return false
		}
	}
	return lock.Digest == digestOf([2][]*chart.Dependency{written, lock.Dependencies}) ||
		lock.Digest == digestOf(map[string][]*chart.Dependency{"dependencies": written})
}

func digestOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}
