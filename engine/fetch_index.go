package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const maxIndexAliases = 40

// nameOfChart is what Helm's own `helm create` and repositories allow; a name is never a path (P9).
var nameOfChart = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,249}$`)

// indexedVersion is one version of a chart as an index lists it.
type indexedVersion struct {
	Version string   `json:"version"`
	Digest  string   `json:"digest,omitempty"`
	URLs    []string `json:"urls"`
}

// indexedChart holds all versions of a chart, and which of them each wanted revision means ("" for none).
type indexedChart struct {
	Versions []indexedVersion  `json:"versions"`
	Chosen   map[string]string `json:"chosen"`
}

// fetchIndex reads a Helm repository's index.yaml for the charts that are wanted; those that it does not list are
// absent from the answer. https://helm.sh/docs/topics/chart_repository/#the-index-file
func fetchIndex(ctx context.Context, request *fetchRequest) (any, error) {
	base, err := parseWebURL(request.Access.URL)
	if err != nil {
		return nil, err
	}
	client, err := newWeb(&request.Access, base, &request.Limits)
	if err != nil {
		return nil, err
	}
	client.authorization = basicOrBearer(&request.Access)
	response, err := client.get(ctx, base.JoinPath("index.yaml"), request.Known.headers())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotModified {
		return map[string]any{"unchanged": true}, nil
	}
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	charts, err := readIndex(data, request.Charts)
	if err != nil {
		return nil, err
	}
	return map[string]any{"charts": charts, "stamp": stampOf(response)}, nil
}

// headers ask for a document only if it is another one by now.
func (s fetchStamp) headers() http.Header {
	header := http.Header{}
	if s.ETag != "" {
		header.Set("If-None-Match", s.ETag)
	} else if s.LastModified != "" {
		header.Set("If-Modified-Since", s.LastModified)
	}
	return header
}

func stampOf(response *http.Response) fetchStamp {
	return fetchStamp{ETag: response.Header.Get("ETag"), LastModified: response.Header.Get("Last-Modified")}
}

// readIndex finds the wanted charts in an index. The text is read once, into nodes: aliases are not expanded, and what
// lies beside the wanted charts is not looked at.
func readIndex(data []byte, wanted map[string][]string) (map[string]indexedChart, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fetchFailed(failProtocol, "the index is not YAML: %s", yamlFault(err, "index.yaml", 0).Message)
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, fetchFailed(failProtocol, "the index is empty")
	}
	top, err := fieldsOf(document.Content[0])
	if err != nil {
		return nil, err
	}
	if top["apiVersion"] == nil || top["entries"] == nil {
		return nil, fetchFailed(failProtocol, "the answer is no index of a Helm repository: it has no apiVersion or no entries")
	}
	entries, err := fieldsOf(top["entries"])
	if err != nil {
		return nil, err
	}
	charts := map[string]indexedChart{}
	for name, revisions := range wanted {
		if entries[name] == nil {
			continue
		}
		versions, err := versionsOf(entries[name])
		if err != nil {
			return nil, err
		}
		charts[name] = indexedChart{versions, chosenOf(versions, revisions)}
	}
	return charts, nil
}

func chosenOf(versions []indexedVersion, revisions []string) map[string]string {
	texts := make([]string, 0, len(versions))
	for _, each := range versions {
		texts = append(texts, each.Version)
	}
	chosen := map[string]string{}
	for _, revision := range revisions {
		chosen[revision] = chooseVersion(texts, wantedRevision{Revision: revision})
	}
	return chosen
}

func versionsOf(list *yaml.Node) ([]indexedVersion, error) {
	list = target(list)
	if list.Kind != yaml.SequenceNode {
		return nil, fetchFailed(failProtocol, "the index lists a chart's versions as something that is no list")
	}
	versions := make([]indexedVersion, 0, len(list.Content))
	seen := map[string]bool{}
	for _, item := range list.Content {
		fields, err := fieldsOf(item)
		if err != nil {
			return nil, err
		}
		found := indexedVersion{Version: scalar(fields["version"]), Digest: plainDigest(scalar(fields["digest"]))}
		if urls := target(fields["urls"]); urls != nil && urls.Kind == yaml.SequenceNode {
			for _, each := range urls.Content {
				found.URLs = append(found.URLs, scalar(each))
			}
		}
		if found.Version == "" || len(found.Version) > maxRangeLength || len(found.URLs) == 0 || scalar(fields["removed"]) == "true" {
			continue // Helm leaves invalid entries out, too
		}
		if seen[found.Version] {
			continue // and takes the first of several
		}
		seen[found.Version] = true
		versions = append(versions, found)
	}
	return versions, nil
}

// fieldsOf gives a mapping's values by key; a key that is set twice is an error (C3).
func fieldsOf(node *yaml.Node) (map[string]*yaml.Node, error) {
	node = target(node)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil, fetchFailed(failProtocol, "the index holds something else where a mapping belongs")
	}
	fields := make(map[string]*yaml.Node, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i].Value
		if fields[key] != nil {
			return nil, fetchFailed(failProtocol, "line %d of the index sets the key %q twice", node.Content[i].Line, clip(key, 60))
		}
		fields[key] = node.Content[i+1]
	}
	return fields, nil
}

// target follows aliases.
func target(node *yaml.Node) *yaml.Node {
	for hops := 0; node != nil && node.Kind == yaml.AliasNode; hops++ {
		if hops == maxIndexAliases {
			return nil
		}
		node = node.Alias
	}
	return node
}

func scalar(node *yaml.Node) string {
	node = target(node)
	if node == nil || node.Kind != yaml.ScalarNode || node.Tag == "!!null" {
		return ""
	}
	return node.Value
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// plainDigest gives the 64 hex digits of a SHA-256, with or without `sha256:` before them; "" for anything else.
func plainDigest(text string) string {
	plain := strings.ToLower(strings.TrimPrefix(text, "sha256:"))
	if !sha256Hex.MatchString(plain) {
		return ""
	}
	return plain
}

// chartURL resolves a URL of an index, as Helm does: relative ones are below the repository, and take over its query.
func chartURL(base *url.URL, reference string) (*url.URL, error) {
	parsed, err := url.Parse(reference)
	if err != nil {
		return nil, fetchFailed(failRefused, "the index holds a URL that cannot be read")
	}
	if parsed.IsAbs() {
		if parsed.Scheme != "oci" {
			return parseWebURL(reference)
		}
		return parsed, nil
	}
	below := *base
	below.Path = strings.TrimSuffix(below.Path, "/") + "/"
	below.RawPath = ""
	resolved := below.ResolveReference(parsed)
	if resolved.RawQuery == "" {
		resolved.RawQuery = base.RawQuery
	}
	resolved.User, resolved.Fragment = nil, ""
	if resolved.Scheme != "http" && resolved.Scheme != "https" {
		return nil, errors.New("the repository's URL is not http")
	}
	return resolved, nil
}
