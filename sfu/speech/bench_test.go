package speech

import (
	"testing"
	"time"
)

func TestHotPathDoesNotAllocate(t *testing.T) {
	s, a := newStream(), NewAssigner(1, 4)
	source := uint32(1)
	if n := testing.AllocsPerRun(1000, func() {
		source++
		a.Place(s.now, source, s.packet(voiceAt(-30)))
		s.pause(time.Second)
	}); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	for name, level := range map[string]Level{"speech": voiceAt(-30), "noise": at(-50), "silence": at(-90), "nolevel": {}} {
		b.Run(name, func(b *testing.B) {
			s := newStream()
			b.ReportAllocs()
			for b.Loop() {
				s.packet(level)
			}
		})
	}
}

func BenchmarkPlace(b *testing.B) {
	const slots = 10
	full := func() *Assigner {
		a := NewAssigner(1, slots)
		for source := range uint32(slots) {
			a.Place(time.Second, 2+source, Verdict{Activity: Loud, Voice: true, Loudness: -30})
		}
		return a
	}
	for _, bench := range []struct {
		name   string
		source uint32
		v      Verdict
	}{
		{"occupant of the last slot", slots + 1, Verdict{Activity: Loud, Voice: true, Loudness: -30}},
		{"noise without a slot", 100, Verdict{Activity: Quiet}},
		{"talker without a slot", 100, Verdict{Activity: Loud, Established: true, Loudness: -30}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			a := full()
			b.ReportAllocs()
			for b.Loop() {
				a.Place(time.Second, bench.source, bench.v)
			}
		})
	}
	b.Run("switch", func(b *testing.B) {
		a, now, source := full(), time.Hour, uint32(100)
		b.ReportAllocs()
		for b.Loop() {
			now += time.Second
			source++
			a.Place(now, source, Verdict{Activity: Loud, Voice: true, Loudness: -30})
		}
	})
}

// BenchmarkRoom is 20 ms of fifty participants, of whom three talk, each with ten slots.
func BenchmarkRoom(b *testing.B) {
	var detectors [50]*Detector
	var assigners [50]*Assigner
	for i := range detectors {
		detectors[i], assigners[i] = NewDetector(), NewAssigner(uint32(i+1), 10)
	}
	var now time.Duration
	var timestamp uint32
	b.ReportAllocs()
	for b.Loop() {
		for i, d := range detectors {
			level := at(-50)
			if i < 3 {
				level = voiceAt(-25 - i - int(timestamp/960)%11)
			}
			v := d.Observe(now, timestamp, level)
			if !v.Forwardable(0) && i >= 10 {
				continue
			}
			for _, a := range assigners {
				a.Place(now, uint32(i+1), v)
			}
		}
		now += 20 * time.Millisecond
		timestamp += 960
	}
}
