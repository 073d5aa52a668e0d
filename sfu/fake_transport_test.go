package sfu

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// fakeTransport connects at once and counts what it is to send.
type fakeTransport struct {
	handler TransportHandler
	sent    atomic.Int64
	closed  atomic.Bool

	mu   sync.Mutex
	keep bool
	rtp  []rtp.Packet
	rtcp []rtcp.Packet
}

func (f *fakeTransport) Negotiate(context.Context, TransportParameters) (TransportParameters, error) {
	f.handler.TransportConnected()
	return TransportParameters{ICEUfrag: "ufrag", ICEPassword: "password"}, nil
}

func (f *fakeTransport) SendRTP(header *rtp.Header, payload []byte) error {
	f.sent.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keep {
		f.rtp = append(f.rtp, rtp.Packet{Header: header.Clone(), Payload: append([]byte(nil), payload...)})
	}
	return nil
}

func (f *fakeTransport) SendRTCP(packets []rtcp.Packet) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rtcp = append(f.rtcp, packets...)
	return nil
}

func (f *fakeTransport) SetReceiving(bool) {}

func (f *fakeTransport) SetRate(int) {}

func (f *fakeTransport) Close() error {
	f.closed.Store(true)
	return nil
}

// forget has nothing kept from now on.
func (f *fakeTransport) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keep, f.rtp = false, nil
}

func (f *fakeTransport) packets() []rtp.Packet { return f.packetsFrom(0) }

// packetsFrom are the packets after the first so many.
func (f *fakeTransport) packetsFrom(first int) []rtp.Packet {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]rtp.Packet(nil), f.rtp[first:]...)
}

func (f *fakeTransport) reports() []rtcp.Packet {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]rtcp.Packet(nil), f.rtcp...)
}

// newFakeSFU is an SFU whose peers have fake transports.
func newFakeSFU(t testing.TB, cfg Config) *SFU { return withFakeTransports(newTestSFU(t, cfg)) }

func withFakeTransports(s *SFU) *SFU {
	s.newTransport = func(_ *lane, h TransportHandler) (Transport, error) {
		return &fakeTransport{handler: h, keep: true}, nil
	}
	return s
}

// fakeClient is a peer with a fake transport.
type fakeClient struct {
	peer      *Peer
	transport *fakeTransport
	ssrc      uint16 // 0: that of the microphone
	seq       uint16
	timestamp uint32
	buffer    []byte
}

func joinFake(t testing.TB, s *SFU, r *Router, id string, csrc uint32, slots int) *fakeClient {
	t.Helper()
	p, _, err := s.NewPeer(context.Background(), Offer{SDP: plainOffer(slots)})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Attach(p, Attachment{Participant: id, CSRC: csrc, Publishing: true}); err != nil {
		t.Fatal(err)
	}
	return &fakeClient{peer: p, transport: p.transport.(*fakeTransport)}
}

// microphoneSSRC is that of a fake client's microphone.
const microphoneSSRC = 5000

// send has the client's microphone send a packet, or what has the client's SSRC: payload type 111, level extension 1.
func (c *fakeClient) send(payload []byte, level uint8, voice bool) {
	ssrc := cmp.Or(c.ssrc, microphoneSSRC)
	c.seq++
	c.timestamp += 960
	if voice {
		level |= 0x80
	}
	c.buffer = append(c.buffer[:0], 0x90, 111, byte(c.seq>>8), byte(c.seq), byte(c.timestamp>>24), byte(c.timestamp>>16), byte(c.timestamp>>8), byte(c.timestamp),
		0, 0, byte(ssrc>>8), byte(ssrc), 0xbe, 0xde, 0, 1, 0x10, level, 0, 0)
	c.buffer = append(c.buffer, payload...)
	c.peer.ReceiveRTP(c.buffer)
}

// skip lets 20 ms pass without a packet.
func (c *fakeClient) skip() { c.timestamp += 960 }

// plainOffer is an offer of one microphone, mid 0, and slots, mids 1 and up.
func plainOffer(slots int) string {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE")
	for i := range slots + 1 {
		fmt.Fprintf(&b, " %d", i)
	}
	b.WriteString("\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=fingerprint:sha-256 " +
		strings.TrimSuffix(strings.Repeat("AB:", 32), ":") + "\r\n")
	for i := range slots + 1 {
		direction := "recvonly"
		if i == 0 {
			direction = "sendonly"
		}
		fmt.Fprintf(&b, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:%d\r\na=%s\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=extmap:1 %s\r\n",
			i, direction, levelURI)
		if i == 0 {
			b.WriteString("a=ssrc:5000 cname:x\r\n")
		}
	}
	return b.String()
}

// settle waits until the lanes have sent what was handed to them.
func settle(s *SFU) {
	for _, l := range s.lanes {
		for l.deliveries.ready() {
			l.do(func() {})
		}
		l.do(func() {})
	}
}
