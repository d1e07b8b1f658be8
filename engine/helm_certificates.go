package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"text/template"
	"time"
)

// certificate is what the certificate functions give and take: both in PEM.
type certificate struct {
	Cert string
	Key  string
}

// certificateWish is one certificate that a template asks for. key is "" for a new one, ca nil for one that signs itself.
type certificateWish struct {
	function string
	name     string
	ips, dns []any
	days     int
	isCA     bool
	key      string
	ownKey   bool
	ca       *certificate
}

func (d *draws) certificateFunctions() template.FuncMap {
	return template.FuncMap{
		"genPrivateKey":   d.genPrivateKey,
		"buildCustomCert": buildCustomCert,
		"genCA": func(name string, days int) (certificate, error) {
			return d.certificate(certificateWish{function: "genCA", name: name, days: days, isCA: true})
		},
		"genCAWithKey": func(name string, days int, key string) (certificate, error) {
			return d.certificate(certificateWish{function: "genCAWithKey", name: name, days: days, isCA: true, key: key, ownKey: true})
		},
		"genSelfSignedCert": func(name string, ips, dns []any, days int) (certificate, error) {
			return d.certificate(certificateWish{function: "genSelfSignedCert", name: name, ips: ips, dns: dns, days: days})
		},
		"genSelfSignedCertWithKey": func(name string, ips, dns []any, days int, key string) (certificate, error) {
			return d.certificate(certificateWish{function: "genSelfSignedCertWithKey", name: name, ips: ips, dns: dns, days: days, key: key, ownKey: true})
		},
		"genSignedCert": func(name string, ips, dns []any, days int, ca certificate) (certificate, error) {
			return d.certificate(certificateWish{function: "genSignedCert", name: name, ips: ips, dns: dns, days: days, ca: &ca})
		},
		"genSignedCertWithKey": func(name string, ips, dns []any, days int, ca certificate, key string) (certificate, error) {
			return d.certificate(certificateWish{function: "genSignedCertWithKey", name: name, ips: ips, dns: dns, days: days, ca: &ca, key: key, ownKey: true})
		},
	}
}

// certificate makes what is wished for: key, serial number and dates come from the seed.
func (d *draws) certificate(wish certificateWish) (certificate, error) {
	random, name := d.stream(wish.function, wish.name, wish.ips, wish.dns, wish.days, wish.key, wish.ca)
	serial := make([]byte, 16)
	if _, err := io.ReadFull(random, serial); err != nil {
		return certificate{}, err
	}
	form, err := d.form(wish, serial)
	if err != nil {
		return certificate{}, err
	}
	var own crypto.Signer
	if wish.ownKey {
		own, err = parseKey(wish.key)
	} else {
		var made crypto.PrivateKey
		made, err = d.key(random, name, rsaKey2048)
		own, _ = made.(crypto.Signer)
	}
	if err != nil {
		return certificate{}, err
	}
	issuer, signer := form, own
	if wish.ca != nil {
		if issuer, signer, err = wish.ca.parsed(); err != nil {
			return certificate{}, err
		}
	}
	der, err := x509.CreateCertificate(random, form, issuer, own.Public(), steadySigner{signer})
	if err != nil {
		return certificate{}, fmt.Errorf("error creating certificate: %w", err)
	}
	block, err := keyBlock(own)
	if err != nil {
		return certificate{}, err
	}
	return certificate{
		Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:  string(pem.EncodeToMemory(block)),
	}, nil
}

// form is the certificate before it is signed.
func (d *draws) form(wish certificateWish, serial []byte) (*x509.Certificate, error) {
	form := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial),
		Subject:               pkix.Name{CommonName: wish.name},
		NotBefore:             d.now,
		NotAfter:              d.now.Add(24 * time.Hour * time.Duration(wish.days)),
		KeyUsage:              x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if wish.isCA {
		form.IsCA = true
		form.KeyUsage |= x509.KeyUsageCertSign
	}
	for _, each := range wish.ips {
		text, _ := each.(string)
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			return nil, fmt.Errorf("error parsing ip: %v", each)
		}
		form.IPAddresses = append(form.IPAddresses, ip.AsSlice())
	}
	for _, each := range wish.dns {
		text, isText := each.(string)
		if !isText {
			return nil, fmt.Errorf("error processing alternate dns name: %v is not a string", each)
		}
		form.DNSNames = append(form.DNSNames, text)
	}
	return form, nil
}

// parsed reads a CA that shall sign.
func (c *certificate) parsed() (*x509.Certificate, crypto.Signer, error) {
	block, _ := pem.Decode([]byte(c.Cert))
	if block == nil {
		return nil, nil, errors.New("unable to decode certificate")
	}
	issuer, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("error parsing certificate: %w", err)
	}
	signer, err := parseKey(c.Key)
	return issuer, signer, err
}

// buildCustomCert takes a certificate and its key, both PEM in base64, from the values.
func buildCustomCert(certText, keyText string) (certificate, error) {
	cert, err := base64.StdEncoding.DecodeString(certText)
	if err != nil {
		return certificate{}, errors.New("unable to decode base64 certificate")
	}
	key, err := base64.StdEncoding.DecodeString(keyText)
	if err != nil {
		return certificate{}, errors.New("unable to decode base64 private key")
	}
	given := certificate{Cert: string(cert), Key: string(key)}
	_, _, err = given.parsed()
	return given, err
}

// steadySigner signs the same thing the same way each time: by RFC 6979 where the algorithm would draw a number.
type steadySigner struct{ crypto.Signer }

func (s steadySigner) Sign(random io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	if key, isECDSA := s.Signer.(*ecdsa.PrivateKey); isECDSA {
		return key.Sign(nil, digest, options)
	}
	return s.Signer.Sign(random, digest, options)
}
