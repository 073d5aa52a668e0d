package bandwidth

import "time"

const (
	deliveryBucket = 50 * time.Millisecond
	deliveryWindow = 10 // buckets
	deliveryLeast  = 4  // likewise, for a rate to mean anything
)

// delivery is the rate at which packets arrive, by the receiver's clock, over the last half second.
type delivery struct {
	bytes   [deliveryWindow + 1]int // the newest is not complete
	newest  int64                   // its number
	since   int64                   // the number of the first since the last pause
	started bool
}

func (d *delivery) reset() { *d = delivery{} }

func (d *delivery) add(arrived time.Duration, bytes int) {
	bucket := int64(arrived / deliveryBucket)
	switch {
	case !d.started || bucket > d.newest+deliveryWindow:
		*d = delivery{newest: bucket, since: bucket, started: true}
	case bucket <= d.newest-int64(len(d.bytes)):
		return
	}
	for d.newest < bucket {
		d.newest++
		*d.at(d.newest) = 0
	}
	*d.at(bucket) += bytes
}

func (d *delivery) at(bucket int64) *int {
	n := int64(len(d.bytes))
	return &d.bytes[(bucket%n+n)%n]
}

// rate is in bits per second. It is not known in the first 200 ms after a pause.
func (d *delivery) rate() (rate float64, ok bool) { return d.over(deliveryWindow) }

// peak is rate, or that of the newest fifth of a second if that is more: what a saturated link carries.
func (d *delivery) peak() float64 {
	rate, _ := d.rate()
	newest, _ := d.over(deliveryLeast)
	return max(rate, newest)
}

// over is the rate over the newest buckets that are complete.
func (d *delivery) over(buckets int64) (rate float64, ok bool) {
	first := max(d.since, d.newest-buckets)
	if !d.started || d.newest-first < deliveryLeast {
		return 0, false
	}
	sum := 0
	for b := first; b < d.newest; b++ {
		sum += *d.at(b)
	}
	return float64(sum) * 8 / (time.Duration(d.newest-first) * deliveryBucket).Seconds(), true
}
