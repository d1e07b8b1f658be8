package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"os"
)

const (
	webFileName  = "file" // a file of the web lies in its snapshot under a name of ours (P9)
	downloadName = "download"
)

// fetchPull unpacks a chart or an OCI artifact into the folder, once its digest is what it should be (C3).
func fetchPull(ctx context.Context, request *fetchRequest) (any, error) {
	own, err := url.Parse(request.Access.URL)
	if err != nil {
		return nil, fetchFailed(failRefused, "the URL cannot be read")
	}
	root, err := newFolder(request.Folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if own.Scheme == "oci" {
		return pullArtifact(ctx, request, root)
	}
	base, err := parseWebURL(request.Access.URL)
	if err != nil {
		return nil, err
	}
	target, err := chartURL(base, request.URL)
	if err != nil {
		return nil, err
	}
	if target.Scheme == "oci" {
		return pullIndexed(ctx, request, target, root)
	}
	return pullChart(ctx, request, base, target, root)
}

// pullChart gets a chart's archive from a Helm repository.
func pullChart(ctx context.Context, request *fetchRequest, base, target *url.URL, root *os.Root) (any, error) {
	client, err := newWeb(&request.Access, base, &request.Limits)
	if err != nil {
		return nil, err
	}
	client.authorization = basicOrBearer(&request.Access)
	if request.Access.PassCredentials {
		client.trusted[originOf(target)] = true
	}
	if originOf(target) != originOf(base) {
		client.farReach.meet(ctx, base.Hostname())
	}
	// A server that calls the archive's own compression an encoding would have it taken off before the digest.
	response, err := client.get(ctx, target, http.Header{"Accept-Encoding": {"identity"}})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	archive, digest, err := download(response.Body, root)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	if request.Digest != "" && digest != request.Digest {
		return nil, wrongDigest(request.Digest, digest)
	}
	return unpackChartFile(archive, digest, request, root)
}

func unpackChartFile(archive io.Reader, digest string, request *fetchRequest, root *os.Root) (any, error) {
	unpacker := &unpacker{root: root, limits: &request.Limits, dropTop: true}
	if err := unpacker.unpack(archive); err != nil {
		return nil, err
	}
	if err := checkChart(root); err != nil {
		return nil, err
	}
	return map[string]any{"digest": digest, "files": unpacker.files, "bytes": unpacker.bytes}, nil
}

func wrongDigest(wanted, came string) error {
	return fetchFailed(failProtocol, "the content has the digest sha256:%s, but sha256:%s was announced", came, wanted)
}

// fetchFile gets one file of the web; its snapshot is a folder that holds it alone.
func fetchFile(ctx context.Context, request *fetchRequest) (any, error) {
	target, err := parseWebURL(request.URL)
	if err != nil {
		return nil, err
	}
	base := target
	if request.Access.URL != "" {
		if base, err = parseWebURL(request.Access.URL); err != nil {
			return nil, err
		}
	}
	client, err := newWeb(&request.Access, base, &request.Limits)
	if err != nil {
		return nil, err
	}
	client.authorization = basicOrBearer(&request.Access)
	response, err := client.get(ctx, target, request.Known.headers())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotModified {
		return map[string]any{"unchanged": true}, nil
	}
	root, err := newFolder(request.Folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.OpenFile(webFileName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(file, hash), response.Body)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	return map[string]any{"digest": hex.EncodeToString(hash.Sum(nil)), "bytes": size, "stamp": stampOf(response)}, nil
}

// newFolder makes the folder that is to be filled, and confines all writing to it.
func newFolder(folder string) (*os.Root, error) {
	if err := os.Mkdir(folder, folderMode); err != nil {
		return nil, err
	}
	return os.OpenRoot(folder)
}

// download keeps a body in a file without a name, and gives its SHA-256. The file is read from its beginning.
func download(body io.Reader, root *os.Root) (*os.File, string, error) {
	file, err := root.OpenFile(downloadName, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, "", err
	}
	if err := root.Remove(downloadName); err != nil {
		file.Close()
		return nil, "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(file, hash), body); err != nil {
		file.Close()
		return nil, "", err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		file.Close()
		return nil, "", err
	}
	return file, hex.EncodeToString(hash.Sum(nil)), nil
}
