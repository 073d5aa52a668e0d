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

	streams      atomic.Pointer[streamTable]
	publishing   atomic.Bool
	showing      atomic.Bool
	mutes        atomic.Uint64 // how often publishing ended
	connected    atomic.Bool
	subscriber   atomic.Pointer[subscriber] // nil before Attach
	receives     atomic.Bool                // something of what the client sends is wanted
	unwanted     atomic.Uint32              // packets of what is not forwarded now
	attended     atomic.Bool                // by the lane's videoClock
	rtt          atomic.Int64               // round trip in nanoseconds, 0: not known
	soundLoss    atomic.Uint32              // share of sound lost on the way to the client, in 1/256
	soundTransit transit

	// Of the goroutine that receives RTCP:
	reportSecond time.Duration // number of the second, in which
	reportCount  int           // so many compound packets have come
	slotReports  []slotReport  // of audio slots, at most one for each

	receiving sync.Mutex // held while deciding what the transport is to receive

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
	receiver   *videoReceiver // nil before there was a video source
	videoFeeds []*videoSource
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
	plan, sections := planMedia(offer, o.Sources, p.sfu.cfg.Slots, p.sfu.cfg.VideoSlots, p.mediaPlan)
	p.mediaPlan = plan
	table := &streamTable{ids: offer.ids, sources: p.sources}
	for _, slot := range p.slots {
		table.slots = append(table.slots, slot.ssrc)
	}
	p.receiveVideo(table)
	p.streams.Store(table)
	p.receive()
	if p.router != nil {
		p.router.renegotiated(p)
	}
	description := sessionAnswer{
		session: p.session, version: p.version, transport: server, addresses: p.lane.sockets.addresses,
		ids: offer.audioIDs, mixed: offer.mixed, sections: sections,
	}
	return description.String(), nil
}

// receiveVideo takes over the video sources of an answer. The peer's lock is held.
func (p *Peer) receiveVideo(table *streamTable) {
	if p.receiver == nil && len(p.videoSources) > 0 {
		p.receiver = newVideoReceiver(p)
	}
	if p.receiver == nil {
		return
	}
	p.videoFeeds = p.receiver.configure(p.videoSources)
	table.video = p.receiver
	for _, s := range p.videoFeeds {
		table.ids.addVideo(s.plan.ids)
		for _, c := range s.plan.codecs {
			table.videoTypes.add(c.payloadType)
			if c.rtxPayloadType != 0 {
				table.videoTypes.add(c.rtxPayloadType)
			}
		}
	}
}

// SetPublishing says whether the sound that the peer sends is forwarded. If not (muted, a listener) it is dropped as early as possible.
// Attach sets it too, so it is of use afterwards.
func (p *Peer) SetPublishing(publishing bool) {
	if p.publishing.Swap(publishing) && !publishing {
		p.mutes.Add(1)
	}
	p.receive()
}

// SetShowing says the same of the pictures that the peer sends: who is muted may be seen, a listener may not.
func (p *Peer) SetShowing(showing bool) {
	if p.showing.Swap(showing) && !showing {
		p.hide()
	}
	p.receive()
}

// hide gives up the slots that the peer's pictures are in.
func (p *Peer) hide() {
	if video := p.streams.Load().video; video != nil {
		video.hide()
	}
}

// receive tells the transport whether anything that the client sends is wanted.
func (p *Peer) receive() {
	p.receiving.Lock()
	defer p.receiving.Unlock()
	streams := p.streams.Load()
	wanted := p.publishing.Load() || p.showing.Load() && streams.video != nil
	p.receives.Store(wanted)
	p.transport.SetReceiving(wanted)
	if streams.video != nil {
		p.transport.SetRate(maxVideoRate)
	}
}

// Slots returns the peer's slots in the order of their m-lines, those of audio before those of video, with what they carry now.
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
	for _, s := range p.videoSlots {
		slots = append(slots, Slot{Mid: s.mid, Kind: "video"})
	}
	return slots
}

// Sources are what the client may send, in the order of its sending m-lines, those of audio before those of video. A further offer may change
// them.
func (p *Peer) Sources() []Source {
	p.mu.Lock()
	defer p.mu.Unlock()
	kinds := make([]Source, 0, len(p.sources))
	for _, s := range p.sources {
		kinds = append(kinds, s.kind)
	}
	for _, s := range p.videoSources {
		kinds = append(kinds, s.kind)
	}
	return kinds
}

// Publishes says whether the client may be heard: whether it has any Sources of sound. Whether it is, SetPublishing says.
func (p *Peer) Publishes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sources) > 0
}

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
	video := len(b) > 1 && streams.videoTypes.has(b[1]&0x7f)
	switch {
	case video && !p.showing.Load() || !video && !p.publishing.Load():
		return p.passes()
	case video:
		return true
	}
	h, ok := parseRTPHeader(b, streams.ids)
	if !ok {
		return true // decryption is not worse for it, and counts it
	}
	s := streams.find(&h)
	return s == nil || s.wants(p, &h)
}

// passes drops most of the sound or the pictures that are not forwarded now, as the gate does when neither is wanted.
func (p *Peer) passes() bool {
	if !p.receives.Load() || p.unwanted.Add(1)%passEvery == 0 {
		return true
	}
	p.lane.counters.drop(dropMuted)
	return false
}

// ReceiveRTP implements TransportHandler.
func (p *Peer) ReceiveRTP(b []byte) {
	counters := &p.lane.counters
	streams := p.streams.Load()
	if len(b) > 1 && streams.videoTypes.has(b[1]&0x7f) {
		streams.video.receive(p.sfu.now(), b, streams.ids)
		return
	}
	h, ok := parseRTP(b, streams.ids)
	counters.packetsIn.Add(1)
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
