package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"

func named(name string) string { return fmt.Sprintf(settings, name) }

// The files that the order of loading tells are those that Kustomize's annotations tell, which are asked where it
// does not.
func TestTheFileOfEachObjectIsThatOfKustomizesAnnotations(t *testing.T) {
	base := map[string]string{
		"base/kustomization.yaml": "resources: [two.yaml, list.yaml, ../other]\nconfigMapGenerator:\n- {name: made, literals: [a=1]}\nsecretGenerator:\n- {name: made, literals: [a=1]}\n",
		"base/two.yaml":           "# nothing\n---\n" + named("one") + "---\n# empty\n---\n" + named("two"),
		"base/list.yaml":          "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: listed}}\n---\n" + named("beside"),
		"other/kustomization.yml": "resources: [x.yaml]\nnamePrefix: o-\n",
		"other/x.yaml":            named("x"),
		"part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [y.yaml]\nconfigMapGenerator:\n- {name: made, behavior: merge, literals: [b=2]}\n",
		"part/y.yaml":             named("y"),
		"link":                    "-> base",
	}
	patch := func(text string) string { return "resources: [../base]\npatches:\n- patch: |-\n    " + text + "\n" }
	for name, c := range map[string]struct {
		kustomization string
		certain       bool // the order of loading tells
	}{
		"a base":           {"resources: [../base]\nnamePrefix: p-\nlabels: [{pairs: {a: b}}]\n", true},
		"a component":      {"resources: [../base]\ncomponents: [../part]\n", true},
		"by a link":        {"resources: [../link]\nnamespace: ns\n", true},
		"merged":           {"resources: [../base]\nconfigMapGenerator:\n- {name: made, behavior: merge, literals: [c=3]}\n", true},
		"replaced":         {"resources: [../base]\nconfigMapGenerator:\n- {name: made, behavior: replace, literals: [c=3]}\n", true},
		"merged, prefixed": {"resources: [../base]\nconfigMapGenerator:\n- {name: o-x, behavior: merge, literals: [c=3]}\n", false},
		"one deleted":      {patch("{apiVersion: v1, kind: ConfigMap, metadata: {name: one}, $patch: delete}"), false},
		"one local":        {patch("{apiVersion: v1, kind: ConfigMap, metadata: {name: one, annotations: {config.kubernetes.io/local-config: 'true'}}}"), false},
		"sorted":           {"resources: [../base]\nsortOptions: {order: legacy}\n", false},
		"a transformer":    {"resources: [../base]\ntransformers:\n- |-\n  {apiVersion: builtin, kind: PrefixTransformer, metadata: {name: t}, prefix: q-, fieldSpecs: [{path: metadata/name}]}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"o/kustomization.yaml": c.kustomization}
			for name, text := range base {
				files[name] = text
			}
			job := &Job{ctx: context.Background(), supply: newSupply(&Request{})}
			if err := job.open(snapshot(t, files)); err != nil {
				t.Fatal(err)
			}
			defer job.tree.Close()
			b := kustomizeBuild{job: job, trees: newKustomizeTrees(job), dir: "o", params: &kustomizeParams{}}
			want, err := b.run(kustomizeRun{annotated: true})
			if err != nil {
				t.Fatal(err)
			}
			got, err := b.run(kustomizeRun{})
			switch {
			case !c.certain && errors.Is(err, errNeedsOrigins):
			case !c.certain || err != nil:
				t.Fatalf("certain: %t; %v", c.certain, err)
			case shownResults(t, got) != shownResults(t, want):
				t.Errorf("%s\nwith annotations:\n%s", shownResults(t, got), shownResults(t, want))
			}
		})
	}
}

func shownResults(t *testing.T, results []result) string {
	t.Helper()
	var out strings.Builder
	for _, each := range results {
		text, err := each.resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s:\n%s", each.file, text)
	}
	return out.String()
}

// Kustomize's default order is sorted by us where it need not tell origins.
func TestObjectsAreInKustomizesOrder(t *testing.T) {
	var all strings.Builder
	for i, kind := range append(append([]string{"Ingress", "APIService", "zoo", "Alpha"}, lastKinds...), firstKinds...) {
		for _, group := range []string{"v1", "example.org/v1", "example.org/v1beta1", "apps/v1"} {
			for _, name := range []string{"b", "a|b", "a", "a-b"} {
				fmt.Fprintf(&all, "---\napiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: %s}\n", group, kind, name, [3]string{"ns", "a", "''"}[i%3])
			}
		}
	}
	root := snapshot(t, map[string]string{
		"base/kustomization.yaml": "resources: [x.yaml]\n", "base/x.yaml": all.String(),
		"annotated/kustomization.yaml": "resources: [../base]\nbuildMetadata: [transformerAnnotations]\n",
	})
	ours := mustRender(t, "kustomize", params{"root": root, "path": "base"}).Result.Manifests
	theirs := mustRender(t, "kustomize", params{"root": root, "path": "annotated"}).Result.Manifests
	for i := range ours {
		if a, b := fmt.Sprint(ours[i].Object["apiVersion"], ours[i].Object["kind"], at(t, ours[i].Object, "metadata.name")), fmt.Sprint(theirs[i].Object["apiVersion"], theirs[i].Object["kind"], at(t, theirs[i].Object, "metadata.name")); a != b {
			t.Fatalf("object %d is %s, Kustomize has %s there", i, a, b)
		}
	}
}
