//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	dto "github.com/prometheus/client_model/go"

	"hubbub/signaling/load/crowd"
)

const (
	// joiningAtOnce is how many join at the same moment where joining is not what is measured.
	joiningAtOnce = 4
	// hearing is how long everyone may take to hear whom they should.
	hearing = 30 * time.Second
	// settling lets joining, and the sending of silence, come to rest: what is quiet is forwarded for 3 s.
	settling = 2 * time.Second
	quieting = 5 * time.Second
)

// measureMedia measures what forwarding costs, once all are in and hear.
func measureMedia(ctx context.Context, b *bench, name string, s *scenario, run uint64) (f figures, err error) {
	plan := s.plan
	plan.Seed = run // the same moments of sending for all subjects, others in the next run
	err = b.attend(ctx, name, plan, func(subject *subject, c *crowd.Crowd) error {
		if _, err := subject.enter(ctx, c, joiningAtOnce, 0); err != nil {
			return err
		}
		f, err = b.listen(ctx, subject, c, plan)
		return err
	})
	return f, err
}

// attend does something with a subject and a crowd, and ends both.
func (b *bench) attend(ctx context.Context, name string, plan crowd.Plan, do func(*subject, *crowd.Crowd) error) (err error) {
	subject, err := b.start(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, subject.stop()) }()
	c, err := crowd.Open(plan)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return do(subject, c)
}

// listen measures while the speakers speak.
func (b *bench) listen(ctx context.Context, subject *subject, c *crowd.Crowd, plan crowd.Plan) (figures, error) {
	c.Talk()
	hears, cancel := context.WithTimeout(ctx, hearing)
	defer cancel()
	if err := c.AwaitHearing(hears); err != nil {
		return nil, err
	}
	rest := settling
	if !plan.Sound.Voice {
		rest = quieting
	}
	if err := wait(ctx, rest); err != nil {
		return nil, err
	}
	before, err := subject.delays(ctx)
	if err != nil {
		return nil, err
	}
	c.Count()
	cost, err := b.spend(ctx, subject)
	heard := c.Heard()
	if err != nil {
		return nil, err
	}
	f := figures{
		cpuPerSecond: milliseconds(cost.server) / cost.elapsed.Seconds(),
		loadShare:    100 * cost.load.Seconds() / cost.elapsed.Seconds(),
		sendingLate:  milliseconds(heard.SendingLate),
		othersShare:  100 * cost.others.Seconds() / cost.elapsed.Seconds(),
	}
	if heard.Packets > 0 {
		f[cpuPerPacket] = float64(cost.server.Nanoseconds()) / 1000 / float64(heard.Packets)
		f[packetsPerSecond] = float64(heard.Packets) / heard.Elapsed.Seconds()
		f[latencyP50], f[latencyP99] = milliseconds(heard.Latency.P50), milliseconds(heard.Latency.P99)
		f[loss] = 100 * float64(heard.Lost) / float64(heard.Packets+heard.Lost)
	}
	after, err := subject.delays(ctx)
	if err != nil {
		return nil, err
	}
	if before != nil && after.count > before.count {
		f[serverP99] = after.since(before).quantile(0.99) * 1000
	}
	return f, nil
}

// cost is what a measurement took, and what others took of the cores meanwhile.
type cost struct{ server, load, others, elapsed time.Duration }

// spend lets the duration pass and says what it cost.
func (b *bench) spend(ctx context.Context, s *subject) (c cost, err error) {
	before, err := s.clocks()
	if err != nil {
		return c, err
	}
	begin := time.Now()
	if err := wait(ctx, b.duration); err != nil {
		return c, err
	}
	elapsed := time.Since(begin)
	if c, err = s.clocks(); err != nil {
		return c, err
	}
	c.server -= before.server
	c.load -= before.load
	c.others = max(0, c.others-before.others-c.server-c.load)
	c.elapsed = elapsed
	return c, nil
}

// clocks reads them; others is everyone together.
func (s *subject) clocks() (c cost, err error) {
	if c.server, err = s.cpu(); err != nil {
		return c, err
	}
	if c.load, err = cpuTime(os.Getpid()); err != nil {
		return c, err
	}
	c.others, err = busyTime()
	return c, err
}

// delays is the server's histogram of how long packets stay in it.
type delays struct {
	count  uint64
	bounds []float64 // seconds
	counts []uint64  // up to each bound
}

// delays are nil for the floor, which does not count.
func (s *subject) delays(ctx context.Context) (*delays, error) {
	if s.name == floorName {
		return nil, nil //nolint:nilnil // there are none
	}
	families, err := s.metrics(ctx)
	if err != nil {
		return nil, err
	}
	const name = "hubbub_sfu_forwarding_delay_seconds"
	family := families[name]
	if family.GetType() != dto.MetricType_HISTOGRAM || len(family.GetMetric()) == 0 {
		return nil, fmt.Errorf("the server has no metric %s", name)
	}
	h := family.GetMetric()[0].GetHistogram()
	d := &delays{count: h.GetSampleCount()}
	for _, bucket := range h.GetBucket() {
		d.bounds = append(d.bounds, bucket.GetUpperBound())
		d.counts = append(d.counts, bucket.GetCumulativeCount())
	}
	return d, nil
}

func (d *delays) since(before *delays) *delays {
	diff := &delays{count: d.count - before.count, bounds: d.bounds, counts: make([]uint64, len(d.counts))}
	for i := range d.counts {
		diff.counts[i] = d.counts[i] - before.counts[i]
	}
	return diff
}

// quantile is in seconds, interpolated within the bucket as Prometheus does it.
func (d *delays) quantile(q float64) float64 {
	rank := q * float64(d.count)
	var below, from float64
	for i, bound := range d.bounds {
		if math.IsInf(bound, 1) {
			break
		}
		if count := float64(d.counts[i]); count >= rank {
			return from + (bound-from)*(rank-below)/max(count-below, 1)
		}
		below, from = float64(d.counts[i]), bound
	}
	return from // beyond the last bound
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
