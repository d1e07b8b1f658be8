package main

import (
	"path"
	"strconv"
	"strings"
)

// valueFiles reads the files that value_files and file_parameters name: of the chart's own tree, of another root
// ("$name/…"), or of the web.
type valueFiles struct {
	job  *Job
	tree *Tree
	dir  string // where relative paths begin
}

// valueFile is one such file: at path in tree, or at url. shown is its name for messages.
type valueFile struct {
	tree  *Tree
	path  string
	url   string
	shown string
}

// at finds the place that a name stands for; nothing is opened. "$name" is a root only if the request has it.
func (v *valueFiles) at(name string) (valueFile, error) {
	if isWebAddress(name) {
		if host, _, _ := strings.Cut(name[strings.Index(name, "://")+3:], "/"); strings.Contains(host, "@") {
			return valueFile{}, faultf(codeRefused, "value file %q carries credentials", maskURL(name)).
				hint("configure the credentials under repositories, and take them out of the URL")
		}
		return valueFile{url: plainScheme(name), shown: maskURL(name)}, nil
	}
	root, below, _ := strings.Cut(name, "/")
	if _, isRoot := v.job.supply.roots[root]; !isRoot || !strings.HasPrefix(root, "$") {
		file, err := anchored(v.dir, name)
		return valueFile{tree: v.tree, path: file, shown: file}, err
	}
	tree, err := v.job.supply.root(root)
	if err != nil {
		return valueFile{}, err
	}
	file, err := anchored(".", "/"+below)
	if err != nil {
		return valueFile{}, leaves(name)
	}
	if file == "." {
		return valueFile{}, faultf(codeRequest, "%q names no file of the source", name).hint("write " + root + "/path/of/the/file")
	}
	return valueFile{tree: tree, path: file, shown: path.Join(root, file)}, nil
}

// read gives the file's content; of the web what the caller fetched.
func (v *valueFiles) read(file valueFile) ([]byte, error) {
	if file.url == "" {
		data, err := file.tree.ReadFile(file.path)
		if err == nil || isNeed(err) {
			return data, err
		}
		fault := asFault(err, codePath) // "$name/…" says of which source
		fault.Message = strings.Replace(fault.Message, strconv.Quote(file.path), strconv.Quote(file.shown), 1)
		return nil, fault
	}
	given, err := v.job.supply.get(Need{Kind: needHTTP, URL: file.url})
	if err != nil {
		return nil, err
	}
	if len(given.Content) > maxFileBytes {
		return nil, limitFault("size of "+file.shown+" in bytes", maxFileBytes)
	}
	return given.Content, nil
}

// expand gives the files of all names in order, each once at its first place: globs expanded in lexical order, without
// what is also named itself. ignoreMissing lets a glob match nothing.
func (v *valueFiles) expand(names []string, ignoreMissing bool) ([]valueFile, error) {
	places := make([]valueFile, len(names))
	taken := map[valueFile]bool{}
	for i, name := range names {
		file, err := v.at(name)
		if err != nil {
			return nil, err
		}
		places[i] = file
		taken[file] = !file.isGlob()
	}
	out := make([]valueFile, 0, len(names))
	seen := map[valueFile]bool{}
	add := func(file valueFile) {
		if !seen[file] {
			seen[file] = true
			out = append(out, file)
		}
	}
	for i, place := range places {
		if !place.isGlob() {
			add(place)
			continue
		}
		found, err := expandGlob(place.tree, place.path)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 && !ignoreMissing {
			return nil, faultf(codeMissing, "no value file matches %q", names[i]).hint("check valueFiles, or set ignoreMissingValueFiles")
		}
		for _, file := range found {
			match := valueFile{tree: place.tree, path: file, shown: file}
			if root, _, _ := strings.Cut(place.shown, "/"); strings.HasPrefix(root, "$") && place.tree != v.tree {
				match.shown = path.Join(root, file)
			}
			if !taken[match] {
				add(match)
			}
		}
	}
	return out, nil
}

func (f valueFile) isGlob() bool { return f.url == "" && hasGlob(f.path) }

// plainScheme writes the scheme of a URL as everybody compares it.
func plainScheme(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	return strings.ToLower(scheme) + "://" + rest
}

func isWebAddress(name string) bool {
	scheme, _, found := strings.Cut(name, "://")
	return found && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}
