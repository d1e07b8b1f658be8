package main

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of thing went wrong; PROTOCOL.md lists the codes.
type Code string

const (
	codeParse    Code = "parse"    // a file is not what its format demands
	codeRender   Code = "render"   // the library could not render the source
	codePath     Code = "path"     // a path or link leaves the repository
	codeMissing  Code = "missing"  // something named does not exist
	codeDeadline Code = "deadline" // not ready in time, or cancelled
	codeMemory   Code = "memory"   // the process went over its memory limit
	codeLimit    Code = "limit"    // a named limit was crossed
	codeRefused  Code = "refused"  // a feature that the engine never runs
	codeRequest  Code = "request"  // the request itself is wrong
	codeInternal Code = "internal" // a fault of the engine or of a library
)

// Fault is the one error of the engine: what happened, where, and what to do next.
// File is relative to the root of the snapshot; Line and Column count from 1, 0 means unknown.
type Fault struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Worker  string `json:"worker,omitempty"`
	Reads   []Read `json:"reads,omitempty"`
}

func (f *Fault) Error() string { return f.Message }

func faultf(code Code, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// in says where the fault is; a place that is already known stays.
func (f *Fault) in(file string, line int) *Fault {
	if f.File == "" {
		f.File, f.Line = file, line
	}
	return f
}

func (f *Fault) hint(text string) *Fault {
	if f.Hint == "" {
		f.Hint = text
	}
	return f
}

func limitFault(what string, limit int) *Fault {
	return faultf(codeLimit, "%s: more than the limit of %d", what, limit)
}

// asFault finds the Fault inside err, or makes one of the given code from its text.
func asFault(err error, code Code) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{Code: code, Message: shorten(err.Error())}
}

// shorten keeps a library's message within maxMessageLength.
func shorten(message string) string {
	message = strings.TrimSpace(message)
	if len(message) <= maxMessageLength {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessageLength], "") + " …"
}
