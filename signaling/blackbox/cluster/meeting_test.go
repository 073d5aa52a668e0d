package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// meet brings people with voices into a new room: each node in turn gets one until all are in, so that the first node owns the room.
func (c *cluster) meet(t *testing.T, number int, nodes ...*node) (room string, people []*person) {
	t.Helper()
	room = unique("room")
	for i := range number {
		people = append(people, c.enter(t, nodes[i%len(nodes)], room, fmt.Sprintf("p%d", i+1)))
	}
	wantAllHeard(t, people)
	wantOneRoster(t, people)
	return room, people
}

// on are those of the people who are connected to a node.
func on(n *node, people []*person) []*person {
	return slices.DeleteFunc(slices.Clone(people), func(p *person) bool { return p.node() != n })
}

// awayFrom are the others.
func awayFrom(n *node, people []*person) []*person {
	return slices.DeleteFunc(slices.Clone(people), func(p *person) bool { return p.node() == n })
}

// wantAllHeard waits until everybody has heard everybody else since the call.
func wantAllHeard(t *testing.T, people []*person) {
	t.Helper()
	began := time.Now()
	var deaf string
	everybody := func() bool {
		for _, p := range people {
			for _, other := range people {
				if p != other && !p.ear.since(other.voice, began) {
					deaf = fmt.Sprintf("%s (%s) does not hear %s (%s)", p.user, p.node().name, other.user, other.node().name)
					return false
				}
			}
		}
		return true
	}
	if !poll(patience, everybody) {
		t.Fatal(deaf)
	}
}

// wantOneRoster waits until all these people, who are everyone in the room, see the same roster under the same version, in which each of them
// is active; and asks each of their nodes for a snapshot, which must say the same.
func wantOneRoster(t *testing.T, people []*person) {
	t.Helper()
	var ids []string
	for _, p := range people {
		ids = append(ids, p.id())
	}
	slices.Sort(ids)
	var differs string
	agree := func() bool { differs = rosterDiffers(people, ids); return differs == "" }
	if !poll(patience, agree) {
		t.Fatal(differs)
	}
	for _, p := range people {
		ctx, cancel := within(patience)
		r, err := p.seat().client.Join(ctx, client.JoinParams{Room: p.room})
		cancel()
		if err != nil {
			t.Fatalf("%s asks for a snapshot: %v", p.user, err)
		}
		seen, version := p.seat().record.roster()
		if len(r.Room.Participants) != len(seen) || r.Room.Version != version {
			t.Errorf("%s: the snapshot of %s has version %d and %d participants, the events make version %d and %d", p.user, p.node().name,
				r.Room.Version, len(r.Room.Participants), version, len(seen))
		}
		for _, participant := range r.Room.Participants {
			if !same(participant, seen[participant.ID]) {
				t.Errorf("%s: the snapshot of %s has %+v, the events make %+v", p.user, p.node().name, participant, seen[participant.ID])
			}
		}
	}
}

// rosterDiffers says how the people's rosters differ from each other or from these participants, "" if they do not.
func rosterDiffers(people []*person, ids []string) string {
	first, version := people[0].seat().record.roster()
	if got := slices.Sorted(maps.Keys(first)); !slices.Equal(got, ids) {
		return fmt.Sprintf("%s (%s) sees the participants %v, want %v", people[0].user, people[0].node().name, got, ids)
	}
	for _, participant := range first {
		if participant.State != "active" {
			return fmt.Sprintf("%s sees %+v, want active", people[0].user, participant)
		}
	}
	for _, p := range people[1:] {
		seen, v := p.seat().record.roster()
		if v != version || !maps.EqualFunc(seen, first, same) {
			return fmt.Sprintf("%s (%s) sees version %d %+v, but %s (%s) version %d %+v", p.user, p.node().name, v, seen,
				people[0].user, people[0].node().name, version, first)
		}
	}
	return ""
}

func same(a, b client.Participant) bool {
	attributes := maps.Equal(a.Attributes, b.Attributes)
	a.Attributes, b.Attributes = nil, nil
	return attributes && fmt.Sprint(a) == fmt.Sprint(b)
}

// wantRegular checks that everyone saw every version, one after the other: nothing has broken, so nothing may have been missed.
func wantRegular(t *testing.T, people []*person) {
	t.Helper()
	for _, p := range people {
		if irregular := p.seat().record.irregular(); len(irregular) > 0 {
			t.Errorf("%s (%s): %s", p.user, p.node().name, strings.Join(irregular, "; "))
		}
	}
}

// silence is a time for which somebody did not hear somebody else.
type silence struct {
	time.Duration
	listener, speaker *person
	began             time.Duration // since the beginning of what was looked at
}

func (s silence) String() string {
	if s.listener == nil {
		return "none"
	}
	return fmt.Sprintf("%s: %s (%s) did not hear %s (%s), %s after the beginning", s.Round(time.Millisecond),
		s.listener.user, s.listener.node().name, s.speaker.user, s.speaker.node().name, s.began.Round(time.Millisecond))
}

// longestSilence is the longest that any of the listeners did not hear any of the speakers.
func longestSilence(listeners, speakers []*person, from, to time.Time) (longest silence) {
	for _, l := range listeners {
		for _, s := range speakers {
			if l == s {
				continue
			}
			if d, began := l.ear.silence(s.voice, from, to); d > longest.Duration {
				longest = silence{d, l, s, began.Sub(from)}
			}
		}
	}
	return longest
}
