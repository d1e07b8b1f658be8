package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const readyPeriod = 25 * time.Millisecond

// readiness is the line that the caller waits for and the content of ready.json.
type readiness struct {
	Ready      bool   `json:"ready"`
	Server     string `json:"server"`
	Kubeconfig string `json:"kubeconfig"`
	Version    string `json:"version"`
	PID        int    `json:"pid"`
}

// newAdmin gives a client with the administrator's kubeconfig.
func newAdmin(f folder) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", f.path(kubeconfigName))
	if err != nil {
		return nil, fmt.Errorf("the administrator's kubeconfig: %w", err)
	}
	config.UserAgent = "localcluster"
	config.QPS = -1
	config.Timeout = 5 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("the administrator's client: %w", err)
	}
	return client, nil
}

// untilServing waits until the API server calls itself ready and the namespace default is there.
func untilServing(ctx context.Context, client kubernetes.Interface) error {
	return poll(ctx, "the API server", func() error {
		if _, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
			return err
		}
		_, err := client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
		return err
	})
}

// forgetControllers removes what an earlier run's controllers made and these will make again, so that its presence proves that they work.
// Nothing runs in the namespace kube-public that could miss its service account.
func forgetControllers(ctx context.Context, client kubernetes.Interface) error {
	err := client.CoreV1().ServiceAccounts(metav1.NamespacePublic).Delete(ctx, "default", metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove the service account kube-public/default: %w", err)
	}
	return nil
}

// untilControlled waits until the controllers have made the service accounts that pods need.
func untilControlled(ctx context.Context, client kubernetes.Interface) error {
	return poll(ctx, "the controllers", func() error {
		for _, namespace := range []string{metav1.NamespacePublic, metav1.NamespaceDefault} {
			if _, err := client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// announce writes ready.json and then the same line for the caller.
func announce(f folder, client kubernetes.Interface, server string, caller output) error {
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("ask for the version: %w", err)
	}
	line, err := json.Marshal(readiness{
		Ready: true, Server: server, Kubeconfig: f.path(kubeconfigName), Version: version.GitVersion, PID: os.Getpid(),
	})
	if err != nil {
		return fmt.Errorf("encode the readiness: %w", err)
	}
	line = append(line, '\n')
	if err := f.write(readyName, line); err != nil {
		return err
	}
	if _, err := caller.out.Write(line); err != nil {
		return fmt.Errorf("tell the caller: %w", err)
	}
	return nil
}

// poll asks until the answer is no error; when the context ends first, the last error says what was missing.
func poll(ctx context.Context, what string, ask func() error) error {
	ticker := time.NewTicker(readyPeriod)
	defer ticker.Stop()
	last := errors.New("never asked")
	for {
		if err := ask(); err == nil {
			return nil
		} else if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w (last answer: %w)", what, context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}
