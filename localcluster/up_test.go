package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	asProgram = "LOCALCLUSTER_TEST_ARGUMENTS" // the test binary is the program itself when this is set
	deadline  = 60 * time.Second
)

func TestMain(m *testing.M) {
	if line := os.Getenv(asProgram); line != "" {
		os.Args = append(os.Args[:1], strings.Split(line, "\n")...)
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program gives the command that runs this test binary as localcluster.
func program(arguments ...string) *exec.Cmd {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), asProgram+"="+strings.Join(arguments, "\n"))
	return command
}

// started is a cluster that is up.
type started struct {
	readiness
	process *exec.Cmd
}

// startCluster starts a cluster and waits for the line that says that it is ready.
func startCluster(t *testing.T, f folder, more ...string) started {
	t.Helper()
	process := program(append([]string{"up", "--dir", string(f)}, more...)...)
	said := &strings.Builder{}
	process.Stderr = said
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill() }) // gone already where the test ended it
	cluster := started{process: process}
	if err := json.NewDecoder(out).Decode(&cluster.readiness); err != nil {
		_ = process.Wait()
		t.Fatalf("no ready line: %v; it said: %s", err, said)
	}
	return cluster
}

// end sends a signal and waits for an exit without an error.
func (c started) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := c.process.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := c.process.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %s to end", took)
	}
}

func TestADeploymentGetsItsPodsAndARestartKeepsThemAndThePort(t *testing.T) {
	f := newTestFolder(t)
	first := startCluster(t, f, "--audit")
	if first.PID != first.process.Process.Pid || first.Kubeconfig != f.path("kubeconfig") {
		t.Errorf("said %+v", first.readiness)
	}
	client := mustClient(t, f)
	labels := map[string]string{"app": "web"}
	replicas := int32(2)
	_, err := client.AppsV1().Deployments("default").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	untilPods(t, client, 2)
	audit, err := os.ReadFile(f.path(auditName))
	if err != nil || !strings.Contains(string(audit), `"verb":"create","user":{"username":"kubernetes-admin"`) {
		t.Errorf("the audit log does not know who made the deployment (%v)", err)
	}
	first.end(t, syscall.SIGTERM)
	if _, err := os.Stat(f.path(readyName)); err == nil {
		t.Error("ready.json is still there")
	}

	second := startCluster(t, f)
	if second.Server != first.Server {
		t.Errorf("moved from %s to %s", first.Server, second.Server)
	}
	untilPods(t, mustClient(t, f), 2)
	second.end(t, syscall.SIGINT)
}

func TestAKilledClusterStartsAgainAndASecondOneInItsFolderIsRefused(t *testing.T) {
	f := newTestFolder(t)
	first := startCluster(t, f)
	said, err := program("up", "--dir", string(f)).CombinedOutput()
	if err == nil || !strings.Contains(string(said), fmt.Sprintf("process id %d", first.PID)) || strings.Count(string(said), "\n") != 1 {
		t.Errorf("the second one ended with %v and said %q", err, said)
	}
	if err := first.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.process.Wait() // killed: always an error
	startCluster(t, f).end(t, syscall.SIGTERM)
}

func TestTheClusterEndsWhenItsParentIsKilled(t *testing.T) {
	f := newTestFolder(t)
	// The shell is the parent; the second command keeps it from becoming the program itself.
	shell := exec.Command("sh", "-c", `"$0"; true`, os.Args[0])
	shell.Env = program("up", "--dir", string(f)).Env
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(out)
	line, err := reader.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	ready := readiness{}
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	if err := shell.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := reader.ReadByte() // end of file comes when the last holder of the pipe, the cluster, is gone
		ended <- err
	}()
	select {
	case <-ended:
	case <-time.After(15 * time.Second):
		_ = syscall.Kill(ready.PID, syscall.SIGKILL)
		t.Error("the cluster outlived its parent")
	}
	_ = shell.Wait() // killed: always an error
}

func TestAnonymousUsersMayNotRead(t *testing.T) {
	f := newTestFolder(t)
	cluster := startCluster(t, f)
	config := mustConfig(t, f)
	config.CertData, config.KeyData = nil, nil
	anonymous, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	status := 0
	anonymous.CoreV1().RESTClient().Get().Resource("secrets").Do(t.Context()).StatusCode(&status)
	if status != http.StatusForbidden {
		t.Errorf("status %d", status)
	}
	cluster.end(t, syscall.SIGTERM)
}

// The version that /version tells comes from the linker's flags, the code from go.mod: they must not drift apart.
func TestTheToldVersionIsThatOfTheModule(t *testing.T) {
	module, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := os.ReadFile("build.json")
	if err != nil {
		t.Fatal(err)
	}
	required := regexp.MustCompile(`k8s\.io/kubernetes (v\d+\.\d+\.\d+)\n`).FindStringSubmatch(string(module))
	if required == nil {
		t.Fatal("go.mod requires no k8s.io/kubernetes")
	}
	told := regexp.MustCompile(`gitVersion=(\S+)`).FindAllStringSubmatch(string(recipe), -1)
	if len(told) != 2 {
		t.Fatalf("gitVersion is set %d times", len(told))
	}
	for _, one := range told {
		if one[1] != required[1] {
			t.Errorf("tells %s, is %s", one[1], required[1])
		}
	}
}

func TestAMissingFolderNameIsOneLineOnStandardError(t *testing.T) {
	said, err := program("up").CombinedOutput()
	if err == nil || !strings.HasPrefix(string(said), "localcluster: --dir is missing") || strings.Count(string(said), "\n") != 1 {
		t.Errorf("ended with %v and said %q", err, said)
	}
}

func TestAnUnusableFolderIsOneLineOnStandardError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := program("up", "--dir", file).CombinedOutput()
	if err == nil || !strings.Contains(string(said), "make the folder") || strings.Count(string(said), "\n") != 1 {
		t.Errorf("ended with %v and said %q", err, said)
	}
}

func mustConfig(t *testing.T, f folder) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", f.path(kubeconfigName))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func mustClient(t *testing.T, f folder) kubernetes.Interface {
	t.Helper()
	client, err := newAdmin(f)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func untilPods(t *testing.T, client kubernetes.Interface, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	err := poll(ctx, "pods", func() error {
		pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err == nil && len(pods.Items) != count {
			err = fmt.Errorf("%d pods", len(pods.Items))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
