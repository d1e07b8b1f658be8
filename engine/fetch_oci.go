package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
)

const (
	maxManifestBytes = 4 << 20
	tagPageSize      = 1000
	maxTags          = 200_000

	chartLayer      = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	chartProvenance = "application/vnd.cncf.helm.chart.provenance.v1.prov"
)

// layerTypes are the contents that can be unpacked, as Argo CD's reposerver.oci.layer.media.types has them.
var layerTypes = map[string]bool{chartLayer: true, ocispec.MediaTypeImageLayer: true, ocispec.MediaTypeImageLayerGzip: true}

var (
	tagName    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	digestName = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// artifact is one repository of a registry.
type artifact struct {
	*remote.Repository
	client *registryClient
	tags   []string
	listed bool
}

// openArtifact prepares requests to `oci://HOST/REPOSITORY`. own is the URL that access is for, usually the same one.
func openArtifact(request *fetchRequest, reference string, plain bool) (*artifact, error) {
	repository, err := remote.NewRepository(strings.TrimPrefix(reference, "oci://"))
	if err != nil {
		return nil, fetchFailed(failRefused, "this is not the URL of a repository in a registry")
	}
	repository.PlainHTTP = plain
	repository.TagListPageSize = tagPageSize
	repository.TagListMaxPages = request.Limits.Pages
	repository.MaxMetadataBytes = maxManifestBytes
	scheme := map[bool]string{true: "http", false: "https"}[plain]
	base := &url.URL{Scheme: scheme, Host: repository.Reference.Host()}
	client, err := newWeb(&request.Access, base, &request.Limits)
	if err != nil {
		return nil, err
	}
	signer := &registryClient{web: client, access: &request.Access, base: base, scope: pullScope(repository.Reference.Repository)}
	client.realms = func(realm *url.URL) bool { return mayKnow(base, realm, request.Access.TokenHosts) }
	if request.Access.ForceBasic {
		signer.authorization = basicOrBearer(&request.Access)
	}
	repository.Client = signer
	return &artifact{Repository: repository, client: signer}, nil
}

// withArtifact opens the repository and does the work. A registry on this machine that speaks no TLS is asked again
// over http; any other only if the configuration says so.
func withArtifact(request *fetchRequest, reference string, work func(*artifact) (any, error)) (any, error) {
	found, err := openArtifact(request, reference, request.Access.PlainHTTP)
	if err != nil {
		return nil, err
	}
	answer, err := work(found)
	if speaksNoTLS(err) && isLoopbackHost(found.client.base.Hostname()) && !request.Access.PlainHTTP {
		if found, err = openArtifact(request, reference, true); err != nil {
			return nil, err
		}
		return work(found)
	}
	return answer, err
}

// resolvedTag is what a revision means: the tag that was chosen ("" for a digest) and the manifest's digest, or why
// there is none.
type resolvedTag struct {
	Version string `json:"version"`
	Digest  string `json:"digest"`
	*fetchFailure
}

// fetchTags looks the wanted revisions up in a registry.
func fetchTags(ctx context.Context, request *fetchRequest) (any, error) {
	return withArtifact(request, request.Access.URL, func(found *artifact) (any, error) {
		resolved := make([]resolvedTag, 0, len(request.Revisions))
		for _, wanted := range request.Revisions {
			version, digest, err := found.find(ctx, wanted)
			var failure *fetchFailure
			switch {
			case err == nil:
				resolved = append(resolved, resolvedTag{version, digest, nil})
			case errors.As(err, &failure) && (failure.Kind == failNotFound || failure.Kind == failMissing):
				resolved = append(resolved, resolvedTag{fetchFailure: failure})
			default:
				return nil, err
			}
		}
		return map[string]any{"resolved": resolved, "tags": found.tags}, nil
	})
}

// find gives the tag and digest for a digest, a tag (a chart's version has `+` where its tag has `_`) or a range.
func (a *artifact) find(ctx context.Context, wanted wantedRevision) (version, found string, err error) {
	if digestName.MatchString(wanted.Revision) {
		found, err = a.digestOf(ctx, wanted.Revision)
		return "", found, err
	}
	tag := strings.ReplaceAll(wanted.Revision, "+", "_")
	newest := wanted.Revision == "" || wanted.Revision == "HEAD"
	_, rangeErr := semver.NewConstraint(wanted.Revision)
	isRange := newest || rangeErr == nil
	if !newest && tagName.MatchString(tag) {
		found, err = a.digestOf(ctx, tag)
		if err == nil || !isRange || !failedAs(err, failNotFound) {
			return tag, found, err
		}
	} else if !isRange {
		return "", "", fetchFailed(failMissing, "%q is neither a tag, a digest nor a range of versions", clip(wanted.Revision, 100))
	}
	if err := a.list(ctx); err != nil {
		return "", "", err
	}
	tag = a.newest(wanted)
	if tag == "" && newest && a.has("latest") {
		tag = "latest"
	}
	switch {
	case tag == "" && len(a.tags) == 0:
		return "", "", fetchFailed(failMissing, "the repository has no tags")
	case tag == "":
		return "", "", fetchFailed(failMissing, "none of its tags (%d) fits %q", len(a.tags), clip(wanted.Revision, 100))
	}
	found, err = a.digestOf(ctx, tag)
	return tag, found, err
}

// newest chooses among tags as among the versions that they stand for.
func (a *artifact) newest(wanted wantedRevision) string {
	versions := make([]string, 0, len(a.tags))
	for _, tag := range a.tags {
		versions = append(versions, strings.ReplaceAll(tag, "_", "+"))
	}
	wanted.Prefix = strings.ReplaceAll(wanted.Prefix, "_", "+")
	return strings.ReplaceAll(newestIn(versions, wanted), "+", "_")
}

func (a *artifact) has(wanted string) bool {
	for _, tag := range a.tags {
		if tag == wanted {
			return true
		}
	}
	return false
}

func (a *artifact) list(ctx context.Context) error {
	if a.listed {
		return nil
	}
	err := a.Tags(ctx, "", func(tags []string) error {
		for _, tag := range tags {
			if tagName.MatchString(tag) {
				a.tags = append(a.tags, tag)
			}
		}
		if len(a.tags) > maxTags {
			return limitFault("tags of one repository", maxTags)
		}
		return nil
	})
	if err != nil && strings.Contains(err.Error(), "exceeded") {
		return fetchFailed(failLimit, "the registry lists its tags on more than %d pages", a.TagListMaxPages)
	}
	a.listed = err == nil
	return err
}

func (a *artifact) digestOf(ctx context.Context, reference string) (string, error) {
	found, err := a.Resolve(ctx, reference)
	if err != nil {
		var failure *fetchFailure
		var transport *url.Error
		if errors.As(err, &failure) || errors.As(err, &transport) || ctx.Err() != nil {
			return "", err
		}
		// A registry that answers HEAD without the digest answers GET with what the digest is of.
		var body io.ReadCloser
		if found, body, err = a.FetchReference(ctx, reference); err != nil {
			return "", err
		}
		body.Close()
	}
	if !digestName.MatchString(found.Digest.String()) {
		return "", fetchFailed(failProtocol, "the registry's digest is no SHA-256")
	}
	return found.Digest.String(), nil
}

// pullArtifact unpacks what the manifest with the wanted digest describes.
func pullArtifact(ctx context.Context, request *fetchRequest, root *os.Root) (any, error) {
	return withArtifact(request, request.Access.URL, func(found *artifact) (any, error) {
		return found.pull(ctx, "sha256:"+request.Digest, request, root)
	})
}

// pullIndexed gets a chart whose index refers to a registry. The index' digest may be the archive's or the manifest's.
// The registry gets the Helm repository's credentials only where the configuration passes them on.
func pullIndexed(ctx context.Context, request *fetchRequest, target *url.URL, root *os.Root) (any, error) {
	if !request.Access.PassCredentials {
		request.Access.Username, request.Access.Password, request.Access.Token = "", "", ""
		request.Access.ClientCert, request.Access.ClientKey, request.Access.Insecure = "", "", false
	}
	reference, tag := target.Host+target.Path, ""
	if at := strings.LastIndex(reference, "@"); at >= 0 {
		reference, tag = reference[:at], reference[at+1:]
	} else if colon := strings.LastIndex(reference, ":"); colon > strings.LastIndex(reference, "/") {
		reference, tag = reference[:colon], strings.ReplaceAll(reference[colon+1:], "+", "_")
	}
	repository, err := parseWebURL(request.Access.URL)
	if err != nil {
		return nil, err
	}
	return withArtifact(request, reference, func(found *artifact) (any, error) {
		found.client.web.nearReach.far = true // the index named this registry, our configuration did not
		found.client.web.nearReach.meet(ctx, repository.Hostname())
		digest, err := found.digestOf(ctx, tag)
		if err != nil {
			return nil, err
		}
		return found.pull(ctx, digest, request, root)
	})
}

// pull checks the manifest and its one layer against their digests, and unpacks the layer.
func (a *artifact) pull(ctx context.Context, reference string, request *fetchRequest, root *os.Root) (any, error) {
	if !digestName.MatchString(reference) {
		return nil, fetchFailed(failInternal, "a pull needs the manifest's digest")
	}
	described, body, err := a.FetchReference(ctx, reference)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if described.Size > maxManifestBytes {
		return nil, limitFault("size of a manifest in bytes", maxManifestBytes)
	}
	described.Digest = digest.Digest(reference)
	text, err := content.ReadAll(body, described)
	if err != nil {
		return nil, contentFailure(err, "the manifest")
	}
	layer, err := onlyLayer(text, described.MediaType)
	if err != nil {
		return nil, err
	}
	manifestDigest, layerDigest := plainDigest(reference), plainDigest(layer.Digest.String())
	if request.Digest != "" && request.Digest != manifestDigest && request.Digest != layerDigest {
		return nil, wrongDigest(request.Digest, layerDigest)
	}
	if layer.Size > request.Limits.DownloadBytes {
		return nil, fetchFailed(failLimit, "the layer is larger than %d bytes", request.Limits.DownloadBytes)
	}
	blob, err := a.Blobs().Fetch(ctx, layer)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	archive, came, err := download(io.LimitReader(blob, layer.Size+1), root)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	if came != layerDigest {
		return nil, wrongDigest(layerDigest, came)
	}
	if layer.MediaType == chartLayer {
		return unpackChartFile(archive, came, request, root)
	}
	unpacker := &unpacker{root: root, limits: &request.Limits}
	if err := unpacker.unpack(archive); err != nil {
		return nil, err
	}
	answer := map[string]any{"digest": came, "files": unpacker.files, "bytes": unpacker.bytes}
	if said := descriptionOf(text); len(said) > 0 {
		answer["annotations"] = said
	}
	return answer, nil
}

// manifest is all of a document in which an image manifest and an index could be told apart, or mistaken.
type manifest struct {
	SchemaVersion int                  `json:"schemaVersion"`
	MediaType     string               `json:"mediaType"`
	Layers        []ocispec.Descriptor `json:"layers"`
	Manifests     json.RawMessage      `json:"manifests"`
	Blobs         json.RawMessage      `json:"blobs"`
	FSLayers      json.RawMessage      `json:"fsLayers"`
}

// onlyLayer gives the layer of an artifact's manifest. A document that could be read in two ways is refused (C3).
func onlyLayer(text []byte, contentType string) (ocispec.Descriptor, error) {
	none := ocispec.Descriptor{}
	value, fault, isJSON := strictJSON(text, "the manifest", 0)
	if fault != nil {
		return none, fetchFailed(failRefused, "the manifest is not valid: %s", fault.Message)
	}
	if !isJSON {
		return none, fetchFailed(failProtocol, "the manifest is not JSON")
	}
	var document manifest
	if err := json.Unmarshal(value, &document); err != nil {
		return none, fetchFailed(failProtocol, "the manifest is not valid")
	}
	switch {
	case document.MediaType != "" && document.MediaType != contentType:
		return none, fetchFailed(failRefused, "the manifest calls itself %q, the registry calls it %q",
			clip(document.MediaType, 80), clip(contentType, 80))
	case document.Manifests != nil && document.Layers != nil, document.Blobs != nil, document.FSLayers != nil:
		return none, fetchFailed(failRefused, "the manifest can be read in two ways: as an artifact's and as an index")
	case contentType != ocispec.MediaTypeImageManifest:
		return none, fetchFailed(failRefused, "%q is no OCI image manifest: an image index or another kind of object", clip(contentType, 80))
	case document.Manifests != nil || document.SchemaVersion != 2:
		return none, fetchFailed(failRefused, "the manifest is no OCI image manifest of version 2")
	}
	return chosenLayer(document.Layers)
}

// chosenLayer wants exactly one layer with content; a chart may have its provenance beside it.
func chosenLayer(layers []ocispec.Descriptor) (ocispec.Descriptor, error) {
	var chosen []ocispec.Descriptor
	for _, layer := range layers {
		if layer.MediaType != chartProvenance {
			chosen = append(chosen, layer)
		}
	}
	if len(chosen) != 1 {
		return ocispec.Descriptor{}, fetchFailed(failRefused, "the artifact has %d layers, it must have exactly one", len(chosen))
	}
	layer := chosen[0]
	if !layerTypes[layer.MediaType] {
		return ocispec.Descriptor{}, fetchFailed(failRefused, "the layer's media type %q is neither a chart's nor a tar archive's", clip(layer.MediaType, 80))
	}
	if !digestName.MatchString(layer.Digest.String()) || layer.Size <= 0 {
		return ocispec.Descriptor{}, fetchFailed(failRefused, "the layer's digest is no SHA-256, or its size is wrong")
	}
	return layer, nil
}

func contentFailure(err error, what string) error {
	if errors.Is(err, content.ErrMismatchedDigest) || errors.Is(err, content.ErrTrailingData) || errors.Is(err, content.ErrInvalidDescriptorSize) {
		return fetchFailed(failProtocol, "%s does not match its digest", what)
	}
	return err
}
