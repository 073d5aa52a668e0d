package bandwidth

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
)

// link is the way to a subscriber: a bottleneck with a queue that voice and video share, and what comes after it.
type link struct {
	rnd         *rand.Rand
	rate        func(now time.Duration) float64 // bits per second
	queue       time.Duration                   // what does not fit into it is dropped
	propagation time.Duration
	policed     bool    // no queue, but a bucket of as many tokens
	loss        float64 // random, after the bottleneck
	jitter      time.Duration

	busy    time.Duration // when the queue is empty
	arrived time.Duration // of the packet before: there is no reordering
}

// send returns when a packet arrives, and how long it waited; ok is false when it is lost.
func (l *link) send(now time.Duration, bytes int) (arrival, waited time.Duration, ok bool) {
	waited = max(l.busy-now, 0)
	if waited > l.queue {
		return 0, waited, false
	}
	if l.policed {
		l.busy = max(l.busy, now) + l.takes(now, bytes)
		return now + l.propagation, 0, l.rnd.Float64() >= l.loss
	}
	l.busy = max(l.busy, now) + l.takes(now, bytes)
	if l.rnd.Float64() < l.loss {
		return 0, waited, false
	}
	arrival = l.busy + l.propagation
	if l.jitter > 0 {
		arrival += time.Duration(l.rnd.ExpFloat64() * float64(l.jitter))
	}
	l.arrived = max(l.arrived, arrival)
	return l.arrived, waited, true
}

// takes is how long the bottleneck takes for a packet.
func (l *link) takes(now time.Duration, bytes int) time.Duration {
	return time.Duration(float64(bytes) * 8 / l.rate(now) * float64(time.Second))
}

func constant(rate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return rate }
}

const (
	tick = time.Millisecond

	voiceBytes = 110 // 44 kbit/s
	voiceEvery = 20 * time.Millisecond
	voiceRate  = 44_000.0

	feedbackEvery = 100 * time.Millisecond
)

// downlink is a subscriber's downlink with everything of this package at work: a server that sends voice and pictures over a link, a browser that
// sends feedback back. Its clock is its own.
type downlink struct {
	t   *testing.T
	rnd *rand.Rand
	now time.Duration

	link         *link
	feedbackLoss float64
	download     *download // beside it, if any
	pictures     pictures

	estimator *Estimator
	pacer     *Pacer[int]
	number    uint16

	inbox    []arrival         // in order
	recorder *twcc.Recorder    // the browser's
	reports  []scheduledReport // on their way back
	epoch    time.Duration     // of the browser's clock

	voiceWaits []time.Duration // of each packet in the bottleneck's queue
	voiceSent  int
	voiceFull  int                   // packets that the queue was too full for
	arrivedAt  map[time.Duration]int // bytes of video by second
	estimates  []float64             // each 100 ms
}

type arrival struct {
	at     time.Duration
	number uint16
	bytes  int
}

type scheduledReport struct {
	at  time.Duration
	raw []byte
}

// pictures make the packets. Frames returns the sizes of those that are ready now; wanted is for the Estimator's probes.
type pictures interface {
	frames(now time.Duration, estimate int) (packets []int)
	wanted() int
}

func newDownlink(t *testing.T, seed uint64, l *link, p pictures) *downlink {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 5))
	l.rnd = rand.New(rand.NewPCG(seed, 6))
	d := &downlink{
		t: t, rnd: rnd, now: 3 * time.Hour, link: l, pictures: p, estimator: NewEstimator(Config{}), recorder: twcc.NewRecorder(1),
		epoch: time.Duration(rnd.Int64N(int64(time.Hour))), number: uint16(rnd.Uint32()), arrivedAt: map[time.Duration]int{},
	}
	d.pacer = NewPacer[int](d.estimator.Rate(d.now))
	return d
}

// run lets time pass.
func (d *downlink) run(span time.Duration) {
	d.t.Helper()
	for end := d.now + span; d.now < end; d.now += tick {
		d.voice()
		if d.download != nil {
			d.download.step(d.now, d.link)
		}
		d.arrive()
		d.answer()
		d.control()
		d.send()
	}
}

func (d *downlink) voice() {
	if d.now%voiceEvery != 0 {
		return
	}
	d.voiceSent++
	_, waited, ok := d.link.send(d.now, voiceBytes)
	if !ok && waited > d.link.queue {
		d.voiceFull++
	}
	d.voiceWaits = append(d.voiceWaits, waited)
}

// arrive lets the browser take what has arrived.
func (d *downlink) arrive() {
	for len(d.inbox) > 0 && d.inbox[0].at <= d.now {
		a := d.inbox[0]
		d.inbox = d.inbox[1:]
		d.recorder.Record(7, a.number, (a.at + d.epoch).Microseconds())
		d.arrivedAt[d.now.Truncate(time.Second)] += a.bytes
	}
}

// answer sends and takes feedback, as it is on the wire.
func (d *downlink) answer() {
	if d.now%feedbackEvery == 0 {
		for _, packet := range d.recorder.BuildFeedbackPacket() {
			raw, err := packet.Marshal()
			if err != nil {
				d.t.Fatal(err)
			}
			if d.rnd.Float64() >= d.feedbackLoss {
				d.reports = append(d.reports, scheduledReport{d.now + d.link.propagation, raw})
			}
		}
	}
	for len(d.reports) > 0 && d.reports[0].at <= d.now {
		var f rtcp.TransportLayerCC
		if err := f.Unmarshal(d.reports[0].raw); err != nil {
			d.t.Fatal(err)
		}
		if err := d.estimator.Feedback(d.now, &f); err != nil {
			d.t.Fatal(err)
		}
		d.reports = d.reports[1:]
	}
}

func (d *downlink) control() {
	rate := d.estimator.Rate(d.now)
	d.pacer.SetRate(rate)
	for _, bytes := range d.pictures.frames(d.now, rate) {
		d.pacer.Push(bytes, bytes)
	}
	if d.now%(50*time.Millisecond) == 0 {
		if p, ok := d.estimator.Probe(d.now, d.pictures.wanted()); ok {
			d.pacer.Start(p)
		}
	}
	if d.now%(100*time.Millisecond) == 0 {
		d.estimates = append(d.estimates, float64(rate))
	}
}

func (d *downlink) send() {
	for {
		if bytes, probe, ok := d.pacer.Pop(d.now); ok {
			d.packet(bytes, probe)
		} else if bytes, probe, ok := d.pacer.Padding(d.now); ok {
			d.packet(bytes, probe)
			d.pacer.Padded(d.now, bytes)
		} else {
			return
		}
	}
}

func (d *downlink) packet(bytes int, probe uint32) {
	d.number++
	d.estimator.Sent(d.now, d.number, bytes, probe)
	if at, _, ok := d.link.send(d.now, bytes); ok {
		d.inbox = append(d.inbox, arrival{at, d.number, bytes})
	}
}

// forget drops what was measured so far.
func (d *downlink) forget() {
	d.voiceWaits, d.voiceSent, d.voiceFull, d.estimates = nil, 0, 0, nil
	clear(d.arrivedAt)
}

// estimate is the mean of the estimates since forget.
func (d *downlink) estimate() float64 {
	sum := 0.0
	for _, e := range d.estimates {
		sum += e
	}
	return sum / float64(len(d.estimates))
}

// wait is the waiting time of voice that only so many of a hundred packets exceed.
func (d *downlink) wait(percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(d.voiceWaits))
	return sorted[len(sorted)*(100-percent)/100]
}

// until runs until the estimate satisfies a condition, and returns how long it took, at most most.
func (d *downlink) until(most time.Duration, condition func(estimate float64) bool) time.Duration {
	d.t.Helper()
	start := d.now
	for d.now-start < most && !condition(float64(d.estimator.Rate(d.now))) {
		d.run(10 * time.Millisecond)
	}
	return d.now - start
}

// packets cuts a frame.
func packets(bytes int) (sizes []int) {
	n := (bytes + 1149) / 1150
	for range n {
		sizes = append(sizes, bytes/n)
	}
	return sizes
}

const frameEvery = 33 * time.Millisecond

// elastic pictures use all of the estimate, up to most, as an encoder of one's own would.
type elastic struct {
	rnd  *rand.Rand
	most float64
}

func (e *elastic) wanted() int { return int(e.most) }

func (e *elastic) frames(now time.Duration, estimate int) []int {
	if now%frameEvery != 0 {
		return nil
	}
	size := min(float64(estimate), e.most) / 8 * frameEvery.Seconds() * (0.7 + 0.6*e.rnd.Float64())
	return packets(int(size))
}

// simulcast pictures are cameras in three layers of which the Allocator chooses. A key frame begins each layer and is five times as large as others.
type simulcast struct {
	rnd       *rand.Rand
	allocator *Allocator
	demands   []Demand
	shown     []int // layer by demand, -1 pauses
	changes   int
	wants     int
}

func newSimulcast(seed uint64, cameras int) *simulcast {
	s := &simulcast{rnd: rand.New(rand.NewPCG(seed, 7)), allocator: NewAllocator()}
	for i := range cameras {
		s.demands = append(s.demands, Demand{
			Slot: i, Source: uint64(i), Layers: []Layer{{0, 0, 90_000}, {0, 1, 150_000}, {1, 0, 300_000}, {1, 1, 500_000}, {2, 0, 900_000}, {2, 1, 1_500_000}},
		})
		s.shown = append(s.shown, -1)
	}
	return s
}

func (s *simulcast) wanted() int { return s.wants }

func (s *simulcast) frames(now time.Duration, estimate int) (sizes []int) {
	key := make([]bool, len(s.demands))
	if now%(100*time.Millisecond) == 0 {
		allocation := s.allocator.Allocate(now, estimate, s.demands)
		s.wants = allocation.Wanted
		for i, c := range allocation.Choices {
			if s.shown[i] != c.Layer {
				s.changes++
				key[i] = c.Layer >= 0 && (s.shown[i] < 0 || s.demands[i].Layers[c.Layer].Spatial != s.demands[i].Layers[s.shown[i]].Spatial)
			}
			s.shown[i] = c.Layer
		}
	}
	for i, layer := range s.shown {
		if layer < 0 || now%frameEvery != 0 && !key[i] {
			continue
		}
		size := float64(s.demands[i].Layers[layer].Rate) / 8 * frameEvery.Seconds() * (0.7 + 0.6*s.rnd.Float64())
		if key[i] {
			size *= 5
		}
		sizes = append(sizes, packets(int(size))...)
	}
	return sizes
}

// download is a TCP connection (Reno) that shares the link and fills its queue.
type download struct {
	window    float64 // packets
	threshold float64
	flying    int
	returns   []time.Duration // when acknowledgements come, in order
	recovers  time.Duration   // until when no further loss counts
}

func (f *download) step(now time.Duration, l *link) {
	const segment = 1500
	for len(f.returns) > 0 && f.returns[0] <= now {
		f.returns = f.returns[1:]
		f.flying--
		if f.window < f.threshold {
			f.window++
		} else {
			f.window += 1 / f.window
		}
	}
	for f.flying < int(f.window) {
		at, waited, ok := l.send(now, segment)
		if !ok {
			if now >= f.recovers {
				f.window = max(f.window/2, 2)
				f.threshold = f.window
				f.recovers = now + waited + 2*l.propagation
			}
			break
		}
		f.flying++
		f.returns = append(f.returns, at+l.propagation)
	}
}
