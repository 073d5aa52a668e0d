package cluster

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"hubbub/signaling/client"
)

func TestPeopleOnDifferentNodesHearEachOther(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	began := time.Now()
	room, people := c.meet(t, 6, c.members...)
	if owner := c.owner(t, room); owner != c.members[0] {
		t.Errorf("the room's owner is %s, want the node that opened it, %s", owner.name, c.members[0].name)
	}
	pass(2 * time.Second)
	wantRegular(t, people)
	for _, p := range people {
		p.wantUntouched(t)
		for _, other := range people {
			heard, again := p.ear.of(other.voice)
			if again > 0 {
				t.Errorf("%s heard %d frames of %s twice", p.user, again, other.user)
			}
			if p == other && len(heard) > 0 {
				t.Errorf("%s heard themselves", p.user)
			}
			for _, s := range heard {
				if s.csrc != other.seat().joined.Participant.CSRC {
					t.Fatalf("%s heard %s as CSRC %d, want %d", p.user, other.user, s.csrc, other.seat().joined.Participant.CSRC)
				}
			}
		}
	}
	t.Logf("the longest silence in %s: %s", time.Since(began).Round(time.Second),
		longestSilence(people, people, time.Now().Add(-2*time.Second), time.Now()))
}

func TestAllNodesShowTheSameRoomWhoeverChangesIt(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	room := unique("room")
	var people []*person
	for i, n := range append(c.members, c.members...) {
		people = append(people, c.enterText(t, n, room, fmt.Sprintf("p%d", i)))
	}
	ctx, cancel := within(patience)
	defer cancel()
	for i, p := range people {
		if _, err := p.seat().client.Update(ctx, client.Change{Hand: new(true), Name: new(fmt.Sprintf("Name %d", i)),
			Attributes: &map[string]string{"on": p.node().name}}); err != nil {
			t.Fatal(err)
		}
	}
	wantOneRoster(t, people)
	// All at once, and the last one leaves and comes back in between.
	var stops []func()
	for _, p := range people {
		stops = append(stops, p.chatter(30*time.Millisecond))
	}
	pass(time.Second)
	gone := people[len(people)-1]
	stops[len(people)-1]()
	gone.leave()
	again := c.enterText(t, c.members[0], room, "again")
	eventually(t, "everybody has seen somebody leave and somebody join", func() bool {
		for _, p := range people[:len(people)-1] {
			_, left := p.seat().record.saw(func(e event) bool { return e.left.ID == gone.id() && e.left.Reason == "left" })
			_, joined := p.seat().record.saw(func(e event) bool { return e.method == "participant_joined" && e.participant.ID == again.id() })
			if !left || !joined {
				return false
			}
		}
		return true
	})
	for _, stop := range stops {
		stop()
	}
	people = append(people[:len(people)-1], again)
	wantOneRoster(t, people)
	wantRegular(t, people)
	wantOneChat(t, people...)
}

func TestRolesAndModerationHoldOnEveryNode(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	room := unique("room")
	host := c.someone(t, "host")
	host.arrive(c.members[1], room, "host")
	a := c.enterText(t, c.members[0], room, "ada")
	b := c.enterText(t, c.members[2], room, "bea")
	d := c.enterText(t, c.members[0], room, "dan")
	ctx, cancel := within(patience)
	defer cancel()
	moderate := func(by *person, o client.Order) error { return by.seat().client.Moderate(ctx, o) }

	if err := moderate(a, client.Order{Participant: b.id(), Action: "mute"}); client.Code(err) != client.CodeForbidden {
		t.Errorf("a speaker mutes someone on another node: %v, want 403", err)
	}
	for _, o := range []client.Order{
		{Participant: a.id(), Action: "mute", Reason: "an echo"},
		{Participant: b.id(), Action: "role", Role: "listener"},
		{Participant: d.id(), Action: "role", Role: "host"},
	} {
		if err := moderate(host, o); err != nil {
			t.Errorf("%s: %v", o.Action, err)
		}
	}
	wantOneRoster(t, []*person{host, a, b, d})
	seen, _ := b.seat().record.roster()
	if !seen[a.id()].Muted || seen[b.id()].Role != "listener" || seen[d.id()].Role != "host" {
		t.Errorf("on %s the roster is %+v", b.node().name, seen)
	}
	// The new host, on another node than the first one, may as well.
	if err := moderate(d, client.Order{Participant: a.id(), Action: "remove"}); err != nil {
		t.Errorf("remove: %v", err)
	}
	wantClosed(t, a, client.CloseRemoved)
	if err := moderate(host, client.Order{Participant: b.id(), Action: "ban"}); err != nil {
		t.Errorf("ban: %v", err)
	}
	wantClosed(t, b, client.CloseRemoved)
	back := c.someone(t, "back")
	back.user = a.user
	back.arrive(c.members[2], room, "speaker") // removed is not banned
	for _, n := range c.members {
		if err := c.tryJoin(t, n, b.user, room); client.Code(err) != client.CodeForbidden {
			t.Errorf("who is banned joins on %s: %v, want 403", n.name, err)
		}
	}
	wantOneRoster(t, []*person{host, d, back})
	wantRegular(t, []*person{host, d, back})
}

func wantClosed(t *testing.T, p *person, code int) {
	t.Helper()
	c := p.seat().client
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatalf("the connection of %s is still open, want it closed with %d", p.user, code)
	}
	if client.CloseCode(c.Err()) != code {
		t.Errorf("the connection of %s ended with %v, want close code %d", p.user, c.Err(), code)
	}
}

// tryJoin connects a user to a node and returns what comes of joining a room there.
func (c *cluster) tryJoin(t *testing.T, n *node, user, room string) error {
	t.Helper()
	p := c.someone(t, "try")
	s, err := p.dial(n)
	if err != nil {
		t.Fatal(err)
	}
	err = s.connect(client.ConnectParams{Token: mint(t, user, "speaker")})
	if err == nil {
		err = s.join(room, nil)
	}
	return errors.Join(err, s.abandon())
}

func TestARoomThatAllNodesOpenAtOnceHasOneOwner(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	var people []*person
	for _, n := range c.members {
		people = append(people, c.enterText(t, n, "", n.name))
	}
	rounds := full(200, 20)
	var slowest time.Duration
	for range rounds {
		slowest = max(slowest, openAtOnce(t, c, people))
	}
	t.Logf("%d rooms opened on %d nodes at once, one owner each; the slowest took %s", rounds, len(c.members), slowest.Round(time.Millisecond))
}

// openAtOnce lets these people, one on each node, join a new room at the same moment, and leave it when all is checked.
func openAtOnce(t *testing.T, c *cluster, people []*person) (took time.Duration) {
	t.Helper()
	room := unique("new")
	ctx, cancel := within(patience)
	defer cancel()
	began := time.Now()
	marks, joins := make([]int, len(people)), make([]*client.Pending, len(people))
	for i, p := range people {
		s := p.seat()
		marks[i] = s.record.expect()
		var err error
		if joins[i], err = s.client.Start("join", client.JoinParams{Room: room}); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range people {
		s := p.seat()
		s.joined = client.JoinResult{}
		if err := joins[i].Wait(ctx, &s.joined); err != nil {
			t.Fatalf("%s joins on %s: %v", p.user, p.node().name, err)
		}
		p.room = room
		s.record.start(s.joined.Room, marks[i])
	}
	took = time.Since(began)
	wantOneRoster(t, people)
	c.owner(t, room)
	for _, p := range people {
		if err := p.seat().client.LeaveRoom(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return took
}
