package cluster

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

var (
	measuring = flag.Bool("faults", false, "hold every fault against its promised bound, many times, without the race detector")
	howOften  = flag.Int("runs", 0, "how often each fault happens; 0 is 1, with -faults 10")
)

// patience is how long a test waits for what must happen soon, on a machine that is busy with other tests.
const patience = 30 * time.Second

// full chooses between the sizes of `make faults` and `make test`.
func full[T any](whole, quick T) T {
	if *measuring {
		return whole
	}
	return quick
}

// atMost is a promised bound, eased where the machine is busy and the binary slow.
func atMost(d time.Duration) time.Duration { return full(d, 8*d) }

// figures are what was measured, over all repetitions of a fault.
type figures struct {
	order  []string
	values map[string][]time.Duration
	bounds map[string]time.Duration
}

// silence notes how long somebody did not hear somebody else.
func (f *figures) silence(t *testing.T, what string, s silence, bound time.Duration) {
	t.Helper()
	f.add(t, what, s.Duration, bound)
	if s.Duration > bound {
		t.Log(s)
	}
}

// add notes a figure, and fails the test that is above its bound; 0 is none.
func (f *figures) add(t *testing.T, what string, took, bound time.Duration) {
	t.Helper()
	if f.values == nil {
		f.values, f.bounds = make(map[string][]time.Duration), make(map[string]time.Duration)
	}
	if f.values[what] == nil {
		f.order = append(f.order, what)
	}
	f.values[what] = append(f.values[what], took)
	f.bounds[what] = bound
	if bound > 0 && took > atMost(bound) {
		t.Errorf("%s: %s, want at most %s", what, took.Round(time.Millisecond), atMost(bound))
	}
}

func (f *figures) print(t *testing.T) {
	t.Helper()
	for _, what := range f.order {
		v := slices.Sorted(slices.Values(f.values[what]))
		line := fmt.Sprintf("%s: median %s, worst %s", what, v[len(v)/2].Round(time.Millisecond), v[len(v)-1].Round(time.Millisecond))
		if bound := f.bounds[what]; bound > 0 {
			line += fmt.Sprintf(" (promised %s)", bound)
		}
		t.Logf("%s, %d run(s)", line, len(v))
	}
}

// repeat lets a fault happen as often as it should, and prints the figures.
func repeat(t *testing.T, once func(t *testing.T, f *figures)) {
	t.Helper()
	runs := *howOften
	if runs == 0 {
		runs = full(10, 1)
	}
	var f figures
	for i := range runs {
		t.Run(fmt.Sprintf("run %d", i+1), func(t *testing.T) { once(t, &f) })
	}
	f.print(t)
}

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	if !poll(patience, cond) {
		t.Fatalf("not within %s: %s", patience, what)
	}
}

// poll asks until cond holds, or limit has passed.
func poll(limit time.Duration, cond func() bool) bool {
	deadline := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			return cond()
		}
	}
	return true
}

// pass lets real time pass, where it is time that is tested: an outage that lasts, people who talk for a while.
func pass(d time.Duration) { <-time.After(d) }

func within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

var serial atomic.Int64

// unique makes a room or user that no other test has.
func unique(prefix string) string { return fmt.Sprintf("%s-%d", prefix, serial.Add(1)) }
