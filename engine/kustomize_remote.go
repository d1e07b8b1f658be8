package main

import (
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// remoteBase is a folder of a git repository elsewhere, as a kustomization names it.
type remoteBase struct {
	url    string // without user info for http(s); ssh://… or user@host:path
	ref    string // branch, tag or commit; "" is HEAD
	folder string // below the repository's root; "." is the root
}

func (r remoteBase) need() Need { return Need{Kind: needGit, URL: r.url, Version: r.ref} }

const githubHost = "github.com"

var (
	remoteScheme = regexp.MustCompile(`^(?i)(https?|ssh|file)://`)
	remoteUser   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)
	remoteHost   = regexp.MustCompile(`^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$`)
	azureMark    = regexp.MustCompile(`(?:^|/)_git/`)
	repoSuffix   = regexp.MustCompile(`\.git(?:/|$)`)
)

// parseRemoteBase reads the forms that Kustomize takes for a folder of a git repository
// (https://github.com/kubernetes-sigs/kustomize/blob/master/examples/remoteBuild.md), more strictly: what is odd is
// refused, never guessed at, and no text of a repository becomes an option of a program (advisory E1).
func parseRemoteBase(text string) (remoteBase, *Fault) {
	rest := text
	if len(rest) >= 5 && strings.EqualFold(rest[:5], "git::") {
		rest = rest[5:]
	}
	if why := oddCharacters(rest); why != "" {
		return remoteBase{}, oddRemote(text, why)
	}
	rest, query, _ := strings.Cut(rest, "?")
	ref, why := remoteRef(query)
	if why != "" {
		return remoteBase{}, oddRemote(text, why)
	}
	prefix, rest, why := remotePrefix(rest)
	if why != "" {
		return remoteBase{}, oddRemote(text, why)
	}
	repository, folder, why := splitRepository(rest)
	if why != "" {
		return remoteBase{}, oddRemote(text, why)
	}
	return remoteBase{prefix + repository, ref, folder}, nil
}

func oddRemote(text, why string) *Fault {
	return faultf(codeRefused, "remote address %q is refused: %s", maskURL(text), why).
		hint("write https://host/org/repository//folder?ref=v1, or git@host:org/repository.git//folder?ref=v1")
}

// oddCharacters says what no address may hold: it could mean something to a shell, a log or a parser down the road.
func oddCharacters(text string) string {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return "its percent escapes are not valid"
	}
	switch {
	case len(text) > maxURLLength:
		return "it is too long"
	case strings.HasPrefix(text, "-"):
		return "it begins with '-'"
	case strings.Contains(text, "#"):
		return "it has a fragment"
	}
	for _, letter := range text {
		if letter > '~' {
			return "it holds characters outside of ASCII"
		}
	}
	for _, letter := range plain {
		if letter <= ' ' || letter == 0x7f || strings.ContainsRune("\"'`;$\\<>|", letter) {
			return "it holds a space, a control character, a quote, or one of ; $ ` \\ < > |"
		}
	}
	return ""
}

// remoteRef takes the ref from the query; timeout and submodules are taken and left to our own fetching.
func remoteRef(query string) (ref, why string) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", "its query cannot be read"
	}
	for name, all := range values {
		if !slices.Contains([]string{"ref", "version", "timeout", "submodules", "depth"}, name) {
			return "", "its query has the unknown parameter " + name
		}
		if len(all) > 1 {
			return "", "its query gives " + name + " twice"
		}
	}
	if ref = values.Get("ref"); ref == "" {
		ref = values.Get("version")
	}
	if ref != "" && !validRevision(ref) {
		return "", "its ref is not the name of a branch, tag or commit"
	}
	return ref, ""
}

var badInRef = regexp.MustCompile(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)`)

// validRevision says whether text can name a branch, tag or commit (git-check-ref-format(1)).
func validRevision(text string) bool {
	return text != "" && len(text) <= 1024 && !strings.ContainsAny(text[:1], "-/.") && !strings.ContainsAny(text[len(text)-1:], "/.") &&
		text != "@" && !badInRef.MatchString(text)
}

// remotePrefix takes scheme, user and host off an address; prefix is what stands before the repository's path.
func remotePrefix(text string) (prefix, rest, why string) {
	scheme := strings.ToLower(remoteScheme.FindString(text))
	text = text[len(scheme):]
	if scheme == "file://" {
		return "", "", "local repositories are not fetched"
	}
	user := remoteUser.FindString(text)
	text = text[len(user):]
	if strings.Contains(strings.SplitN(text, "/", 2)[0], "@") {
		return "", "", "it holds credentials, which belong into gitopsd's configuration"
	}
	lowered := strings.ToLower(text)
	onGithub := strings.HasPrefix(lowered, githubHost+"/") || strings.HasPrefix(lowered, githubHost+":") && scheme == ""
	if onGithub {
		return githubPrefix(scheme, user), text[len(githubHost)+1:], ""
	}
	if scheme == "" {
		return scpPrefix(user, text)
	}
	host, rest, found := strings.Cut(text, "/")
	if why := badHost(host); why != "" || !found {
		return "", "", firstOf(why, "it names no repository")
	}
	if scheme != "ssh://" {
		user = "" // credentials are chosen by the configuration for the URL
	}
	return scheme + user + host + "/", rest, ""
}

// githubPrefix: Kustomize takes github.com/… and github.com:… without scheme, and http for https.
func githubPrefix(scheme, user string) string {
	switch {
	case user != "" && !strings.HasPrefix(scheme, "http"):
		return user + githubHost + ":"
	case scheme == "ssh://":
		return "git@" + githubHost + ":"
	}
	return "https://" + githubHost + "/"
}

// scpPrefix reads user@host:path.
func scpPrefix(user, text string) (prefix, rest, why string) {
	host, rest, found := strings.Cut(text, ":")
	if user == "" || !found || strings.Contains(host, "/") {
		return "", "", "it is neither scheme://host/path nor user@host:path"
	}
	if strings.HasPrefix(rest, "-") {
		return "", "", "its path begins with '-'"
	}
	below := strings.TrimPrefix(rest, "/")
	return user + host + ":" + rest[:len(rest)-len(below)], below, badHost(host)
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// badHost refuses hosts that are no names and addresses that are nobody's server (advisory E9); what a name resolves to
// is checked where connections are made.
func badHost(host string) string {
	if !remoteHost.MatchString(host) {
		return "its host is missing or not valid"
	}
	bare := host
	if at := strings.LastIndex(host, ":"); at > strings.LastIndex(host, "]") {
		bare = host[:at]
	}
	if address, err := netip.ParseAddr(strings.Trim(bare, "[]")); err == nil {
		if address = address.Unmap(); address.IsLinkLocalUnicast() || address.IsMulticast() || address.IsUnspecified() {
			return "its host is a link-local, multicast or unspecified address"
		}
	}
	return ""
}

// splitRepository divides a path into the repository and the folder in it: behind `_git/NAME`, at `//`, behind `.git`,
// else behind two parts, as Kustomize does.
func splitRepository(text string) (repository, folder, why string) {
	if at := azureMark.FindStringIndex(text); at != nil {
		name, below, _ := strings.Cut(text[at[1]:], "/")
		if name != "" {
			repository, folder = text[:at[1]]+name, below
		}
	} else if before, after, found := strings.Cut(text, "//"); found {
		repository, folder = before, after
	} else if at := repoSuffix.FindStringIndex(text); at != nil {
		repository, folder = text[:at[0]+len(".git")], text[at[1]:]
	} else if parts := strings.SplitN(text, "/", 3); len(parts) >= 2 && parts[1] != "" {
		repository = parts[0] + "/" + parts[1]
		if len(parts) == 3 {
			folder = parts[2]
		}
	}
	repository = strings.TrimRight(repository, "/")
	if repository == "" {
		return "", "", "it names no repository"
	}
	for _, part := range strings.Split(repository, "/") {
		if part == "" || part == "." || part == ".." || strings.HasPrefix(part, "-") {
			return "", "", "its path is not valid"
		}
	}
	folder = path.Clean(strings.Trim(folder, "/"))
	if folder == ".." || strings.HasPrefix(folder, "../") {
		return "", "", "its folder leaves the repository"
	}
	return repository, folder, ""
}

// remoteFileScheme is how Kustomize tells a file of the web.
var remoteFileScheme = regexp.MustCompile(`^(?i)https?://`)

// parseRemoteFile checks the URL of a file of the web, and says what is needed for it.
func parseRemoteFile(text string) (Need, *Fault) {
	if !remoteFileScheme.MatchString(text) {
		return Need{}, oddRemote(text, "a file comes from http or https only")
	}
	if why := oddCharacters(text); why != "" {
		return Need{}, oddRemote(text, why)
	}
	scheme, rest, _ := strings.Cut(text, "://")
	host, below, _ := strings.Cut(rest, "/")
	if strings.Contains(host, "@") {
		return Need{}, oddRemote(text, "it holds credentials, which belong into gitopsd's configuration")
	}
	if why := badHost(host); why != "" {
		return Need{}, oddRemote(text, why)
	}
	return Need{Kind: needHTTP, URL: strings.ToLower(scheme) + "://" + host + "/" + below}, nil
}

// Kustomize finds out by downloading whether a URL is a file or a git repository. These tell it without.
var (
	manifestName = regexp.MustCompile(`(?i)\.(ya?ml|json)$`)
	githubFile   = regexp.MustCompile(`^(?i)https?://github\.com/[^/]+/[^/]+/(raw|releases)/`)
	forge        = regexp.MustCompile(`^(?i)https?://(www\.)?(github\.com|gitlab\.com|bitbucket\.org|codeberg\.org|dev\.azure\.com)/`)
)

// remoteForm says what an entry that names a file or a folder can be: a file of the web, a folder of a git repository,
// or both, in which case the file is tried first.
func remoteForm(text string) (file, folder bool) {
	if !remoteFileScheme.MatchString(text) {
		return false, true
	}
	address, query, _ := strings.Cut(text, "?")
	below := address[strings.Index(address, "://")+3:]
	values, _ := url.ParseQuery(query)
	switch {
	case manifestName.MatchString(address), githubFile.MatchString(address):
		return true, false
	case strings.Contains(below, "//"), strings.Contains(below, "/_git/"), repoSuffix.MatchString(below), forge.MatchString(address):
		return false, true
	case (values.Has("ref") || values.Has("version")) && path.Base(below) != "raw":
		return false, true
	}
	return true, true
}
