package sfu

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// idleTimeout is how long a peer may be in no room, or have been in none when its offer was answered.
const idleTimeout = 30 * time.Second

// Peer is one client's PeerConnection. Its methods may be called at any time from any goroutine.
//
// A peer that nobody attaches to a room within 30 seconds is closed. An attached one belongs to whoever attached it, connected or not: it
// ends by Close, or when the client closes its end; never because the client is silent, as that one may come back by an ICE restart.
type Peer struct {
	sfu       *SFU
	lane      *lane
	transport Transport
	idle      *time.Timer
	close     func() error
	reporter  uint32 // the SSRC of receiver reports

	streams    atomic.Pointer[streamTable]
	publishing atomic.Bool
	mutes      atomic.Uint64 // how often publishing ended
	connected  atomic.Bool
	subscriber atomic.Pointer[subscriber] // nil before Attach

	connectedOnce sync.Once
	connectedCh   chan struct{}
	done          chan struct{}

	mu          sync.Mutex // held while negotiating and attaching
	ended       bool
	router      *Router // nil before Attach
	fingerprint Fingerprint
	session     uint64 // of the answers
	version     int
	mediaPlan
}

func newPeer(s *SFU, l *lane) *Peer {
	p := &Peer{
		sfu:         s,
		lane:        l,
		reporter:    rand.Uint32(),
		session:     uint64(rand.Int64()), // RFC 8829, section 5.2.1: positive in 64 bits
		connectedCh: make(chan struct{}),
		done:        make(chan struct{}),
	}
	p.close = sync.OnceValue(p.end)
	p.streams.Store(&streamTable{})
	return p
}

// Negotiate answers a further offer of the same PeerConnection: an ICE restart, or m-lines added. The error wraps ErrBadOffer when
// the offer is at fault, ErrOtherConnection when it is another PeerConnection's, ErrClosed when this one has ended.
func (p *Peer) Negotiate(ctx context.Context, o Offer) (answer string, err error) {
	offer, err := parseOffer(o.SDP)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.version > 0 && p.fingerprint != offer.transport.Fingerprint {
		return "", fmt.Errorf("negotiate: %w", ErrOtherConnection)
	}
	if p.ended {
		return "", fmt.Errorf("negotiate: %w", ErrClosed)
	}
	server, err := p.transport.Negotiate(ctx, offer.transport)
	if err != nil {
		return "", fmt.Errorf("negotiate: %w", err)
	}
	p.fingerprint = offer.transport.Fingerprint
	p.version++
	plan, sections := planMedia(offer, o.Sources, p.sfu.cfg.Slots, p.mediaPlan)
	p.mediaPlan = plan
	p.streams.Store(&streamTable{ids: offer.ids, sources: p.sources})
	if p.router != nil {
		p.router.renegotiated(p)
	}
	description := sessionAnswer{
		session: p.session, version: p.version, transport: server, addresses: p.lane.sockets.addresses,
		ids: offer.ids, mixed: offer.mixed, sections: sections,
	}
	return description.String(), nil
}

// SetPublishing says whether what the peer sends is forwarded. If not (muted, a listener) it is dropped as early as possible.
// Attach sets it too, so it is of use afterwards.
func (p *Peer) SetPublishing(publishing bool) {
	if p.publishing.Swap(publishing) && !publishing {
		p.mutes.Add(1)
	}
	p.transport.SetReceiving(publishing)
}

// Slots returns the peer's slots in the order of their m-lines, with what they carry now.
func (p *Peer) Slots() []Slot {
	if s := p.subscriber.Load(); s != nil {
		return s.state()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	slots := make([]Slot, 0, len(p.slots))
	for _, s := range p.slots {
		slots = append(slots, Slot{Mid: s.mid, Kind: "audio"})
	}
	return slots
}

// Sources are what the client may send, in the order of its sending m-lines. A further offer may change them.
func (p *Peer) Sources() []Source {
	p.mu.Lock()
	defer p.mu.Unlock()
	kinds := make([]Source, 0, len(p.sources))
	for _, s := range p.sources {
		kinds = append(kinds, s.kind)
	}
	return kinds
}

// Publishes says whether the client may be heard: whether it has any Sources. Whether it is, SetPublishing says.
func (p *Peer) Publishes() bool { return len(p.Sources()) > 0 }

// Connected is closed when the connection was established for the first time: ICE and DTLS.
func (p *Peer) Connected() <-chan struct{} { return p.connectedCh }

// Done is closed when the peer has ended: by Close, or because the client closed its end.
func (p *Peer) Done() <-chan struct{} { return p.done }

// Close takes the peer out of its room, frees all it has and waits for its goroutines. Calling it again is harmless. OnSlots is
// not called any more once it has returned, unless such a call is under way.
func (p *Peer) Close() error { return p.close() }

func (p *Peer) end() error {
	p.mu.Lock()
	p.ended = true
	router := p.router
	p.mu.Unlock()
	p.idle.Stop()
	err := p.transport.Close()
	if router != nil {
		router.detach(p.subscriber.Load())
	}
	p.lane.do(func() { delete(p.lane.peers, p) })
	p.sfu.forget(p)
	close(p.done)
	return err
}

// WantsRTP implements TransportHandler.
func (p *Peer) WantsRTP(b []byte) bool {
	streams := p.streams.Load()
	h, ok := parseRTPHeader(b, streams.ids)
	if !ok {
		return true // decryption is not worse for it, and counts it
	}
	s := streams.find(&h)
	return s == nil || s.wants(p, &h)
}

// ReceiveRTP implements TransportHandler.
func (p *Peer) ReceiveRTP(b []byte) {
	counters := &p.lane.counters
	counters.packetsIn.Add(1)
	streams := p.streams.Load()
	h, ok := parseRTP(b, streams.ids)
	if !ok || len(h.payload) == 0 || len(h.payload) > maxPayload {
		counters.drop(dropMalformed)
		return
	}
	counters.bytesIn.Add(uint64(len(h.payload)))
	s := streams.find(&h)
	if s == nil || s.payloadType != h.payloadType {
		counters.drop(dropUnexpected)
		return
	}
	s.receive(p.sfu.now(), p, &h)
}

// TransportConnected implements TransportHandler.
func (p *Peer) TransportConnected() {
	p.connected.Store(true)
	p.connectedOnce.Do(func() { close(p.connectedCh) })
}

// TransportGone implements TransportHandler.
func (p *Peer) TransportGone() { p.sfu.closeLater(p) }
