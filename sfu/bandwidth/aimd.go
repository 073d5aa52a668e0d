package bandwidth

import (
	"math"
	"time"
)

const (
	backoff        = 0.85 // of what arrives, when the queue grows
	growth         = 1.08 // a second, far from where the queue grew last
	maxUnproven    = 1.2  // of what arrives: the rate does not grow beyond what is tried
	unprovenMargin = 10_000
	capacityMemory = 0.05 // weight of the newest rate at which the queue grew
	packetBits     = 1200 * 8

	// An overuse without a queue that stands is jitter, or the burst of a key frame.
	leastQueue = 25 * time.Millisecond
	// With a queue of that length nothing is added, whatever the trend,
	longQueue = 60 * time.Millisecond
	// and one like that is drained even if it no longer grows, since it may be full. If so many steps do not shorten it, it is that of
	// others, such as downloads, to whom the way would be left.
	fullQueue   = 100 * time.Millisecond
	drainSteps  = 3
	drainEffect = 0.9
)

// aimd is the rate control of draft-ietf-rmcat-gcc-02, section 5.5: additive or multiplicative increase, multiplicative decrease.
type aimd struct {
	rate    float64 // bits per second
	changed time.Duration
	reduced time.Duration // when it was last decreased
	holding bool

	drains  int           // steps of draining a queue,
	drained time.Duration // the length of which was that before the first

	// The rate that arrives when the queue grows, which is the link's capacity as far as is known: mean, 0 if unknown, and normalised variance.
	capacity, variance float64
}

// update takes what a report says: whether the queue grows, how long it is, and at which rate packets arrive.
func (a *aimd) update(now time.Duration, state usage, queue, rtt time.Duration, arrived *delivery) {
	if queue < longQueue {
		a.drains = 0
	}
	pause := min(max(rtt, 10*time.Millisecond), 200*time.Millisecond)
	switch {
	case state == overuse && queue >= leastQueue:
		if now-a.reduced >= pause {
			a.decrease(now, arrived)
		}
	case state == underuse || state == overuse:
		a.holding = true
	case queue >= fullQueue && a.mine(queue):
		if now-a.reduced >= pause+200*time.Millisecond {
			a.drains++
			a.decrease(now, arrived)
		}
	case a.holding:
		a.holding = false
		a.changed = now
	case queue < longQueue:
		a.increase(now, rtt, arrived)
	default:
		a.changed = now
	}
}

// mine says whether a long queue is, as far as is known, made by what is sent here.
func (a *aimd) mine(queue time.Duration) bool {
	if a.drains == 0 || float64(queue) < drainEffect*float64(a.drained) {
		a.drains, a.drained = 0, queue
	}
	return a.drains < drainSteps
}

func (a *aimd) decrease(now time.Duration, arrived *delivery) {
	a.changed, a.reduced, a.holding = now, now, true
	arriving := arrived.peak()
	if arriving == 0 {
		a.rate *= backoff
		return
	}
	if arriving < a.capacity-a.deviation() {
		a.capacity = 0
	}
	a.learn(arriving)
	a.rate = min(a.rate, backoff*arriving)
}

func (a *aimd) increase(now, rtt time.Duration, arrived *delivery) {
	arriving, known := arrived.rate()
	if !known {
		a.changed = now
		return
	}
	if arriving > a.capacity+a.deviation() {
		a.capacity = 0
	}
	elapsed := min(max(now-a.changed, 0), time.Second).Seconds()
	a.changed = now
	limit := maxUnproven*arriving + unprovenMargin
	if a.rate >= limit {
		return
	}
	added := a.rate * (math.Pow(growth, elapsed) - 1)
	if a.capacity > 0 {
		frame := a.rate / 30
		packet := frame / math.Ceil(frame/packetBits)
		added = max(packet/(2*(rtt+100*time.Millisecond)).Seconds(), 4000) * elapsed
	}
	a.rate = min(a.rate+added, limit)
}

// learn takes a rate at which the queue grew.
func (a *aimd) learn(arriving float64) {
	if a.capacity == 0 {
		a.capacity, a.variance = arriving, 0.4*1000
		return
	}
	a.capacity += capacityMemory * (arriving - a.capacity)
	apart := a.capacity - arriving
	a.variance = min(max((1-capacityMemory)*a.variance+capacityMemory*apart*apart/max(a.capacity, 1), 0.4*1000), 2.5*1000)
}

// deviation is three standard deviations of the capacity.
func (a *aimd) deviation() float64 { return 3 * math.Sqrt(a.variance*a.capacity) }

// raise takes a rate that a probe has proven.
func (a *aimd) raise(now time.Duration, rate float64) {
	if rate > a.rate {
		a.rate, a.changed = rate, now
		if rate > a.capacity+a.deviation() {
			a.capacity = 0
		}
	}
}
