// Package cluster tests several nodes as one service, from outside: real processes on addresses of their own, a real
// redis-server, people with sound that go where they are told to and come back when they are cut off, and faults.
//
// A test says what must be true after a fault and prints how long it took. In `make test` each fault happens once, with
// the race detector and bounds that a busy machine keeps; `make faults` (-faults) has the promised bounds, and more
// of everything. What a test is made of:
//   - cluster_test.go, node_test.go, redis_test.go, namespaces_test.go: the machines and the cables between them;
//   - person_test.go, seat_test.go, keeper_test.go: people, their connections, and how they move between nodes;
//   - voice_test.go, ear_test.go: tones with numbered frames, and what was heard of them;
//   - record_test.go, talk_test.go: rosters, versions, chat and whispers, as people saw them;
//   - chaos_test.go, chaos_faults_test.go, chaos_promises_test.go: faults drawn by a seed (-seed repeats it), and what holds after each;
//   - bounds_test.go: how often, how long, and the figures.
//
// Nothing here may import the server's packages.
package cluster

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"hubbub/signaling/blackbox/process"
)

// serverBinary is the server under test.
var serverBinary string

// shared is a cluster of three with Redis for the tests that break nothing. It starts when the first of them asks for it.
var shared = sync.OnceValues(func() (*cluster, error) { return launch(layout{nodes: 3, redis: true}) })

// started tells whether anybody has asked for it.
var started atomic.Bool

func theCluster(t *testing.T) *cluster {
	t.Helper()
	started.Store(true)
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMain(m *testing.M) {
	flag.Parse()
	// Tests of faults measure sound: a few at once wait for each other's timers, many would take each other's processor.
	if err := flag.Set("test.parallel", fmt.Sprint(full(1, 3))); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "hubbub-cluster-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	serverBinary, err = process.Build(context.Background(), dir, full(nil, []string{"-race"})...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code = m.Run()
	if started.Load() {
		c, err := shared()
		if err == nil {
			err = c.stop()
		}
		if err != nil {
			code = max(code, 1)
			fmt.Fprintln(os.Stderr, errors.Join(errors.New("the shared cluster"), err))
		}
	}
	return code
}
