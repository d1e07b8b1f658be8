package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
	"oras.land/oras-go/v2/registry/remote/auth"
)

const maxTokenBytes = 128 << 10

// registryClient signs in to a registry for oras. Its rule where a password may go is stricter than the library's for
// hosts of the open web, and allows a company's own token server (S12).
// https://distribution.github.io/distribution/spec/auth/token/
type registryClient struct {
	web           *web
	access        *fetchAccess
	base          *url.URL
	scope         string
	authorization string
}

// Do sends one request, signing in if the registry asks for it. The answer has status 200, or is an error.
func (c *registryClient) Do(request *http.Request) (*http.Response, error) {
	if request.Header.Get("Accept-Encoding") == "" {
		request.Header.Set("Accept-Encoding", "identity") // digests are of what is sent, as it is sent
	}
	response, err := c.send(request)
	if err != nil {
		return nil, err
	}
	asked := response.Header.Values("Www-Authenticate")
	if response.StatusCode == http.StatusUnauthorized && len(asked) > 0 && originOf(response.Request.URL) == originOf(c.base) {
		response.Body.Close()
		before := c.authorization
		if c.authorization, err = c.signIn(request.Context(), asked); err != nil {
			return nil, err
		}
		if c.authorization == "" || c.authorization == before {
			return nil, statusFailure(http.StatusUnauthorized, before != "")
		}
		if response, err = c.send(request); err != nil {
			return nil, err
		}
	}
	status := response.StatusCode
	if status == http.StatusPartialContent || status >= 200 && status < 300 {
		return response, nil
	}
	response.Body.Close()
	return nil, statusFailure(status, c.authorization != "" && c.hasCredentials())
}

func (c *registryClient) hasCredentials() bool { return basicOrBearer(c.access) != "" }

func (c *registryClient) send(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	if c.authorization != "" {
		request.Header.Set("Authorization", c.authorization)
	}
	return c.web.client.Do(request)
}

// signIn gives the header that answers a registry's challenge; "" where there is nothing to answer with.
func (c *registryClient) signIn(ctx context.Context, challenges []string) (string, error) {
	for _, challenge := range challenges {
		scheme, params := parseChallenge(challenge)
		switch scheme {
		case "bearer":
			if c.access.Token != "" {
				return "Bearer " + c.access.Token, nil
			}
			return c.fetchToken(ctx, params)
		case "basic":
			return basicOrBearer(c.access), nil
		}
	}
	return "", fetchFailed(failProtocol, "the registry asks for credentials of a kind that is neither Basic nor Bearer")
}

func (c *registryClient) fetchToken(ctx context.Context, params map[string]string) (string, error) {
	realm, err := url.Parse(params["realm"])
	if err != nil || realm.Host == "" || realm.User != nil {
		return "", fetchFailed(failProtocol, "the registry names no token server that can be used")
	}
	credentials := basicOrBearer(c.access)
	if credentials != "" && !mayKnow(c.base, realm, c.access.TokenHosts) {
		return "", fetchFailed(failRefused, "the registry names a token server on another host (%s), which must not see the password",
			originOf(realm))
	}
	query := realm.Query()
	if service := params["service"]; service != "" {
		query.Set("service", service)
	}
	scope := params["scope"]
	if scope == "" {
		scope = c.scope
	}
	query.Set("scope", scope)
	realm.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, realm.String(), nil)
	if err != nil {
		return "", fetchFailed(failProtocol, "the registry names no token server that can be used")
	}
	if credentials != "" {
		request.Header.Set("Authorization", credentials)
	}
	response, err := c.web.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if err := statusFailure(response.StatusCode, credentials != ""); err != nil {
		return "", err
	}
	return tokenOf(response.Body)
}

func tokenOf(body io.Reader) (string, error) {
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(body, maxTokenBytes)).Decode(&answer); err != nil {
		return "", fetchFailed(failProtocol, "the token server's answer cannot be read")
	}
	if answer.AccessToken != "" {
		answer.Token = answer.AccessToken
	}
	if answer.Token == "" {
		return "", fetchFailed(failProtocol, "the token server gave no token")
	}
	return "Bearer " + answer.Token, nil
}

// mayKnow tells whether a token server may see a registry's password: it is the registry's own host, one below the
// same registrable domain, or one that our configuration lists; and it is spoken to at least as privately.
func mayKnow(registry, realm *url.URL, listed []string) bool {
	if realm.Scheme != "https" && (realm.Scheme != "http" || registry.Scheme != "http") {
		return false
	}
	host := strings.ToLower(realm.Hostname())
	if host == strings.ToLower(registry.Hostname()) {
		return true
	}
	for _, each := range listed {
		if strings.EqualFold(each, host) || strings.EqualFold(each, realm.Host) {
			return true
		}
	}
	if realm.Scheme != "https" || net.ParseIP(host) != nil {
		return false
	}
	theirs, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return false
	}
	ours, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(registry.Hostname()))
	return err == nil && ours == theirs
}

// parseChallenge reads a WWW-Authenticate header: its scheme in lower case, and its parameters.
func parseChallenge(header string) (string, map[string]string) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	params := map[string]string{}
	for rest = strings.TrimLeft(rest, " ,"); rest != ""; rest = strings.TrimLeft(rest, " ,") {
		name, after, found := strings.Cut(rest, "=")
		if !found {
			break
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			value, rest = quoted(after[1:])
		} else {
			value, rest, _ = strings.Cut(after, ",")
		}
		params[strings.ToLower(strings.TrimSpace(name))] = value
	}
	return strings.ToLower(scheme), params
}

// quoted reads up to the closing quote, and gives what comes after it.
func quoted(text string) (string, string) {
	var value strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			value.WriteByte(text[i])
		case text[i] == '"':
			return value.String(), text[i+1:]
		default:
			value.WriteByte(text[i])
		}
	}
	return value.String(), ""
}

// pullScope is what a token is asked for where the registry does not say.
func pullScope(repository string) string { return auth.ScopeRepository(repository, auth.ActionPull) }
