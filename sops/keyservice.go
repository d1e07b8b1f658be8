package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"filippo.io/age"
	agearmor "filippo.io/age/armor"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/getsops/sops/v3/keyservice"
	"google.golang.org/grpc"
)

var (
	errNotOurs   = errors.New("no key of ours")
	errNoService = errors.New("this process encrypts nothing")
)

// opener opens data keys for one file with the keys that its application may use. The SOPS library asks it for each
// recipient of the file until one opens.
type opener struct {
	age []ownKey
	pgp []ownKey
	kms *kmsParams

	told []string // what key services answered, and why others were not asked
}

// Decrypt is called by the SOPS library.
func (o *opener) Decrypt(
	ctx context.Context, asked *keyservice.DecryptRequest, _ ...grpc.CallOption,
) (*keyservice.DecryptResponse, error) {
	var plain []byte
	var err error
	switch key := asked.Key.KeyType.(type) {
	case *keyservice.Key_AgeKey:
		plain, err = o.openAge(asked.Ciphertext)
	case *keyservice.Key_PgpKey:
		plain, err = o.openPGP(asked.Ciphertext)
	case *keyservice.Key_KmsKey:
		return o.ask(ctx, asked, key.KmsKey.Arn)
	case *keyservice.Key_GcpKmsKey:
		return o.ask(ctx, asked, key.GcpKmsKey.ResourceId)
	case *keyservice.Key_VaultKey:
		at := strings.TrimRight(key.VaultKey.VaultAddress, "/")
		return o.ask(ctx, asked, at+"/v1/"+key.VaultKey.EnginePath+"/keys/"+key.VaultKey.KeyName)
	case *keyservice.Key_AzureKeyvaultKey:
		return o.ask(ctx, asked, strings.TrimRight(key.AzureKeyvaultKey.VaultUrl, "/")+"/keys/"+key.AzureKeyvaultKey.Name)
	case *keyservice.Key_HckmsKey:
		return o.ask(ctx, asked, key.HckmsKey.KeyId)
	default:
		err = errNotOurs
	}
	if err != nil {
		return nil, err
	}
	return &keyservice.DecryptResponse{Plaintext: plain}, nil
}

// Encrypt is part of the library's interface.
func (o *opener) Encrypt(
	context.Context, *keyservice.EncryptRequest, ...grpc.CallOption,
) (*keyservice.EncryptResponse, error) {
	return nil, errNoService
}

func (o *opener) openAge(cipher []byte) ([]byte, error) {
	var identities []age.Identity
	for _, key := range o.age {
		identities = append(identities, key.identities...)
	}
	if len(identities) == 0 {
		return nil, errNotOurs
	}
	plain, err := age.Decrypt(agearmor.NewReader(bytes.NewReader(cipher)), identities...)
	if err != nil {
		return nil, errNotOurs
	}
	return dataKey(plain)
}

func (o *opener) openPGP(cipher []byte) ([]byte, error) {
	var entities openpgp.EntityList
	for _, key := range o.pgp {
		entities = append(entities, key.entities...)
	}
	if len(entities) == 0 {
		return nil, errNotOurs
	}
	block, err := armor.Decode(bytes.NewReader(cipher))
	if err != nil {
		return nil, errNotOurs
	}
	message, err := openpgp.ReadMessage(block.Body, entities, nil, nil)
	if err != nil {
		return nil, errNotOurs
	}
	return dataKey(message.UnverifiedBody)
}

func dataKey(from io.Reader) ([]byte, error) {
	plain, err := io.ReadAll(io.LimitReader(from, maxDataKeyBytes))
	if err != nil {
		return nil, errNotOurs
	}
	return plain, nil
}

// ask lets the SOPS library ask a key service, if the configuration allows the one that the file names.
func (o *opener) ask(
	ctx context.Context, asked *keyservice.DecryptRequest, name string,
) (*keyservice.DecryptResponse, error) {
	if o.kms == nil || !slices.ContainsFunc(o.kms.Keys, func(allowed string) bool { return isBelow(name, allowed) }) {
		o.told = append(o.told, fmt.Sprintf("the key service %s is not among sops.kms.keys", shown(name)))
		return nil, errNotOurs
	}
	answered, err := keyservice.Server{}.Decrypt(ctx, asked)
	if err != nil {
		o.told = append(o.told, fmt.Sprintf("%s: %s", shown(name), o.masked(err.Error())))
		return nil, errNotOurs
	}
	return answered, nil
}

// isBelow says whether name is what is allowed, or goes on behind it at a border. URLs are compared part by part: a
// user name, another port or a host that merely begins like the allowed one is another service.
func isBelow(name, allowed string) bool {
	if strings.Contains(name, "..") || strings.ContainsAny(name, "\\@?#% ") {
		return false
	}
	wanted, isURL := httpURL(allowed)
	given, alsoURL := httpURL(name)
	if isURL != alsoURL {
		return false
	}
	if isURL {
		return given.Scheme == wanted.Scheme && strings.EqualFold(given.Host, wanted.Host) && startsAtBorder(given.Path, wanted.Path)
	}
	return startsAtBorder(name, allowed)
}

func httpURL(text string) (*url.URL, bool) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
		return nil, false
	}
	return parsed, true
}

func startsAtBorder(name, allowed string) bool {
	rest, found := strings.CutPrefix(name, allowed)
	return found && (rest == "" || allowed == "" || strings.ContainsAny(allowed[len(allowed)-1:], ":/") || strings.ContainsAny(rest[:1], ":/"))
}

// masked is what a service said, without any of the credentials that it was asked with.
func (o *opener) masked(text string) string {
	for _, value := range o.kms.Environment {
		if len(value) >= 4 {
			text = strings.ReplaceAll(text, value, "…")
		}
	}
	return shorten(text, 300)
}

func shown(name string) string { return shorten(name, maxNameLength) }

func hexOf(raw []byte) string { return hex.EncodeToString(raw) }
