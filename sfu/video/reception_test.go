package video

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

func TestReceptionAsks(t *testing.T) {
	var r Reception
	ask := func(now, rtt time.Duration, want ...uint16) {
		t.Helper()
		if got := r.AppendMissing(nil, now, rtt); !slices.Equal(got, want) {
			t.Errorf("at %v %v are asked for, want %v", now, got, want)
		}
	}
	r.Observe(0, 100, true)
	ask(0, 0)
	r.Observe(10*ms, 102, false)
	ask(10*ms, 0)
	ask(14*ms, 0)
	ask(15*ms, 0, 101)           // missing for 5 ms
	r.Observe(16*ms, 107, false) // 103 and 104 are far behind at once, 105 and 106 may be on their way
	ask(16*ms, 50*ms, 103, 104)
	ask(21*ms, 50*ms, 105, 106)
	ask(64*ms, 50*ms)
	ask(65*ms, 50*ms, 101) // a round trip later
	ask(66*ms, 50*ms, 103, 104)
	ask(80*ms, 10*ms, 105, 106) // not within 20 ms, however short the way
	r.Observe(81*ms, 105, false)
	r.Observe(81*ms, 101, false)
	ask(200*ms, 0, 103, 104, 106)
	r.Observe(201*ms, 108, true) // a key frame: nothing before it matters
	ask(400*ms, 0)
	if r.Waiting() || r.Abandoned() {
		t.Error("nothing is missing, nothing was given up")
	}
}

func TestReceptionKeyframeComesLate(t *testing.T) {
	var r Reception
	r.Observe(0, 100, true)
	r.Observe(0, 105, false)
	if fresh, late := r.Observe(0, 103, true); !fresh || !late {
		t.Error("a late packet was not taken")
	}
	if got := r.AppendMissing(nil, 10*ms, 0); !slices.Equal(got, []uint16{104}) {
		t.Errorf("%v are asked for", got)
	}
}

func TestReceptionForgetsAfterItsWindow(t *testing.T) {
	var r Reception
	for number := range uint64(receptionWindow) {
		r.Observe(0, 100+number, false)
	}
	r.Observe(0, 101+receptionWindow, false)
	if fresh, _ := r.Observe(0, 100+receptionWindow, false); !fresh {
		t.Error("taken for the one a window earlier")
	}
}

func TestReceptionGivesUp(t *testing.T) {
	t.Run("after a second, having asked ten times", func(t *testing.T) {
		var r Reception
		r.Observe(0, 100, true)
		r.Observe(0, 102, false)
		asked := 0
		for now := time.Duration(0); now < time.Second; now += 5 * ms {
			asked += len(r.AppendMissing(nil, now, 0))
			if r.Abandoned() {
				t.Fatalf("given up after %v", now)
			}
		}
		if asked != maxAsked {
			t.Errorf("asked %d times", asked)
		}
		if got := r.AppendMissing(nil, time.Second, 0); len(got) != 0 || !r.Abandoned() || r.Abandoned() {
			t.Errorf("asks for %v after a second", got)
		}
		if fresh, late := r.Observe(2*time.Second, 101, false); !fresh || !late {
			t.Error("what comes after all is taken")
		}
	})
	t.Run("after 250 packets", func(t *testing.T) {
		var r Reception
		r.Observe(0, 100, true)
		for number := uint64(102); number <= 351; number++ {
			r.Observe(0, number, false)
		}
		if r.Abandoned() || !r.Waiting() {
			t.Error("given up at 250 behind")
		}
		r.Observe(0, 352, false)
		if !r.Abandoned() || r.Waiting() {
			t.Error("not given up at 251 behind")
		}
	})
	t.Run("at a large gap", func(t *testing.T) {
		var r Reception
		r.Observe(0, 100, true)
		r.Observe(0, 102, false)
		r.Observe(0, 102+251, false)
		if got := r.AppendMissing(nil, 10*ms, 0); len(got) != 0 || !r.Abandoned() {
			t.Errorf("asks for %v", got)
		}
	})
}

func TestReceptionKnowsDuplicates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Reception
		newest := uint64(1 << 20)
		r.Observe(0, newest, true)
		seen := map[uint64]bool{newest: true}
		for _, step := range rapid.SliceOfN(rapid.IntRange(-1100, 300), 1, 300).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "near") {
				step /= 50
			}
			number := newest + uint64(step)
			behind := int64(newest - number)
			fresh, late := r.Observe(0, number, false)
			if want := !seen[number] && behind < receptionWindow; fresh != want || late != (want && behind > 0) {
				t.Fatalf("packet %d, %d behind, fresh: %v, late: %v", number, behind, fresh, late)
			}
			seen[number] = true
			newest = max(newest, number)
		}
		// Nothing that came is asked for, and all that did not come is, as far back as is worth it.
		asked := r.AppendMissing(nil, 10*ms, 0)
		for _, seq := range asked {
			if seen[newest-uint64(uint16(newest)-seq)] {
				t.Fatalf("%d came", seq)
			}
		}
		if len(asked) > maxMissing || !slices.IsSortedFunc(asked, func(a, b uint16) int { return int(int16(a - b)) }) {
			t.Fatalf("asked for %v", asked)
		}
	})
}
