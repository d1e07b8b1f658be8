package main

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// reach decides which addresses a fetch may connect to (advisory E9). It is asked with the address itself, at
// connect time and for each hop, so that a name which resolves to another address the second time changes nothing.
type reach struct {
	blockPrivate bool
	metPrivate   *atomic.Bool // the repository itself is at a private address
	far          bool         // hosts that the repository's server named, rather than our configuration
}

// Addresses at which clouds hand out credentials, besides the link-local ones.
var metadataAddresses = map[netip.Addr]bool{
	netip.MustParseAddr("100.100.100.200"): true,
	netip.MustParseAddr("168.63.129.16"):   true,
	netip.MustParseAddr("192.0.0.192"):     true,
	netip.MustParseAddr("fd00:ec2::254"):   true,
	netip.MustParseAddr("fd20:ce::254"):    true,
}

var (
	sharedAddresses = netip.MustParsePrefix("100.64.0.0/10")
	thisNetwork     = netip.MustParsePrefix("0.0.0.0/8")
	nat64           = netip.MustParsePrefix("64:ff9b::/96")
	localNAT64      = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour       = netip.MustParsePrefix("2002::/16")
	v4Compatible    = netip.MustParsePrefix("::/96")
)

// check refuses an address that must not be reached.
func (r *reach) check(address netip.Addr) error {
	address = embedded(address)
	if isNeverReached(address) {
		return fetchFailed(failRefused, "the host is at %s, a link-local or metadata address, which is never reached", address)
	}
	if !isPrivate(address) {
		return nil
	}
	if r.blockPrivate {
		return fetchFailed(failRefused, "the host is at %s, a private address; configure the repository to allow it", address)
	}
	if r.far && !r.metPrivate.Load() {
		return fetchFailed(failRefused, "a server at a public address named a host at %s, a private address", address)
	}
	if !r.far {
		r.metPrivate.Store(true)
	}
	return nil
}

// checkHost checks a host that is written as an address; names are checked when they are connected to.
func (r *reach) checkHost(host string) error {
	if address, err := netip.ParseAddr(host); err == nil {
		return r.check(address)
	}
	return nil
}

// meet looks where the repository is, for a process that connects only to a host which the repository named.
func (r *reach) meet(ctx context.Context, repository string) {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", repository)
	if err != nil {
		return // behind a proxy names may mean nothing to us
	}
	for _, address := range addresses {
		if isPrivate(embedded(address)) {
			r.metPrivate.Store(true)
		}
	}
}

// control is for net.Dialer.Control.
func (r *reach) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fetchFailed(failInternal, "an address without a port")
	}
	parsed, err := netip.ParseAddr(host)
	if err != nil {
		return fetchFailed(failRefused, "the host's address cannot be read")
	}
	return r.check(parsed)
}

func isNeverReached(address netip.Addr) bool {
	return address.IsUnspecified() || address.IsLinkLocalUnicast() || address.IsMulticast() || thisNetwork.Contains(address) ||
		address == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || metadataAddresses[address.WithZone("")]
}

func isPrivate(address netip.Addr) bool {
	return address.IsLoopback() || address.IsPrivate() || sharedAddresses.Contains(address)
}

// embedded gives the IPv4 address that an IPv6 address stands for, if it does.
func embedded(address netip.Addr) netip.Addr {
	address = address.Unmap()
	if address.Is4() {
		return address
	}
	bytes := address.As16()
	switch bare := address.WithZone(""); {
	case bare.IsLoopback() || bare.IsUnspecified():
		return bare
	case nat64.Contains(bare), localNAT64.Contains(bare), v4Compatible.Contains(bare):
		return netip.AddrFrom4([4]byte(bytes[12:16]))
	case sixToFour.Contains(bare):
		return netip.AddrFrom4([4]byte(bytes[2:6]))
	}
	return address
}

// isLoopbackHost tells whether a host is this machine by its name alone.
func isLoopbackHost(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}

// bypasses tells whether host is reached without the proxy. Entries are `*`, an address, a network or a domain
// (`.domain` for what is below it alone), all but networks perhaps with a port.
// The format is that of golang.org/x/net/http/httpproxy, without its exception for loopback.
func bypasses(noProxy []string, host, port string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	address, addressErr := netip.ParseAddr(host)
	for _, entry := range noProxy {
		name, wantedPort := splitPort(strings.ToLower(entry))
		if wantedPort != "" && wantedPort != port {
			continue
		}
		if name == "*" {
			return true
		}
		if network, err := netip.ParsePrefix(name); err == nil {
			if addressErr == nil && network.Contains(address) {
				return true
			}
			continue
		}
		if single, err := netip.ParseAddr(name); err == nil {
			if addressErr == nil && single == address {
				return true
			}
			continue
		}
		name = strings.TrimPrefix(name, "*")
		bare := strings.TrimLeft(name, ".")
		if bare != "" && (strings.HasSuffix(host, "."+bare) || host == bare && !strings.HasPrefix(name, ".")) {
			return true
		}
	}
	return false
}

func splitPort(entry string) (string, string) {
	if strings.HasPrefix(entry, "[") || strings.Count(entry, ":") == 1 {
		host, port, err := net.SplitHostPort(entry)
		if err == nil {
			if _, err := strconv.ParseUint(port, 10, 16); err == nil {
				return host, port
			}
		}
		return strings.Trim(entry, "[]"), ""
	}
	return entry, ""
}
