package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"regexp"
	"runtime"
	"strings"
	"sync"
)

// Warnings gathers what libraries want to tell about one request. Safe for concurrent use.
type Warnings struct {
	mu    sync.Mutex
	lines []string
}

// Add keeps text unless it was said before or maxWarnings is reached.
func (w *Warnings) Add(text string) {
	text = shorten(text)
	w.mu.Lock()
	defer w.mu.Unlock()
	if text == "" || len(w.lines) >= maxWarnings {
		return
	}
	for _, line := range w.lines {
		if line == text {
			return
		}
	}
	w.lines = append(w.lines, text)
}

// Write makes Warnings the trace output of Jsonnet: one warning for each write.
func (w *Warnings) Write(p []byte) (int, error) {
	w.Add(string(p))
	return len(p), nil
}

// List returns the warnings in the order in which they came; never nil.
func (w *Warnings) List() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.lines...)
}

// logHub sends what libraries print through the packages log and log/slog to the request on whose
// goroutine they print: Helm and Kustomize do their work on the goroutine of their caller.
type logHub struct {
	mu  sync.Mutex
	own map[string]*Warnings
}

var hub = &logHub{own: map[string]*Warnings{}}

// collect makes w the receiver for the calling goroutine until the returned function is called.
func (h *logHub) collect(w *Warnings) func() {
	id := goroutineID()
	h.mu.Lock()
	h.own[id] = w
	h.mu.Unlock()
	return func() {
		h.mu.Lock()
		delete(h.own, id)
		h.mu.Unlock()
	}
}

// Write receives from package log. A library that calls log.Fatal would end the process and
// every request in it: the panic ends only the one that called.
func (h *logHub) Write(p []byte) (int, error) {
	if calledFromFatal() {
		panic("a library gave up: " + strings.TrimSpace(string(p)))
	}
	h.mu.Lock()
	w := h.own[goroutineID()]
	h.mu.Unlock()
	if w != nil {
		w.Add(printedValue.ReplaceAllString(strings.TrimSpace(string(p)), ""))
	}
	return len(p), nil
}

// printedValue is the value in brackets that Helm prints after "cannot overwrite table …": it may be a secret.
var printedValue = regexp.MustCompile(`(?s) \(.*\)$`)

// install takes over the default loggers.
func (h *logHub) install() {
	log.SetFlags(0)
	slog.SetDefault(slog.New(hubHandler{h}))
	log.SetOutput(h) // after slog.SetDefault, which points package log at its handler
}

type hubHandler struct{ hub *logHub }

func (hubHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (s hubHandler) Handle(_ context.Context, record slog.Record) error {
	var text strings.Builder
	text.WriteString(record.Message)
	record.Attrs(func(a slog.Attr) bool {
		text.WriteString(" " + a.Key + "=" + a.Value.String())
		return true
	})
	_, err := io.WriteString(s.hub, text.String())
	return err
}

func (s hubHandler) WithAttrs([]slog.Attr) slog.Handler { return s }
func (s hubHandler) WithGroup(string) slog.Handler      { return s }

func goroutineID() string {
	var buffer [64]byte
	text := buffer[:runtime.Stack(buffer[:], false)]
	fields := bytes.Fields(text) // "goroutine 42 [running]:"
	if len(fields) < 2 {
		return ""
	}
	return string(fields[1])
}

func calledFromFatal() bool {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "log.Fatal") || strings.HasPrefix(frame.Function, "log.(*Logger).Fatal") {
			return true
		}
		if !more {
			return false
		}
	}
}
