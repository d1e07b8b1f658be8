package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// fetchRequest is the one frame that a fetch process reads. Access says how to reach the server; what else is set
// depends on Op, see fetchOps.
type fetchRequest struct {
	Op     string      `json:"op"`
	Access fetchAccess `json:"access"`
	Limits fetchLimits `json:"limits"`

	Charts    map[string][]string `json:"charts"`    // index: the revisions that are wanted of each chart
	Revisions []wantedRevision    `json:"revisions"` // oci, range
	Versions  []string            `json:"versions"`  // range: what there is to choose from
	Known     fetchStamp          `json:"known"`     // index, file: what the caller has already

	URL    string `json:"url"`    // pull, file: may be relative to the repository's URL
	Digest string `json:"digest"` // pull: what must come, "" for whatever comes
	Folder string `json:"folder"` // pull, file: does not exist yet, its parent does
}

// fetchAccess is one repository: its URL, and the secrets that are for its scheme, host and port alone.
type fetchAccess struct {
	URL             string   `json:"url"`
	Username        string   `json:"username"`
	Password        string   `json:"password"`
	Token           string   `json:"token"`
	CA              string   `json:"ca"`
	ClientCert      string   `json:"client_cert"`
	ClientKey       string   `json:"client_key"`
	Insecure        bool     `json:"insecure"`
	Proxy           string   `json:"proxy"`
	NoProxy         []string `json:"no_proxy"`
	PassCredentials bool     `json:"pass_credentials"` // charts on another host get them too
	ForceBasic      bool     `json:"force_basic"`
	PlainHTTP       bool     `json:"plain_http"`    // of a registry
	BlockPrivate    bool     `json:"block_private"` // neither private nor loopback addresses
	TokenHosts      []string `json:"token_hosts"`   // hosts besides the registry's that may see its password
}

// fetchLimits bounds one request; every one of them must be set.
type fetchLimits struct {
	Seconds       float64 `json:"seconds"`
	DownloadBytes int64   `json:"download_bytes"` // of all answers together, decompressed
	UnpackedBytes int64   `json:"unpacked_bytes"`
	Entries       int     `json:"entries"`
	Depth         int     `json:"depth"`
	Pages         int     `json:"pages"` // of a list of tags
}

// wantedRevision is a version, tag, digest or range; Prefix limits ranges to the tags that begin with it.
type wantedRevision struct {
	Revision string `json:"revision"`
	Prefix   string `json:"prefix"`
}

// fetchStamp is what a server calls the state of a document.
type fetchStamp struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// fetchOp answers a request with a value that encodes as JSON.
type fetchOp func(ctx context.Context, request *fetchRequest) (any, error)

func fetchOps() map[string]fetchOp {
	return map[string]fetchOp{
		"index": fetchIndex, "range": fetchRange, "oci": fetchTags, "pull": fetchPull, "file": fetchFile,
	}
}

// fetchMain is the role `gitopsd-engine fetch`: one request from standard input, one answer, the end. Unlike the
// renderer it may use the network; it has no environment and starts no program.
func fetchMain(arguments []string, in io.Reader, out io.Writer) int {
	flags := flag.NewFlagSet("gitopsd-engine fetch", flag.ContinueOnError)
	memoryLimit := flags.Uint64("memory-limit", 0, "memory in `BYTES` that the process may use; 0 means no limit")
	if flags.Parse(arguments) != nil || flags.NArg() > 0 {
		return exitUsage
	}
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	debug.SetMaxStack(maxStackBytes)
	if *memoryLimit > 0 {
		debug.SetMemoryLimit(int64(*memoryLimit / 10 * 8))
		capMemory(*memoryLimit)
	}
	keepOnly("SSL_CERT_FILE", "SSL_CERT_DIR")
	_ = os.Chdir("/")
	sealKernel(true, true)
	body, err := readFrame(in)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gitopsd-engine: input broke the protocol:", err)
		return exitFatal
	}
	if writeFrame(out, answerFetch(body)) != nil {
		return exitOutputClosed
	}
	return 0
}

// keepOnly empties the environment but for these variables: proxies and credentials come with the request.
func keepOnly(names ...string) {
	kept := map[string]string{}
	for _, name := range names {
		if value, found := os.LookupEnv(name); found {
			kept[name] = value
		}
	}
	os.Clearenv()
	for name, value := range kept {
		_ = os.Setenv(name, value)
	}
}

// answerFetch does what a frame asks for and encodes the answer, or why there is none.
func answerFetch(body []byte) []byte {
	var request fetchRequest
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return encode(fetchFailed(failInternal, "the request is not valid: %v", err))
	}
	answer, err := runFetch(&request)
	if err != nil {
		return encode(fetchFailureOf(err, &request.Access))
	}
	return encode(answer)
}

func runFetch(request *fetchRequest) (answer any, err error) {
	run, known := fetchOps()[request.Op]
	if !known {
		return nil, fetchFailed(failInternal, "unknown operation %q", request.Op)
	}
	if err := request.Limits.check(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Duration(request.Limits.Seconds*float64(time.Second)))
	defer stop()
	defer func() {
		if reason := recover(); reason != nil {
			answer, err = nil, fetchFailed(failInternal, "the fetch failed at %s", panicPlace())
		}
	}()
	answer, err = run(ctx, request)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fetchFailed(failDeadline, "no whole answer within %g s", request.Limits.Seconds)
	}
	return answer, err
}

func (l *fetchLimits) check() error {
	if l.Seconds <= 0 || l.DownloadBytes <= 0 || l.UnpackedBytes <= 0 || l.Entries <= 0 || l.Depth <= 0 || l.Pages <= 0 {
		return fetchFailed(failInternal, "a request needs every limit")
	}
	return nil
}
