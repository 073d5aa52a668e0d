package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hubbub/cluster"
	"hubbub/cluster/redistest"
)

// recorder is a log that remembers what was said from info on.
type recorder struct {
	slog.Handler
	mu   sync.Mutex
	said []string
}

func newRecorder() *recorder { return &recorder{Handler: slog.DiscardHandler} }

func (r *recorder) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (r *recorder) Handle(_ context.Context, said slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, said.Message)
	return nil
}

func (r *recorder) want(t *testing.T, messages ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if fmt.Sprint(r.said) != fmt.Sprint(messages) {
		t.Errorf("the log says %q, want %q", r.said, messages)
	}
}

// twoNodes are what two nodes have of one Redis.
type twoNodes struct {
	redis [2]*cluster.Redis
	on    [2]*cluster.RedisPresence
	inbox *cluster.RedisInbox // of the first
	log   *recorder           // of the first
}

func newTwoNodes(t *testing.T, url string, timeout time.Duration) *twoNodes {
	t.Helper()
	n := &twoNodes{log: newRecorder()}
	for i, name := range []string{"a", "b"} {
		cfg := cluster.RedisConfig{URL: url, Timeout: timeout}
		if i == 0 {
			cfg.Logger = slog.New(n.log)
		}
		n.redis[i] = openRedisWith(t, cfg)
		n.on[i] = newPresence(t, n.redis[i], cluster.RedisPresenceConfig{Node: name, Boot: name + "1"})
	}
	n.inbox = cluster.NewRedisInbox(n.redis[0], cluster.DefaultInboxLimits(), time.Now)
	return n
}

func (n *twoNodes) put(t *testing.T, node int, sessions ...string) {
	t.Helper()
	for _, s := range sessions {
		if err := n.on[node].Put(t.Context(), cluster.SessionRecord{Session: s, User: "ana", Room: "lobby"}); err != nil {
			t.Fatal(err)
		}
	}
}

// know tells whether both nodes know so many sessions.
func (n *twoNodes) know(ctx context.Context, want int) error {
	for i, p := range n.on {
		ofUser, err := p.Sessions(ctx, "ana")
		if err != nil || len(ofUser) != want {
			return fmt.Errorf("node %d, of the user: %v, %w", i, ofUser, err)
		}
		for _, room := range []string{"lobby", ""} {
			online, err := p.Online(ctx, room, 0)
			if err != nil || len(online) != want {
				return fmt.Errorf("node %d, online in %q: %v, %w", i, room, online, err)
			}
		}
	}
	return nil
}

func (n *twoNodes) store(ctx context.Context, id string) error {
	_, err := n.inbox.Store(ctx, cluster.Whisper{ID: id, To: "ben", Text: "psst"})
	return err
}

// wantAway tests what a node does without Redis; local is how many sessions it has itself.
func (n *twoNodes) wantAway(t *testing.T, ctx context.Context, local int) { //nolint:revive // the test's own context has no deadline
	t.Helper()
	if err := n.store(ctx, "lost"); !errors.Is(err, cluster.ErrUnavailable) {
		t.Errorf("storing: %v, want ErrUnavailable", err)
	}
	if _, err := n.inbox.Pending(ctx, "ben"); !errors.Is(err, cluster.ErrUnavailable) {
		t.Errorf("pending: %v, want ErrUnavailable", err)
	}
	if settled, err := n.inbox.Settle(ctx, "ben", "kept"); settled || !errors.Is(err, cluster.ErrUnavailable) {
		t.Errorf("settling: %t, %v, want ErrUnavailable", settled, err)
	}
	if n.redis[0].Available() {
		t.Error("it is said to be available")
	}
	if some, err := n.on[0].Sessions(ctx, "ana"); !errors.Is(err, cluster.ErrUnavailable) || len(some) != local {
		t.Errorf("sessions: %v, %v; want %d and ErrUnavailable", some, err, local)
	}
	for _, room := range []string{"lobby", ""} {
		if some, err := n.on[0].Online(ctx, room, 0); !errors.Is(err, cluster.ErrUnavailable) || len(some) != local {
			t.Errorf("online in %q: %v, %v; want %d and ErrUnavailable", room, some, err, local)
		}
	}
}

// TestRedisKilled kills Redis, which loses all it has, and starts it again.
func TestRedisKilled(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := newTwoNodes(t, server.URL(), patience)
	n.put(t, 0, "a1", "a2", "a3")
	n.put(t, 1, "b1", "b2")
	if err := n.know(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		server.Kill()
		n.wantAway(t, t.Context(), 3)
		// Who does not ask does not notice, and writes its sessions when it is time to.
		if some, err := n.on[1].Sessions(t.Context(), "ana"); !errors.Is(err, cluster.ErrUnavailable) || len(some) != 2 {
			t.Errorf("on the other node: %v, %v", some, err)
		}
		n.put(t, 0, "a4") // goes on, and is told to the others later
		if err := n.on[0].Remove(t.Context(), "a1"); err != nil {
			t.Error(err)
		}
		n.wantAway(t, t.Context(), 3)
		n.log.want(t, "redis is away")

		server.Restart()
		eventually(t, "presence after Redis is back", func() error { return n.know(t.Context(), 5) })
		if err := n.store(t.Context(), "kept"); err != nil {
			t.Error(err)
		}
		n.log.want(t, "redis is away", "redis is back")

		n.log.said = nil
		n.put(t, 0, "a1")
		if err := n.on[0].Remove(t.Context(), "a4"); err != nil {
			t.Error(err)
		}
	}
}

// TestRedisHangs has Redis take connections and requests and answer nothing. If every call waited for its timeout, all
// together would take longer than the context allows.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := newTwoNodes(t, server.URL(), 2*time.Second)
	n.put(t, 0, "a1")
	server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range 100 {
		n.wantAway(t, ctx, 1)
	}
	if ctx.Err() != nil {
		t.Error("callers wait for a Redis that hangs")
	}
	server.Resume()
	eventually(t, "presence after Redis goes on", func() error { return n.know(t.Context(), 1) })
}

// TestRedisComesLater starts nodes before Redis.
func TestRedisComesLater(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	n := newTwoNodes(t, server.URL(), patience)
	n.put(t, 0, "a1")
	n.wantAway(t, t.Context(), 1)
	server.Restart()
	eventually(t, "presence after Redis has come", func() error { return n.know(t.Context(), 1) })
	n.log.want(t, "redis is away", "redis is back")
}

// TestRedisForgets empties a Redis that stays reachable: nodes write what they have before others would have forgotten it.
func TestRedisForgets(t *testing.T) {
	t.Parallel()
	r := openRedis(t, redistest.Start(t).URL())
	a := newPresence(t, r, cluster.RedisPresenceConfig{Node: "a", Boot: "a1", Lifetime: time.Second})
	b := newPresence(t, r, cluster.RedisPresenceConfig{Node: "b", Boot: "b1"})
	if err := a.Put(t.Context(), cluster.SessionRecord{Session: "s", User: "ana"}); err != nil {
		t.Fatal(err)
	}
	flush(t, r)
	eventually(t, "the session", func() error {
		some, err := b.Sessions(t.Context(), "ana")
		if err != nil || len(some) != 1 {
			return fmt.Errorf("%v, %w", some, err)
		}
		return nil
	})
}

// TestRedisClusterLosesPart kills one of three masters, whose slots nobody takes over, and starts it again without what it had. A probe
// of another part must not say that Redis is back.
func TestRedisClusterLosesPart(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t)
	n := newTwoNodes(t, redistest.ClusterURL(servers), patience)
	n.put(t, 0, "a1")
	servers[1].Kill()
	// Users' keys are in all parts: which of them cannot be read is found out by asking, for longer than a probe takes.
	lost, since := 0, time.Now()
	eventually(t, "not to reach a part", func() error {
		for i := range 50 {
			if _, err := n.on[0].Sessions(t.Context(), fmt.Sprint("user", i)); errors.Is(err, cluster.ErrUnavailable) {
				lost++
			}
		}
		if lost == 0 || time.Since(since) < 2*time.Second {
			return errors.New("all could be read, or not for long enough")
		}
		return nil
	})
	n.log.want(t, "redis is away")
	n.wantAway(t, t.Context(), 1)
	servers[1].Restart()
	eventually(t, "presence after the part is back", func() error { return n.know(t.Context(), 1) })
}

// TestRedisFailover kills the master, so that its replica takes over: what was stored is there still.
func TestRedisFailover(t *testing.T) {
	t.Parallel()
	deployment := redistest.StartSentinel(t)
	n := newTwoNodes(t, deployment.URL(), 2*time.Second)
	n.put(t, 0, "a1")
	n.put(t, 1, "b1")
	if err := n.store(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	if err := n.redis[0].Do(t.Context(), "WAIT", 1, 0); err != nil { // for the replica to have it
		t.Fatal(err)
	}
	deployment.Master.Kill()
	eventually(t, "presence after the failover", func() error { return n.know(t.Context(), 2) })
	eventually(t, "the whisper after the failover", func() error {
		pending, err := n.inbox.Pending(t.Context(), "ben")
		if err != nil || len(pending) != 1 {
			return fmt.Errorf("pending: %v, %w", pending, err)
		}
		return nil
	})
	eventually(t, "writing after the failover", func() error { return n.store(t.Context(), "new") })
}

// TestRedisCloses looks for goroutines that stay behind. It has the process to itself: it is not parallel.
func TestRedisCloses(t *testing.T) {
	server := redistest.Start(t)
	before := goleak.IgnoreCurrent()
	for _, kill := range []bool{false, true} {
		r, err := cluster.OpenRedis(cluster.RedisConfig{URL: server.URL()})
		if err != nil {
			t.Fatal(err)
		}
		p := cluster.NewRedisPresence(r, cluster.RedisPresenceConfig{Node: "a", Boot: "a1"})
		if err := p.Put(t.Context(), cluster.SessionRecord{Session: "s", User: "ana"}); err != nil {
			t.Fatal(err)
		}
		if kill {
			server.Kill()
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	goleak.VerifyNone(t, before)
}
