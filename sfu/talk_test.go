package sfu

import (
	"net"
	"net/netip"
	"testing"

	"github.com/pion/webrtc/v4"
)

func TestTwoPeopleHearEachOther(t *testing.T) {
	for _, test := range []struct {
		address string
		kind    webrtc.NetworkType
	}{
		{"127.0.0.1", webrtc.NetworkTypeUDP4},
		{"127.0.0.1", webrtc.NetworkTypeTCP4},
		{"::1", webrtc.NetworkTypeUDP6},
		{"::1", webrtc.NetworkTypeTCP6},
	} {
		if test.kind == webrtc.NetworkTypeTCP6 && transportUnderTest == "pion" {
			continue // a PeerConnection does not get through there; lean does
		}
		t.Run(test.kind.String(), func(t *testing.T) {
			address, network := netip.MustParseAddr(test.address), []webrtc.NetworkType{test.kind}
			if !canBind(address) {
				t.Skipf("this machine has no %s", address)
			}
			s := newTestSFU(t, Config{MediaIPs: []netip.Addr{address}})
			r := s.NewRouter()
			defer r.Close()
			anna := newTestClient(t, "anna", clientOptions{slots: 3, network: network})
			boris := newTestClient(t, "boris", clientOptions{slots: 3, network: network})
			anna.join(s, r, Attachment{CSRC: 111, Publishing: true})
			boris.join(s, r, Attachment{CSRC: 222, Publishing: true})

			stopAnna, stopBoris := anna.talk(), boris.talk()
			eventually(t, "each hears 20 packets", func() bool {
				return len(anna.received()) >= 20 && len(boris.received()) >= 20
			})
			stopAnna()
			stopBoris()

			for _, side := range []struct {
				listener, speaker *testClient
				csrc              uint32
			}{{anna, boris, 222}, {boris, anna, 111}} {
				packets := side.listener.received()
				for i, p := range packets {
					if p.payload != "voice of "+side.speaker.id {
						t.Fatalf("%s hears %q", side.listener.id, p.payload)
					}
					if len(p.header.CSRC) != 1 || p.header.CSRC[0] != side.csrc {
						t.Fatalf("CSRC %v, not %d", p.header.CSRC, side.csrc)
					}
					if level := p.header.GetExtension(side.listener.levelExtension()); len(level) != 1 || level[0] != 0x80|20 {
						t.Fatalf("level %v", level)
					}
					if i > 0 && p.header.SequenceNumber != packets[i-1].header.SequenceNumber+1 {
						t.Fatalf("sequence number %d after %d", p.header.SequenceNumber, packets[i-1].header.SequenceNumber)
					}
				}
			}
			if got := anna.peer.Slots(); len(got) != 3 || got[0] != (Slot{"1", "audio", "boris", Microphone}) || got[1].Participant != "" {
				t.Errorf("slots of anna: %v", got)
			}
		})
	}
}

// canBind says whether the address is one of this machine's.
func canBind(a netip.Addr) bool {
	l, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
