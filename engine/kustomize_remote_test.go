package main

import (
	"strings"
	"testing"
)

func TestRemoteBasesAreReadAsKustomizeReadsThem(t *testing.T) {
	for text, want := range map[string]remoteBase{
		"https://github.com/org/repo":                                  {"https://github.com/org/repo", "", "."},
		"https://github.com/org/repo/a/b?ref=v1.2":                     {"https://github.com/org/repo", "v1.2", "a/b"},
		"https://github.com/org/repo//a/b/?ref=v1.2":                   {"https://github.com/org/repo", "v1.2", "a/b"},
		"http://github.com/org/repo.git/a?version=main":                {"https://github.com/org/repo.git", "main", "a"},
		"github.com/org/repo/sub?ref=feature/x":                        {"https://github.com/org/repo", "feature/x", "sub"},
		"GitHub.com/org/repo":                                          {"https://github.com/org/repo", "", "."},
		"github.com:org/repo/sub":                                      {"https://github.com/org/repo", "", "sub"},
		"git@github.com:org/repo//sub?ref=v1":                          {"git@github.com:org/repo", "v1", "sub"},
		"git@github.com/org/repo/sub":                                  {"git@github.com:org/repo", "", "sub"},
		"org-123@github.com:org/repo":                                  {"org-123@github.com:org/repo", "", "."},
		"ssh://git@github.com/org/repo/sub":                            {"git@github.com:org/repo", "", "sub"},
		"ssh://github.com/org/repo":                                    {"git@github.com:org/repo", "", "."},
		"git::https://git.example.org/org/repo//sub":                   {"https://git.example.org/org/repo", "", "sub"},
		"git::git@git.example.org:org/repo.git//sub":                   {"git@git.example.org:org/repo.git", "", "sub"},
		"hTTps://git.example.org:8443/a/b/c.git/d/e?timeout=90&ref=v1": {"https://git.example.org:8443/a/b/c.git", "v1", "d/e"},
		"https://git.example.org/a/b/c//d?submodules=false":            {"https://git.example.org/a/b/c", "", "d"},
		"https://git@git.example.org/a/b//d":                           {"https://git.example.org/a/b", "", "d"},
		"ssh://git@git.example.org:7999/p/r.git//d?ref=v1":             {"ssh://git@git.example.org:7999/p/r.git", "v1", "d"},
		"git@git.example.org:infra/deep/base.git?ref=v0.1.0":           {"git@git.example.org:infra/deep/base.git", "v0.1.0", "."},
		"git@git.example.org:/srv/git/base.git//sub":                   {"git@git.example.org:/srv/git/base.git", "", "sub"},
		"https://org@dev.azure.com/org/project/_git/repo/a/b?ref=v1":   {"https://dev.azure.com/org/project/_git/repo", "v1", "a/b"},
		"https://tfs.example.org/c/p/_git/repo?version=v1":             {"https://tfs.example.org/c/p/_git/repo", "v1", "."},
		"https://github.com/org/my.github.io/sub":                      {"https://github.com/org/my.github.io", "", "sub"},
		"https://git.example.org/o/r?ref=0123456789abcdef":             {"https://git.example.org/o/r", "0123456789abcdef", "."},
		"https://[2001:db8::1]:3000/o/r.git":                           {"https://[2001:db8::1]:3000/o/r.git", "", "."},
		"https://git.example.org/o/r//a/../b":                          {"https://git.example.org/o/r", "", "b"},
	} {
		if base, fault := parseRemoteBase(text); fault != nil || base != want {
			t.Errorf("%s: %+v %v", text, base, fault)
		}
	}
}

// odd are addresses that nobody needs and that other tools tripped over.
var odd = []string{
	"https://h/o/r?ref=--upload-pack=touch%20/tmp/pwn", "https://h/o/r?ref=-x", "https://h/o/r?version=-x", "https://h/o/r?ref=a..b", "https://h/o/r?ref=v1%0a-x",
	"https://h/o/r?ref=a&ref=b", "https://h/o/r?ref=v1&upload-pack=x", "https://h/o/r?ref=a~1", "https://h/o/r?ref=@{1}", "https://h/o/r?ref=%zz",
	"file:///etc", "FILE:///etc", "git::file:///srv/repo.git", "git::git::https://h/o/r", "git::___", "ftp://h/o/r", "ext::sh -c x", "s3::https://h/o/r", "hg::https://h/o/r",
	" https://h/o/r", "https://h/o/r\n", "https://user:password@h/o/r", "ssh://user:password@h/o/r", "https://h", "https://h/o", "https:///o/r",
	"https://h/o/r//../../x", "https://h/o/../r.git", "https://h/o/r#frag", "https://h/o/r;x", "https://h/$(id)/r", "https://h/`id`/r", "https://h/o/%2e%2e%3bx/r", "https://h\\@x/o/r",
	"https://169.254.169.254/o/r", "http://[fe80::1]/o/r", "http://0.0.0.0/o/r", "ssh://-oProxyCommand=x/o/r", "git@-oProxyCommand=x:o/r", "git@host:-o/r", "user@host/o/r.git",
	"https://h/o/ré", "https://h/-o/r",
}

func TestE1OddRemoteAddressesAreRefused(t *testing.T) {
	for _, text := range odd {
		base, fault := parseRemoteBase(text)
		if fault == nil || fault.Code != codeRefused || fault.Hint == "" || strings.Contains(fault.Message, "password") {
			t.Errorf("%q: %+v %+v", text, base, fault)
		}
	}
}

func TestRemoteFilesAreReadStrictly(t *testing.T) {
	for text, want := range map[string]string{
		"https://example.org/a/b.yaml":            "https://example.org/a/b.yaml",
		"HTTPS://example.org:8443/a.yaml?token=x": "https://example.org:8443/a.yaml?token=x",
	} {
		if need, fault := parseRemoteFile(text); fault != nil || need != (Need{Kind: needHTTP, URL: want}) {
			t.Errorf("%s: %+v %v", text, need, fault)
		}
	}
	for _, text := range []string{
		"ftp://example.org/a.yaml", "file:///etc/passwd", "https://user:password@example.org/a.yaml", "https:///a.yaml", "https://example.org/a b.yaml", "https://example.org/a.yaml#x",
		"http://169.254.169.254/latest/meta-data", "http://[fe80::1%25eth0]/x", "git@example.org:a.yaml",
	} {
		if need, fault := parseRemoteFile(text); fault == nil || fault.Code != codeRefused || strings.Contains(fault.Message, "password") {
			t.Errorf("%q: %+v %+v", text, need, fault)
		}
	}
}

func TestWhatAURLStandsForIsToldByItsForm(t *testing.T) {
	type form struct{ file, folder bool }
	for text, want := range map[string]form{
		"https://raw.githubusercontent.com/o/r/main/a.yaml":               {true, false},
		"https://github.com/o/r/releases/download/v1/install.yaml":        {true, false},
		"https://github.com/o/r/raw/main/plain":                           {true, false},
		"https://github.com/o/r/config/default?ref=v1":                    {false, true},
		"https://github.com/o/r":                                          {false, true},
		"https://git.example.org/o/r.git/sub":                             {false, true},
		"https://git.example.org/o/r//sub":                                {false, true},
		"https://git.example.org/o/r/sub?ref=v1":                          {false, true},
		"https://git.example.org/api/v4/projects/1/files/x.yaml/raw?ref=": {true, true},
		"https://git.example.org/o/r/sub":                                 {true, true},
		"git@git.example.org:o/r":                                         {false, true},
		"ssh://git@git.example.org/o/r/x.yaml":                            {false, true},
	} {
		if file, folder := remoteForm(text); (form{file, folder}) != want {
			t.Errorf("%s: %v %v", text, file, folder)
		}
	}
}

// FuzzRemoteAddresses holds what is accepted to what may reach a git program or a log.
func FuzzRemoteAddresses(f *testing.F) {
	for _, text := range append([]string{"https://github.com/org/repo//a?ref=v1", "git@host:org/repo.git/x", "ssh://git@host:22/o/r", "https://h/a/_git/b/c?version=x"}, odd...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if base, fault := parseRemoteBase(text); fault == nil {
			if strings.HasPrefix(base.ref, "-") || strings.HasPrefix(base.url, "-") || strings.ContainsAny(base.url+base.ref, "\"'`;$\\<>| \x00\n\r\t?#") ||
				strings.HasPrefix(base.folder, "/") || base.folder == ".." || strings.HasPrefix(base.folder, "../") || strings.Contains(base.url, "/../") ||
				strings.HasPrefix(base.url, "file:") || strings.Contains(base.url, "::") && !strings.Contains(base.url, "[") {
				t.Errorf("%q: %+v", text, base)
			}
			if again, fault := parseRemoteBase(base.url + "//" + base.folder); fault != nil || again.url != base.url && !strings.Contains(base.url, "_git/") {
				t.Errorf("%q is not read as it was written: %+v, %+v", text, base, again)
			}
		}
		if need, fault := parseRemoteFile(text); fault == nil && strings.Contains(strings.SplitN(strings.SplitN(need.URL, "://", 2)[1], "/", 2)[0], "@") {
			t.Errorf("%q: %+v", text, need)
		}
		remoteForm(text)
		maskURL(text)
	})
}
