package signaling

import (
	"net/http"
	"net/netip"
	"testing"
)

var someProxies = TrustedProxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}

func requestFrom(sender string, forwarded ...string) *http.Request {
	return &http.Request{RemoteAddr: sender, Header: http.Header{forwardedFor: forwarded}}
}

func TestClientAddress(t *testing.T) {
	for _, c := range []struct {
		name      string
		sender    string
		forwarded []string
		want      string
	}{
		{"directly", "192.0.2.1:1000", nil, "192.0.2.1"},
		{"directly, made up", "192.0.2.1:1000", []string{"198.51.100.1"}, "192.0.2.1"},
		{"one proxy", "10.0.0.1:1000", []string{"192.0.2.1"}, "192.0.2.1"},
		{"two proxies", "10.0.0.1:1000", []string{"192.0.2.1, 10.2.0.1"}, "192.0.2.1"},
		{"two proxies, a header each", "10.0.0.1:1000", []string{"192.0.2.1", "10.2.0.1"}, "192.0.2.1"},
		{"made up before a proxy", "10.0.0.1:1000", []string{"198.51.100.1, 192.0.2.1"}, "192.0.2.1"},
		{"made up as a proxy", "10.0.0.1:1000", []string{"198.51.100.1, 10.0.0.9, 192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"a proxy that says nothing", "10.0.0.1:1000", nil, "10.0.0.1"},
		{"an empty header", "10.0.0.1:1000", []string{""}, "10.0.0.1"},
		{"a proxy that hides it", "10.0.0.1:1000", []string{"192.0.2.1, unknown"}, "10.0.0.1"},
		{"someone who is a proxy", "10.0.0.1:1000", []string{"10.0.0.3"}, "10.0.0.3"},
		{"with a port", "10.0.0.1:1000", []string{"192.0.2.1:999"}, "192.0.2.1"},
		{"IPv6", "[2001:db8:1::1]:1000", []string{"2001:db8:2::1"}, "2001:db8:2::1"},
		{"IPv6 in brackets", "[2001:db8:1::1]:1000", []string{"[2001:db8:2::1]"}, "2001:db8:2::1"},
		{"IPv6 with a port", "[2001:db8:1::1]:1000", []string{"[2001:db8:2::1]:9"}, "2001:db8:2::1"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1000", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"no address", "@", []string{"192.0.2.1"}, "invalid IP"},
	} {
		if got := someProxies.clientOf(requestFrom(c.sender, c.forwarded...)).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// Whatever a client writes into the header: what the proxy in front of it adds decides.
func FuzzClientAddress(f *testing.F) {
	f.Add("198.51.100.1, 10.0.0.1")
	f.Add("[::1]:x,,")
	f.Fuzz(func(t *testing.T, madeUp string) {
		if got := someProxies.clientOf(requestFrom("10.0.0.1:1", madeUp, "192.0.2.1")); got != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("%q: %s", madeUp, got)
		}
		if got := someProxies.clientOf(requestFrom("192.0.2.1:1", madeUp)); got != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("%q directly: %s", madeUp, got)
		}
	})
}

func TestAnAddressCannotTakeAllConnections(t *testing.T) {
	c := newAddressCounts()
	fill := func(a string) (entered int) {
		for range maxConnections {
			if c.enter(netip.MustParseAddr(a)) {
				entered++
			}
		}
		return entered
	}
	for _, one := range []struct {
		address string
		want    int
	}{
		{"192.0.2.1", maxFromOneAddress},
		{"192.0.2.2", maxFromOneAddress},
		{"2001:db8::1", maxFromOneAddress},
		{"2001:db8::2:1", 0}, // the same customer's
		{"2001:db8:0:1::1", maxFromOneAddress},
		{"127.0.0.1", maxConnections},
		{"10.1.2.3", maxConnections},
		{"fd00::1", maxConnections},
	} {
		if got := fill(one.address); got != one.want {
			t.Errorf("%s has %d connections, want %d", one.address, got, one.want)
		}
	}
	for range maxFromOneAddress {
		c.leave(netip.MustParseAddr("192.0.2.1"))
		c.leave(netip.MustParseAddr("127.0.0.1"))
	}
	if got := fill("192.0.2.1"); got != maxFromOneAddress {
		t.Errorf("after all have left, %d connections", got)
	}
	if len(c.from) != 4 {
		t.Errorf("%d networks are remembered: %v", len(c.from), c.from)
	}
}
