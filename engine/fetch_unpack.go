package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	folderMode   = 0o755
	fileMode     = 0o644
	maxChartYAML = 1 << 20
)

// unpacker writes a tar archive into a folder: regular files and folders only, with names and modes that are safe,
// each file once, within limits that are counted while streaming (P10, D2). dropTop leaves out the top folder, which
// a chart's archive has.
type unpacker struct {
	root    *os.Root
	limits  *fetchLimits
	dropTop bool

	bytes   int64
	entries int
	files   int
}

// unpack reads the whole archive, compressed with gzip or not.
func (u *unpacker) unpack(archive io.Reader) error {
	buffered := bufio.NewReaderSize(archive, 64<<10)
	var plain io.Reader = buffered
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		zipped, err := gzip.NewReader(buffered)
		if err != nil {
			return fetchFailed(failProtocol, "this is no archive: %v", err)
		}
		defer zipped.Close()
		plain = zipped
	}
	// Headers, padding and long names count too: an archive of nothing else is a bomb as well.
	budget := u.limits.UnpackedBytes + int64(u.limits.Entries)*4096
	reader := tar.NewReader(&boundedReader{plain, budget, u.limits.UnpackedBytes})
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged(err)
		}
		if u.entries++; u.entries > u.limits.Entries {
			return fetchFailed(failLimit, "the archive holds more than %d entries", u.limits.Entries)
		}
		if err := u.entry(header, reader); err != nil {
			return err
		}
	}
	if u.files == 0 {
		return fetchFailed(failProtocol, "the archive holds no file")
	}
	return nil
}

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeDir:
	case tar.TypeXGlobalHeader:
		return nil
	default:
		return fetchFailed(failRefused, "the archive holds a link, device or other special entry: %q", clip(header.Name, 100))
	}
	for record := range header.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return fetchFailed(failRefused, "the archive holds a sparse file: %q", clip(header.Name, 100))
		}
	}
	name, err := u.nameOf(header)
	if err != nil || name == "" {
		return err
	}
	if header.Typeflag == tar.TypeDir {
		return alreadyThere(u.root.MkdirAll(name, folderMode), name)
	}
	if header.Size > u.limits.UnpackedBytes-u.bytes {
		return fetchFailed(failLimit, "the archive unpacks to more than %d bytes", u.limits.UnpackedBytes)
	}
	if folder := path.Dir(name); folder != "." {
		if err := u.root.MkdirAll(folder, folderMode); err != nil {
			return alreadyThere(err, folder)
		}
	}
	return u.write(name, content)
}

// nameOf gives the path of an entry below the folder; "" for the top folder itself.
func (u *unpacker) nameOf(header *tar.Header) (string, error) {
	name, err := safeName(header.Name)
	if err != nil {
		return "", err
	}
	if strings.Count(name, "/") >= u.limits.Depth {
		return "", fetchFailed(failLimit, "the archive holds folders more than %d deep", u.limits.Depth)
	}
	if strings.ContainsFunc(name, func(letter rune) bool { return letter < ' ' || letter == 0x7f }) {
		return "", fetchFailed(failRefused, "the archive holds a name with a control character")
	}
	if name == "." {
		return "", nil
	}
	if !u.dropTop {
		return name, nil
	}
	_, below, found := strings.Cut(name, "/")
	if !found && header.Typeflag != tar.TypeDir {
		return "", fetchFailed(failRefused, "the archive holds %q outside of the chart's folder", clip(name, 100))
	}
	return below, nil
}

func (u *unpacker) write(name string, content io.Reader) error {
	file, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return alreadyThere(err, name)
	}
	defer file.Close()
	written, err := io.Copy(file, io.LimitReader(content, u.limits.UnpackedBytes-u.bytes+1))
	if err != nil {
		return damaged(err)
	}
	u.files++
	if u.bytes += written; u.bytes > u.limits.UnpackedBytes {
		return fetchFailed(failLimit, "the archive unpacks to more than %d bytes", u.limits.UnpackedBytes)
	}
	return file.Close()
}

func alreadyThere(err error, name string) error {
	if errors.Is(err, fs.ErrExist) {
		return fetchFailed(failRefused, "the archive holds %q twice", clip(name, 100))
	}
	return err
}

// damaged keeps failures of ours and of the disk, and calls the rest a broken archive.
func damaged(err error) error {
	var failure *fetchFailure
	var path *os.PathError
	if errors.As(err, &failure) || errors.As(err, &path) {
		return err
	}
	return fetchFailed(failProtocol, "the archive is damaged: %v", err)
}

// boundedReader fails once more than left bytes come; shown is the limit as the configuration names it.
type boundedReader struct {
	reader io.Reader
	left   int64
	shown  int64
}

func (b *boundedReader) Read(into []byte) (int, error) {
	n, err := b.reader.Read(into)
	if b.left -= int64(n); b.left < 0 {
		return 0, fetchFailed(failLimit, "the archive unpacks to more than %d bytes", b.shown)
	}
	return n, err
}

// checkChart makes sure that what was unpacked is a chart whose name is a name (P9).
func checkChart(root *os.Root) error {
	file, err := root.Open("Chart.yaml")
	if err != nil {
		return fetchFailed(failProtocol, "the archive is no chart: it holds no Chart.yaml")
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxChartYAML+1))
	if err != nil {
		return err
	}
	if len(data) > maxChartYAML {
		return fetchFailed(failLimit, "Chart.yaml is larger than %d bytes", maxChartYAML)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil || len(document.Content) != 1 {
		return fetchFailed(failProtocol, "the archive's Chart.yaml is not valid")
	}
	fields, err := fieldsOf(document.Content[0])
	if err != nil {
		return fetchFailed(failProtocol, "the archive's Chart.yaml is not valid, or sets a key twice")
	}
	if name := scalar(fields["name"]); !nameOfChart.MatchString(name) {
		return fetchFailed(failRefused, "the chart's name is %q, which is no name of a chart", clip(name, 60))
	}
	return nil
}
