package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// keysParams are all keys of the process. Age has the text of key files (age's or SSH private keys), PGP private keys
// with armour and without a passphrase. Without KMS no key service is asked.
type keysParams struct {
	Age []string   `json:"age"`
	PGP []string   `json:"pgp"`
	KMS *kmsParams `json:"kms"`
}

// kmsParams say which key services may be asked: those whose name (an AWS ARN, a GCP resource, a vault's URL) begins
// with one of Keys. A file names its service itself, and its name must not decide who gets our credentials.
// Environment has these credentials.
type kmsParams struct {
	Keys        []string          `json:"keys"`
	Environment map[string]string `json:"environment"`
}

// keyring holds the keys; a key that cannot be read is remembered with its fault, so that the others still work.
type keyring struct {
	age []ownKey
	pgp []ownKey
	kms *kmsParams
}

// ownKey is one entry of the configuration: a file of age identities, or PGP keys. Names are those of its public keys.
type ownKey struct {
	identities []age.Identity
	entities   openpgp.EntityList
	names      []string
	fault      *Fault
}

func newKeyring(params keysParams) *keyring {
	keys := &keyring{kms: params.KMS}
	for number, text := range params.Age {
		keys.age = append(keys.age, readAge(text, number+1))
	}
	for number, text := range params.PGP {
		keys.pgp = append(keys.pgp, readPGP(text, number+1))
	}
	if params.KMS != nil {
		for name, value := range params.KMS.Environment {
			_ = os.Setenv(name, value)
		}
	}
	return keys
}

func (k *keyring) usesNetwork() bool { return k.kms != nil && len(k.kms.Keys) > 0 }

// names lists the public names of each entry, in order.
func (k *keyring) names(entries []ownKey) [][]string {
	all := make([][]string, len(entries))
	for i, entry := range entries {
		all[i] = append([]string{}, entry.names...)
	}
	return all
}

func readAge(text string, number int) ownKey {
	if strings.Contains(text, "-----BEGIN ") {
		identity, err := agessh.ParseIdentity([]byte(text))
		if err != nil {
			return ownKey{fault: faultf(codeKeys, "age key %d is an SSH key that cannot be read, or has a passphrase", number)}
		}
		return ownKey{identities: []age.Identity{identity}, names: []string{"an SSH key"}}
	}
	identities, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil { // the library's words may quote the key
		return ownKey{fault: faultf(codeKeys, "age key %d cannot be read", number).
			hint("give a file that age-keygen wrote: lines AGE-SECRET-KEY-1…")}
	}
	key := ownKey{identities: identities}
	for _, identity := range identities {
		key.names = append(key.names, ageName(identity))
	}
	return key
}

func ageName(identity age.Identity) string {
	switch identity := identity.(type) {
	case *age.X25519Identity:
		return identity.Recipient().String()
	case *age.HybridIdentity:
		return identity.Recipient().String()
	}
	return "an age key"
}

func readPGP(text string, number int) ownKey {
	var key ownKey
	in := bufio.NewReader(strings.NewReader(text))
	for {
		block, err := armor.Decode(in)
		if errors.Is(err, io.EOF) && len(key.entities) > 0 {
			return key
		}
		if err != nil {
			return ownKey{fault: pgpFault(number, "cannot be read")}
		}
		found, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return ownKey{fault: pgpFault(number, "cannot be read")}
		}
		for _, entity := range found {
			if entity.PrivateKey == nil {
				return ownKey{fault: pgpFault(number, "is a public key")}
			}
			if hasPassphrase(entity) {
				return ownKey{fault: pgpFault(number, "is protected by a passphrase")}
			}
			key.entities = append(key.entities, entity)
			key.names = append(key.names, strings.ToUpper(hexOf(entity.PrimaryKey.Fingerprint)))
		}
	}
}

// hasPassphrase says whether a key that decrypts is locked; a primary key that was left out of the export may be.
func hasPassphrase(entity *openpgp.Entity) bool {
	usable := 0
	for _, subkey := range entity.Subkeys {
		if subkey.PrivateKey != nil && !subkey.PrivateKey.Encrypted && !subkey.PrivateKey.Dummy() {
			usable++
		}
	}
	return usable == 0 && entity.PrivateKey.Encrypted
}

func pgpFault(number int, what string) *Fault {
	return faultf(codeKeys, "PGP key %d %s", number, what).
		hint("give what `gpg --armor --export-secret-keys KEY` prints of a key without a passphrase")
}
