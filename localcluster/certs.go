package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// validity is longer than any test cluster lives.
const validity = 10 * 365 * 24 * time.Hour

// authority signs every certificate of one cluster.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	pem         []byte
}

// subject says for whom a certificate is and what it may do.
type subject struct {
	user   string   // common name: the user's name for Kubernetes
	groups []string // organisations: the user's groups for Kubernetes
	hosts  []string // names and addresses that a server answers to; none for a client
	client bool     // may the holder sign in with it
}

// pair is a certificate and its private key, both as PEM.
type pair struct {
	certificate []byte
	key         []byte
}

// pairs are the certificates that lie as pki/NAME.crt and pki/NAME.key in a cluster's folder.
func pairs() map[string]subject {
	return map[string]subject{
		"apiserver": {
			user: "kube-apiserver",
			hosts: []string{
				"127.0.0.1", "::1", "localhost", serviceAddress,
				"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
			},
		},
		"apiserver-kubelet-client": {user: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}, client: true},
		"kubelet":                  {user: "kubelet", hosts: []string{"127.0.0.1", "::1", "localhost"}},
		"admin":                    {user: "kubernetes-admin", groups: []string{"system:masters"}, client: true},
		"controller-manager":       {user: "system:kube-controller-manager", groups: []string{"system:masters"}, client: true},
	}
}

// ensureCertificates makes whatever is missing below pki/ and keeps what is there and still valid.
func ensureCertificates(f folder) (authority, error) {
	signer, err := loadAuthority(f)
	if err != nil {
		if signer, err = newAuthority(); err != nil {
			return authority{}, err
		}
		if err := f.writePair("ca", signer); err != nil {
			return authority{}, err
		}
	}
	for name, who := range pairs() {
		if signer.vouchesFor(f, name) {
			continue
		}
		issued, err := signer.issue(who)
		if err != nil {
			return authority{}, fmt.Errorf("certificate %s: %w", name, err)
		}
		if err := f.write("pki/"+name+".key", issued.key); err != nil {
			return authority{}, err
		}
		if err := f.write("pki/"+name+".crt", issued.certificate); err != nil {
			return authority{}, err
		}
	}
	return signer, ensureServiceAccountKey(f)
}

// loadAuthority reads pki/ca.crt and pki/ca.key; any fault in them is an error.
func loadAuthority(f folder) (authority, error) {
	certificatePEM, err := os.ReadFile(f.path("pki/ca.crt"))
	if err != nil {
		return authority{}, err
	}
	certificate, err := parseCertificate(certificatePEM)
	if err != nil {
		return authority{}, fmt.Errorf("pki/ca.crt: %w", err)
	}
	keyPEM, err := os.ReadFile(f.path("pki/ca.key"))
	if err != nil {
		return authority{}, err
	}
	block, _ := pem.Decode(keyPEM)
	if block == nil {
		return authority{}, errors.New("pki/ca.key: no PEM block")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return authority{}, fmt.Errorf("pki/ca.key: %w", err)
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		return authority{}, errors.New("pki/ca.key does not belong to pki/ca.crt")
	}
	return authority{certificate: certificate, key: key, pem: certificatePEM}, nil
}

// newAuthority makes a self-signed authority.
func newAuthority() (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, fmt.Errorf("authority's key: %w", err)
	}
	template, err := newTemplate("localcluster")
	if err != nil {
		return authority{}, err
	}
	template.IsCA = true
	template.KeyUsage |= x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return authority{}, fmt.Errorf("authority's certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return authority{}, fmt.Errorf("authority's certificate: %w", err)
	}
	return authority{certificate: certificate, key: key, pem: pemOf("CERTIFICATE", der)}, nil
}

// issue makes a key and a certificate for it, signed by the authority.
func (a authority) issue(who subject) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("key: %w", err)
	}
	template, err := newTemplate(who.user)
	if err != nil {
		return pair{}, err
	}
	template.Subject.Organization = who.groups
	if who.client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	for _, host := range who.hosts {
		if address := net.ParseIP(host); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if len(who.hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return pair{}, fmt.Errorf("sign: %w", err)
	}
	keyPEM, err := pemOfKey(key)
	if err != nil {
		return pair{}, err
	}
	return pair{certificate: pemOf("CERTIFICATE", der), key: keyPEM}, nil
}

// vouchesFor tells whether pki/NAME.crt and .key are there and signed by this authority.
func (a authority) vouchesFor(f folder, name string) bool {
	content, err := os.ReadFile(f.path("pki/" + name + ".crt"))
	if err != nil {
		return false
	}
	if _, err := os.Stat(f.path("pki/" + name + ".key")); err != nil {
		return false
	}
	certificate, err := parseCertificate(content)
	if err != nil || time.Now().After(certificate.NotAfter) {
		return false
	}
	return certificate.CheckSignatureFrom(a.certificate) == nil
}

func (f folder) writePair(name string, a authority) error {
	key, ok := a.key.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("key of %s is no ECDSA key", name)
	}
	keyPEM, err := pemOfKey(key)
	if err != nil {
		return err
	}
	if err := f.write("pki/"+name+".key", keyPEM); err != nil {
		return err
	}
	return f.write("pki/"+name+".crt", a.pem)
}

// ensureServiceAccountKey makes pki/sa.key and pki/sa.pub, with which service account tokens are signed and checked.
func ensureServiceAccountKey(f folder) error {
	if _, err := os.Stat(f.path("pki/sa.pub")); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("service account key: %w", err)
	}
	private, err := pemOfKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("service account key: %w", err)
	}
	if err := f.write("pki/sa.key", private); err != nil {
		return err
	}
	return f.write("pki/sa.pub", pemOf("PUBLIC KEY", public))
}

func newTemplate(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}, nil
}

func parseCertificate(content []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pemOfKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	return pemOf("EC PRIVATE KEY", der), nil
}
