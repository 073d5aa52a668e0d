package sfu

import "time"

// streamTick, in milliseconds, is how often a stream may begin, over the life of a relay, for the streams of the next one to be newer. So the first of a
// relay is numbered by the clock. The numbers go round in two years.
const streamTick = 16

// relayStream is one of a relay's streams: one source's packets, of which all are sent. It belongs to the lane.
type relayStream struct {
	key      uint32 // the contributor's
	source   uint64 // continuity's number of the incoming stream
	previous uint64 // the one before it of the same contributor: what is late from it is no change back
	number   uint32 // on the wire
}

// forward sends a packet to the other end if it is for it: not what came from there, nor what is not among the chosen. It is called on the relay's lane.
func (l *Relay) forward(now time.Duration, p *packet) {
	if p.origin == l {
		return
	}
	counters := &l.lane.counters.relayed
	kind, ok := relayedSource(p.contributor.kind)
	if !ok || p.hops >= maxHops {
		counters.drop(dropUnexpected)
		return
	}
	i, switched, ok := l.subscriber.place(now, p)
	if !ok {
		counters.drop(dropNotSelected)
		return
	}
	s := &l.streams[i]
	if !s.follows(p, switched) {
		counters.drop(dropLate)
		return
	}
	if s.number == 0 {
		s.number = l.nextStream()
	}
	h := relayPacket{
		hops: p.hops + 1, marker: p.marker, kind: kind, verdict: p.verdict, level: p.level,
		csrc: p.contributor.participant.csrc, stream: s.number, number: uint16(p.place.Number),
		timestamp: p.place.Timestamp, duration: p.place.Duration,
	}
	h.marshal(l.buffer[:])
	l.transmit(l.buffer[:relayHeader+copy(l.buffer[relayHeader:], p.payload())])
	counters.packetsOut.Add(1)
	counters.bytesOut.Add(uint64(p.length))
}

// follows takes a packet into the stream. Where it does not continue what the stream sent last, the stream has no number afterwards. ok is
// false for a packet that was overtaken by such a change.
func (s *relayStream) follows(p *packet, switched bool) (ok bool) {
	switch key := p.contributor.key; {
	case switched || s.key != key:
		// Packets from before the source got the stream were not sent, which is no loss.
		*s = relayStream{key: key, source: p.place.Source}
	case s.source == p.place.Source:
	case s.previous == p.place.Source:
		return false
	default:
		*s = relayStream{key: key, source: p.place.Source, previous: s.source}
	}
	return true
}

// nextStream is a number that is newer than those before, and not 0.
func (l *Relay) nextStream() uint32 {
	l.last++
	if l.last == 0 {
		l.last++
	}
	return l.last
}
