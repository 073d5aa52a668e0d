package sfu

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// Who is not heard of for 30 seconds gets no more packets, and who is heard of again does (RFC 7675).
func TestConsentExpiresAndComesBack(t *testing.T) {
	start := time.Now()
	var ahead atomic.Int64
	s := newTestSFUWithClock(t, Config{Lanes: 1, Transport: "lean"}, func() time.Duration {
		return time.Since(start) + time.Duration(ahead.Load())
	})
	r := s.NewRouter()
	defer r.Close()
	c := newTestClient(t, "anna", clientOptions{slots: 1})
	c.join(s, r, Attachment{CSRC: 1})
	transport := c.peer.transport.(*leanTransport)
	send := func() (err error) {
		c.peer.lane.do(func() { err = transport.SendRTP(&rtp.Header{Version: 2, SSRC: 1}, []byte("sound")) })
		return err
	}
	if err := send(); err != nil {
		t.Fatalf("send to a client that is there: %v", err)
	}
	// The client goes on checking every two seconds, so it is silent for as long as the clock jumps.
	ahead.Store(int64(consentTimeout + time.Second))
	if err := send(); !errors.Is(err, errNoConsent) {
		t.Fatalf("send to a client that was silent: %v", err)
	}
	eventually(t, "the next check gives consent again", func() bool { return send() == nil })
}

// What a client says before it has proved its address costs nothing and changes nothing.
func TestOnlyProvenAddressesAreHeard(t *testing.T) {
	s := newTestSFU(t, Config{Lanes: 1, Transport: "lean"})
	r := s.NewRouter()
	defer r.Close()
	c := newTestClient(t, "anna", clientOptions{slots: 1})
	c.join(s, r, Attachment{CSRC: 1})
	transport := c.peer.transport.(*leanTransport)
	path := *transport.path.Load()
	stranger := leanPath{path.link, checkFrom}
	for _, packet := range [][]byte{
		check(t, transport.answer.ICEUfrag+":"+transport.offered.ICEUfrag, "not the password, really"),
		{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, // DTLS
		append([]byte{0x80, 111}, make([]byte, 40)...),  // RTP
		append([]byte{0x80, 200}, make([]byte, 40)...),  // RTCP
		{}, {255},
	} {
		transport.receive(packet, stranger)
	}
	if transport.isKnown(checkFrom) || *transport.path.Load() != path {
		t.Error("a stranger's address was believed")
	}
}

func BenchmarkLeanSend(b *testing.B) {
	s := newTestSFU(b, Config{Lanes: 1, Transport: "lean"})
	r := s.NewRouter()
	defer r.Close()
	c := newTestClient(b, "anna", clientOptions{slots: 1})
	c.join(s, r, Attachment{CSRC: 1})
	header := &rtp.Header{Version: 2, SSRC: 1, CSRC: []uint32{1}}
	payload := make([]byte, 80)
	b.ReportAllocs()
	c.peer.lane.do(func() {
		for _, batch := range c.peer.lane.sockets.batches {
			batch.begin()
		}
		for b.Loop() {
			header.SequenceNumber++
			if err := c.peer.transport.SendRTP(header, payload); err != nil {
				b.Fatal(err)
			}
		}
		for _, batch := range c.peer.lane.sockets.batches {
			batch.flush()
		}
	})
}
