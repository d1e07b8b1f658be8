package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// request is one frame that came in; ID is chosen by the caller and unique among those in flight.
type request struct {
	ID         uint64          `json:"id"`
	Method     string          `json:"method"`
	DeadlineMS int64           `json:"deadline_ms"`
	Params     json.RawMessage `json:"params"`
}

type answer struct {
	ID     uint64 `json:"id"`
	Result any    `json:"result,omitempty"`
	Error  *Fault `json:"error,omitempty"`
}

// server answers requests from in on out, in the order in which they are ready.
type server struct {
	in    io.Reader
	keys  *keyring // set by the first request, before any other is looked at
	seal  func(network bool) string
	slots chan struct{}
	woken chan struct{} // has an item when a request came since somebody looked

	outMu sync.Mutex
	out   *bufio.Writer

	mu      sync.Mutex
	pending map[uint64]bool
}

func newServer(in io.Reader, out io.Writer) *server {
	return &server{
		in: bufio.NewReaderSize(in, 64<<10), out: bufio.NewWriterSize(out, 64<<10), seal: sealKernel,
		slots: make(chan struct{}, atOnce), woken: make(chan struct{}, 1), pending: map[uint64]bool{},
	}
}

func (s *server) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) > 0 || len(s.slots) > 0
}

// run greets and serves until the input ends (nil) or breaks the framing (an error).
func (s *server) run(greeting []byte) error {
	s.send(greeting)
	for {
		body, err := readFrame(s.in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var asked request
		if json.Unmarshal(body, &asked) != nil {
			s.send(encode(answer{ID: asked.ID, Error: faultf(codeRequest, "the request is not valid")}))
			continue
		}
		s.accept(asked)
	}
}

func (s *server) accept(asked request) {
	s.mu.Lock()
	taken := s.pending[asked.ID]
	s.pending[asked.ID] = true
	s.mu.Unlock()
	select {
	case s.woken <- struct{}{}:
	default:
	}
	switch {
	case taken:
		s.send(encode(answer{ID: asked.ID, Error: faultf(codeRequest, "id %d is already in flight", asked.ID)}))
	case asked.Method == "keys":
		s.finish(asked.ID, s.takeKeys(asked))
	case asked.Method == "cancel":
		s.finish(asked.ID, answer{Result: map[string]bool{"cancelled": false}}) // the caller does not wait for it any more
	case asked.Method == "decrypt" && s.keys != nil:
		go s.serve(asked)
	case asked.Method == "decrypt":
		s.finish(asked.ID, answer{Error: faultf(codeRequest, "the first request must bring the keys")})
	default:
		s.finish(asked.ID, answer{Error: faultf(codeRequest, "unknown method %q", shorten(asked.Method, maxNameLength))})
	}
}

// takeKeys reads the keys, once: what they need decides what the kernel still allows from then on.
func (s *server) takeKeys(asked request) answer {
	if s.keys != nil {
		return answer{Error: faultf(codeRequest, "the keys were given already")}
	}
	var params keysParams
	if fault := strictly(asked.Params, &params); fault != nil {
		return answer{Error: fault}
	}
	keys := newKeyring(params)
	sandbox := s.seal(keys.usesNetwork())
	s.keys = keys
	return answer{Result: map[string]any{"sandbox": sandbox, "age": keys.names(keys.age), "pgp": keys.names(keys.pgp)}}
}

// serve answers one request exactly once: with its result, or with "deadline" while it still runs.
func (s *server) serve(asked request) {
	deadline := defaultDeadline
	if asked.DeadlineMS > 0 {
		deadline = time.Duration(asked.DeadlineMS) * time.Millisecond
	}
	late := time.After(deadline)
	select {
	case s.slots <- struct{}{}:
	case <-late:
		s.finish(asked.ID, answer{Error: faultf(codeDeadline, "decrypting did not begin within %s", deadline)})
		return
	}
	done := make(chan answer, 1)
	go func() {
		defer func() { <-s.slots }()
		done <- s.decrypted(asked)
	}()
	select {
	case ready := <-done:
		s.finish(asked.ID, ready)
	case <-late:
		fault := faultf(codeDeadline, "decrypting was not ready after %s", deadline)
		fault.Worker = "stuck" // it goes on: the caller should start a new process
		s.finish(asked.ID, answer{Error: fault})
	}
}

// decrypted never tells what a panic said: it could quote what was being decrypted.
func (s *server) decrypted(asked request) (ready answer) {
	defer func() {
		if recover() != nil {
			ready = answer{Error: faultf(codeInternal, "the SOPS library failed on this file")}
		}
	}()
	var params decryptParams
	if fault := strictly(asked.Params, &params); fault != nil {
		return answer{Error: fault}
	}
	plain, fault := s.keys.decrypt(params)
	if fault != nil {
		return answer{Error: fault}
	}
	return answer{Result: map[string][]byte{"content_base64": plain}}
}

// strictly reads parameters; an unknown name is an error. What the decoder says is not told: it could quote a key.
func strictly(params json.RawMessage, into any) *Fault {
	decoder := json.NewDecoder(bytes.NewReader(params))
	decoder.DisallowUnknownFields()
	if decoder.Decode(into) != nil {
		return faultf(codeRequest, "the parameters are not valid")
	}
	return nil
}

// finish answers a pending request unless that was done already.
func (s *server) finish(id uint64, ready answer) {
	ready.ID = id
	s.mu.Lock()
	waiting := s.pending[id]
	delete(s.pending, id)
	s.mu.Unlock()
	if waiting {
		s.send(encode(ready))
	}
}

func (s *server) send(body []byte) {
	s.outMu.Lock()
	defer s.outMu.Unlock()
	if writeFrame(s.out, body) != nil || s.out.Flush() != nil {
		os.Exit(exitOutputClosed) // nobody listens any more
	}
}

// failAll answers every pending request with f.
func (s *server) failAll(f *Fault) {
	s.mu.Lock()
	ids := make([]uint64, 0, len(s.pending))
	for id := range s.pending {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	for _, id := range ids {
		s.finish(id, answer{Error: f})
	}
}
