package main

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/rest"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// serviceAddress is the first address of the services' range: that of the service default/kubernetes.
const (
	serviceRange   = "10.96.0.0/16"
	serviceAddress = "10.96.0.1"
)

// auditPolicy notes who did what, once for each answered request, without bodies.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
`

// apiServerFlags are kube-apiserver's arguments for a cluster of one machine.
func apiServerFlags(f folder, audit bool) []string {
	flags := []string{
		"--etcd-servers=unix://" + etcdSocket,
		"--advertise-address=127.0.0.1",
		// The address of the service default/kubernetes would have to be a loopback address, which endpoints refuse.
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=" + serviceRange,
		"--tls-cert-file=" + f.path("pki/apiserver.crt"),
		"--tls-private-key-file=" + f.path("pki/apiserver.key"),
		"--client-ca-file=" + f.path("pki/ca.crt"),
		"--kubelet-certificate-authority=" + f.path("pki/ca.crt"),
		"--kubelet-client-certificate=" + f.path("pki/apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + f.path("pki/apiserver-kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + f.path("pki/sa.pub"),
		"--service-account-signing-key-file=" + f.path("pki/sa.key"),
		"--authorization-mode=RBAC",
		// The taint that it puts on new nodes is taken away by the node lifecycle controller, which does not run here.
		"--disable-admission-plugins=TaintNodesByCondition",
		"--allow-privileged=true",
		"--max-requests-inflight=1600",
		"--max-mutating-requests-inflight=800",
		"--event-ttl=30m",
		"--profiling=false",
	}
	if audit {
		flags = append(flags,
			"--audit-policy-file="+f.path(auditPolicyName),
			"--audit-log-path="+f.path(auditName),
			"--audit-log-maxsize=1024",
			"--audit-log-maxbackup=1",
		)
	}
	return flags
}

// newAPIServer gives a function that runs kube-apiserver on the listener until its context ends.
func newAPIServer(ctx context.Context, f folder, listener net.Listener, audit bool) (func(context.Context) error, error) {
	if audit {
		if err := f.write(auditPolicyName, []byte(auditPolicy)); err != nil {
			return nil, err
		}
	}
	settings := options.NewServerRunOptions()
	if err := parse("kube-apiserver", settings.Flags(), apiServerFlags(f, audit)); err != nil {
		return nil, err
	}
	settings.SecureServing.Listener = listener
	if err := settings.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, fmt.Errorf("kube-apiserver's feature gates: %w", err)
	}
	// Both components talk to the API server of their own version: what it warns of is not for anyone to read.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	completed, err := settings.Complete(ctx)
	if err != nil {
		return nil, fmt.Errorf("kube-apiserver's options: %w", err)
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return nil, fmt.Errorf("kube-apiserver's options: %w", utilerrors.NewAggregate(errs))
	}
	return func(ctx context.Context) error { return app.Run(ctx, completed) }, nil
}

// parse sets a component's options as its command line would.
func parse(component string, sets cliflag.NamedFlagSets, arguments []string) error {
	all := pflag.NewFlagSet(component, pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		all.AddFlagSet(set)
	}
	if err := all.Parse(arguments); err != nil {
		return fmt.Errorf("%s's arguments: %w", component, err)
	}
	return nil
}
