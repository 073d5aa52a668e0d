package clustertest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"hubbub/cluster"
)

// Node and Boot are of the node whose presence is tested.
const (
	Node = "a"
	Boot = "a1"
)

// TestPresence runs an implementation of cluster.Presence through all that the interface promises on one node; newPresence
// makes an empty one for one test, that of Node and Boot.
func TestPresence(t *testing.T, newPresence func(t *testing.T) cluster.Presence) {
	t.Run("finds the sessions of a user", func(t *testing.T) { presenceFindsUser(t, newPresence(t)) })
	t.Run("finds who is online", func(t *testing.T) { presenceFindsOnline(t, newPresence(t)) })
	t.Run("follows a session", func(t *testing.T) { presenceFollowsSession(t, newPresence(t)) })
	t.Run("bounds its answer", func(t *testing.T) { presenceBoundsAnswer(t, newPresence(t)) })
}

var (
	anaLaptop = record("s1", "ana", "Ana", "lobby")
	anaPhone  = record("s2", "ana", "Ana", "")
	ben       = record("s3", "ben", "Ben", "lobby")
	cleo      = record("s4", "cleo", "Cleo", "garden")
)

func record(session, user, name, room string) cluster.SessionRecord {
	return cluster.SessionRecord{
		Session: session, User: user, Name: name, Room: room, Device: "a <browser> & more", Node: Node, Boot: Boot,
	}
}

func put(t *testing.T, p cluster.Presence, sessions ...cluster.SessionRecord) {
	t.Helper()
	for _, s := range sessions {
		if err := p.Put(t.Context(), s); err != nil {
			t.Fatalf("putting %+v: %v", s, err)
		}
	}
}

// wantSessions compares without order.
func wantSessions(t *testing.T, got []cluster.SessionRecord, err error, want ...cluster.SessionRecord) {
	t.Helper()
	slices.SortFunc(got, func(a, b cluster.SessionRecord) int { return cmp.Compare(a.Session, b.Session) })
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func wantUser(t *testing.T, p cluster.Presence, user string, want ...cluster.SessionRecord) {
	t.Helper()
	got, err := p.Sessions(t.Context(), user)
	wantSessions(t, got, err, want...)
}

func wantOnline(t *testing.T, p cluster.Presence, room string, want ...cluster.SessionRecord) {
	t.Helper()
	got, err := p.Online(t.Context(), room, 0)
	wantSessions(t, got, err, want...)
}

func presenceFindsUser(t *testing.T, p cluster.Presence) {
	wantUser(t, p, "ana")
	put(t, p, anaLaptop, anaPhone, ben)
	wantUser(t, p, "ana", anaLaptop, anaPhone)
	wantUser(t, p, "ben", ben)
	wantUser(t, p, "cleo")
}

func presenceFindsOnline(t *testing.T, p cluster.Presence) {
	wantOnline(t, p, "")
	put(t, p, anaLaptop, anaPhone, ben, cleo)
	wantOnline(t, p, "", anaLaptop, anaPhone, ben, cleo)
	wantOnline(t, p, "lobby", anaLaptop, ben)
	wantOnline(t, p, "garden", cleo)
	wantOnline(t, p, "cellar")
}

func presenceFollowsSession(t *testing.T, p cluster.Presence) {
	put(t, p, anaLaptop, ben)
	moved := anaLaptop
	moved.Room = "garden"
	put(t, p, moved)
	wantOnline(t, p, "lobby", ben)
	wantOnline(t, p, "garden", moved)
	wantUser(t, p, "ana", moved)

	for range 2 { // the second time it is not there any more
		if err := p.Remove(t.Context(), moved.Session); err != nil {
			t.Fatal(err)
		}
		wantOnline(t, p, "garden")
		wantOnline(t, p, "", ben)
		wantUser(t, p, "ana")
	}
}

func presenceBoundsAnswer(t *testing.T, p cluster.Presence) {
	for i := range 10 {
		user := fmt.Sprint("user", i)
		put(t, p, record(user, user, user, "lobby"))
	}
	for _, room := range []string{"", "lobby"} {
		for limit, want := range map[int]int{0: 10, 1: 1, 9: 9, 10: 10, 11: 10} {
			got, err := p.Online(t.Context(), room, limit)
			if err != nil || len(got) != want {
				t.Errorf("room %q, limit %d: %d sessions, %v; want %d", room, limit, len(got), err, want)
			}
		}
	}
}
