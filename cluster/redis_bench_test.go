package cluster_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/cluster"
	"hubbub/cluster/redistest"
)

func benchmarkPresence(b *testing.B) *cluster.RedisPresence {
	b.Helper()
	return newPresence(b, openRedis(b, redistest.Start(b).URL()), cluster.RedisPresenceConfig{Node: "a", Boot: "a1"})
}

func benchmarkSession(i int) cluster.SessionRecord {
	return cluster.SessionRecord{
		Session: fmt.Sprint("session-", i), User: fmt.Sprint("user-", i), Name: "Somebody", Room: fmt.Sprint("room-", i/10), Device: "web",
	}
}

// BenchmarkRedisPresencePut is a session that changes its room, many at once.
func BenchmarkRedisPresencePut(b *testing.B) {
	p := benchmarkPresence(b)
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := next.Add(1)
			s := benchmarkSession(int(i % 1000))
			s.Room = fmt.Sprint("room-", i)
			if err := p.Put(b.Context(), s); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkRedisPresenceSessions asks where a user is who has two devices on another node, one request after the other.
func BenchmarkRedisPresenceSessions(b *testing.B) {
	r := openRedis(b, redistest.Start(b).URL())
	here := newPresence(b, r, cluster.RedisPresenceConfig{Node: "a", Boot: "a1"})
	there := newPresence(b, r, cluster.RedisPresenceConfig{Node: "b", Boot: "b1"})
	for i := range 2 {
		s := benchmarkSession(i)
		s.User = "ana"
		if err := there.Put(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if some, err := here.Sessions(b.Context(), "ana"); err != nil || len(some) != 2 {
			b.Fatal(some, err)
		}
	}
}

// BenchmarkRedisPresenceRefresh writes the sessions of a node with 10,000 people in 1,000 rooms, as it does every 5 s.
func BenchmarkRedisPresenceRefresh(b *testing.B) {
	const people = 10_000
	p := benchmarkPresence(b)
	for i := range people {
		if err := p.Put(b.Context(), benchmarkSession(i)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := p.WriteAll(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/people, "ns/session")
}

// BenchmarkRedisPresenceOnline lists the 5,000 people of another node.
func BenchmarkRedisPresenceOnline(b *testing.B) {
	const people = 5000
	r := openRedis(b, redistest.Start(b).URL())
	here := newPresence(b, r, cluster.RedisPresenceConfig{Node: "a", Boot: "a1"})
	there := newPresence(b, r, cluster.RedisPresenceConfig{Node: "b", Boot: "b1"})
	for i := range people {
		if err := there.Put(b.Context(), benchmarkSession(i)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if some, err := here.Online(b.Context(), "", people); err != nil || len(some) != people {
			b.Fatal(len(some), err)
		}
	}
}

// BenchmarkRedisInbox stores a whisper and settles it, for a user whose inbox stays empty and for one whose is full.
func BenchmarkRedisInbox(b *testing.B) {
	for name, waiting := range map[string]int{"empty": 0, "full": 1000} {
		b.Run(name, func(b *testing.B) {
			in := cluster.NewRedisInbox(openRedis(b, redistest.Start(b).URL()), cluster.DefaultInboxLimits(), time.Now)
			store := func(id int) string {
				w := cluster.Whisper{ID: fmt.Sprint(id), From: "ana", FromName: "Ana", To: "ben", Text: "psst", Time: time.Now()}
				if _, err := in.Store(b.Context(), w); err != nil {
					b.Fatal(err)
				}
				return w.ID
			}
			for i := range waiting {
				store(i)
			}
			id := waiting
			for b.Loop() {
				settled, err := in.Settle(b.Context(), "ben", store(id))
				if err != nil || !settled {
					b.Fatal("not settled:", err)
				}
				id++
			}
		})
	}
}
