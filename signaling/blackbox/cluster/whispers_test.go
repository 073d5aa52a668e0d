package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// online connects someone who is in no room; as another's second device if user is not "".
func (c *cluster) online(t *testing.T, n *node, name, user string) *person {
	t.Helper()
	p := c.someone(t, name)
	if user != "" {
		p.user = user
	}
	p.arrive(n, "", "speaker")
	return p
}

func (p *person) whisper(t *testing.T, to, text string) client.WhisperReceipt {
	t.Helper()
	ctx, cancel := within(patience)
	defer cancel()
	r, err := p.seat().client.Whisper(ctx, to, text, "")
	if err != nil {
		t.Fatalf("%s whispers to %s: %v", p.user, to, err)
	}
	return r
}

func (p *person) wantShown(t *testing.T, texts ...string) {
	t.Helper()
	shown := func() []string {
		p.mu.Lock()
		defer p.mu.Unlock()
		var got []string
		for _, w := range p.shown {
			got = append(got, w.Text)
		}
		return got
	}
	poll(patience, func() bool { return len(shown()) >= len(texts) })
	if got := shown(); !slices.Equal(got, texts) {
		t.Errorf("%s (%s) was shown %q, want %q", p.user, p.node().name, got, texts)
	}
}

func TestWhispersReachEveryDeviceOnWhicheverNode(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	a := c.online(t, c.members[0], "ada", "")
	var devices []*person
	user := unique("bea")
	for _, n := range c.members {
		devices = append(devices, c.online(t, n, "bea", user))
	}
	var texts []string
	for i := range 10 {
		text := fmt.Sprint("line ", i)
		texts = append(texts, text)
		if r := a.whisper(t, user, text); r.Status != "delivered" {
			t.Errorf("whisper %d is %s, want delivered", i, r.Status)
		}
	}
	for _, d := range devices {
		d.wantShown(t, texts...)
	}
	for _, w := range devices[1].shown {
		if w.From.ID != a.user || w.To != user {
			t.Errorf("the whisper is %+v", w)
		}
	}
	// Acknowledged by one of them, they are settled for all, everywhere.
	late := c.online(t, c.members[1], "bea", user)
	if r := a.whisper(t, user, "and now"); r.Status != "delivered" {
		t.Errorf("the whisper to four devices is %s", r.Status)
	}
	late.wantShown(t, "and now")
}

func TestWhispersWaitForWhoIsOfflineAndComeOnceInOrderOnWhicheverNode(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	senders := []*person{c.online(t, c.members[0], "ada", ""), c.online(t, c.members[1], "cem", "")}
	user := unique("absent")
	var texts []string
	for i := range 20 {
		text := fmt.Sprint("while you were away ", i)
		texts = append(texts, text)
		if r := senders[i%2].whisper(t, user, text); r.Status != "stored" {
			t.Errorf("a whisper to nobody is %s, want stored", r.Status)
		}
	}
	b := c.online(t, c.members[2], "bea", user)
	b.wantShown(t, texts...)
	b.leave()
	// What was acknowledged is settled: on the next node nothing comes again.
	again := c.online(t, c.members[0], "bea", user)
	if r := senders[1].whisper(t, user, "welcome back"); r.Status != "delivered" {
		t.Errorf("the whisper is %s, want delivered", r.Status)
	}
	again.wantShown(t, "welcome back")
}

func TestWhispersFindWhoIsJustMovingBetweenNodes(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	room := unique("room")
	a, b := c.enterText(t, c.members[0], room, "ada"), c.enterText(t, c.members[1], room, "bea")
	stopA, stopB := a.whisperTo(b, 20*time.Millisecond), b.whisperTo(a, 20*time.Millisecond)
	for i := range full(10, 3) {
		b.seat().client.Abort() // the network is lost; the keeper comes back elsewhere
		eventually(t, "Bea is back", func() bool { return len(b.moved()) == i+1 })
	}
	stopA()
	stopB()
	wantAllWhispers(t, a, b)
	wantOneRoster(t, []*person{a, b})
}

func TestAllNodesKnowWhoIsOnline(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	room := unique("room")
	var people []*person
	for i, n := range c.members {
		people = append(people, c.enterText(t, n, room, fmt.Sprintf("p%d", i)))
	}
	wantOnline(t, people, patience)
	for _, p := range people {
		if users := usersSeen(p, room); len(users) != len(people) {
			t.Errorf("%s lists %v in the room", p.node().name, users)
		}
	}
	people[0].leave()
	for _, p := range people[1:] {
		eventually(t, "who has left is not online", func() bool {
			return !slices.Contains(usersSeen(p, room), people[0].user) && !slices.Contains(usersSeen(p, ""), people[0].user)
		})
	}
}

// wantOnline waits until each of these people, asking their node, finds all of them online.
func wantOnline(t *testing.T, people []*person, limit time.Duration) {
	t.Helper()
	for _, p := range people {
		var seen []string
		complete := func() bool {
			seen = usersSeen(p, "")
			return !slices.ContainsFunc(people, func(o *person) bool { return !slices.Contains(seen, o.user) })
		}
		if !poll(limit, complete) {
			t.Errorf("on %s these are online: %v", p.node().name, seen)
		}
	}
}

// usersSeen are the users that a person's node lists, of a room or ("") of all.
func usersSeen(p *person, room string) []string {
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	users, err := p.seat().client.Users(ctx, room)
	if err != nil {
		return nil
	}
	var ids []string
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	return ids
}
