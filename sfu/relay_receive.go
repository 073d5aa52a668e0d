package sfu

import (
	"time"

	"hubbub/sfu/continuity"
)

// staleFor is how long nothing must have come of a source's stream for one with an older number to be taken for a new one, of another end that has begun anew, and
// not for a packet that was overtaken. Between two nodes that is far more than packets are late.
const staleFor = time.Second

// slowerWay is how much later than by another way a packet of sound may come for it to be known as the same; slowerWayOfVideo is the same of a picture.
const (
	slowerWay        = opusClock / 4
	slowerWayOfVideo = videoClockRate / 4
)

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
	if holds := c.current.Load(); holds != nil && holds != &s.source && c.place.isEcho(now, h.timestamp, slowerWay, h.hops) {
		s.broken = true
		counters.drop(dropDuplicate)
		return
	}
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
		if c.place.reached(now, h.timestamp, slowerWay) {
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
	packet := newPacket(payload)
	packet.arrival, packet.contributor = now, c
	packet.origin, packet.hops = s.relay, h.hops
	packet.place, packet.verdict = place, h.verdict
	packet.level, packet.marker = h.level, h.marker
	c.participant.router.distribute(packet)
}
