package bandwidth

import (
	"math"
	"time"
)

const (
	lossSpan    = 250 * time.Millisecond // of an observation, at least
	lossPackets = 10                     // likewise, unless it takes longSpan
	longSpan    = time.Second
	lossWindow  = 20 // observations
	lossNewest  = 4  // of them are looked at by themselves first, in case the link has changed

	littleLoss  = 0.02 // is never taken for congestion
	someLosses  = 4    // fewer prove nothing
	maxInherent = 0.12 // what is more is congestion, whatever else might explain it

	// Twice the difference of log-likelihoods from which congestion is believed in: pure chance gets there once in a thousand times.
	significance = 10.0
	// Of the capacities that are nearly as likely as the likeliest the lowest is taken: what is lost at that rate shows how much is lost anyway.
	indifference = 1.0

	alike = 0.03 // are rates that differ by no more than that

	lossMemory = 6 * time.Second // what is older is not looked at

	memoryHalf    = 20 * time.Second // after which half of what is remembered of a rate is forgotten
	memoryRates   = 24               // half octaves from memoryLowest, bits per second
	memoryLowest  = 16_000.0
	memoryPackets = 100  // as which a rate counts at most
	memoryBelow   = 0.95 // of the capacity that is asked for: what was lost at higher rates may have had another cause

	lossMargin = 0.95 // of the capacity is left: voice shares it
	lossGrowth = 1.02 // by observation, once losses are explained
	lossFloor  = 0.6  // of the rate at least is left by one step
)

// observation is what became of the packets of a quarter of a second.
type observation struct {
	packets, losses float64
	rate            float64 // at which they were sent, bits per second
	at              time.Duration
}

// lossBound is the rate beyond which packets are lost that would not be lost otherwise.
//
// A packet is lost with a probability p whatever the rate, as on radio links, or because the rate r is above the capacity B, with the probability
// 1-B/r. The bound is the B that explains the last five seconds' losses best, if it explains them significantly better than p alone (a likelihood ratio
// test). The idea of fitting an inherent loss and a capacity together is that of libwebrtc's loss_based_bwe_v2.cc; it is a grid that is searched here,
// when there is loss at all.
type lossBound struct {
	window [lossWindow]observation
	next   int
	memory [memoryRates]observation // what was in the window before, by rate
	faded  time.Duration            // when memory was last made to fade

	unjudged int // observations

	began, latest   time.Duration // of the current observation, when sent
	open            bool
	packets, losses int
	bytes           int

	evidence [lossWindow + memoryRates]observation // of explain

	bound float64 // 0: none
}

// report takes what became of a packet. One with which an observation is long enough begins the next.
func (l *lossBound) report(sent time.Duration, bytes int, missing bool) {
	if span := sent - l.began; l.open && (span >= longSpan || span >= lossSpan && l.packets >= lossPackets) {
		l.observe(span)
	}
	if !l.open {
		l.open, l.began = true, sent
	}
	l.latest = max(l.latest, sent)
	l.packets++
	l.bytes += bytes
	if missing {
		l.losses++
	}
}

// revive takes back the loss of a packet that was only late.
func (l *lossBound) revive() {
	if l.losses > 0 {
		l.losses--
		return
	}
	newest := l.newest(0)
	newest.losses = max(newest.losses-1, 0)
}

// observe ends the current observation.
func (l *lossBound) observe(span time.Duration) {
	l.remember(l.window[l.next])
	rate := float64(l.bytes) * 8 / span.Seconds()
	l.window[l.next] = observation{float64(l.packets), float64(l.losses), rate, l.latest}
	l.next = (l.next + 1) % lossWindow
	l.open, l.packets, l.losses, l.bytes = false, 0, 0, 0
	l.unjudged++
}

// update judges, if there are new observations. rate is the estimate that was sent by.
func (l *lossBound) update(rate float64) {
	if l.unjudged == 0 {
		return
	}
	observations := l.unjudged
	l.unjudged = 0
	sending := l.newest(0).rate
	capacity, congested := l.explain(lossNewest)
	if !congested {
		capacity, congested = l.explain(lossWindow)
	}
	if congested {
		if l.bound == 0 || capacity < l.bound {
			l.bound = max(lossMargin*capacity, lossFloor*min(rate, sending))
		}
		return
	}
	if l.bound > 0 {
		l.bound *= math.Pow(lossGrowth, float64(observations))
		if l.bound > 2*max(rate, sending) {
			l.bound = 0
		}
	}
}

// raise takes a rate that a probe has proven, whatever was observed before.
func (l *lossBound) raise(rate float64) {
	if l.bound > 0 && rate > l.bound {
		l.bound = rate
		clear(l.window[:])
	}
}

// share is that of the packets lost in the newest observations and the one that goes on.
func (l *lossBound) share(observations int) float64 {
	packets, losses := float64(l.packets), float64(l.losses)
	for i := range observations {
		o := l.newest(i)
		packets += o.packets
		losses += o.losses
	}
	if packets == 0 {
		return 0
	}
	return losses / packets
}

// remember adds an observation to what is remembered of its rate: loss that was not there at lower rates is not there anyway.
func (l *lossBound) remember(o observation) {
	if o.packets == 0 || o.rate <= 0 {
		return
	}
	left := math.Exp2(-float64(l.latest-l.faded) / float64(memoryHalf))
	l.faded = l.latest
	for i := range l.memory {
		l.memory[i].packets *= left
		l.memory[i].losses *= left
	}
	m := &l.memory[min(max(int(2*math.Log2(o.rate/memoryLowest)), 0), memoryRates-1)]
	m.packets += o.packets
	m.losses += o.losses
	m.rate = o.rate
	if m.packets > memoryPackets {
		m.packets, m.losses = memoryPackets, m.losses*memoryPackets/m.packets
	}
}

// newest is the last observation, or the one that many before.
func (l *lossBound) newest(before int) *observation {
	return &l.window[(l.next+2*lossWindow-1-before)%lossWindow]
}

// explain finds the capacity that the losses in that many observations speak for, if they speak for one.
func (l *lossBound) explain(observations int) (capacity float64, congested bool) {
	var packets, losses, fastest float64
	evidence := l.evidence[:0]
	for i := range observations {
		o := l.newest(i)
		if l.latest-o.at > lossMemory {
			break
		}
		packets += o.packets
		losses += o.losses
		fastest = max(fastest, o.rate)
		evidence = merge(evidence, o)
	}
	if losses < someLosses || losses < littleLoss*packets {
		return 0, false
	}
	for i := range l.memory {
		if m := &l.memory[i]; m.packets >= lossPackets && m.rate < memoryBelow*fastest*(1-losses/packets) {
			evidence = merge(evidence, m)
		}
	}
	inherent := likelihood(math.Inf(1), evidence)
	best := math.Inf(-1)
	for b := 0.98 * fastest; b > 0.2*fastest; b *= 0.95 {
		likely := likelihood(b, evidence)
		if likely > best-indifference {
			capacity = b
		}
		best = max(best, likely)
	}
	return capacity, 2*(best-inherent) > significance
}

// merge adds an observation to those of nearly the same rate, so that there are few to calculate with.
func merge(evidence []observation, o *observation) []observation {
	for i := range evidence {
		if e := &evidence[i]; math.Abs(e.rate-o.rate) < alike*e.rate {
			e.rate = (e.rate*e.packets + o.rate*o.packets) / (e.packets + o.packets)
			e.packets += o.packets
			e.losses += o.losses
			return evidence
		}
	}
	return append(evidence, *o)
}

// likelihood is the logarithm of the probability of what was observed, if the capacity is b and the inherent loss is the likeliest.
func likelihood(b float64, evidence []observation) float64 {
	best := math.Inf(-1)
	for p := 0.0; p < maxInherent+0.01; p += 0.03 {
		sum := 0.0
		for i := range evidence {
			o := &evidence[i]
			q := p
			if o.rate > b {
				q = p + (1-p)*(1-b/o.rate)
			}
			q = max(q, 0.005)
			sum += o.losses*math.Log(q) + (o.packets-o.losses)*math.Log1p(-q)
		}
		best = max(best, sum)
	}
	return best
}
