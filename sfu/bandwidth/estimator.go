package bandwidth

import (
	"cmp"
	"errors"
	"math"
	"time"

	"github.com/pion/rtcp"
)

// Config is what an Estimator starts from. All rates are in bits per second; zero means the default.
type Config struct {
	Initial int // before the first feedback; 300,000
	Min     int // the estimate never falls below; 30,000
	Max     int // nor rises above; 20,000,000
}

// ErrMalformed is what Feedback returns for feedback that contradicts itself or could not be true.
var ErrMalformed = errors.New("malformed transport-wide feedback")

const (
	defaultInitial = 300_000
	defaultMin     = 30_000
	defaultMax     = 20_000_000
	defaultRTT     = 100 * time.Millisecond

	silence       = 1500 * time.Millisecond // without feedback of what was sent, until the rate is halved
	silenceRepeat = time.Second             // until it is again

	lossSpans = 8 // observations of the loss part that Loss is of
)

// Estimator estimates what the way to one subscriber carries in packets with transport-wide sequence numbers
// (draft-holmer-rmcat-transport-wide-cc-extensions-01). It is not safe for concurrent use.
//
// All times are the caller's clock: the time since any fixed moment, the same for all calls, never running backwards. Rates count the
// bytes that Sent was told of.
type Estimator struct {
	cfg      Config
	history  history
	feedback feedbackReader

	trend        trendline
	arrived      delivery
	queue        queueDelay
	rtt          time.Duration
	standing     time.Duration // the queue, by the last feedback,
	heard        time.Duration // which came then
	waiting      bool          // something was sent since,
	waitingSince time.Duration // the first of it then
	aimd         aimd
	loss         lossBound
	probes       prober
}

// NewEstimator returns an Estimator of a way of which nothing is known.
func NewEstimator(cfg Config) *Estimator {
	cfg.Min = cmp.Or(cfg.Min, defaultMin)
	cfg.Max = cmp.Or(cfg.Max, defaultMax)
	cfg.Initial = min(max(cmp.Or(cfg.Initial, defaultInitial), cfg.Min), cfg.Max)
	return &Estimator{
		cfg: cfg, history: newHistory(), trend: newTrendline(), probes: newProber(), rtt: defaultRTT, aimd: aimd{rate: float64(cfg.Initial)},
	}
}

// Sent tells of a packet that was sent. Each packet has the number after that of the one before it, modulo 2^16. bytes is its size as UDP
// payload. probe is the ID of the Probe that it is part of, as Pacer tells it, 0 if of none.
func (e *Estimator) Sent(now time.Duration, number uint16, bytes int, probe uint32) {
	e.history.add(sentPacket{at: now, probe: probe, bytes: int32(min(max(bytes, 0), 1<<16)), number: number, fate: inFlight})
	if probe != 0 {
		e.probes.sent(probe, bytes)
	}
	if !e.waiting {
		e.waiting, e.waitingSince = true, now
	}
}

// Feedback takes the subscriber's report of what arrived, and when. What it says of packets that were not sent, or so long ago that
// they are forgotten (8,192 packets), is passed over. A wrong report is an ErrMalformed and changes nothing; a lying one
// changes the liar's own rate alone.
func (e *Estimator) Feedback(now time.Duration, f *rtcp.TransportLayerCC) error {
	restarted, err := e.feedback.read(f, &e.history)
	if err != nil {
		return err
	}
	if restarted {
		e.trend.reset()
		e.arrived.reset()
		e.queue.reset()
	}
	if len(e.feedback.reports) == 0 {
		return nil
	}
	if left := e.quietness(now); left < 1 {
		e.aimd.rate *= left // and probes show soon whether the link is what it was
		e.probes.restart(now)
	}
	e.waiting, e.heard = false, now

	var newest *sentPacket
	for _, r := range e.feedback.reports {
		if e.take(r) && (newest == nil || r.packet.at > newest.at) {
			newest = r.packet
		}
	}
	if newest != nil {
		e.rtt += (max(now-newest.at, 0) - e.rtt) / 8
	}
	e.adjust(now)
	return nil
}

// take takes what became of one packet, and reports whether it has just arrived.
func (e *Estimator) take(r report) bool {
	p := r.packet
	if p.fate == received || p.fate == lost && !r.arrived {
		return false
	}
	switch {
	case p.probe != 0:
		e.probes.report(r)
	case p.fate == lost:
		e.loss.revive()
	default:
		e.loss.report(p.at, int(p.bytes), !r.arrived)
	}
	if !r.arrived {
		p.fate = lost
		return false
	}
	p.fate = received
	e.arrived.add(r.arrival, int(p.bytes))
	e.queue.add(p.at, r.arrival)
	if p.probe != 0 {
		e.trend.reset() // the queue that a probe makes is meant
	} else {
		e.trend.add(p.at, r.arrival)
	}
	return true
}

// adjust draws the conclusions from what was taken.
func (e *Estimator) adjust(now time.Duration) {
	before := e.estimate()
	e.standing = e.queue.standing()
	e.aimd.update(now, e.trend.state, e.standing, e.rtt, &e.arrived)
	e.loss.update(before)
	e.aimd.rate = min(max(e.aimd.rate, float64(e.cfg.Min)), float64(e.cfg.Max))
	if after := e.estimate(); after < before {
		e.probes.congested(now, after)
	}
	e.judge(now)
}

// judge takes what a probe that has ended has proven.
func (e *Estimator) judge(now time.Duration) {
	if rate, ok := e.probes.judge(now, e.rtt, e.estimate()); ok {
		e.aimd.raise(now, min(rate, float64(e.cfg.Max)))
		e.loss.raise(rate)
	}
}

// estimate is the rate that the delay and the loss allow.
func (e *Estimator) estimate() float64 {
	rate := e.aimd.rate
	if e.loss.bound > 0 {
		rate = min(rate, e.loss.bound)
	}
	return min(max(rate, float64(e.cfg.Min)), float64(e.cfg.Max))
}

// quietness is what is left of the rate when no feedback comes, 1 while it does.
func (e *Estimator) quietness(now time.Duration) float64 {
	if !e.waiting || now-e.waitingSince < silence {
		return 1
	}
	return math.Exp2(-1 - float64((now-e.waitingSince-silence)/silenceRepeat))
}

// Rate is how much video may be sent, retransmissions and padding included, in bits per second. It changes with feedback, and falls
// when there is none for what was sent: by half after 1.5 s, and again with each second more.
func (e *Estimator) Rate(now time.Duration) int {
	return int(max(e.estimate()*e.quietness(now), float64(e.cfg.Min)))
}

// RTT is the smoothed time from a packet's sending until feedback tells of its arrival: the round trip and some part of the
// interval at which the subscriber sends feedback (50 to 100 ms for browsers). Before the first feedback it is 100 ms.
func (e *Estimator) RTT() time.Duration { return e.rtt }

// Loss is the share of packets that were lost on their way in about the last two seconds, from 0 to 1.
func (e *Estimator) Loss() float64 { return e.loss.share(lossSpans) }

// Probe says whether to send a burst now, and which. wanted is the rate at which all pictures would have their best layer, in bits per second
// (Allocation.Wanted). There is none when the estimate is at least that, while a probe is under way, soon after a probe or congestion. It is
// to be asked at least every 100 ms while pictures are wanted, even if all of them pause: with nothing sent, probes alone show that a
// link has recovered.
func (e *Estimator) Probe(now time.Duration, wanted int) (p Probe, ok bool) {
	e.judge(now)
	if e.standing >= longQueue && now-e.heard < time.Second {
		return Probe{}, false
	}
	return e.probes.next(now, float64(e.Rate(now)), float64(wanted), float64(e.cfg.Max))
}
