package main

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/go-jsonnet"
)

// jsonnetVariable is an external variable or top-level argument; with Code its value is Jsonnet, else a string.
type jsonnetVariable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Code  bool   `json:"code"`
}

// jsonnetInputs are Argo CD's directory.jsonnet fields. Libs are folders relative to the root.
type jsonnetInputs struct {
	ExtVars []jsonnetVariable `json:"ext_vars"`
	TLAs    []jsonnetVariable `json:"tlas"`
	Libs    []string          `json:"libs"`
}

type jsonnetParams struct {
	Root string `json:"root"`
	Path string `json:"path"`
	jsonnetInputs
}

// renderJsonnetMethod answers "jsonnet": one file whose value is an object or an array of objects.
func renderJsonnetMethod(job *Job) ([]Manifest, error) {
	var params jsonnetParams
	if err := job.decodeParams(&params); err != nil {
		return nil, err
	}
	if err := job.open(params.Root); err != nil {
		return nil, err
	}
	file, err := cleanRelative(params.Path)
	if err != nil {
		return nil, err
	}
	return renderJsonnet(job, path.Dir(file), file, params.jsonnetInputs)
}

// renderJsonnet evaluates file. Imports are looked for next to the importing file, then in the libs from
// last to first, then in dir.
func renderJsonnet(job *Job, dir, file string, inputs jsonnetInputs) ([]Manifest, error) {
	importer := &confinedImporter{tree: job.tree, paths: []string{dir}, known: map[string]jsonnet.Contents{}}
	for _, lib := range inputs.Libs {
		clean, err := anchored(".", lib)
		if err != nil {
			return nil, err
		}
		if _, _, err := job.tree.Resolve(clean); err != nil {
			return nil, asFault(err, codePath).hint("libs are folders relative to the root of the repository")
		}
		importer.paths = append(importer.paths, clean)
	}
	vm := jsonnet.MakeVM()
	vm.Importer(importer)
	vm.SetTraceOut(&job.warnings)
	for _, v := range inputs.ExtVars {
		if v.Code {
			vm.ExtCode(v.Name, v.Value)
		} else {
			vm.ExtVar(v.Name, v.Value)
		}
	}
	for _, v := range inputs.TLAs {
		if v.Code {
			vm.TLACode(v.Name, v.Value)
		} else {
			vm.TLAVar(v.Name, v.Value)
		}
	}
	output, err := vm.EvaluateFile(file)
	if err != nil {
		if importer.fault != nil {
			return nil, importer.fault
		}
		return nil, jsonnetFault(err, file)
	}
	return jsonnetManifests([]byte(output), file, &job.warnings)
}

func jsonnetManifests(output []byte, file string, warnings *Warnings) ([]Manifest, error) {
	var items []json.RawMessage
	if json.Unmarshal(output, &items) != nil {
		items = []json.RawMessage{output}
	}
	var out []Manifest
	for index, item := range items {
		object, fault, isJSON := strictJSON(item, file, 0)
		if fault != nil {
			return nil, fault
		}
		if !isJSON || string(object) == "null" {
			continue
		}
		if object[0] != '{' {
			return nil, notAnObject(object, output[0] == '[').in(file, 0)
		}
		manifests, err := flatten(object, place{file, 1, index}, item, warnings)
		if err != nil {
			return nil, err
		}
		out = append(out, manifests...)
	}
	return out, nil
}

// notAnObject is for a value, or an item of the array that it is, which can be no manifest.
func notAnObject(value json.RawMessage, item bool) *Fault {
	kind := "a number"
	switch value[0] {
	case '"':
		kind = "a string"
	case 't', 'f':
		kind = "a boolean"
	case '[':
		kind = "an array"
	}
	what := "the Jsonnet evaluates to " + kind
	if item {
		what = "the Jsonnet evaluates to an array with " + kind + " in it"
	}
	return faultf(codeParse, "%s, not to a Kubernetes object or an array of objects", what).
		hint("let the file end in an object or an array of objects; null and [] stand for no manifests")
}

// confinedImporter reads imports from the tree alone. Its errors name paths and never hold content.
type confinedImporter struct {
	tree  *Tree
	paths []string
	known map[string]jsonnet.Contents
	fault *Fault // the first import that left the repository: Jsonnet may wrap or catch it
}

// Import is called by the Jsonnet library: importedFrom is what an earlier Import returned as found.
func (c *confinedImporter) Import(importedFrom, imported string) (jsonnet.Contents, string, error) {
	if path.IsAbs(imported) {
		return c.refuse(leaves(imported).in(importedFrom, 0))
	}
	folders := []string{path.Dir(importedFrom)}
	if importedFrom == "" {
		folders[0] = "."
	}
	for i := len(c.paths) - 1; i >= 0; i-- {
		folders = append(folders, c.paths[i])
	}
	for _, folder := range folders {
		candidate := path.Join(folder, imported)
		if contents, ok := c.known[candidate]; ok {
			return contents, candidate, nil
		}
		data, err := c.tree.ReadFile(candidate)
		if err == nil {
			c.known[candidate] = jsonnet.MakeContentsRaw(data)
			return c.known[candidate], candidate, nil
		}
		if fault := asFault(err, codePath); fault.Code != codeMissing {
			return c.refuse(fault)
		}
	}
	return c.refuse(faultf(codeMissing, "import %q does not exist next to the file or in the libs", imported).in(importedFrom, 0))
}

func (c *confinedImporter) refuse(f *Fault) (jsonnet.Contents, string, error) {
	if c.fault == nil {
		c.fault = f
	}
	return jsonnet.Contents{}, "", f
}

var jsonnetPlace = regexp.MustCompile(`([^\s:()]+):\(?(\d+)(?::(\d+))?`)

// jsonnetFault keeps the message and the first place of a Jsonnet error; the lines of code that follow are dropped.
func jsonnetFault(err error, file string) error {
	lines := strings.Split(err.Error(), "\n")
	fault := faultf(codeRender, "%s", shorten(strings.TrimPrefix(lines[0], "RUNTIME ERROR: ")))
	for _, line := range lines {
		found := jsonnetPlace.FindStringSubmatch(line)
		if found == nil || strings.HasPrefix(found[1], "<") {
			continue
		}
		fault.File = found[1]
		fault.Line, _ = strconv.Atoi(found[2])
		fault.Column, _ = strconv.Atoi(found[3])
		fault.Message = strings.TrimSpace(strings.TrimPrefix(fault.Message, placePrefix(lines[0], found[0])))
		break
	}
	return fault.in(file, 0)
}

// placePrefix is the place at the beginning of a message, with its end column.
func placePrefix(line, at string) string {
	if !strings.HasPrefix(line, at) {
		return ""
	}
	first, _, _ := strings.Cut(line, " ")
	return fmt.Sprint(first)
}
