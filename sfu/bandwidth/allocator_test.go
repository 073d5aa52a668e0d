package bandwidth

import (
	"slices"
	"testing"
	"time"
)

var (
	camera = []Layer{{0, 0, 100}, {0, 1, 150}, {1, 1, 500}, {2, 1, 1500}}
	screen = []Layer{{0, 0, 800}}
)

func chosen(a Allocation) (layers []int) {
	for _, c := range a.Choices {
		layers = append(layers, c.Layer)
	}
	return layers
}

func TestAllocatorShares(t *testing.T) {
	cameras := func(n int) (demands []Demand) {
		for i := range n {
			demands = append(demands, Demand{Slot: i, Source: uint64(i), Layers: camera})
		}
		return demands
	}
	withScreen := append(cameras(2), Demand{Slot: 7, Source: 7, Layers: screen, Priority: 1})
	for _, c := range []struct {
		name    string
		demands []Demand
		budget  int
		want    []int
		used    int
	}{
		{"nothing fits", cameras(2), 99, []int{-1, -1}, 0},
		{"one fits", cameras(2), 199, []int{1, -1}, 150},
		{"both fit", cameras(2), 200, []int{0, 0}, 200},
		{"the first is better off", cameras(2), 250, []int{1, 0}, 250},
		{"a step that does not fit is passed over", cameras(2), 660, []int{2, 1}, 650},
		{"all", cameras(2), 3000, []int{3, 3}, 3000},
		{"the screen comes first", withScreen, 900, []int{0, -1, 0}, 900},
		{"the screen does not fit", withScreen, 700, []int{2, 1, -1}, 650},
		{"all with the screen", withScreen, 5000, []int{3, 3, 0}, 3800},
		{"a layer that is not to be had", []Demand{{Layers: []Layer{{0, 0, 0}, {1, 0, 500}, {1, 1, 400}, {2, 1, 900}}}}, 700, []int{1}, 500},
		{"no layers", []Demand{{}}, 700, []int{-1}, 0},
		{"no demands", nil, 700, nil, 0},
		{"no budget", cameras(1), -5, []int{-1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := NewAllocator().Allocate(time.Hour, c.budget, c.demands)
			if !slices.Equal(chosen(got), c.want) || got.Used != c.used {
				t.Errorf("layers %v use %d, want %v and %d", chosen(got), got.Used, c.want, c.used)
			}
		})
	}
}

func TestAllocatorWants(t *testing.T) {
	demands := []Demand{{Slot: 0, Layers: camera}, {Slot: 1, Layers: screen}}
	a := NewAllocator()
	wanted := a.Allocate(0, 100, demands).Wanted
	if wanted < 2300 {
		t.Errorf("wants %d", wanted)
	}
	var last Allocation
	for now := time.Duration(0); now < 3*time.Second; now += 100 * time.Millisecond {
		last = a.Allocate(now, wanted, demands)
	}
	if last.Used != 2300 {
		t.Errorf("uses %d of what it wants", last.Used)
	}
	if wanted := a.Allocate(4*time.Second, 100, nil).Wanted; wanted != 0 {
		t.Errorf("wants %d for nothing", wanted)
	}
}

// play calls Allocate each 100 ms for as long as span, and returns the layers of the last.
func play(a *Allocator, now *time.Duration, span time.Duration, budget int, demands []Demand) []int {
	var layers []int
	for end := *now + span; *now < end; *now += 100 * time.Millisecond {
		layers = chosen(a.Allocate(*now, budget, demands))
	}
	return layers
}

func TestAllocatorGivesUpAtOnceAndTakesLater(t *testing.T) {
	demands := []Demand{{Slot: 3, Source: 1, Layers: camera}}
	a, now := NewAllocator(), time.Hour
	step := func(name string, span time.Duration, budget, want int) {
		t.Helper()
		if got := play(a, &now, span, budget, demands); got[0] != want {
			t.Errorf("%s: layer %d, want %d", name, got[0], want)
		}
	}
	step("the first at once", 100*time.Millisecond, 600, 2)
	step("more, but not for long", time.Second, 1700, 2)
	step("more for a second", time.Second, 1700, 3)
	step("still enough", 25*time.Second, 1500, 3)
	step("less", 100*time.Millisecond, 1499, 2)
	step("enough, but without a margin", 20*time.Second, 1510, 2)
	step("with a margin", 1500*time.Millisecond, 1700, 3)
	step("less soon after", 100*time.Millisecond, 1400, 2)
	step("is not tried again after a second", 1800*time.Millisecond, 1700, 2)
	step("but later", time.Second, 1700, 3)
	step("nothing fits", 100*time.Millisecond, 50, -1)
	step("paused for a while", 3*time.Second, 120, -1)
	step("and back", 6*time.Second, 120, 0)

	demands[0].Source = 2
	step("another occupant gets at once what fits", 100*time.Millisecond, 1500, 3)
	demands[0].Layers = camera[:2]
	step("a layer that has ended", 100*time.Millisecond, 1500, 1)
	demands[0].Layers = camera[2:3]
	step("the lower ones have ended", 100*time.Millisecond, 1500, 0)
	demands[0].Layers = nil
	step("all have ended", 100*time.Millisecond, 1500, -1)
	demands[0].Layers = camera
	step("and come back", 100*time.Millisecond, 1500, 3)
}

func TestAllocatorMakesRoomForNewPictures(t *testing.T) {
	a, now := NewAllocator(), time.Hour
	first := Demand{Slot: 0, Source: 1, Layers: camera}
	if got := play(a, &now, 3*time.Second, 1700, []Demand{first}); !slices.Equal(got, []int{3}) {
		t.Fatalf("alone: %v", got)
	}
	second := Demand{Slot: 1, Source: 2, Layers: camera}
	if got := play(a, &now, 100*time.Millisecond, 1700, []Demand{first, second}); got[1] < 0 {
		t.Errorf("a new picture waits: %v", got)
	}
	if got := play(a, &now, 5*time.Second, 1700, []Demand{first, second}); !slices.Equal(got, []int{2, 2}) {
		t.Errorf("together: %v", got)
	}
}

func TestAllocatorIgnoresTooManyDemands(t *testing.T) {
	demands := make([]Demand, 100)
	for i := range demands {
		demands[i] = Demand{Slot: i, Layers: screen}
	}
	got := NewAllocator().Allocate(0, 1_000_000, demands)
	if len(got.Choices) != 100 || got.Choices[63].Layer != 0 || got.Choices[64].Layer != -1 || got.Used != 64*800 {
		t.Errorf("%d choices, %d used", len(got.Choices), got.Used)
	}
}
