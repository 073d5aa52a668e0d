package signaling

import (
	"testing"
	"time"
)

func TestFloodGate(t *testing.T) {
	start := time.Unix(1000, 0)
	t.Run("a burst passes, then the rate", func(t *testing.T) {
		g := newFloodGate()
		for i := range rateBurst {
			if wait, _ := g.admit(start); wait != 0 {
				t.Fatalf("request %d of the burst was refused", i)
			}
		}
		wait, flooding := g.admit(start)
		if wait <= 0 || wait > time.Second/ratePerSecond || flooding {
			t.Fatalf("after the burst: wait %v, flooding %v", wait, flooding)
		}
		if again, _ := g.admit(start); again != wait {
			t.Errorf("a refused request cost something: wait %v, then %v", wait, again)
		}
		if late, _ := g.admit(start.Add(wait)); late != 0 {
			t.Errorf("refused again, %v after the wait that it was told", late)
		}
	})
	t.Run("ten seconds of steady excess are a flood", func(t *testing.T) {
		g := newFloodGate()
		now, closedAfter := start, time.Duration(0)
		for ; closedAfter == 0 && now.Sub(start) < time.Minute; now = now.Add(10 * time.Millisecond) {
			if _, flooding := g.admit(now); flooding {
				closedAfter = now.Sub(start)
			}
		}
		// The burst lasts less than a second at this speed.
		if closedAfter < floodAfter || closedAfter > floodAfter+time.Second {
			t.Errorf("closed after %v", closedAfter)
		}
	})
	t.Run("bursts with pauses are no flood", func(t *testing.T) {
		g := newFloodGate()
		now := start
		for range 20 {
			for range 2 * rateBurst {
				if _, flooding := g.admit(now); flooding {
					t.Fatalf("closed at %v", now.Sub(start))
				}
			}
			now = now.Add(floodPause + time.Second)
		}
	})
	t.Run("who obeys retryAfter is never a flooder", func(t *testing.T) {
		g := newFloodGate()
		now := start
		for range 2000 {
			wait, flooding := g.admit(now)
			if flooding {
				t.Fatalf("closed at %v", now.Sub(start))
			}
			if wait > 0 {
				now = now.Add(time.Duration(roundUpMillis(wait)) * time.Millisecond)
				if wait, _ := g.admit(now); wait != 0 {
					t.Fatalf("refused after retryAfter, for another %v", wait)
				}
			}
		}
	})
}
