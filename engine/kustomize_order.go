package main

import (
	"cmp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
)

// The kinds that Kustomize puts first and last where a kustomization has no sortOptions, in its order
// (https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/sortoptions/).
var (
	firstKinds = strings.Fields(`Namespace ResourceQuota StorageClass CustomResourceDefinition ServiceAccount
		PodSecurityPolicy Role ClusterRole RoleBinding ClusterRoleBinding ConfigMap Secret Endpoints Service LimitRange
		PriorityClass PersistentVolume PersistentVolumeClaim Deployment StatefulSet CronJob PodDisruptionBudget`)
	lastKinds = []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
	kindRanks = ranks()
)

func ranks() map[string]int {
	out := map[string]int{}
	for i, kind := range firstKinds {
		out[kind] = i - len(firstKinds)
	}
	for i, kind := range lastKinds {
		out[kind] = 1 + i
	}
	return out
}

// sortResults does what Kustomize does to its result by default: by kind, then by the other parts of the identity.
func sortResults(results []result) {
	type keyed struct {
		result
		id             resid.ResId
		kind, inSpaces string
	}
	rows := make([]keyed, len(results))
	for i, each := range results {
		id := each.resource.CurId()
		kind := strings.Join([]string{firstOf(id.Group, "~G"), firstOf(id.Version, "~V"), firstOf(id.Kind, "~K")}, "_")
		rows[i] = keyed{each, id, kind, firstOf(id.Namespace, "~X") + "|" + firstOf(id.Name, "~N")}
	}
	slices.SortStableFunc(rows, func(a, b keyed) int {
		byKind := cmp.Or(cmp.Compare(kindRanks[a.id.Kind], kindRanks[b.id.Kind]), strings.Compare(a.kind, b.kind))
		if a.id.Kind == types.NamespaceKind && b.id.Kind == types.NamespaceKind && (a.id.Group == "" || b.id.Group == "") {
			byKind = -byKind // the core's before those of other groups
		}
		return cmp.Or(byKind, strings.Compare(a.inSpaces, b.inSpaces))
	})
	for i := range rows {
		results[i] = rows[i].result
	}
}
