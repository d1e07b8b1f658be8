package main

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// pack writes the one file: the launcher, the folder as a compressed tar, the trailer. The same folder gives the same
// bytes: files come sorted by name, with no times and no owners, and one thread compresses.
func pack(launcher *os.File, folder, output string) error {
	written, err := os.OpenFile(output, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	defer written.Close()
	begin, err := io.Copy(written, io.NewSectionReader(launcher, 0, 1<<62))
	if err != nil {
		return err
	}
	sum := sha256.New()
	compressed, err := zstd.NewWriter(io.MultiWriter(written, sum),
		zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	if err != nil {
		return err
	}
	unpacked, err := archive(compressed, folder)
	if err != nil {
		return err
	}
	if err := compressed.Close(); err != nil {
		return err
	}
	end, err := written.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	found := trailer{length: end - begin, unpacked: unpacked}
	copy(found.sum[:], sum.Sum(nil))
	if _, err := written.Write(found.bytes()); err != nil {
		return err
	}
	return written.Close()
}

// archive writes the folder as a tar and returns how many bytes its files have.
func archive(to io.Writer, folder string) (int64, error) {
	var total int64
	written := tar.NewWriter(to)
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		state, err := entry.Info()
		if err != nil {
			return err
		}
		header := &tar.Header{Name: filepath.ToSlash(name), Format: tar.FormatPAX}
		switch {
		case state.IsDir():
			header.Typeflag, header.Mode = tar.TypeDir, 0o755
		case state.Mode().IsRegular():
			header.Typeflag, header.Mode, header.Size = tar.TypeReg, fileMode(state.Mode()), state.Size()
		case state.Mode()&fs.ModeSymlink != 0:
			header.Typeflag, header.Mode = tar.TypeSymlink, 0o777
			if header.Linkname, err = os.Readlink(path); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s is neither a file, a folder nor a link", path)
		}
		if err := written.WriteHeader(header); err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			return nil
		}
		total += header.Size
		return copyFile(written, path)
	})
	if err != nil {
		return 0, err
	}
	return total, written.Close()
}

func fileMode(mode fs.FileMode) int64 {
	if mode&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

func copyFile(to io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(to, file)
	return err
}
