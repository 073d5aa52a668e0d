package sfu

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/pion/stun/v4"
)

func request(t *testing.T, ufrag string) []byte {
	t.Helper()
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewSoftware("x"), stun.NewUsername(ufrag+":theirs"), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

func TestGate(t *testing.T) {
	var counters laneCounters
	g := newGate(&counters)
	home, other := netip.MustParseAddrPort("192.0.2.1:5000"), netip.MustParseAddrPort("192.0.2.2:5000")
	rtp := []byte{0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 'x'}
	rtcp := []byte{0x80, 200, 0, 1, 0, 0, 0, 1}
	dtls := []byte{22, 254, 253, 0}
	expect := func(what string, packet []byte, from netip.AddrPort, want bool) {
		t.Helper()
		if (g.pass(packet, from) != nil) != want {
			t.Errorf("%s: passes is %v", what, !want)
		}
	}
	anna, boris := &client{}, &client{}
	g.admit(anna, "anna")
	g.admit(boris, "boris")
	expect("RTP of nobody", rtp, home, false)
	expect("a request for nobody", request(t, "clara"), home, false)
	expect("a request", request(t, "anna"), home, true)
	expect("RTP of who sent one", rtp, home, true)
	expect("RTP from elsewhere", rtp, other, false)
	expect("a request from elsewhere", request(t, "anna"), other, true)

	anna.unwanted.Store(true)
	expect("RTP of who is muted", rtp, home, false)
	expect("RTCP of who is muted", rtcp, home, true)
	expect("DTLS of who is muted", dtls, home, true)
	expect("a request of who is muted", request(t, "anna"), home, true)
	passed := 0
	for i := range 4 * passEvery {
		if i%maxRate == 0 {
			g.second.Add(1)
		}
		if g.pass(rtp, home) != nil {
			passed++
		}
	}
	if passed != 4 {
		t.Errorf("%d packets of who is muted passed", passed)
	}
	anna.unwanted.Store(false)
	for range maxRate {
		g.pass(dtls, home)
	}
	expect("a datagram beyond the rate", dtls, home, false)
	g.second.Add(1)
	expect("a datagram a second later", dtls, home, true)

	expect("a request of another client at the same address", request(t, "boris"), home, true)
	g.admit(anna, "anna2")
	expect("a request after an ICE restart, for before it", request(t, "anna"), other, false)
	expect("media during an ICE restart", rtp, other, true)
	expect("a request after an ICE restart", request(t, "anna2"), other, true)
	g.dismiss(anna)
	expect("media of who is gone", rtp, other, false)
	expect("media of who took the address", rtp, home, true)
	g.dismiss(boris)
	if len(g.ufrags)+len(g.addresses) != 0 {
		t.Errorf("left: %v %v", g.ufrags, g.addresses)
	}
}

// FuzzSTUNUfrag compares with pion: where it finds the username of a binding request, so do we.
func FuzzSTUNUfrag(f *testing.F) {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewSoftware("x"), stun.NewUsername("ours:theirs"), stun.Fingerprint)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Raw)
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42})
	f.Fuzz(func(t *testing.T, b []byte) {
		ufrag, ok := stunUfrag(b)
		message := &stun.Message{Raw: append([]byte(nil), b...)}
		if message.Decode() != nil || message.Type != stun.BindingRequest {
			return
		}
		username, err := message.Get(stun.AttrUsername)
		if err != nil {
			return
		}
		if !ok || len(ufrag) > len(username) || !bytes.Equal(username[:len(ufrag)], ufrag) {
			t.Fatalf("%q, %v of %q", ufrag, ok, username)
		}
	})
}
