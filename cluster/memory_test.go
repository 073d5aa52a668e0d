package cluster_test

import (
	"fmt"
	"testing"
	"time"

	"hubbub/cluster"
	"hubbub/cluster/clustertest"
)

func newMemoryInbox(_ *testing.T, limits cluster.InboxLimits, now func() time.Time) cluster.Inbox {
	return cluster.NewMemoryInbox(limits, now)
}

func TestMemoryInbox(t *testing.T) { clustertest.TestInbox(t, newMemoryInbox) }

func TestMemoryInboxSpace(t *testing.T) { clustertest.TestInboxSpace(t, newMemoryInbox) }

func TestMemoryPresence(t *testing.T) {
	clustertest.TestPresence(t, func(*testing.T) cluster.Presence { return cluster.NewMemoryPresence() })
}

// BenchmarkMemoryInbox stores and settles for a user whose inbox stays full, among many others.
func BenchmarkMemoryInbox(b *testing.B) {
	in := cluster.NewMemoryInbox(cluster.DefaultInboxLimits(), time.Now)
	add := func(to string, id int) {
		w := cluster.Whisper{ID: fmt.Sprint(id), From: "ana", FromName: "Ana", To: to, Text: "psst"}
		if err := in.Store(b.Context(), w); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 100_000 {
		add(fmt.Sprint("user", i), i)
	}
	for i := range 1000 {
		add("ben", i)
	}
	id := 1000
	for b.Loop() {
		add("ben", id)
		if was, _ := in.Settle(b.Context(), "ben", fmt.Sprint(id)); !was {
			b.Fatal("not settled")
		}
		id++
	}
}
