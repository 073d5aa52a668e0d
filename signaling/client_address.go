package signaling

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwardedFor is the header in which each proxy adds the address that it was asked from, the last one at the end.
const forwardedFor = "X-Forwarded-For"

// TrustedProxies are the addresses of proxies that tell the truth about whom they were asked by. Safe for concurrent use.
type TrustedProxies []netip.Prefix

// clientOf answers where a request comes from: whoever sent it, or, when that is a trusted proxy, whoever that one says it was asked
// by, and so on. What stands to the left of the first that is not trusted may be made up by the client, and is not read. The address is
// invalid when the sender's is not known.
func (t TrustedProxies) clientOf(r *http.Request) netip.Addr {
	sender, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	at := plainAddress(sender.Addr())
	hops := strings.Split(strings.Join(r.Header.Values(forwardedFor), ","), ",")
	for _, text := range slices.Backward(hops) {
		hop, readable := parseHop(strings.TrimSpace(text))
		if !readable || !t.includes(at) {
			break
		}
		at = hop
	}
	return at
}

func (t TrustedProxies) includes(a netip.Addr) bool {
	return slices.ContainsFunc(t, func(p netip.Prefix) bool { return p.Contains(a) })
}

// parseHop reads an address as proxies write it: some with the port, IPv6 then in brackets.
func parseHop(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return plainAddress(a), true
	}
	withPort, err := netip.ParseAddrPort(text)
	return plainAddress(withPort.Addr()), err == nil
}

// plainAddress makes forms of the same address equal.
func plainAddress(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// isProxied tells whether a request came by a proxy, trusted or not.
func isProxied(r *http.Request) bool { return r.Header.Get(forwardedFor) != "" }
