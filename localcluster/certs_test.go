package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
)

func newTestFolder(t *testing.T) folder {
	t.Helper()
	f, err := newFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.create(); err != nil {
		t.Fatal(err)
	}
	return f
}

func mustEnsure(t *testing.T, f folder) authority {
	t.Helper()
	signer, err := ensureCertificates(f)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestEveryCertificateServesItsPurpose(t *testing.T) {
	f := newTestFolder(t)
	roots := x509.NewCertPool()
	roots.AddCert(mustEnsure(t, f).certificate)
	for name, who := range pairs() {
		loaded, err := tls.LoadX509KeyPair(f.path("pki/"+name+".crt"), f.path("pki/"+name+".key"))
		if err != nil {
			t.Fatalf("%s: certificate and key do not fit: %v", name, err)
		}
		options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if _, err := loaded.Leaf.Verify(options); (err == nil) != who.client {
			t.Errorf("%s: signs in: %v, wanted %v", name, err == nil, who.client)
		}
		for _, host := range who.hosts {
			options := x509.VerifyOptions{Roots: roots, DNSName: host}
			if _, err := loaded.Leaf.Verify(options); err != nil {
				t.Errorf("%s: does not serve %s: %v", name, host, err)
			}
		}
	}
}

func TestCertificatesOutliveARestart(t *testing.T) {
	f := newTestFolder(t)
	mustEnsure(t, f)
	before := readAll(t, f)
	mustEnsure(t, f)
	for name, content := range readAll(t, f) {
		if !bytes.Equal(content, before[name]) {
			t.Errorf("%s changed", name)
		}
	}
}

func TestAHalfWrittenFolderIsMended(t *testing.T) {
	f := newTestFolder(t)
	mustEnsure(t, f)
	if err := os.Remove(f.path("pki/admin.crt")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.path("pki/ca.key"), []byte("cut off"), 0o600); err != nil {
		t.Fatal(err)
	}
	signer := mustEnsure(t, f)
	for name := range pairs() {
		if !signer.vouchesFor(f, name) {
			t.Errorf("%s is not signed by the new authority", name)
		}
	}
}

func TestPrivateKeysAreForTheOwnerAlone(t *testing.T) {
	f := newTestFolder(t)
	mustEnsure(t, f)
	for _, name := range []string{"pki/ca.key", "pki/sa.key", "pki/admin.key"} {
		info, err := os.Stat(f.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", name, info.Mode().Perm())
		}
	}
}

func readAll(t *testing.T, f folder) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(f.path("pki"))
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string][]byte{}
	for _, entry := range entries {
		content, err := os.ReadFile(f.path("pki/" + entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		contents[entry.Name()] = content
	}
	return contents
}
