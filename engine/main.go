// Command gitopsd-engine renders Helm charts, Kustomize overlays, Jsonnet and plain manifests for
// gitopsd, and evaluates users' expressions. It answers requests on standard input and output; PROTOCOL.md describes them.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
)

const (
	protocolVersion = 1

	// gcPercent trades memory for time: renders make much garbage on a small live heap. --memory-limit caps it.
	gcPercent = 150

	exitFatal        = 1
	exitUsage        = 2
	exitMemory       = 3
	exitOutputClosed = 4
)

// version is set by the linker.
var version = "development"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "fetch" {
		os.Exit(fetchMain(os.Args[2:], os.Stdin, os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == "rules" {
		os.Exit(rulesMain(os.Args[2:], os.Stdin, os.Stdout))
	}
	flags := flag.NewFlagSet("gitopsd-engine", flag.ExitOnError)
	memoryLimit := flags.Uint64("memory-limit", 0, "heap size in `BYTES` above which all requests fail and the process exits with code 3; 0 means none")
	showVersion := flags.Bool("version", false, "print the version and exit")
	_ = flags.Parse(os.Args[1:]) // ExitOnError
	if flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "gitopsd-engine takes no arguments")
		os.Exit(exitUsage)
	}
	if *showVersion {
		fmt.Println(string(greeting(version, "", methods())))
		return
	}
	signal.Ignore(os.Interrupt, syscall.SIGHUP) // a terminal's signals are for the daemon; its end closes our input
	debug.SetGCPercent(gcPercent)
	debug.SetMaxStack(maxStackBytes)
	if *memoryLimit > 0 {
		capMemory(*memoryLimit)
	}
	stderr := os.Stderr
	sandbox := seal(true)
	worker := newWorker(os.Stdin, os.Stdout, version, methods())
	go watchMemory(worker, *memoryLimit, func() {
		worker.failAll(faultf(codeMemory, "rendering used more memory than the limit of %d bytes", *memoryLimit).
			hint("look for unbounded loops or very large values in the source, or raise the memory limit"))
		worker.outMu.Lock() // no frame is cut in two
		os.Exit(exitMemory)
	})
	go warmKustomize()
	if err := worker.Run(sandbox); err != nil {
		fmt.Fprintln(stderr, "gitopsd-engine: input broke the protocol:", err)
		os.Exit(exitFatal)
	}
}

func methods() map[string]method {
	return map[string]method{
		"helm": renderHelm, "kustomize": renderKustomize, "jsonnet": renderJsonnetMethod,
		"directory": renderDirectory, "decode": decodeMethod,
	}
}

// greeting is the first frame: what this engine is and what it can do.
func greeting(version, sandbox string, methods map[string]method) []byte {
	return encode(struct {
		Protocol  int               `json:"protocol"`
		Version   string            `json:"version"`
		Libraries map[string]string `json:"libraries"`
		Methods   []string          `json:"methods"`
		Sandbox   string            `json:"sandbox,omitempty"`
	}{protocolVersion, version, libraries(), slices.Sorted(maps.Keys(methods)), sandbox})
}

// libraries reads the versions of what is linked from the build information.
func libraries() map[string]string {
	found := map[string]string{"go": strings.TrimPrefix(runtime.Version(), "go")}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return found
	}
	names := map[string]string{
		"helm.sh/helm/v4": "helm", "sigs.k8s.io/kustomize/api": "kustomize", "github.com/google/go-jsonnet": "jsonnet",
		"github.com/yuin/gopher-lua": "lua", "cel.dev/cel-go": "cel", "github.com/itchyny/gojq": "jq",
	}
	for _, module := range info.Deps {
		if name, ok := names[module.Path]; ok {
			found[name] = strings.TrimPrefix(module.Version, "v")
		}
	}
	return found
}
