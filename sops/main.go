// Command gitopsd-sops decrypts files that SOPS encrypted. It is the one process of gitopsd that holds the keys.
// It answers requests on standard input and output; PROTOCOL.md describes them.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/getsops/sops/v3/logging"
	"github.com/sirupsen/logrus"
)

const (
	protocolVersion = 1

	exitFatal        = 1
	exitUsage        = 2
	exitMemory       = 3
	exitOutputClosed = 4
)

// version is set by the linker.
var version = "development"

func main() {
	flags := flag.NewFlagSet("gitopsd-sops", flag.ExitOnError)
	memoryLimit := flags.Uint64("memory-limit", 0, "heap size in `BYTES` above which the process exits with code 3; 0 means none")
	showVersion := flags.Bool("version", false, "print the version and exit")
	_ = flags.Parse(os.Args[1:]) // ExitOnError
	if flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "gitopsd-sops takes no arguments")
		os.Exit(exitUsage)
	}
	if *showVersion {
		fmt.Println(string(greeting(version)))
		return
	}
	signal.Ignore(os.Interrupt, syscall.SIGHUP) // a terminal's signals are for the daemon; its end closes our input
	stderr := os.Stderr
	hide()
	quiet()
	debug.SetMaxStack(maxStackBytes)
	server := newServer(os.Stdin, os.Stdout)
	if *memoryLimit > 0 {
		capMemory(*memoryLimit)
		go watchMemory(server, *memoryLimit)
	}
	if err := server.run(greeting(version)); err != nil {
		fmt.Fprintln(stderr, "gitopsd-sops: input broke the protocol:", err)
		os.Exit(exitFatal)
	}
}

// quiet drops what the libraries log: it quotes comments of the files. The runtime's own last words go to descriptor 2.
func quiet() {
	logging.SetLevel(logrus.PanicLevel)
	logrus.SetOutput(io.Discard)
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
	}
}

// greeting is the first frame: what this process is and what it can do.
func greeting(version string) []byte {
	return encode(map[string]any{
		"protocol": protocolVersion, "version": version, "libraries": libraries(), "methods": []string{"keys", "decrypt"},
	})
}

// libraries reads the versions of what is linked from the build information.
func libraries() map[string]string {
	found := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return found
	}
	names := map[string]string{"github.com/getsops/sops/v3": "sops", "filippo.io/age": "age"}
	for _, module := range info.Deps {
		if name, ok := names[module.Path]; ok {
			found[name] = strings.TrimPrefix(module.Version, "v")
		}
	}
	return found
}
