package signaling

import (
	"net/netip"
	"sync"
)

const (
	// maxFromOneAddress is how many WebSockets one address may have: a tenth of what the node has room for, since whole companies, and
	// thousands of phones, may share one.
	maxFromOneAddress = maxConnections / 10
	// customerPrefix is what of an IPv6 address stands for a customer's network, who can make up the rest (RFC 6177).
	customerPrefix = 64
)

// addressCounts counts the WebSockets of each address, so that nobody alone can take all that a node has room for. Safe for concurrent use.
type addressCounts struct {
	mu   sync.Mutex
	from map[netip.Prefix]int // at most one for each WebSocket
}

func newAddressCounts() *addressCounts { return &addressCounts{from: make(map[netip.Prefix]int)} }

// enter counts one more, unless the address has as many as it may; leave is for each that was counted.
func (c *addressCounts) enter(a netip.Addr) bool {
	network, limited := limitedNetwork(a)
	if !limited {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.from[network] >= maxFromOneAddress {
		return false
	}
	c.from[network]++
	return true
}

func (c *addressCounts) leave(a netip.Addr) {
	network, limited := limitedNetwork(a)
	if !limited {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.from[network]--; c.from[network] <= 0 {
		delete(c.from, network)
	}
}

// limitedNetwork is whom an address stands for. Addresses of this machine and of private networks may be proxies that nobody has named
// with --trusted-proxies, before any number of people, and are not limited.
func limitedNetwork(a netip.Addr) (netip.Prefix, bool) {
	if !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if a.Is6() {
		bits = customerPrefix
	}
	network, err := a.Prefix(bits)
	return network, err == nil
}
