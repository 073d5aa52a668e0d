// Package clustertest states as tests what every implementation of the interfaces of package cluster must do.
package clustertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/cluster"
)

// NewInbox makes an empty inbox for one test; now is its clock.
type NewInbox func(t *testing.T, limits cluster.InboxLimits, now func() time.Time) cluster.Inbox

// TestInbox runs an implementation of cluster.Inbox through all that the interface promises, but for the space of all users
// together, which not every implementation reckons itself: TestInboxSpace does that.
func TestInbox(t *testing.T, newInbox NewInbox) {
	t.Run("keeps the order of storing", func(t *testing.T) { inboxKeepsOrder(t, newInbox) })
	t.Run("settles once", func(t *testing.T) { inboxSettlesOnce(t, newInbox) })
	t.Run("settles once for concurrent devices", func(t *testing.T) { inboxSettlesOnceConcurrently(t, newInbox) })
	t.Run("bounds a user", func(t *testing.T) { inboxBoundsUser(t, newInbox) })
	t.Run("forgets the old", func(t *testing.T) { inboxExpires(t, newInbox) })
	t.Run("stores once", func(t *testing.T) { inboxStoresOnce(t, newInbox) })
	t.Run("knows what it was given before", func(t *testing.T) { inboxKnowsRepetition(t, newInbox) })
	t.Run("shows what was settled just now in its place", func(t *testing.T) { inboxShowsSettled(t, newInbox) })
	t.Run("changes no text", func(t *testing.T) { inboxKeepsText(t, newInbox) })
	t.Run("keeps the order when the clock is set back", func(t *testing.T) { inboxClockSetBack(t, newInbox) })
}

// TestInboxSpace tests an implementation that bounds the bytes of all users' whispers together by the limits.
func TestInboxSpace(t *testing.T, newInbox NewInbox) { inboxBoundsAll(t, newInbox) }

var inboxLimits = cluster.InboxLimits{PerUser: 5, Age: time.Hour, Bytes: 1 << 20}

// clock is a time that only the test moves.
type clock struct{ nanoseconds atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.nanoseconds.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanoseconds.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

func whisper(to, id string) cluster.Whisper {
	return cluster.Whisper{
		ID: id, From: "ana", FromName: "Ana", To: to, Text: "psst " + id, Room: "lobby", Origin: "a",
		Time: time.Date(2026, 1, 2, 3, 4, 5, int(time.Millisecond), time.UTC),
	}
}

func store(t *testing.T, in cluster.Inbox, to string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, err := in.Store(t.Context(), whisper(to, id)); err != nil {
			t.Fatalf("storing %s: %v", id, err)
		}
	}
}

func settle(t *testing.T, in cluster.Inbox, user, id string) bool {
	t.Helper()
	was, err := in.Settle(t.Context(), user, id)
	if err != nil {
		t.Fatalf("settling %s: %v", id, err)
	}
	return was
}

func wantPending(t *testing.T, in cluster.Inbox, user string, ids ...string) {
	t.Helper()
	pending, err := in.Pending(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range pending {
		got = append(got, w.ID)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("pending for %s: %v, want %v", user, got, ids)
	}
}

func inboxKeepsOrder(t *testing.T, newInbox NewInbox) {
	in := newInbox(t, inboxLimits, newClock().now)
	wantPending(t, in, "ben")
	store(t, in, "ben", "c", "a", "b") // all at the same moment
	store(t, in, "cleo", "d")
	wantPending(t, in, "ben", "c", "a", "b")
	wantPending(t, in, "ben", "c", "a", "b") // reading settles nothing
	wantPending(t, in, "cleo", "d")
	pending, err := in.Pending(t.Context(), "cleo")
	if want := whisper("cleo", "d"); err != nil || len(pending) != 1 || pending[0] != want {
		t.Errorf("came back as %+v, %v; want %+v", pending, err, want)
	}
}

func inboxSettlesOnce(t *testing.T, newInbox NewInbox) {
	in := newInbox(t, inboxLimits, newClock().now)
	store(t, in, "ben", "a", "b", "c")
	if settle(t, in, "cleo", "b") {
		t.Error("settled by a user whom it is not for")
	}
	if settle(t, in, "ben", "x") {
		t.Error("settled one that never was")
	}
	if !settle(t, in, "ben", "b") {
		t.Error("not settled although it was there")
	}
	if settle(t, in, "ben", "b") {
		t.Error("settled twice")
	}
	wantPending(t, in, "ben", "a", "c")
	store(t, in, "ben", "d")
	wantPending(t, in, "ben", "a", "c", "d")
}

func inboxSettlesOnceConcurrently(t *testing.T, newInbox NewInbox) {
	in := newInbox(t, inboxLimits, newClock().now)
	store(t, in, "ben", "a")
	var settled atomic.Int32
	var devices sync.WaitGroup
	for range 8 {
		devices.Go(func() {
			was, err := in.Settle(context.WithoutCancel(t.Context()), "ben", "a")
			if err != nil {
				t.Error(err)
			}
			if was {
				settled.Add(1)
			}
		})
	}
	devices.Wait()
	if n := settled.Load(); n != 1 {
		t.Errorf("settled %d times", n)
	}
}

func inboxBoundsUser(t *testing.T, newInbox NewInbox) {
	in := newInbox(t, inboxLimits, newClock().now)
	store(t, in, "ben", "1", "2", "3", "4", "5", "6", "7")
	store(t, in, "cleo", "8")
	wantPending(t, in, "ben", "3", "4", "5", "6", "7")
	if settle(t, in, "ben", "1") {
		t.Error("settled one that was pushed out")
	}
	wantPending(t, in, "cleo", "8")
}

func inboxBoundsAll(t *testing.T, newInbox NewInbox) {
	limits, clk := inboxLimits, newClock()
	limits.Bytes = 20 * whisper("user0", "10").Size()
	in := newInbox(t, limits, clk.now)
	var err error
	users := 0
	for ; err == nil && users < 100; users++ {
		_, err = in.Store(t.Context(), whisper(fmt.Sprint("user", users), "10"))
	}
	if !errors.Is(err, cluster.ErrInboxFull) {
		t.Fatalf("after %d whispers: %v, want ErrInboxFull", users, err)
	}
	refused := fmt.Sprint("user", users-1)
	wantPending(t, in, refused)
	wantPending(t, in, "user0", "10")

	if !settle(t, in, "user0", "10") {
		t.Fatal("not settled")
	}
	store(t, in, "user1", "11") // into the space that became free
	clk.advance(limits.Age)
	store(t, in, "user2", "12") // into the space that age has freed
	wantPending(t, in, "user2", "12")

	long := whisper("user3", "13")
	long.Text = strings.Repeat("x", limits.Bytes)
	if _, err := in.Store(t.Context(), long); !errors.Is(err, cluster.ErrInboxFull) {
		t.Errorf("one that is too long by itself: %v, want ErrInboxFull", err)
	}
	wantPending(t, in, "user2", "12")
}

func inboxExpires(t *testing.T, newInbox NewInbox) {
	clk := newClock()
	in := newInbox(t, inboxLimits, clk.now)
	store(t, in, "ben", "a")
	store(t, in, "cleo", "b")
	clk.advance(inboxLimits.Age / 2)
	store(t, in, "ben", "c")
	clk.advance(inboxLimits.Age/2 - 1e6)
	wantPending(t, in, "ben", "a", "c")
	clk.advance(1e6)
	wantPending(t, in, "ben", "c")
	if settle(t, in, "cleo", "b") {
		t.Error("settled one that had expired")
	}
	clk.advance(inboxLimits.Age)
	wantPending(t, in, "ben")
}

func inboxStoresOnce(t *testing.T, newInbox NewInbox) {
	in := newInbox(t, inboxLimits, newClock().now)
	store(t, in, "ben", "a", "b", "a", "b", "a")
	store(t, in, "cleo", "a") // another whisper: ids are of one user
	wantPending(t, in, "ben", "a", "b")
	if !settle(t, in, "ben", "a") {
		t.Error("not settled although it was there")
	}
	wantPending(t, in, "ben", "b")
	wantPending(t, in, "cleo", "a")

	store(t, in, "dora", "1", "2", "3", "4", "5", "1") // has no need of space, so nothing is pushed out
	wantPending(t, in, "dora", "1", "2", "3", "4", "5")
}

func inboxKnowsRepetition(t *testing.T, newInbox NewInbox) {
	clk := newClock()
	in := newInbox(t, inboxLimits, clk.now)
	want := func(w cluster.Whisper, want cluster.Deposit) {
		t.Helper()
		got, err := in.Store(t.Context(), w)
		if err != nil || got.Repeated != want.Repeated || got.Settled != want.Settled || !got.Time.Equal(want.Time) {
			t.Errorf("storing %s: %+v, %v; want %+v", w.ID, got, err, want)
		}
	}
	first, again := whisper("ben", "a"), whisper("ben", "a")
	first.Time = first.Time.Add(123456 * time.Nanosecond)
	again.Time, again.Text = again.Time.Add(time.Second), "something else"
	want(first, cluster.Deposit{Time: first.Time})
	want(again, cluster.Deposit{Time: first.Time, Repeated: true})
	if pending, err := in.Pending(t.Context(), "ben"); err != nil || len(pending) != 1 || pending[0].Text != first.Text {
		t.Errorf("pending: %+v, %v", pending, err)
	}
	if !settle(t, in, "ben", "a") {
		t.Error("not settled although it was there")
	}
	want(again, cluster.Deposit{Time: first.Time, Repeated: true, Settled: true})
	wantPending(t, in, "ben")
	if settle(t, in, "ben", "a") {
		t.Error("settled twice")
	}
	other := whisper("cleo", "a") // of another user
	want(other, cluster.Deposit{Time: other.Time})
}

func inboxShowsSettled(t *testing.T, newInbox NewInbox) {
	clk := newClock()
	in := newInbox(t, inboxLimits, clk.now)
	want := func(want string) {
		t.Helper()
		recent, err := in.Recent(t.Context(), "ben")
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, w := range recent {
			got.WriteString(w.ID)
			if w.Settled {
				got.WriteString("!")
			}
		}
		if got.String() != want {
			t.Errorf("recently %q, want %q", got.String(), want)
		}
	}
	want("")
	store(t, in, "ben", "a", "b", "c")
	want("abc")
	settle(t, in, "ben", "b")
	want("ab!c")
	wantPending(t, in, "ben", "a", "c")
	clk.advance(time.Second)
	store(t, in, "ben", "d")
	settle(t, in, "ben", "a")
	want("a!b!cd")
	clk.advance(9 * time.Second)
	want("a!cd")
	clk.advance(time.Second)
	want("cd")
	settle(t, in, "ben", "d")
	settle(t, in, "ben", "c")
	want("c!d!")
	wantPending(t, in, "ben")
	store(t, in, "ben", "e")
	want("c!d!e")

	// What is settled takes no one's place, and is bounded itself.
	store(t, in, "ben", "f", "g", "h", "i")
	want("c!d!efghi")
	for _, id := range []string{"e", "f", "g", "h"} {
		settle(t, in, "ben", id)
	}
	store(t, in, "ben", "j")
	wantPending(t, in, "ben", "i", "j")
	if recent, err := in.Recent(t.Context(), "ben"); err != nil || len(recent) != inboxLimits.PerUser+2 {
		t.Errorf("recently: %+v, %v", recent, err)
	}
	clk.advance(10 * time.Second)
	want("ij")
}

func inboxKeepsText(t *testing.T, newInbox NewInbox) {
	in := newInbox(t, inboxLimits, newClock().now)
	want := whisper("Łucja:ß.1", "a")
	want.Text = "a\tb\r\n\u2028 <b>&amp;</b> \"quoted\" \\ 👩‍🚀 \U0010ffff \u0001"
	want.FromName = "Ana {user:x}"
	if _, err := in.Store(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	pending, err := in.Pending(t.Context(), want.To)
	if err != nil || len(pending) != 1 || pending[0] != want {
		t.Errorf("came back as %+v, %v; want %+v", pending, err, want)
	}
}

func inboxClockSetBack(t *testing.T, newInbox NewInbox) {
	clk := newClock()
	in := newInbox(t, inboxLimits, clk.now)
	store(t, in, "ben", "a", "b")
	clk.advance(-time.Minute) // or another node's clock
	store(t, in, "ben", "c", "d")
	wantPending(t, in, "ben", "a", "b", "c", "d")
	if !settle(t, in, "ben", "b") || !settle(t, in, "ben", "d") {
		t.Error("not settled although it was there")
	}
	store(t, in, "ben", "e")
	wantPending(t, in, "ben", "a", "c", "e")
}
