// Command gitopsd-launcher is the beginning of the one file `gitopsd`: behind it stands the folder with Python and
// everything else, packed. The first start unpacks it once into a folder of the user's; every start then becomes the
// real program by execve: the same process, so that signals, exit codes and systemd see no launcher.
//
// A launcher behind which nothing stands packs: `gitopsd-launcher pack FOLDER OUTPUT` writes the one file.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const exitFailed = 1

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "gitopsd:", err)
		os.Exit(exitFailed)
	}
}

// run does not return where it becomes the real program.
func run(arguments []string) error {
	self, err := openSelf(arguments[0])
	if err != nil {
		return err
	}
	found, err := readTrailer(self)
	if errors.Is(err, errNothingBehind) {
		return nothingBehind(self, arguments[1:])
	}
	if err != nil {
		return err
	}
	runtime, err := prepare(self, found, places(os.Getenv, os.Geteuid()))
	if err != nil {
		return err
	}
	program := filepath.Join(runtime, "gitopsd")
	err = unix.Exec(program, append([]string{program}, arguments[1:]...), os.Environ())
	return fmt.Errorf("%s cannot be executed: %w\n  set %s to a folder where programs may be run", program, err, variable)
}

// nothingBehind packs if that is asked for. Else this was the one file once, and its end is missing.
func nothingBehind(self *os.File, arguments []string) error {
	if len(arguments) == 3 && arguments[0] == "pack" {
		return pack(self, arguments[1], arguments[2])
	}
	return errCut
}

// openSelf opens this program's own file. Where there is no /proc it is as it was called.
func openSelf(called string) (*os.File, error) {
	if file, err := os.Open("/proc/self/exe"); err == nil {
		return file, nil
	}
	path, err := os.Executable()
	if err != nil {
		path = called
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read its own file: %w", err)
	}
	return file, nil
}
