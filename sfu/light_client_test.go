package sfu

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
)

// lightClient is a client made of parts, for tests with hundreds: one socket, one goroutine, no PeerConnection. Its offer is plainOffer.
type lightClient struct {
	t        testing.TB
	id       string
	peer     *Peer
	conn     *net.UDPConn
	dtlsPipe *dtlsPipe
	answered chan struct{} // has an item for each check that was answered
	done     sync.WaitGroup
	deaf     atomic.Bool
	hear     func(header *rtp.Header, payload []byte) // called from one goroutine, set before connecting
	lose     func(datagram []byte) bool               // the network does; the same

	username, password string // for checks

	in, out   *srtp.Context
	keyed     chan struct{} // closed when there are contexts
	seq       uint16
	timestamp uint32
	packet    []byte // the last one sent, before encryption
	sealed    []byte
	header    rtp.Header
}

// lightCertificate is that of all of them.
var lightCertificate = sync.OnceValues(newCertificate)

func newLightClient(t testing.TB, id string, hear func(*rtp.Header, []byte)) *lightClient {
	t.Helper()
	c := &lightClient{
		t: t, id: id, hear: hear,
		answered: make(chan struct{}, 64), keyed: make(chan struct{}),
		packet: make([]byte, 0, maxDatagram), sealed: make([]byte, 0, maxDatagram),
	}
	c.dtlsPipe = newDTLSPipe(&net.UDPAddr{}, func(b []byte) error { _, err := c.conn.Write(b); return err })
	return c
}

// join connects the client to a room.
func (c *lightClient) join(s *SFU, r *Router, slots int, a Attachment) {
	c.t.Helper()
	certificate, err := lightCertificate()
	if err != nil {
		c.t.Fatal(err)
	}
	sum := sha256.Sum256(certificate.Certificate[0])
	offer := strings.ReplaceAll(plainOffer(slots), strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), colonHex(sum[:]))
	peer, answer, err := s.NewPeer(context.Background(), Offer{SDP: offer})
	if err != nil {
		c.t.Fatal(err)
	}
	c.peer = peer
	if a.Participant == "" {
		a.Participant = c.id
	}
	if err := r.Attach(peer, a); err != nil {
		c.t.Fatal(err)
	}
	c.connect(answer, peer.lane.sockets.addresses[0], certificate)
}

// attribute is the value of the first attribute of that name.
func sdpAttribute(description, name string) string {
	_, rest, _ := strings.Cut(description, "a="+name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

func (c *lightClient) connect(answer string, server netip.AddrPort, certificate tls.Certificate) {
	c.t.Helper()
	c.username, c.password = sdpAttribute(answer, "ice-ufrag")+":abcd", sdpAttribute(answer, "ice-pwd")
	var err error
	if c.conn, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server)); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.close)
	c.done.Go(c.receive)
	eventually(c.t, c.id+"'s check is answered", func() bool {
		c.check()
		select {
		case <-c.answered:
			return true
		case <-time.After(20 * time.Millisecond):
			return false
		}
	})
	conn, err := dtls.ClientWithOptions(c.dtlsPipe, c.dtlsPipe.remote,
		dtls.WithCertificates(certificate), dtls.WithSRTPProtectionProfiles(srtpProfiles...),
		dtls.WithInsecureSkipVerify(true), dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithLoggerFactory(logging.NewDefaultLoggerFactory()))
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		c.t.Fatal(err)
	}
	state, _ := conn.ConnectionState()
	chosen, _ := conn.SelectedSRTPProtectionProfile()
	config := srtp.Config{Profile: srtp.ProtectionProfile(chosen)}
	if err := config.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		c.t.Fatal(err)
	}
	keys := config.Keys
	c.in, err = srtp.CreateContext(keys.RemoteMasterKey, keys.RemoteMasterSalt, config.Profile, srtp.SRTPReplayProtection(replayWindow))
	if err == nil {
		c.out, err = srtp.CreateContext(keys.LocalMasterKey, keys.LocalMasterSalt, config.Profile)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	close(c.keyed)
	// The keys are all that was wanted. The client must not say that it goes, so its end of the pipe goes first.
	c.dtlsPipe.send = func([]byte) error { return net.ErrClosed }
	_ = conn.Close()
	select {
	case <-c.peer.Connected():
	case <-time.After(patience):
		c.t.Fatalf("%s does not get connected", c.id)
	}
}

// check sends a connectivity check.
func (c *lightClient) check() {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(c.username),
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, 8)},
		stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{1, 2, 3, 4}},
		stun.RawAttribute{Type: stun.AttrUseCandidate},
		stun.NewShortTermIntegrity(c.password), stun.Fingerprint)
	if err != nil {
		c.t.Error(err)
		return
	}
	_, _ = c.conn.Write(m.Raw)
}

// receive reads until the socket is closed.
func (c *lightClient) receive() {
	buffer := make([]byte, maxDatagram)
	var header rtp.Header
	for {
		n, err := c.conn.Read(buffer)
		if errors.Is(err, net.ErrClosed) || c.deaf.Load() {
			return
		}
		datagram := buffer[:n]
		switch {
		case n == 0, c.lose != nil && c.lose(datagram):
		case datagram[0] < 4:
			select {
			case c.answered <- struct{}{}:
			default:
			}
		case datagram[0] < 64:
			_, _ = c.dtlsPipe.Write(datagram)
		case isRTP(datagram) && c.hear != nil:
			<-c.keyed
			plain, err := c.in.DecryptRTP(datagram[:0], datagram, &header)
			if err != nil {
				c.t.Errorf("%s cannot decrypt: %v", c.id, err)
				continue
			}
			c.hear(&header, plain[header.MarshalSize():])
		}
	}
}

// speak sends one packet of 20 ms with a level.
func (c *lightClient) speak(payload []byte, level uint8, voice bool) {
	c.next(payload, level, voice)
	sealed, err := c.out.EncryptRTP(c.sealed, c.packet, &c.header)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.conn.Write(sealed); err != nil {
		c.t.Fatal(err)
	}
}

// next makes the next packet of the microphone, as the offer promises it: payload type 111, SSRC 5000, the level by extension 1.
func (c *lightClient) next(payload []byte, level uint8, voice bool) {
	c.seq++
	c.timestamp += 960
	if voice {
		level |= 0x80
	}
	c.packet = append(c.packet[:0], 0x90, 111, byte(c.seq>>8), byte(c.seq),
		byte(c.timestamp>>24), byte(c.timestamp>>16), byte(c.timestamp>>8), byte(c.timestamp), 0, 0, 5000>>8, 5000&0xff,
		0xbe, 0xde, 0, 1, 0x10, level, 0, 0)
	c.packet = append(c.packet, payload...)
}

// goDeaf ends receiving, so that a benchmark does not pay for it. What is sent to the client is dropped by the kernel when its buffer is full.
func (c *lightClient) goDeaf() {
	c.deaf.Store(true)
	_ = c.conn.SetReadDeadline(time.Now())
	c.done.Wait()
}

// close ends the client, which the server is not told.
func (c *lightClient) close() {
	_ = c.conn.Close()
	c.done.Wait()
}
