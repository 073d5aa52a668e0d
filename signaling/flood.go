package signaling

import (
	"time"

	"golang.org/x/time/rate"
)

// What one connection may ask for, over all methods.
const (
	ratePerSecond = 25
	rateBurst     = 2 * ratePerSecond

	floodAfter = 10 * time.Second // of steady excess a connection is closed
	floodPause = 2 * time.Second  // without a refusal is the end of an excess
)

// floodGate limits one connection's requests. It is used by the connection's
// reader alone.
type floodGate struct {
	limiter     *rate.Limiter
	excessSince time.Time // zero when there is none
	lastRefusal time.Time
}

func newFloodGate() *floodGate {
	return &floodGate{limiter: rate.NewLimiter(ratePerSecond, rateBurst)}
}

// admit takes one request. wait is 0 when it may be served, else the time after
// which a repeat will be: a refused request costs nothing. flooding is true once
// the client has been over the limit for floodAfter.
func (g *floodGate) admit(now time.Time) (wait time.Duration, flooding bool) {
	reservation := g.limiter.ReserveN(now, 1)
	wait = reservation.DelayFrom(now)
	if wait == 0 {
		return 0, false
	}
	reservation.CancelAt(now)
	if g.excessSince.IsZero() || now.Sub(g.lastRefusal) > floodPause {
		g.excessSince = now
	}
	g.lastRefusal = now
	return wait, now.Sub(g.excessSince) >= floodAfter
}
