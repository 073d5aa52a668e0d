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
	lossNewest  = 4  // of them are looked at by themselves as well, in case the link has changed

	littleLoss  = 0.02 // is never taken for congestion
	someLosses  = 4    // fewer prove nothing
	maxInherent = 0.12 // what is more is congestion, whatever else might explain it

	// Twice the difference of log-likelihoods from which congestion is believed in: pure chance gets there once in a thousand times.
	significance = 10.0
	// Of the capacities that are nearly as likely as the likeliest the lowest is taken: what is lost at that rate shows how much is lost anyway.
	indifference = 1.0

	lossMemory = 6 * time.Second // what is older is not looked at

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

	began, latest   time.Duration // of the current observation, when sent
	open            bool
	packets, losses int
	bytes           int

	bound float64 // 0: none
}

// report takes what became of a packet.
func (l *lossBound) report(sent time.Duration, bytes int, missing bool) {
	if !l.open {
		l.open, l.began, l.latest = true, sent, sent
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

// update ends the current observation if it is long enough, and judges. rate is the estimate that was sent by.
func (l *lossBound) update(rate float64) {
	span := l.latest - l.began
	if !l.open || span < lossSpan || l.packets < lossPackets && span < longSpan {
		return
	}
	sending := float64(l.bytes) * 8 / span.Seconds()
	l.window[l.next] = observation{float64(l.packets), float64(l.losses), sending, l.latest}
	l.next = (l.next + 1) % lossWindow
	l.open, l.packets, l.losses, l.bytes = false, 0, 0, 0

	capacity, congested := l.explain(lossNewest)
	if !congested {
		capacity, congested = l.explain(lossWindow)
	}
	if congested {
		if l.bound == 0 || capacity < l.bound {
			l.bound = max(capacity, lossFloor*min(rate, sending))
		}
		return
	}
	if l.bound > 0 {
		l.bound *= lossGrowth
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

// newest is the last observation, or the one that many before.
func (l *lossBound) newest(before int) *observation {
	return &l.window[(l.next+2*lossWindow-1-before)%lossWindow]
}

// explain finds the capacity that the losses in that many observations speak for, if they speak for one.
func (l *lossBound) explain(observations int) (capacity float64, congested bool) {
	var packets, losses, fastest float64
	for i := range observations {
		o := l.newest(i)
		if l.latest-o.at > lossMemory {
			observations = i
			break
		}
		packets += o.packets
		losses += o.losses
		fastest = max(fastest, o.rate)
	}
	if losses < someLosses || losses < littleLoss*packets {
		return 0, false
	}
	inherent := l.likelihood(math.Inf(1), observations)
	best := math.Inf(-1)
	for b := 0.98 * fastest; b > 0.2*fastest; b *= 0.96 {
		likelihood := l.likelihood(b, observations)
		if likelihood > best-indifference {
			capacity = b
		}
		best = max(best, likelihood)
	}
	return capacity, 2*(best-inherent) > significance
}

// likelihood is the logarithm of the probability of what was observed, if the capacity is b and the inherent loss is the likeliest.
func (l *lossBound) likelihood(b float64, observations int) float64 {
	best := math.Inf(-1)
	for p := 0.0; p < maxInherent+0.01; p += 0.02 {
		sum := 0.0
		for i := range observations {
			o := l.newest(i)
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
