package bandwidth

import (
	"cmp"
	"slices"
	"time"
)

const (
	maxDemands = 64

	upMargin      = 0.9 // of the budget may be used by what is better than before
	clearMargin   = 0.6 // and this much without patience
	leastPatience = time.Second
	mostPatience  = 32 * time.Second
	tooSoon       = 20 * time.Second // if something is given up this soon after something better was taken, that was rash
)

// Layer is one of the qualities in which a picture can be had.
type Layer struct {
	Spatial  uint8 // simulcast layer, 0 is the smallest
	Temporal uint8 // highest temporal layer that is sent, 0 is the lowest frame rate
	Rate     int   // bits per second of all that has to be sent for it, lower temporal layers included; 0: it cannot be had now
}

// Demand is a picture that someone wants to see.
type Demand struct {
	Slot     int     // where; each slot is demanded at most once
	Source   uint64  // what; a number that is another one when the slot has another occupant
	Layers   []Layer // from the worst to the best; those whose Rate is not above that of all before are passed over
	Priority int     // of two pictures, the one with the greater priority gets each step first
}

// Choice is what a Demand got.
type Choice struct {
	Slot  int
	Layer int // index into Demand.Layers, -1 when the picture pauses
}

// Allocation is what Allocate decided.
type Allocation struct {
	Choices []Choice // in the order of the demands
	Used    int      // bits per second of all choices, not above the budget
	Wanted  int      // the budget in bits per second that gives every picture its best layer; for Estimator.Probe
}

// Allocator shares a budget among the pictures of one subscriber. First every picture gets its lowest layer, the most important first, then
// one step more in the same order, again and again; steps that do not fit are passed over. It is not safe for concurrent use.
//
// What fits no longer is given up at once. What is better is taken when for some time it would have fitted into nine tenths of the budget: for 1 s, and
// twice as long, up to 32 s, each time that something had to be given up within 20 s of that. When it fits into six tenths, one second
// is always enough. Pictures that are new, and those whose layer has ended, get at once what is left.
type Allocator struct {
	held     map[int]holding // by slot
	past     recentLow
	patience time.Duration
	raised   time.Duration // when something better was taken last
	lowered  time.Duration // when something was given up last, if it ever was

	// Of the demands under way, kept for their memory.
	ladders []ladder
	order   []int // the most important first
	caps    []int
	kept    []int // how many rungs each demand keeps, or gets at once
	better  []int // and how many it would have by the budget of the last while
	choices []Choice
}

// holding is what a slot shows.
type holding struct {
	source            uint64
	paused            bool
	spatial, temporal uint8
}

// NewAllocator returns an Allocator that has allocated nothing yet.
func NewAllocator() *Allocator {
	return &Allocator{held: make(map[int]holding), patience: leastPatience, raised: never, lowered: never}
}

// Allocate shares budget, in bits per second, among the demands, at most 64 of them: what is beyond pauses. It is to be called when
// demands or the estimate have changed, at least every 200 ms. The Allocation's Choices are valid until the next call.
func (a *Allocator) Allocate(now time.Duration, budget int, demands []Demand) Allocation {
	a.past.add(now, budget)
	considered := demands[:min(len(demands), maxDemands)]
	a.prepare(considered)
	lowered, starved := a.keep(budget, considered)
	if lowered {
		if now-a.raised < tooSoon {
			a.patience = min(2*a.patience, mostPatience)
		} else {
			a.patience = leastPatience
		}
		a.lowered = now
	}
	chosen := a.kept
	if a.improve(now, a.patience, upMargin, starved) || a.improve(now, leastPatience, clearMargin, starved) {
		chosen, a.raised = a.better, now
	}
	return a.hold(demands, chosen)
}

// improve fills better with what a share of the least budget of the last while allows, and reports whether it is better than what is kept.
func (a *Allocator) improve(now, patience time.Duration, margin float64, starved bool) bool {
	if now-a.lowered < patience && !starved {
		return false
	}
	clear(a.better)
	share(int(margin*float64(a.past.low(now, patience))), a.ladders, a.order, nil, a.better)
	return isBetter(a.better, a.kept, a.order)
}

// prepare makes everything that is by demand.
func (a *Allocator) prepare(demands []Demand) {
	for len(a.ladders) < len(demands) {
		a.ladders = append(a.ladders, nil)
	}
	a.order, a.caps, a.kept, a.better = a.order[:0], a.caps[:0], a.kept[:0], a.better[:0]
	for i := range demands {
		a.ladders[i] = appendRungs(a.ladders[i][:0], demands[i].Layers)
		a.order = append(a.order, i)
		a.caps, a.kept, a.better = append(a.caps, 0), append(a.kept, 0), append(a.better, 0)
	}
	slices.SortStableFunc(a.order, func(i, j int) int { return cmp.Compare(demands[j].Priority, demands[i].Priority) })
}

// keep fills kept: what was held stays as far as it fits, and new pictures get what is left. lowered says that the budget was too small for
// what was held, starved that nothing was left for a new picture.
func (a *Allocator) keep(budget int, demands []Demand) (lowered, starved bool) {
	fresh := make([]bool, len(demands))
	for i := range demands {
		a.caps[i], fresh[i] = a.rungs(&demands[i], a.ladders[i])
	}
	used := share(budget, a.ladders, a.order, a.caps, a.kept)
	for i := range demands {
		lowered = lowered || a.kept[i] < a.caps[i]
		a.caps[i] = a.kept[i]
		if fresh[i] {
			a.caps[i] = len(a.ladders[i])
		}
	}
	share(budget-used, a.ladders, a.order, a.caps, a.kept)
	for i := range demands {
		starved = starved || fresh[i] && a.kept[i] == 0
	}
	return lowered, starved
}

// rungs is how many of a demand's rungs its slot holds, or fresh when the picture is new or its layer has ended.
func (a *Allocator) rungs(d *Demand, l ladder) (rungs int, fresh bool) {
	h, ok := a.held[d.Slot]
	if !ok || h.source != d.Source {
		return 0, true
	}
	if h.paused {
		return 0, false
	}
	for rungs < len(l) {
		layer := &d.Layers[l[rungs].layer]
		if layer.Spatial > h.spatial || layer.Spatial == h.spatial && layer.Temporal > h.temporal {
			break
		}
		rungs++
	}
	return rungs, rungs == 0
}

// hold remembers and returns what was chosen.
func (a *Allocator) hold(demands []Demand, chosen []int) Allocation {
	clear(a.held)
	result := Allocation{Choices: a.choices[:0]}
	best := 0
	for i, d := range demands {
		choice := Choice{Slot: d.Slot, Layer: -1}
		if i < len(chosen) && len(a.ladders[i]) > 0 {
			l := a.ladders[i]
			best += l[len(l)-1].rate
			h := holding{source: d.Source, paused: chosen[i] == 0}
			if !h.paused {
				top := l[chosen[i]-1]
				choice.Layer = top.layer
				result.Used += top.rate
				h.spatial, h.temporal = d.Layers[top.layer].Spatial, d.Layers[top.layer].Temporal
			}
			a.held[d.Slot] = h
		}
		result.Choices = append(result.Choices, choice)
	}
	result.Wanted = int(float64(best)/upMargin) + 1
	if best == 0 {
		result.Wanted = 0
	}
	a.choices = result.Choices
	return result
}
