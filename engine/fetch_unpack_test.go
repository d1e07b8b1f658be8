package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var smallLimits = fetchLimits{Seconds: 5, DownloadBytes: 1 << 20, UnpackedBytes: 1 << 16, Entries: 50, Depth: 8, Pages: 1}

// unpacked unpacks an archive into a new folder, and gives the folder.
func unpacked(t *testing.T, archive []byte, dropTop bool) (string, error) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "into")
	root, err := newFolder(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return folder, (&unpacker{root: root, limits: &smallLimits, dropTop: dropTop}).unpack(bytes.NewReader(archive))
}

// plainOnly fails unless a folder holds only folders and regular files with our modes, and nothing lies beside it.
func plainOnly(t *testing.T, folder string) {
	t.Helper()
	beside, err := os.ReadDir(filepath.Dir(folder))
	if err != nil || len(beside) != 1 {
		t.Fatalf("beside the folder: %v %v", beside, err)
	}
	size := int64(0)
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !entry.IsDir() && !info.Mode().IsRegular() || info.Mode().Perm() != fs.FileMode(folderMode) && info.Mode().Perm() != fs.FileMode(fileMode) {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		if !entry.IsDir() {
			size += info.Size()
		}
		return nil
	})
	if err != nil || size > smallLimits.UnpackedBytes+1 {
		t.Errorf("%d bytes, %v", size, err)
	}
}

func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var raw bytes.Buffer
	writer := tar.NewWriter(&raw)
	for _, header := range headers {
		if err := writer.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return raw.Bytes()
}

func TestP10OnlyFilesAndFoldersAreUnpacked(t *testing.T) {
	for _, kind := range []byte{tar.TypeLink, tar.TypeSymlink, tar.TypeBlock, tar.TypeCont} {
		folder, err := unpacked(t, tarOf(t, tar.Header{Name: "web/x", Typeflag: kind, Mode: 0o777, Linkname: "y"}), true)
		if err == nil || !failedAs(err, failRefused) {
			t.Errorf("type %q: %v", kind, err)
		}
		plainOnly(t, folder)
	}
}

func TestAnArchiveMayBePlainTar(t *testing.T) {
	folder, err := unpacked(t, tarOf(t, tar.Header{Name: "./a/b", Typeflag: tar.TypeReg, Mode: 0o7777}), false)
	if err != nil {
		t.Fatal(err)
	}
	plainOnly(t, folder)
	if _, err := os.Stat(filepath.Join(folder, "a", "b")); err != nil {
		t.Error(err)
	}
}

func FuzzUnpack(f *testing.F) {
	seed := tarOf(f, tar.Header{Name: "web/Chart.yaml", Typeflag: tar.TypeReg}, tar.Header{Name: "web/d/", Typeflag: tar.TypeDir})
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, _ = writer.Write(seed)
	_ = writer.Close()
	f.Add(seed, true)
	f.Add(zipped.Bytes(), false)
	f.Add(tarOf(f, tar.Header{Name: "../x", Typeflag: tar.TypeSymlink, Linkname: "/etc"}), false)
	f.Fuzz(func(t *testing.T, archive []byte, dropTop bool) {
		folder, _ := unpacked(t, archive, dropTop)
		plainOnly(t, folder)
	})
}
