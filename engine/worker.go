package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Request is one frame that came in; ID is chosen by the caller and unique among those in flight.
type Request struct {
	ID         uint64          `json:"id"`
	Method     string          `json:"method"`
	DeadlineMS int64           `json:"deadline_ms"`
	Params     json.RawMessage `json:"params"`

	// Roots are other snapshots that the render may read, by name (`$values`); Given is what was needed before.
	Roots map[string]string `json:"roots,omitempty"`
	Given []Given           `json:"given,omitempty"`
}

// Job is what a method gets: its parameters, where to put warnings, and the snapshot once it is open.
type Job struct {
	ctx      context.Context
	params   json.RawMessage
	warnings Warnings
	tree     *Tree
	supply   supply
	random   []Drawn

	told  json.RawMessage // what a method of the role `rules` answers in place of manifests
	stuck bool            // something of it goes on after the answer
}

// method renders one request. Its error should be a *Fault; any other becomes "internal".
type method func(job *Job) ([]Manifest, error)

// Worker answers requests from in on out, many at once, in the order in which they are ready.
type Worker struct {
	in      io.Reader
	methods map[string]method
	version string
	slots   chan struct{}
	woken   chan struct{} // has an item when a request came since somebody looked

	outMu sync.Mutex
	out   *bufio.Writer

	mu      sync.Mutex
	pending map[uint64]context.CancelCauseFunc
}

var errCancelled = errors.New("cancelled by the caller")

func newWorker(in io.Reader, out io.Writer, version string, methods map[string]method) *Worker {
	return &Worker{
		in: bufio.NewReaderSize(in, 64<<10), out: bufio.NewWriterSize(out, 64<<10), version: version, methods: methods,
		slots:   make(chan struct{}, 2*max(2, runtime.GOMAXPROCS(0))),
		woken:   make(chan struct{}, 1),
		pending: map[uint64]context.CancelCauseFunc{},
	}
}

// busy tells whether requests are waiting, running, or running on although they were answered.
func (w *Worker) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.pending) > 0 || len(w.slots) > 0
}

// Run greets and serves until the input ends (nil) or breaks the framing (an error).
// Requests still in flight at the end are abandoned.
func (w *Worker) Run(sandbox string) error {
	w.send(greeting(w.version, sandbox, w.methods))
	for {
		body, err := readFrame(w.in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		w.accept(body)
	}
}

func (w *Worker) accept(body []byte) {
	var request Request
	if err := json.Unmarshal(body, &request); err != nil {
		w.answerFault(request.ID, faultf(codeRequest, "request is not valid: %v", err))
		return
	}
	if request.Method == "cancel" {
		w.cancel(request)
		return
	}
	run, known := w.methods[request.Method]
	if !known {
		w.answerFault(request.ID, faultf(codeRequest, "unknown method %q", request.Method).hint("the greeting lists the methods"))
		return
	}
	deadline := defaultDeadline
	if request.DeadlineMS > 0 {
		deadline = time.Duration(request.DeadlineMS) * time.Millisecond
	}
	cancellable, cancel := context.WithCancelCause(context.Background())
	if !w.register(request.ID, cancel) {
		cancel(nil)
		w.answerFault(request.ID, faultf(codeRequest, "id %d is already in flight", request.ID))
		return
	}
	go func() {
		defer cancel(nil)
		w.serve(cancellable, request.ID, deadline, &Job{params: request.Params, supply: newSupply(&request)}, run)
	}()
}

// register notes a request as in flight; false means that its id is taken.
func (w *Worker) register(id uint64, cancel context.CancelCauseFunc) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, taken := w.pending[id]; taken {
		return false
	}
	w.pending[id] = cancel
	select {
	case w.woken <- struct{}{}:
	default:
	}
	return true
}

// serve answers one request exactly once: with its result, or with "deadline" while it still runs.
func (w *Worker) serve(parent context.Context, id uint64, deadline time.Duration, job *Job, run method) {
	ctx, stop := context.WithTimeout(parent, deadline)
	defer stop()
	job.ctx = ctx
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		w.finish(id, failure(id, timedOut(ctx, deadline, false)))
		return
	}
	done := make(chan []byte, 1)
	go func() {
		defer func() { <-w.slots }()
		done <- answer(id, job, run)
	}()
	select {
	case body := <-done:
		w.finish(id, body)
		return
	case <-ctx.Done():
	}
	select {
	case <-done:
		w.finish(id, failure(id, timedOut(ctx, deadline, false)))
	case <-time.After(stuckGrace):
		w.finish(id, failure(id, timedOut(ctx, deadline, true)))
	}
}

func timedOut(ctx context.Context, deadline time.Duration, stuck bool) *Fault {
	f := faultf(codeDeadline, "rendering was not ready after %s", deadline)
	f.Hint = "look for an endless loop in the source, or allow more time"
	if errors.Is(context.Cause(ctx), errCancelled) {
		f = faultf(codeDeadline, "cancelled by the caller")
	}
	if stuck {
		f.Worker = "stuck" // the goroutine goes on: the caller should start a new process
	}
	return f
}

// answer runs the method and encodes what it gives. A panic ends this request only.
func answer(id uint64, job *Job, run method) (body []byte) {
	defer hub.collect(&job.warnings)()
	defer func() {
		if reason := recover(); reason != nil {
			body = failure(id, job.withReads(panicFault(reason)))
		}
		if job.tree != nil {
			job.tree.Close()
		}
		job.supply.close()
	}()
	manifests, err := run(job)
	if needs := job.supply.missing(); len(needs) > 0 {
		return wanting(id, needs, job.reads())
	}
	if err == nil && len(manifests) > maxManifests {
		err = limitFault("manifests of one render", maxManifests)
	}
	if err != nil {
		return failure(id, job.withReads(asFault(err, codeInternal)))
	}
	if job.told != nil {
		body = telling(id, job.told, job.stuck)
	} else {
		body = success(id, manifests, job.reads(), job.warnings.List(), job.random)
	}
	if len(body) > maxAnswerBytes {
		return failure(id, job.withReads(limitFault("size of an answer in bytes", maxAnswerBytes)))
	}
	return body
}

func panicFault(reason any) *Fault {
	f := faultf(codeInternal, "the renderer failed: %s", shorten(fmt.Sprint(reason)))
	if err, ok := reason.(error); ok {
		f = asFault(err, codeInternal)
	}
	if f.Code == codeInternal {
		f.Hint = "this is a fault of a library or of the engine, at " + panicPlace()
	}
	return f
}

// panicPlace names the function that panicked.
func panicPlace() string {
	_, after, found := strings.Cut(string(debug.Stack()), "panic(")
	if !found {
		return "an unknown place"
	}
	lines := strings.SplitN(after, "\n", 4)
	if len(lines) < 4 {
		return "an unknown place"
	}
	return lines[2]
}

func (j *Job) reads() []Read {
	reads := []Read{}
	if j.tree != nil {
		reads = j.tree.Reads()
	}
	return append(reads, j.supply.reads()...)
}

func (j *Job) withReads(f *Fault) *Fault {
	withReads := *f
	withReads.Reads = j.reads()
	return &withReads
}

// open opens the snapshot that the request names; answer closes it.
func (j *Job) open(root string) error {
	tree, err := openTree(root)
	if err != nil {
		return err
	}
	tree.reveal = j.supply.revealed(Need{})
	j.tree = tree
	return nil
}

// tell answers with value in place of manifests.
func (j *Job) tell(value any) error {
	j.told = encode(value)
	return nil
}

// decodeParams reads the parameters strictly: an unknown name is an error.
func (j *Job) decodeParams(into any) error {
	decoder := json.NewDecoder(bytes.NewReader(j.params))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return faultf(codeRequest, "params are not valid: %v", err)
	}
	return nil
}

func (w *Worker) cancel(request Request) {
	var target struct {
		ID uint64 `json:"id"`
	}
	if err := json.Unmarshal(request.Params, &target); err != nil {
		w.answerFault(request.ID, faultf(codeRequest, "params are not valid: %v", err))
		return
	}
	w.mu.Lock()
	stop, found := w.pending[target.ID]
	w.mu.Unlock()
	if found {
		stop(errCancelled)
	}
	w.send(fmt.Appendf(nil, `{"id":%d,"result":{"cancelled":%t}}`, request.ID, found))
}

// finish answers a pending request unless that was done already.
func (w *Worker) finish(id uint64, body []byte) {
	w.mu.Lock()
	_, waiting := w.pending[id]
	delete(w.pending, id)
	w.mu.Unlock()
	if waiting {
		w.send(body)
	}
}

func (w *Worker) answerFault(id uint64, f *Fault) { w.send(failure(id, f)) }

func (w *Worker) send(body []byte) {
	w.outMu.Lock()
	defer w.outMu.Unlock()
	if writeFrame(w.out, body) != nil || w.out.Flush() != nil {
		os.Exit(exitOutputClosed) // nobody listens any more
	}
}

// failAll answers every pending request with f; requests that come later find none to answer them.
func (w *Worker) failAll(f *Fault) {
	w.mu.Lock()
	ids := make([]uint64, 0, len(w.pending))
	for id := range w.pending {
		ids = append(ids, id)
	}
	w.pending = map[uint64]context.CancelCauseFunc{}
	w.mu.Unlock()
	for _, id := range ids {
		w.answerFault(id, f)
	}
}
