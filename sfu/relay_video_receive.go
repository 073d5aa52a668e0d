package sfu

import (
	"slices"
	"sync"
	"time"

	"hubbub/sfu/video"
)

// relayedVideo is a camera or a screen of somebody who is behind a relay. It is the videoUpstream of its feed.
type relayedVideo struct {
	feed        videoFeed
	relay       *Relay
	participant *participant
	key         relayKey

	// Guarded by the relay's receiving:
	serial  uint32        // of the last packet that told of it
	toldAt  time.Duration // when that came
	told    bool
	streams [maxVideoLayers]relayedStream

	// mu may be taken with any other lock held, and while it is held nothing but a packet's sending is locked.
	mu      sync.Mutex
	wanted  layerSet
	resumed layerSet // wanted again, and nothing has come since
	sources [maxVideoLayers]uint64
	askedAt [maxVideoLayers]time.Duration // for a key frame
	shown   []videoEncoding               // by which subscribers choose
}

// relayedStream is one of its encodings.
type relayedStream struct {
	stream     uint32 // on the wire
	source     uint64 // video.Packet's number of the stream on this node; 0: there is none yet
	receivedAt time.Duration
	first      uint64 // number, since it was last resumed
	newest     uint64
	reception  video.Reception
}

// newRelayedVideo makes the source of a key.
func newRelayedVideo(l *Relay, member *participant, key relayKey, generation uint64) *relayedVideo {
	u := &relayedVideo{relay: l, participant: member, key: key}
	u.feed.kind, u.feed.upstream, u.feed.generation = relayedSources[key.kind], u, generation
	for i := range u.askedAt {
		u.askedAt[i] = -keyframeInterval
	}
	return u
}

// requestKeyframe implements videoUpstream.
func (u *relayedVideo) requestKeyframe(stream uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	layer := slices.Index(u.sources[:], stream)
	now := u.relay.router.sfu.now()
	if stream == 0 || layer < 0 || now-u.askedAt[layer] < keyframeInterval {
		return
	}
	u.askedAt[layer] = now
	var buffer [packetsHeader]byte
	u.relay.transmit(appendKeyframeRequest(buffer[:0], u.key, uint8(layer)))
}

// wantLayers implements videoUpstream.
func (u *relayedVideo) wantLayers(wanted layerSet) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if wanted == u.wanted {
		return
	}
	u.resumed |= wanted &^ u.wanted
	u.wanted = wanted
	var buffer [listHeader + wantEntry]byte
	b, _ := appendWant(beginList(buffer[:0], relayRequestVersion<<4|requestLayers, u.relay.requests.Add(1)), u.key, wanted)
	u.relay.transmit(b)
}

// encodings implements videoUpstream.
func (u *relayedVideo) encodings(_ time.Duration, to []videoEncoding) []videoEncoding {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append(to, u.shown...)
}

// used are the layers that anyone here uses of a contributor.
func (c *videoContributor) used() layerSet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.union
}

// receiveVideo takes one packet of a picture. The relay's receiving is held, as in all that follows.
func (l *Relay) receiveVideo(now time.Duration, b []byte) {
	counters := &l.lane.counters.relayed
	h, payload, ok := parseRelayVideoPacket(b)
	if !ok {
		counters.drop(dropMalformed)
		return
	}
	counters.packetsIn.Add(1)
	counters.bytesIn.Add(uint64(len(payload)))
	u := l.pictures[relayKey{h.csrc, h.kind}]
	if u == nil {
		counters.drop(dropUnexpected)
		return
	}
	p, cause := u.take(now, &h, payload)
	if p == nil {
		counters.drop(cause)
		return
	}
	u.askAgain(now, h.layer)
	l.router.stage.distribute(now, p)
}

// take makes of what came a packet to be forwarded.
func (u *relayedVideo) take(now time.Duration, h *relayVideoPacket, payload []byte) (*videoPacket, dropCause) {
	var facts video.Facts
	if len(payload) > 0 {
		var ok bool
		if facts, ok = video.Inspect(h.codec, payload); !ok {
			return nil, dropMalformed
		}
	}
	c := u.feed.contributor.Load()
	switch {
	case c == nil:
		return nil, dropUnexpected
	case !u.isCurrent(c) && c.current.Load() != nil && c.places[h.layer].isEcho(now, h.timestamp, slowerWayOfVideo, h.hops):
		return nil, dropDuplicate
	case !u.isCurrent(c) && !((facts.Keyframe || c.current.Load() == nil) && c.accept(&u.feed)):
		return nil, dropSuperseded
	}
	t, ok := u.streamAt(now, h.layer, h.stream)
	if !ok {
		return nil, dropLate
	}
	if t.receivedAt == 0 {
		t.newest = 1<<32 + uint64(h.number) // what came before the first is above zero too
	}
	number := t.newest + uint64(int64(int32(h.number-uint32(t.newest))))
	if u.takeResumed(h.layer) && number > t.newest {
		t.reception, t.first = video.Reception{}, number
	}
	t.receivedAt = now
	if number < t.first {
		return nil, dropLate
	}
	if fresh, late := t.reception.Observe(now, number, facts.Keyframe); !fresh {
		return nil, dropDuplicate
	} else if !late {
		t.newest = number
	}
	p := newVideoPacket(payload)
	p.Source, p.Codec, p.Number, p.Timestamp, p.Marker = t.source, h.codec, number, h.timestamp, h.marker
	p.Facts, p.Captured = facts, now-h.lag
	p.contributor, p.layer = c, h.layer
	p.origin, p.hops = u.relay, h.hops
	p.orientation, p.oriented = h.orientation, h.oriented
	return p, 0
}

// isCurrent says whether the contributor is seen by way of this relay.
func (u *relayedVideo) isCurrent(c *videoContributor) bool { return c.current.Load() == &u.feed }

// streamAt is an encoding's stream that has this number on the wire. ok is false when there is a newer one.
func (u *relayedVideo) streamAt(now time.Duration, layer uint8, stream uint32) (t *relayedStream, ok bool) {
	t = &u.streams[layer]
	if t.source != 0 && int32(stream-t.stream) < 0 && now-max(t.receivedAt, u.toldAt) < staleFor {
		return nil, false
	}
	if t.source == 0 || t.stream != stream {
		*t = relayedStream{stream: stream, source: u.relay.router.sfu.streams.Add(1)}
		u.mu.Lock()
		defer u.mu.Unlock()
		u.sources[layer] = t.source
		for i := range u.shown {
			if u.shown[i].layer == layer {
				u.shown[i].stream = t.source
			}
		}
	}
	return t, true
}

// takeResumed says, once, that an encoding's packets were not sent for a while since nobody used them. Its numbers have gone on meanwhile.
func (u *relayedVideo) takeResumed(layer uint8) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	resumed := u.resumed.has(layer)
	u.resumed &^= 1 << layer
	return resumed
}

// askAgain asks for what was lost of an encoding.
func (u *relayedVideo) askAgain(now time.Duration, layer uint8) {
	t := &u.streams[layer]
	var buffer [4 * maxNumbers]uint16
	missing := t.reception.AppendMissing(buffer[:0], now, relayRoundTrip)
	for numbers := range slices.Chunk(missing, maxNumbers) {
		var packet [packetsHeader + 2*maxNumbers]byte
		u.relay.transmit(packetsRequest{u.key, layer, t.stream}.append(packet[:0], numbers))
	}
	if t.reception.Abandoned() {
		u.requestKeyframe(t.source)
	}
}

// receiveShown takes what the other end says of which pictures there are.
func (l *Relay) receiveShown(now time.Duration, b []byte) {
	counters := &l.lane.counters.relayed
	ok := parseShown(b, func(serial uint32, e *shownEntry) {
		u := l.pictures[e.key]
		switch {
		case u == nil:
			counters.drop(dropUnexpected)
		case u.told && int32(serial-u.serial) <= 0 && now-u.toldAt < staleFor:
			counters.drop(dropLate)
		default:
			u.serial, u.toldAt, u.told = serial, now, true
			u.learn(now, e)
		}
	})
	if !ok {
		counters.drop(dropMalformed)
	}
}

// learn takes over what the other end says of the source.
func (u *relayedVideo) learn(now time.Duration, e *shownEntry) {
	c := u.feed.contributor.Load()
	if c == nil {
		return
	}
	stage := u.relay.router.stage
	if e.codec == 0 {
		if u.isCurrent(c) {
			stage.end(now, c)
		}
		return
	}
	var encodings []videoEncoding
	for _, encoding := range e.encodings[:e.count] {
		if t, ok := u.streamAt(now, encoding.layer, uint32(encoding.stream)); ok {
			encoding.stream = t.source
			encodings = append(encodings, encoding)
		}
	}
	u.mu.Lock()
	u.shown = encodings
	u.mu.Unlock()
	if !u.isCurrent(c) && !u.succeed(c) {
		return
	}
	changed := c.codec.Load() != uint32(e.codec)
	c.codec.Store(uint32(e.codec))
	c.receivedAt.Store(int64(now))
	if changed || !c.live.Load() {
		stage.begin(now, c)
	}
}

// succeed makes the source the way by which its participant is seen, unless a newer one is. Where they are seen by an older one, as somebody who moves from
// one node to another, that one goes on until the first key frame comes by this.
func (u *relayedVideo) succeed(c *videoContributor) bool {
	before := c.current.Load()
	used := c.used()
	if before == nil || used == 0 {
		return c.accept(&u.feed)
	}
	if before.generation > u.feed.generation {
		return false
	}
	u.wantLayers(used)
	for layer := range u.streams {
		if t := &u.streams[layer]; used.has(uint8(layer)) && t.source != 0 {
			u.requestKeyframe(t.source)
		}
	}
	return false
}

// attendVideo asks for what was lost, and repeats what is wanted. enrolled says whether there are sources, receives whether packets of
// theirs come.
func (l *Relay) attendVideo(now time.Duration) (enrolled, receives bool) {
	l.receiving.Lock()
	defer l.receiving.Unlock()
	var buffer [maxRelayPacket]byte
	var packet []byte
	repeat := now-l.repeatedAt >= relayRefresh
	for _, u := range l.pictures {
		c := u.feed.contributor.Load()
		if c == nil {
			continue
		}
		if current := c.current.Load(); current != nil && current.generation > u.feed.generation {
			u.wantLayers(0) // someone else brings it
		}
		u.mu.Lock()
		wanted := u.wanted
		u.mu.Unlock()
		for layer := range u.streams {
			if t := &u.streams[layer]; wanted.has(uint8(layer)) && t.source != 0 && t.receivedAt != 0 {
				receives = receives || now-t.receivedAt < relayRefresh
				u.askAgain(now, uint8(layer))
			}
		}
		for ok := false; repeat && wanted != 0 && !ok; {
			if packet == nil {
				packet = beginList(buffer[:0], relayRequestVersion<<4|requestLayers, l.requests.Add(1))
			}
			if packet, ok = appendWant(packet, u.key, wanted); !ok {
				l.transmit(packet)
				packet = nil
			}
		}
	}
	if packet != nil {
		l.transmit(packet)
	}
	if repeat {
		l.repeatedAt = now
	}
	return len(l.pictures) > 0, receives
}
