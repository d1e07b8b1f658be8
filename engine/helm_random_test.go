package main

import (
	"context"
	"crypto"
	"crypto/dsa" //nolint:staticcheck // genPrivateKey makes such keys
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/sprig/v3"
	"golang.org/x/crypto/bcrypt"
)

const (
	testSeed = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	testTime = 1_700_000_000
)

// calls are all template functions that are not functions of their inputs, each as a template calls it; dsa, which takes
// seconds, has a test of its own.
var calls = map[string]string{
	"randAlphaNum": `randAlphaNum 24`, "randAlpha": `randAlpha 24`, "randNumeric": `randNumeric 24`, "randAscii": `randAscii 24`, "randBytes": `randBytes 24`,
	"randInt": `randInt -1000000 1000000`, "shuffle": `shuffle "abcdefghijklmnopqrstuvwxyz"`, "uuidv4": `uuidv4`,
	"bcrypt": `bcrypt "pw"`, "htpasswd": `htpasswd "user" "pw"`, "encryptAES": `encryptAES "key" "plain"`,
	"genPrivateKey": `genPrivateKey "ed25519"`, "genCA": `genCA "ca" 365`, "genCAWithKey": `genCAWithKey "ca" 365 (genPrivateKey "ecdsa")`,
	"genSelfSignedCert":        `genSelfSignedCert "cn" (list "10.0.0.1") (list "a.example.org") 10`,
	"genSelfSignedCertWithKey": `genSelfSignedCertWithKey "cn" nil nil 10 (genPrivateKey "ed25519")`,
	"genSignedCert":            `genSignedCert "cn" nil (list "b") 10 (genCA "ca" 365)`,
	"genSignedCertWithKey":     `genSignedCertWithKey "cn" nil nil 10 (genCAWithKey "ca" 365 (genPrivateKey "ecdsa")) (genPrivateKey "ecdsa")`,
	"now":                      `now | unixEpoch`, "ago": `ago 5`, "date": `date "2006-01-02T15:04:05.999999999" ""`, "htmlDate": `htmlDate ""`,
	"htmlDateInZone": `htmlDateInZone "" "UTC"`, "dateInZone": `dateInZone "2006-01-02T15:04:05" "" "UTC"`, "date_in_zone": `date_in_zone "15:04:05" "" "Nowhere"`,
	"durationRound": `durationRound (toDate "2006-01-02" "2020-01-01")`,
}

// throwing is a chart with one ConfigMap for each call.
func throwing(t testing.TB, named map[string]string) string {
	files := map[string]string{"chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"}
	for name, call := range named {
		files["chart/templates/"+name+".yaml"] = fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {v: {{ %s | toJson }}}\n", call)
	}
	return snapshot(t, files)
}

func seeded(root string, extra params) params {
	p := helmOf(root, params{"seed": testSeed, "seed_time": testTime})
	for name, value := range extra {
		p[name] = value
	}
	return p
}

// drawn gives what each template came to.
func drawn(out rendered) map[string]any {
	found := map[string]any{}
	for _, m := range out.Result.Manifests {
		data, _ := m.Object["data"].(map[string]any)
		found[strings.TrimSuffix(strings.TrimPrefix(m.File, "chart/templates/"), ".yaml")] = data["v"]
	}
	return found
}

func TestHelmRendersTheSameFromOneSeed(t *testing.T) {
	root := throwing(t, calls)
	first := mustRender(t, "helm", seeded(root, nil))
	ring.order = nil
	clear(ring.keys)
	if second := mustRender(t, "helm", seeded(root, nil)); second.text != first.text {
		t.Errorf("two renders of one seed differ:\n%s\n%s", first.text, second.text)
	}
	other := drawn(mustRender(t, "helm", seeded(root, params{"seed": strings.Repeat("ab", 32), "seed_time": testTime + 100_000_000})))
	unseeded := drawn(mustRender(t, "helm", helmOf(root, nil)))
	for name, value := range drawn(first) {
		if value == "" || reflect.DeepEqual(value, other[name]) || reflect.DeepEqual(value, unseeded[name]) {
			t.Errorf("%s does not follow the seed: %v", name, value)
		}
	}
}

func TestHelmTellsWhichTemplatesUseRandomFunctions(t *testing.T) {
	for _, p := range []params{seeded(throwing(t, calls), nil), helmOf(throwing(t, calls), nil)} {
		out := mustRender(t, "helm", p)
		var got []string
		for _, each := range out.Result.Random {
			got = append(got, each.Function)
			if !strings.HasPrefix(each.Template, "chart/templates/") {
				t.Error(each)
			}
		}
		slices.Sort(got)
		for name := range calls {
			if !slices.Contains(out.Result.Random, Drawn{"chart/templates/" + name + ".yaml", name}) {
				t.Errorf("%s is not in %v", name, out.Result.Random)
			}
		}
	}
	plain := map[string]string{"a": `date "2006" (toDate "2006" "2020")`, "b": `ago (now) | len`, "c": `derivePassword 1 "long" "pw" "u" "s"`, "d": `durationRound "2h"`, "e": `htmlDate 0`}
	delete(plain, "b")
	if out := mustRender(t, "helm", helmOf(throwing(t, plain), nil)); out.Result.Random != nil || strings.Contains(out.text, "random") {
		t.Error(out.text)
	}
}

// Whatever Helm's function table has is either a function of its inputs or replaced.
func TestNoRandomFunctionOfHelmIsForgotten(t *testing.T) {
	d, err := newDraws(context.Background(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	ours := d.functions()
	suspects := regexp.MustCompile(`(?i)rand|uuid|shuffle|^gen|crypt|htpasswd|cert|^now$|ago|date|^keys$|^values$|durationRound`)
	pure := []string{"decryptAES", "toDate", "mustToDate", "dateModify", "date_modify", "mustDateModify", "must_date_modify", "hasKey"}
	for name := range sprig.TxtFuncMap() {
		if suspects.MatchString(name) && ours[name] == nil && !slices.Contains(pure, name) {
			t.Error(name)
		}
	}
	for name := range ours {
		if original := sprig.TxtFuncMap()[name]; original == nil && name != enterFunction {
			t.Error("Helm has no function", name)
		}
	}
}

func TestHelmValuesOfOneTemplateDoNotMoveWithAnother(t *testing.T) {
	first := drawn(mustRender(t, "helm", seeded(throwing(t, map[string]string{"m": `randAlphaNum 20`}), nil)))
	more := drawn(mustRender(t, "helm", seeded(throwing(t, map[string]string{
		"a": `randAlphaNum 20`, "m": `printf "%s" (randAlphaNum 20)`, "z": `list (randAlphaNum 20) (randAlphaNum 21) (randAlphaNum 20)`}), nil)))
	if first["m"] != more["m"] || more["a"] == more["m"] {
		t.Error(first, more)
	}
	list, _ := more["z"].([]any)
	if len(list) != 3 || list[0] == list[2] {
		t.Error(list)
	}
}

func TestHelmKnowsTheTemplateThroughIncludeAndTpl(t *testing.T) {
	root := snapshot(t, map[string]string{
		"chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "chart/values.yaml": "text: '{{ randAlpha 9 }}'\n",
		"chart/templates/_h.tpl":          `{{ define "pw" }}{{ randNumeric 9 | quote }}{{ end }}`,
		"chart/templates/a.yaml":          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {v: {{ include \"pw\" . }}}\n",
		"chart/templates/z.yaml":          "{{ include \"web/templates/part.yaml\" (dict \"x\" 1) }}\n{{ include \"web/templates/part.yaml\" nil }}{{ include \"web/templates/part.yaml\" . }}",
		"chart/templates/part.yaml":       "# {{ randAlpha 3 }}",
		"chart/templates/NOTES.txt":       "{{ now }}",
		"chart/templates/b.yaml":          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {v: {{ tpl .Values.text . }}}\n",
		"chart/charts/s/Chart.yaml":       "apiVersion: v2\nname: s\nversion: 1.0.0\n",
		"chart/charts/s/templates/c.yaml": "{{- /* c */ -}}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {v: {{ uuidv4 }}}\n",
	})
	want := []Drawn{{"chart/charts/s/templates/c.yaml", "uuidv4"}, {"chart/templates/a.yaml", "randNumeric"}, {"chart/templates/b.yaml", "randAlpha"}, {"chart/templates/part.yaml", "randAlpha"}, {"chart/templates/z.yaml", "randAlpha"}}
	if out := mustRender(t, "helm", helmOf(root, nil)); !reflect.DeepEqual(out.Result.Random, want) {
		t.Error(out.Result.Random)
	}
}

func TestHelmMarksAliasedChartsOnce(t *testing.T) {
	need := chartNeed("redis", "17.0.2")
	charts := withDependencies("- {name: redis, version: 17.0.2, repository: REPO, alias: a}\n- {name: redis, version: 17.0.2, repository: REPO, alias: b}\n", nil)
	packed := snapshot(t, map[string]string{"Chart.yaml": "apiVersion: v2\nname: redis\nversion: 17.0.2\n",
		"templates/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}}\ndata: {v: {{ randAlpha 20 }}}\n"})
	out := settled(t, seeded(snapshot(t, charts), nil), nil, Given{Need: need, Root: packed})
	want := []Drawn{{"chart/charts/a/templates/cm.yaml", "randAlpha"}, {"chart/charts/b/templates/cm.yaml", "randAlpha"}}
	if !reflect.DeepEqual(out.Result.Random, want) {
		t.Error(out.Result.Random)
	}
}

func TestHelmErrorsInTheFirstLineNameTheirColumn(t *testing.T) {
	root := snapshot(t, map[string]string{"chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "chart/templates/x.yaml": `a: {{ fail "no way" }}`})
	fault := mustFail(t, codeRender, "helm", helmOf(root, nil))
	if fault.Line != 1 || fault.Column != 6 || strings.Contains(fault.Message, enterFunction) || !strings.Contains(fault.Message, "x.yaml:1:6") {
		t.Errorf("%+v", *fault)
	}
}

func TestHelmRandomTextHasTheLettersOfItsKind(t *testing.T) {
	for function, pattern := range map[string]string{"randAlphaNum": `^[0-9A-Za-z]{400}$`, "randAlpha": `^[A-Za-z]{400}$`, "randNumeric": `^[0-9]{400}$`, "randAscii": `^[ -~]{400}$`} {
		out := drawn(mustRender(t, "helm", helmOf(throwing(t, map[string]string{"x": function + " 400"}), nil)))["x"]
		text, _ := out.(string)
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("%s: %q", function, out)
		}
		if none := drawn(mustRender(t, "helm", helmOf(throwing(t, map[string]string{"x": "randAlpha 0", "y": function + " -3"}), nil))); none["x"] != "" || none["y"] != "" {
			t.Error(none)
		}
		mustFail(t, codeLimit, "helm", helmOf(throwing(t, map[string]string{"x": function + " 2000000000"}), nil))
	}
	out := drawn(mustRender(t, "helm", seeded(throwing(t, map[string]string{"uuid": "uuidv4", "bytes": "randBytes 16", "mixed": `shuffle "äbc"`, "low": "randInt -3 -2"}), nil)))
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(fmt.Sprint(out["uuid"])) {
		t.Error(out["uuid"])
	}
	if raw, err := base64.StdEncoding.DecodeString(fmt.Sprint(out["bytes"])); err != nil || len(raw) != 16 {
		t.Error(out["bytes"])
	}
	if letters := []rune(fmt.Sprint(out["mixed"])); len(letters) != 3 || fmt.Sprint(out["low"]) != "-3" {
		t.Error(out)
	}
	for _, call := range []string{"randInt 3 3", "randInt 3 1", `randBytes 2000000000`, `randBytes -1`} {
		if out := call_(t, call); out.Error == nil {
			t.Errorf("%s: %s", call, out.text)
		}
	}
}

func call_(t *testing.T, expression string) rendered {
	return call(t, "helm", helmOf(throwing(t, map[string]string{"x": expression}), nil))
}

func TestBelowIsEven(t *testing.T) {
	random := newByteStream([32]byte{1})
	counts := map[uint64]int{}
	for range 30_000 {
		counts[below(random, 3)]++
	}
	for value := range uint64(3) {
		if counts[value] < 9_500 || counts[value] > 10_500 {
			t.Error(counts)
		}
	}
	if len(counts) != 3 || below(random, 1) != 0 {
		t.Error(counts)
	}
}

func TestHelmSeededHashesAreValid(t *testing.T) {
	long := strings.Repeat("x", 73)
	out := drawn(mustRender(t, "helm", seeded(throwing(t, map[string]string{
		"b": `bcrypt "pässword"`, "h": `htpasswd "me" "secret"`, "bad": `htpasswd "a:b" "secret"`, "long": `bcrypt "` + long + `"`, "aes": `encryptAES "k" "some text" | decryptAES "k"`}), nil)))
	if err := bcrypt.CompareHashAndPassword([]byte(fmt.Sprint(out["b"])), []byte("pässword")); err != nil {
		t.Error(err, out["b"])
	}
	user, hash, _ := strings.Cut(fmt.Sprint(out["h"]), ":")
	if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte("secret")); err != nil || user != "me" {
		t.Error(err, out["h"])
	}
	if out["bad"] != "invalid username: a:b" || !strings.HasPrefix(fmt.Sprint(out["long"]), "failed to encrypt") || out["aes"] != "some text" {
		t.Error(out)
	}
}

func decodeKey(t *testing.T, text any) (string, []byte) {
	t.Helper()
	block, rest := pem.Decode([]byte(fmt.Sprint(text)))
	if block == nil || len(rest) > 0 {
		t.Fatalf("no PEM: %v", text)
	}
	return block.Type, block.Bytes
}

func TestHelmSeededKeysAreValid(t *testing.T) {
	out := drawn(mustRender(t, "helm", seeded(throwing(t, map[string]string{"rsa": `genPrivateKey "rsa"`, "ecdsa": `genPrivateKey "ecdsa"`, "ed25519": `genPrivateKey "ed25519"`, "odd": `genPrivateKey "odd"`}), nil)))
	kind, der := decodeKey(t, out["rsa"])
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil || kind != "RSA PRIVATE KEY" || key.Validate() != nil || key.N.BitLen() != 4096 || key.E != 65537 {
		t.Error(kind, err)
	}
	kind, der = decodeKey(t, out["ecdsa"])
	if _, err := x509.ParseECPrivateKey(der); err != nil || kind != "EC PRIVATE KEY" {
		t.Error(kind, err)
	}
	kind, der = decodeKey(t, out["ed25519"])
	if parsed, err := x509.ParsePKCS8PrivateKey(der); err != nil || kind != "PRIVATE KEY" || len(parsed.(ed25519.PrivateKey)) != ed25519.PrivateKeySize {
		t.Error(kind, err)
	}
	if out["odd"] != "Unknown type odd" {
		t.Error(out["odd"])
	}
}

func TestSeededDSAKeysAreValid(t *testing.T) {
	var texts []string
	for range 2 {
		made, err := dsaKey(context.Background(), newByteStream([32]byte{7}))
		if err != nil {
			t.Fatal(err)
		}
		block, err := keyBlock(made)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(pem.EncodeToMemory(block)))
		key, _ := made.(*dsa.PrivateKey)
		var form struct {
			Version       int
			P, Q, G, Y, X *big.Int
		}
		if _, err := asn1.Unmarshal(block.Bytes, &form); err != nil || form.X.Cmp(key.X) != 0 || block.Type != "DSA PRIVATE KEY" {
			t.Error(err)
		}
		digest := []byte("0123456789abcdef0123456789abcdef")
		r, s, err := dsa.Sign(nil, key, digest)
		if err != nil || !dsa.Verify(&key.PublicKey, digest, r, s) {
			t.Error(err)
		}
	}
	if texts[0] != texts[1] {
		t.Error("two keys of one seed differ")
	}
}

func TestPrimesAreFoundUntilTheDeadlineOnly(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := rsaKey(ctx, newByteStream([32]byte{9}), 2048); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for i := range 5 {
		key, err := rsaKey(context.Background(), newByteStream([32]byte{byte(i)}), 1024)
		if err != nil || key.N.BitLen() != 1024 || key.Validate() != nil {
			t.Error(err)
		}
	}
}

func TestHelmSeededCertificatesAreValid(t *testing.T) {
	root := snapshot(t, map[string]string{"chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "chart/templates/tls.yaml": `{{- $ca := genCA "my-ca" 365 -}}
{{- $cert := genSignedCert "web" (list "10.0.0.1" "::1") (list "web.example.org") 30 $ca -}}
{{- $other := genCAWithKey "other" 365 (genPrivateKey "ecdsa") -}}
{{- $kept := buildCustomCert ($other.Cert | b64enc) ($other.Key | b64enc) -}}
{{- $second := genSignedCertWithKey "second" nil nil 30 $kept (genPrivateKey "ed25519") -}}
{{- $self := genSelfSignedCert "self" nil (list "x") 30 -}}
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {{ dict "ca" $ca.Cert "cert" $cert.Cert "key" $cert.Key "other" $other.Cert "second" $second.Cert "self" $self.Cert | toJson }}
`})
	data := valuesOf(t, mustRender(t, "helm", seeded(root, nil)))
	certs := map[string]*x509.Certificate{}
	for _, name := range []string{"ca", "cert", "other", "second", "self"} {
		_, der := decodeKey(t, data[name])
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(name, err)
		}
		certs[name] = parsed
	}
	at := time.Unix(testTime, 0).Add(time.Hour)
	for name, ca := range map[string]string{"cert": "ca", "second": "other"} {
		pool := x509.NewCertPool()
		pool.AddCert(certs[ca])
		if _, err := certs[name].Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at}); err != nil {
			t.Error(name, err)
		}
	}
	cert := certs["cert"]
	if !cert.NotBefore.Equal(time.Unix(testTime, 0)) || !cert.NotAfter.Equal(time.Unix(testTime, 0).Add(30*24*time.Hour)) || cert.DNSNames[0] != "web.example.org" || len(cert.IPAddresses) != 2 || !certs["ca"].IsCA || cert.IsCA {
		t.Errorf("%+v", cert)
	}
	_, der := decodeKey(t, data["key"])
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil || key.N.Cmp(cert.PublicKey.(*rsa.PublicKey).N) != 0 {
		t.Error(err)
	}
	if _, isECDSA := certs["other"].PublicKey.(*ecdsa.PublicKey); !isECDSA {
		t.Error(certs["other"].PublicKeyAlgorithm)
	}
	if err := certs["self"].CheckSignature(certs["self"].SignatureAlgorithm, certs["self"].RawTBSCertificate, certs["self"].Signature); err != nil {
		t.Error(err)
	}
}

func TestHelmBadCertificateArgumentsAreErrorsWithoutTheKey(t *testing.T) {
	for _, call := range []string{
		`genSelfSignedCert "a" (list "x") nil 3`, `genSelfSignedCert "a" nil (list 3) 3`, `genCAWithKey "a" 3 "CANARY"`, `genCAWithKey "a" 3 "-----BEGIN RSA PRIVATE KEY-----\nQ0FOQVJZ\n-----END RSA PRIVATE KEY-----\n"`,
		`buildCustomCert "-" "-"`, `buildCustomCert (b64enc "x") (b64enc "CANARY")`, `genCAWithKey "a" 3 "-----BEGIN DSA PRIVATE KEY-----\nQ0FOQVJZ\n-----END DSA PRIVATE KEY-----\n"`,
	} {
		out := call_(t, call)
		if out.Error == nil || out.Error.Code != codeRender || strings.Contains(out.Error.Message, "Q0FOQVJZ") && !strings.Contains(call, "Q0FOQVJZ") {
			t.Errorf("%s: %s", call, out.text)
		}
	}
}

func TestKeysOfASeedAreFoundAgainAndForgottenInTheirOrder(t *testing.T) {
	kept := keyRing{keys: map[[32]byte]crypto.PrivateKey{}}
	for i := range keysKept + 10 {
		name := [32]byte{byte(i), byte(i >> 8)}
		kept.keep(name, i)
		kept.keep(name, i)
	}
	if len(kept.keys) != keysKept || len(kept.order) != keysKept || kept.find([32]byte{9}) != nil || kept.find([32]byte{10}) != 10 {
		t.Error(len(kept.keys), len(kept.order))
	}
	d, err := newDraws(context.Background(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	before := len(ring.keys)
	if _, err := d.certificate(certificateWish{function: "genCA", name: "x", days: 1}); err != nil || len(ring.keys) != before {
		t.Error("a key without a seed was kept", err)
	}
}

func TestHelmSeedsThatAreNoneAreErrors(t *testing.T) {
	mustFail(t, codeRequest, "helm", helmOf(snapshot(t, chartFiles(nil)), params{"seed": "no hex"}))
}

func TestHelmDictionariesComeInTheOrderOfTheirKeys(t *testing.T) {
	out := drawn(mustRender(t, "helm", helmOf(throwing(t, map[string]string{
		"k": `keys (dict "c" 1 "a" 2 "b" 3) (dict "z" 1 "y" 2) | join ","`, "v": `values (dict "c" 1 "a" 2 "b" 3) | join ","`, "n": `keys (dict) | len`}), nil)))
	if out["k"] != "a,b,c,y,z" || out["v"] != "2,3,1" || fmt.Sprint(out["n"]) != "0" {
		t.Error(out)
	}
}

// A bench of what a chart costs that draws a key of its own each time.
func BenchmarkHelmSeededCA(b *testing.B) {
	root := throwing(b, map[string]string{"ca": `genCA "ca" 365`})
	for b.Loop() {
		mustRender(b, "helm", seeded(root, nil))
	}
}
