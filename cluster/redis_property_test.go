package cluster_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hubbub/cluster"
	"hubbub/cluster/redistest"
)

// presenceModel is what two nodes should say of who is connected, whatever they did before.
type presenceModel struct {
	redis    *cluster.Redis
	nodes    [2]*cluster.RedisPresence
	starts   [2]int
	ended    []*cluster.RedisPresence
	sessions map[string]cluster.SessionRecord
}

func (m *presenceModel) boot(node int) string { return fmt.Sprint(m.starts[node]) }

func (m *presenceModel) start(node int) {
	m.starts[node]++
	m.nodes[node] = cluster.NewRedisPresence(m.redis, cluster.RedisPresenceConfig{
		Node: fmt.Sprint(node), Boot: m.boot(node), Lifetime: time.Hour,
		Alive: func(name, boot string) bool {
			return name == "0" && boot == m.boot(0) || name == "1" && boot == m.boot(1)
		},
	})
}

var (
	anyNode = rapid.IntRange(0, 1)
	anyUser = rapid.SampledFrom([]string{"ana", "ben", "cleo"})
	anyRoom = rapid.SampledFrom([]string{"", "lobby", "garden"})
)

// session draws one of a few that a node may have. Their ids are of one node alone, as those of real ones are.
func session(t *rapid.T, node int) string {
	return fmt.Sprintf("%d.%d", node, rapid.IntRange(0, 3).Draw(t, "session"))
}

func (m *presenceModel) actions(t *testing.T) map[string]func(*rapid.T) {
	ctx := t.Context()
	writeAll := func(r *rapid.T, node int) {
		if err := m.nodes[node].WriteAll(ctx); err != nil {
			r.Fatal(err)
		}
	}
	return map[string]func(*rapid.T){
		"put": func(r *rapid.T) {
			node := anyNode.Draw(r, "node")
			s := cluster.SessionRecord{
				Session: session(r, node), User: anyUser.Draw(r, "user"), Room: anyRoom.Draw(r, "room"),
				Node: fmt.Sprint(node), Boot: m.boot(node),
			}
			if err := m.nodes[node].Put(ctx, s); err != nil {
				r.Fatal(err)
			}
			m.sessions[s.Session] = s
		},
		"remove": func(r *rapid.T) {
			node := anyNode.Draw(r, "node")
			id := session(r, node)
			if err := m.nodes[node].Remove(ctx, id); err != nil {
				r.Fatal(err)
			}
			delete(m.sessions, id)
		},
		"refresh": func(r *rapid.T) { writeAll(r, anyNode.Draw(r, "node")) },
		"Redis loses all and the nodes write again": func(r *rapid.T) {
			if err := m.redis.Flush(ctx); err != nil {
				r.Fatal(err)
			}
			writeAll(r, 0)
			writeAll(r, 1)
		},
		"a node dies and starts again": func(r *rapid.T) {
			node := anyNode.Draw(r, "node")
			m.ended = append(m.ended, m.nodes[node])
			m.start(node)
			maps.DeleteFunc(m.sessions, func(_ string, s cluster.SessionRecord) bool { return s.Node == fmt.Sprint(node) })
		},
		"a node closes and starts again": func(r *rapid.T) {
			node := anyNode.Draw(r, "node")
			if err := m.nodes[node].Close(ctx); err != nil {
				r.Fatal(err)
			}
			m.start(node)
			maps.DeleteFunc(m.sessions, func(_ string, s cluster.SessionRecord) bool { return s.Node == fmt.Sprint(node) })
		},
		"": func(r *rapid.T) { m.check(t, r) },
	}
}

func (m *presenceModel) check(t *testing.T, r *rapid.T) {
	for _, p := range m.nodes {
		for _, user := range []string{"ana", "ben", "cleo"} {
			got, err := p.Sessions(t.Context(), user)
			m.compare(r, "sessions of "+user, got, err, func(s cluster.SessionRecord) bool { return s.User == user })
		}
		for _, room := range []string{"lobby", "garden", ""} {
			got, err := p.Online(t.Context(), room, 0)
			m.compare(r, "online in "+room, got, err, func(s cluster.SessionRecord) bool { return room == "" || s.Room == room })
		}
	}
}

func (m *presenceModel) compare(
	r *rapid.T, what string, got []cluster.SessionRecord, err error, belongs func(cluster.SessionRecord) bool,
) {
	r.Helper()
	order := func(a, b cluster.SessionRecord) int { return cmp.Compare(a.Session, b.Session) }
	slices.SortFunc(got, order)
	var want []cluster.SessionRecord
	for _, s := range m.sessions {
		if belongs(s) {
			want = append(want, s)
		}
	}
	slices.SortFunc(want, order)
	if err != nil || !slices.Equal(got, want) {
		r.Fatalf("%s: %+v, %v; want %+v", what, got, err, want)
	}
}

// TestRedisPresenceModel has two nodes do anything in any order, and asks both after each step.
func TestRedisPresenceModel(t *testing.T) {
	t.Parallel()
	redis := openRedis(t, redistest.Start(t).URL())
	rapid.Check(t, func(r *rapid.T) {
		if err := redis.Flush(t.Context()); err != nil {
			r.Fatal(err)
		}
		m := &presenceModel{redis: redis, sessions: make(map[string]cluster.SessionRecord)}
		m.start(0)
		m.start(1)
		defer func() {
			for _, p := range append(m.ended, m.nodes[:]...) {
				if err := p.Close(t.Context()); err != nil {
					r.Error(err)
				}
			}
		}()
		r.Repeat(m.actions(t))
	})
}

// TestRedisPresenceConcurrently has sessions come, move and go while nodes write all they have again and again: no refresh may bring
// back what was removed meanwhile, nor an older room.
func TestRedisPresenceConcurrently(t *testing.T) {
	t.Parallel()
	const sessions, moves, refreshers = 20, 50, 3
	r := openRedis(t, redistest.Start(t).URL())
	a := newPresence(t, r, cluster.RedisPresenceConfig{Node: "a", Boot: "a1"})
	b := newPresence(t, r, cluster.RedisPresenceConfig{Node: "b", Boot: "b1"})
	ctx := t.Context()
	done := make(chan struct{})
	var refresh, people sync.WaitGroup
	for range refreshers {
		refresh.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := a.WriteAll(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range sessions {
		people.Go(func() { comeMoveAndGo(t, a, b, fmt.Sprint(i), moves) })
	}
	people.Wait()
	close(done)
	refresh.Wait()
	for _, room := range []string{"", "room0", "room1", "room2"} {
		if some, err := b.Online(ctx, room, 0); err != nil || len(some) != 0 {
			t.Errorf("online in %q: %v, %v", room, some, err)
		}
	}
}

// comeMoveAndGo has the only session of a user do so on one node, and looks from another.
func comeMoveAndGo(t *testing.T, on, from cluster.Presence, user string, times int) {
	for i := range times {
		for room := range 3 {
			s := cluster.SessionRecord{Session: fmt.Sprint(user, ".", i), User: user, Room: fmt.Sprint("room", room)}
			if err := on.Put(t.Context(), s); err != nil {
				t.Error(err)
			}
			if some, err := from.Sessions(t.Context(), user); err != nil || len(some) != 1 || some[0].Room != s.Room {
				t.Errorf("after it came to %s: %v, %v", s.Room, some, err)
			}
		}
		if err := on.Remove(t.Context(), fmt.Sprint(user, ".", i)); err != nil {
			t.Error(err)
		}
		if some, err := from.Sessions(t.Context(), user); err != nil || len(some) != 0 {
			t.Errorf("after it went: %v, %v", some, err)
		}
	}
}
