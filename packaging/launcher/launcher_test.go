package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// packed makes a one file of a small folder; its "launcher" is a few bytes.
func packed(t *testing.T) (*os.File, trailer) {
	t.Helper()
	folder, output := t.TempDir(), filepath.Join(t.TempDir(), "gitopsd")
	for name, content := range map[string]string{"gitopsd": "program", "_internal/a.txt": "a", "_internal/sub/b": "bb"} {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a.txt", filepath.Join(folder, "_internal", "link")); err != nil {
		t.Fatal(err)
	}
	launcher := filepath.Join(t.TempDir(), "launcher")
	if err := os.WriteFile(launcher, []byte(strings.Repeat("launcher", 20)), 0o755); err != nil {
		t.Fatal(err)
	}
	bare, err := os.Open(launcher)
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	if err := pack(bare, folder, output); err != nil {
		t.Fatal(err)
	}
	return opened(t, output)
}

func opened(t *testing.T, path string) (*os.File, trailer) {
	t.Helper()
	self, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { self.Close() })
	found, err := readTrailer(self)
	if err != nil {
		t.Fatal(err)
	}
	return self, found
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		if entry.Name() != lockName {
			found = append(found, entry.Name())
		}
	}
	return found
}

func TestWhatIsPackedIsUnpackedOnce(t *testing.T) {
	self, found := packed(t)
	folder := t.TempDir()
	runtime, err := prepare(self, found, []place{{folder: folder}})
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(runtime, "_internal", "link"))
	if err != nil || string(content) != "a" {
		t.Fatal(string(content), err)
	}
	before, _ := os.Stat(filepath.Join(runtime, "gitopsd"))
	if before.Mode().Perm() != 0o755 {
		t.Error("not a program:", before.Mode())
	}
	if again, err := prepare(self, found, []place{{folder: folder}}); err != nil || again != runtime {
		t.Fatal(again, err)
	}
	after, _ := os.Stat(filepath.Join(runtime, "gitopsd"))
	if !os.SameFile(before, after) {
		t.Error("it was unpacked a second time")
	}
}

func TestTheSameFolderGivesTheSameBytes(t *testing.T) {
	_, first := packed(t)
	_, second := packed(t)
	if first != second {
		t.Error(first, second)
	}
}

func TestABareLauncherSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "launcher")
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 200)), 0o755); err != nil {
		t.Fatal(err)
	}
	self, _ := os.Open(path)
	if _, err := readTrailer(self); !errors.Is(err, errNothingBehind) {
		t.Error(err)
	}
}

func TestAFileThatIsCutShortSaysSo(t *testing.T) {
	self, _ := packed(t)
	state, err := self.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int64{state.Size() - 1, state.Size() - int64(trailerSize), state.Size() / 2} {
		path := filepath.Join(t.TempDir(), "gitopsd")
		content := make([]byte, length)
		if _, err := self.ReadAt(content, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o755); err != nil {
			t.Fatal(err)
		}
		cut, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer cut.Close()
		if _, err := readTrailer(cut); !errors.Is(err, errNothingBehind) {
			t.Error(length, err)
		}
		for _, arguments := range [][]string{nil, {"version"}, {"app", "list"}, {"pack"}} {
			if err := nothingBehind(cut, arguments); !errors.Is(err, errCut) {
				t.Error(arguments, err)
			}
		}
	}
}

func TestADamagedFileIsRefusedAndLeavesNothing(t *testing.T) {
	self, found := packed(t)
	content, err := os.ReadFile(self.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{found.begin + 4, found.begin + found.length/2, found.begin + found.length - 1} {
		damaged := append([]byte(nil), content...)
		damaged[at] ^= 0x40
		path := filepath.Join(t.TempDir(), "gitopsd")
		if err := os.WriteFile(path, damaged, 0o755); err != nil {
			t.Fatal(err)
		}
		file, trailer := opened(t, path)
		folder := t.TempDir()
		if _, err := prepare(file, trailer, []place{{folder: folder}}); !errors.Is(err, errDamaged) {
			t.Error("byte", at, err)
		}
		if left := names(t, folder); len(left) > 0 {
			t.Error(left)
		}
	}
}

func TestADamagedRuntimeIsMadeAnew(t *testing.T) {
	damages := map[string]func(string) error{
		"a file is gone":    func(runtime string) error { return os.Remove(filepath.Join(runtime, "_internal", "sub", "b")) },
		"a file is cut":     func(runtime string) error { return os.Truncate(filepath.Join(runtime, "gitopsd"), 1) },
		"a link is gone":    func(runtime string) error { return os.Remove(filepath.Join(runtime, "_internal", "link")) },
		"the stamp is gone": func(runtime string) error { return os.Remove(filepath.Join(runtime, stampName)) },
		"the stamp is cut":  func(runtime string) error { return os.Truncate(filepath.Join(runtime, stampName), 5) },
		"the stamp is no stamp": func(runtime string) error {
			return os.WriteFile(filepath.Join(runtime, stampName), []byte("x\n"), 0o644)
		},
		"others may write": func(runtime string) error { return os.Chmod(runtime, 0o777) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			self, found := packed(t)
			folder := t.TempDir()
			runtime, err := prepare(self, found, []place{{folder: folder}})
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(runtime); err != nil {
				t.Fatal(err)
			}
			if _, err := prepare(self, found, []place{{folder: folder}}); err != nil {
				t.Fatal(err)
			}
			if !complete(runtime) {
				t.Error("it is still damaged")
			}
		})
	}
}

func TestWhatIsInUseStaysAndOldOnesGo(t *testing.T) {
	self, found := packed(t)
	folder := t.TempDir()
	used, unused := filepath.Join(folder, runtimePrefix+"used"), filepath.Join(folder, runtimePrefix+"unused")
	left := filepath.Join(folder, freshPrefix+"killed")
	for _, path := range []string{used, unused, left} {
		if err := os.MkdirAll(filepath.Join(path, "sub"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	descriptor, err := unix.Open(used, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(descriptor)
	if err := unix.Flock(descriptor, unix.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(self, found, []place{{folder: folder}}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names(t, folder), " "); got != strings.Join([]string{found.name(), runtimePrefix + "used"}, " ") {
		t.Error(got)
	}
}

func TestTheRuntimeThatIsUsedIsNotClosedOnExec(t *testing.T) {
	self, found := packed(t)
	runtime, err := prepare(self, found, []place{{folder: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	descriptor, err := unix.Open(runtime, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(descriptor)
	if err := unix.Flock(descriptor, unix.LOCK_EX|unix.LOCK_NB); err != unix.EWOULDBLOCK {
		t.Error("somebody else could remove it:", err)
	}
}

func TestFoldersOfOthersAreRefused(t *testing.T) {
	self, found := packed(t)
	type attempt struct {
		make func(string) error
		why  string
	}
	folder := func(mode os.FileMode) func(string) error {
		return func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)) }
	}
	attempts := map[string]attempt{
		"writable by others": {folder(0o777), "others may write to it (mode 0777)"},
		"readable by others": {folder(0o755), "others may read it (mode 0755)"},
		"a link":             {func(path string) error { return os.Symlink(t.TempDir(), path) }, "it is not a folder"},
		"a file":             {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "it is not a folder"},
	}
	if os.Geteuid() == 0 {
		given := func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 4242, 4242)) }
		attempts["of another user"] = attempt{given, "it belongs to user 4242"}
	}
	for name, one := range attempts {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "gitopsd-0")
			if err := one.make(path); err != nil {
				t.Fatal(err)
			}
			_, err := prepare(self, found, []place{{folder: path, shared: true}})
			if err == nil || !strings.Contains(err.Error(), path+": "+one.why) || !strings.Contains(err.Error(), variable) {
				t.Error(err)
			}
		})
	}
}

func TestAChosenFolderThatIsRelativeIsRefused(t *testing.T) {
	self, found := packed(t)
	t.Chdir(t.TempDir())
	chosen := places(func(name string) string { return map[string]string{variable: "rel"}[name] }, 7)
	_, err := prepare(self, found, chosen)
	if err == nil || !strings.Contains(err.Error(), "rel: it is not an absolute path") {
		t.Error(err)
	}
	if left := names(t, "."); len(left) > 0 {
		t.Error(left)
	}
}

func TestATemporaryFolderThatIsNotThereIsNotMade(t *testing.T) {
	self, found := packed(t)
	absent := filepath.Join(t.TempDir(), "tmp")
	_, err := prepare(self, found, []place{{folder: filepath.Join(absent, "gitopsd-7"), shared: true}})
	if err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Error(err)
	}
	if _, err := os.Lstat(absent); !errors.Is(err, os.ErrNotExist) {
		t.Error("it was made:", err)
	}
}

func TestAnotherUsersRuntimeIsNotRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make another user's folder")
	}
	self, found := packed(t)
	folder := t.TempDir()
	runtime, err := prepare(self, found, []place{{folder: folder}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(runtime, 4242, 4242); err != nil {
		t.Fatal(err)
	}
	if use(runtime) {
		t.Error("it would be run")
	}
}

func TestWhereNothingCanBeWrittenTheNextPlaceIsTaken(t *testing.T) {
	self, found := packed(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second := t.TempDir()
	runtime, err := prepare(self, found, []place{{folder: filepath.Join(blocked, "gitopsd")}, {folder: second}})
	if err != nil || filepath.Dir(runtime) != second {
		t.Error(runtime, err)
	}
}

func TestPlaces(t *testing.T) {
	home, temporary := t.TempDir(), t.TempDir()
	cases := []struct {
		environ map[string]string
		want    string
	}{
		{map[string]string{variable: "/chosen", "HOME": home}, "/chosen"},
		{map[string]string{"CACHE_DIRECTORY": "/c:/d", "HOME": home}, "/c " + home + "/.cache/gitopsd /tmp/gitopsd-7"},
		{map[string]string{"XDG_CACHE_HOME": "/x", "HOME": home, "TMPDIR": temporary}, "/x/gitopsd " + temporary + "/gitopsd-7"},
		{map[string]string{"HOME": home + "/nonexistent", "TMPDIR": home + "/nonexistent"}, "/tmp/gitopsd-7"},
		{map[string]string{"XDG_CACHE_HOME": "x", "CACHE_DIRECTORY": "c", "TMPDIR": "t"}, "/tmp/gitopsd-7"},
	}
	for _, one := range cases {
		var got []string
		for _, found := range places(func(name string) string { return one.environ[name] }, 7) {
			got = append(got, found.folder)
		}
		if strings.Join(got, " ") != one.want {
			t.Error(one.environ, got)
		}
	}
}

func TestTooLittleRoomIsToldBeforehand(t *testing.T) {
	self, found := packed(t)
	found.unpacked = 1 << 60
	folder := t.TempDir()
	if _, err := prepare(self, found, []place{{folder: folder}}); err == nil || !strings.Contains(err.Error(), "MB are free") {
		t.Error(err)
	}
	if left := names(t, folder); len(left) > 0 {
		t.Error(left)
	}
}

func TestTwoAtOnceUnpackOnce(t *testing.T) {
	self, found := packed(t)
	folder := t.TempDir()
	inodes := make(chan uint64)
	for range 8 {
		go func() {
			runtime, err := prepare(self, found, []place{{folder: folder}})
			state, failed := os.Stat(runtime)
			if err != nil || failed != nil {
				t.Error(err, failed)
				inodes <- 0
				return
			}
			inodes <- state.Sys().(*syscall.Stat_t).Ino
		}()
	}
	first := <-inodes
	for range 7 {
		if other := <-inodes; other != first {
			t.Error("another runtime", other, first)
		}
	}
	if left := names(t, folder); len(left) != 1 {
		t.Error(left)
	}
}
