package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxFetchRequests  = 2_000
	maxFetchRedirects = 5
	maxHeaderBytes    = 256 << 10
	dialTimeout       = 15 * time.Second
	fetchAgent        = "gitopsd"
)

// web is the HTTP client of one fetch. Credentials go to the repository's own scheme, host and port and nowhere else
// (S10 to S13): they are chosen anew for each hop, by that hop's URL.
type web struct {
	own           string          // the origin that the configuration names
	trusted       map[string]bool // origins that see credentials
	authorization string          // for trusted origins; empty where a registry's client sets it
	realms        func(*url.URL) bool
	client        *http.Client
	near, far     http.RoundTripper
	nearReach     *reach
	farReach      *reach
	left          atomic.Int64
	requests      atomic.Int64
	most          int64
}

// newWeb makes the client for access. base is the URL that its credentials are for.
func newWeb(access *fetchAccess, base *url.URL, limits *fetchLimits) (*web, error) {
	proxy, err := proxyOf(access)
	if err != nil {
		return nil, err
	}
	nearTLS, farTLS, err := tlsOf(access)
	if err != nil {
		return nil, err
	}
	metPrivate := &atomic.Bool{}
	w := &web{own: originOf(base), most: limits.DownloadBytes}
	w.trusted = map[string]bool{w.own: true}
	w.nearReach = &reach{blockPrivate: access.BlockPrivate, metPrivate: metPrivate}
	w.farReach = &reach{blockPrivate: access.BlockPrivate, metPrivate: metPrivate, far: true}
	w.near = transportOf(w.nearReach, nearTLS, proxy, access.NoProxy)
	w.far = transportOf(w.farReach, farTLS, proxy, access.NoProxy)
	w.left.Store(limits.DownloadBytes)
	w.client = &http.Client{Transport: w, CheckRedirect: checkRedirect}
	return w, nil
}

// originOf is scheme, host and port: who gets to see a credential.
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme) + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// basicOrBearer is the header that stands for the access; "" without credentials.
func basicOrBearer(access *fetchAccess) string {
	if access.Token != "" {
		return "Bearer " + access.Token
	}
	if access.Username == "" && access.Password == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(access.Username+":"+access.Password))
}

// get asks for a document; its answer has status 200 or 304. The caller closes the body.
func (w *web) get(ctx context.Context, target *url.URL, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fetchFailed(failRefused, "the URL cannot be read")
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	sent := w.authorization != "" && w.mayTrust(response.Request)
	if err := statusFailure(response.StatusCode, sent); err != nil {
		response.Body.Close()
		return nil, err
	}
	return response, nil
}

// RoundTrip is one hop.
func (w *web) RoundTrip(request *http.Request) (*http.Response, error) {
	if w.requests.Add(1) > maxFetchRequests {
		return nil, limitFault("requests of one fetch", maxFetchRequests)
	}
	transport, reach := w.far, w.farReach
	trusted := w.mayTrust(request)
	if trusted || originOf(request.URL) == w.own {
		transport, reach = w.near, w.nearReach
	}
	if err := checkHop(request.URL, reach); err != nil {
		return nil, err
	}
	request = request.Clone(request.Context())
	request.Header.Set("User-Agent", fetchAgent)
	if trusted && w.authorization != "" {
		request.Header.Set("Authorization", w.authorization)
	}
	if !trusted && request.Header.Get("Authorization") != "" && (w.realms == nil || !w.realms(request.URL)) {
		return nil, fetchFailed(failRefused, "credentials for %s were about to go to %s", w.own, originOf(request.URL))
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{ReadCloser: response.Body, web: w}
	return response, nil
}

// mayTrust tells whether a hop is to an origin that sees credentials, and every hop before it was.
func (w *web) mayTrust(request *http.Request) bool {
	for request != nil {
		if !w.trusted[originOf(request.URL)] {
			return false
		}
		if request.Response == nil {
			return true
		}
		request = request.Response.Request
	}
	return true
}

// checkHop refuses what is not http and what must not be reached, also where a proxy would connect.
func checkHop(target *url.URL, reach *reach) error {
	if target.Scheme != "http" && target.Scheme != "https" {
		return fetchFailed(failRefused, "the scheme %q is neither http nor https", clip(target.Scheme, 20))
	}
	if target.Hostname() == "" {
		return fetchFailed(failRefused, "the URL has no host")
	}
	return reach.checkHost(target.Hostname())
}

// checkRedirect leaves on a redirected request nothing that only the first server should know.
func checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) > maxFetchRedirects {
		return fetchFailed(failRedirect, "the server redirected more than %d times", maxFetchRedirects)
	}
	before := via[len(via)-1]
	if before.URL.Scheme == "https" && request.URL.Scheme != "https" {
		return fetchFailed(failRedirect, "the server redirected from https to %s", clip(request.URL.Scheme, 20))
	}
	if before.Method != http.MethodGet && before.Method != http.MethodHead {
		return fetchFailed(failRedirect, "the server redirected a request that is not a GET")
	}
	for _, name := range []string{"Referer", "Cookie", "Proxy-Authorization", "Authorization"} {
		request.Header.Del(name)
	}
	if originOf(via[0].URL) == originOf(request.URL) && onOrigin(via) {
		if header := via[0].Header.Get("Authorization"); header != "" {
			request.Header.Set("Authorization", header)
		}
	}
	request.URL.User = nil
	return nil
}

func onOrigin(via []*http.Request) bool {
	for _, request := range via {
		if originOf(request.URL) != originOf(via[0].URL) {
			return false
		}
	}
	return true
}

// boundedBody counts what was read, after decompression, against what all answers may hold together (D3).
type boundedBody struct {
	io.ReadCloser
	web *web
}

func (b *boundedBody) Read(into []byte) (int, error) {
	left := b.web.left.Load()
	if left <= 0 {
		var one [1]byte // exactly as much as allowed is allowed
		if n, err := b.ReadCloser.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, fetchFailed(failLimit, "the server sends more than %d bytes", b.web.most)
	}
	n, err := b.ReadCloser.Read(into[:min(int64(len(into)), left)])
	b.web.left.Add(int64(-n))
	return n, err
}

func transportOf(reach *reach, config *tls.Config, proxy *url.URL, noProxy []string) *http.Transport {
	guarded := &net.Dialer{Timeout: dialTimeout, Control: reach.control}
	plain := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes, DialContext: guarded.DialContext,
	}
	if proxy != nil {
		transport.Proxy = func(request *http.Request) (*url.URL, error) {
			origin, err := url.Parse(originOf(request.URL))
			if err != nil || bypasses(noProxy, origin.Hostname(), origin.Port()) {
				return nil, err
			}
			return proxy, nil
		}
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == proxy.Host {
				return plain.DialContext(ctx, network, address) // our configuration names it
			}
			return guarded.DialContext(ctx, network, address)
		}
	}
	return transport
}

func proxyOf(access *fetchAccess) (*url.URL, error) {
	if access.Proxy == "" {
		return nil, nil
	}
	proxy, err := url.Parse(access.Proxy)
	if err != nil || proxy.Port() == "" {
		return nil, fetchFailed(failInternal, "the proxy's URL cannot be read")
	}
	return proxy, nil
}

// tlsOf gives the settings for the repository itself, and for hosts that it names: those are shown no certificate of
// ours and are always verified.
func tlsOf(access *fetchAccess) (near, far *tls.Config, err error) {
	near = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: access.Insecure}
	far = &tls.Config{MinVersion: tls.VersionTLS12}
	if access.CA != "" {
		near.RootCAs = x509.NewCertPool()
		if !near.RootCAs.AppendCertsFromPEM([]byte(access.CA)) {
			return nil, nil, fetchFailed(failTLS, "`ca` holds no certificate in PEM form")
		}
		if far.RootCAs, err = x509.SystemCertPool(); err != nil {
			far.RootCAs = x509.NewCertPool()
		}
		far.RootCAs.AppendCertsFromPEM([]byte(access.CA))
	}
	if access.ClientCert != "" {
		pair, err := tls.X509KeyPair([]byte(access.ClientCert), []byte(access.ClientKey))
		if err != nil {
			return nil, nil, fetchFailed(failTLS, "the client certificate and its key cannot be used")
		}
		near.Certificates = []tls.Certificate{pair}
	}
	return near, far, nil
}

// parseWebURL reads an absolute http(s) URL; user info is dropped, credentials come from our configuration.
func parseWebURL(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		return nil, fetchFailed(failRefused, "the URL cannot be read")
	}
	parsed.User, parsed.Fragment = nil, ""
	if parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, fetchFailed(failRefused, "the scheme %q is neither http nor https", clip(parsed.Scheme, 20))
	}
	return parsed, nil
}
