package speech

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawVerdict(t *rapid.T) Verdict {
	return Verdict{
		Activity:    Activity(rapid.IntRange(int(Silent), int(Loud)).Draw(t, "activity")),
		Voice:       rapid.Bool().Draw(t, "voice"),
		Established: rapid.Bool().Draw(t, "established"),
		Loudness:    float32(rapid.IntRange(-127, 0).Draw(t, "loudness")),
	}
}

// Whatever happens in a room: no source is in two slots, nobody hears themself, whoever has a slot is heard, whoever loses one loses it to
// another, and when there are no more others than slots each of them has one.
func TestAssignerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const self = 1
		a := NewAssigner(self, rapid.IntRange(0, 5).Draw(t, "slots"))
		others := []uint32{}
		var now time.Duration
		source := rapid.Uint32Range(0, 9)
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				if s := source.Draw(t, "source"); s > self && !slices.Contains(others, s) {
					others = append(others, s)
					a.Fill(others)
				}
			},
			"leave": func(t *rapid.T) {
				s := source.Draw(t, "source")
				had := slices.Contains(a.sources, s) && s != 0
				if _, ok := a.Remove(s); ok != had {
					t.Fatalf("Remove(%d) = %v", s, ok)
				}
				others = slices.DeleteFunc(others, func(o uint32) bool { return o == s })
				before := slices.Clone(a.sources)
				a.Fill(others)
				for i, occupant := range before {
					if occupant != 0 && a.sources[i] != occupant {
						t.Fatalf("Fill moved %d out of its slot", occupant)
					}
				}
			},
			"grow": func(t *rapid.T) {
				a.Grow(rapid.IntRange(0, 6).Draw(t, "slots"))
				a.Fill(others)
			},
			"packet": func(t *rapid.T) {
				s, v := source.Draw(t, "source"), drawVerdict(t)
				if s != self && !slices.Contains(others, s) {
					return
				}
				now += time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond
				before := slices.Clone(a.sources)
				slot, switched, ok := a.Place(now, s, v)
				had := slices.Index(before, s)
				switch {
				case s == self && ok:
					t.Fatal("placed oneself")
				case had >= 0 && (slot != had || switched || !ok):
					t.Fatalf("%d was in slot %d, and was placed %d %v %v", s, had, slot, switched, ok)
				case switched && (!ok || had >= 0 || !v.Contends()):
					t.Fatalf("a switch to %d in %v by %+v", s, before, v)
				case ok && a.sources[slot] != s:
					t.Fatalf("%d placed in the slot of %d", s, a.sources[slot])
				}
				if ok {
					before[slot] = s
				}
				if !slices.Equal(before, a.sources) {
					t.Fatalf("slots %v, want %v", a.sources, before)
				}
			},
			"": func(t *rapid.T) {
				for i, s := range a.sources {
					if s == self || s != 0 && (slices.Contains(a.sources[i+1:], s) || !slices.Contains(others, s)) {
						t.Fatalf("slots %v of others %v", a.sources, others)
					}
				}
				if len(others) > a.Slots() {
					return
				}
				for _, o := range others {
					if !slices.Contains(a.sources, o) {
						t.Fatalf("%d has no slot in %v although there are enough", o, a.sources)
					}
				}
			},
		})
	})
}

// A second loud packet is forwarded whenever somebody is quiet, whoever has spoken before in whatever way.
func TestQuietOccupantAlwaysYields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 4).Draw(t, "slots")
		tab := newTable(slots)
		for range rapid.IntRange(0, 20).Draw(t, "episodes") {
			levels := map[uint32]Level{}
			for source := range uint32(rapid.IntRange(0, 6).Draw(t, "speakers")) {
				levels[2+source] = voiceAt(-rapid.IntRange(10, 90).Draw(t, "level"))
			}
			tab.play(time.Duration(rapid.IntRange(20, 800).Draw(t, "ms"))*time.Millisecond, levels)
		}
		tab.now += quietAfter
		newcomer := uint32(20)
		tab.packet(newcomer, voiceAt(-40))
		tab.now += 20 * time.Millisecond
		if !tab.packet(newcomer, voiceAt(-40)) {
			t.Fatalf("the second packet is not forwarded; slots %v", tab.assigner.sources)
		}
	})
}

// Whatever a client sends, a verdict makes sense and the Detector recovers: after ten seconds of proper silence and two loud packets
// it is as good as new.
func FuzzDetector(f *testing.F) {
	f.Add([]byte{0x9e, 20, 0x9e, 20, 0x7f, 20, 0x00, 255})
	f.Add([]byte{0xff, 0, 0x80, 128, 0x32, 1})
	f.Fuzz(func(t *testing.T, packets []byte) {
		s := newStream()
		for ; len(packets) >= 2; packets = packets[2:] {
			level := ParseLevel(packets[:1])
			if packets[1] == 255 {
				level, s.timestamp = Level{}, s.timestamp+1<<31+uint32(packets[0])<<20
			}
			s.timestamp += uint32(int32(int8(packets[1]))) * 480
			s.now += time.Duration(packets[1]) * time.Millisecond
			v := s.packet(level)
			if v.Activity > Loud || v.Loudness > 0 || v.Loudness < -127 || math.IsNaN(float64(v.Loudness)) {
				t.Fatalf("verdict %+v", v)
			}
			if v.Established && !v.Contends() || v.Activity == Silent && v.Voice {
				t.Fatalf("verdict contradicts itself: %+v", v)
			}
		}
		s.packets(10*time.Second, at(-80))
		s.packet(voiceAt(-30))
		if v := s.packets(140*time.Millisecond, voiceAt(-30)); v.Activity != Loud || !v.Voice {
			t.Fatalf("speech after silence: %+v", v)
		}
	})
}
