package sfu

import (
	"crypto/rand"
	"testing"

	"github.com/pion/webrtc/v4"
)

// dtlsKept says whether a peer's DTLS has been put away.
func dtlsKept(p *Peer) bool {
	t := p.transport.(*leanTransport)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.session != nil && t.pipe == nil
}

// A client that has missed the end of the handshake asks for it, when pion's connection is long gone.
func TestLastFlightIsRepeated(t *testing.T) {
	s := newTestSFU(t, Config{Transport: "lean"})
	r := s.NewRouter()
	defer r.Close()
	c := newLightClient(t, "anna", nil)
	lost := 0
	c.lose = func(datagram []byte) bool {
		if datagram[0] != dtlsChangeCipherSpec || lost == 2 {
			return false
		}
		lost++
		return true
	}
	c.join(s, r, 1, Attachment{CSRC: 1}) // fails if the handshake does
	if lost != 2 {
		t.Errorf("lost %d datagrams", lost)
	}
	eventually(t, "the server has put DTLS away", func() bool { return dtlsKept(c.peer) })
}

func TestServersClosingIsHeard(t *testing.T) {
	s := newTestSFU(t, Config{Transport: "lean"})
	r := s.NewRouter()
	defer r.Close()
	c := newTestClient(t, "anna", clientOptions{slots: 1})
	c.join(s, r, Attachment{CSRC: 1})
	eventually(t, "the server has put DTLS away", func() bool { return dtlsKept(c.peer) })
	if err := c.peer.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the client knows", func() bool {
		return c.pc.GetSenders()[0].Transport().State() == webrtc.DTLSTransportStateClosed
	})
}

// Whoever can send from a client's address, but does not know its keys, cannot close its connection.
func TestForgedAlertsCloseNothing(t *testing.T) {
	s := newTestSFU(t, Config{Transport: "lean"})
	r := s.NewRouter()
	defer r.Close()
	c := newTestClient(t, "anna", clientOptions{slots: 1})
	c.join(s, r, Attachment{CSRC: 1})
	eventually(t, "the server has put DTLS away", func() bool { return dtlsKept(c.peer) })
	transport := c.peer.transport.(*leanTransport)
	path := *transport.path.Load()
	sealed := make([]byte, 26)
	_, _ = rand.Read(sealed)
	for _, forged := range [][]byte{
		{dtlsAlert, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0},                     // close_notify in the clear
		append([]byte{dtlsAlert, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 26}, sealed...), // encrypted by other keys
		append([]byte{23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 26}, sealed...),        // application data
		append([]byte{23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 7}, dtlsAlert, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0),
		{dtlsAlert}, {63}, {dtlsAlert, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 255, 255, 1, 2, 30}, // cut off
	} {
		transport.receive(forged, path)
		eventually(t, "DTLS has been put away again", func() bool { return dtlsKept(c.peer) })
	}
	select {
	case <-c.peer.Done():
		t.Error("the connection was closed")
	default:
	}
	c.close()
	eventually(t, "the client's own closing is heard", func() bool {
		select {
		case <-c.peer.Done():
			return true
		default:
			return false
		}
	})
}
