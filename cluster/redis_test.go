package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"hubbub/cluster"
	"hubbub/cluster/clustertest"
	"hubbub/cluster/redistest"
)

// patience bounds all waiting: for operations of Redis, where the short default would tell of a busy machine, and for conditions.
const patience = 30 * time.Second

// openRedis also waits for Redis to answer.
func openRedis(t testing.TB, url string) *cluster.Redis {
	t.Helper()
	return openRedisWith(t, cluster.RedisConfig{URL: url, Timeout: patience})
}

func openRedisWith(t testing.TB, cfg cluster.RedisConfig) *cluster.Redis {
	t.Helper()
	r, err := cluster.OpenRedis(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// newPresence makes the presence of a node with one boot. Tests which look for its heartbeat or its end give it a shorter life.
func newPresence(t testing.TB, r *cluster.Redis, cfg cluster.RedisPresenceConfig) *cluster.RedisPresence {
	t.Helper()
	if cfg.Lifetime == 0 {
		cfg.Lifetime = time.Hour
	}
	p := cluster.NewRedisPresence(r, cfg)
	t.Cleanup(func() {
		if err := p.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return p
}

// eventually tries until there is no error.
func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		<-ticker.C
	}
}

func flush(t testing.TB, r *cluster.Redis) {
	t.Helper()
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// deployments are the ways to run Redis that a URL can name.
var deployments = map[string]func(t testing.TB) string{
	"single": func(t testing.TB) string { return redistest.Start(t).URL() },
	"password and database": func(t testing.TB) string {
		return fmt.Sprintf("redis://:secret@%s/3", redistest.Start(t, "--requirepass", "secret").Address())
	},
	"tls": func(t testing.TB) string {
		server, certificates := redistest.StartTLS(t)
		return certificates.URL(server)
	},
	"cluster":  func(t testing.TB) string { return redistest.ClusterURL(redistest.StartCluster(t)) },
	"sentinel": func(t testing.TB) string { return redistest.StartSentinel(t).URL() },
}

func TestRedis(t *testing.T) {
	for name, deploy := range deployments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := openRedis(t, deploy(t))
			t.Run("inbox", func(t *testing.T) {
				clustertest.TestInbox(t, func(t *testing.T, limits cluster.InboxLimits, now func() time.Time) cluster.Inbox {
					flush(t, r)
					return cluster.NewRedisInbox(r, limits, now)
				})
			})
			t.Run("presence", func(t *testing.T) {
				clustertest.TestPresence(t, func(t *testing.T) cluster.Presence {
					flush(t, r)
					return newPresence(t, r, cluster.RedisPresenceConfig{Node: clustertest.Node, Boot: clustertest.Boot})
				})
			})
			t.Run("presence of nodes", func(t *testing.T) {
				clustertest.TestSharedPresence(t, func(t *testing.T, node, boot string, alive func(node, boot string) bool) cluster.Presence {
					return newPresence(t, r, cluster.RedisPresenceConfig{Node: node, Boot: boot, Alive: alive})
				})
			})
		})
	}
}

// TestRedisLeavesNothing looks for what stays in Redis of sessions that were removed and whispers that were settled, and for keys that
// would stay for ever.
func TestRedisLeavesNothing(t *testing.T) {
	t.Parallel()
	r := openRedis(t, redistest.Start(t).URL())
	p := cluster.NewRedisPresence(r, cluster.RedisPresenceConfig{Node: "a", Boot: "a1"})
	in := cluster.NewRedisInbox(r, cluster.DefaultInboxLimits(), time.Now)
	for i := range 300 {
		s := cluster.SessionRecord{Session: fmt.Sprint(i), User: fmt.Sprint("user", i%7), Room: fmt.Sprint("room", i%3)}
		if err := p.Put(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	w := cluster.Whisper{ID: "1", To: "ben"}
	if _, err := in.Store(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	keys, err := r.Keys(t.Context())
	if err != nil || len(keys) != 2*(7+3+1+1)+2+1 { // of users, rooms, the node and nodes; the inbox; the probe
		t.Errorf("keys: %v, %v", keys, err)
	}
	for _, key := range keys {
		// EXPIRE … GT leaves alone what has no expiry, and PERSIST would tell nothing but that there was one.
		if err := r.Do(t.Context(), "EVAL", "return redis.call('PTTL', KEYS[1]) > 0 or nil", 1, key); err != nil {
			t.Errorf("%s stays for ever: %v", key, err)
		}
	}
	if settled, err := in.Settle(t.Context(), "ben", "1"); !settled || err != nil {
		t.Error(settled, err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	keys, err = r.Keys(t.Context())
	slices.Sort(keys)
	if err != nil || !slices.Equal(keys, []string{
		"hubbub:{start}:probe", "hubbub:{user:ben}:inbox", "hubbub:{user:ben}:inbox:settled", "hubbub:{user:ben}:settled:1",
	}) {
		t.Errorf("left: %v, %v", keys, err)
	}
	for _, key := range keys { // what was settled is known for minutes, not for the days that it might have waited
		if err := r.Do(t.Context(), "EVAL", "local left = redis.call('PTTL', KEYS[1]); return left > 0 and left < 300000 or nil", 1, key); err != nil {
			t.Errorf("%s stays too long: %v", key, err)
		}
	}
}

// TestRedisInboxSpace has Redis run out of memory: its maxmemory is the bound of all users' whispers together.
func TestRedisInboxSpace(t *testing.T) {
	t.Parallel()
	r := openRedis(t, redistest.Start(t, "--maxmemory-policy", "noeviction").URL())
	in := cluster.NewRedisInbox(r, cluster.DefaultInboxLimits(), time.Now)
	p := newPresence(t, r, cluster.RedisPresenceConfig{Node: "a", Boot: "a1"})
	store := func(id string) error {
		_, err := in.Store(t.Context(), cluster.Whisper{ID: id, To: "ben", Text: "psst"})
		return err
	}
	if err := store("1"); err != nil {
		t.Fatal(err)
	}
	if err := r.Do(t.Context(), "CONFIG", "SET", "maxmemory", "1"); err != nil {
		t.Fatal(err)
	}
	if err := store("2"); !errors.Is(err, cluster.ErrInboxFull) {
		t.Errorf("%v, want ErrInboxFull", err)
	}
	if err := p.Put(t.Context(), cluster.SessionRecord{Session: "s", User: "ana"}); err == nil {
		t.Error("a session that cannot be written, and never can, is no error")
	}
	if !r.Available() {
		t.Error("a Redis that is full counts as away")
	}
	if pending, err := in.Pending(t.Context(), "ben"); err != nil || len(pending) != 1 {
		t.Errorf("pending: %v, %v", pending, err)
	}
	if settled, err := in.Settle(t.Context(), "ben", "1"); err != nil || !settled {
		t.Errorf("settled: %t, %v", settled, err)
	}
	if err := r.Do(t.Context(), "CONFIG", "SET", "maxmemory", "0"); err != nil {
		t.Fatal(err)
	}
	if err := store("2"); err != nil {
		t.Error(err)
	}
}

// TestRedisPresenceEnds has a node's process die: others forget its sessions by themselves, while those of who is alive stay for many times
// the lifetime.
func TestRedisPresenceEnds(t *testing.T) {
	t.Parallel()
	const lifetime = time.Second
	server := redistest.Start(t)
	dying, err := cluster.OpenRedis(cluster.RedisConfig{URL: server.URL(), Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	a := cluster.NewRedisPresence(dying, cluster.RedisPresenceConfig{Node: "a", Boot: "a1", Lifetime: lifetime})
	b := newPresence(t, openRedis(t, server.URL()), cluster.RedisPresenceConfig{Node: "b", Boot: "b1", Lifetime: patience})
	if err := a.Put(t.Context(), cluster.SessionRecord{Session: "s", User: "ana", Room: "lobby"}); err != nil {
		t.Fatal(err)
	}
	known := func(want int) error {
		if ofUser, err := b.Sessions(t.Context(), "ana"); err != nil || len(ofUser) != want {
			return fmt.Errorf("sessions: %v, %w", ofUser, err)
		}
		return nil
	}
	since := time.Now()
	eventually(t, "refresh beyond the lifetime", func() error {
		if time.Since(since) < 3*lifetime {
			return errors.New("too early")
		}
		return known(1)
	})
	if err := dying.Close(); err != nil { // as abruptly as death
		t.Fatal(err)
	}
	eventually(t, "the end of a dead node's session", func() error { return known(0) })
	online, err := b.Online(t.Context(), "", 0)
	if err != nil || len(online) != 0 {
		t.Errorf("online: %v, %v", online, err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
