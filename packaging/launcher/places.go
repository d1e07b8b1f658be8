package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// variable names the folder to unpack into; with it no other is tried.
const variable = "GITOPSD_RUNTIME_DIR"

// place is a folder in which runtimes may stand. shared says that others may make folders beside it, so that it could
// have been made by anybody.
type place struct {
	folder string
	shared bool
}

// places lists the folders to try, best first: the chosen one alone, else systemd's cache folder, the user's cache,
// the temporary folder.
func places(getenv func(string) string, uid int) []place {
	if chosen := getenv(variable); chosen != "" {
		return []place{{folder: chosen}}
	}
	var found []place
	if cache, _, _ := strings.Cut(getenv("CACHE_DIRECTORY"), ":"); filepath.IsAbs(cache) {
		found = append(found, place{folder: cache})
	}
	if cache := getenv("XDG_CACHE_HOME"); filepath.IsAbs(cache) {
		found = append(found, place{folder: filepath.Join(cache, "gitopsd")})
	} else if home := getenv("HOME"); isFolder(home) { // one that is not there is nobody's: root would make it
		found = append(found, place{folder: filepath.Join(home, ".cache", "gitopsd")})
	}
	temporary := getenv("TMPDIR")
	if !isFolder(temporary) { // as HOME
		temporary = "/tmp"
	}
	return append(found, place{folder: filepath.Join(temporary, fmt.Sprintf("gitopsd-%d", uid)), shared: true})
}

func isFolder(path string) bool {
	state, err := os.Stat(path)
	return filepath.IsAbs(path) && err == nil && state.IsDir()
}

// open makes the folder if it is not there and returns why nothing may be run from it.
func (p place) open() error {
	if !filepath.IsAbs(p.folder) { // another in each working folder
		return errors.New("it is not an absolute path")
	}
	if err := p.make(); err != nil {
		// A folder that cannot be written to may hold the runtime already.
		if _, missing := os.Lstat(p.folder); missing != nil {
			return reason(err)
		}
	}
	state, err := os.Stat(p.folder)
	if p.shared {
		state, err = os.Lstat(p.folder)
	}
	if err != nil {
		return reason(err)
	}
	if err := trusted(state, p.shared); err != nil {
		return err
	}
	var system unix.Statfs_t
	if err := unix.Statfs(p.folder, &system); err == nil && system.Flags&unix.ST_NOEXEC != 0 {
		return errors.New("programs cannot be run there: its file system is mounted noexec")
	}
	return nil
}

// make leaves alone what is there. Where anybody may make folders only the last one is made: a /tmp of root's own
// would serve nobody else.
func (p place) make() error {
	if p.shared {
		return os.Mkdir(p.folder, 0o700)
	}
	return os.MkdirAll(p.folder, 0o700)
}

// trusted says why what is in the folder may have been put there by somebody else.
func trusted(state fs.FileInfo, private bool) error {
	if !state.IsDir() {
		return errors.New("it is not a folder")
	}
	if owner := ownerOf(state); owner != os.Geteuid() && owner != 0 {
		return fmt.Errorf("it belongs to user %d; nothing is run from there", owner)
	}
	mode := state.Mode().Perm()
	if mode&0o022 != 0 {
		return fmt.Errorf("others may write to it (mode %04o); nothing is run from there", mode)
	}
	if private && mode&0o077 != 0 {
		return fmt.Errorf("others may read it (mode %04o), so it may not be ours; nothing is run from there", mode)
	}
	return nil
}

func ownerOf(state fs.FileInfo) int {
	if system, ok := state.Sys().(*unixStat); ok {
		return int(system.Uid)
	}
	return -1
}

// reason drops the path from an error that is told beside it.
func reason(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
