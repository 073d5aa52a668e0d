package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hubbub/cluster"
	"hubbub/cluster/clustertest"
	"hubbub/cluster/redistest"
)

func newMemoryCalls(_ *testing.T, limits cluster.CallLimits, now func() time.Time) cluster.Calls {
	return cluster.NewMemoryCalls(limits, now)
}

func TestMemoryCalls(t *testing.T) { clustertest.TestCalls(t, newMemoryCalls) }

func TestRedisCalls(t *testing.T) {
	for name, deploy := range deployments {
		if name != "single" && name != "cluster" {
			continue // no other commands than those that the inbox is tested with there
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := openRedis(t, deploy(t))
			clustertest.TestCalls(t, func(t *testing.T, limits cluster.CallLimits, now func() time.Time) cluster.Calls {
				flush(t, r)
				return cluster.NewRedisCalls(r, limits, now)
			})
		})
	}
}

// TestRedisCallsOwnClock has Redis's clock decide, as nodes do.
func TestRedisCallsOwnClock(t *testing.T) {
	t.Parallel()
	r := openRedis(t, redistest.Start(t).URL())
	limits := cluster.DefaultCallLimits(time.Second)
	m := cluster.NewRedisCalls(r, limits, nil)
	c := cluster.Call{ID: "1", From: "ana", To: "ben", State: cluster.CallRinging, Expires: time.Now().Add(time.Minute)}
	if err := m.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c, changed, err := m.Transition(t.Context(), c, cluster.CallAccepted)
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	eventually(t, "the end of what nobody keeps", func() error {
		calls, err := m.OfUser(t.Context(), "ana")
		if err == nil && len(calls) > 0 {
			err = fmt.Errorf("%+v", calls)
		}
		return err
	})
	if _, err := m.Keep(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	keys, err := r.Keys(t.Context())
	if err != nil || len(keys) != 5 { // calls, deadlines, the two users, the probe
		t.Errorf("keys: %v, %v", keys, err)
	}
	for _, key := range keys {
		if err := r.Do(t.Context(), "EVAL", "return redis.call('PTTL', KEYS[1]) > 0 or nil", 1, key); err != nil {
			t.Errorf("%s stays for ever: %v", key, err)
		}
	}
}

// TestRedisCallsAway has every method say that Redis cannot be reached.
func TestRedisCallsAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	r := openRedisWith(t, cluster.RedisConfig{URL: server.URL()})
	m := cluster.NewRedisCalls(r, cluster.DefaultCallLimits(time.Minute), nil)
	if err := m.Create(t.Context(), cluster.Call{ID: "1", From: "ana", To: "ben"}); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	c := cluster.Call{ID: "1", From: "ana", To: "ben", State: cluster.CallRinging}
	for name, do := range map[string]func(ctx context.Context) error{
		"create":     func(ctx context.Context) error { return m.Create(ctx, c) },
		"transition": func(ctx context.Context) error { _, _, err := m.Transition(ctx, c, cluster.CallAccepted); return err },
		"keep":       func(ctx context.Context) error { _, err := m.Keep(ctx, c); return err },
		"get":        func(ctx context.Context) error { _, err := m.Get(ctx, "1"); return err },
		"of user":    func(ctx context.Context) error { _, err := m.OfUser(ctx, "ana"); return err },
	} {
		if err := do(t.Context()); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
}

// attempt is what one of many devices tries with a call that rings.
type attempt struct {
	call int
	to   cluster.CallState
	from int // the store that it asks
}

// TestCallTransitionsConcurrently has devices on several nodes do anything with a few calls between a few users at once. Of the
// transitions from one state exactly one is made, and nobody is ever in two accepted calls.
func TestCallTransitionsConcurrently(t *testing.T) {
	t.Parallel()
	r := openRedis(t, redistest.Start(t).URL())
	memory := func() []cluster.Calls {
		return []cluster.Calls{cluster.NewMemoryCalls(cluster.DefaultCallLimits(time.Hour), time.Now)}
	}
	shared := func() []cluster.Calls {
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		limits := cluster.DefaultCallLimits(time.Minute)
		return []cluster.Calls{cluster.NewRedisCalls(r, limits, nil), cluster.NewRedisCalls(r, limits, nil)}
	}
	for name, stores := range map[string]func() []cluster.Calls{"memory": memory, "redis": shared} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { transitConcurrently(t.Context(), rt, stores()) })
		})
	}
}

func transitConcurrently(ctx context.Context, t *rapid.T, stores []cluster.Calls) {
	users := []string{"ana", "ben", "cleo", "dora"}
	var calls []cluster.Call
	for i, from := range users {
		for _, to := range users[i+1:] {
			c := cluster.Call{
				ID: from + to, From: from, To: to, State: cluster.CallRinging, Expires: time.Now().Add(time.Hour).Truncate(time.Millisecond),
			}
			if err := stores[0].Create(ctx, c); err != nil {
				t.Fatal(err)
			}
			calls = append(calls, c)
		}
	}
	attempts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) attempt {
		return attempt{
			call: rapid.IntRange(0, len(calls)-1).Draw(t, "call"),
			to: rapid.SampledFrom([]cluster.CallState{
				cluster.CallAccepted, cluster.CallAccepted, cluster.CallDeclined, cluster.CallCancelled, cluster.CallMissed,
			}).Draw(t, "to"),
			from: rapid.IntRange(0, len(stores)-1).Draw(t, "store"),
		}
	}), 1, 24).Draw(t, "attempts")

	var mu sync.Mutex
	moved := make(map[int]cluster.CallState)
	var devices sync.WaitGroup
	for _, a := range attempts {
		devices.Go(func() {
			_, changed, err := stores[a.from].Transition(ctx, calls[a.call], a.to)
			if err != nil && (!errors.Is(err, cluster.ErrBusy) || a.to != cluster.CallAccepted || changed) {
				t.Errorf("%s to %s: %t, %v", calls[a.call].ID, a.to, changed, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if before, already := moved[a.call]; changed && already {
				t.Errorf("%s became %s and %s", calls[a.call].ID, before, a.to)
			}
			if changed {
				moved[a.call] = a.to
			}
		})
	}
	devices.Wait()
	inCall := make(map[string]string)
	for i, c := range calls {
		now, err := stores[len(stores)-1].Get(ctx, c.ID)
		want, decided := moved[i]
		if !decided {
			want = cluster.CallRinging
		}
		if err != nil || now.State != want {
			t.Fatalf("%s is %s, %v; want %s", c.ID, now.State, err, want)
		}
		for _, user := range []string{c.From, c.To} {
			if now.State != cluster.CallAccepted {
				continue
			}
			if other, busy := inCall[user]; busy {
				t.Errorf("%s is in %s and %s", user, other, c.ID)
			}
			inCall[user] = c.ID
		}
	}
}
