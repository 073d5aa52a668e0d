package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"hubbub/signaling/client"
	"hubbub/signaling/load/stamp"
)

const (
	// gapLength is a silence between two packets of one speaker that a listener
	// would notice.
	gapLength = 100 * time.Millisecond
	// outOfSlot is how many packets in a row may be missing and still count as lost.
	// More of them means that the speaker had no slot, which is no loss.
	outOfSlot = 150

	// Latencies are kept from a microsecond to ten seconds, within one percent.
	shortest, longest, digits = 1, 10_000_000, 2
)

// ear is what one participant hears. Safe for concurrent use, as its slots are
// read by a goroutine each.
type ear struct {
	clock func() time.Duration // since the beginning of the run

	mu       sync.Mutex
	counting bool
	speakers map[uint32]*heard
	latency  *hdrhistogram.Histogram // microseconds
	total    tally
}

// tally is a sum over packets.
type tally struct {
	received, lost, foreign uint64
	gaps                    uint64
	longestGap              time.Duration
}

// heard is what came of one speaker.
type heard struct {
	number  uint32
	arrived time.Duration
	transit time.Duration
	jitter  float64 // nanoseconds, RFC 3550, section 6.4.1
}

func newEar(clock func() time.Duration) *ear {
	return &ear{
		clock:    clock,
		speakers: make(map[uint32]*heard),
		latency:  hdrhistogram.New(shortest, longest, digits),
	}
}

// count begins to count; what came before was the ramp-up.
func (e *ear) count() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counting = true
}

// stop ends counting, so that the speakers' falling silent is no gap.
func (e *ear) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counting = false
}

func (e *ear) hear(p client.Packet) {
	now := e.clock()
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := stamp.Read(p.Payload)
	if !ok {
		e.total.foreign++
		return
	}
	transit := now - s.Sent
	before := e.speakers[s.Speaker]
	if before == nil {
		e.speakers[s.Speaker] = &heard{number: s.Number, arrived: now, transit: transit}
		before = e.speakers[s.Speaker]
		before.number-- // so that this one is the next
	}
	step := s.Number - before.number // wraps around as the numbers do
	if !e.counting || int32(step) <= 0 {
		if int32(step) > 0 {
			before.number, before.arrived, before.transit = s.Number, now, transit
		}
		return
	}
	e.total.received++
	_ = e.latency.RecordValue(min(max(transit.Microseconds(), shortest), longest))
	if step <= outOfSlot {
		e.total.lost += uint64(step - 1)
		if gap := now - before.arrived; gap > gapLength {
			e.total.gaps++
			e.total.longestGap = max(e.total.longestGap, gap)
		}
	}
	difference := transit - before.transit
	before.jitter += (float64(difference.Abs()) - before.jitter) / 16
	before.number, before.arrived, before.transit = s.Number, now, transit
}
