package cluster

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// faultKind is a way to break something.
type faultKind string

const (
	killed     faultKind = "kill a node"
	drained    faultKind = "drain a node"
	redisLost  faultKind = "kill Redis"
	stalled    faultKind = "stop a node for a while"
	peopleCut  faultKind = "cut people off"
	returnsCut faultKind = "cut off who is coming back"
	peopleTurn faultKind = "some leave and some join"
)

// fault is one of a step. Where it strikes is drawn beforehand, but people and rooms will be somewhere then that only the moment tells.
type fault struct {
	kind  faultKind
	after time.Duration // since the one before it
	// owned says that the node is to be the one that owns the room then, else it is the one of this number.
	owned  bool
	room   int
	node   int
	number int // of people
	lasts  time.Duration
	// soon says that what was killed is started again at once, before anybody has come to rest.
	soon bool
}

func (f fault) String() string {
	s := fmt.Sprintf("after %s %s", f.after, f.kind)
	switch f.kind {
	case killed, drained, stalled:
		if f.owned {
			s += fmt.Sprintf(", the owner of room %d", f.room+1)
		} else {
			s += fmt.Sprintf(", n%d", f.node+1)
		}
		if f.kind == killed && f.soon {
			s += ", start it soon"
		}
		if f.kind == stalled {
			s += ", " + f.lasts.String()
		}
	case redisLost, returnsCut:
	default:
		s += fmt.Sprintf(", %d in each room", f.number)
	}
	return s
}

// plan is what is to happen in a step, in this order.
type plan []fault

func (p plan) String() string {
	var all []string
	for _, f := range p {
		all = append(all, f.String())
	}
	return strings.Join(all, "; ")
}

func (p plan) count(kind faultKind) (n int) {
	for _, f := range p {
		if f.kind == kind {
			n++
		}
	}
	return n
}

func (p plan) has(kind faultKind) bool { return p.count(kind) > 0 }

// losesChat tells whether what was just written may be lost, since only two nodes may have it when it is answered, and two are killed; or be
// numbered anew, since a node that stood still may think for a moment that it owns the room that others have taken over.
func (p plan) losesChat() bool { return p.count(killed) > 1 || p.has(stalled) }

func (c *chaos) draw() plan {
	kinds := []faultKind{killed, killed, killed, drained, drained, drained, stalled, redisLost, peopleCut, returnsCut, peopleTurn}
	var p plan
	for range 1 + c.rand.IntN(3) {
		f := fault{
			kind: kinds[c.rand.IntN(len(kinds))], owned: c.rand.IntN(2) == 0, room: c.rand.IntN(len(c.rooms)), node: c.rand.IntN(chaosNodes),
			number: 1 + c.rand.IntN(2), soon: c.rand.IntN(2) == 0, lasts: time.Duration(2+c.rand.IntN(40)) * 100 * time.Millisecond,
		}
		if len(p) > 0 {
			// From the midst of the first one to its aftermath; and often the very node that has just got the room.
			f.after = time.Duration(c.rand.IntN(10)) * time.Duration(c.rand.IntN(20)) * 10 * time.Millisecond
			f.room = p[0].room
			f.owned = f.owned || c.rand.IntN(2) == 0
		}
		if f.kind == redisLost && p.has(redisLost) {
			continue
		}
		p = append(p, f)
	}
	return p
}

// commit lets a fault happen now, if it leaves somebody in each room whom nothing has happened to: a room that no living
// node has may be lost.
func (c *chaos) commit(t *testing.T, b *beginning, f fault) {
	t.Helper()
	switch f.kind {
	case killed, drained, stalled:
		n := c.members[f.node]
		if owner, _ := c.agreedOwner(c.rooms[f.room].room); f.owned && owner != nil {
			n = owner
		}
		if !n.running() || b.struck[n] != "" || !c.bears(b, n) {
			t.Logf("%s is spared", n.name)
			return
		}
		c.strike(t, b, n, f)
	case redisLost:
		if err := c.redis.kill(); err != nil {
			t.Fatal(err)
		}
	case peopleCut:
		for _, g := range c.rooms {
			for range f.number {
				if p := c.pick(b, g, 0); p != nil {
					b.touched[p] = true
					p.seat().client.Abort()
				}
			}
		}
	case returnsCut:
		for _, p := range c.everyone() {
			if b.touched[p] {
				p.trip()
			}
		}
	case peopleTurn:
		for _, g := range c.rooms {
			for range f.number {
				c.turn(t, b, g)
			}
		}
	}
}

// strike kills or drains a node.
func (c *chaos) strike(t *testing.T, b *beginning, n *node, f fault) {
	t.Helper()
	b.struck[n] = f.kind
	t.Logf("%s is struck", n.name)
	if f.kind == stalled {
		c.stall(t, b, n, f.lasts)
		return
	}
	for _, p := range on(n, c.everyone()) {
		b.touched[p] = true
	}
	if f.kind == drained {
		if err := n.terminate(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	if f.soon {
		c.startAgain(t, n)
	}
}

// stall has a node stand still, as one whose machine is moved to another or is out of memory. Its people keep their connections.
func (c *chaos) stall(t *testing.T, b *beginning, n *node, d time.Duration) {
	t.Helper()
	for _, p := range on(n, c.everyone()) {
		b.shaken[p] = true
	}
	if err := n.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		pass(d)
		if err := n.Signal(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	})
	b.stalls = append(b.stalls, running.Wait)
	t.Cleanup(running.Wait)
}

// startAgain starts a node that has ended, without waiting for it.
func (c *chaos) startAgain(t *testing.T, n *node) {
	t.Helper()
	if err := n.Misbehaved(); err != nil {
		t.Fatal(err)
	}
	if err := c.start(n, c.members); err != nil {
		t.Fatal(err)
	}
}

// anchors are those in a room whom nothing has happened to.
func (b *beginning) anchors(g *gathering) []*person {
	return slices.DeleteFunc(slices.Clone(g.people), func(p *person) bool { return b.touched[p] || b.shaken[p] })
}

// bears tells whether every room has an anchor on another node.
func (c *chaos) bears(b *beginning, n *node) bool {
	return !slices.ContainsFunc(c.rooms, func(g *gathering) bool { return len(awayFrom(n, b.anchors(g))) == 0 })
}

// pick draws someone of a room, not of the first few, whom nothing has happened to; nil when that would take the last anchor.
func (c *chaos) pick(b *beginning, g *gathering, first int) *person {
	anchors := b.anchors(g)
	if len(anchors) < 2 {
		return nil
	}
	p := anchors[c.rand.IntN(len(anchors))]
	if slices.Index(g.people, p) < first {
		return nil
	}
	return p
}

// turn lets someone leave a room, and someone else join it on a node that nothing has happened to.
func (c *chaos) turn(t *testing.T, b *beginning, g *gathering) {
	t.Helper()
	if p := c.pick(b, g, talkers); p != nil {
		g.people = slices.DeleteFunc(g.people, func(o *person) bool { return o == p })
		p.leave()
	}
	if len(g.people) >= slots {
		return
	}
	sound := slices.DeleteFunc(c.up(), func(n *node) bool { return b.struck[n] != "" })
	p := c.enter(t, sound[c.rand.IntN(len(sound))], g.room, "late")
	g.people = append(g.people, p)
	b.seats[p] = p.seat()
}

// mend brings Redis back, empty, and waits until the nodes that drain have ended well and everybody is back.
func (c *chaos) mend(t *testing.T, b *beginning) {
	t.Helper()
	if err := c.redis.start(); err != nil {
		t.Fatal(err)
	}
	for _, wait := range b.stalls {
		wait()
	}
	for n, kind := range b.struck {
		if kind != drained {
			continue
		}
		if err := n.Wait(patience); err != nil {
			t.Errorf("%s drains: %v", n.name, err)
		}
	}
	if err := c.settle(); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.everyone() {
		back := func() bool {
			s := p.seat()
			return s.isOpen() && s.node.running() && b.touched[p] == (s != b.seats[p])
		}
		if !poll(patience, back) {
			t.Fatalf("%s is not back: touched %t, moves %+v, problems %q", p.user, b.touched[p], p.moved(), p.troubles())
		}
	}
}

// restore starts the nodes that have ended, and spreads people over them, as a load balancer would do with new ones.
func (c *chaos) restore(t *testing.T) {
	t.Helper()
	for _, n := range c.members {
		if !n.running() {
			c.startAgain(t, n)
		}
	}
	if err := c.settle(); err != nil {
		t.Fatal(err)
	}
	for _, g := range c.rooms {
		for _, n := range c.members {
			if len(on(n, g.people)) > 0 {
				continue
			}
			crowded := slices.IndexFunc(g.people[talkers:], func(p *person) bool { return len(on(p.node(), g.people)) > 1 })
			if crowded >= 0 {
				g.people[talkers+crowded].leave()
				g.people[talkers+crowded] = c.enter(t, n, g.room, "new")
			}
		}
	}
}
