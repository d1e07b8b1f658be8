package main

import (
	"crypto/subtle"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/stores/dotenv"
	"github.com/getsops/sops/v3/stores/ini"
	"github.com/getsops/sops/v3/stores/json"
	"github.com/getsops/sops/v3/stores/yaml"
)

// decryptParams is one file. Path is for messages; Age, PGP and KMS say which of the process's keys may open it, by
// their numbers from 0.
type decryptParams struct {
	Path    string `json:"path"`
	Format  string `json:"format"`
	Content []byte `json:"content_base64"`
	Age     []int  `json:"age"`
	PGP     []int  `json:"pgp"`
	KMS     bool   `json:"kms"`
}

func storeFor(format string) (sops.Store, bool) {
	defaults := config.NewStoresConfig()
	switch format {
	case "yaml":
		return yaml.NewStore(&defaults.YAML), true
	case "json":
		return json.NewStore(&defaults.JSON), true
	case "dotenv":
		return dotenv.NewStore(&defaults.Dotenv), true
	case "ini":
		return ini.NewStore(&defaults.INI), true
	case "binary":
		return json.NewBinaryStore(&defaults.JSONBinary), true
	}
	return nil, false
}

// decrypt gives the plain text of a file whose MAC was verified.
func (k *keyring) decrypt(params decryptParams) ([]byte, *Fault) {
	store, known := storeFor(params.Format)
	if !known {
		return nil, faultf(codeRequest, "unknown format %q", shown(params.Format))
	}
	keys, fault := k.chosen(params)
	if fault != nil {
		return nil, fault
	}
	tree, err := store.LoadEncryptedFile(params.Content)
	if err != nil {
		return nil, parseFault(params, err)
	}
	tree.FilePath = params.Path
	key, err := tree.Metadata.GetDataKeyWithKeyServices([]keyservice.KeyServiceClient{keys}, sops.DefaultDecryptionOrder)
	if err != nil {
		return nil, keys.noKey(params.Path, &tree.Metadata)
	}
	if !decryptTree(&tree, key) {
		return nil, faultf(codeMAC, "%s was changed after it was encrypted, or its MAC was: it is not used", params.Path).
			hint("edit it with `sops edit`, which writes a new MAC, or take the last version from git that is whole")
	}
	plain, err := store.EmitPlainFile(tree.Branches)
	if err != nil {
		return nil, faultf(codeParse, "%s was decrypted but cannot be written as %s", params.Path, params.Format)
	}
	return plain, nil
}

// chosen are the keys that the request may use. One of them that cannot be read is told only where no other opens.
func (k *keyring) chosen(params decryptParams) (*opener, *Fault) {
	chosen := &opener{}
	for _, number := range params.Age {
		if number < 0 || number >= len(k.age) {
			return nil, faultf(codeRequest, "there is no age key %d", number)
		}
		chosen.age = append(chosen.age, k.age[number])
	}
	for _, number := range params.PGP {
		if number < 0 || number >= len(k.pgp) {
			return nil, faultf(codeRequest, "there is no PGP key %d", number)
		}
		chosen.pgp = append(chosen.pgp, k.pgp[number])
	}
	if params.KMS {
		chosen.kms = k.kms
	}
	return chosen, nil
}

// decryptTree decrypts all values in place; false where one cannot be, or where the MAC is another.
func decryptTree(tree *sops.Tree, key []byte) bool {
	cipher := aes.NewCipher()
	computed, err := tree.Decrypt(key, cipher)
	if err != nil {
		return false
	}
	metadata := &tree.Metadata
	written, err := cipher.Decrypt(metadata.MessageAuthenticationCode, key, metadata.LastModified.Format(time.RFC3339))
	if err != nil {
		return false
	}
	text, isText := written.(string)
	return isText && text != "" && subtle.ConstantTimeCompare([]byte(text), []byte(computed)) == 1
}

var lineOfError = regexp.MustCompile(`\bline (\d+)`)

// parseFault keeps the line of what the library says and nothing else: it quotes the file.
func parseFault(params decryptParams, err error) *Fault {
	where := params.Path
	if found := lineOfError.FindStringSubmatch(err.Error()); found != nil {
		where += ":" + found[1]
	}
	return faultf(codeParse, "%s looks encrypted with SOPS, but is no %s file that SOPS wrote", where, params.Format).
		hint("encrypt it again; two halves of a merge conflict look like this, too")
}

// noKey names whom the file was encrypted for and what was tried.
func (o *opener) noKey(path string, metadata *sops.Metadata) *Fault {
	fault := faultf(codeNoKey, "no key opens %s, which is encrypted for %s", path, recipients(metadata))
	unreadable := ""
	for _, key := range append(append([]ownKey{}, o.age...), o.pgp...) {
		if key.fault != nil && unreadable == "" {
			unreadable = key.fault.Message
			fault.Hint = key.fault.Hint
		}
	}
	why := append([]string{}, o.told...)
	if unreadable != "" {
		why = append(why, unreadable)
	}
	if len(why) > 0 {
		fault.Message = shorten(fault.Message+" ("+strings.Join(why, "; ")+")", 2*maxMessageLength)
	}
	if fault.Hint == "" {
		fault.Hint = "put the private key of one of them under sops in the configuration" + o.own()
	}
	return fault
}

// own names the public keys of those that may be used.
func (o *opener) own() string {
	var names []string
	for _, key := range append(append([]ownKey{}, o.age...), o.pgp...) {
		names = append(names, key.names...)
	}
	if len(names) == 0 {
		return ": none is configured for this application"
	}
	return ", or encrypt the file for " + listed(names) + " with `sops updatekeys`"
}

// recipients names whom a file was encrypted for.
func recipients(metadata *sops.Metadata) string {
	kinds := map[string]string{
		"age": "age ", "pgp": "PGP ", "kms": "AWS KMS ", "gcp_kms": "GCP KMS ", "azure_kv": "Azure Key Vault ",
		"hc_vault": "Vault ", "hckms": "Huawei Cloud KMS ",
	}
	var names []string
	for _, group := range metadata.KeyGroups {
		for _, key := range group {
			names = append(names, kinds[key.TypeToIdentifier()]+shown(key.ToString()))
		}
	}
	if len(names) == 0 {
		return "nobody"
	}
	return listed(names)
}

func listed(names []string) string {
	if len(names) > maxRecipients {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxRecipients], ", "), len(names)-maxRecipients)
	}
	return strings.Join(names, ", ")
}
