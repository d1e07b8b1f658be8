package main

import (
	"os"
	"strings"
	"testing"

	"gitopsd/sops/sealing"
)

func TestMain(m *testing.M) {
	if network := os.Getenv(sealFor); network != "" {
		probe(network == "yes")
		return
	}
	quiet()
	m.Run()
}

var samples = map[string]string{
	"yaml":   "apiVersion: v1\nkind: Secret\nmetadata:\n    name: one\nstringData:\n    token: swordfish\n---\nkind: Second\ntoken: shark\n",
	"json":   "{\n\t\"token\": \"swordfish\",\n\t\"many\": [\n\t\t1,\n\t\ttrue\n\t]\n}\n",
	"dotenv": "TOKEN=swordfish\nOTHER=a=b c\n",
	"ini":    "[section]\ntoken = swordfish\n",
	"binary": "\x00\x01swordfish\xff\n",
}

func ageKey(t *testing.T) sealing.Pair {
	t.Helper()
	pair, err := sealing.Age()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func pgpKey(t *testing.T, passphrase string) sealing.Pair {
	t.Helper()
	pair, err := sealing.PGP(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func sealed(t *testing.T, file sealing.File) []byte {
	t.Helper()
	cipher, err := sealing.Seal(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(cipher), "swordfish") && file.EncryptedRegex == "" {
		t.Fatal("it was not encrypted")
	}
	return cipher
}

// all asks with every key of the ring.
func all(keys *keyring, format string, cipher []byte) decryptParams {
	asked := decryptParams{Path: "dir/file", Format: format, Content: cipher, KMS: true}
	for i := range keys.age {
		asked.Age = append(asked.Age, i)
	}
	for i := range keys.pgp {
		asked.PGP = append(asked.PGP, i)
	}
	return asked
}

func plainText(t *testing.T, keys *keyring, format string, cipher []byte) string {
	t.Helper()
	plain, fault := keys.decrypt(all(keys, format, cipher))
	if fault != nil {
		t.Fatalf("%s: %s (%s)", fault.Code, fault.Message, fault.Hint)
	}
	return string(plain)
}

func refusal(t *testing.T, keys *keyring, format string, cipher []byte, code Code, words ...string) *Fault {
	t.Helper()
	plain, fault := keys.decrypt(all(keys, format, cipher))
	if fault == nil {
		t.Fatalf("it was decrypted: %d bytes", len(plain))
	}
	if fault.Code != code {
		t.Errorf("code %s, not %s: %s", fault.Code, code, fault.Message)
	}
	for _, word := range words {
		if !strings.Contains(fault.Message+fault.Hint, word) {
			t.Errorf("%q is not in %q (%q)", word, fault.Message, fault.Hint)
		}
	}
	return fault
}

func TestEveryFormatIsDecryptedToWhatItWas(t *testing.T) {
	pair, pgp := ageKey(t), pgpKey(t, "")
	for format, text := range samples {
		cipher := sealed(t, sealing.File{Format: format, Content: []byte(text), Age: []string{pair.Public}, PGP: []string{pgp.Public}})
		for kind, params := range map[string]keysParams{"age": {Age: []string{pair.Private}}, "pgp": {PGP: []string{pgp.Private}}} {
			t.Run(format+" "+kind, func(t *testing.T) {
				if got := plainText(t, newKeyring(params), format, cipher); got != text {
					t.Errorf("got %q", got)
				}
			})
		}
	}
}

func TestAKeyThatDoesNotFitIsToldWithTheRecipients(t *testing.T) {
	pair, other, pgp := ageKey(t), ageKey(t), pgpKey(t, "")
	cipher := sealed(t, sealing.File{Format: "yaml", Content: []byte("a: b\n"), Age: []string{pair.Public}, PGP: []string{pgp.Public}})
	fault := refusal(t, newKeyring(keysParams{Age: []string{other.Private}}), "yaml", cipher, codeNoKey,
		"dir/file", "age "+pair.Name, "PGP "+pgp.Name, other.Name)
	if strings.Contains(fault.Message+fault.Hint, "SECRET-KEY") {
		t.Error(fault)
	}
	refusal(t, newKeyring(keysParams{}), "yaml", cipher, codeNoKey, "none is configured")
}

func TestAKeyThatCannotBeReadIsNamedByItsNumberAndLeavesTheOthersAtWork(t *testing.T) {
	pair, locked := ageKey(t), pgpKey(t, "sesame")
	cipher := sealed(t, sealing.File{Format: "yaml", Content: []byte("a: b\n"), Age: []string{pair.Public}, PGP: []string{locked.Public}})
	broken := "AGE-SECRET-KEY-1CANARYCANARY"
	for what, params := range map[string]keysParams{
		"age key 1 cannot be read":                  {Age: []string{broken}},
		"PGP key 1 is protected by a passphrase":    {PGP: []string{locked.Private}},
		"PGP key 1 is a public key":                 {PGP: []string{locked.Public}},
		"PGP key 1 cannot be read":                  {PGP: []string{"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nCANARY\n"}},
		"age key 1 is an SSH key that cannot be re": {Age: []string{"-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY\n"}},
	} {
		fault := refusal(t, newKeyring(params), "yaml", cipher, codeNoKey, what)
		if strings.Contains(fault.Message+fault.Hint, "CANARY") {
			t.Errorf("it quotes the key: %s", fault)
		}
		params.Age = append(params.Age, pair.Private)
		if got := plainText(t, newKeyring(params), "yaml", cipher); got != "a: b\n" {
			t.Error(got)
		}
	}
}

func TestSeveralIdentitiesInOneFileAreAllTried(t *testing.T) {
	first, second := ageKey(t), ageKey(t)
	keys := newKeyring(keysParams{Age: []string{"# created: now\n" + first.Private + "\n\n" + second.Private + "\n"}})
	for _, pair := range []sealing.Pair{first, second} {
		cipher := sealed(t, sealing.File{Format: "dotenv", Content: []byte("A=1\n"), Age: []string{pair.Public}})
		if got := plainText(t, keys, "dotenv", cipher); got != "A=1\n" {
			t.Error(got)
		}
	}
}

func TestAFileThatWasTamperedWithIsNotUsed(t *testing.T) {
	pair := ageKey(t)
	keys := newKeyring(keysParams{Age: []string{pair.Private}})
	text := "open: yes we do\nclosed:\n    token: swordfish\n"
	cipher := string(sealed(t, sealing.File{Format: "yaml", Content: []byte(text), Age: []string{pair.Public}, EncryptedRegex: "^closed$"}))
	if got := plainText(t, keys, "yaml", []byte(cipher)); got != text {
		t.Fatal(got)
	}
	lines := strings.Split(cipher, "\n")
	mac := ""
	for _, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "mac: ") {
			mac = line
		}
	}
	for what, changed := range map[string]string{
		"a value that is not encrypted": strings.Replace(cipher, "yes we do", "no", 1),
		"an encrypted value":            strings.Replace(cipher, "token: ENC[AES256_GCM,data:", "token: ENC[AES256_GCM,data:AAAA", 1),
		"plain text for an encrypted":   strings.Replace(cipher, "token: ENC[AES256_GCM,data:", "token: swordfish #", 1),
		"another key":                   strings.Replace(cipher, "    token:", "    other:", 1),
		"an added key":                  strings.Replace(cipher, "open:", "added: x\nopen:", 1),
		"an empty MAC":                  strings.Replace(cipher, mac, `    mac: ""`, 1),
		"no MAC":                        strings.Replace(cipher, mac+"\n", "", 1),
		"a later date":                  strings.Replace(cipher, "lastmodified: \"2", "lastmodified: \"3", 1),
	} {
		if changed == cipher {
			t.Fatalf("%s: nothing was changed in\n%s", what, cipher)
		}
		t.Run(what, func(t *testing.T) {
			_, fault := keys.decrypt(all(keys, "yaml", []byte(changed)))
			if fault == nil {
				t.Fatal("it was decrypted")
			}
			if fault.Code != codeMAC && fault.Code != codeParse {
				t.Error(fault.Code, fault.Message)
			}
			if strings.Contains(fault.Message, "swordfish") {
				t.Error(fault.Message)
			}
		})
	}
}

func TestKeyGroupsNeedAsManyKeysAsTheirThreshold(t *testing.T) {
	first, second, third := ageKey(t), ageKey(t), ageKey(t)
	cipher := sealed(t, sealing.File{
		Format: "yaml", Content: []byte("a: b\n"), Age: []string{first.Public, second.Public, third.Public}, Threshold: 2,
	})
	refusal(t, newKeyring(keysParams{Age: []string{first.Private}}), "yaml", cipher, codeNoKey, second.Name)
	if got := plainText(t, newKeyring(keysParams{Age: []string{third.Private, first.Private}}), "yaml", cipher); got != "a: b\n" {
		t.Error(got)
	}
}

func TestOnlyTheKeysOfTheRequestAreUsed(t *testing.T) {
	pair, other := ageKey(t), ageKey(t)
	keys := newKeyring(keysParams{Age: []string{pair.Private, other.Private}})
	cipher := sealed(t, sealing.File{Format: "yaml", Content: []byte("a: b\n"), Age: []string{pair.Public}})
	if _, fault := keys.decrypt(decryptParams{Path: "f", Format: "yaml", Content: cipher, Age: []int{1}}); fault == nil || fault.Code != codeNoKey {
		t.Error(fault)
	}
	for _, number := range []int{-1, 2} {
		if _, fault := keys.decrypt(decryptParams{Path: "f", Format: "yaml", Content: cipher, Age: []int{number}}); fault == nil || fault.Code != codeRequest {
			t.Error(fault)
		}
	}
}

func TestAFileThatSOPSDidNotWriteQuotesNothing(t *testing.T) {
	keys := newKeyring(keysParams{Age: []string{ageKey(t).Private}})
	for format, text := range map[string]string{
		"yaml":   "sops: {mac: ENC[x], version: 3, age: swordfish}\n",
		"json":   `{"sops": "swordfish"}`,
		"ini":    "[sops\nswordfish",
		"dotenv": "swordfish",
		"binary": `{"data": "swordfish"}`,
	} {
		fault := refusal(t, keys, format, []byte(text), codeParse, "dir/file", format)
		if strings.Contains(fault.Message+fault.Hint, "swordfish") {
			t.Errorf("%s: %s", format, fault.Message)
		}
	}
	refusal(t, keys, "toml", nil, codeRequest, "toml")
}

func TestS15_aKeyServiceThatAFileNamesGetsNoCredentialsUnlessItIsAllowed(t *testing.T) {
	for _, one := range []struct {
		name, allowed string
		want          bool
	}{
		{"https://vault.example.org/v1/sops/keys/one", "https://vault.example.org", true},
		{"https://vault.example.org/v1/sops/keys/one", "https://vault.example.org/", true},
		{"https://VAULT.example.org/v1/sops/keys/one", "https://vault.example.org/v1/sops/keys/one", true},
		{"https://vault.example.org/v1/sops/keys/one2", "https://vault.example.org/v1/sops/keys/one", false},
		{"https://vault.example.org.evil.org/v1/sops/keys/one", "https://vault.example.org", false},
		{"https://vault.example.org@evil.org/v1/sops/keys/one", "https://vault.example.org", false},
		{"https://vault.example.org:8200/v1/sops/keys/one", "https://vault.example.org", false},
		{"http://vault.example.org/v1/sops/keys/one", "https://vault.example.org", false},
		{"https://vault.example.org/v1/sops/../other/keys/one", "https://vault.example.org/v1/sops", false},
		{"https://vault.example.org\\@evil.org/", "https://vault.example.org", false},
		{"arn:aws:kms:eu-west-1:123456789012:key/abc", "arn:aws:kms:eu-west-1:123456789012:key/abc", true},
		{"arn:aws:kms:eu-west-1:123456789012:key/abc", "arn:aws:kms:eu-west-1:123456789012", true},
		{"arn:aws:kms:eu-west-1:123456789012:key/abcd", "arn:aws:kms:eu-west-1:123456789012:key/abc", false},
		{"arn:aws:kms:evil/#:1:key/abc", "arn:aws:kms:", false},
		{"projects/a/locations/global/keyRings/r/cryptoKeys/k", "projects/a/", true},
		{"projects/ab/locations/global/keyRings/r/cryptoKeys/k", "projects/a", false},
	} {
		if got := isBelow(one.name, one.allowed); got != one.want {
			t.Errorf("%s below %s: %v", one.name, one.allowed, got)
		}
	}
}
