package sfu

import (
	"slices"
	"sync"
	"time"

	"github.com/pion/interceptor/pkg/twcc"

	"hubbub/sfu/video"
)

const (
	// videoClockRate is the clock of all video codecs' timestamps, in Hz.
	videoClockRate = 90000

	// maxTransportLeap is how far a transport-wide number may be from the last one for the record of arrivals to go on. An honest sender is
	// never that far, except after a break of some seconds, which need not be reported packet by packet.
	maxTransportLeap = 4096
)

// videoReceiver is the receiving half of a peer's video: which streams come, what of them is missing, and what the sender is to be told of it.
//
// Its lock is shared by the goroutine that receives the peer's packets, the lane's videoClock, and whoever asks for key frames. Nothing else is locked
// while it is held.
type videoReceiver struct {
	peer *Peer

	mu       sync.Mutex
	sources  []*videoSource
	bindings map[uint32]videoBinding // by SSRC; two for each of the sources' streams at most
	arrivals *twcc.Recorder          // nil until a transport-wide number has come
	last     uint16                  // transport-wide number
	untold   bool                    // there are arrivals of which the sender has not been told
	transit  transit                 // of video
	toldAt   time.Duration
	askedAt  time.Duration // when losses were last looked for
	missing  []uint16      // used within a call
}

// videoBinding is what an SSRC stands for.
type videoBinding struct {
	stream *videoStream
	repair bool // its packets are repeated ones of the stream (RFC 4588)
}

func newVideoReceiver(p *Peer) *videoReceiver {
	return &videoReceiver{peer: p, bindings: make(map[uint32]videoBinding)}
}

// configure makes the sources those of an answer, and returns them. Those that have not changed keep their state.
func (r *videoReceiver) configure(plans []videoSourcePlan) []*videoSource {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.sources
	r.sources = make([]*videoSource, 0, len(plans))
	for _, plan := range plans {
		var source *videoSource
		for _, s := range old {
			if s.plan.equal(plan) {
				source = s
			}
		}
		if source == nil {
			source = newVideoSource(r, plan)
		}
		r.sources = append(r.sources, source)
	}
	for ssrc, b := range r.bindings {
		if !slices.Contains(r.sources, b.stream.source) {
			delete(r.bindings, ssrc)
		}
	}
	for _, s := range r.sources {
		if slices.Contains(old, s) {
			continue
		}
		for i, named := range s.plan.ssrcs {
			if i < len(s.streams) {
				r.bind(named.primary, videoBinding{s.streams[i], false})
				r.bind(named.rtx, videoBinding{s.streams[i], true})
			}
		}
	}
	return r.sources
}

// bind makes an SSRC stand for a stream, instead of the one that did before.
func (r *videoReceiver) bind(ssrc uint32, b videoBinding) {
	if ssrc == 0 {
		return
	}
	for other, bound := range r.bindings {
		if bound == b {
			delete(r.bindings, other)
		}
	}
	r.bindings[ssrc] = b
	if !b.repair {
		b.stream.begin(ssrc, r.peer.sfu.streams.Add(1))
	}
}

// find returns what a packet's SSRC stands for, which the packet itself may tell.
func (r *videoReceiver) find(h *videoHeader) (videoBinding, bool) {
	if b, ok := r.bindings[h.ssrc]; ok {
		return b, true
	}
	for _, s := range r.sources {
		if t, repair, ok := s.match(h, len(r.sources) == 1); ok && h.ssrc != 0 {
			b := videoBinding{t, repair}
			r.bind(h.ssrc, b)
			return b, true
		}
	}
	return videoBinding{}, false
}

// hide ends what is seen of the sources, before their silence does.
func (r *videoReceiver) hide() {
	r.mu.Lock()
	sources := r.sources
	r.mu.Unlock()
	for _, s := range sources {
		if c := s.feed.contributor.Load(); c != nil && c.current.CompareAndSwap(&s.feed, nil) {
			c.participant.router.stage.end(r.peer.sfu.now(), c)
		}
	}
}

// receive takes a packet with one of the payload types of video, and hands it to those who see the source.
func (r *videoReceiver) receive(now time.Duration, packet []byte, ids extensionIDs) {
	counters := &r.peer.lane.counters
	h, ok := parseVideoRTP(packet, ids)
	if !ok || len(h.payload) > maxPayload {
		counters.drop(dropMalformed)
		return
	}
	counters.video.packetsIn.Add(1)
	counters.video.bytesIn.Add(uint64(len(h.payload)))
	if !r.peer.showing.Load() {
		counters.drop(dropMuted)
		return
	}
	p, cause := r.take(now, &h)
	r.peer.lane.video.attend(r.peer)
	if p == nil {
		if cause != dropNothing {
			counters.drop(cause)
		}
		return
	}
	p.contributor.participant.router.stage.distribute(now, p)
}

// take makes of what came a packet to be forwarded, if it is one: not padding, not malformed, nor had before.
func (r *videoReceiver) take(now time.Duration, h *videoHeader) (*videoPacket, dropCause) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.numbered {
		r.record(now, h)
	}
	b, ok := r.find(h)
	if !ok {
		return nil, dropUnexpected
	}
	t, s := b.stream, b.stream.source
	codec, repair, ok := s.codec(h.payloadType)
	c := s.feed.contributor.Load()
	switch {
	case !ok || repair != b.repair || c == nil || t.ssrc == 0:
		return nil, dropUnexpected
	case !c.accept(&s.feed):
		return nil, dropSuperseded
	}
	seq, payload := h.seq, h.payload
	if repair {
		if seq, payload, ok = video.DecapsulateRTX(h.payload); !ok || len(payload) == 0 {
			return nil, dropNothing // padding, by which the sender probes
		}
		r.peer.lane.counters.video.rtxIn.Add(1)
	} else {
		t.stats.observe(now, &h.rtpHeader, 0)
	}
	return t.take(now, c, codec, seq, payload, h)
}

// record notes a packet's arrival.
func (r *videoReceiver) record(now time.Duration, h *videoHeader) {
	leap := int16(h.transportWide - r.last)
	if r.arrivals == nil || leap > maxTransportLeap || leap < -maxTransportLeap {
		// What is recorded is an array from the first to the last number.
		r.arrivals = twcc.NewRecorder(r.peer.reporter)
	}
	r.arrivals.Record(h.ssrc, h.transportWide, now.Microseconds())
	r.last, r.untold = h.transportWide, true
}

// take judges a packet of a stream, its repetitions included.
func (t *videoStream) take(now time.Duration, c *videoContributor, codec video.Codec, seq uint16, payload []byte, h *videoHeader) (*videoPacket, dropCause) {
	var facts video.Facts
	if len(payload) > 0 { // else it is padding, which has a number like all others
		var ok bool
		if facts, ok = video.Inspect(codec, payload); !ok {
			return nil, dropMalformed
		}
	}
	number, ok := t.numbers.Unwrap(seq)
	if !ok {
		return nil, dropDuplicate
	}
	fresh, late := t.reception.Observe(now, number, facts.Keyframe)
	if !fresh {
		return nil, dropDuplicate
	}
	t.meter.observe(now, len(payload)+videoPacketOverhead, facts.Temporal)
	if facts.Keyframe {
		t.keyframeDue = false
		if facts.Width > 0 {
			t.width, t.height = facts.Width, facts.Height
		}
	}
	p := newVideoPacket(payload)
	p.Packet = video.Packet{
		Source: t.id, Codec: codec, Number: number, Timestamp: h.timestamp, Marker: h.marker, Late: late,
		Facts: facts, Captured: t.source.receiver.captured(now, &t.clock, h.timestamp),
	}
	p.contributor, p.layer = c, t.layer
	p.orientation, p.oriented = h.orientation, h.oriented
	return p, dropNothing
}

// captured is when sound is received that was captured with a picture.
func (r *videoReceiver) captured(now time.Duration, clock *video.Clock, timestamp uint32) time.Duration {
	at, ok := clock.At(timestamp)
	if !ok {
		return now
	}
	r.transit.observe(now, now-at)
	if transit, ok := r.peer.soundTransit.value(); ok {
		return at + transit
	}
	transit, _ := r.transit.value()
	return at + transit
}
