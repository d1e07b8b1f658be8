package main

import (
	"crypto/rand"
	"fmt"
	"path"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// mountName finds the folders' names that rand.Text makes, which belong in no answer.
var mountName = regexp.MustCompile(`[A-Z2-7]{26}`)

// mount is a tree as Kustomize sees it: below a folder of its own. Kustomize joins "../.." lexically; since nobody can
// guess the folder's name, no path leads from one tree into another, and one that left its tree is known for it.
type mount struct {
	at   string // absolute
	tree *Tree
	name string // stands before its paths in messages; "" for the snapshot
	base remoteBase
}

// shown is a path of the tree for messages: as it is, or URL//path.
func (m *mount) shown(rel string) string {
	if m.name == "" {
		return rel
	}
	return m.name + "//" + strings.TrimPrefix(rel, "./")
}

// named says in a fault of a tree from elsewhere where that is.
func (m *mount) named(f *Fault) *Fault {
	if m.name == "" {
		return f
	}
	out := *f
	if out.File != "" {
		out.File = m.shown(out.File)
	}
	if !strings.Contains(out.Message, m.name) {
		out.Message = strings.Replace(out.Message, " in the repository", "", 1) + " in " + m.name
	}
	return &out
}

// folder is a place in a tree; name is that of its kustomization's file, where it is known.
type folder struct {
	in   *mount
	dir  string
	name string
}

func (f folder) absolute() string { return path.Join(f.in.at, f.dir) }

// madeFile is one that Kustomize sees and no tree holds: fetched from the web, or rendered from a chart.
type madeFile struct {
	content    []byte
	shown      string
	inflatedBy *resource.Origin // of a chart's: what asked for it, its path relative to the kustomization
}

// kustomizeTrees are the trees of one build, the snapshot first, and the files that are in none of them.
type kustomizeTrees struct {
	job    *Job
	all    []*mount
	byNeed map[Need]*mount
	made   map[string]madeFile // by absolute path
}

func newKustomizeTrees(job *Job) *kustomizeTrees {
	snapshot := &mount{at: "/" + rand.Text(), tree: job.tree}
	return &kustomizeTrees{job: job, all: []*mount{snapshot}, byNeed: map[Need]*mount{}, made: map[string]madeFile{}}
}

func (t *kustomizeTrees) snapshot() *mount { return t.all[0] }

// locate finds the tree and the path in it of an absolute path.
func (t *kustomizeTrees) locate(p string) (*mount, string, bool) {
	clean := path.Clean(p)
	for _, m := range t.all {
		if clean == m.at {
			return m, ".", true
		}
		if below, inside := strings.CutPrefix(clean, m.at+"/"); inside {
			return m, below, true
		}
	}
	return nil, "", false
}

// fetched is the folder of a git repository elsewhere; errNeeds where it was not given yet.
func (t *kustomizeTrees) fetched(base remoteBase) (folder, error) {
	need := base.need()
	m, known := t.byNeed[need]
	if !known {
		tree, err := t.job.supply.folder(need)
		if err != nil {
			return folder{}, err
		}
		m = &mount{at: "/" + rand.Text(), tree: tree, name: maskURL(base.url), base: base}
		if base.ref != "" {
			m.name += "?ref=" + base.ref
		}
		t.all = append(t.all, m)
		t.byNeed[need] = m
	}
	return folder{in: m, dir: base.folder}, nil
}

// path leads from one folder to another, through the top.
func (t *kustomizeTrees) path(from, to folder) string {
	return strings.Repeat("../", strings.Count(from.absolute(), "/")) + to.absolute()[1:]
}

// add makes a file, seen in the folder, and returns its path from there. A git tree cannot hold the folder's name.
func (t *kustomizeTrees) add(in folder, name string, made madeFile) string {
	at := fmt.Sprintf(".git/made-%d/%s", len(t.made), name)
	t.made[path.Join(in.absolute(), at)] = made
	return at
}

// file looks a made file up.
func (t *kustomizeTrees) file(p string) (madeFile, bool) {
	if len(t.made) == 0 {
		return madeFile{}, false
	}
	found, ok := t.made[path.Clean(p)]
	return found, ok
}

// shown is an absolute path for messages.
func (t *kustomizeTrees) shown(p string) string {
	if made, ok := t.file(p); ok {
		return made.shown
	}
	if m, rel, ok := t.locate(p); ok {
		return m.shown(rel)
	}
	return p
}

// restoreOrigin writes into an origin, whose paths begin at the folder start, what Kustomize would have noted, had it
// fetched by itself: repository, ref and the path in it. It says whether something changed.
func (t *kustomizeTrees) restoreOrigin(origin *resource.Origin, start string) (changed bool) {
	if made, ok := t.file(path.Join(start, origin.Path)); ok && made.inflatedBy != nil {
		kustomization, _, _ := strings.Cut(origin.Path, ".git/made-")
		*origin = *made.inflatedBy
		origin.ConfiguredIn, changed = path.Join(kustomization, origin.ConfiguredIn), true
	}
	for _, at := range []*string{&origin.Path, &origin.ConfiguredIn} {
		if *at == "" {
			continue
		}
		if made, ok := t.file(path.Join(start, *at)); ok {
			*at, changed = made.shown, true
		} else if m, rel, ok := t.locate(path.Join(start, *at)); ok && m != t.snapshot() {
			origin.Repo, origin.Ref, *at, changed = m.base.url, m.base.ref, rel, true
		}
	}
	return changed
}

var madePath = regexp.MustCompile(`[^\s'"]*\.git/made-\d+/[^\s'":]+`)

// clean shows the paths in a message of Kustomize's as their repositories have them.
func (t *kustomizeTrees) clean(text string) string {
	if len(t.made) > 0 {
		text = madePath.ReplaceAllStringFunc(text, t.cleanMade)
	}
	for _, m := range t.all {
		if !strings.Contains(text, m.at[1:]) {
			continue
		}
		bare := m.name
		if bare == "" {
			bare = "."
		}
		text = regexp.MustCompile(`(?:\.\./)*/?`+m.at[1:]+`/`).ReplaceAllLiteralString(text, m.shown(""))
		text = regexp.MustCompile(`(?:\.\./)*/?`+m.at[1:]).ReplaceAllLiteralString(text, bare)
	}
	return text
}

func (t *kustomizeTrees) cleanMade(p string) string {
	_, end, _ := strings.Cut(p, ".git/made-")
	for at, made := range t.made {
		if strings.HasSuffix(at, "/.git/made-"+end) {
			return made.shown
		}
	}
	return p
}

func confirmed(p string) filesys.ConfirmedDir { return filesys.ConfirmedDir(p) }
