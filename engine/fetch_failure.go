package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode"
)

// What went wrong, as far as it decides what happens next; gitopsd's Python side knows the same words.
const (
	failAuth        = "auth"
	failForbidden   = "forbidden"
	failNotFound    = "not-found"
	failUnreachable = "unreachable"
	failBusy        = "busy"
	failTLS         = "tls"
	failRedirect    = "redirect"
	failProtocol    = "protocol"
	failRefused     = "refused"
	failLimit       = "limit"
	failDisk        = "disk"
	failMissing     = "missing"
	failDeadline    = "deadline"
	failInternal    = "internal"
)

// fetchFailure is why a request has no answer. Why is fit for people: it holds no credential and no unmasked URL.
type fetchFailure struct {
	Kind string `json:"failure"`
	Why  string `json:"why"`
}

func (f *fetchFailure) Error() string { return f.Why }

func fetchFailed(kind, format string, args ...any) *fetchFailure {
	return &fetchFailure{Kind: kind, Why: fmt.Sprintf(format, args...)}
}

// failedAs finds out whether err is a failure of a kind.
func failedAs(err error, kind string) bool {
	var failure *fetchFailure
	return errors.As(err, &failure) && failure.Kind == kind
}

// fetchFailureOf puts any error into words that hold no secret of access.
func fetchFailureOf(err error, access *fetchAccess) *fetchFailure {
	failure := plainFailure(err)
	return &fetchFailure{Kind: failure.Kind, Why: scrub(failure.Why, access)}
}

func plainFailure(err error) *fetchFailure {
	var failure *fetchFailure
	var dns *net.DNSError
	var number syscall.Errno
	var path *os.PathError
	var limit *Fault
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.As(err, &limit):
		return faultFailure(limit)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fetchFailed(failUnreachable, "the server did not answer in time")
	case speaksNoTLS(err):
		return fetchFailed(failTLS, "the server does not speak TLS")
	case isTLS(err):
		return fetchFailed(failTLS, "%v", innermost(err))
	case errors.As(err, &dns):
		return fetchFailed(failUnreachable, "the host's name cannot be resolved")
	case errors.As(err, &path) && errors.As(err, &number):
		return diskFailure(number)
	case errors.As(err, &number):
		return fetchFailed(failUnreachable, "%v", number)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return fetchFailed(failUnreachable, "the server cut the connection")
	}
	return fetchFailed(failProtocol, "%v", withoutURL(err))
}

// diskFailure tells a full disk from a broken request: both end in a PathError.
func diskFailure(number syscall.Errno) *fetchFailure {
	switch number {
	case syscall.ENAMETOOLONG, syscall.EINVAL, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP:
		return fetchFailed(failRefused, "the archive holds a name that cannot be a file's: %v", number)
	case syscall.EFBIG:
		return fetchFailed(failLimit, "a file grew beyond the size limit")
	}
	return fetchFailed(failDisk, "%v", number)
}

func faultFailure(fault *Fault) *fetchFailure {
	kind := map[Code]string{codeLimit: failLimit, codePath: failRefused}[fault.Code]
	if kind == "" {
		kind = failProtocol
	}
	return &fetchFailure{Kind: kind, Why: fault.Message}
}

func isTLS(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) ||
		errors.As(err, &invalid) || errors.As(err, &alert) ||
		strings.Contains(err.Error(), "tls: ")
}

// speaksNoTLS tells whether the server answered a TLS handshake with something else.
func speaksNoTLS(err error) bool {
	var record tls.RecordHeaderError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record)
}

func innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// withoutURL drops the URL that net/http puts before what happened.
func withoutURL(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		return outer.Err
	}
	return err
}

// statusFailure says what a status means; nil for 200 and 304.
func statusFailure(status int, hadCredentials bool) error {
	switch {
	case status == http.StatusOK || status == http.StatusNotModified:
		return nil
	case status == http.StatusUnauthorized && hadCredentials:
		return fetchFailed(failAuth, "the server refused the credentials")
	case status == http.StatusUnauthorized:
		return fetchFailed(failAuth, "the server asks for credentials")
	case status == http.StatusForbidden:
		return fetchFailed(failForbidden, "the server answered 403 Forbidden")
	case status == http.StatusNotFound || status == http.StatusGone:
		return fetchFailed(failNotFound, "the server answered %d: there is no such thing, or not for us", status)
	case status == http.StatusProxyAuthRequired:
		return fetchFailed(failAuth, "the proxy refused the credentials")
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
		return fetchFailed(failBusy, "the server answered %d", status)
	}
	return fetchFailed(failProtocol, "the server answered %d", status)
}

var urlInText = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s'"]+`)

// scrub makes words that may be shown (S8): URLs masked, secrets blotted out, on one line.
func scrub(words string, access *fetchAccess) string {
	words = blot(words, access.Password, access.Token)
	words = urlInText.ReplaceAllStringFunc(words, shownURL)
	words = strings.Map(func(letter rune) rune {
		if unicode.IsPrint(letter) {
			return letter
		}
		return ' '
	}, words)
	return clip(strings.TrimSpace(words), 300)
}

func blot(words string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) >= 4 {
			words = strings.ReplaceAll(words, secret, "…")
			words = strings.ReplaceAll(words, url.QueryEscape(secret), "…")
		}
	}
	return words
}

// shownURL drops user info, query and fragment, where tokens hide.
func shownURL(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		scheme, _, _ := strings.Cut(text, "://")
		return scheme + "://…"
	}
	return (&url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: parsed.Path}).String()
}

func clip(text string, most int) string {
	runes := []rune(text)
	return string(slices.Clip(runes[:min(len(runes), most)]))
}
