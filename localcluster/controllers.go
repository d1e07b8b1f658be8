package main

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	"k8s.io/kubernetes/cmd/kube-controller-manager/names"
)

// controllers are those that run. Left out on purpose are the ones that need a cloud or real nodes, and node lifecycle and
// taint eviction: they would evict the pods of a node whose kubelet was stopped by a test.
var controllers = []string{
	names.NamespaceController,
	names.ServiceAccountController,
	names.ServiceAccountTokenController,
	names.RootCACertificatePublisherController,
	names.GarbageCollectorController,
	names.ClusterRoleAggregationController,
	names.ResourceQuotaController,
	names.DeploymentController,
	names.ReplicaSetController,
	names.ReplicationControllerController,
	names.StatefulSetController,
	names.DaemonSetController,
	names.JobController,
	names.CronJobController,
	names.TTLAfterFinishedController,
	names.PodGarbageCollectorController,
	names.HorizontalPodAutoscalerController,
	names.DisruptionController,
	names.EndpointsController,
	names.EndpointSliceController,
	names.ServiceCIDRController,
	names.PersistentVolumeBinderController,
	names.PersistentVolumeClaimProtectionController,
	names.PersistentVolumeProtectionController,
}

// controllerFlags are kube-controller-manager's arguments: one instance, no port of its own, no rate limit worth the name, short periods.
func controllerFlags(f folder) []string {
	return []string{
		"--kubeconfig=" + f.path(controllersName),
		"--controllers=" + strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--service-account-private-key-file=" + f.path("pki/sa.key"),
		"--root-ca-file=" + f.path("pki/ca.crt"),
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--concurrent-deployment-syncs=10",
		"--concurrent-replicaset-syncs=10",
		"--concurrent-namespace-syncs=20",
		"--pvclaimbinder-sync-period=2s",
		"--horizontal-pod-autoscaler-sync-period=5s",
		"--horizontal-pod-autoscaler-initial-readiness-delay=1s",
		"--resource-quota-sync-period=1m",
		"--controller-shutdown-timeout=2s",
	}
}

// newControllers gives a function that runs kube-controller-manager until its context ends.
func newControllers(f folder) (func(context.Context) error, error) {
	settings, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, fmt.Errorf("kube-controller-manager's options: %w", err)
	}
	known, off, aliases := app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases()
	if err := parse("kube-controller-manager", settings.Flags(known, off, aliases), controllerFlags(f)); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		// Its own context, as the original does: the event broadcaster made here is shut down by Run.
		config, err := settings.Config(context.WithoutCancel(ctx), known, off, aliases)
		if err != nil {
			return fmt.Errorf("kube-controller-manager's options: %w", err)
		}
		return app.Run(ctx, config.Complete())
	}, nil
}
