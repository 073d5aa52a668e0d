package speech

import (
	"slices"
	"testing"
	"time"
)

// A first syllable is not lost: while a slot is free the first loud packet is forwarded, while an occupant is quiet the second at the
// latest.
func TestFirstSyllable(t *testing.T) {
	for _, test := range []struct {
		name    string
		occupy  func(*table) // slots 2
		level   Level
		want    int // which packet of source 9 is the first to be forwarded, 0 for none of ten
		removed uint32
	}{
		{"empty slot", func(*table) {}, voiceAt(-30), 1, 0},
		{"empty slot, flag never set", func(*table) {}, at(-30), 1, 0},
		{"empty slot, no levels", func(*table) {}, Level{}, 1, 0},
		{"empty slot, silence", func(*table) {}, at(-70), 0, 0},
		{"one quiet by flag", func(t *table) {
			t.play(2*time.Second, map[uint32]Level{2: voiceAt(-25), 3: voiceAt(-30)})
			t.play(400*time.Millisecond, map[uint32]Level{2: voiceAt(-25), 3: at(-40)})
		}, voiceAt(-40), 2, 3},
		{"one quiet by level", func(t *table) {
			t.play(2*time.Second, map[uint32]Level{2: at(-25), 3: at(-30)})
			t.play(400*time.Millisecond, map[uint32]Level{2: at(-70), 3: at(-30)})
		}, at(-40), 2, 2},
		{"one quiet by DTX", func(t *table) {
			t.play(2*time.Second, map[uint32]Level{2: voiceAt(-25), 3: voiceAt(-30)})
			t.play(400*time.Millisecond, map[uint32]Level{2: voiceAt(-25)})
		}, voiceAt(-40), 2, 3},
		{"one without levels, gone quiet", func(t *table) {
			t.play(2*time.Second, map[uint32]Level{2: {}, 3: {}})
			t.play(400*time.Millisecond, map[uint32]Level{2: {}})
		}, Level{}, 2, 3},
		{"one quiet for not long enough", func(t *table) {
			t.play(2*time.Second, map[uint32]Level{2: voiceAt(-25), 3: voiceAt(-30)})
			t.play(160*time.Millisecond, map[uint32]Level{2: voiceAt(-25)})
		}, voiceAt(-20), 0, 0},
		{"noise in a slot", func(t *table) {
			t.play(5*time.Second, map[uint32]Level{2: voiceAt(-25), 3: voiceAt(-48)})
		}, voiceAt(-30), 2, 3},
		{"a television in a slot", func(t *table) {
			t.play(time.Second, map[uint32]Level{2: voiceAt(-25), 3: voiceAt(-55)})
		}, voiceAt(-30), 2, 3},
		{"all speaking", func(t *table) {
			t.play(2*time.Second, map[uint32]Level{2: voiceAt(-25), 3: voiceAt(-30)})
		}, voiceAt(-20), 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := newTable(2)
			test.occupy(tab)
			first := 0
			for i := range 10 {
				levels := map[uint32]Level{9: test.level}
				for source, s := range tab.streams {
					if source != 9 && tab.now-s.now < 100*time.Millisecond {
						levels[source] = s.detector.level // who was sending goes on as before
					}
				}
				if tab.play(20*time.Millisecond, levels)[9] > 0 {
					first = i + 1
					break
				}
			}
			if first != test.want {
				t.Errorf("packet %d is the first forwarded, want %d", first, test.want)
			}
			if test.removed != 0 && tab.has(test.removed) {
				t.Errorf("slots %v, want %d gone", tab.assigner.sources, test.removed)
			}
		})
	}
}

// Whoever is speaking is not cut off by a short noise, however loud; neither by another speaker unless clearly louder.
func TestSpeakersKeepTheirSlots(t *testing.T) {
	for _, test := range []struct {
		name  string
		level Level
		lasts time.Duration
		want  bool // gets in
	}{
		{"a slammed door", voiceAt(-5), 300 * time.Millisecond, false},
		{"a cough", voiceAt(-15), 250 * time.Millisecond, false},
		{"a slammed door, no flag", at(0), 300 * time.Millisecond, false},
		{"an equal speaker", voiceAt(-30), 10 * time.Second, false},
		{"a slightly louder speaker", voiceAt(-25), 10 * time.Second, false},
		{"a clearly louder speaker", voiceAt(-22), time.Second, true},
		{"a stream without levels", Level{}, 10 * time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := newTable(3)
			speakers := map[uint32]Level{2: voiceAt(-28), 3: voiceAt(-30), 4: voiceAt(-29)}
			tab.play(3*time.Second, speakers)
			speakers[9] = test.level
			heard := tab.play(test.lasts, speakers)
			if got := heard[9] > 0; got != test.want {
				t.Errorf("forwarded %v, want %v", got, test.want)
			}
			if test.want && tab.has(3) {
				t.Error("the weakest kept its slot")
			}
		})
	}
}

// With more talk than slots the loudest are heard, and whoever waits gets the slot of the first who falls silent.
func TestMoreTalkThanSlots(t *testing.T) {
	tab := newTable(3)
	levels := map[uint32]Level{}
	for source := range uint32(8) {
		levels[2+source] = voiceAt(-45 + 3*int(source)) // the last is the loudest
	}
	tab.play(5*time.Second, levels)
	if !tab.has(9) {
		t.Error("the loudest is not heard")
	}
	for _, soft := range []uint32{2, 3, 4} {
		if tab.has(soft) {
			t.Errorf("%d is heard, one of the softest", soft)
		}
	}
	settled := tab.switches
	tab.play(time.Minute, levels)
	if tab.switches != settled {
		t.Errorf("%d switches while nothing changed", tab.switches-settled)
	}
	delete(levels, 9)
	tab.play(2*time.Second, levels)
	if tab.has(9) {
		t.Error("the slot of who fell silent was given to nobody, though others are waiting")
	}
}

// A slot stays with its last speaker until another needs it; then those who only made a noise go before those who spoke.
func TestVictim(t *testing.T) {
	tab := newTable(3)
	tab.play(2*time.Second, map[uint32]Level{2: voiceAt(-30)})
	tab.play(2*time.Second, map[uint32]Level{3: voiceAt(-30)})
	tab.play(200*time.Millisecond, map[uint32]Level{4: voiceAt(-10)}) // a bang
	tab.play(time.Minute, map[uint32]Level{5: at(-80)})
	if got := tab.assigner.sources; !slices.Equal(got, []uint32{2, 3, 4}) {
		t.Fatalf("after a minute of silence: %v, want everyone where they were", got)
	}
	for _, want := range [][]uint32{{2, 3, 6}, {7, 3, 6}, {7, 8, 6}} {
		newcomer := slices.Max(want)
		tab.play(2*time.Second, map[uint32]Level{newcomer: voiceAt(-30)})
		if got := tab.assigner.sources; !slices.Equal(got, want) {
			t.Errorf("when %d spoke: %v, want %v", newcomer, got, want)
		}
	}
	tab.assigner.Remove(3)
	tab.assigner.Remove(8)
	tab.play(20*time.Millisecond, map[uint32]Level{3: voiceAt(-30)})
	if got := tab.assigner.sources; !slices.Equal(got, []uint32{7, 3, 6}) {
		t.Errorf("with an empty slot: %v, want it taken first", got)
	}
}

// From everyone having a slot to selection and back: nobody who is heard notices.
func TestFillAndSelect(t *testing.T) {
	a := NewAssigner(1, 3)
	if !a.Fill([]uint32{2, 3}) || a.Fill([]uint32{3, 2}) {
		t.Error("Fill must tell whether it changed anything")
	}
	if got := a.sources; !slices.Equal(got, []uint32{2, 3, 0}) {
		t.Fatalf("filled: %v", got)
	}
	quiet := Verdict{Activity: Quiet}
	for _, source := range []uint32{2, 3} {
		if _, switched, ok := a.Place(0, source, quiet); switched || !ok {
			t.Errorf("%d has a slot for good, but got %v %v", source, switched, ok)
		}
	}
	loud := Verdict{Activity: Loud, Voice: true, Established: true, Loudness: -30}
	a.Fill([]uint32{2, 3, 4})
	a.Place(time.Second, 3, loud)
	if a.Fill([]uint32{2, 3, 4, 5}) {
		t.Error("Fill placed someone although there are more others than slots")
	}
	if slot, switched, ok := a.Place(time.Second, 5, loud); slot != 0 || !switched || !ok {
		t.Errorf("a newcomer who speaks: slot %d %v %v, want that of 2, who never spoke", slot, switched, ok)
	}
	if _, _, ok := a.Place(time.Second, 2, quiet); ok {
		t.Error("2 is heard without a slot")
	}
	if slot, ok := a.Remove(4); slot != 2 || !ok {
		t.Errorf("Remove(4) = %d %v", slot, ok)
	}
	if _, ok := a.Remove(4); ok {
		t.Error("removed twice")
	}
	if !a.Fill([]uint32{2, 3, 5}) || !slices.Equal(a.sources, []uint32{5, 3, 2}) {
		t.Errorf("filled again: %v, want 5 and 3 where they were", a.sources)
	}
}

func TestGrow(t *testing.T) {
	a := NewAssigner(1, 0)
	loud := Verdict{Activity: Loud, Voice: true}
	if _, _, ok := a.Place(0, 2, loud); ok {
		t.Error("placed without slots")
	}
	a.Grow(2)
	a.Grow(1)
	if a.Slots() != 2 {
		t.Errorf("%d slots, want 2", a.Slots())
	}
	if _, switched, ok := a.Place(0, 2, loud); !switched || !ok || a.Occupant(0) != 2 {
		t.Error("not placed in a new slot")
	}
}

func TestNeverOneself(t *testing.T) {
	a := NewAssigner(7, 3)
	if a.Fill([]uint32{7, 0}) {
		t.Error("Fill placed the subscriber or nobody")
	}
	for _, source := range []uint32{7, 0} {
		if _, _, ok := a.Place(0, source, Verdict{Activity: Loud, Voice: true}); ok {
			t.Errorf("placed %d", source)
		}
	}
}
