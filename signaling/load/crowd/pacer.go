//go:build linux

package crowd

import (
	"cmp"
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"hubbub/signaling/load/stamp"
)

// pacer sends for all speakers, each at its own moment of every interval. Moments are random, as those of people are: the same ones for
// the same seed.
type pacer struct {
	crowd    *Crowd
	speakers []speaker // by phase
	late     *durations
	plain    []byte
	sealed   []byte
}

type speaker struct {
	phase  time.Duration
	number int
	sent   uint32 // packets
}

func newPacer(c *Crowd) *pacer {
	p := &pacer{crowd: c, late: newDurations(), plain: make([]byte, maxDatagram), sealed: make([]byte, 0, maxDatagram)}
	random := rand.New(rand.NewPCG(c.plan.Seed, 0))
	for number := range c.plan.total() {
		if c.plan.speaks(number) && c.plan.Sound.Interval > 0 {
			p.speakers = append(p.speakers, speaker{number: number, phase: time.Duration(random.Int64N(int64(c.plan.Sound.Interval)))})
		}
	}
	slices.SortFunc(p.speakers, func(a, b speaker) int { return cmp.Compare(a.phase, b.phase) })
	return p
}

// run sends until ctx ends.
func (p *pacer) run(ctx context.Context) {
	if len(p.speakers) == 0 {
		return
	}
	// Go's timers are late by up to a millisecond where nothing else runs, so a thread of our own waits.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // without it, late by 50 µs
	for begin := monotonic(); ctx.Err() == nil; begin += p.crowd.plan.Sound.Interval {
		for i := range p.speakers {
			s := &p.speakers[i]
			due := begin + s.phase
			sleepUntil(due)
			if ctx.Err() != nil {
				return
			}
			p.late.record(monotonic() - due)
			p.speak(s)
		}
	}
}

// speak sends one packet of a speaker who is there.
func (p *pacer) speak(s *speaker) {
	from, sound := p.crowd.people[s.number], p.crowd.plan.Sound
	if from.out == nil {
		return
	}
	h := &from.sends
	h.Marker = s.sent == 0
	if from.level != 0 {
		level := sound.Level
		if sound.Voice {
			level |= 0x80
		}
		if h.SetExtension(from.level, []byte{level}) != nil {
			return // an id that the server should not have given
		}
	}
	n, err := h.MarshalTo(p.plain)
	if err != nil {
		return
	}
	payload := p.plain[n : n+sound.Bytes]
	if len(payload) >= stamp.Bytes {
		stamp.Stamp{Speaker: uint32(s.number), Number: s.sent, Sent: time.Duration(time.Now().UnixNano())}.Put(payload)
	}
	sealed, err := from.out.EncryptRTP(p.sealed, p.plain[:n+len(payload)], nil)
	if err != nil {
		return
	}
	from.send(sealed)
	s.sent++
	h.SequenceNumber++
	h.Timestamp += uint32(sound.Interval * 48 / time.Millisecond)
}

// monotonic is the time of the clock that sleepUntil goes by.
func monotonic() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // cannot fail
	return time.Duration(now.Nano())
}

func sleepUntil(moment time.Duration) {
	until := unix.NsecToTimespec(int64(moment))
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil) == unix.EINTR {
		continue
	}
}
