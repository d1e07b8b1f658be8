package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
)

// Read is one path that a render depends on, relative to the root with slashes.
type Read struct {
	Path string `json:"path"`
	Kind string `json:"kind"`           // "file": opened (or a link followed); "dir": listed; "missing": looked for and not there
	Root string `json:"root,omitempty"` // the name of another root; "" is the request's own
}

const (
	readFileKind    = "file"
	readDirKind     = "dir"
	readMissingKind = "missing"
)

// Tree is a snapshot folder that nothing leaves: the only way by which the engine reads.
// Links are resolved one by one; a link that points outside is an error that names it.
// It records every path that it opened, listed or found missing. Safe for concurrent use.
type Tree struct {
	root   *os.Root
	reveal reveal // what files that SOPS encrypted are read through; nil reads them as they stand

	mu    sync.Mutex
	reads map[string]string
	dirs  map[string]string // folder as asked for -> folder after links
	bytes int
	files int
}

// openTree opens the absolute folder root.
func openTree(root string) (*Tree, error) {
	if !filepath.IsAbs(root) {
		return nil, faultf(codeRequest, "root %q is not an absolute path", root)
	}
	handle, err := os.OpenRoot(root)
	if err != nil {
		return nil, faultf(codeRequest, "root cannot be opened: %v", bareError(err))
	}
	return &Tree{root: handle, reads: map[string]string{}, dirs: map[string]string{".": "."}}, nil
}

func (t *Tree) Close() { _ = t.root.Close() }

// Reads returns what was read so far, sorted by path.
func (t *Tree) Reads() []Read {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Read, 0, len(t.reads))
	for p, kind := range t.reads {
		out = append(out, Read{Path: p, Kind: kind})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}

func (t *Tree) note(p, kind string) {
	if len(p) > maxPathLength || strings.ContainsAny(p, "\n\x00") {
		return // not a path of a git tree: an inline document that a library tried as a file name
	}
	t.mu.Lock()
	t.reads[p] = kind
	t.mu.Unlock()
}

// Resolve follows p link by link and returns the path after links and what is there.
// p is relative to the root; ".." is allowed as long as it stays inside.
func (t *Tree) Resolve(p string) (string, fs.FileInfo, error) {
	if strings.ContainsRune(p, 0) {
		return "", nil, faultf(codePath, "path holds a NUL character")
	}
	if path.IsAbs(p) {
		return "", nil, leaves(p)
	}
	dir, base := path.Split(p)
	if real, known := t.knownDir(dir); known && base != "" && base != "." && base != ".." {
		return t.walk(p, real, []string{base})
	}
	return t.walk(p, ".", strings.Split(p, "/"))
}

// knownDir answers for folders that were resolved before, so that a file costs one Lstat.
func (t *Tree) knownDir(dir string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	real, ok := t.dirs[strings.TrimSuffix(dir, "/")]
	if dir == "" {
		return ".", true
	}
	return real, ok
}

// walk resolves rest below the already resolved folder at; asked is for messages.
func (t *Tree) walk(asked, at string, rest []string) (string, fs.FileInfo, error) {
	var info fs.FileInfo
	links := 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return "", nil, leaves(asked)
			}
			at, info = path.Dir(at), nil
			continue
		}
		next := path.Join(at, part)
		found, err := t.root.Lstat(next)
		if err != nil {
			return "", nil, t.failed(asked, path.Join(next, path.Join(rest...)), err)
		}
		if found.Mode()&fs.ModeSymlink == 0 {
			if !found.IsDir() && goesUp(rest) {
				t.note(next, readFileKind)
				return "", nil, missing(asked) // a file has no "..", as the kernel has it
			}
			at, info = next, found
			continue
		}
		if links++; links > maxLinks {
			return "", nil, faultf(codePath, "link %q goes round in a circle", next).hint("remove the link from the repository")
		}
		target, err := t.root.Readlink(next)
		if err != nil {
			return "", nil, t.failed(asked, next, err)
		}
		t.note(next, readFileKind)
		if path.IsAbs(target) || leavesFrom(at, target) {
			return "", nil, leavesByLink(next)
		}
		rest = append(strings.Split(target, "/"), rest...)
		info = nil
	}
	if info == nil {
		var err error
		if info, err = t.root.Lstat(at); err != nil {
			return "", nil, t.failed(asked, at, err)
		}
	}
	if info.IsDir() {
		t.mu.Lock()
		t.dirs[strings.TrimSuffix(asked, "/")] = at
		t.mu.Unlock()
	}
	return at, info, nil
}

// goesUp tells whether the first part of a path that means anything is "..".
func goesUp(rest []string) bool {
	first := slices.IndexFunc(rest, func(part string) bool { return part != "" && part != "." })
	return first >= 0 && rest[first] == ".."
}

// leavesFrom says whether target, read in the folder at, has more ".." than at has parents.
func leavesFrom(at, target string) bool {
	joined := path.Join(at, target)
	return joined == ".." || strings.HasPrefix(joined, "../")
}

func (t *Tree) failed(asked, real string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) {
		t.note(real, readMissingKind)
		return missing(asked)
	}
	return faultf(codePath, "%q cannot be opened: %v", asked, bareError(err))
}

// Stat says what p is after links; it counts as a read of kind "file" unless p is a folder.
// A folder that is only looked at is not recorded: what is read inside of it is.
func (t *Tree) Stat(p string) (string, fs.FileInfo, error) {
	real, info, err := t.Resolve(p)
	if err == nil && !info.IsDir() {
		t.note(real, readFileKind)
	}
	return real, info, err
}

// ReadFile returns the bytes of the regular file p; if SOPS encrypted it, its plain text.
func (t *Tree) ReadFile(p string) ([]byte, error) { return t.read(p, false) }

// ReadUnused is ReadFile for a file that perhaps nobody looks at: one that no key opens stays encrypted.
func (t *Tree) ReadUnused(p string) ([]byte, error) { return t.read(p, true) }

func (t *Tree) read(p string, optional bool) ([]byte, error) {
	real, info, err := t.Resolve(p)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, faultf(codeMissing, "%q is a folder, not a file", p)
	}
	t.note(real, readFileKind)
	if !info.Mode().IsRegular() {
		return nil, faultf(codePath, "%q is not a regular file", p)
	}
	if info.Size() > maxFileBytes {
		return nil, limitFault("size of "+p+" in bytes", maxFileBytes)
	}
	if err := t.count(int(info.Size())); err != nil {
		return nil, err
	}
	file, err := t.root.Open(real)
	if err != nil {
		return nil, t.failed(p, real, err)
	}
	defer file.Close()
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, faultf(codePath, "%q changed while it was read", p)
	}
	if t.reveal == nil {
		return data, nil
	}
	return t.reveal(real, data, optional)
}

func (t *Tree) count(size int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes += size
	t.files++
	if t.bytes > maxReadBytes {
		return limitFault("bytes read by one render", maxReadBytes)
	}
	if t.files > maxFiles {
		return limitFault("files read by one render", maxFiles)
	}
	return nil
}

// ReadDir lists the folder p, sorted by name.
func (t *Tree) ReadDir(p string) ([]fs.DirEntry, error) {
	real, info, err := t.Resolve(p)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		t.note(real, readFileKind)
		return nil, faultf(codeMissing, "%q is a file, not a folder", p)
	}
	t.note(real, readDirKind)
	dir, err := t.root.Open(real)
	if err != nil {
		return nil, t.failed(p, real, err)
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, faultf(codePath, "%q cannot be listed: %v", p, bareError(err))
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	return entries, nil
}

func leaves(p string) *Fault {
	return faultf(codePath, "path %q leaves the repository", p).hint("name a path inside of the repository")
}

func leavesByLink(link string) *Fault {
	f := faultf(codePath, "link %q leaves the repository", link).hint("replace the link by the file itself, or point it inside of the repository")
	f.File = link
	return f
}

func missing(p string) *Fault {
	return faultf(codeMissing, "%q does not exist in the repository", p)
}

// bareError drops the operation and the absolute path that package os puts before an error.
func bareError(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// anchored joins p, relative to dir, or to the root when it begins with "/", without leaving the root.
func anchored(dir, p string) (string, error) {
	if strings.ContainsAny(p, "\x00\n") || strings.Contains(p, "://") {
		return "", leaves(p)
	}
	joined := path.Join(dir, p)
	if path.IsAbs(p) {
		joined = path.Join(".", strings.TrimLeft(p, "/"))
	}
	if joined == ".." || strings.HasPrefix(joined, "../") {
		return "", leaves(p)
	}
	return joined, nil
}

// cleanRelative checks the "path" of a request: relative, inside of the root.
func cleanRelative(p string) (string, error) {
	if path.IsAbs(p) {
		return "", leaves(p)
	}
	return anchored(".", p)
}
