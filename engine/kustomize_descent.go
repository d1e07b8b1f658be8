package main

import "slices"

// descent follows Kustomize's way through kustomizations that use each other, depth first, to know which one uses the
// one that is loaded now: charts inherit the namespace of the nearest that has one.
type descent struct {
	stack []stop
}

// stop is a kustomization whose folders are being loaded.
type stop struct {
	ahead     []string // absolute folders that it uses and that are still to be loaded, in order
	namespace string   // its own or inherited
}

// enter notes that the kustomization in the folder at is loaded, and returns the namespace that it inherits. uses are the
// folders that it will load, namespace its own.
func (d *descent) enter(at string, uses []string, namespace string) (inherited string) {
	for len(d.stack) > 0 {
		top := &d.stack[len(d.stack)-1]
		if next := slices.Index(top.ahead, at); next >= 0 {
			top.ahead = top.ahead[next+1:]
			inherited = top.namespace
			break
		}
		d.stack = d.stack[:len(d.stack)-1]
	}
	d.stack = append(d.stack, stop{uses, firstOf(namespace, inherited)})
	return inherited
}
