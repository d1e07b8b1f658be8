package main

import (
	"errors"
	"slices"
	"sync"
)

// Need is something that a render lacks and that only the caller can get: the engine has no network, no cluster and no
// keys. Fields that a kind does not use are empty. Equal needs are one need.
type Need struct {
	Kind string `json:"kind"`

	// chart: a chart of the Helm repository (or OCI registry) URL, by Name and a Version or range of versions.
	// git: the repository URL at the branch, tag or commit Version ("" is HEAD). http: the file at URL.
	URL     string `json:"url,omitempty"`
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`

	// decrypt: the SOPS-encrypted file Path below the root named Root ("" is the request's own), of the given Format
	// (yaml, json, dotenv, ini or binary). Root "chart" or "git" is what was given for the need of that kind with the
	// same URL, Name and Version. An Optional file may be given as it stands where no key opens it.
	Root     string `json:"root,omitempty"`
	Path     string `json:"path,omitempty"`
	Format   string `json:"format,omitempty"`
	Optional bool   `json:"optional,omitempty"`

	// lookup: the object Name (all of them if "") in Namespace, of a kind on the destination cluster.
	APIVersion string `json:"api_version,omitempty"`
	ObjectKind string `json:"object_kind,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
}

const (
	needChart   = "chart"
	needGit     = "git"
	needHTTP    = "http"
	needDecrypt = "decrypt"
	needLookup  = "lookup"
)

// Given answers a need: with the absolute folder Root of a snapshot (of a chart: its folder), with Content, or with
// the Error that getting it met.
type Given struct {
	Need    Need   `json:"need"`
	Root    string `json:"root,omitempty"`
	Content []byte `json:"content_base64,omitempty"`
	Error   string `json:"error,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// errNeeds says that a need was noted and the render cannot go on; the answer lists the needs whatever else it met.
var errNeeds = errors.New("the render needs something that was not given yet")

// supply is what a request brought along, and what its render turned out to need besides. Safe for concurrent use.
type supply struct {
	given []Given
	roots map[string]string

	mu    sync.Mutex
	needs []Need
	trees map[string]*Tree // by the name of a root of the request
	owned []*Tree          // of what was given
}

func newSupply(request *Request) supply { return supply{given: request.Given, roots: request.Roots} }

// get returns what was given for need. Where nothing was, the need is noted and errNeeds returned: a caller that can
// go on to find more needs should, they are all answered at once.
func (s *supply) get(need Need) (Given, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, given := range s.given {
		if given.Need == need {
			if given.Error != "" {
				return Given{}, faultf(codeMissing, "%s", given.Error).hint(given.Hint)
			}
			return given, nil
		}
	}
	if !slices.Contains(s.needs, need) {
		s.needs = append(s.needs, need)
	}
	return Given{}, errNeeds
}

// folder returns the folder that was given for need as a tree; like get where none was.
func (s *supply) folder(need Need) (*Tree, error) {
	given, err := s.get(need)
	if err != nil {
		return nil, err
	}
	tree, err := openTree(given.Root)
	if err != nil {
		return nil, err
	}
	tree.reveal = s.revealed(Need{Root: need.Kind, URL: need.URL, Name: need.Name, Version: need.Version})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owned = append(s.owned, tree)
	return tree, nil
}

// root returns another root of the request by its name (`$values`). Its reads become reads of the answer.
func (s *supply) root(name string) (*Tree, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if tree, open := s.trees[name]; open {
		return tree, nil
	}
	folder, known := s.roots[name]
	if !known {
		return nil, faultf(codeMissing, "no source of the application has the ref %s", name).
			hint("give one of the application's sources this ref, or correct the path")
	}
	tree, err := openTree(folder)
	if err != nil {
		return nil, err
	}
	tree.reveal = s.revealed(Need{Root: name})
	if s.trees == nil {
		s.trees = map[string]*Tree{}
	}
	s.trees[name] = tree
	return tree, nil
}

func (s *supply) missing() []Need {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.needs
}

// reads are those of the named roots, in the roots' order; what was given is identified by the caller.
func (s *supply) reads() []Read {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.trees))
	for name := range s.trees {
		names = append(names, name)
	}
	slices.Sort(names)
	var found []Read
	for _, name := range names {
		for _, read := range s.trees[name].Reads() {
			read.Root = name
			found = append(found, read)
		}
	}
	return found
}

func (s *supply) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tree := range s.trees {
		tree.Close()
	}
	for _, tree := range s.owned {
		tree.Close()
	}
}

// isNeed tells whether err stands for a need that was noted, however deep a library wrapped it.
func isNeed(err error) bool { return errors.Is(err, errNeeds) }
