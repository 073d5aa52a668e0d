package speech

import "math"

const (
	floorWindow = 3 * second / 2 // the floor is the minimum of one to two of these, which no talker fills without a breath
	floorKnown  = second / 2     // of sound are needed before there is a floor to speak of
	floorBlend  = 0.3            // smoothing over about three packets, so that no single one is taken for the floor
	digital     = -100           // below is a muted track, which says nothing of the microphone's noise
)

// floor tracks the noise of a source by the minimum of its smoothed level (minimum statistics, after R. Martin, 2001). Time counts only
// while packets come: in a DTX gap there is no noise to learn.
type floor struct {
	smoothed          float32
	lowest, previous  float32 // of this window and of the one before
	elapsed, observed int32
}

func newFloor() floor {
	return floor{lowest: math.MaxFloat32, previous: math.MaxFloat32}
}

// observe takes in a packet's level, in dBov, and how much time it stands for.
func (f *floor) observe(level float32, step int32) {
	if level < digital {
		return
	}
	if f.observed == 0 {
		f.smoothed = level
	}
	f.observed = min(f.observed+step, floorKnown)
	f.smoothed += (level - f.smoothed) * floorBlend
	f.lowest = min(f.lowest, f.smoothed)
	f.elapsed += step
	if f.elapsed >= floorWindow {
		f.previous, f.lowest, f.elapsed = f.lowest, f.smoothed, 0
	}
}

// pass lets time go by in which there was noise that nobody looked at. More than a second's half of it is a DTX gap.
func (f *floor) pass(length int32) { f.elapsed += min(length, second/2) }

// known says whether there is a floor yet.
func (f *floor) known() bool { return f.observed >= floorKnown }

// level is the floor in dBov.
func (f *floor) level() float32 { return min(f.lowest, f.previous) }
