package sfu

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// drops is how many packets were dropped for a cause.
func (s *SFU) drops(cause dropCause) (total uint64) {
	for _, l := range s.lanes {
		total += l.counters.drops[cause].Load()
	}
	return total
}

// talkingPair is two people who hear each other until the test ends.
func talkingPair(t *testing.T, s *SFU, r *Router) (anna, boris *testClient) {
	t.Helper()
	anna = newTestClient(t, "anna", clientOptions{slots: 2})
	boris = newTestClient(t, "boris", clientOptions{slots: 2})
	anna.join(s, r, Attachment{CSRC: 1, Publishing: true})
	boris.join(s, r, Attachment{CSRC: 2, Publishing: true})
	t.Cleanup(anna.talk())
	t.Cleanup(boris.talk())
	eventually(t, "both hear", func() bool { return anna.hears("boris") && boris.hears("anna") })
	return anna, boris
}

func TestRandomDatagramsHaveNoEffect(t *testing.T) {
	s := newTestSFU(t, Config{Lanes: 1})
	r := s.NewRouter()
	defer r.Close()
	anna, boris := talkingPair(t, s, r)
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(s.lanes[0].sockets.addresses[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // datagrams are not kept back

	const each = 300
	source := rand.New(rand.NewPCG(1, 2))
	for range each {
		for _, first := range []byte{0, 20, 22, 63, 64, 128, 200, 255} {
			b := make([]byte, source.IntN(1400))
			for i := range b {
				b[i] = byte(source.Uint32())
			}
			b = append([]byte{first}, b...)
			if _, err := conn.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("nobody:knows"), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(request.Raw); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "they are counted", func() bool { return s.drops(dropUnknown) >= each })
	anna.forget()
	boris.forget()
	eventually(t, "both still hear", func() bool { return anna.hears("boris") && boris.hears("anna") })
	requireContinuous(t, anna.received())
}

func TestOneClientIsSeenAtFewAddresses(t *testing.T) {
	s := newTestSFU(t, Config{Lanes: 1})
	p, answer, err := s.NewPeer(context.Background(), Offer{SDP: plainOffer(1)})
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(answer, "a=ice-ufrag:")
	ufrag, _, _ := strings.Cut(rest, "\r\n")
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(ufrag+":abcd"), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	gate := s.lanes[0].sockets.gate
	passed := 0
	for port := range uint16(1000) {
		from := net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1000 + int(port)}
		if gate.pass(request.Raw, from.AddrPort()) != nil {
			passed++
		}
	}
	if passed != maxAddresses || len(gate.addresses) != maxAddresses {
		t.Errorf("%d passed, %d are known", passed, len(gate.addresses))
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if len(gate.addresses) != 0 || len(gate.ufrags) != 0 {
		t.Errorf("left: %v, %v", gate.addresses, gate.ufrags)
	}
}

func TestPeersInNoRoomAreClosed(t *testing.T) {
	s := newTestSFU(t, Config{})
	s.idleTimeout = 20 * time.Millisecond
	p, _, err := s.NewPeer(context.Background(), Offer{SDP: plainOffer(1)})
	if errors.Is(err, ErrClosed) {
		return // before its offer was answered, on a busy machine
	}
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(patience):
		t.Error("a peer in no room lives on")
	}
}

// A client with a certificate that is not the one its offer promised does not get in.
func TestWrongFingerprint(t *testing.T) {
	s := newTestSFU(t, Config{})
	r := s.NewRouter()
	defer r.Close()
	c := newTestClient(t, "anna", clientOptions{slots: 1})
	offer := c.offer(nil)
	at := strings.Index(offer, "sha-256 ") + len("sha-256 ")
	flipped := "A"
	if offer[at:at+1] == "A" {
		flipped = "B"
	}
	p, answer, err := s.NewPeer(context.Background(), Offer{SDP: offer[:at] + flipped + offer[at+1:]})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Attach(p, Attachment{Participant: "anna", CSRC: 1, Publishing: true}); err != nil {
		t.Fatal(err)
	}
	c.answer(answer)
	select {
	case <-p.Done():
	case <-p.Connected():
		t.Error("it got in")
	case <-time.After(patience):
		t.Error("the attempt was not ended")
	}
}

func TestHostilePackets(t *testing.T) {
	s := newTestSFU(t, Config{})
	r := s.NewRouter()
	defer r.Close()
	anna, boris := talkingPair(t, s, r)
	mallory := newTestClient(t, "mallory", clientOptions{slots: 1})
	mallory.join(s, r, Attachment{CSRC: 3, Publishing: true})

	send := func(h rtp.Header, payload []byte) {
		h.Version = 2
		if err := mallory.microphone.WriteRTP(&rtp.Packet{Header: h, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint16(200) {
		send(rtp.Header{SequenceNumber: i * 7919, Timestamp: uint32(i) * 0x9e3779b9}, []byte("voice of mallory"))
		send(rtp.Header{SequenceNumber: i}, nil)
		send(rtp.Header{SequenceNumber: i, CSRC: []uint32{1, 1, 1, 1}}, []byte("voice of mallory"))
		send(rtp.Header{
			SequenceNumber: i, Extension: true, ExtensionProfile: rtp.ExtensionProfileTwoByte,
			Extensions: nil,
		}, make([]byte, 1100))
	}
	eventually(t, "empty packets are counted", func() bool { return s.drops(dropMalformed) > 0 })
	anna.forget()
	eventually(t, "the others still hear each other", func() bool { return anna.hears("boris") && boris.hears("anna") })
	for _, p := range anna.received() {
		if p.payload == "voice of mallory" && (len(p.header.CSRC) != 1 || p.header.CSRC[0] != 3) {
			t.Errorf("mallory speaks as %v", p.header.CSRC)
		}
	}
}

func TestTCPClientThatStopsReading(t *testing.T) {
	s := newTestSFU(t, Config{Lanes: 1})
	r := s.NewRouter()
	defer r.Close()
	flooder := newTestClient(t, "flooder", clientOptions{})
	flooder.join(s, r, Attachment{CSRC: 3, Publishing: true})
	_, boris := talkingPair(t, s, r)

	proxy := newStallingProxy(t, s.lanes[0].sockets.addresses[0].String())
	stalled := newTestClient(t, "stalled", clientOptions{slots: 3, listener: true, network: []webrtc.NetworkType{webrtc.NetworkTypeTCP4}})
	p, answer, err := s.NewPeer(context.Background(), Offer{SDP: stalled.offer(nil)})
	if err != nil {
		t.Fatal(err)
	}
	stalled.peer = p
	port := strconv.Itoa(int(s.lanes[0].sockets.addresses[0].Port()))
	stalled.answer(strings.ReplaceAll(answer, "127.0.0.1 "+port+" typ host tcptype", "127.0.0.1 "+proxy.port()+" typ host tcptype"))
	if err := r.Attach(p, Attachment{Participant: "stalled", CSRC: 9}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the client hears by way of TCP", func() bool { return stalled.hears("anna") })

	proxy.stall.Store(true)
	// It makes the queues full faster than voice would.
	stop := flooder.talkAt(200*time.Microsecond, strings.Repeat("x", 1000))
	eventually(t, "packets for it are dropped", func() bool { return s.drops(dropUnsent) > 100 })
	boris.forget()
	eventually(t, "the others still hear", func() bool { return boris.hears("anna") })
	stop()
	closed := make(chan error, 1)
	go func() { closed <- p.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("a client that does not read cannot be closed")
	}
}

// stallingProxy passes on TCP connections, and stops taking from the server when told to.
type stallingProxy struct {
	listener net.Listener
	stall    atomic.Bool
	done     sync.WaitGroup
}

func newStallingProxy(t *testing.T, server string) *stallingProxy {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &stallingProxy{listener: l}
	var conns []net.Conn
	t.Cleanup(func() {
		_ = l.Close()
		for _, c := range conns {
			_ = c.Close()
		}
		p.done.Wait()
	})
	p.done.Go(func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp4", server)
		if err != nil {
			_ = client.Close()
			return
		}
		conns = append(conns, client, up)
		_ = up.(*net.TCPConn).SetReadBuffer(4 << 10)
		p.done.Go(func() { _, _ = io.Copy(up, client) })
		buffer := make([]byte, 2048)
		for !p.stall.Load() {
			_ = up.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			n, err := up.Read(buffer)
			if n > 0 {
				_, _ = client.Write(buffer[:n])
			}
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
		}
	})
	return p
}

func (p *stallingProxy) port() string {
	_, port, _ := net.SplitHostPort(p.listener.Addr().String())
	return port
}
