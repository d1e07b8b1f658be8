package main

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// functionAnnotation marks the configuration of a KRM function
// (https://github.com/kubernetes-sigs/kustomize/blob/master/cmd/config/docs/api-conventions/functions-spec.md).
const functionAnnotation = "config.kubernetes.io/function"

// function is a KRM function that a repository configures. None is run; what would be is for messages.
type function struct {
	plugin string // its configuration's kind
	runs   string // exec, container or starlark
	file   string
}

// functionsIn finds functions in the documents of a file, and in the texts within them.
func functionsIn(nodes []*yaml.Node, file string) []function {
	var found []function
	for _, node := range nodes {
		found = append(found, functionsBelow(node, file)...)
	}
	return found
}

func functionsBelow(node *yaml.Node, file string) []function {
	var config struct {
		Kind     string `yaml:"kind"`
		Metadata struct {
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"metadata"`
	}
	var found []function
	switch node.Kind {
	case yaml.MappingNode:
		if node.Decode(&config) == nil && config.Metadata.Annotations[functionAnnotation] != "" {
			return []function{{config.Kind, functionRuns(config.Metadata.Annotations[functionAnnotation]), file}}
		}
	case yaml.ScalarNode:
		if !strings.Contains(node.Value, functionAnnotation) {
			return nil
		}
		if inner, fault := inspectYAML([]byte(node.Value), file, false); fault == nil { // an inline generator or transformer
			for _, each := range inner {
				if each.Kind == yaml.DocumentNode && len(each.Content) > 0 && each.Content[0].Kind == yaml.MappingNode {
					found = append(found, functionsBelow(each, file)...)
				}
			}
		}
		return found
	}
	for _, child := range node.Content {
		found = append(found, functionsBelow(child, file)...)
	}
	return found
}

// functionRuns says how the function would run.
func functionRuns(annotation string) string {
	var spec map[string]any
	if guardYAML([]byte(annotation), "") == nil && yaml.Unmarshal([]byte(annotation), &spec) == nil {
		for _, way := range []string{"exec", "container", "starlark"} {
			if _, named := spec[way]; named {
				return way
			}
		}
	}
	return "of an unknown way to run"
}
