package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	runtimePrefix = "runtime-"
	// What is being unpacked, and what was put aside to be removed.
	freshPrefix = "unpacking-"
	asidePrefix = "removing-"
	lockName    = "unpacking.lock"
)

type unixStat = syscall.Stat_t

var errDamaged = errors.New("this file is damaged: what is packed in it does not have its SHA-256; get it anew")

// prepare returns the folder of the runtime in the first place where there is one or can be one. The process keeps it
// in use until it ends, also after it has become another program.
func prepare(self *os.File, packed trailer, tried []place) (string, error) {
	var told []string
	for _, one := range tried {
		runtime, err := prepareIn(one, self, packed)
		if err == nil {
			return runtime, nil
		}
		if errors.Is(err, errDamaged) {
			return "", err
		}
		told = append(told, fmt.Sprintf("  %s: %v", one.folder, err))
	}
	return "", fmt.Errorf("found no folder to unpack itself into\n%s\n  set %s to a folder of your own with %d MB free",
		strings.Join(told, "\n"), variable, packed.unpacked/1_000_000+20)
}

func prepareIn(one place, self *os.File, packed trailer) (string, error) {
	if err := one.open(); err != nil {
		return "", err
	}
	runtime := filepath.Join(one.folder, packed.name())
	if use(runtime) {
		return runtime, nil
	}
	unlock, err := lock(one.folder)
	if err != nil {
		return "", reason(err)
	}
	defer unlock()
	if use(runtime) { // somebody else unpacked it meanwhile
		return runtime, nil
	}
	sweep(one.folder, freshPrefix, asidePrefix)
	if err := unpackBeside(one.folder, runtime, self, packed); err != nil {
		return "", err
	}
	if !use(runtime) {
		return "", errors.New("what was unpacked there was changed at once by somebody else")
	}
	sweep(one.folder, runtimePrefix, asidePrefix)
	return runtime, nil
}

// unpackBeside unpacks beside and renames: the name stands for a whole runtime or for nothing.
func unpackBeside(folder, runtime string, self *os.File, packed trailer) error {
	var system unix.Statfs_t
	if err := unix.Statfs(folder, &system); err == nil && int64(system.Bavail)*system.Bsize < packed.unpacked {
		return fmt.Errorf("%d MB are free there, %d MB are needed",
			int64(system.Bavail)*system.Bsize/1_000_000, packed.unpacked/1_000_000)
	}
	fresh, err := os.MkdirTemp(folder, freshPrefix)
	if err != nil {
		return reason(err)
	}
	if err := unpack(self, packed, fresh); err != nil {
		_ = os.RemoveAll(fresh) // the next one that unpacks removes it
		return reason(err)
	}
	if err := putAside(folder, runtime); err != nil {
		return reason(err)
	}
	return reason(os.Rename(fresh, runtime))
}

// putAside takes the name from a damaged runtime. Who runs from it goes on; it is removed when nobody does.
func putAside(folder, runtime string) error {
	if _, err := os.Lstat(runtime); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	aside, err := os.MkdirTemp(folder, asidePrefix)
	if err != nil {
		return err
	}
	return unix.Rename(runtime, aside) // onto an empty folder, which os.Rename refuses
}

// use says whether the folder is a whole runtime of our own, and if so keeps it in use.
func use(runtime string) bool {
	folder, err := unix.Open(runtime, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	if err := unix.Flock(folder, unix.LOCK_SH|unix.LOCK_NB); err == unix.EWOULDBLOCK {
		_ = unix.Close(folder) // it is being removed
		return false
	}
	if isWhole(runtime, folder) {
		return true
	}
	_ = unix.Close(folder)
	return false
}

func isWhole(runtime string, folder int) bool {
	var opened unixStat
	state, err := os.Lstat(runtime)
	if err != nil || trusted(state, false) != nil || syscall.Fstat(folder, &opened) != nil {
		return false
	}
	named, ok := state.Sys().(*unixStat)
	return ok && named.Ino == opened.Ino && named.Dev == opened.Dev && complete(runtime)
}

// lock waits until nobody else unpacks in the folder.
func lock(folder string) (func(), error) {
	file, err := os.OpenFile(filepath.Join(folder, lockName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	// A file system without locks: the rename still lets only whole runtimes be seen.
	return func() { file.Close() }, nil
}

// sweep removes the folders with such names that nobody uses; what cannot be removed stays.
func sweep(folder string, prefixes ...string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, entry := range entries {
		for _, prefix := range prefixes {
			if strings.HasPrefix(entry.Name(), prefix) && entry.IsDir() {
				removeUnused(folder, entry.Name())
			}
		}
	}
}

func removeUnused(parent, name string) {
	path := filepath.Join(parent, name)
	folder, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(folder)
	if unix.Flock(folder, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	aside, err := os.MkdirTemp(parent, asidePrefix)
	if err != nil || unix.Rename(path, aside) != nil {
		return
	}
	_ = os.RemoveAll(aside)
}
