package cluster

import (
	"slices"
	"testing"
	"time"
)

func TestASplitHeals(t *testing.T) {
	t.Parallel()
	repeat(t, func(t *testing.T, f *figures) {
		c := begin(t, layout{nodes: 3, redis: true, network: lay(t, 3)})
		room, people := c.meet(t, 6, c.members...)
		alone, rest := on(c.members[0], people), awayFrom(c.members[0], people)
		if owner := c.owner(t, room); owner != c.members[0] {
			t.Fatalf("the owner is %s", owner.name)
		}
		pass(time.Second)
		from := time.Now()
		c.network.pull(t, 0)
		// The others find an owner among themselves; the old one goes on with those it has.
		wantOwner(t, room, c.members[1:])
		wantOwner(t, room, c.members[:1])
		pass(time.Until(from.Add(full(10*time.Second, 4*time.Second))))
		wantAllHeard(t, alone)
		wantAllHeard(t, rest)
		to := time.Now()
		f.silence(t, "split: silence on the lone owner's side", longestSilence(alone, alone, from, to), 100*time.Millisecond)
		f.silence(t, "split: silence on the side that lost the owner", longestSilence(rest, rest, from, to), 2*time.Second)
		newcomers := []*person{c.enter(t, c.members[0], room, "alone"), c.enter(t, c.members[2], room, "rest")}
		everyone := slices.Concat(people, newcomers)

		healed := time.Now()
		c.network.plug(t, 0)
		c.owner(t, room)
		f.add(t, "healed: one owner", time.Since(healed), 10*time.Second)
		wantAllHeard(t, everyone)
		wantOneRoster(t, everyone)
		f.add(t, "healed: one roster, and everybody hears everybody", time.Since(healed), 10*time.Second)
		for _, p := range everyone {
			p.wantUntouched(t)
		}
		// The chat of both sides has become one, and goes on.
		stop := []func(){people[0].chatter(50 * time.Millisecond), people[1].chatter(50 * time.Millisecond)}
		pass(time.Second)
		for _, s := range stop {
			s()
		}
		wantOneChat(t, everyone...)
	})
}

// wantOwner waits until these nodes all name one of themselves as the room's owner.
func wantOwner(t *testing.T, room string, nodes []*node) {
	t.Helper()
	side := &cluster{members: nodes}
	side.owner(t, room)
}
