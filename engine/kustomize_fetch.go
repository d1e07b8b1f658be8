package main

import (
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
)

// fetch replaces each address in the kustomization of a folder by the path to what was given for it. It goes on over
// what was not given yet, so that all of it is asked for at once, and returns errNeeds then.
func (k *kustomizeFS) fetch(parsed *types.Kustomization, here folder) (changed bool, err error) {
	needing := false
	visitReferences(parsed, func(ref reference) string {
		if err != nil || !isRemote(ref.path) {
			return ref.path
		}
		if local, ok := k.localName(ref, here); ok {
			changed = true
			return local
		}
		local, _, failed := k.bring(ref, here)
		switch {
		case isNeed(failed):
			needing = true
			return ref.path
		case failed != nil:
			fault := *asFault(failed, codeMissing)
			fault.Message = ref.field + ": " + fault.Message
			err = &fault
			return ref.path
		}
		changed = true
		return local
	})
	if err == nil && needing {
		err = errNeeds
	}
	return changed, err
}

// localName tells a file or folder of the repository whose name merely looks like user@host, and writes it so that
// Kustomize does not mistake it either.
func (k *kustomizeFS) localName(ref reference, here folder) (string, bool) {
	if strings.ContainsAny(ref.path, ":?\n") || !scpForm.MatchString(strings.ToLower(ref.path)) {
		return "", false
	}
	_, _, err := here.in.tree.Resolve(path.Join(here.dir, ref.path))
	return "./" + ref.path, err == nil
}

// bring gives the path, from here, to what an address stands for, and the folder if it is one.
func (k *kustomizeFS) bring(ref reference, here folder) (string, *folder, error) {
	switch ref.kind {
	case folderOnly:
		return k.bringFolder(ref, here)
	case yamlFile, dataFile:
		local, err := k.bringFile(ref, here)
		return local, nil, err
	}
	file, isFolder := remoteForm(ref.path)
	if !file {
		return k.bringFolder(ref, here)
	}
	local, err := k.bringFile(ref, here)
	if err == nil || isNeed(err) || !isFolder || asFault(err, codeParse).Code == codeLimit {
		return local, nil, err
	}
	// What is no manifest, or not there, may be a repository: Kustomize tries both, too.
	local, at, failed := k.bringFolder(ref, here)
	if failed != nil && !isNeed(failed) && asFault(failed, codeMissing).Code == codeRefused {
		failed = err
	}
	return local, at, failed
}

func (k *kustomizeFS) bringFolder(ref reference, here folder) (string, *folder, error) {
	base, fault := parseRemoteBase(ref.path)
	if fault != nil {
		return "", nil, fault
	}
	at, err := k.trees.fetched(base)
	if err != nil {
		return "", nil, err
	}
	return k.trees.path(here, at), &at, nil
}

func (k *kustomizeFS) bringFile(ref reference, here folder) (string, error) {
	need, fault := parseRemoteFile(ref.path)
	if fault != nil {
		return "", fault
	}
	given, err := k.trees.job.supply.get(need)
	if err != nil {
		return "", err
	}
	content, shown := given.Content, maskURL(need.URL)
	if len(content) > maxFileBytes {
		return "", limitFault("size of "+shown+" in bytes", maxFileBytes)
	}
	if ref.parsed() {
		if content, err = fetchedYAML(content, shown, ref.kind); err != nil {
			return "", err
		}
	}
	name, _, _ := strings.Cut(path.Base(need.URL), "?")
	return k.trees.add(here, plainName(name), madeFile{content: content, shown: shown}), nil
}

// fetchedYAML checks what came from the web for a place where Kustomize wants YAML.
func fetchedYAML(content []byte, shown string, kind referenceKind) ([]byte, error) {
	content, err := toUTF8(content, shown)
	if err != nil {
		return nil, err
	}
	if _, fault := inspectYAML(content, shown, true); fault != nil {
		return nil, fault
	}
	if kind == fileOrFolder {
		if _, err := resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory()).NewResMapFromBytes(content); err != nil {
			return nil, faultf(codeParse, "%s holds no Kubernetes manifests: %s", shown, shorten(err.Error())).in(shown, 0).
				hint("the URL must give the manifests themselves, not a page about them")
		}
	}
	return content, nil
}

// plainName keeps of a name what is safe in any path.
func plainName(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
	if strings.Trim(plain, ".") == "" {
		return "file"
	}
	return plain
}

// collect notes all needs of a kustomization and of those that it names, as far as they can be seen: Kustomize would
// stop at each first one. Faults are left to the build.
func (k *kustomizeFS) collect(here folder, seen map[string]bool) {
	if seen[here.absolute()] || len(seen) > maxFiles {
		return
	}
	seen[here.absolute()] = true
	parsed, err := k.peek(here)
	if err != nil {
		return
	}
	_, _ = k.inflateCharts(parsed, here, parsed.Namespace)
	visitReferences(parsed, func(ref reference) string {
		if _, local := k.localName(ref, here); !local && isRemote(ref.path) {
			if _, at, err := k.bring(ref, here); err == nil && at != nil {
				k.collect(*at, seen)
			}
			return ref.path
		}
		if strings.Contains(ref.path, "\n") || path.IsAbs(ref.path) {
			return ref.path
		}
		joined := path.Join(here.absolute(), ref.path)
		m, rel, inside := k.trees.locate(joined)
		if _, made := k.trees.file(joined); made || !inside || m != here.in {
			return ref.path
		}
		real, info, err := m.tree.Resolve(rel)
		switch {
		case err != nil:
		case info.IsDir():
			k.collect(folder{in: m, dir: real}, seen)
		default:
			_, _ = m.tree.ReadFile(real) // it may be encrypted
		}
		return ref.path
	})
}

// peek reads the kustomization of a folder outside of a build.
func (k *kustomizeFS) peek(here folder) (*types.Kustomization, error) {
	var lastErr error
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		data, err := here.in.tree.ReadFile(path.Join(here.dir, name))
		if err != nil {
			lastErr = err
			continue
		}
		if _, fault := inspectYAML(data, name, true); fault != nil {
			return nil, fault
		}
		var parsed types.Kustomization
		if err := parsed.Unmarshal(data); err != nil {
			return nil, err
		}
		if k.isTarget(here) {
			_, err := k.edit(&parsed)
			return &parsed, err
		}
		return &parsed, nil
	}
	return nil, lastErr
}
