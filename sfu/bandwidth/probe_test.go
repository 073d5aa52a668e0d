package bandwidth

import (
	"testing"
	"time"
)

// A probe of ten packets at a rate, of which some are lost, over a link of another rate: what does it prove?
func TestProbe(t *testing.T) {
	for _, c := range []struct {
		name        string
		link        float64
		reported    int // packets of ten
		lost        int // of these, from the third on
		least, most float64
		ok          bool
	}{
		{"fits", 2_000_000, 10, 0, 790_000, 801_000, true},
		{"meets the limit", 500_000, 10, 0, 440_000, 451_000, true},
		{"brings nothing", 300_000, 10, 0, 0, 0, false},
		{"with losses", 2_000_000, 10, 2, 600_000, 801_000, true},
		{"with too many", 2_000_000, 10, 5, 0, 0, false},
		{"of which half is heard", 2_000_000, 5, 0, 0, 0, false},
		{"of which most is heard", 2_000_000, 8, 0, 790_000, 801_000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProber()
			now := time.Hour
			probe, ok := p.next(now, 400_000, 720_000, 1e9)
			if !ok || probe.Rate != 800_000 || probe.ID == 0 {
				t.Fatalf("probe %+v, %v", probe, ok)
			}
			if _, again := p.next(now, 400_000, 720_000, 1e9); again {
				t.Error("a second one at the same time")
			}
			arrived := time.Duration(0)
			for i := range 10 {
				packet := &sentPacket{at: now, probe: probe.ID, bytes: 1000, fate: inFlight}
				p.sent(probe.ID, 1000)
				arrived = max(arrived, now) + time.Duration(8000/c.link*float64(time.Second))
				if i < c.reported {
					p.report(report{packet, arrived, i < 2 || i >= 2+c.lost})
				}
				now += 10 * time.Millisecond
			}
			rate, ok := p.judge(now, 0, 400_000)
			if c.reported < 10 {
				if ok || !p.active {
					t.Error("ended too early")
				}
				now += probePatience
				rate, ok = p.judge(now, 0, 400_000)
			}
			if ok != c.ok || rate < c.least || rate > c.most || p.active {
				t.Errorf("proves %.0f, %v, want %.0f to %.0f, %v", rate, ok, c.least, c.most, c.ok)
			}
			if _, early := p.next(now+100*time.Millisecond, 400_000, 2_000_000, 1e9); early {
				t.Error("the next comes at once")
			}
			if _, late := p.next(now+10*time.Second, 400_000, 2_000_000, 1e9); !late {
				t.Error("the next does not come")
			}
		})
	}
}

// A probe that lets the estimate rise, and the estimate falls by far right after: again and again, and less and less often.
func TestProbesThatDeceiveBecomeRare(t *testing.T) {
	p := newProber()
	now := time.Hour
	var last, pause time.Duration
	for round := range 4 {
		for {
			if probe, ok := p.next(now, 500_000, 5_000_000, 1e9); ok {
				for i := range 10 {
					p.sent(probe.ID, 1000)
					at := now + time.Duration(i)*5*time.Millisecond
					p.report(report{&sentPacket{at: at, probe: probe.ID, bytes: 1000, fate: inFlight}, at, true})
				}
				break
			}
			now += 50 * time.Millisecond
		}
		if round > 1 && now-last < pause {
			t.Errorf("probe %d comes %v after the one before, that one %v after its", round, now-last, pause)
		}
		pause, last = now-last, now
		now += 100 * time.Millisecond
		if _, ok := p.judge(now, 0, 500_000); !ok {
			t.Fatal("proves nothing")
		}
		p.congested(now+500*time.Millisecond, 500_000)
	}
	if pause < maxRegretWait {
		t.Errorf("the last comes after %v", pause)
	}
}
