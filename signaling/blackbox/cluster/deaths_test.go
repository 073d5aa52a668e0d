package cluster

import (
	"testing"
	"time"
)

// crisis is a fault in a room that six people are in, two on each of three nodes, while one on each node writes to it.
type crisis struct {
	*cluster
	room   string
	people []*person
	quiet  func() // ends the writing
}

func beginCrisis(t *testing.T, args ...string) *crisis {
	t.Helper()
	c := &crisis{cluster: begin(t, layout{nodes: 3, redis: true, args: args})}
	c.room, c.people = c.meet(t, 6, c.members...)
	var stops []func()
	for _, p := range c.people[:3] {
		stops = append(stops, p.chatter(150*time.Millisecond))
	}
	c.quiet = func() {
		for _, stop := range stops {
			stop()
		}
	}
	pass(time.Second)
	return c
}

// wantWhole waits until all six are in the room as they were, hear each other, and have one chat.
func (c *crisis) wantWhole(t *testing.T) {
	t.Helper()
	wantAllHeard(t, c.people)
	wantOneRoster(t, c.people)
	c.quiet()
	wantOneChat(t, c.people...)
}

// wantBack waits until people who were cut off are back elsewhere, and returns the longest that it took from the break on.
func wantBack(t *testing.T, people []*person) (longest time.Duration) {
	t.Helper()
	for _, p := range people {
		eventually(t, p.user+" is back", func() bool { return len(p.moved()) > 0 })
		for _, m := range p.moved() {
			if m.to == m.from {
				t.Errorf("%s came back to %s, which is gone", p.user, m.to)
			}
			longest = max(longest, m.back.Sub(m.began))
		}
	}
	return longest
}

// wantSeenReconnecting checks that the witnesses were told of those who were cut off, and of nobody's leaving.
func wantSeenReconnecting(t *testing.T, witnesses, cutOff []*person) {
	t.Helper()
	for _, w := range witnesses {
		for _, p := range cutOff {
			if _, ok := w.seat().record.saw(func(e event) bool {
				return e.participant.ID == p.id() && e.participant.State == "reconnecting"
			}); !ok {
				t.Errorf("%s was not told that %s is reconnecting", w.user, p.user)
			}
			if e, ok := w.seat().record.saw(func(e event) bool { return e.left.ID == p.id() }); ok {
				t.Errorf("%s was told that %s has left: %+v", w.user, p.user, e.left)
			}
		}
	}
}

func TestTheOwnerIsKilled(t *testing.T) {
	t.Parallel()
	repeat(t, func(t *testing.T, f *figures) {
		c := beginCrisis(t)
		owner := c.owner(t, c.room)
		lost, rest := on(owner, c.people), awayFrom(owner, c.people)
		from := time.Now()
		if err := owner.Kill(); err != nil {
			t.Fatal(err)
		}
		back := wantBack(t, lost)
		c.wantWhole(t)
		to := time.Now()
		var oneEdge silence
		for _, n := range c.up() {
			here := on(n, rest)
			if s := longestSilence(here, here, from, to); s.Duration > oneEdge.Duration {
				oneEdge = s
			}
		}
		f.silence(t, "owner killed: silence between people on one edge", oneEdge, 100*time.Millisecond)
		f.silence(t, "owner killed: silence between people on different edges", longestSilence(rest, rest, from, to), 2*time.Second)
		f.add(t, "owner killed: its people are back on another node", back, 3*time.Second)
		for _, p := range rest {
			p.wantUntouched(t)
		}
		wantSeenReconnecting(t, rest, lost)
		if now := c.owner(t, c.room); now == owner {
			t.Errorf("the owner is still %s, which was killed", now.name)
		}
	})
}

func TestAnEdgeIsKilled(t *testing.T) {
	t.Parallel()
	repeat(t, func(t *testing.T, f *figures) {
		c := beginCrisis(t)
		owner := c.owner(t, c.room)
		edge := c.members[2]
		if edge == owner {
			edge = c.members[1]
		}
		lost, rest := on(edge, c.people), awayFrom(edge, c.people)
		from := time.Now()
		if err := edge.Kill(); err != nil {
			t.Fatal(err)
		}
		f.add(t, "edge killed: its people are back on another node", wantBack(t, lost), 3*time.Second)
		c.wantWhole(t)
		f.silence(t, "edge killed: silence between the others", longestSilence(rest, rest, from, time.Now()), 100*time.Millisecond)
		for _, p := range rest {
			p.wantUntouched(t)
		}
		wantRegular(t, rest)
		wantSeenReconnecting(t, rest, lost)
		if now := c.owner(t, c.room); now != owner {
			t.Errorf("the owner was %s and is %s", owner.name, now.name)
		}
	})
}
