package clustertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/cluster"
)

// NewCalls makes a store without calls for one test; now is its clock.
type NewCalls func(t *testing.T, limits cluster.CallLimits, now func() time.Time) cluster.Calls

// TestCalls runs an implementation of cluster.Calls through all that the interface promises.
func TestCalls(t *testing.T, newCalls NewCalls) {
	t.Run("goes from state to state", func(t *testing.T) { callsMove(t, newCalls) })
	t.Run("moves once for concurrent devices", func(t *testing.T) { callsMoveOnce(t, newCalls) })
	t.Run("changes nothing of a call", func(t *testing.T) { callsKeepContent(t, newCalls) })
	t.Run("knows who is busy", func(t *testing.T) { callsKnowBusy(t, newCalls) })
	t.Run("has one call between two", func(t *testing.T) { callsAreOneBetweenTwo(t, newCalls) })
	t.Run("is bounded", func(t *testing.T) { callsAreBounded(t, newCalls) })
	t.Run("forgets", func(t *testing.T) { callsAreForgotten(t, newCalls) })
	t.Run("keeps what is accepted", func(t *testing.T) { callsAreKept(t, newCalls) })
}

var callLimits = cluster.CallLimits{Begun: 4, Waiting: 3, Total: 12, Lease: 30 * time.Second}

// newCall makes a call that has 30 s to be answered.
func newCall(clk *clock, id, from, to string) cluster.Call {
	return cluster.Call{
		ID: id, From: from, FromName: "Name of " + from, To: to, ToName: "Name of " + to, Media: "audio", Room: "call:" + id,
		State: cluster.CallRinging, Expires: clk.now().Add(30 * time.Second).Truncate(time.Millisecond).UTC(),
	}
}

// ring creates a call, which must be possible.
func ring(t *testing.T, m cluster.Calls, clk *clock, id, from, to string) cluster.Call {
	t.Helper()
	c := newCall(clk, id, from, to)
	if err := m.Create(t.Context(), c); err != nil {
		t.Fatalf("%s calls %s: %v", from, to, err)
	}
	return c
}

// move moves a call, which must be possible.
func move(t *testing.T, m cluster.Calls, c cluster.Call, to cluster.CallState) cluster.Call {
	t.Helper()
	now, changed, err := m.Transition(t.Context(), c, to)
	if err != nil || !changed || now.State != to {
		t.Fatalf("%s from %s to %s: %s, %t, %v", c.ID, c.State, to, now.State, changed, err)
	}
	return now
}

func wantRefused(t *testing.T, m cluster.Calls, c cluster.Call, want error) {
	t.Helper()
	if err := m.Create(t.Context(), c); !errors.Is(err, want) {
		t.Errorf("%s calls %s: %v, want %v", c.From, c.To, err, want)
	}
	if _, err := m.Get(t.Context(), c.ID); !errors.Is(err, cluster.ErrNoCall) {
		t.Errorf("a call that was refused: %v, want ErrNoCall", err)
	}
}

func wantState(t *testing.T, m cluster.Calls, id string, want cluster.CallState) {
	t.Helper()
	if c, err := m.Get(t.Context(), id); err != nil || c.State != want {
		t.Errorf("%s is %q, %v; want %q", id, c.State, err, want)
	}
}

func wantCalls(t *testing.T, m cluster.Calls, user string, ids ...string) {
	t.Helper()
	calls, err := m.OfUser(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range calls {
		got = append(got, c.ID)
	}
	slices.Sort(got)
	if !slices.Equal(got, ids) {
		t.Errorf("calls of %s: %v, want %v", user, got, ids)
	}
}

func callsMove(t *testing.T, newCalls NewCalls) {
	clk := newClock()
	m := newCalls(t, callLimits, clk.now)
	wantCalls(t, m, "ana")
	ringing := ring(t, m, clk, "1", "ana", "ben")
	wantCalls(t, m, "ana", "1")
	wantCalls(t, m, "ben", "1")
	wantCalls(t, m, "cleo")
	accepted := move(t, m, ringing, cluster.CallAccepted)
	wantCalls(t, m, "ben", "1")
	for _, late := range []cluster.CallState{cluster.CallAccepted, cluster.CallDeclined, cluster.CallCancelled, cluster.CallMissed} {
		now, changed, err := m.Transition(t.Context(), ringing, late)
		if err != nil || changed || now != accepted {
			t.Errorf("late to %s: %+v, %t, %v; want %+v", late, now, changed, err, accepted)
		}
	}
	ended := move(t, m, accepted, cluster.CallEnded)
	if now, changed, err := m.Transition(t.Context(), accepted, cluster.CallEnded); err != nil || changed || now != ended {
		t.Errorf("ended twice: %+v, %t, %v", now, changed, err)
	}
	wantState(t, m, "1", cluster.CallEnded)
	wantCalls(t, m, "ana")
	wantCalls(t, m, "ben")
	if _, _, err := m.Transition(t.Context(), newCall(clk, "x", "ana", "ben"), cluster.CallMissed); !errors.Is(err, cluster.ErrNoCall) {
		t.Errorf("one that never was: %v, want ErrNoCall", err)
	}
}

func callsMoveOnce(t *testing.T, newCalls NewCalls) {
	clk := newClock()
	m := newCalls(t, callLimits, clk.now)
	c := ring(t, m, clk, "1", "ana", "ben")
	ends := []cluster.CallState{cluster.CallAccepted, cluster.CallDeclined, cluster.CallCancelled, cluster.CallMissed}
	var moved atomic.Int32
	var devices sync.WaitGroup
	for i := range 16 {
		devices.Go(func() {
			_, changed, err := m.Transition(context.WithoutCancel(t.Context()), c, ends[i%len(ends)])
			if err != nil {
				t.Error(err)
			}
			if changed {
				moved.Add(1)
			}
		})
	}
	devices.Wait()
	if n := moved.Load(); n != 1 {
		t.Errorf("moved %d times", n)
	}
}

func callsKeepContent(t *testing.T, newCalls NewCalls) {
	clk := newClock()
	m := newCalls(t, callLimits, clk.now)
	want := newCall(clk, "1", "Łucja:ß.1", "贝亚")
	want.FromName, want.Media = "Łucja\n\"{}\" \\ \U0001f92b", "video"
	if err := m.Create(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	same := func(what string, got cluster.Call, err error) {
		t.Helper()
		got.Expires = got.Expires.UTC()
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, want)
		}
	}
	got, err := m.Get(t.Context(), "1")
	same("get", got, err)
	ofUser, err := m.OfUser(t.Context(), want.To)
	if len(ofUser) != 1 {
		t.Fatal(ofUser)
	}
	same("of user", ofUser[0], err)
	now, _, err := m.Transition(t.Context(), want, cluster.CallAccepted)
	want.State = cluster.CallAccepted
	same("transition", now, err)
	now, err = m.Keep(t.Context(), want)
	same("keep", now, err)
}

func callsKnowBusy(t *testing.T, newCalls NewCalls) {
	clk := newClock()
	m := newCalls(t, callLimits, clk.now)
	first := ring(t, m, clk, "1", "ana", "ben")
	second := ring(t, m, clk, "2", "cleo", "ben") // a user whom someone calls can be called
	third := ring(t, m, clk, "3", "ana", "dora")  // and may call several
	first = move(t, m, first, cluster.CallAccepted)

	wantRefused(t, m, newCall(clk, "4", "dora", "ben"), cluster.ErrBusy)
	wantRefused(t, m, newCall(clk, "5", "dora", "ana"), cluster.ErrBusy)
	wantRefused(t, m, newCall(clk, "6", "ben", "dora"), cluster.ErrInCall)
	wantRefused(t, m, newCall(clk, "7", "ana", "ben"), cluster.ErrBusy)
	for _, c := range []cluster.Call{second, third} { // the callee is busy, and the caller is
		if _, changed, err := m.Transition(t.Context(), c, cluster.CallAccepted); changed || !errors.Is(err, cluster.ErrBusy) {
			t.Errorf("%s accepted beside another: %t, %v; want ErrBusy", c.ID, changed, err)
		}
		wantState(t, m, c.ID, cluster.CallRinging)
	}
	move(t, m, third, cluster.CallDeclined)
	move(t, m, first, cluster.CallEnded)
	move(t, m, second, cluster.CallAccepted)
	ring(t, m, clk, "8", "dora", "ana")
}

func callsAreOneBetweenTwo(t *testing.T, newCalls NewCalls) {
	clk := newClock()
	m := newCalls(t, callLimits, clk.now)
	c := ring(t, m, clk, "1", "ana", "ben")
	wantRefused(t, m, newCall(clk, "2", "ana", "ben"), cluster.ErrCallThere)
	wantRefused(t, m, newCall(clk, "3", "ben", "ana"), cluster.ErrCallThere)
	move(t, m, c, cluster.CallMissed)
	ring(t, m, clk, "4", "ben", "ana")
}

func callsAreBounded(t *testing.T, newCalls NewCalls) {
	clk := newClock()
	m := newCalls(t, callLimits, clk.now)
	for i := range callLimits.Begun {
		move(t, m, ring(t, m, clk, fmt.Sprint("a", i), "ana", "ben"), cluster.CallCancelled)
	}
	wantRefused(t, m, newCall(clk, "a", "ana", "ben"), cluster.ErrTooManyCalls)
	for i := range callLimits.Waiting {
		ring(t, m, clk, fmt.Sprint("b", i), fmt.Sprint("user", i), "ben")
	}
	wantRefused(t, m, newCall(clk, "b", "dora", "ben"), cluster.ErrBusy)
	for i := callLimits.Begun + callLimits.Waiting; i < callLimits.Total; i++ {
		ring(t, m, clk, fmt.Sprint("c", i), fmt.Sprint("from", i), fmt.Sprint("to", i))
	}
	wantRefused(t, m, newCall(clk, "c", "dora", "edo"), cluster.ErrCallsFull)
	clk.advance(cluster.FinishedMemory)
	ring(t, m, clk, "d", "ana", "edo")
}

func callsAreForgotten(t *testing.T, newCalls NewCalls) {
	clk := newClock()
	m := newCalls(t, callLimits, clk.now)
	ended := ring(t, m, clk, "1", "ana", "ben")
	move(t, m, move(t, m, ended, cluster.CallAccepted), cluster.CallEnded)
	clk.advance(cluster.FinishedMemory - 2*time.Second)
	wantState(t, m, "1", cluster.CallEnded)
	clk.advance(3 * time.Second)
	if _, err := m.Get(t.Context(), "1"); !errors.Is(err, cluster.ErrNoCall) {
		t.Errorf("one that has been over for long: %v, want ErrNoCall", err)
	}

	ring(t, m, clk, "2", "ana", "ben") // whose nodes both die
	clk.advance(31 * time.Second)
	wantState(t, m, "2", cluster.CallRinging) // it takes a moment until it is missed
	clk.advance(time.Minute)
	wantCalls(t, m, "ben")
}

func callsAreKept(t *testing.T, newCalls NewCalls) {
	clk := newClock()
	m := newCalls(t, callLimits, clk.now)
	c := move(t, m, ring(t, m, clk, "1", "ana", "ben"), cluster.CallAccepted)
	for range 5 {
		clk.advance(callLimits.Lease - 2*time.Second)
		if now, err := m.Keep(t.Context(), c); err != nil || now.State != cluster.CallAccepted {
			t.Fatalf("kept as %s, %v", now.State, err)
		}
	}
	wantCalls(t, m, "ana", "1")
	clk.advance(callLimits.Lease + 2*time.Second)
	wantCalls(t, m, "ana")
	ring(t, m, clk, "2", "cleo", "ben") // who is not busy any more

	// Whoever was there all the time, and could not say so, brings it back.
	if now, err := m.Keep(t.Context(), c); err != nil || now.State != cluster.CallAccepted {
		t.Errorf("kept as %s, %v", now.State, err)
	}
	wantCalls(t, m, "ana", "1")
	wantCalls(t, m, "ben", "1", "2")

	// But not one that was hung up.
	ended := move(t, m, c, cluster.CallEnded)
	if now, err := m.Keep(t.Context(), c); err != nil || now.State != ended.State {
		t.Errorf("kept as %s, %v; want %s", now.State, err, ended.State)
	}
	wantCalls(t, m, "ana")
}
