package bandwidth

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Ten seconds of packets at rates and with losses that a case gives: what is the bound?
func TestLossBound(t *testing.T) {
	const capacity = 1_000_000.0
	overflow := func(rate float64) float64 { return max(0, 1-capacity/rate) }
	for _, c := range []struct {
		name        string
		rate        func(now time.Duration) float64
		loss        func(rate float64) float64
		least, most float64 // of the bound; 0: none is wanted
	}{
		{"no loss", constant(800_000), func(float64) float64 { return 0 }, 0, 0},
		{"ten of a hundred, whatever the rate", sweep(500_000, 1_500_000), func(float64) float64 { return 0.10 }, 0, 0},
		{"five of a hundred, at one rate", constant(800_000), func(float64) float64 { return 0.05 }, 0, 0},
		{"what is above the capacity", sweep(700_000, 1_200_000), overflow, 800_000, 1_050_000},
		{"five of a hundred, and what is above the capacity", sweep(700_000, 1_400_000),
			func(rate float64) float64 { return 0.05 + 0.95*overflow(rate) }, 750_000, 1_100_000},
		{"a third, always", constant(1_500_000), overflow, 800_000, 1_050_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(5) {
				rnd := rand.New(rand.NewPCG(seed, 9))
				l := lossBound{}
				for now := time.Hour; now < time.Hour+10*time.Second; {
					rate := c.rate(now)
					now += time.Duration(8000 / rate * float64(time.Second))
					l.report(now, 1000, rnd.Float64() < c.loss(rate))
					l.update(rate)
				}
				if l.bound > c.most || l.bound < c.least {
					t.Errorf("seed %d: the bound is %.0f, want %.0f to %.0f", seed, l.bound, c.least, c.most)
				}
			}
		})
	}
}

// sweep goes up and down between two rates, once in four seconds.
func sweep(low, high float64) func(time.Duration) float64 {
	return func(now time.Duration) float64 {
		phase := 2 * (now % (4 * time.Second)).Seconds() / 4
		if phase > 1 {
			phase = 2 - phase
		}
		return low + phase*(high-low)
	}
}
