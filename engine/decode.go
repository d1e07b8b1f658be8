package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	sigsyaml "sigs.k8s.io/yaml"
)

// looksLikeManifest finds a field that every Kubernetes object has; a document without any of them is not meant as one.
var looksLikeManifest = regexp.MustCompile(`(?m)(^|[\s{,])["']?(apiVersion|kind|metadata)["']?\s*:`)

var duplicateKey = regexp.MustCompile(`key "([^"]*)" already set in map`)

// decodeMethod answers "decode": manifests in the request itself, with no snapshot.
func decodeMethod(job *Job) ([]Manifest, error) {
	var params struct {
		Documents string `json:"documents_base64"`
		File      string `json:"file"`
	}
	if err := job.decodeParams(&params); err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(params.Documents)
	if err != nil {
		return nil, faultf(codeRequest, "documents_base64 is not base64: %v", err)
	}
	return decodeManifests(data, params.File, &job.warnings)
}

// decodeManifests reads all objects of a YAML or JSON file as kubectl does: YAML 1.1, several
// documents, empty ones skipped, lists flattened. A document that is no Kubernetes object is an
// error unless it has none of apiVersion, kind and metadata: then it is skipped with a warning,
// as Argo CD does for directories.
func decodeManifests(data []byte, file string, warnings *Warnings) ([]Manifest, error) {
	data, err := toUTF8(data, file)
	if err != nil {
		return nil, err
	}
	var out []Manifest
	index := 0
	for _, document := range splitDocuments(data) {
		for _, part := range document.jsonStream() {
			manifests, err := part.decode(file, index, warnings)
			if err != nil {
				return nil, err
			}
			out = append(out, manifests...)
			index++
		}
	}
	return out, nil
}

// document is one part of a file; line is where its first line of content is, before counts the lines above its text.
type document struct {
	text   []byte
	line   int
	before int
}

func (d document) decode(file string, index int, warnings *Warnings) ([]Manifest, error) {
	object, fault := d.toJSON(file)
	if fault != nil {
		if fault.Code == codeParse && !looksLikeManifest.Match(d.text) {
			warnings.Add(fmt.Sprintf("%s:%d: skipped, not a Kubernetes manifest: %s", file, max(fault.Line, d.line), fault.Message))
			return nil, nil
		}
		return nil, fault
	}
	if object == nil {
		return nil, nil
	}
	return flatten(object, place{file, d.line, index}, d.text, warnings)
}

// jsonStream takes JSON objects that follow each other without a separator apart; anything else stays in one piece.
func (d document) jsonStream() []document {
	if !bytes.HasPrefix(bytes.TrimSpace(d.text), []byte("{")) {
		return []document{d}
	}
	var out []document
	decoder := json.NewDecoder(bytes.NewReader(d.text))
	for start := int64(0); ; start = decoder.InputOffset() {
		var object json.RawMessage
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) && len(out) > 1 {
			return out
		} else if err != nil {
			return []document{d}
		}
		text := d.text[start:decoder.InputOffset()]
		blank := len(text) - len(bytes.TrimLeft(text, " \t\r\n"))
		before := d.before + bytes.Count(d.text[:start], []byte("\n"))
		out = append(out, document{text: text, before: before, line: before + bytes.Count(text[:blank], []byte("\n")) + 1})
	}
}

// toJSON gives the document as JSON, nil when it holds nothing.
func (d document) toJSON(file string) (json.RawMessage, *Fault) {
	if trimmed := bytes.TrimSpace(d.text); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		if object, fault, isJSON := strictJSON(d.text, file, d.before); isJSON {
			return object, fault
		}
	}
	if fault := guardYAML(d.text, file); fault != nil {
		if fault.Line > 0 {
			fault.Line += d.before
		}
		return nil, fault
	}
	object, err := sigsyaml.YAMLToJSONStrict(d.text)
	twice := err != nil && duplicateKey.MatchString(err.Error())
	if twice || oddKey.Match(d.text) {
		if fault := d.checkKeys(file); fault != nil {
			return nil, fault
		}
	}
	if twice {
		// Every such key overrides one that came by a merge.
		object, err = sigsyaml.YAMLToJSON(d.text)
	}
	if err != nil {
		return nil, yamlFault(err, file, d.before)
	}
	if bytes.Equal(object, []byte("null")) {
		return nil, nil
	}
	return object, nil
}

// checkKeys finds a key that a mapping has twice, with the second one's line.
func (d document) checkKeys(file string) *Fault {
	_, fault := inspectYAML(d.text, file, true)
	if fault == nil || strings.HasPrefix(fault.Message, invalidYAML) {
		return nil // the reader of manifests says what is wrong
	}
	fault.Line += d.before
	return fault
}

// place is where a manifest came from.
type place struct {
	file     string
	line     int
	document int
}

// head is what the engine must know of an object.
type head struct {
	APIVersion json.RawMessage   `json:"apiVersion"`
	Kind       json.RawMessage   `json:"kind"`
	Metadata   json.RawMessage   `json:"metadata"`
	Items      []json.RawMessage `json:"items"`
}

// flatten checks that object is a Kubernetes object and takes a List apart. Items of a typed list
// (ConfigMapList) may leave out what the list's type says.
func flatten(object json.RawMessage, at place, text []byte, warnings *Warnings) ([]Manifest, error) {
	object, fault := kubectlNumbers(object)
	if fault != nil {
		return nil, fault.in(at.file, at.line)
	}
	if object[0] != '{' {
		if looksLikeManifest.Match(text) {
			return nil, faultf(codeParse, "a manifest must be a mapping with apiVersion, kind and metadata").in(at.file, at.line)
		}
		warnings.Add(fmt.Sprintf("%s:%d: skipped, not a Kubernetes manifest: not a mapping", at.file, at.line))
		return nil, nil
	}
	var top head
	if err := json.Unmarshal(object, &top); err != nil {
		top.Items = nil // "items" of another type: not a list
		if json.Unmarshal(object, &struct {
			APIVersion *json.RawMessage `json:"apiVersion"`
			Kind       *json.RawMessage `json:"kind"`
			Metadata   *json.RawMessage `json:"metadata"`
		}{&top.APIVersion, &top.Kind, &top.Metadata}) != nil {
			return nil, faultf(codeParse, "a manifest must be a mapping").in(at.file, at.line)
		}
	}
	version, kind := text1(top.APIVersion), text1(top.Kind)
	if version == "" || kind == "" {
		if top.APIVersion == nil && top.Kind == nil && top.Metadata == nil {
			warnings.Add(fmt.Sprintf("%s:%d: skipped, not a Kubernetes manifest: it has no apiVersion, kind and metadata", at.file, at.line))
			return nil, nil
		}
		field := "apiVersion"
		if version != "" {
			field = "kind"
		}
		return nil, faultf(codeParse, "manifest without %s", field).in(at.file, at.line).hint("every Kubernetes object needs apiVersion and kind")
	}
	if !strings.HasSuffix(kind, "List") || top.Items == nil {
		return []Manifest{{Object: object, File: at.file, Line: at.line, Document: at.document}}, nil
	}
	var out []Manifest
	for _, item := range top.Items {
		typed, err := withType(item, version, strings.TrimSuffix(kind, "List"))
		if err != nil {
			return nil, err.in(at.file, at.line)
		}
		manifests, inner := flatten(typed, at, nil, warnings)
		if inner != nil {
			return nil, inner
		}
		out = append(out, manifests...)
	}
	return out, nil
}

// withType adds the list's type to an item that has none.
func withType(item json.RawMessage, version, kind string) (json.RawMessage, *Fault) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(item, &fields); err != nil || fields == nil {
		return nil, faultf(codeParse, "an item of a list is not a mapping")
	}
	if kind == "" || fields["kind"] != nil || fields["apiVersion"] != nil {
		return item, nil
	}
	fields["apiVersion"], fields["kind"] = encode(version), encode(kind)
	return encode(fields), nil
}

// text1 is the JSON string raw, "" when it is none.
func text1(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// splitDocuments cuts a YAML stream at its "---" and "..." lines. What follows "---" on its line belongs to the document.
// A last line without an end gets one, as kubectl's reader of lines does it: a text block there ends with it.
func splitDocuments(data []byte) []document {
	if size := len(data); size > 0 && data[size-1] != '\n' {
		data = append(data[:size:size], '\n')
	}
	var out []document
	current := document{}
	hasContent, directive := false, false
	start, number := 0, 0
	flush := func(end int) {
		current.text = data[start:end]
		if hasContent {
			out = append(out, current)
		}
	}
	for offset := 0; offset < len(data); {
		end := offset + bytes.IndexByte(data[offset:], '\n') + 1
		if end == offset {
			end = len(data)
		}
		line := data[offset:end]
		number++
		switch {
		case directive && isMarker(line, "---"):
			directive = false // "%YAML 1.1" and its "---" stay with the document
		case isMarker(line, "---"), isMarker(line, "..."):
			flush(offset)
			start, hasContent = offset, false
			current = document{before: number - 1}
			if rest := bytes.TrimSpace(line[3:]); line[0] == '.' || len(rest) == 0 || rest[0] == '#' {
				start, current.before = end, number
			} else {
				hasContent, current.line = true, number
			}
		case !hasContent && line[0] == '%':
			directive = true
		case !hasContent && !isBlank(line):
			hasContent, current.line = true, number
		}
		offset = end
	}
	flush(len(data))
	return out
}

func isMarker(line []byte, marker string) bool {
	return bytes.HasPrefix(line, []byte(marker)) && (len(line) == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\n' || line[3] == '\r')
}

func isBlank(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#'
}

// toUTF8 takes the byte order mark away and turns UTF-16 into UTF-8.
func toUTF8(data []byte, file string) ([]byte, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xEF, 0xBB, 0xBF}):
		data = data[3:]
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	}
	if order != nil {
		units := make([]uint16, 0, len(data)/2)
		for i := 2; i+1 < len(data); i += 2 {
			units = append(units, order.Uint16(data[i:]))
		}
		return []byte(string(utf16.Decode(units))), nil
	}
	if !utf8.Valid(data) {
		line := 1
		for rest := data; len(rest) > 0; {
			r, size := utf8.DecodeRune(rest)
			if r == utf8.RuneError && size == 1 {
				break
			}
			if r == '\n' {
				line++
			}
			rest = rest[size:]
		}
		return nil, faultf(codeParse, "the file is neither UTF-8 nor UTF-16 text").in(file, line)
	}
	return data, nil
}
