package bandwidth

import "time"

const (
	probeSpan    = 50 * time.Millisecond // of a burst: at twice the capacity it makes a queue as long
	probePackets = 5                     // in a burst at least, so that random loss leaves enough of them
	probeShare   = 0.6                   // of its packets that must be reported, and of these must have arrived

	probeGain  = 1.05 // less than that is not worth a probe
	firstSteps = 3.0  // a probe's rate relative to the estimate, until one has met the limit
	laterSteps = 2.0

	probeMargin    = 0.9                    // of what arrives when a probe meets the limit: voice shares it
	probePause     = 250 * time.Millisecond // after one that brought more
	probeRetry     = time.Second            // after one of which too little was heard
	probePatience  = 500 * time.Millisecond // beyond two round trips, for feedback of a probe
	probeWait      = 2 * time.Second        // after one that brought nothing, doubled each time
	maxProbeWait   = 5 * time.Second
	congestionWait = 1500 * time.Millisecond // after a decrease
	regretWait     = 4 * time.Second         // after a great one so soon after a probe that it must have deceived, doubled each time
	maxRegretWait  = 16 * time.Second
	deceived       = 0.75 // of what was proven: what the estimate is below then
)

// Probe is a short burst that finds out whether a rate would fit: packets are sent at Rate until both Bytes and Packets
// have been. Pacer.Start does that.
type Probe struct {
	ID      uint32 // never 0
	Rate    int    // bits per second
	Bytes   int
	Packets int
}

// cluster is a probe under way: what was sent of it and what arrived.
type cluster struct {
	probe          Probe
	asked          time.Duration
	packets, bytes int // sent
	reported       int // packets of which feedback has told

	arrivedPackets, arrivedBytes      int
	firstArrived, lastArrived         time.Duration
	firstArrivedSent, lastArrivedSent time.Duration
	// What the first brings to arrive and the last to send takes no part of these times.
	firstArrivedBytes, lastSentBytes int
}

// prober decides when to probe, and judges what comes of it.
type prober struct {
	under  cluster
	active bool
	nextID uint32
	idle   time.Duration // no probe before
	wait   time.Duration // after the next that brings nothing
	met    bool          // a probe has met the limit

	raised time.Duration // when a probe last brought more,
	proven float64       // how much, 0 if it turned out to be wrong,
	regret time.Duration // and how long to wait if it does
}

func newProber() prober { return prober{wait: probeWait, regret: regretWait} }

// next returns the probe to send now, if it is time for one.
func (p *prober) next(now time.Duration, estimate, wanted, most float64) (Probe, bool) {
	if p.active || now < p.idle || wanted <= estimate {
		return Probe{}, false
	}
	step := firstSteps
	if p.met {
		step = laterSteps
	}
	rate := min(step*estimate, max(wanted/probeMargin, 1.2*estimate), most)
	if rate < probeGain*estimate {
		return Probe{}, false
	}
	p.nextID++
	p.nextID = max(p.nextID, 1)
	probe := Probe{ID: p.nextID, Rate: int(rate), Bytes: int(rate / 8 * probeSpan.Seconds()), Packets: probePackets}
	p.under, p.active = cluster{probe: probe, asked: now}, true
	return probe, true
}

// sent takes a packet of a probe. What is sent in a probe's time without being told so is not the probe's.
func (p *prober) sent(id uint32, bytes int) {
	c := &p.under
	if !p.active || id != c.probe.ID {
		return
	}
	c.packets++
	c.bytes += bytes
}

// report takes what became of a packet of a probe.
func (p *prober) report(r report) {
	c := &p.under
	if !p.active || r.packet.probe != c.probe.ID {
		return
	}
	if r.packet.fate == inFlight {
		c.reported++
	}
	if !r.arrived {
		return
	}
	bytes := int(r.packet.bytes)
	if c.arrivedPackets == 0 || r.arrival < c.firstArrived {
		c.firstArrived, c.firstArrivedBytes = r.arrival, bytes
	}
	if c.arrivedPackets == 0 || r.packet.at < c.firstArrivedSent {
		c.firstArrivedSent = r.packet.at
	}
	if c.arrivedPackets == 0 || r.packet.at >= c.lastArrivedSent {
		c.lastArrivedSent, c.lastSentBytes = r.packet.at, bytes
	}
	c.lastArrived = max(c.lastArrived, r.arrival)
	c.arrivedPackets++
	c.arrivedBytes += bytes
}

// judge ends a probe of which everything is known, or nothing more is to be expected. rate is what it has proven; ok is false when it goes on or has proven no more than
// the estimate.
func (p *prober) judge(now, rtt time.Duration, estimate float64) (rate float64, ok bool) {
	c := &p.under
	whole := c.packets >= c.probe.Packets && c.bytes >= c.probe.Bytes
	if !p.active || (!whole || c.reported < c.packets) && now-c.asked < probePatience+2*rtt {
		return 0, false
	}
	p.active = false
	if float64(c.reported) < probeShare*float64(c.packets) {
		p.idle = now + probeRetry
		return 0, false
	}
	rate, limited := c.rate()
	p.met = p.met || limited
	if rate > probeGain*estimate {
		if p.proven > 0 && now-p.raised > regretWait {
			p.regret = regretWait // that one was right
		}
		p.idle, p.wait, p.raised, p.proven = now+probePause, probeWait, now, rate
		return rate, true
	}
	p.idle = now + p.wait
	p.wait = min(2*p.wait, maxProbeWait)
	return 0, false
}

// congested puts off the next probe because the estimate has fallen. Some links let bursts pass that are faster than they are; where that shows,
// probes become rare.
func (p *prober) congested(now time.Duration, estimate float64) {
	p.idle = max(p.idle, now+congestionWait)
	if now-p.raised < regretWait && estimate < deceived*p.proven {
		p.idle = max(p.idle, now+p.regret)
		p.regret = min(2*p.regret, maxRegretWait)
		p.proven = 0
	}
}

// restart forgets what probes have met: the link was away and may be another one.
func (p *prober) restart(now time.Duration) {
	p.idle, p.wait, p.met, p.regret = now, probeWait, false, regretWait
}

// rate is what a cluster has proven in bits per second, 0 if nothing; limited says that it has met the limit.
func (c *cluster) rate() (rate float64, limited bool) {
	if c.arrivedPackets < 3 || float64(c.arrivedPackets) < probeShare*float64(c.reported) {
		return 0, true
	}
	sending, arriving := c.lastArrivedSent-c.firstArrivedSent, c.lastArrived-c.firstArrived
	if sending <= 0 || arriving <= 0 || sending > time.Second || arriving > time.Second {
		return 0, false
	}
	sent := float64(c.arrivedBytes-c.lastSentBytes) * 8 / sending.Seconds()
	arrived := float64(c.arrivedBytes-c.firstArrivedBytes) * 8 / arriving.Seconds()
	if arrived < probeMargin*sent {
		return probeMargin * arrived, true
	}
	return min(sent, arrived), false
}
