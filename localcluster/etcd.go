package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// startEtcd runs etcd in this process, as a single member behind a unix socket in the working directory, and waits until it answers.
//
// quota is the size limit of the database in bytes, 0 for etcd's own; at it writes fail, which tests may want to see.
func startEtcd(ctx context.Context, f folder, quota int64) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Name = "localcluster"
	config.Dir = f.path(etcdName)
	// The advertised addresses stay etcd's defaults: they are the member's identity for other members, of which there are none,
	// so that nobody listens on them or dials them.
	config.ListenPeerUrls = nil
	config.ListenClientUrls = []url.URL{{Scheme: "unix", Host: etcdSocket}}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// A test cluster's data is to outlive the process, not the machine: what the kernel holds is safe enough.
	config.UnsafeNoFsync = true
	config.QuotaBackendBytes = quota
	// A lone member has nobody to wait for: elect at once.
	config.TickMs = 50
	config.ElectionMs = 250
	// Without these two every request is logged as a slow one.
	config.WarningUnaryRequestDuration = time.Second
	config.WarningApplyDuration = time.Second
	config.Logger = "zap"
	config.LogLevel = "warn"
	config.LogOutputs = []string{"stderr"}

	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	select {
	case <-server.Server.ReadyNotify():
		return server, nil
	case err := <-server.Err():
		server.Close()
		return nil, fmt.Errorf("etcd ended while it started: %w", err)
	case <-server.Server.StopNotify():
		server.Close()
		return nil, errors.New("etcd stopped while it started")
	case <-ctx.Done():
		server.Close()
		return nil, fmt.Errorf("etcd was not ready in time: %w", context.Cause(ctx))
	}
}
