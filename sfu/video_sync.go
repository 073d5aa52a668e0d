package sfu

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"hubbub/sfu/video"
)

// A slot's sender reports tell the browser how to keep sound and picture of one stream in step (RFC 3550, section 6.4). Those of audio slots say that
// sound was captured when it arrived here, since a slot's timestamps follow this node's clock. So those of a video slot have to say that the picture was
// captured when the sound arrives that was: at the picture's capture by its sender's clock, and the sound's transit from that clock to ours.

// transitDrift is by which part of the time that passes a transit may grow: clocks drift apart by some 50 ppm, and a way that has become longer is
// believed after a while.
const transitDrift = 1000

// transit is how much later, by this node's clock, something arrives than it was captured by its sender's clock, whatever the two clocks say. It is the
// least of what was observed, as queues only make it longer. Safe for concurrent use by one observer.
type transit struct {
	nanoseconds atomic.Int64
	known       atomic.Bool
	at          time.Duration // of the last observation
}

func (t *transit) observe(now, sample time.Duration) {
	least := time.Duration(t.nanoseconds.Load()) + (now-t.at)/transitDrift
	if !t.known.Load() || sample < least || sample > least+time.Minute { // or the sender's clock was set
		least = sample
	}
	t.at = now
	t.nanoseconds.Store(int64(least))
	t.known.Store(true)
}

func (t *transit) value() (time.Duration, bool) {
	return time.Duration(t.nanoseconds.Load()), t.known.Load()
}

// noteSenderReport takes what a sender says of its clocks. It is called on the goroutine that receives RTCP.
func (p *Peer) noteSenderReport(now time.Duration, report *rtcp.SenderReport) {
	streams := p.streams.Load()
	for _, s := range streams.sources {
		s.stats.noteSenderReport(now, report)
		if arrived, timestamp, ok := s.stats.lastOf(report.SSRC); ok {
			clock := video.NewClock(opusClock)
			clock.Observe(report.NTPTime, report.RTPTime)
			if at, ok := clock.At(timestamp); ok {
				p.soundTransit.observe(now, arrived-at)
			}
		}
	}
	if streams.video != nil {
		streams.video.noteSenderReport(now, report)
	}
}

func (r *videoReceiver) noteSenderReport(now time.Duration, report *rtcp.SenderReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok := r.bindings[report.SSRC]; ok && !b.repair {
		b.stream.stats.noteSenderReport(now, report)
		b.stream.clock.Observe(report.NTPTime, report.RTPTime)
	}
}
