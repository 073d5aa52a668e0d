package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// all calls f for each node at the same instant, and returns what they got.
func all(t *testing.T, nodes []*testNode, f func(*testNode) (Claim, error)) []Claim {
	t.Helper()
	claims := make([]Claim, len(nodes))
	start := make(chan struct{})
	var calls sync.WaitGroup
	for i, n := range nodes {
		calls.Go(func() {
			<-start
			c, err := f(n)
			if err != nil {
				t.Errorf("%s: %v", n.name(), err)
			}
			claims[i] = c
		})
	}
	close(start)
	calls.Wait()
	return claims
}

func (t *testNode) locate(tb testing.TB, room string) Claim {
	tb.Helper()
	c, err := t.dir.Locate(tb.Context(), room)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func (t *testNode) holds(room string) bool {
	t.dir.mu.Lock()
	defer t.dir.mu.Unlock()
	_, held := t.dir.held[room]
	return held
}

// holder is the one node that holds a room.
func holder(tb testing.TB, nodes []*testNode, room string) *testNode {
	tb.Helper()
	var found *testNode
	for _, n := range nodes {
		if !n.holds(room) {
			continue
		}
		if found != nil {
			tb.Errorf("%s and %s both hold %s", found.name(), n.name(), room)
		}
		found = n
	}
	if found == nil {
		tb.Fatalf("nobody holds %s", room)
	}
	return found
}

// TestOneOwner opens the same new room on all nodes at once, over and over.
func TestOneOwner(t *testing.T) {
	nodes := newTestNet().cluster(t, 5)
	owned := make(map[string]int)
	for i := range 200 {
		room := fmt.Sprintf("room-%d", i)
		claims := all(t, nodes, func(n *testNode) (Claim, error) { return n.dir.Locate(t.Context(), room) })
		for j, c := range claims {
			if c != claims[0] {
				t.Fatalf("node %d was told %+v, node 0 %+v", j, c, claims[0])
			}
		}
		if owner := holder(t, nodes, room); owner.name() != claims[0].Owner {
			t.Errorf("%s holds a room of %+v", owner.name(), claims[0])
		}
		owned[claims[0].Owner]++
	}
	t.Log("rooms by owner:", owned)
}

func TestClaimsReachAll(t *testing.T) {
	nodes := newTestNet().cluster(t, 4)
	c := nodes[2].locate(t, "kitchen")
	waitUntil(t, "all know a claim", func() bool { got, ok := agreed(nodes, "kitchen"); return ok && got == c })
	if again := nodes[0].locate(t, "kitchen"); again != c {
		t.Errorf("%+v is located as %+v", c, again)
	}
	nodes[2].dir.Release("kitchen")
	waitUntil(t, "all know that the room is no more", func() bool {
		return !slices.ContainsFunc(nodes, func(n *testNode) bool { _, ok := n.dir.Known("kitchen"); return ok })
	})
	next := nodes[0].locate(t, "kitchen")
	if next.Epoch < c.Epoch+2 || next.Owner != "node0" {
		t.Errorf("%+v followed %+v and its release", next, c)
	}
}

func TestSuccession(t *testing.T) {
	cluster := newTestNet()
	nodes := cluster.cluster(t, 5)
	lost := nodes[4].locate(t, "kitchen")
	waitUntil(t, "all know the owner", func() bool { got, ok := agreed(nodes, "kitchen"); return ok && got == lost })
	for _, n := range nodes[:4] {
		n.locate(t, "kitchen")
		if _, err := n.dir.Succeed(t.Context(), "kitchen", lost); !errors.Is(err, ErrOwnerAlive) {
			t.Errorf("succession in a room whose owner answers: %v", err)
		}
	}
	nodes[4].kill()
	rest := nodes[:4]
	// They are still members of each other's: it is the probe that finds out.
	claims := all(t, rest, func(n *testNode) (Claim, error) { return n.dir.Succeed(t.Context(), "kitchen", lost) })
	for _, c := range claims {
		if c != claims[0] || c.Owner == lost.Owner || c.Epoch != lost.Epoch+1 {
			t.Fatalf("%+v and %+v succeed %+v", c, claims[0], lost)
		}
	}
	if owner := holder(t, rest, "kitchen"); owner.name() != claims[0].Owner {
		t.Errorf("%s holds a room of %+v", owner.name(), claims[0])
	}
	// Who asks late, of a loss that is over, is told the same.
	if c, err := rest[0].dir.Succeed(t.Context(), "kitchen", lost); err != nil || c != claims[0] {
		t.Errorf("%+v, %v instead of %+v", c, err, claims[0])
	}
}

func TestOneProbeForAllWhoAsk(t *testing.T) {
	cluster := newTestNet()
	nodes := cluster.cluster(t, 2)
	const rooms = 20
	for i := range rooms {
		nodes[1].locate(t, fmt.Sprintf("room-%d", i))
	}
	var probes atomic.Int32
	release := make(chan struct{})
	nodes[0].dir.cfg.Probe = func(context.Context, Node) bool {
		probes.Add(1)
		<-release
		return false
	}
	var asked sync.WaitGroup
	var asking atomic.Int32
	for i := range rooms {
		lost, _ := nodes[1].dir.Known(fmt.Sprintf("room-%d", i))
		asked.Go(func() {
			asking.Add(1)
			if c, err := nodes[0].dir.Succeed(t.Context(), lost.Room, lost); err != nil || c.Owner != "node0" {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
	waitUntil(t, "all ask", func() bool { return asking.Load() == rooms && probes.Load() > 0 })
	close(release)
	asked.Wait()
	if n := probes.Load(); n > rooms/2 {
		t.Errorf("%d probes", n)
	}
}

func TestClaimsOfTheDeadAreVoid(t *testing.T) {
	cluster := newTestNet()
	nodes := cluster.cluster(t, 3)
	dead, rebooted := nodes[1].locate(t, "a"), nodes[2].locate(t, "b")
	for _, room := range []string{"a", "b"} {
		nodes[0].locate(t, room)
	}
	nodes[1].kill()
	again := cluster.restart(t, nodes[2], nodes[0], nil)
	waitUntil(t, "claims of the dead and the rebooted are void", func() bool {
		_, a := nodes[0].dir.Known("a")
		_, b := nodes[0].dir.Known("b")
		return !a && !b
	})
	waitUntil(t, "it was told", func() bool { return len(nodes[0].told("a")) > 0 && len(nodes[0].told("b")) > 0 })
	live := []*testNode{nodes[0], again}
	waitUntil(t, "the rest know each other", func() bool { return allKnow(live, 2) })
	for _, lost := range []Claim{dead, rebooted} {
		claims := all(t, live, func(n *testNode) (Claim, error) { return n.dir.Locate(t.Context(), lost.Room) })
		if claims[0] != claims[1] || claims[0].Epoch <= lost.Epoch {
			t.Errorf("after %+v came %+v", lost, claims)
		}
		holder(t, live, lost.Room)
	}
}

// told is what OnChange was called with for a room; a change to nobody counts for every room.
func (t *testNode) told(room string) []told {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.changes), func(c told) bool { return c.known && c.claim.Room != room })
}

// TestSplitHeals splits a cluster while rooms are open, and has both halves go on.
func TestSplitHeals(t *testing.T) {
	t.Run("soon", func(t *testing.T) { splitAndHeal(t, 0) })
	// When memberlist does not gossip to the dead any more, the halves find each other only if they look.
	t.Run("after long", func(t *testing.T) { splitAndHeal(t, time.Millisecond) })
}

func splitAndHeal(t *testing.T, forget time.Duration) {
	cluster := newTestNet()
	cluster.forget = forget
	nodes := cluster.cluster(t, 4)
	const rooms = 20
	room := func(i int) string { return fmt.Sprintf("room-%d", i) }
	for i := range rooms / 2 { // the other half is opened during the split
		c := nodes[i%4].locate(t, room(i))
		waitUntil(t, "all know a claim", func() bool { got, ok := agreed(nodes, room(i)); return ok && got == c })
	}
	left, right := nodes[:2], nodes[2:]
	cluster.split(map[string]int{"node2": 1, "node3": 1})
	waitUntil(t, "both sides are by themselves", func() bool { return allKnow(nodes, 2) })
	for i := range rooms {
		for _, side := range [][]*testNode{left, right} {
			claims := all(t, side, func(n *testNode) (Claim, error) { return n.dir.Locate(t.Context(), room(i)) })
			if claims[0] != claims[1] {
				t.Fatalf("one side has %+v", claims)
			}
			holder(t, side, room(i))
		}
	}
	cluster.split(nil)
	began := time.Now()
	waitUntil(t, "all know each other again", func() bool { return allKnow(nodes, 4) })
	met := time.Since(began)
	waitUntil(t, "each room has one owner", func() bool {
		for i := range rooms {
			if _, ok := agreed(nodes, room(i)); !ok {
				return false
			}
		}
		return true
	})
	t.Logf("together after %v, one owner each after %v", met, time.Since(began))
	for i := range rooms {
		c, _ := agreed(nodes, room(i))
		if owner := holder(t, nodes, room(i)); owner.name() != c.Owner {
			t.Errorf("%s holds a room of %+v", owner.name(), c)
		}
		// Who has lost it, or follows who has, is told who has it now.
		for _, n := range nodes {
			waitUntil(t, n.name()+" is told of "+room(i), func() bool {
				n.dir.mu.Lock()
				defer n.dir.mu.Unlock()
				return n.dir.interest[room(i)] == told{c, true}
			})
		}
	}
}

func TestDrainingNodesGetNoRooms(t *testing.T) {
	nodes := newTestNet().cluster(t, 3)
	existing := nodes[1].locate(t, "existing")
	nodes[0].members.SetDraining(true)
	waitUntil(t, "all know who drains", func() bool {
		return !slices.ContainsFunc(nodes, func(n *testNode) bool { d, _ := n.members.Find("node0"); return !d.Draining })
	})
	if c := nodes[0].locate(t, "existing"); c != existing {
		t.Errorf("a draining node locates %+v as %+v", existing, c)
	}
	for i := range 20 {
		c := nodes[0].locate(t, fmt.Sprintf("room-%d", i))
		if c.Owner == "node0" {
			t.Fatalf("a draining node was given %+v", c)
		}
		owner := holder(t, nodes, c.Room)
		if owner.name() != c.Owner {
			t.Errorf("%s holds a room of %+v", owner.name(), c)
		}
		waitUntil(t, "who took a room is told", func() bool { return slices.Contains(owner.told(c.Room), told{c, true}) })
	}
	for _, n := range nodes[1:] {
		n.members.SetDraining(true)
	}
	waitUntil(t, "all know that all drain", func() bool {
		d1, _ := nodes[0].members.Find("node1")
		d2, _ := nodes[0].members.Find("node2")
		return d1.Draining && d2.Draining
	})
	nodes[0].locate(t, "last")
	holder(t, nodes, "last")
}

func TestHandOver(t *testing.T) {
	nodes := newTestNet().cluster(t, 3)
	c := nodes[0].locate(t, "kitchen")
	if c.Owner != "node0" {
		t.Fatalf("who asked first did not get the room: %+v", c)
	}
	to := nodes[1].members.Self()
	given, err := nodes[0].dir.HandOver(t.Context(), "kitchen", to)
	if err != nil || !given.By(to.Name, to.Boot) || given.Epoch != c.Epoch+1 {
		t.Fatalf("%+v, %v", given, err)
	}
	waitUntil(t, "the new owner is told", func() bool { return slices.Contains(nodes[1].told("kitchen"), told{given, true}) })
	if !nodes[1].holds("kitchen") || nodes[0].holds("kitchen") {
		t.Error("it is not the new owner alone who holds the room")
	}
	waitUntil(t, "all know the new owner", func() bool { got, ok := agreed(nodes, "kitchen"); return ok && got == given })
	if _, err := nodes[0].dir.HandOver(t.Context(), "kitchen", to); !errors.Is(err, ErrNotOwner) {
		t.Errorf("handing over what is another's: %v", err)
	}
	nodes[2].kill()
	if _, err := nodes[1].dir.HandOver(t.Context(), "kitchen", nodes[2].members.Self()); err == nil || !nodes[1].holds("kitchen") {
		t.Errorf("handed over to a dead node: %v", err)
	}
}

// TestLateAnswer has the home give a room to a node that has stopped waiting: it gives the room back when it hears of it.
func TestLateAnswer(t *testing.T) {
	nodes := newTestNet().cluster(t, 2)
	ask := nodes[0].dir.cfg.Ask
	room := homedAt(nodes[0], "node1")
	nodes[0].dir.cfg.Ask = func(_ context.Context, to Node, body []byte) ([]byte, error) {
		_, _ = ask(t.Context(), to, body)
		return nil, ErrDirectoryFull // which ends the asking
	}
	if c, err := nodes[0].dir.Locate(t.Context(), room); err == nil {
		t.Fatalf("located %+v without an answer", c)
	}
	if _, ok := nodes[1].dir.Known(room); !ok {
		t.Error("the home has not given the room")
	}
	waitUntil(t, "nobody is said to own the room", func() bool {
		_, a := nodes[0].dir.Known(room)
		_, b := nodes[1].dir.Known(room)
		return !a && !b
	})
}

// homedAt is a room whose home is a certain node.
func homedAt(n *testNode, home string) string {
	for i := 0; ; i++ {
		room := fmt.Sprintf("room-%d", i)
		if got, _ := n.dir.home(&question{Kind: askLocate, Room: room}); got.Name == home {
			return room
		}
	}
}
