package main

import (
	"net/http"
	"os"
)

// seal takes from the process what it must not have: environment, network, other programs, files where it renders
// nothing, standard error for libraries' chatter. What it returns says how far the kernel helps ("seccomp" or "none").
func seal(files bool) string {
	os.Clearenv() // no PATH, no HOME: no git or helm program, no user's settings or plugins
	_ = os.Chdir("/")
	sealNetwork()
	hub.install()
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null // Kustomize prints its deprecations there; the runtime's own panics go to descriptor 2
	}
	return sealKernel(false, files)
}

// sealNetwork makes each default HTTP client of the process refuse, Kustomize's among them.
func sealNetwork() {
	http.DefaultTransport = refusingTransport{}
	http.DefaultClient = &http.Client{Transport: refusingTransport{}}
}

type refusingTransport struct{}

func (refusingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	return nil, remoteRefused(request.URL.Redacted())
}
