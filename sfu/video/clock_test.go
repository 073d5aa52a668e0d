package video

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestClock(t *testing.T) {
	c := NewClock(90_000)
	if _, ok := c.At(0); ok {
		t.Error("a time without a report")
	}
	c.Observe(0, 5)
	if _, ok := c.At(5); ok {
		t.Error("a time from a report without one")
	}
	c.Observe(3_900_000_000<<32|1<<31, 1000)
	for _, test := range []struct {
		timestamp uint32
		want      time.Duration
	}{
		{1000, 3_900_000_000*time.Second + 500*time.Millisecond},
		{1000 + 90_000, 3_900_000_001*time.Second + 500*time.Millisecond},
		{1<<32 - 8_000, 3_900_000_000*time.Second + 400*time.Millisecond}, // wraps
	} {
		if got, ok := c.At(test.timestamp); !ok || got != test.want {
			t.Errorf("%d is %v, %v, want %v", test.timestamp, got, ok, test.want)
		}
	}
}

// Sound and picture of one moment have one time, whichever moments their sender happened to report.
func TestClocksAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Uint64Range(1, 1<<32-1001).Draw(t, "the sender's seconds since 1900")
		sound, picture := NewClock(48_000), NewClock(90_000)
		soundAt, pictureAt := rapid.Uint32().Draw(t, "sound"), rapid.Uint32().Draw(t, "picture")
		after := rapid.Uint32Range(0, 1000)
		a, b, now := after.Draw(t, "report of sound"), after.Draw(t, "report of picture"), after.Draw(t, "now")
		sound.Observe((base+uint64(a))<<32, soundAt+a*48_000)
		picture.Observe((base+uint64(b))<<32, pictureAt+b*90_000)
		x, _ := sound.At(soundAt + now*48_000)
		y, _ := picture.At(pictureAt + now*90_000)
		if x != y {
			t.Fatalf("%v and %v", x, y)
		}
	})
}
