package sfu

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	// maxDatagram is the largest that is received or sent: what Ethernet carries.
	maxDatagram = 1500

	// consentTimeout is after how long without an authenticated check nothing more is sent (RFC 7675, section 5.1). The next check brings the client
	// back.
	consentTimeout = 30 * time.Second

	// maxLeanSSRCs bounds the streams of one client, since SRTP keeps state for each.
	maxLeanSSRCs = 64
	// srtpOverhead is what encryption adds at most: the tag of AES-GCM, and of SRTCP the index.
	srtpOverhead = 16 + 4
)

// leanTransport is a Transport for voice made of parts: connectivity checks answered as ICE-lite does, DTLS to agree on keys, SRTP. Packets go
// from the socket's goroutine to the handler, and from the lane's goroutine into the lane's batch: between them and the kernel there
// is no other goroutine and no queue.
type leanTransport struct {
	factory *leanFactory
	gate    *gate
	client  client
	handler TransportHandler
	sealing *sealingBuffers // the lane's
	clock   func() time.Duration

	consent   atomic.Int64             // when the client last proved that it wants packets, by clock
	path      atomic.Pointer[leanPath] // where packets go; nil before the first check
	contexts  atomic.Pointer[srtpContexts]
	connected atomic.Bool
	closed    atomic.Bool

	// receiving is held while a datagram is taken apart: a client may use two of the lane's sockets at a time.
	receiving sync.Mutex
	current   *checkResponder  // of the last negotiation
	previous  *checkResponder  // of the one before, until the first check of the new one
	known     []netip.AddrPort // that authenticated checks have come from
	ssrcs     []uint32
	links     []*tcpLink // of TCP
	header    rtp.Header // of the packet at hand

	mu      sync.Mutex // held while negotiating and closing, and never while receiving is taken
	offered TransportParameters
	answer  TransportParameters
	pipe    *dtlsPipe    // while DTLS is listening
	session *dtlsSession // once keys are agreed on
	ending  context.Context
	end     context.CancelFunc
	done    sync.WaitGroup // the DTLS goroutines
}

// leanPath is a way to a client: a socket of the lane's and the client's address there, or a TCP connection.
type leanPath struct {
	link    datagramWriter
	address netip.AddrPort
}

// datagramWriter is what a transport sends through. It does not keep the datagram, and does not block on a client that does not receive.
type datagramWriter interface {
	WriteToAddrPort(datagram []byte, to netip.AddrPort) (int, error)
}

// sealingBuffers are where a lane's packets are put together and encrypted. They belong to the lane's goroutine.
type sealingBuffers struct {
	plain, sealed [maxDatagram]byte
	header        rtp.Header
}

// leanFactory makes transports.
type leanFactory struct {
	logs        logging.LoggerFactory
	certificate tls.Certificate
	fingerprint Fingerprint
}

func newLeanFactory(logs logging.LoggerFactory) (*leanFactory, error) {
	// One certificate for all: making it is the dearest part of a join, and its fingerprint is public anyway.
	certificate, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("make the DTLS certificate: %w", err)
	}
	sum := sha256.Sum256(certificate.Certificate[0])
	return &leanFactory{logs: logs, certificate: certificate, fingerprint: newFingerprint("sha-256", colonHex(sum[:]))}, nil
}

func (f *leanFactory) newTransport(l *lane, handler TransportHandler) (Transport, error) {
	t := &leanTransport{
		factory: f, gate: l.sockets.gate, handler: handler, sealing: &l.sealing, clock: l.clock,
	}
	t.client.lean = t
	t.ending, t.end = context.WithCancel(context.Background())
	return t, nil
}

// Negotiate implements Transport.
func (t *leanTransport) Negotiate(_ context.Context, client TransportParameters) (TransportParameters, error) {
	t.receiving.Lock()
	defer t.receiving.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed.Load():
		return TransportParameters{}, ErrClosed
	case client == t.offered:
		return t.answer, nil
	}
	credentials := newICECredentials()
	t.offered = client
	t.answer = TransportParameters{ICEUfrag: credentials.ufrag, ICEPassword: credentials.password, Fingerprint: t.factory.fingerprint}
	t.previous, t.current = t.current, newCheckResponder(credentials, client.ICEUfrag)
	t.gate.admit(&t.client, credentials.ufrag)
	return t.answer, nil
}

// receive takes one datagram that the gate has let pass. It runs on the goroutine of the socket that it came by, and does not keep the
// datagram.
func (t *leanTransport) receive(datagram []byte, from leanPath) {
	if len(datagram) == 0 {
		return
	}
	t.receiving.Lock()
	defer t.receiving.Unlock()
	if t.closed.Load() {
		return
	}
	// RFC 7983, section 7.
	switch first := datagram[0]; {
	case first < 4:
		t.receiveCheck(datagram, from)
	case !t.isKnown(from.address):
		t.gate.counters.drop(dropUnknown)
	case first >= 20 && first < 64:
		t.receiveDTLS(datagram)
	case isRTCP(datagram):
		t.receiveRTCP(datagram)
	case isRTP(datagram):
		t.receiveRTP(datagram)
	default:
		t.gate.counters.drop(dropMalformed)
	}
}

func (t *leanTransport) isKnown(address netip.AddrPort) bool {
	return slices.Contains(t.known, address)
}

func (t *leanTransport) receiveCheck(datagram []byte, from leanPath) {
	answer, nominated, release, err := t.current.respond(datagram, from.address)
	restarted := err == nil && t.previous != nil
	if err != nil && t.previous != nil {
		answer, nominated, release, err = t.previous.respond(datagram, from.address)
	}
	if err != nil {
		t.gate.counters.drop(dropMalformed)
		return
	}
	defer release()
	if restarted {
		t.previous = nil
	}
	_, _ = from.link.WriteToAddrPort(answer, from.address) // lost: the client asks again
	t.consent.Store(int64(t.clock()))
	if !t.isKnown(from.address) {
		if len(t.known) == maxAddresses {
			t.known = t.known[1:]
		}
		t.known = append(t.known, from.address)
	}
	path := t.path.Load()
	if path == nil || nominated && *path != from {
		t.path.Store(&from)
	}
	if path == nil {
		t.startDTLS(from.address)
	}
}

// startDTLS begins the handshake, as the client has proved its address.
func (t *leanTransport) startDTLS(from netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Load() {
		return
	}
	pipe := newDTLSPipe(net.UDPAddrFromAddrPort(from), t.sendNow)
	t.pipe = pipe
	client := t.offered.Fingerprint
	t.done.Go(func() { t.shakeHands(pipe, client) })
}

// shakeHands agrees on keys, and puts DTLS away.
func (t *leanTransport) shakeHands(pipe *dtlsPipe, client Fingerprint) {
	ctx, cancel := context.WithTimeout(t.ending, handshakeTimeout)
	defer cancel()
	conn, contexts, err := handshake(ctx, pipe, t.factory.certificate, client, t.factory.logs)
	if err != nil {
		t.gone()
		return
	}
	t.contexts.Store(contexts)
	t.connected.Store(true)
	if !t.closed.Load() {
		t.handler.TransportConnected()
	}
	session, unheard, err := putAway(conn, pipe, t.factory.certificate, t.factory.logs)
	if err != nil {
		t.gone()
		return
	}
	t.mu.Lock()
	t.pipe, t.session = nil, session
	t.mu.Unlock()
	for _, datagram := range append(unheard, pipe.unheard()...) {
		t.receiveDTLS(datagram)
	}
}

// receiveDTLS gives a datagram to the handshake. When that is over, only a client that missed its end or that closes has something to say.
func (t *leanTransport) receiveDTLS(datagram []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.pipe != nil:
		_, _ = t.pipe.Write(datagram) // full: DTLS repeats itself
	case t.session == nil || t.closed.Load() || t.session.repeat(datagram, t.sendNow):
	case !protected(datagram):
		t.gate.counters.drop(dropMalformed)
	default:
		waiting := newDTLSPipe(&net.UDPAddr{}, t.sendNow)
		_, _ = waiting.Write(datagram)
		t.pipe = waiting
		session := t.session
		t.done.Go(func() { t.listen(waiting, session) })
	}
}

// listen takes DTLS out for what came, and comes until it is out.
func (t *leanTransport) listen(waiting *dtlsPipe, session *dtlsSession) {
	pipe := newDTLSPipe(&net.UDPAddr{}, t.sendNow)
	closed := session.listen(t.ending, pipe, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.pipe = pipe
		_ = waiting.Close()
		for _, datagram := range waiting.unheard() {
			_, _ = pipe.Write(datagram)
		}
	})
	t.mu.Lock()
	t.pipe = nil
	if closed {
		t.session = nil
	}
	t.mu.Unlock()
	if closed {
		t.gone()
	}
}

func (t *leanTransport) gone() {
	t.connected.Store(false)
	if !t.closed.Load() {
		t.handler.TransportGone()
	}
}

func (t *leanTransport) receiveRTP(datagram []byte) {
	contexts := t.contexts.Load()
	if contexts == nil {
		t.gate.counters.drop(dropUnexpected)
		return
	}
	if !t.handler.WantsRTP(datagram) {
		return
	}
	plain, err := contexts.in.DecryptRTP(datagram[:0], datagram, &t.header)
	if err != nil {
		t.gate.counters.drop(dropMalformed)
		return
	}
	if !t.admitSSRC(t.header.SSRC) {
		return
	}
	t.handler.ReceiveRTP(plain)
}

func (t *leanTransport) receiveRTCP(datagram []byte) {
	contexts := t.contexts.Load()
	if contexts == nil {
		return
	}
	plain, err := contexts.in.DecryptRTCP(nil, datagram, nil)
	if err != nil {
		t.gate.counters.drop(dropMalformed)
		return
	}
	t.handler.ReceiveRTCP(plain)
}

// admitSSRC bounds the streams of a client. One that goes beyond is disconnected.
func (t *leanTransport) admitSSRC(ssrc uint32) bool {
	if slices.Contains(t.ssrcs, ssrc) {
		return true
	}
	if len(t.ssrcs) == maxLeanSSRCs {
		t.handler.TransportGone()
		return false
	}
	t.ssrcs = append(t.ssrcs, ssrc)
	return true
}

// SendRTP implements Transport. It is for the lane's goroutine alone.
func (t *leanTransport) SendRTP(header *rtp.Header, payload []byte) error {
	contexts, path := t.contexts.Load(), t.path.Load()
	if contexts == nil || path == nil || t.closed.Load() {
		return ErrClosed
	}
	if t.clock()-time.Duration(t.consent.Load()) > consentTimeout {
		return errNoConsent
	}
	if header.MarshalSize()+len(payload)+srtpOverhead > maxDatagram {
		return fmt.Errorf("a packet of %d bytes is too long", len(payload))
	}
	b := t.sealing
	n, err := header.MarshalTo(b.plain[:])
	if err != nil {
		return fmt.Errorf("write a header: %w", err)
	}
	n += copy(b.plain[n:], payload)
	sealed, err := contexts.out.EncryptRTP(b.sealed[:0], b.plain[:n], &b.header)
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	_, err = path.link.WriteToAddrPort(sealed, path.address)
	return err
}

var errNoConsent = errors.New("the client has not been heard of for too long")

// SendRTCP implements Transport. It is for the lane's goroutine alone.
func (t *leanTransport) SendRTCP(packets []rtcp.Packet) error {
	contexts := t.contexts.Load()
	if contexts == nil {
		return ErrClosed
	}
	plain, err := rtcp.Marshal(packets)
	if err != nil {
		return fmt.Errorf("write RTCP: %w", err)
	}
	encrypted, err := contexts.out.EncryptRTCP(nil, plain, nil)
	if err != nil {
		return fmt.Errorf("encrypt RTCP: %w", err)
	}
	return t.sendNow(encrypted)
}

func (t *leanTransport) sendNow(datagram []byte) error {
	path := t.path.Load()
	if path == nil || t.clock()-time.Duration(t.consent.Load()) > consentTimeout {
		return errNoConsent
	}
	_, err := path.link.WriteToAddrPort(datagram, path.address)
	return err
}

// SetReceiving implements Transport.
func (t *leanTransport) SetReceiving(wanted bool) { t.client.unwanted.Store(!wanted) }

// SetRate implements Transport.
func (t *leanTransport) SetRate(datagrams int) { t.client.rate.Store(uint32(datagrams)) }

// Close implements Transport.
func (t *leanTransport) Close() error {
	t.mu.Lock()
	t.closed.Store(true)
	t.mu.Unlock()
	t.end()
	t.done.Wait()
	if t.session != nil {
		t.session.goodbye(newDTLSPipe(&net.UDPAddr{}, t.sendNow))
	}
	t.gate.dismiss(&t.client)
	// A datagram that passed the gate before may still be in the handler's hands.
	t.receiving.Lock()
	defer t.receiving.Unlock()
	for _, link := range t.links {
		_ = link.Close()
	}
	return nil
}

// maxLinks is how many TCP connections a client may have at a time. An honest one has one for each of its network interfaces.
const maxLinks = 8

// adopt makes a TCP connection one that ends with the transport. It reports false when it is not to be served.
func (t *leanTransport) adopt(link *tcpLink) bool {
	t.receiving.Lock()
	defer t.receiving.Unlock()
	if t.closed.Load() || len(t.links) == maxLinks {
		return false
	}
	t.links = append(t.links, link)
	return true
}

// disown forgets a TCP connection that has ended.
func (t *leanTransport) disown(link *tcpLink) {
	t.receiving.Lock()
	defer t.receiving.Unlock()
	t.links = slices.DeleteFunc(t.links, func(other *tcpLink) bool { return other == link })
}
