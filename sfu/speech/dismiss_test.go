package speech

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is dismissed would have been worth nothing: observed by a copy of the detector, it is not forwardable.
func TestDismissedIsNotForwardable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := NewDetector()
		var now time.Duration
		var timestamp uint32
		for range rapid.IntRange(1, 400).Draw(t, "packets") {
			steps := rapid.SampledFrom([]int{1, 1, 1, 1, 2, 20}).Draw(t, "steps")
			now += time.Duration(steps) * 20 * time.Millisecond
			timestamp += uint32(steps) * usualPacket
			level := Level{
				Present:     rapid.IntRange(0, 9).Draw(t, "present") > 0,
				Voice:       rapid.Bool().Draw(t, "voice"),
				Attenuation: rapid.Uint8Range(0, 127).Draw(t, "attenuation"),
			}
			slots := rapid.IntRange(0, 1).Draw(t, "slots")
			before := *d
			if !d.Dismiss(now, level, slots) {
				d.Observe(now, timestamp, level)
				continue
			}
			if v := before.Observe(now, timestamp, level); v.Forwardable(slots) {
				t.Fatalf("dismissed %+v in %d slots, which is %+v", level, slots, v)
			}
		}
	})
}

// An open microphone in a noisy place, of which one packet in eight is observed: its noise is known as if all were, and its
// owner's first word is a sound like any other.
func TestDetectorKnowsWhatItDismisses(t *testing.T) {
	all, few := NewDetector(), NewDetector()
	var now time.Duration
	var timestamp uint32
	hear := func(attenuation uint8, voice bool) (Verdict, Verdict) {
		now += 20 * time.Millisecond
		timestamp += usualPacket
		level := Level{Present: true, Voice: voice, Attenuation: attenuation}
		full := all.Observe(now, timestamp, level)
		if timestamp/usualPacket%8 != 0 && few.Dismiss(now, level, 0) {
			return full, Verdict{Activity: Silent}
		}
		return full, few.Observe(now, timestamp, level)
	}
	for _, noise := range []uint8{70, 50, 75} { // it changes, and is learnt anew
		for i := range 500 { // ten seconds
			hear(noise+uint8(i%3), false)
		}
		difference := all.floor.level() - few.floor.level()
		if difference < -2 || difference > 2 {
			t.Errorf("noise %d: the floor is %v, not %v", noise, few.floor.level(), all.floor.level())
		}
		for i := range 30 {
			full, partial := hear(25, true)
			if full.Activity != partial.Activity {
				t.Errorf("noise %d, packet %d of a word: %v, not %v", noise, i, partial.Activity, full.Activity)
			}
		}
	}
}
