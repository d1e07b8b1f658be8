package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// stampName is a file that is written last: a line with size and name of each file.
const stampName = ".complete"

// unpack fills the folder from what stands behind the launcher; errDamaged if that is not what was packed.
func unpack(self *os.File, packed trailer, folder string) error {
	sum := sha256.New()
	source := bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(self, packed.begin, packed.length), sum), 1<<20)
	plain, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return errDamaged
	}
	defer plain.Close()
	var stamp bytes.Buffer
	archive := tar.NewReader(plain)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return errDamaged
		}
		if err := extract(archive, header, folder, &stamp); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return errDamaged
	}
	if _, err := io.Copy(io.Discard, source); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), packed.sum[:]) {
		return errDamaged
	}
	return writeStamp(folder, stamp.Bytes())
}

func extract(archive *tar.Reader, header *tar.Header, folder string, stamp *bytes.Buffer) error {
	if !filepath.IsLocal(header.Name) || strings.ContainsAny(header.Name, "\n") {
		return errDamaged
	}
	path := filepath.Join(folder, header.Name)
	switch header.Typeflag {
	case tar.TypeDir:
		return os.Mkdir(path, 0o755)
	case tar.TypeSymlink:
		fmt.Fprintf(stamp, "%d %s\n", len(header.Linkname), header.Name)
		return os.Symlink(header.Linkname, path)
	case tar.TypeReg:
		fmt.Fprintf(stamp, "%d %s\n", header.Size, header.Name)
		return write(archive, path, fs.FileMode(header.Mode).Perm())
	}
	return errDamaged
}

func write(content io.Reader, path string, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		file.Close()
		var failed *fs.PathError
		if errors.As(err, &failed) {
			return err
		}
		return errDamaged
	}
	return file.Close()
}

// writeStamp comes when everything else is on the disk: after a power failure the stamp does not stand for less.
func writeStamp(folder string, content []byte) error {
	opened, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := unix.Syncfs(int(opened.Fd())); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, stampName), content, 0o644)
}

// complete says whether every file that the stamp names is there with its size.
func complete(folder string) bool {
	stamp, err := os.ReadFile(filepath.Join(folder, stampName))
	if err != nil || len(stamp) == 0 || stamp[len(stamp)-1] != '\n' {
		return false
	}
	for line := range strings.Lines(string(stamp)) {
		size, name, found := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		wanted, err := strconv.ParseInt(size, 10, 64)
		if !found || err != nil {
			return false
		}
		state, err := os.Lstat(filepath.Join(folder, name))
		if err != nil || state.Size() != wanted {
			return false
		}
	}
	return true
}
