package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

var (
	maybeAlias = regexp.MustCompile(`(?m)(^|[\s\[{,:-])\*[^\s,\]}*]`)
	maybeTag   = regexp.MustCompile(`(?m)(^|[\s\[{,:-])![^\s]*`)
	// Keys that are no texts; what they become may be the same as another key.
	oddKey    = regexp.MustCompile(`(?mi)(^|[\s{,?:-])(?:[-+.]?[0-9][\w.+-]*|[yn]|yes|no|on|off|true|false)["']?\s*:`)
	oddScalar = regexp.MustCompile(`(?i)^(?:[-+.]?[0-9][\w.+-]*|[yn]|yes|no|on|off|true|false)$`)
	atLine    = regexp.MustCompile(`line (\d+)`)
)

const invalidYAML = "not valid YAML"

// coreTags are the tags of YAML that mean data; every other one asks a program to build something.
var coreTags = map[string]bool{
	"": true, "!": true, "!!str": true, "!!int": true, "!!float": true, "!!bool": true, "!!null": true, "!!map": true,
	"!!seq": true, "!!binary": true, "!!timestamp": true, "!!merge": true, "!!set": true, "!!omap": true,
}

// guardYAML refuses what a YAML library would expand without bound or take as a command: alias
// bombs, self-referencing anchors and foreign tags. Syntax errors are left to the reader that follows.
// Text with neither alias nor tag, which is nearly all, costs one scan.
func guardYAML(data []byte, file string) *Fault {
	if !maybeAlias.Match(data) && !maybeTag.Match(data) {
		return nil
	}
	_, fault := inspectYAML(data, file, false)
	if fault != nil && strings.HasPrefix(fault.Message, invalidYAML) {
		return nil
	}
	return fault
}

// inspectYAML reads all documents of data as nodes and checks their expanded size and tags and,
// when strict, that no mapping has a key twice. It returns the nodes of the documents.
func inspectYAML(data []byte, file string, strict bool) ([]*yaml.Node, *Fault) {
	var documents []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	budget := maxExpandedBytes
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, yamlFault(err, file, 0)
		}
		if fault := checkNode(&document, file, strict); fault != nil {
			return nil, fault
		}
		size := expandedSize(&document, map[*yaml.Node]int{})
		if size < 0 {
			return nil, faultf(codeParse, "an anchor of %s contains itself", file).in(file, 0)
		}
		if budget -= size; budget < 0 {
			return nil, limitFault("size of "+file+" in bytes after its YAML aliases are expanded", maxExpandedBytes).in(file, 0)
		}
		documents = append(documents, &document)
	}
}

func checkNode(node *yaml.Node, file string, strict bool) *Fault {
	if !coreTags[node.ShortTag()] && node.Kind != yaml.AliasNode && node.Kind != yaml.DocumentNode {
		f := faultf(codeParse, "unknown YAML tag %q", node.Tag).in(file, node.Line)
		f.Column = node.Column
		return f.hint("manifests are plain data: remove the tag")
	}
	if strict && node.Kind == yaml.MappingNode {
		seen := make(map[string]bool, len(node.Content)/2)
		for i := 0; i < len(node.Content); i += 2 {
			key := node.Content[i]
			name, named := keyName(key)
			if named && seen[name] {
				f := faultf(codeParse, "key %q is set twice", name).in(file, key.Line)
				f.Column = key.Column
				return f.hint("keep one of the two")
			}
			seen[name] = named
		}
	}
	for _, child := range node.Content {
		if fault := checkNode(child, file, strict); fault != nil {
			return fault
		}
	}
	return nil
}

// keyName is what a scalar key is called in JSON; a merge key has no name.
func keyName(key *yaml.Node) (string, bool) {
	if key.Kind == yaml.AliasNode {
		key = key.Alias
	}
	if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
		return "", false
	}
	if key.Style != 0 || !oddScalar.MatchString(key.Value) {
		return key.Value, true
	}
	// What the reader of manifests makes of it, as it alone knows: 0x10 is 16, yes is true.
	var read map[string]json.RawMessage
	object, err := sigsyaml.YAMLToJSON([]byte("? " + key.Value + "\n: 0\n"))
	if err != nil || json.Unmarshal(object, &read) != nil {
		return key.Value, true
	}
	for name := range read {
		return name, true
	}
	return key.Value, true
}

// expandedSize counts a node with all its aliases replaced by what they stand for, in memory of the
// order of nodeCost for each node; -1 means that the node contains itself. Sizes stop growing above the limit.
func expandedSize(node *yaml.Node, known map[*yaml.Node]int) int {
	const open = -2
	if size, ok := known[node]; ok {
		if size == open {
			return -1
		}
		return size
	}
	if node.Kind == yaml.AliasNode {
		return expandedSize(node.Alias, known)
	}
	size := nodeCost + len(node.Value)
	if len(node.Content) == 0 {
		if node.Anchor != "" {
			known[node] = size
		}
		return size
	}
	known[node] = open
	for _, child := range node.Content {
		part := expandedSize(child, known)
		if part < 0 {
			return -1
		}
		if size += part; size > maxExpandedBytes {
			size = maxExpandedBytes + 1
			break
		}
	}
	known[node] = size
	return size
}

// yamlFault makes a parse fault of a YAML library's error; line numbers count from before+1.
// The text of the file is never part of it.
func yamlFault(err error, file string, before int) *Fault {
	message := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "yaml: ", "unmarshal errors:", "error unmarshaling JSON: "} {
		message = strings.TrimPrefix(strings.TrimSpace(message), prefix)
	}
	line := 0
	if found := atLine.FindStringSubmatch(message); found != nil {
		line, _ = strconv.Atoi(found[1])
		message = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(message), found[0]+":"))
		line += before
	}
	if strings.Contains(message, "excessive aliasing") {
		return faultf(codeLimit, "YAML aliases expand to too much").in(file, line)
	}
	return faultf(codeParse, "%s: %s", invalidYAML, shorten(message)).in(file, line)
}
