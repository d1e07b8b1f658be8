package main

import (
	"fmt"
	"strings"
	"unicode"
)

// Code says what kind of thing went wrong; PROTOCOL.md lists the codes.
type Code string

const (
	codeRequest  Code = "request"  // the request itself is wrong
	codeKeys     Code = "keys"     // one of the keys that were given cannot be used
	codeNoKey    Code = "no_key"   // none of the keys opens the file
	codeParse    Code = "parse"    // not a file that SOPS wrote
	codeMAC      Code = "mac"      // the file was changed after it was encrypted
	codeDeadline Code = "deadline" // not ready in time
	codeMemory   Code = "memory"   // the process went over its memory limit
	codeInternal Code = "internal" // a fault of ours or of a library
)

// Fault is the one error of the process. Its texts never hold a key or anything that was decrypted: they are our own,
// with names of recipients and, of key services, what these answered.
type Fault struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Worker  string `json:"worker,omitempty"`
}

func (f *Fault) Error() string { return f.Message }

func faultf(code Code, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: shorten(fmt.Sprintf(format, args...), maxMessageLength)}
}

func (f *Fault) hint(text string) *Fault {
	f.Hint = text
	return f
}

// shorten keeps text printable, on one line and within most bytes.
func shorten(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(text))
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " …"
}
