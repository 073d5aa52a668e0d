package sfu

import (
	"sync/atomic"
	"time"
)

// dropCause says why a packet went no further.
type dropCause int

// Causes of drops. Those up to dropSuperseded are counted once for a packet that came in, those after once for each
// receiver, except dropQueueFull: once for each lane.
const (
	dropUnknown     dropCause = iota // a datagram from nobody who is known
	dropFlood                        // a datagram of a client that sends too many
	dropMalformed                    // no RTP, or an empty one
	dropMuted                        // from a muted participant or a listener
	dropUnexpected                   // of a stream or codec that was not negotiated
	dropSilent                       // silent for long, or in nobody's slot and not speaking
	dropDuplicate                    // repeated, too late, or out of all order
	dropSuperseded                   // from a connection whose successor is sending
	dropQueueFull                    // the lane could not keep up
	dropNotSelected                  // the receiver's slots are taken by others
	dropLate                         // from before its source got the slot
	dropUnsent                       // the receiver is not connected, or its connection takes no more
	dropTooLarge                     // a picture's packet does not fit the link to another node
	dropCauses

	dropNothing dropCause = -1 // what was not a loss
)

func (c dropCause) String() string {
	return [...]string{
		"unknown_sender", "flood", "malformed", "muted", "unexpected", "silent", "duplicate", "superseded", "queue_full", "not_selected", "late", "unsent", "too_large",
	}[c]
}

// delayBuckets are the upper bounds of the histogram of forwarding delays.
var delayBuckets = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond,
}

// laneCounters are kept for each lane, so that lanes do not write to each other's cache lines.
type laneCounters struct {
	datagramsIn          atomic.Uint64 // everything that came by UDP
	packetsIn, bytesIn   atomic.Uint64 // RTP of sound, decrypted; bytes of payload
	packetsOut, bytesOut atomic.Uint64 // the same, before encryption
	drops                [dropCauses]atomic.Uint64
	switches             atomic.Uint64
	peers, relays        atomic.Int64
	video                videoCounters
	relayed              relayCounters

	delays   [len(delayBuckets) + 1]atomic.Uint64
	delaySum atomic.Int64 // nanoseconds
}

func (c *laneCounters) drop(cause dropCause) { c.drops[cause].Add(1) }

func (c *laneCounters) observeDelay(d time.Duration) {
	i := 0
	for i < len(delayBuckets) && d > delayBuckets[i] {
		i++
	}
	c.delays[i].Add(1)
	c.delaySum.Add(int64(d))
}
