package clustertest

import (
	"sync/atomic"
	"testing"

	"hubbub/cluster"
)

// NewSharedPresence makes the presence of a node, in the one store that those of all nodes in a test share. alive may be nil.
type NewSharedPresence func(t *testing.T, node, boot string, alive func(node, boot string) bool) cluster.Presence

// TestSharedPresence runs an implementation of cluster.Presence through what the interface promises of several nodes. The store is
// used by all of its tests: each uses users and rooms of its own.
func TestSharedPresence(t *testing.T, newPresence NewSharedPresence) {
	t.Run("knows other nodes' sessions", func(t *testing.T) { presenceKnowsOthers(t, newPresence) })
	t.Run("ignores dead nodes", func(t *testing.T) { presenceIgnoresDead(t, newPresence) })
	t.Run("fills the answer with the living", func(t *testing.T) { presenceFillsAnswer(t, newPresence) })
}

func on(node, boot string, s cluster.SessionRecord) cluster.SessionRecord {
	s.Node, s.Boot = node, boot
	return s
}

func presenceKnowsOthers(t *testing.T, newPresence NewSharedPresence) {
	a, b := newPresence(t, "a", "a1", nil), newPresence(t, "b", "b1", nil)
	laptop, phone := on("a", "a1", anaLaptop), on("b", "b1", anaPhone)
	benThere, cleoThere := on("a", "a1", ben), on("b", "b1", cleo)
	put(t, a, laptop, benThere)
	put(t, b, phone, cleoThere)
	for _, p := range []cluster.Presence{a, b} {
		wantUser(t, p, "ana", laptop, phone)
		wantUser(t, p, "ben", benThere)
		wantOnline(t, p, "lobby", laptop, benThere)
		wantOnline(t, p, "garden", cleoThere)
		wantOnline(t, p, "", laptop, phone, benThere, cleoThere)
	}
	phone.Room = "lobby"
	put(t, b, phone)
	wantOnline(t, a, "lobby", laptop, phone, benThere)
	if err := b.Remove(t.Context(), phone.Session); err != nil {
		t.Fatal(err)
	}
	wantUser(t, a, "ana", laptop)
	wantOnline(t, a, "lobby", laptop, benThere)
	wantOnline(t, b, "", laptop, benThere, cleoThere)

	// A session belongs to who put it.
	if err := b.Remove(t.Context(), laptop.Session); err != nil {
		t.Fatal(err)
	}
	wantUser(t, b, "ana", laptop)
}

func presenceIgnoresDead(t *testing.T, newPresence NewSharedPresence) {
	var boot atomic.Value
	boot.Store("a1")
	alive := func(_, of string) bool { return of == boot.Load() }
	a, b := newPresence(t, "a", "a1", nil), newPresence(t, "b", "b1", alive)
	old := on("a", "a1", record("d1", "dora", "Dora", "cellar"))
	put(t, a, old)
	wantUser(t, b, "dora", old)
	wantOnline(t, b, "cellar", old)

	boot.Store("a2") // the node has started again
	wantUser(t, b, "dora")
	wantOnline(t, b, "cellar")
	wantOnline(t, b, "")
	again := newPresence(t, "a", "a2", alive)
	wantUser(t, again, "dora")
	now := on("a", "a2", record("d2", "dora", "Dora", "cellar"))
	put(t, again, now)
	for _, p := range []cluster.Presence{again, b} {
		wantUser(t, p, "dora", now)
		wantOnline(t, p, "cellar", now)
		wantOnline(t, p, "", now)
	}
}

// presenceFillsAnswer limits answers where the dead and a node's own sessions are among those that could be taken.
func presenceFillsAnswer(t *testing.T, newPresence NewSharedPresence) {
	alive := func(_, boot string) bool { return boot != "dead" }
	nodes := map[string]cluster.Presence{
		"a1": newPresence(t, "a", "a1", alive), "b1": newPresence(t, "b", "b1", alive), "dead": newPresence(t, "c", "dead", alive),
	}
	for boot, p := range nodes {
		for i := range 5 {
			session := boot + string(rune('0'+i))
			put(t, p, record(session, "user "+session, "", "attic"))
		}
	}
	for _, room := range []string{"attic", ""} {
		for limit, want := range map[int]int{0: 10, 1: 1, 5: 5, 6: 6, 9: 9, 10: 10, 11: 10, 20: 10} {
			got, err := nodes["a1"].Online(t.Context(), room, limit)
			if err != nil || len(got) != want {
				t.Errorf("room %q, limit %d: %d sessions, %v; want %d", room, limit, len(got), err, want)
			}
			for _, s := range got {
				if s.Boot == "dead" {
					t.Errorf("room %q, limit %d: %+v", room, limit, s)
				}
			}
		}
	}
}
