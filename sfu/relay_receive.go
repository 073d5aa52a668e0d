package sfu

import (
	"sync/atomic"
	"time"

	"hubbub/sfu/continuity"
)

// staleFor is how long nothing must have come of a source's stream for one with an older number to be taken for a new one, of another end that has begun anew, and
// not for a packet that was overtaken. Between two nodes that is far more than packets are late.
const staleFor = time.Second

// relaySource is a source of somebody who is behind a relay. What is not atomic is guarded by the relay's receiving, participant and relay
// do not change.
type relaySource struct {
	source
	relay       *Relay
	participant *participant
	key         relayKey

	stream     uint32        // on the wire
	receivedAt time.Duration // when its last packet came
}

// relayKey is what tells sources on the wire apart.
type relayKey struct {
	csrc uint32
	kind uint8
}

// Receive takes a packet that the other end's Send was given. It does not block, and does not keep the packet. What is malformed or of somebody who
// is not enrolled is dropped and counted.
func (l *Relay) Receive(packet []byte) {
	counters := &l.lane.counters.relayed
	now := l.router.sfu.now()
	var version uint8
	if len(packet) > 0 {
		version = packet[0] >> 4
	}
	if version == relayRequestVersion {
		if !l.video.receiveRequest(now, packet) {
			counters.drop(dropMalformed)
		}
		return
	}
	l.receiving.Lock()
	defer l.receiving.Unlock()
	switch version {
	case relayVideoVersion:
		l.receiveVideo(now, packet)
		return
	case relayShownVersion:
		l.receiveShown(now, packet)
		return
	}
	h, payload, ok := parseRelayPacket(packet)
	if !ok {
		counters.drop(dropMalformed)
		return
	}
	counters.packetsIn.Add(1)
	counters.bytesIn.Add(uint64(len(payload)))
	s := l.sources[relayKey{h.csrc, h.kind}]
	if s == nil {
		counters.drop(dropUnexpected)
		return
	}
	s.receive(now, &h, payload)
}

// receive hands a packet to the lanes if it is of use to anyone, as source.receive does. The judgement is that of the speaker's node.
func (s *relaySource) receive(now time.Duration, h *relayPacket, payload []byte) {
	counters := &s.relay.lane.counters.relayed
	c := s.contributor.Load()
	if !c.accept(&s.source) {
		s.broken = true
		counters.drop(dropSuperseded)
		return
	}
	if s.numbers != nil && int32(h.stream-s.stream) < 0 && now-s.receivedAt < staleFor {
		counters.drop(dropLate)
		return
	}
	if s.numbers == nil || s.broken || s.stream != h.stream {
		if c.relayed.reached(now, h.timestamp) {
			counters.drop(dropDuplicate)
			return
		}
		s.numbers = continuity.NewSource(s.relay.router.sfu.streams.Add(1))
		s.stream, s.broken = h.stream, false
	}
	s.receivedAt = now
	held := int(c.held.Load())
	if !h.verdict.Forwardable(held) {
		s.numbers.Drop(h.number, h.timestamp)
		counters.drop(dropSilent)
		return
	}
	place, ok := s.numbers.Forward(h.number, h.timestamp)
	if !ok {
		counters.drop(dropDuplicate)
		return
	}
	place.Duration = h.duration
	c.relayed.reach(now, h.timestamp)
	packet := newPacket(payload)
	packet.arrival, packet.contributor = now, c
	packet.origin, packet.hops = s.relay, h.hops
	packet.place, packet.verdict = place, h.verdict
	packet.level, packet.marker = h.level, h.marker
	c.participant.router.distribute(packet)
}

// relayedPlace is how far a contributor's stream has come by relays, so that what comes by two of them, while a room changes its owner, is not
// heard twice. It is the time of the last packet, in milliseconds, and its timestamp, in one word: two relays do not wait for each other.
type relayedPlace struct{ atomic.Uint64 }

func (p *relayedPlace) reach(now time.Duration, timestamp uint32) {
	p.Store(uint64(now.Milliseconds())<<32 | uint64(timestamp))
}

// reached says whether a packet that begins a stream has been heard already, by a way that was quicker. Timestamps begin anywhere (RFC 3550, section 5.1), so that those
// of one connection are hardly ever just behind those of the one before.
func (p *relayedPlace) reached(now time.Duration, timestamp uint32) bool {
	last := p.Load()
	age, behind := uint32(now.Milliseconds())-uint32(last>>32), uint32(last)-timestamp
	return last != 0 && age < 1000 && behind < opusClock/4
}
