// Package sealing encrypts files as SOPS does, for tests: with the SOPS library, and with keys made on the spot.
package sealing

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/hcvault"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/pgp"
	"github.com/getsops/sops/v3/stores/dotenv"
	"github.com/getsops/sops/v3/stores/ini"
	"github.com/getsops/sops/v3/stores/json"
	"github.com/getsops/sops/v3/stores/yaml"
	"google.golang.org/grpc"
)

// File is a file to encrypt. Age has recipients (age1…), PGP public keys with armour, Vault URIs of transit keys,
// whose service is not asked: its part of the file is the data key itself. With Threshold each recipient is a group.
type File struct {
	Format         string   `json:"format"`
	Content        []byte   `json:"content_base64"`
	Age            []string `json:"age"`
	PGP            []string `json:"pgp"`
	Vault          []string `json:"vault"`
	EncryptedRegex string   `json:"encrypted_regex"`
	Threshold      int      `json:"threshold"`
}

// Pair is a key: what decrypts, what encrypts, and the name by which files know it.
type Pair struct {
	Private string `json:"private"`
	Public  string `json:"public"`
	Name    string `json:"name"`
}

// Age makes an age key.
func Age() (Pair, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return Pair{}, err
	}
	public := identity.Recipient().String()
	return Pair{Private: identity.String(), Public: public, Name: public}, nil
}

// PGP makes a PGP key; with a passphrase if one is given.
func PGP(passphrase string) (Pair, error) {
	entity, err := openpgp.NewEntity("gitopsd", "test", "test@example.org", nil)
	if err != nil {
		return Pair{}, err
	}
	private, err := armoured(openpgp.PrivateKeyType, func(out *bytes.Buffer) error {
		if passphrase == "" {
			return entity.SerializePrivate(out, nil)
		}
		if err := entity.EncryptPrivateKeys([]byte(passphrase), nil); err != nil {
			return err
		}
		return entity.SerializePrivateWithoutSigning(out, nil)
	})
	if err != nil {
		return Pair{}, err
	}
	public, err := armoured(openpgp.PublicKeyType, func(out *bytes.Buffer) error { return entity.Serialize(out) })
	return Pair{Private: private, Public: public, Name: fingerprint(entity)}, err
}

func armoured(kind string, write func(*bytes.Buffer) error) (string, error) {
	var raw, text bytes.Buffer
	if err := write(&raw); err != nil {
		return "", err
	}
	out, err := armor.Encode(&text, kind, nil)
	if err != nil {
		return "", err
	}
	if _, err := out.Write(raw.Bytes()); err != nil {
		return "", err
	}
	if err := out.Close(); err != nil {
		return "", err
	}
	return text.String(), nil
}

func fingerprint(entity *openpgp.Entity) string {
	return strings.ToUpper(hex.EncodeToString(entity.PrimaryKey.Fingerprint))
}

// Seal encrypts the file.
func Seal(file File) ([]byte, error) {
	store, err := storeFor(file.Format)
	if err != nil {
		return nil, err
	}
	branches, err := store.LoadPlainFile(file.Content)
	if err != nil {
		return nil, err
	}
	service := &sealer{public: map[string]*openpgp.Entity{}}
	groups, err := service.groups(file)
	if err != nil {
		return nil, err
	}
	tree := sops.Tree{Branches: branches, Metadata: sops.Metadata{
		KeyGroups: groups, EncryptedRegex: file.EncryptedRegex, ShamirThreshold: file.Threshold, Version: "3.13.3", LastModified: time.Now().UTC(),
	}}
	if file.EncryptedRegex == "" {
		tree.Metadata.UnencryptedSuffix = sops.DefaultUnencryptedSuffix
	}
	key, failed := tree.GenerateDataKeyWithKeyServices([]keyservice.KeyServiceClient{service})
	if len(failed) > 0 {
		return nil, failed[0]
	}
	cipher := aes.NewCipher()
	mac, err := tree.Encrypt(key, cipher)
	if err != nil {
		return nil, err
	}
	modified := tree.Metadata.LastModified.Format(time.RFC3339)
	if tree.Metadata.MessageAuthenticationCode, err = cipher.Encrypt(mac, key, modified); err != nil {
		return nil, err
	}
	return store.EmitEncryptedFile(tree)
}

func storeFor(format string) (sops.Store, error) {
	defaults := config.NewStoresConfig()
	switch format {
	case "yaml":
		return yaml.NewStore(&defaults.YAML), nil
	case "json":
		return json.NewStore(&defaults.JSON), nil
	case "dotenv":
		return dotenv.NewStore(&defaults.Dotenv), nil
	case "ini":
		return ini.NewStore(&defaults.INI), nil
	case "binary":
		return json.NewBinaryStore(&defaults.JSONBinary), nil
	}
	return nil, fmt.Errorf("unknown format %q", format)
}

// sealer encrypts data keys without any program and any network.
type sealer struct {
	public map[string]*openpgp.Entity
}

func (s *sealer) groups(file File) ([]sops.KeyGroup, error) {
	var all sops.KeyGroup
	for _, recipient := range file.Age {
		all = append(all, &sopsage.MasterKey{Recipient: recipient})
	}
	for _, public := range file.PGP {
		entities, err := openpgp.ReadArmoredKeyRing(strings.NewReader(public))
		if err != nil {
			return nil, err
		}
		s.public[fingerprint(entities[0])] = entities[0]
		all = append(all, pgp.NewMasterKeyFromFingerprint(fingerprint(entities[0])))
	}
	for _, uri := range file.Vault {
		key, err := hcvault.NewMasterKeyFromURI(uri)
		if err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	if file.Threshold == 0 {
		return []sops.KeyGroup{all}, nil
	}
	var groups []sops.KeyGroup
	for _, key := range all {
		groups = append(groups, sops.KeyGroup{key})
	}
	return groups, nil
}

// Encrypt is called by the SOPS library for each recipient.
func (s *sealer) Encrypt(
	_ context.Context, asked *keyservice.EncryptRequest, _ ...grpc.CallOption,
) (*keyservice.EncryptResponse, error) {
	switch key := asked.Key.KeyType.(type) {
	case *keyservice.Key_AgeKey:
		master := sopsage.MasterKey{Recipient: key.AgeKey.Recipient}
		if err := master.Encrypt(asked.Plaintext); err != nil {
			return nil, err
		}
		return &keyservice.EncryptResponse{Ciphertext: []byte(master.EncryptedKey)}, nil
	case *keyservice.Key_PgpKey:
		text, err := armoured("PGP MESSAGE", func(out *bytes.Buffer) error {
			plain, err := openpgp.Encrypt(out, openpgp.EntityList{s.public[key.PgpKey.Fingerprint]}, nil, nil, nil)
			if err != nil {
				return err
			}
			if _, err := plain.Write(asked.Plaintext); err != nil {
				return err
			}
			return plain.Close()
		})
		return &keyservice.EncryptResponse{Ciphertext: []byte(text)}, err
	case *keyservice.Key_VaultKey:
		text := "vault:v1:" + base64.StdEncoding.EncodeToString(asked.Plaintext)
		return &keyservice.EncryptResponse{Ciphertext: []byte(text)}, nil
	}
	return nil, fmt.Errorf("no such recipient in tests: %T", asked.Key.KeyType)
}

// Decrypt is part of the library's interface.
func (s *sealer) Decrypt(
	context.Context, *keyservice.DecryptRequest, ...grpc.CallOption,
) (*keyservice.DecryptResponse, error) {
	return nil, fmt.Errorf("tests only encrypt")
}
