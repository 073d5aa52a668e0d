package sfu

import (
	"sync/atomic"
	"time"

	"hubbub/sfu/continuity"
	"hubbub/sfu/speech"
)

// dtxPayload is the length of the packets that Opus sends in silence when it does not transmit (RFC 7587, section 3.1.3: it
// sends nothing, or now and then a frame of at most two bytes), and a byte for good measure.
const dtxPayload = 3

// observeEvery is how many packets of a source that nobody hears are looked at as one: the others are dropped before decryption. Those
// that are decrypted keep the SRTP rollover counter (RFC 3711, section 3.3.1) and the source's noise known.
const observeEvery = 8

// source is one incoming stream of a peer: a sending m-line. What is not atomic belongs to the goroutine that receives the peer's packets, after
// the negotiation that made it.
type source struct {
	mid         string
	kind        Source
	payloadType uint8
	ssrcs       []uint32 // that the offer names

	contributor atomic.Pointer[contributor] // nil while in no room
	generation  uint64                      // grows with each attachment in a room; set before contributor

	detector *speech.Detector
	numbers  *continuity.Source
	ssrc     uint32
	broken   bool   // packets were dropped uncounted since the last one
	mutes    uint64 // the peer's at the last packet: most of what a muted client sends is dropped where nobody counts it
	stats    receptionStats
	skipped  int // packets since the last one that were dropped before decryption
}

// wants says whether a packet whose header is in the clear, but proves nothing, is worth decrypting. What it says may only lead to its
// own dropping: a forger who writes low levels drops his own packets.
func (s *source) wants(p *Peer, h *rtpHeader) bool {
	c := s.contributor.Load()
	if c == nil || s.numbers == nil || s.ssrc != h.ssrc || s.skipped+1 >= observeEvery ||
		!s.detector.Dismiss(p.sfu.now(), h.level, int(c.held.Load())) {
		return true
	}
	s.skipped++
	s.numbers.Skip()
	p.lane.counters.drop(dropSilent)
	return false
}

// receive judges a packet, and hands it to the lanes if it is of use to anyone.
func (s *source) receive(now time.Duration, p *Peer, h *rtpHeader) {
	counters := &p.lane.counters
	c := s.contributor.Load()
	switch {
	case c == nil:
		s.broken = true
		counters.drop(dropUnexpected)
		return
	case !p.publishing.Load():
		s.broken = true
		counters.drop(dropMuted)
		return
	case !c.accept(s):
		s.broken = true
		counters.drop(dropSuperseded)
		return
	}
	mutes := p.mutes.Load()
	if s.numbers == nil || s.ssrc != h.ssrc || s.broken || s.mutes != mutes {
		// Slots take it for another source, which it is to their streams: what was not counted must not look like a loss.
		s.numbers = continuity.NewSource(p.sfu.streams.Add(1))
		s.ssrc, s.broken, s.mutes = h.ssrc, false, mutes
	}
	s.stats.observe(now, h, s.skipped)
	s.skipped = 0
	held := int(c.held.Load())
	verdict := s.judge(now, h)
	if !verdict.Forwardable(held) {
		s.numbers.Drop(h.seq, h.timestamp)
		counters.drop(dropSilent)
		return
	}
	place, ok := s.numbers.Forward(h.seq, h.timestamp)
	if !ok {
		counters.drop(dropDuplicate)
		return
	}
	packet := newPacket(h.payload)
	packet.arrival, packet.contributor = now, c
	packet.place, packet.verdict = place, verdict
	packet.level, packet.marker = h.level, h.marker
	c.participant.router.distribute(packet)
}

// judge asks the detector. Of clients without levels, only the length of a packet tells that it carries silence.
func (s *source) judge(now time.Duration, h *rtpHeader) speech.Verdict {
	if !h.level.Present && len(h.payload) <= dtxPayload {
		return speech.Verdict{Activity: speech.Quiet}
	}
	return s.detector.Observe(now, h.timestamp, h.level)
}

// contributor is what of one participant is heard in one slot, whichever connection it comes by: a contributing source of
// RFC 3550. Slots know it by its key, which is never used again in the room.
type contributor struct {
	participant *participant
	kind        Source
	key         uint32
	held        atomic.Int32 // in how many slots it is
	gone        atomic.Bool  // from the room
	current     atomic.Pointer[source]
	place       streamPlace
}

// accept says whether packets of s are those to forward. When a participant's connection is replaced, the newer one's first
// packet makes it the one.
func (c *contributor) accept(s *source) bool {
	for {
		current := c.current.Load()
		switch {
		case current == s:
			return true
		case current != nil && current.generation > s.generation:
			return false
		case c.current.CompareAndSwap(current, s):
			return true
		}
	}
}

// expel takes a source out of its room. An older connection of the participant is heard again, if there still is one.
func (s *source) expel() {
	if c := s.contributor.Swap(nil); c != nil {
		c.current.CompareAndSwap(s, nil)
	}
}
