package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
)

func TestRangesChooseTheNewestThatFits(t *testing.T) {
	versions := []string{"1.0.0", "v1.2.0", "1.10.0", "1.10.0+b", "2.0.0-rc.1", "0.9", "junk"}
	for revision, wanted := range map[string]string{
		"1.0.0": "1.0.0", "v1.0.0": "1.0.0", "1.2": "v1.2.0", "^1": "1.10.0+b", "~1.2.0": "v1.2.0", "1.x": "1.10.0+b",
		">=1.0.0 <1.5.0": "v1.2.0", "1.0.0 - 1.3.0": "v1.2.0", "^3 || ~1.0": "1.0.0", "*": "1.10.0+b", "": "1.10.0+b",
		"HEAD": "1.10.0+b", ">=2.0.0-0": "2.0.0-rc.1", "2.0.0-rc.1": "2.0.0-rc.1", "<1": "0.9", "^4": "", "junk": "junk",
		"!!": "", "nothing": "", "1.0.0; rm": "", strings.Repeat("1", 300): "",
	} {
		if got := chooseVersion(versions, wantedRevision{Revision: revision}); got != wanted {
			t.Errorf("%q chose %q, not %q", revision, got, wanted)
		}
	}
	if got := newestIn([]string{"a-1.0.0", "b-9.0.0", "2.0.0"}, wantedRevision{"*", "a-"}); got != "a-1.0.0" {
		t.Errorf("with a prefix: %q", got)
	}
}

func TestTheOrderOfVersionsDoesNotMatter(t *testing.T) {
	versions := []string{"1.0.0", "v1.0.0", "1.0.0+a", "1.0.0+b"}
	first := newestIn(versions, wantedRevision{Revision: "*"})
	slices.Reverse(versions)
	if second := newestIn(versions, wantedRevision{Revision: "*"}); first != second {
		t.Errorf("%q and %q", first, second)
	}
	if _, err := semver.NewVersion(first); err != nil {
		t.Error(err)
	}
}

func TestE9AddressesThatAreNeverReached(t *testing.T) {
	guard := &reach{metPrivate: &atomic.Bool{}}
	for _, text := range []string{
		"169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "::169.254.169.254",
		"64:ff9b::169.254.169.254", "2002:a9fe:a9fe::", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "255.255.255.255",
		"100.100.100.200", "168.63.129.16", "fd00:ec2::254", "64:ff9b:1::a9fe:a9fe",
	} {
		if guard.check(netip.MustParseAddr(text)) == nil {
			t.Errorf("%s may be reached", text)
		}
	}
	for _, text := range []string{"127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "::1", "fd12::1", "1.1.1.1", "2606:4700::1111"} {
		if err := guard.check(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestE9APublicServerNamesNoPrivateAddress(t *testing.T) {
	met := &atomic.Bool{}
	near, far := &reach{metPrivate: met}, &reach{metPrivate: met, far: true}
	inside := netip.MustParseAddr("10.0.0.1")
	if near.check(netip.MustParseAddr("1.1.1.1")) != nil || far.check(inside) == nil {
		t.Error("a public server led to a private address")
	}
	if near.check(inside) != nil || far.check(inside) != nil {
		t.Error("a private server may name its neighbours")
	}
	closed := &reach{metPrivate: met, blockPrivate: true}
	for _, text := range []string{"10.0.0.1", "127.0.0.1", "100.64.0.1", "::1", "fd12::1", "::ffff:10.0.0.1"} {
		if closed.check(netip.MustParseAddr(text)) == nil {
			t.Errorf("%s may be reached though private addresses are closed", text)
		}
	}
}

func TestNoProxy(t *testing.T) {
	for _, each := range []struct {
		entry, host, port string
		wanted            bool
	}{
		{"*", "a.test", "443", true},
		{"example.org", "example.org", "443", true},
		{"example.org", "a.example.org", "443", true},
		{"example.org", "badexample.org", "443", false},
		{".example.org", "example.org", "443", false},
		{".example.org", "a.example.org", "443", true},
		{"*.example.org", "a.EXAMPLE.org.", "443", true},
		{"example.org:8443", "example.org", "443", false},
		{"example.org:8443", "example.org", "8443", true},
		{"10.0.0.0/8", "10.1.2.3", "80", true},
		{"10.0.0.0/8", "11.1.2.3", "80", false},
		{"10.1.2.3", "10.1.2.3", "80", true},
		{"::1", "::1", "80", true},
		{"[::1]:80", "::1", "80", true},
		{"[::1]:81", "::1", "80", false},
		{"fd00::/8", "fd12::1", "80", true},
		{"", "a.test", "80", false},
	} {
		if got := bypasses([]string{each.entry}, each.host, each.port); got != each.wanted {
			t.Errorf("%+v: %v", each, got)
		}
	}
}

func TestS12WhoMayKnowAPassword(t *testing.T) {
	for _, each := range []struct {
		registry, realm string
		wanted          bool
	}{
		{"https://registry.example.org", "https://registry.example.org/token", true},
		{"https://registry.example.org:5050", "https://registry.example.org/token", true},
		{"https://registry.example.org", "https://auth.example.org/token", true},
		{"https://registry.example.co.uk", "https://auth.other.co.uk/token", false},
		{"https://one.github.io", "https://two.github.io/token", false},
		{"https://registry.example.org", "http://registry.example.org/token", false},
		{"https://registry.example.org", "http://auth.example.org/token", false},
		{"http://registry.example.org", "http://registry.example.org:1/token", true},
		{"http://registry.example.org", "http://auth.example.org/token", false},
		{"https://registry.example.org", "https://attacker.test/token", false},
		{"https://registry.example.org", "https://registry.example.org.attacker.test/", false},
		{"https://10.0.0.1", "https://10.0.0.2/", false},
		{"https://registry.example.org", "https://listed.test/", true},
		{"https://registry.example.org", "file://registry.example.org/", false},
	} {
		registry, _ := url.Parse(each.registry)
		realm, _ := url.Parse(each.realm)
		if got := mayKnow(registry, realm, []string{"LISTED.test"}); got != each.wanted {
			t.Errorf("%+v: %v", each, got)
		}
	}
}

func TestChallenges(t *testing.T) {
	scheme, params := parseChallenge(`Bearer realm="https://h/t?a=b,c",service=reg,scope="repository:a/b:pull,push" , x="q\"q"`)
	wanted := map[string]string{"realm": "https://h/t?a=b,c", "service": "reg", "scope": "repository:a/b:pull,push", "x": `q"q`}
	if scheme != "bearer" || fmt.Sprint(params) != fmt.Sprint(wanted) {
		t.Error(scheme, params)
	}
	for _, odd := range []string{"", "Basic", "Bearer", `Bearer realm="`, "Bearer =,=,", "Bearer realm", ",,,", `Bearer "`, `Bearer a=\`} {
		parseChallenge(odd) // ends, and panics not
	}
}

func FuzzParseChallenge(f *testing.F) {
	f.Add(`Bearer realm="https://h/t",service="s"`)
	f.Fuzz(func(_ *testing.T, header string) { parseChallenge(header) })
}

func FuzzReadIndex(f *testing.F) {
	f.Add("apiVersion: v1\nentries:\n  web:\n  - {version: 1.0.0, urls: [a.tgz]}\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = readIndex([]byte(text), map[string][]string{"web": {"^1"}}) })
}

func TestS8WordsHoldNoSecret(t *testing.T) {
	access := &fetchAccess{Password: "p@ss word/1", Token: "a-token"}
	words := scrub("Get \"https://u:p@h/x?sig=S#f\": p@ss word/1 "+url.QueryEscape(access.Password)+" a-token\x1b[0m", access)
	for _, secret := range []string{"sig", "p@ss", "p%40ss", "a-token", "u:p", "\x1b"} {
		if strings.Contains(words, secret) {
			t.Errorf("%q shows %q", words, secret)
		}
	}
	if !strings.Contains(words, "https://h/x") {
		t.Error(words)
	}
}

func TestURLsOfAnIndex(t *testing.T) {
	base, _ := url.Parse("https://h/charts?token=x")
	for reference, wanted := range map[string]string{
		"a.tgz": "https://h/charts/a.tgz?token=x", "../a.tgz": "https://h/a.tgz?token=x", "/a.tgz": "https://h/a.tgz?token=x",
		"https://o/a.tgz": "https://o/a.tgz", "https://u:p@o/a.tgz#f": "https://o/a.tgz", "//o/a.tgz": "https://o/a.tgz?token=x",
		"oci://h/a:1": "oci://h/a:1", "a.tgz?b=c": "https://h/charts/a.tgz?b=c",
	} {
		if got, err := chartURL(base, reference); err != nil || got.String() != wanted {
			t.Errorf("%s: %v, %v", reference, got, err)
		}
	}
	for _, odd := range []string{"file:///etc/passwd", "s3://b/x", "git::https://h/x", "ht tp://x", "%zz", "ftp://h/x"} {
		if got, err := chartURL(base, odd); err == nil {
			t.Errorf("%s became %v", odd, got)
		}
	}
}

func TestAnIndexOfManyChartsIsReadInTime(t *testing.T) {
	var index strings.Builder
	index.WriteString("apiVersion: v1\nentries:\n")
	for chart := range 200 {
		fmt.Fprintf(&index, "  chart%d:\n", chart)
		for version := range 100 {
			fmt.Fprintf(&index, "  - apiVersion: v2\n    name: chart%d\n    version: 1.%d.0\n    description: what it is! *bold*\n    digest: %064d\n    created: 2020-01-01T00:00:00Z\n    urls:\n    - chart%d-1.%d.0.tgz\n", chart, version, version, chart, version)
		}
	}
	began := time.Now()
	charts, err := readIndex([]byte(index.String()), map[string][]string{"chart7": {"^1", "1.5.0"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(charts["chart7"].Versions) != 100 || charts["chart7"].Chosen["^1"] != "1.99.0" || charts["chart7"].Chosen["1.5.0"] != "1.5.0" {
		t.Error(charts["chart7"].Chosen)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("%d bytes took %s", index.Len(), took)
	}
	t.Logf("%d bytes took %s", index.Len(), time.Since(began))
}

func TestRequestsThatAreNotValidAreAnswered(t *testing.T) {
	for _, frame := range []string{``, `{}`, `[]`, `{"op":"index"}`, `{"op":"x","limits":{}}`, `{"unknown":1}`, `{"op":"range","limits":{"seconds":1}}`} {
		var answer fetchFailure
		if err := json.Unmarshal(answerFetch([]byte(frame)), &answer); err != nil || answer.Kind != failInternal {
			t.Errorf("%s: %+v %v", frame, answer, err)
		}
	}
}
