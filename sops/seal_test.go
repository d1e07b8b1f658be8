//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// sealFor in the environment makes the test binary seal itself, with or without a network, and try what it may do.
const sealFor = "GITOPSD_SOPS_SEAL_FOR"

func probe(network bool) {
	hide()
	fmt.Println("seal", sealKernel(network))
	fmt.Println("program", exec.Command("/bin/true").Run() == nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fmt.Println("socket", err == nil)
	if err == nil {
		_ = listener.Close()
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	fmt.Println("dumpable", dumpable, err)
}

func TestE1_theProcessStartsNoProgramAndHasNoNetworkUnlessItNeedsIt(t *testing.T) {
	for network, wanted := range map[string]string{"no": "socket false", "yes": "socket true"} {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), sealFor+"="+network)
		told, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(told), "seal none") {
			t.Skip("this kernel allows no seccomp filters")
		}
		for _, line := range []string{"seal seccomp", "program false", wanted, "dumpable 0 <nil>"} {
			if !strings.Contains(string(told), line+"\n") {
				t.Errorf("network %s: %q is not in %q", network, line, told)
			}
		}
	}
}
