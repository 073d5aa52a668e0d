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
	floodPause = 2 * time.Second  // without excess is its end
)

// floodGate limits one connection's requests. It is used by the connection's
// reader alone.
type floodGate struct {
	limiter     *rate.Limiter
	retryAt     time.Time // what the last refusal told
	excessSince time.Time // when the client began to ask again before retryAt
	excessLast  time.Time // when it did so last
}

func newFloodGate() *floodGate {
	return &floodGate{limiter: rate.NewLimiter(ratePerSecond, rateBurst)}
}

// admit takes one request. wait is 0 when it may be served, else the time after
// which a repeat will be: a refused request costs nothing. flooding is true once
// the client has not cared for that time for floodAfter; who waits as told may go
// on at the limit for ever.
func (g *floodGate) admit(now time.Time) (wait time.Duration, flooding bool) {
	reservation := g.limiter.ReserveN(now, 1)
	wait = reservation.DelayFrom(now)
	if wait == 0 {
		return 0, false
	}
	reservation.CancelAt(now)
	tooEarly := now.Before(g.retryAt)
	g.retryAt = now.Add(wait)
	if !tooEarly {
		return wait, false
	}
	if now.Sub(g.excessLast) > floodPause {
		g.excessSince = now
	}
	g.excessLast = now
	return wait, now.Sub(g.excessSince) >= floodAfter
}
