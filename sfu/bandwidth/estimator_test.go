package bandwidth

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func newElastic(seed uint64, most float64) *elastic {
	return &elastic{rnd: rand.New(rand.NewPCG(seed, 8)), most: most}
}

// newLink is a link like those that the figures are wanted of: 20 ms each way, a queue of 300 ms.
func newLink(rate, loss float64) *link {
	return &link{rate: constant(rate), queue: 300 * time.Millisecond, propagation: 20 * time.Millisecond, loss: loss}
}

// The figures: how much of a link is used after a minute, how long that took, and what it does to voice.
func TestEstimateOfLinks(t *testing.T) {
	t.Log("  capacity  loss | estimate (of what voice leaves), bits/s    | 70 % after | voice waits: median, 95 %, 99 %, dropped")
	for _, rate := range []float64{300_000, 1_000_000, 3_000_000} {
		for _, loss := range []float64{0, 0.02, 0.10} {
			t.Run(fmt.Sprintf("%.0f kbit/s, %.0f %%", rate/1000, 100*loss), func(t *testing.T) {
				left := rate - voiceRate
				for seed := range uint64(3) {
					d := newDownlink(t, seed, newLink(rate, loss), newElastic(seed, 6_000_000))
					d.feedbackLoss = loss
					took := d.until(20*time.Second, func(e float64) bool { return e >= 0.7*left })
					d.run(20 * time.Second)
					d.forget()
					d.run(40 * time.Second)
					share := d.estimate() / left
					t.Logf("%9.0f %4.0f %% | %9.0f %3.0f %% | %6.2f s | %3d %3d %3d ms %5.2f %%", rate, 100*loss, d.estimate(), 100*share, took.Seconds(),
						d.wait(50).Milliseconds(), d.wait(5).Milliseconds(), d.wait(1).Milliseconds(), 100*float64(d.voiceFull)/float64(d.voiceSent))
					least := 0.7
					if loss > 0.05 {
						least = 0.5
					}
					if share < least || share > 1.02 {
						t.Errorf("the estimate is %.0f %% of what voice leaves, want %.0f to 102 %%", 100*share, 100*least)
					}
					if took > 10*time.Second {
						t.Errorf("70 %% took %v", took)
					}
					if w := d.wait(5); w > 150*time.Millisecond {
						t.Errorf("one packet of voice in twenty waits %v or longer", w)
					}
				}
			})
		}
	}
}

func TestCapacityDropsAndRises(t *testing.T) {
	for _, loss := range []float64{0, 0.02, 0.10} {
		t.Run(fmt.Sprintf("%.0f %%", 100*loss), func(t *testing.T) {
			for seed := range uint64(3) {
				l := newLink(0, loss)
				rate := 3_000_000.0
				l.rate = func(time.Duration) float64 { return rate }
				d := newDownlink(t, seed, l, newElastic(seed, 6_000_000))
				d.feedbackLoss = loss
				d.run(30 * time.Second)
				rate = 800_000
				d.forget()
				fell := d.until(10*time.Second, func(e float64) bool { return e <= rate-voiceRate })
				d.run(time.Second)
				d.forget()
				d.run(10 * time.Second)
				low, waits := d.estimate(), d.wait(5)
				rate = 2_500_000
				rose := d.until(30*time.Second, func(e float64) bool { return e >= 0.7*(rate-voiceRate) })
				t.Logf("3 to 0.8 Mbit/s: followed after %.2f s, then %.0f %%, voice waits %d ms (95 %%); to 2.5 Mbit/s: 70 %% after %.1f s",
					fell.Seconds(), 100*low/(800_000-voiceRate), waits.Milliseconds(), rose.Seconds())
				if fell > 2*time.Second {
					t.Errorf("the drop was followed after %v", fell)
				}
				if low < 0.5*(800_000-voiceRate) {
					t.Errorf("the estimate after the drop is %.0f", low)
				}
				if rose > 12*time.Second {
					t.Errorf("the rise was found after %v", rose)
				}
			}
		})
	}
}

// Loss that the rate causes, where no queue tells of it.
func TestPolicedLink(t *testing.T) {
	for seed := range uint64(3) {
		l := newLink(1_000_000, 0)
		l.policed, l.queue = true, 100*time.Millisecond
		d := newDownlink(t, seed, l, newElastic(seed, 6_000_000))
		d.run(30 * time.Second)
		d.forget()
		d.run(60 * time.Second)
		lossy := float64(d.voiceFull) / float64(d.voiceSent)
		t.Logf("estimate %.0f %%, of voice dropped %.1f %%", 100*d.estimate()/(1_000_000-voiceRate), 100*lossy)
		if share := d.estimate() / (1_000_000 - voiceRate); share < 0.6 || share > 1.1 {
			t.Errorf("the estimate is %.0f %% of the rate of the policer", 100*share)
		}
		if lossy > 0.08 {
			t.Errorf("%.1f %% of voice is dropped", 100*lossy)
		}
	}
}

// A link that becomes lossy, as when one walks away from the access point, is as wide as before.
func TestLossThatBegins(t *testing.T) {
	for seed := range uint64(3) {
		l := newLink(1_000_000, 0)
		d := newDownlink(t, seed, l, newElastic(seed, 6_000_000))
		d.run(20 * time.Second)
		l.loss, d.feedbackLoss = 0.10, 0.10
		d.forget()
		d.run(30 * time.Second)
		least := slices.Min(d.estimates)
		t.Logf("10 %% of loss begin: estimate %.0f %%, at least %.0f %%", 100*d.estimate()/(1_000_000-voiceRate), 100*least/(1_000_000-voiceRate))
		if d.estimate() < 0.5*(1_000_000-voiceRate) {
			t.Errorf("the estimate is %.0f", d.estimate())
		}
	}
}

// A download fills the queue, whatever is sent here. Video must not leave it all there is.
func TestDownloadBeside(t *testing.T) {
	for seed := range uint64(3) {
		d := newDownlink(t, seed, newLink(3_000_000, 0), newElastic(seed, 2_000_000))
		d.run(20 * time.Second)
		d.download = &download{window: 10, threshold: 1000}
		d.run(10 * time.Second)
		d.forget()
		d.run(60 * time.Second)
		beside, least := d.estimate(), slices.Min(d.estimates)
		d.download = nil
		took := d.until(20*time.Second, func(e float64) bool { return e > 1_400_000 })
		t.Logf("beside a download: estimate %.0f kbit/s, at least %.0f, voice waits %d ms; back to 1.4 Mbit/s %.1f s after", beside/1000, least/1000,
			d.wait(50).Milliseconds(), took.Seconds())
		if beside < 150_000 {
			t.Errorf("the estimate is %.0f beside a download", beside)
		}
		if took > 20*time.Second {
			t.Errorf("took %v to come back", took)
		}
	}
}

func TestJitterIsNoCongestion(t *testing.T) {
	for seed := range uint64(3) {
		l := newLink(3_000_000, 0.02)
		l.jitter = 5 * time.Millisecond
		d := newDownlink(t, seed, l, newElastic(seed, 6_000_000))
		d.run(20 * time.Second)
		d.forget()
		d.run(30 * time.Second)
		t.Logf("5 ms of jitter: estimate %.0f %%", 100*d.estimate()/(3_000_000-voiceRate))
		if d.estimate() < 0.6*(3_000_000-voiceRate) {
			t.Errorf("the estimate is %.0f", d.estimate())
		}
	}
}

// What is sent never needs more than a picture's best layer: the estimate must neither grow without limit nor fall for want of use.
func TestLittleIsSentOverAWideLink(t *testing.T) {
	d := newDownlink(t, 1, newLink(20_000_000, 0), newElastic(1, 500_000))
	d.run(60 * time.Second)
	if e := d.estimator.Rate(d.now); e < 500_000 || e > 1_500_000 {
		t.Errorf("the estimate is %d with 500 kbit/s wanted", e)
	}
}

func TestNoFeedback(t *testing.T) {
	d := newDownlink(t, 1, newLink(3_000_000, 0), newElastic(1, 6_000_000))
	d.run(20 * time.Second)
	before := d.estimator.Rate(d.now)
	d.feedbackLoss = 1
	d.run(1600*time.Millisecond + d.link.propagation)
	if e := d.estimator.Rate(d.now); e > before*6/10 {
		t.Errorf("the estimate is %d after 1.6 s without feedback, and was %d", e, before)
	}
	d.run(10 * time.Second)
	if e := d.estimator.Rate(d.now); e > 50_000 {
		t.Errorf("the estimate is %d after 11 s without feedback", e)
	}
	d.feedbackLoss = 0
	if took := d.until(20*time.Second, func(e float64) bool { return e > 0.7*(3_000_000-voiceRate) }); took > 8*time.Second {
		t.Errorf("recovered after %v", took)
	}
}

// Cameras in layers: what is seen on each link, how often it changes, and what it does to voice.
func TestPicturesOverLinks(t *testing.T) {
	for _, rate := range []float64{300_000, 1_000_000, 3_000_000} {
		for _, loss := range []float64{0, 0.02, 0.10} {
			t.Run(fmt.Sprintf("%.0f kbit/s, %.0f %%", rate/1000, 100*loss), func(t *testing.T) {
				for _, cameras := range []int{1, 3} {
					s := newSimulcast(1, cameras)
					d := newDownlink(t, 1, newLink(rate, loss), s)
					d.feedbackLoss = loss
					d.run(20 * time.Second)
					s.changes = 0
					d.forget()
					d.run(60 * time.Second)
					video := 0
					for _, bytes := range d.arrivedAt {
						video += bytes
					}
					t.Logf("%d cameras: %4.0f kbit/s arrive, estimate %4.0f, layers %v, %d changes a minute, voice waits %d %d %d ms", cameras,
						float64(video)*8/60/1000, d.estimate()/1000, s.shown, s.changes, d.wait(50).Milliseconds(), d.wait(5).Milliseconds(), d.wait(1).Milliseconds())
					if w := d.wait(5); w > 120*time.Millisecond {
						t.Errorf("one packet of voice in twenty waits %v or longer", w)
					}
					if least := 0.35 * min(rate-voiceRate, float64(cameras)*1_500_000); float64(video)*8/60 < least {
						t.Errorf("%.0f kbit/s of video arrive", float64(video)*8/60/1000)
					}
					if s.changes > 20*cameras {
						t.Errorf("%d changes in a minute", s.changes)
					}
				}
			})
		}
	}
}

// A link too slow for any picture: voice alone goes on, and the pictures come back when there is room.
func TestPicturesPauseForVoice(t *testing.T) {
	l := newLink(0, 0)
	rate := 1_000_000.0
	l.rate = func(time.Duration) float64 { return rate }
	s := newSimulcast(1, 1)
	d := newDownlink(t, 1, l, s)
	d.run(20 * time.Second)
	rate = 80_000
	d.run(5 * time.Second)
	d.forget()
	d.run(30 * time.Second)
	if s.shown[0] != -1 {
		t.Errorf("layer %d is shown on 80 kbit/s", s.shown[0])
	}
	if w := d.wait(5); w > 100*time.Millisecond {
		t.Errorf("one packet of voice in twenty waits %v or longer beside no picture", w)
	}
	rate = 1_000_000
	start := d.now
	for s.shown[0] < 2 && d.now-start < time.Minute {
		d.run(100 * time.Millisecond)
	}
	t.Logf("80 kbit/s: voice waits %d %d %d ms; a picture in its second size %.1f s after 1 Mbit/s are back", d.wait(50).Milliseconds(), d.wait(5).Milliseconds(),
		d.wait(1).Milliseconds(), (d.now - start).Seconds())
	if s.shown[0] < 2 || d.now-start > 15*time.Second {
		t.Errorf("layer %d after %v", s.shown[0], d.now-start)
	}
}
