package main

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
)

// kustomizeOptions are Argo CD's source.kustomize fields, spelled as there.
type kustomizeOptions struct {
	NamePrefix              string            `json:"namePrefix"`
	NameSuffix              string            `json:"nameSuffix"`
	Namespace               string            `json:"namespace"`
	Images                  []string          `json:"images"`
	Replicas                []types.Replica   `json:"replicas"`
	CommonLabels            map[string]string `json:"commonLabels"`
	CommonAnnotations       map[string]string `json:"commonAnnotations"`
	ForceCommonLabels       bool              `json:"forceCommonLabels"`
	ForceCommonAnnotations  bool              `json:"forceCommonAnnotations"`
	LabelWithoutSelector    bool              `json:"labelWithoutSelector"`
	LabelIncludeTemplates   bool              `json:"labelIncludeTemplates"`
	Patches                 []types.Patch     `json:"patches"`
	Components              []string          `json:"components"`
	IgnoreMissingComponents bool              `json:"ignoreMissingComponents"`
}

// empty says whether apply changes nothing.
func (o *kustomizeOptions) empty() bool {
	lists := len(o.Images) + len(o.Replicas) + len(o.CommonLabels) + len(o.CommonAnnotations) + len(o.Patches) + len(o.Components)
	return lists == 0 && o.NamePrefix == "" && o.NameSuffix == "" && o.Namespace == ""
}

// apply changes k as the commands `kustomize edit set|add …` would, in Argo CD's order.
// dir is the kustomization's folder in tree.
func (o *kustomizeOptions) apply(k *types.Kustomization, dir string, tree *Tree) error {
	if o.NamePrefix != "" {
		k.NamePrefix = o.NamePrefix
	}
	if o.NameSuffix != "" {
		k.NameSuffix = o.NameSuffix
	}
	if err := o.setImages(k); err != nil {
		return err
	}
	o.setReplicas(k)
	if err := o.addLabels(k); err != nil {
		return err
	}
	if err := o.addAnnotations(k); err != nil {
		return err
	}
	if o.Namespace != "" {
		k.Namespace = o.Namespace
	}
	k.Patches = append(k.Patches, o.Patches...)
	return o.addComponents(k, dir, tree)
}

// setImages is `kustomize edit set image`: an image of the same name is replaced, the list is sorted by name.
func (o *kustomizeOptions) setImages(k *types.Kustomization) error {
	if len(o.Images) == 0 {
		return nil
	}
	byName := map[string]types.Image{}
	for _, text := range o.Images {
		image, err := parseImage(text)
		if err != nil {
			return err
		}
		byName[image.Name] = image
	}
	for _, present := range append(k.Images, k.ImageTags...) {
		given, overridden := byName[present.Name]
		if !overridden {
			byName[present.Name] = present
			continue
		}
		if given.NewName == "*" {
			given.NewName = present.NewName
		}
		if given.NewTag == "*" {
			given.NewTag = present.NewTag
		}
		if given.Digest == "*" {
			given.Digest = present.Digest
		}
		byName[present.Name] = given
	}
	k.Images, k.ImageTags = nil, nil
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		k.Images = append(k.Images, byName[name])
	}
	return nil
}

var imageTag = regexp.MustCompile(`^(.*):([a-zA-Z0-9._-]+|\*)$`)

// parseImage reads [old=]new[:tag][@digest].
func parseImage(text string) (types.Image, error) {
	old, changed, renamed := strings.Cut(text, "=")
	if !renamed {
		changed = text
	}
	name, digest, _ := strings.Cut(changed, "@")
	tag := ""
	if found := imageTag.FindStringSubmatch(name); found != nil {
		name, tag = found[1], found[2]
	}
	switch {
	case name == "", renamed && old == "", !renamed && tag == "" && digest == "":
		return types.Image{}, faultf(codeRequest, "image %q is not of the form [old=]new[:tag][@digest]", text).
			hint("give a new name, a tag or a digest")
	case renamed:
		return types.Image{Name: old, NewName: name, NewTag: tag, Digest: digest}, nil
	}
	return types.Image{Name: name, NewTag: tag, Digest: digest}, nil
}

func (o *kustomizeOptions) setReplicas(k *types.Kustomization) {
	for _, wanted := range o.Replicas {
		at := slices.IndexFunc(k.Replicas, func(r types.Replica) bool { return r.Name == wanted.Name })
		if at >= 0 {
			k.Replicas[at] = wanted
		} else {
			k.Replicas = append(k.Replicas, wanted)
		}
	}
}

func (o *kustomizeOptions) addLabels(k *types.Kustomization) error {
	if len(o.CommonLabels) == 0 {
		return nil
	}
	if o.LabelIncludeTemplates && !o.LabelWithoutSelector {
		return faultf(codeRequest, "labelIncludeTemplates needs labelWithoutSelector")
	}
	if o.LabelWithoutSelector {
		return o.addPlainLabels(k)
	}
	for _, label := range k.Labels {
		for name := range o.CommonLabels {
			if _, taken := label.Pairs[name]; taken {
				return faultf(codeRequest, "label %q is in the kustomization's labels and in commonLabels", name)
			}
		}
	}
	return merge(&k.CommonLabels, o.CommonLabels, o.ForceCommonLabels, "label", "forceCommonLabels")
}

// addPlainLabels is `kustomize edit add label --without-selector`.
func (o *kustomizeOptions) addPlainLabels(k *types.Kustomization) error {
	for name := range o.CommonLabels {
		if _, taken := k.CommonLabels[name]; taken {
			return faultf(codeRequest, "label %q is in the kustomization's commonLabels and in labels", name)
		}
	}
	for i := range k.Labels {
		if label := &k.Labels[i]; !label.IncludeSelectors && label.IncludeTemplates == o.LabelIncludeTemplates && len(label.FieldSpecs) == 0 {
			return merge(&label.Pairs, o.CommonLabels, o.ForceCommonLabels, "label", "forceCommonLabels")
		}
	}
	k.Labels = append(k.Labels, types.Label{Pairs: o.CommonLabels, IncludeTemplates: o.LabelIncludeTemplates})
	return nil
}

func (o *kustomizeOptions) addAnnotations(k *types.Kustomization) error {
	return merge(&k.CommonAnnotations, o.CommonAnnotations, o.ForceCommonAnnotations, "annotation", "forceCommonAnnotations")
}

// merge adds pairs to into; a name that is there already needs force.
func merge(into *map[string]string, pairs map[string]string, force bool, what, option string) error {
	if *into == nil && len(pairs) > 0 {
		*into = map[string]string{}
	}
	names := slices.Collect(maps.Keys(pairs))
	sort.Strings(names)
	for _, name := range names {
		if _, taken := (*into)[name]; taken && !force {
			return faultf(codeRequest, "%s %q is already in the kustomization", what, name).hint("remove one of the two, or set " + option)
		}
		(*into)[name] = pairs[name]
	}
	return nil
}

// addComponents adds what the kustomization does not have yet; with ignoreMissingComponents only those that exist.
func (o *kustomizeOptions) addComponents(k *types.Kustomization, dir string, tree *Tree) error {
	for _, component := range o.Components {
		if isRemote(component) { // fetched, whether missing ones are ignored or not
			if !slices.Contains(k.Components, component) {
				k.Components = append(k.Components, component)
			}
			continue
		}
		at, err := anchored(dir, component)
		if err != nil || path.IsAbs(component) {
			return leaves(component)
		}
		if o.IgnoreMissingComponents {
			if _, _, err := tree.Resolve(at); err != nil {
				if fault := asFault(err, codePath); fault.Code != codeMissing {
					return fault
				}
				continue
			}
		}
		if !slices.Contains(k.Components, component) {
			k.Components = append(k.Components, component)
		}
	}
	return nil
}
