package main

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"
)

// Formats of files that SOPS encrypts, as a need names them.
const (
	sopsYAML   = "yaml"
	sopsJSON   = "json"
	sopsDotenv = "dotenv"
	sopsINI    = "ini"
	sopsBinary = "binary"
)

// reveal gives the plain text of a file that SOPS encrypted, and any other file as it is.
type reveal func(file string, data []byte, optional bool) ([]byte, error)

// revealed reveals files of one tree; of says which tree a need for the plain text speaks of.
//
// As long as the plain text was not given, the encrypted text stands in for it: the render goes on with that and
// finds what else it needs. Its result is dropped, because a need was noted.
func (s *supply) revealed(of Need) reveal {
	return func(file string, data []byte, optional bool) ([]byte, error) {
		format := sopsFormat(file, data)
		if format == "" {
			return data, nil
		}
		if format == sopsYAML {
			if fault := guardYAML(data, file); fault != nil {
				return nil, fault
			}
		}
		need := of
		need.Kind, need.Path, need.Format, need.Optional = needDecrypt, file, format, optional
		given, err := s.get(need)
		if isNeed(err) {
			return data, nil
		}
		if err != nil {
			return nil, asFault(err, codeMissing).in(file, 0)
		}
		return given.Content, nil
	}
}

// sopsFormat says in which format SOPS encrypted a file, "" for a file that it did not encrypt. What a file says decides,
// not its name: only where the same text may be two things does the extension tell, as for SOPS itself.
// https://getsops.io/docs/#encrypting-binary-files and the sections on YAML, JSON, dotenv and INI.
func sopsFormat(file string, data []byte) string {
	if !bytes.Contains(data, []byte("sops")) || !bytes.Contains(data, []byte("ENC[")) {
		return "" // nearly all: the MAC is encrypted, too
	}
	isYAML := isYAMLName(unmarkedName(file))
	text := trimBOM(data)
	if start := bytes.TrimLeft(text, " \t\r\n"); len(start) > 0 && start[0] == '{' {
		return sopsJSONFormat(text, isYAML)
	}
	switch {
	case hasBlock(text, yamlMetadata):
		if isYAML {
			return sopsYAML
		}
	case hasBlock(text, iniMetadata):
		return sopsINI
	case !isYAML && hasDotenvMetadata(text):
		return sopsDotenv
	}
	return ""
}

// unmarkedName is the name without what people add to say that a file is encrypted.
func unmarkedName(file string) string {
	for _, added := range []string{".enc", ".encrypted", ".sops"} {
		if plain, found := strings.CutSuffix(file, added); found && path.Ext(plain) != "" {
			return plain
		}
	}
	return file
}

func sopsJSONFormat(text []byte, isYAML bool) string {
	var file map[string]json.RawMessage
	var metadata map[string]json.RawMessage
	if json.Unmarshal(text, &file) != nil || json.Unmarshal(file["sops"], &metadata) != nil {
		return ""
	}
	names := make([]string, 0, len(metadata))
	for name := range metadata {
		names = append(names, name)
	}
	if !isMetadata(names) {
		return ""
	}
	if !isYAML && len(file) == 2 && bytes.HasPrefix(file["data"], []byte(`"ENC[`)) {
		return sopsBinary
	}
	return sopsJSON
}

// isMetadata tells SOPS's own mapping from another one called sops: two of the three names that each of its files has,
// so that a file that lost one is still not taken for plain.
func isMetadata(names []string) bool {
	found := 0
	for _, name := range names {
		switch name {
		case "mac", "lastmodified", "version":
			found++
		}
	}
	return found >= 2
}

// metadataSyntax is how a format writes the block of metadata: the line that begins it, and the name that a line of it sets.
type metadataSyntax struct {
	begins func(line string) bool
	ends   func(line string) bool
	name   func(line string) string
}

var yamlMetadata = metadataSyntax{
	begins: func(line string) bool {
		key, rest, found := strings.Cut(line, ":")
		rest = strings.TrimSpace(rest)
		return found && strings.Trim(key, `"'`) == "sops" && (rest == "" || rest[0] == '#')
	},
	ends: func(line string) bool { return line[0] != ' ' && line[0] != '#' },
	name: func(line string) string {
		key, _, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found {
			return ""
		}
		return strings.Trim(key, `"'`)
	},
}

var iniMetadata = metadataSyntax{
	begins: func(line string) bool { return strings.TrimSpace(line) == "[sops]" },
	ends:   func(line string) bool { return line[0] == '[' },
	name: func(line string) string {
		key, _, _ := strings.Cut(line, "=")
		return strings.TrimSpace(key)
	},
}

// hasBlock says whether text has a block of metadata in the syntax. It looks at lines only: these blocks are SOPS's own
// writing, and the text may not be valid.
func hasBlock(text []byte, syntax metadataSyntax) bool {
	var names []string
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			continue
		}
		if inside && syntax.ends(line) {
			inside = false
		}
		if inside {
			names = append(names, syntax.name(line))
		}
		if syntax.begins(line) {
			inside, names = true, nil
		}
		if isMetadata(names) {
			return true
		}
	}
	return false
}

func hasDotenvMetadata(text []byte) bool {
	var names []string
	for line := range strings.Lines(string(text)) {
		key, _, _ := strings.Cut(line, "=")
		if name, found := strings.CutPrefix(key, "sops_"); found {
			names = append(names, name)
		}
	}
	return isMetadata(names)
}
