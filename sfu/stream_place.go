package sfu

import (
	"sync/atomic"
	"time"
)

// silentFor is how long nothing must have come by the way that holds, for a longer one to be better.
const silentFor = 100 * time.Millisecond

// streamPlace is how far a contributor's stream has come. While somebody moves, or a room changes its owner, it comes to a node by two ways; it must
// then not be heard twice, nor may nodes take it from each other. Those that it comes by do not wait for each other here.
type streamPlace struct {
	// last is the time of the last packet, in milliseconds, and its timestamp, in one word.
	last atomic.Uint64
	// hops is how many links between nodes it had passed.
	hops atomic.Uint32
}

// reach notes a packet that is forwarded. One that was overtaken is no step back.
func (p *streamPlace) reach(now time.Duration, timestamp, window uint32, hops uint8) {
	if p.reached(now, timestamp, window) {
		timestamp = uint32(p.last.Load())
	}
	p.last.Store(uint64(now.Milliseconds())<<32 | uint64(timestamp))
	if p.hops.Load() != uint32(hops) {
		p.hops.Store(uint32(hops))
	}
}

// reached says whether a packet has come already, by a way that was quicker. window, in units of the timestamp, is far above how much slower a way can be.
// Timestamps begin anywhere (RFC 3550, section 5.1), so that those of one connection are hardly ever near those of the one before.
func (p *streamPlace) reached(now time.Duration, timestamp, window uint32) bool {
	last := p.last.Load()
	return last != 0 && age(now, last) < time.Second && uint32(last)-timestamp < window
}

// isEcho says whether a packet by another way than the one that holds is of the stream that comes by that, and has passed more links than there. It
// may have come by this very node: nodes that preferred each other's echoes would wait for each other, the source's own among them. Of two
// nodes only one can be farther from the source than the other.
func (p *streamPlace) isEcho(now time.Duration, timestamp, window uint32, hops uint8) bool {
	if uint32(hops) <= p.hops.Load() {
		return false
	}
	last := p.last.Load()
	overtakes := last != 0 && age(now, last) < silentFor && timestamp-uint32(last) < window
	return overtakes || p.reached(now, timestamp, window)
}

func age(now time.Duration, last uint64) time.Duration {
	return time.Duration(uint32(now.Milliseconds())-uint32(last>>32)) * time.Millisecond
}
