package main

import "sigs.k8s.io/kustomize/api/types"

// inflation renders the charts of kustomizations.
type inflation struct {
	job      *Job
	params   *kustomizeParams
	rootOnly bool
}

func (k *kustomizeFS) inflateCharts(parsed *types.Kustomization, here folder) (bool, error) {
	if len(parsed.HelmCharts) > 0 || parsed.HelmGlobals != nil || len(parsed.HelmChartInflationGenerator) > 0 {
		return false, inflatorMisplaced()
	}
	return false, nil
}

func inflatorMisplaced() *Fault {
	return faultf(codeRefused, "Kustomize's Helm inflator (helmCharts, helmGlobals) is not supported in this version").
		hint("make the chart a source of the application of its own")
}
