package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"k8s.io/klog/v2"
)

const (
	startTimeout = 90 * time.Second
	// Each component gets this long to end by itself; open watches of the API server would take a minute.
	stopTimeout = 2 * time.Second
	// Less often than Go's own 100 doubles the memory of an API server with few objects, more often costs the benchmark.
	garbagePercent = 60
)

var (
	errSignal   = errors.New("asked to end by a signal")
	errOrphaned = errors.New("the parent process is gone")
	errSlow     = fmt.Errorf("not ready after %s", startTimeout)
)

// upSettings are the command line of `localcluster up`.
type upSettings struct {
	dir    string
	quota  int64
	audit  bool
	detach bool
	parent int // process id whose death ends the cluster
}

// component is a part of the cluster that runs until it is stopped.
type component struct {
	name  string
	stop  context.CancelFunc
	ended chan struct{}
}

// cluster is what runs, in the order of its start.
type cluster struct {
	folder     folder
	components []component
	cancel     context.CancelCauseFunc // ends the whole with a reason
}

// up runs a cluster until a signal comes or the parent dies; both are no error. Whatever else ends it is one.
func up(settings upSettings) error {
	f, err := newFolder(settings.dir)
	if err != nil {
		return err
	}
	if err := f.create(); err != nil {
		return err
	}
	if err := f.lock(); err != nil {
		return err
	}
	if err := os.Remove(f.path(readyName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove an earlier run's %s: %w", readyName, err)
	}
	if err := os.Chdir(string(f)); err != nil {
		return fmt.Errorf("enter the folder: %w", err)
	}
	caller, err := redirect(f)
	if err != nil {
		return err
	}
	defer caller.close()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	endings(ctx, cancel, settings)

	whole := &cluster{folder: f, cancel: cancel}
	err = whole.start(ctx, settings, caller)
	if err == nil {
		<-ctx.Done()
	}
	whole.stop()
	if cause := context.Cause(ctx); errors.Is(cause, errSignal) || errors.Is(cause, errOrphaned) {
		return nil
	} else if err == nil {
		err = cause
	}
	fmt.Fprintf(caller.err, "localcluster: %v (more in %s)\n", err, f.path(logName))
	return errTold
}

// endings cancels the context on a signal and when the parent dies. A second signal ends the process at once.
func endings(ctx context.Context, cancel context.CancelCauseFunc, settings upSettings) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		cancel(errSignal)
		<-signals
		os.Exit(1)
	}()
	if settings.detach {
		signal.Ignore(syscall.SIGHUP)
		return
	}
	go func() {
		untilParentDies(ctx, settings.parent)
		cancel(errOrphaned)
	}()
}

// start brings the components up one after the other and tells the caller when the whole is ready.
func (c *cluster) start(ctx context.Context, settings upSettings, caller output) error {
	starting, done := context.WithTimeoutCause(ctx, startTimeout, errSlow)
	defer done()
	f := c.folder
	signer, err := ensureCertificates(f)
	if err != nil {
		return err
	}
	listener, err := listen(f)
	if err != nil {
		return err
	}
	server := "https://" + listener.Addr().String()
	if err := writeOwnKubeconfigs(f, server, signer); err != nil {
		return err
	}
	database, err := startEtcd(starting, f, settings.quota)
	if err != nil {
		return err
	}
	c.run("etcd", func(ctx context.Context) error {
		// Not Close, which waits for the API server's watches: this writes down what is there and answers them with an error.
		defer database.Server.HardStop()
		select {
		case <-ctx.Done():
			return nil
		case err := <-database.Err():
			return err
		}
	})
	apiServer, err := newAPIServer(ctx, f, listener, settings.audit)
	if err != nil {
		return err
	}
	c.run("kube-apiserver", apiServer)
	client, err := newAdmin(f)
	if err != nil {
		return err
	}
	if err := untilServing(starting, client); err != nil {
		return err
	}
	if err := forgetControllers(starting, client); err != nil {
		return err
	}
	manager, err := newControllers(f)
	if err != nil {
		return err
	}
	c.run("kube-controller-manager", manager)
	if err := untilControlled(starting, client); err != nil {
		return err
	}
	return announce(f, client, server, caller)
}

// run starts a component. When it ends without having been stopped, the whole cluster ends.
func (c *cluster) run(name string, body func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	part := component{name: name, stop: stop, ended: make(chan struct{})}
	c.components = append(c.components, part)
	go func() {
		defer close(part.ended)
		err := body(ctx)
		if ctx.Err() == nil {
			c.cancel(fmt.Errorf("%s ended by itself: %w", name, orNothing(err)))
		} else if err != nil {
			klog.ErrorS(err, "Ended", "component", name)
		}
	}()
}

// stop ends the components, the last one first, and leaves behind those that do not end in time: the process ends with them.
func (c *cluster) stop() {
	if err := os.Remove(c.folder.path(readyName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		klog.ErrorS(err, "Cannot remove", "file", readyName)
	}
	for i := len(c.components) - 1; i >= 0; i-- {
		part := c.components[i]
		part.stop()
		select {
		case <-part.ended:
		case <-time.After(stopTimeout):
			klog.InfoS("Did not end in time", "component", part.name, "timeout", stopTimeout)
		}
	}
	klog.Flush()
}

func orNothing(err error) error {
	if err == nil {
		return errors.New("no reason given")
	}
	return err
}
