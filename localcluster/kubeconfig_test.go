package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

func TestAUsersKubeconfigSignsInAsThatUserAndGroups(t *testing.T) {
	f := newTestFolder(t)
	signer := mustEnsure(t, f)
	if err := writeOwnKubeconfigs(f, "https://127.0.0.1:20001", signer); err != nil {
		t.Fatal(err)
	}
	file, err := kubeconfigForUser(f, "system:viewer", []string{"readers", "auditors"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(file) != "kubeconfig-system-viewer" {
		t.Errorf("written to %s", file)
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := parseCertificate(config.CertData)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "https://127.0.0.1:20001" || certificate.Subject.CommonName != "system:viewer" {
		t.Errorf("server %s, user %s", config.Host, certificate.Subject.CommonName)
	}
	if !slices.Equal(certificate.Subject.Organization, []string{"readers", "auditors"}) {
		t.Errorf("groups %v", certificate.Subject.Organization)
	}
}

func TestAUsersNameCannotLeaveTheFolder(t *testing.T) {
	if _, err := kubeconfigForUser(newTestFolder(t), "../escape", nil, ""); err == nil || !strings.Contains(err.Error(), "--user") {
		t.Errorf("got %v", err)
	}
}

func TestAKubeconfigNeedsAClusterThatWasStarted(t *testing.T) {
	f := folder(filepath.Join(t.TempDir(), "missing"))
	if _, err := kubeconfigForUser(f, "viewer", nil, ""); err == nil || !strings.Contains(err.Error(), "no cluster was started") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(string(f)); err == nil {
		t.Error("the folder was made")
	}
}
