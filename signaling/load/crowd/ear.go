//go:build linux

package crowd

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"hubbub/signaling/load/stamp"
)

// Heard is what everyone together heard while it was counted.
type Heard struct {
	Packets uint64 // that arrived
	Lost    uint64 // that did not, between two that did
	Foreign uint64 // that were none of the crowd's
	Elapsed time.Duration
	// Latency is from a speaker's sending to the arrival at a listener's socket.
	Latency Quantiles
	// SendingLate is by how much the speakers were behind their own time, 99th percentile: the generator's fault, not the server's.
	SendingLate time.Duration
}

// Quantiles of many durations.
type Quantiles struct{ P50, P99, Max time.Duration }

// outOfSlot is how many packets in a row may be missing and still count as lost. More of them means that the speaker had no slot, which is no loss.
const outOfSlot = 150

// ear counts what is heard. The receiving goroutine holds mu while it calls hear.
type ear struct {
	plan Plan

	mu       sync.Mutex
	counting bool
	since    time.Time
	total    Heard
	latency  *durations
	voices   [][]voice // by listener and place of the speaker in the room
}

// voice is one speaker as one listener hears them.
type voice struct {
	heard  bool
	number uint32 // of the last packet
}

func newEar(plan Plan) *ear {
	e := &ear{plan: plan, latency: newDurations(), voices: make([][]voice, plan.total())}
	for i := range e.voices {
		e.voices[i] = make([]voice, plan.Speakers)
	}
	return e
}

// hear takes the payload of a packet. A speaker of another room is foreign.
func (e *ear) hear(listener int, payload []byte, at time.Time) {
	s, ok := stamp.Read(payload)
	speaker := int(s.Speaker)
	if !ok || speaker/e.plan.People != listener/e.plan.People || !e.plan.speaks(speaker) || speaker == listener {
		e.total.Foreign++
		return
	}
	v := &e.voices[listener][e.plan.place(speaker)]
	step := int32(s.Number - v.number) // wraps around as the numbers do
	if v.heard && step <= 0 {
		return
	}
	if e.counting {
		e.total.Packets++
		if v.heard && step <= outOfSlot {
			e.total.Lost += uint64(step - 1)
		}
		e.latency.record(time.Duration(at.UnixNano()) - s.Sent)
	}
	v.heard, v.number = true, s.Number
}

// missing is how many voices are not heard yet.
func (e *ear) missing() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	missing := 0
	for listener, voices := range e.voices {
		expected := e.plan.expected(listener)
		for _, v := range voices {
			if v.heard {
				expected--
			}
		}
		missing += max(expected, 0)
	}
	return missing
}

func (e *ear) count() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counting, e.since, e.total = true, time.Now(), Heard{}
	e.latency.reset()
}

func (e *ear) stop() Heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counting = false
	e.total.Elapsed = time.Since(e.since)
	e.total.Latency = Quantiles{P50: e.latency.quantile(50), P99: e.latency.quantile(99), Max: e.latency.quantile(100)}
	return e.total
}

// durations is a histogram from a microsecond to ten seconds, within one percent. It is safe for concurrent use.
type durations struct {
	mu        sync.Mutex
	histogram *hdrhistogram.Histogram
}

func newDurations() *durations {
	return &durations{histogram: hdrhistogram.New(1, 10_000_000, 2)}
}

func (d *durations) record(value time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.histogram.RecordValue(min(max(value.Microseconds(), 1), 10_000_000))
}

func (d *durations) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.histogram.Reset()
}

// quantile is in percent; of nothing it is 0.
func (d *durations) quantile(percent float64) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.histogram.ValueAtQuantile(percent)) * time.Microsecond
}
