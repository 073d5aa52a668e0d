package bandwidth

import (
	"math"
	"time"
)

const (
	lowBucket  = 250 * time.Millisecond
	lowBuckets = int64(mostPatience/lowBucket) + 1

	unknownLow = math.MaxInt

	// never is longer ago than anything.
	never = -1 << 62
)

// recentLow is the least of the budgets of the last seconds.
type recentLow struct {
	lows    [lowBuckets]int
	newest  int64 // number of the bucket
	started bool
}

func (r *recentLow) add(now time.Duration, budget int) {
	bucket := int64(now / lowBucket)
	if !r.started {
		r.newest, r.started = bucket, true
		for i := range r.lows {
			r.lows[i] = unknownLow
		}
	}
	if bucket-r.newest > lowBuckets {
		r.newest = bucket - lowBuckets
	}
	for r.newest < bucket {
		r.newest++
		*r.at(r.newest) = unknownLow
	}
	low := r.at(r.newest)
	*low = min(*low, budget)
}

func (r *recentLow) at(bucket int64) *int { return &r.lows[(bucket%lowBuckets+lowBuckets)%lowBuckets] }

// low is the least budget of the span before now, which add was told of.
func (r *recentLow) low(now, span time.Duration) int {
	low := unknownLow
	for bucket := max(int64((now-span)/lowBucket), r.newest-lowBuckets+1); bucket <= r.newest; bucket++ {
		low = min(low, *r.at(bucket))
	}
	return low
}
