package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
)

// archiveBudget counts what all archives of one render unpack to.
type archiveBudget struct {
	bytes   int64
	entries int
}

// unpackChart reads a chart archive (.tgz) into memory. It takes regular files and folders with safe names
// only, each name once, and drops the archive's top folder. name is the archive's own path, for messages.
func unpackChart(data []byte, name string, budget *archiveBudget) ([]*archive.BufferedFile, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, faultf(codeParse, "not a chart archive: %v", err).in(name, 0)
	}
	defer zipped.Close()
	reader := tar.NewReader(zipped)
	seen := map[string]bool{}
	var out []*archive.BufferedFile
	for {
		entry, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, faultf(codeParse, "chart archive is damaged: %v", err).in(name, 0)
		}
		if budget.entries++; budget.entries > maxArchiveEntries {
			return nil, limitFault("entries of chart archives", maxArchiveEntries).in(name, 0)
		}
		file, err := archiveName(entry)
		if err != nil {
			return nil, asFault(err, codePath).in(name, 0)
		}
		if file == "" {
			continue
		}
		if seen[file] {
			return nil, faultf(codePath, "chart archive holds %q twice", file).in(name, 0)
		}
		seen[file] = true
		content, err := io.ReadAll(io.LimitReader(reader, maxArchiveBytes-budget.bytes+1))
		if err != nil {
			return nil, faultf(codeParse, "chart archive is damaged: %v", err).in(name, 0)
		}
		if budget.bytes += int64(len(content)); budget.bytes > maxArchiveBytes {
			return nil, limitFault("unpacked size of chart archives in bytes", maxArchiveBytes).in(name, 0)
		}
		out = append(out, &archive.BufferedFile{Name: file, ModTime: entry.ModTime, Data: trimBOM(content)})
	}
}

// archiveName gives an entry's name without the top folder, "" for what holds no file.
func archiveName(entry *tar.Header) (string, error) {
	switch entry.Typeflag {
	case tar.TypeReg, tar.TypeDir:
	case tar.TypeXGlobalHeader:
		return "", nil
	default:
		return "", faultf(codePath, "chart archive holds a link, device or other special entry: %q", entry.Name).
			hint("pack the chart with plain files only")
	}
	clean, err := safeName(entry.Name)
	if err != nil {
		return "", err
	}
	if entry.Typeflag == tar.TypeDir {
		return "", nil
	}
	_, below, found := strings.Cut(clean, "/")
	if !found {
		return "", faultf(codePath, "chart archive holds %q outside of the chart's folder", entry.Name)
	}
	return below, nil
}

// safeName checks a name from an archive: relative, no "..", no backslash, drive or NUL, within maxPathLength.
func safeName(name string) (string, error) {
	unsafe := name == "" || len(name) > maxPathLength || path.IsAbs(name) || strings.ContainsAny(name, "\\\x00\n") ||
		len(name) > 1 && name[1] == ':'
	for _, part := range strings.Split(name, "/") {
		unsafe = unsafe || part == ".."
	}
	if unsafe {
		return "", faultf(codePath, "archive holds the unsafe name %q", name).hint("the archive is hostile or broken: do not use it")
	}
	return path.Clean(name), nil
}

func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte{0xEF, 0xBB, 0xBF}) }
