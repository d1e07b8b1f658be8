package main

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
)

// origins tells which file each object of a build came from, without Kustomize's origin annotations: those cost a fifth
// of a build. Kustomize keeps its objects in the order in which it loads them, so the order of what was loaded is that
// of the result. Where it could be otherwise, nothing is told.
type origins struct {
	trees   *kustomizeTrees
	loaded  map[string]loadedKustomization // by absolute folder, after links
	objects map[string][]objectHead        // of each file, by its absolute path as Kustomize read it

	broken bool // a kustomization was loaded whose objects cannot be followed
}

type loadedKustomization struct {
	spec types.Kustomization
	file string // name of its file
}

// objectHead is what an object is known by before Kustomize changes it.
type objectHead struct{ kind, name string }

// traced is an object in the order of loading.
type traced struct {
	objectHead
	file string // for messages
}

func newOrigins(trees *kustomizeTrees) *origins {
	return &origins{trees: trees, loaded: map[string]loadedKustomization{}, objects: map[string][]objectHead{}}
}

// follows says whether the order of what the kustomization loads tells where its objects came from: plugins may do
// anything with them, and charts cannot be rendered twice for their origin.
func (o *origins) follows(k *types.Kustomization) bool {
	plugins := len(k.Generators) + len(k.Transformers) + len(k.Validators)
	charts := len(k.HelmCharts) + len(k.HelmChartInflationGenerator)
	return plugins+charts == 0 && k.SortOptions == nil && len(k.BuildMetadata) == 0
}

// load notes a kustomization as Kustomize will see it.
func (o *origins) load(here folder, k *types.Kustomization) {
	spec := *k
	spec.FixKustomization()
	o.loaded[here.absolute()] = loadedKustomization{spec, here.name}
}

// read notes the objects in a file.
func (o *origins) read(at string, documents []*yaml.Node) { o.objects[at] = objectHeads(documents) }

// of finds the file of each object of a build's result, which is in the order of loading; nil where one is not certain.
func (o *origins) of(target folder, resources []*resource.Resource) []result {
	all, ok := o.below(nil, target.absolute(), target.absolute())
	if !ok || len(all) != len(resources) {
		return nil
	}
	out := make([]result, len(all))
	for i, each := range all {
		if resources[i].GetKind() != each.kind || !strings.Contains(resources[i].GetName(), each.name) {
			return nil
		}
		out[i] = result{resources[i], each.file}
	}
	return out
}

// below appends what the kustomization in the folder dir loads, in Kustomize's order. shown is the way by which it was
// reached, before links.
func (o *origins) below(all []traced, dir, shown string) ([]traced, bool) {
	here, known := o.loaded[dir]
	ok := known
	for _, ref := range here.spec.Resources {
		if all, ok = o.resource(all, path.Join(dir, ref), path.Join(shown, ref)); !ok {
			return nil, false
		}
	}
	made := o.trees.shown(path.Join(shown, here.file))
	for i := range here.spec.ConfigMapGenerator {
		all, ok = generated(all, ok, "ConfigMap", &here.spec.ConfigMapGenerator[i].GeneratorArgs, made)
	}
	for i := range here.spec.SecretGenerator {
		all, ok = generated(all, ok, "Secret", &here.spec.SecretGenerator[i].GeneratorArgs, made)
	}
	for _, ref := range here.spec.Components {
		if !ok {
			break
		}
		all, ok = o.below(all, o.afterLinks(path.Join(dir, ref)), path.Join(shown, ref))
	}
	return all, ok
}

// resource appends what a file or a folder holds.
func (o *origins) resource(all []traced, at, shown string) ([]traced, bool) {
	heads, known := o.objects[at]
	if made, isMade := o.trees.file(at); isMade {
		documents, fault := inspectYAML(made.content, made.shown, false)
		heads, known = objectHeads(documents), fault == nil
	}
	if !known {
		at = o.afterLinks(at)
		if heads, known = o.objects[at]; !known {
			return o.below(all, at, shown)
		}
	}
	for _, head := range heads {
		all = append(all, traced{head, o.trees.shown(shown)})
	}
	return all, true
}

func (o *origins) afterLinks(at string) string {
	if m, rel, inside := o.trees.locate(at); inside {
		if real, _, err := m.tree.Resolve(rel); err == nil {
			return path.Join(m.at, real)
		}
	}
	return at
}

// generated does to the list what Kustomize does with a generator's object: a merged one keeps its place and its origin,
// a replaced one its place.
func generated(all []traced, ok bool, kind string, args *types.GeneratorArgs, file string) ([]traced, bool) {
	made := traced{objectHead{kind, args.Name}, file}
	behavior := types.NewGenerationBehavior(args.Behavior)
	if !ok || behavior != types.BehaviorMerge && behavior != types.BehaviorReplace {
		return append(all, made), ok
	}
	found := -1
	for i := range all {
		if all[i].objectHead != made.objectHead {
			continue
		}
		if found >= 0 {
			return all, false // of two namespaces
		}
		found = i
	}
	if found >= 0 && behavior == types.BehaviorReplace {
		all[found] = made
	}
	return all, found >= 0
}

// objectHeads are the objects in the documents of a file, the items of a list after all others, as Kustomize has them.
func objectHeads(documents []*yaml.Node) []objectHead {
	var out []objectHead
	queue := make([]*yaml.Node, 0, len(documents))
	for _, document := range documents {
		if len(document.Content) > 0 && document.Content[0].ShortTag() != "!!null" {
			queue = append(queue, document.Content[0])
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		kind := scalar(field(queue[0], "kind"))
		if items := field(queue[0], "items"); items != nil && strings.HasSuffix(kind, "List") {
			queue = append(queue, items.Content...)
			continue
		}
		out = append(out, objectHead{kind, scalar(field(field(queue[0], "metadata"), "name"))})
	}
	return out
}

// field is the value of a key of a mapping, nil where there is none.
func field(node *yaml.Node, key string) *yaml.Node {
	node = target(node)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}
