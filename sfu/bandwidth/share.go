package bandwidth

import "math"

// ladder is the layers of a demand that are worth anything, each with a higher rate than the one before.
type ladder []rung

type rung struct {
	rate  int
	layer int // index into Demand.Layers
}

// appendRungs makes a ladder.
func appendRungs(l ladder, layers []Layer) ladder {
	highest := 0
	for i := range layers {
		if rate := layers[i].Rate; rate > highest && rate <= math.MaxInt32 {
			l = append(l, rung{rate, i})
			highest = rate
		}
	}
	return l
}

// share gives out rungs, beyond those that taken says are had already: one to each ladder in order, then the next, as far as they
// fit into the budget and are below caps, if there are any. It returns how much of the budget is used.
//
// With a greater budget the first decision that differs is always for taking a rung: more budget never worsens the allocation (isBetter).
func share(budget int, ladders []ladder, order, caps, taken []int) (used int) {
	for round, more := 0, true; more; round++ {
		more = false
		for _, i := range order {
			l := ladders[i]
			if round < taken[i] {
				more = true // its turn comes
				continue
			}
			most := len(l)
			if len(caps) > 0 {
				most = caps[i]
			}
			if round > taken[i] || round >= most {
				continue
			}
			cost := l[round].rate
			if round > 0 {
				cost -= l[round-1].rate
			}
			if cost <= budget-used {
				used += cost
				taken[i]++
				more = true
			}
		}
	}
	return used
}

// isBetter says whether of two allocations to the same ladders a is the better one: the first decision of share's by which they differ was for it.
func isBetter(a, b, order []int) bool {
	for round, more := 0, true; more; round++ {
		more = false
		for _, i := range order {
			if (a[i] > round) != (b[i] > round) {
				return a[i] > round
			}
			more = more || a[i] > round
		}
	}
	return false
}
