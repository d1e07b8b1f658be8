//go:build !linux || (!amd64 && !arm64)

package main

// sealKernel has no kernel filter to install on this system.
func sealKernel(_, _ bool) string { return "none" }
