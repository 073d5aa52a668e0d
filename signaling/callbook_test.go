package signaling

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hubbub/cluster"
)

// TestCallBookNeverGoesBack has the news of a call arrive in any order, some of it repeatedly, as it does from several nodes: who is told
// each time that it is news sees states that only go on, and at last the final one.
func TestCallBookNeverGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newCallBook(nil, time.Minute)
		now := time.Now()
		c := cluster.Call{ID: "1", From: "ana", To: "ben", Expires: now.Add(ringFor)}
		history := []cluster.CallState{cluster.CallRinging, cluster.CallAccepted, cluster.CallEnded}
		news := append(rapid.SliceOf(rapid.SampledFrom(history)).Draw(t, "news"), cluster.CallEnded)
		var told []cluster.CallState
		for _, state := range news {
			c.State = state
			b.mu.Lock()
			for _, step := range b.note(c, now) {
				told = append(told, step.State)
			}
			b.mu.Unlock()
		}
		for i := 1; i < len(told); i++ {
			// Who was told that it rings hears of each further state: a client need not guess what lies between.
			if progress(told[i]) <= progress(told[i-1]) || told[0] == cluster.CallRinging && progress(told[i]) != i {
				t.Fatalf("of %v these were told: %v", news, told)
			}
		}
		if told[len(told)-1] != cluster.CallEnded {
			t.Fatalf("of %v these were told: %v", news, told)
		}
	})
}

// TestCallBookIsBounded fills it: what does not fit is not known, and what was finished makes room.
func TestCallBookIsBounded(t *testing.T) {
	b := newCallBook(nil, time.Minute)
	now := time.Now()
	b.mu.Lock()
	for range maxKnownCalls {
		if len(b.note(cluster.Call{ID: newID(), From: "ana", To: "ben", State: cluster.CallRinging, Expires: now.Add(ringFor)}, now)) == 0 {
			t.Fatal("full too early")
		}
	}
	if len(b.note(cluster.Call{ID: "more", State: cluster.CallRinging}, now)) > 0 {
		t.Error("more than may be")
	}
	b.mu.Unlock()
	due, _ := b.takeDue(now.Add(ringFor))
	if len(due) != maxKnownCalls {
		t.Errorf("%d calls are due, want %d", len(due), maxKnownCalls)
	}
	b.drop(due[0].call.ID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.note(cluster.Call{ID: "more", State: cluster.CallRinging}, now)) == 0 {
		t.Error("there is space again")
	}
}

// TestCallBookKnowsForHowLongACallerIsGone: only absence without a break counts.
func TestCallBookKnowsForHowLongACallerIsGone(t *testing.T) {
	b := newCallBook(nil, time.Minute)
	now := time.Now()
	b.mu.Lock()
	b.note(cluster.Call{ID: "1", From: "ana", To: "ben", State: cluster.CallRinging, Expires: now.Add(ringFor)}, now)
	b.mu.Unlock()
	for i, step := range []struct {
		at     time.Duration
		there  bool
		absent time.Duration
	}{
		{1 * time.Second, true, 0},
		{2 * time.Second, false, 0},
		{5 * time.Second, false, 3 * time.Second},
		{6 * time.Second, true, 0},
		{7 * time.Second, false, 0},
		{9 * time.Second, false, 2 * time.Second},
	} {
		if absent := b.noteCaller("1", step.there, now.Add(step.at)); absent != step.absent {
			t.Errorf("step %d: gone for %s, want %s", i, absent, step.absent)
		}
	}
	if due, next := b.takeDue(now.Add(10 * time.Second)); len(due) != 1 || next.Sub(now) != 11*time.Second {
		t.Errorf("%d calls are looked at, the next one after %s", len(due), next.Sub(now))
	}
	if _, next := b.takeDue(now.Add(ringFor - time.Second/2)); next.Sub(now) != ringFor {
		t.Errorf("it is missed after %s", next.Sub(now))
	}
	if b.noteCaller("2", false, now) != 0 {
		t.Error("a call that is not known has a caller")
	}
}

// awayCalls is a shared store that can be away.
type awayCalls struct {
	*cluster.MemoryCalls
	away bool
}

func (a *awayCalls) Keep(ctx context.Context, c cluster.Call) (cluster.Call, error) {
	if a.away {
		return cluster.Call{}, cluster.ErrUnavailable
	}
	return a.MemoryCalls.Keep(ctx, c)
}

// TestCallBookMovesOwnCallsToTheSharedStore once that is back.
func TestCallBookMovesOwnCallsToTheSharedStore(t *testing.T) {
	limits := cluster.DefaultCallLimits(time.Minute)
	shared := &awayCalls{MemoryCalls: cluster.NewMemoryCalls(limits, time.Now), away: true}
	b := newCallBook(shared, time.Minute)
	c := cluster.Call{ID: "1", From: "ana", To: "ben", State: cluster.CallRinging, Expires: time.Now().Add(ringFor)}
	if err := b.own.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c, _, err := b.own.Transition(t.Context(), c, cluster.CallAccepted)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := b.keepIn(t.Context(), c); err != nil || now != c || !b.isOwn("1") {
		t.Errorf("while it is away: %+v, %v, own %t", now, err, b.isOwn("1"))
	}
	shared.away = false
	if now, err := b.keepIn(t.Context(), c); err != nil || now != c || b.isOwn("1") {
		t.Errorf("once it is back: %+v, %v, own %t", now, err, b.isOwn("1"))
	}
	if now, err := shared.Get(t.Context(), "1"); err != nil || now != c {
		t.Errorf("in the shared store: %+v, %v", now, err)
	}
}
