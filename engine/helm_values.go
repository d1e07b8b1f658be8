package main

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/strvals"
)

// helmParameter is one `--set`, or `--set-string` with ForceString.
type helmParameter struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	ForceString bool   `json:"forceString"`
}

// helmFileParameter is one `--set-file`.
type helmFileParameter struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// values merges all that is given over the chart's own values, as `helm template` orders it: value files,
// inline values, parameters, string parameters, file parameters. Files that have to be fetched are all asked for at once.
func (p *helmParams) values(files *valueFiles) (map[string]any, error) {
	places, err := files.expand(p.ValueFiles, p.IgnoreMissingValueFiles)
	if err != nil {
		return nil, err
	}
	var pending error
	merged := map[string]any{}
	for _, place := range places {
		data, err := files.read(place)
		if isNeed(err) {
			pending = err
			continue
		}
		if err != nil {
			fault := asFault(err, codePath)
			if fault.Code == codeMissing && p.IgnoreMissingValueFiles && place.url == "" {
				continue
			}
			return nil, fault.hint("check valueFiles, or set ignoreMissingValueFiles")
		}
		parsed, err := parseValues(data, place.shown)
		if err != nil {
			return nil, err
		}
		merged = loader.MergeMaps(merged, parsed)
	}
	for _, inline := range p.Values {
		merged = loader.MergeMaps(merged, inline)
	}
	if err := p.setParameters(merged, files); err != nil {
		return nil, err
	}
	return merged, pending
}

func parseValues(data []byte, file string) (map[string]any, error) {
	data, err := toUTF8(data, file)
	if err != nil {
		return nil, err
	}
	if fault := guardYAML(data, file); fault != nil {
		return nil, fault
	}
	parsed, err := loader.LoadValues(bytes.NewReader(data))
	if err != nil {
		text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "cannot unmarshal yaml document: "), "error reading yaml document: ")
		if strings.Contains(text, "cannot unmarshal") {
			text = "values must be a mapping" // the library would quote the file
		}
		return nil, yamlFault(fmt.Errorf("%s", text), file, 0)
	}
	return parsed, nil
}

func (p *helmParams) setParameters(into map[string]any, files *valueFiles) error {
	for _, strings := range []bool{false, true} {
		for _, parameter := range p.Parameters {
			if parameter.ForceString == strings {
				if err := setParameter(into, parameter); err != nil {
					return err
				}
			}
		}
	}
	var pending error
	for _, parameter := range p.FileParameters {
		if err := checkParameter(parameter.Name, ""); err != nil {
			return err
		}
		place, err := files.at(parameter.Path)
		if err != nil {
			return err
		}
		data, err := files.read(place)
		if isNeed(err) {
			pending = err
			continue
		}
		if err != nil {
			return asFault(err, codePath).hint("the file parameter " + parameter.Name + " names it")
		}
		content := func([]rune) (any, error) { return string(data), nil }
		if err := strvals.ParseIntoFile(parameter.Name+"=file", into, content); err != nil {
			return parameterFault(parameter.Name, err)
		}
	}
	return pending
}

func setParameter(into map[string]any, parameter helmParameter) error {
	if err := checkParameter(parameter.Name, parameter.Value); err != nil {
		return err
	}
	set := strvals.ParseInto
	if parameter.ForceString {
		set = strvals.ParseIntoString
	}
	if err := set(parameter.Name+"="+escapeCommas(parameter.Value), into); err != nil {
		return parameterFault(parameter.Name, err)
	}
	return nil
}

func parameterFault(name string, err error) error {
	return faultf(codeRequest, "parameter %q cannot be set: %s", name, shorten(err.Error()))
}

var parameterIndex = regexp.MustCompile(`\[(\d+)\]`)

// checkParameter keeps `--set`'s parser from allocating what a name asks for.
func checkParameter(name, value string) error {
	if len(name) > maxParameterName {
		return limitFault("length of a parameter's name", maxParameterName)
	}
	if len(value) > maxParameterValue {
		return limitFault("length of the value of parameter "+name, maxParameterValue)
	}
	if strings.Count(name, ".")+strings.Count(name, "[") > maxParameterDepth {
		return limitFault("depth of parameter "+name, maxParameterDepth)
	}
	if name == "" || strings.ContainsAny(name, "=,{}\x00") {
		return faultf(codeRequest, "parameter name %q is not valid", name)
	}
	for _, found := range parameterIndex.FindAllStringSubmatch(name, -1) {
		if index, err := strconv.Atoi(found[1]); err != nil || index > maxParameterIndex {
			return limitFault("index in parameter "+name, maxParameterIndex)
		}
	}
	return nil
}

// escapeCommas keeps a value with commas one value, as Argo CD does; {a,b} stays a list, \, stays escaped.
func escapeCommas(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	var out strings.Builder
	for i := range len(value) {
		if value[i] == ',' && (i == 0 || value[i-1] != '\\') {
			out.WriteByte('\\')
		}
		out.WriteByte(value[i])
	}
	return out.String()
}

// valuesDir is where relative value files begin: the chart's folder, or the folder of its archive.
func valuesDir(dir string, isFolder bool) string {
	if isFolder {
		return dir
	}
	return path.Dir(dir)
}
