package bandwidth

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawDemands(t *rapid.T) []Demand {
	slots := rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 0, 6, rapid.ID).Draw(t, "slots")
	demands := make([]Demand, len(slots))
	for i, slot := range slots {
		layers := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Layer {
			return Layer{
				Spatial: rapid.Uint8Max(2).Draw(t, "spatial"), Temporal: rapid.Uint8Max(2).Draw(t, "temporal"),
				Rate: rapid.IntRange(0, 2000).Draw(t, "rate"),
			}
		}), 0, 6, func(l Layer) uint8 { return 3*l.Spatial + l.Temporal }).Draw(t, "layers")
		slices.SortFunc(layers, func(a, b Layer) int {
			return cmp.Or(cmp.Compare(a.Spatial, b.Spatial), cmp.Compare(a.Temporal, b.Temporal))
		})
		demands[i] = Demand{
			Slot: slot, Source: rapid.Uint64Range(0, 2).Draw(t, "source"), Priority: rapid.IntRange(0, 2).Draw(t, "priority"),
			Layers: layers,
		}
	}
	return demands
}

// Whatever the demands and whatever came before: never above the budget, and what is said to be used is what the choices come to.
func TestAllocationFitsTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := NewAllocator()
		now := time.Hour
		demands := drawDemands(t)
		for range rapid.IntRange(1, 30).Draw(t, "calls") {
			now += time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond
			if rapid.IntRange(0, 3).Draw(t, "others") == 0 {
				demands = drawDemands(t)
			}
			budget := rapid.IntRange(-100, 6000).Draw(t, "budget")
			got := a.Allocate(now, budget, demands)
			used := 0
			for i, c := range got.Choices {
				if c.Slot != demands[i].Slot {
					t.Fatalf("choice %d is of slot %d", i, c.Slot)
				}
				if c.Layer >= 0 {
					used += demands[i].Layers[c.Layer].Rate
				}
			}
			if len(got.Choices) != len(demands) || used != got.Used || used > max(budget, 0) {
				t.Fatalf("uses %d (says %d) of %d", used, got.Used, budget)
			}
			if got.Wanted < got.Used {
				t.Fatalf("wants %d, less than the %d it uses", got.Wanted, got.Used)
			}
		}
	})
}

// More budget never makes an allocation worse, and a picture alone never loses a layer by it.
func TestAllocationIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		demands := drawDemands(t)
		less := rapid.IntRange(0, 6000).Draw(t, "less")
		more := less + rapid.IntRange(0, 2000).Draw(t, "more")
		taken := func(budget int) ([]int, []int) {
			a := NewAllocator()
			a.prepare(demands)
			share(budget, a.ladders, a.order, nil, a.better)
			return a.better, a.order
		}
		small, order := taken(less)
		great, _ := taken(more)
		if isBetter(small, great, order) {
			t.Fatalf("%v with %d, %v with %d", small, less, great, more)
		}
		if len(demands) == 1 && great[0] < small[0] {
			t.Fatalf("alone: %v with %d, %v with %d", small, less, great, more)
		}
	})
}

// An estimate that trembles by 4 % makes nothing worse, ever.
func TestAllocationDoesNotFlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := NewAllocator()
		now := time.Hour
		demands := drawDemands(t)
		mean := rapid.IntRange(1000, 6000).Draw(t, "mean")
		budget := mean * 960 / 1000 // what is new takes all there is, without a margin
		var last []int
		for range 100 {
			a.Allocate(now, budget, demands)
			taken := make([]int, len(demands))
			for i := range demands {
				taken[i], _ = a.rungs(&demands[i], a.ladders[i])
			}
			if last != nil && isBetter(last, taken, a.order) {
				t.Fatalf("%v becomes %v at %d, around %d", last, taken, budget, mean)
			}
			last = taken
			now += 100 * time.Millisecond
			budget = mean * rapid.IntRange(960, 1040).Draw(t, "permille") / 1000
		}
	})
}

// Whatever the estimate does, what was given up is not taken again within a second.
func TestAllocationWaitsAfterGivingUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := NewAllocator()
		now := time.Hour
		demands := []Demand{{Layers: camera}}
		last, lowered := -1, time.Duration(never)
		for i := range 100 {
			now += 50 * time.Millisecond
			layer := a.Allocate(now, rapid.IntRange(0, 2000).Draw(t, "budget"), demands).Choices[0].Layer
			if layer > last && i > 0 && now-lowered < time.Second {
				t.Fatalf("from %d to %d %v after giving up", last, layer, now-lowered)
			}
			if layer < last {
				lowered = now
			}
			last = layer
		}
	})
}

// The pacer neither loses nor invents packets, keeps their order, and never says that it waits for nothing.
func TestPacerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := NewPacer[int](rapid.IntRange(0, 5_000_000).Draw(t, "rate"))
		now := time.Hour
		var first, rest []int
		n := 0
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				n++
				if p.Push(n, rapid.IntRange(1, 1400).Draw(t, "bytes")) {
					rest = append(rest, n)
				}
			},
			"push first": func(t *rapid.T) {
				n++
				if p.PushFirst(n, rapid.IntRange(1, 1400).Draw(t, "bytes")) {
					first = append(first, n)
				}
			},
			"rate": func(t *rapid.T) { p.SetRate(rapid.IntRange(0, 5_000_000).Draw(t, "rate")) },
			"probe": func(t *rapid.T) {
				p.Start(Probe{ID: 1, Rate: rapid.IntRange(0, 5_000_000).Draw(t, "rate"), Bytes: 5000, Packets: 8})
			},
			"pop": func(t *rapid.T) {
				wait := p.Wait(now)
				if rapid.Bool().Draw(t, "wait") && wait > 0 {
					now += wait
					wait = 0
				}
				if item, _, ok := p.Pop(now); ok {
					queue := &rest
					if len(first) > 0 {
						queue = &first
					}
					if wait != 0 || len(*queue) == 0 || item != (*queue)[0] {
						t.Fatalf("popped %d of %v, %v", item, first, rest)
					}
					*queue = (*queue)[1:]
				} else if bytes, _, ok := p.Padding(now); ok {
					if wait != 0 || bytes <= 0 || bytes > maxPadding {
						t.Fatalf("pads with %d bytes, wait %v", bytes, wait)
					}
					p.Padded(now, rapid.IntRange(0, bytes).Draw(t, "padded"))
				} else if wait == 0 {
					t.Fatal("nothing to send, nothing to wait for")
				}
			},
			"": func(t *rapid.T) {
				if p.Len() != len(first)+len(rest) || p.Len() > maxQueued+maxResends {
					t.Fatalf("%d wait, want %d", p.Len(), len(first)+len(rest))
				}
			},
		})
	})
}
