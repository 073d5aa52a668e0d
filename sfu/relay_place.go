package sfu

import (
	"sync/atomic"
	"time"
)

// relayedPlace is how far a contributor's stream has come by relays. While a room changes its owner it comes by two of them; it must then not be
// heard twice, nor may two nodes take it from each other. Two relays do not wait for each other here.
type relayedPlace struct {
	// last is the time of the last packet, in milliseconds, and its timestamp, in one word.
	last atomic.Uint64
	// hops is how many links between nodes it had passed.
	hops atomic.Uint32
}

// reach notes a packet that is forwarded. One that was overtaken is no step back.
func (p *relayedPlace) reach(now time.Duration, timestamp, window uint32, hops uint8) {
	if p.reached(now, timestamp, window) {
		timestamp = uint32(p.last.Load())
	}
	p.last.Store(uint64(now.Milliseconds())<<32 | uint64(timestamp))
	if p.hops.Load() != uint32(hops) {
		p.hops.Store(uint32(hops))
	}
}

// reached says whether a packet has come already, by a way that was quicker. window, in units of the timestamp, is far above how much slower a way can be.
// Timestamps begin anywhere (RFC 3550, section 5.1), so that those of one connection are hardly ever just behind those of the one before.
func (p *relayedPlace) reached(now time.Duration, timestamp, window uint32) bool {
	last := p.last.Load()
	age, behind := uint32(now.Milliseconds())-uint32(last>>32), uint32(last)-timestamp
	return last != 0 && age < 1000 && behind < window
}

// isEcho says whether a packet that would make another way the one has been here before, and may have come by this very node since: it has been reached,
// and has passed more links than by the way that holds. Two nodes that preferred each other's echoes of a third would wait for each other. Of
// two nodes only one can be farther from the source than the other.
func (p *relayedPlace) isEcho(now time.Duration, timestamp, window uint32, hops uint8) bool {
	return uint32(hops) > p.hops.Load() && p.reached(now, timestamp, window)
}
