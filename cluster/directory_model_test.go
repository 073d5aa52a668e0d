package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
	"pgregory.net/rapid"
)

// model is several directories whose gossip, questions and views of each other are in the hands of a test: nothing is sent by itself.
type model struct {
	t     *rapid.T
	nodes []*modelNode
	// frames is all gossip there ever was; any of it may be delivered at any time, once, often or never.
	frames [][]byte
}

type modelNode struct {
	Node
	members *Members
	dir     *Directory
	dead    bool
}

func newModel(t *rapid.T, size int) *model {
	m := &model{t: t}
	for i := range size {
		m.nodes = append(m.nodes, m.boot(fmt.Sprintf("node%d", i), 0))
	}
	for _, n := range m.nodes {
		m.see(n)
	}
	return m
}

// boot makes a node that knows of nobody.
func (m *model) boot(name string, life int) *modelNode {
	addr := netip.MustParseAddrPort("192.0.2.1:7946")
	n := &modelNode{Node: Node{Name: name, Boot: fmt.Sprintf("%s-%d", name, life), Addr: addr, Link: addr}}
	n.members = &Members{cfg: MembersConfig{Name: name}, log: slog.New(slog.DiscardHandler), lost: make(map[process]lostMember), ready: make(chan struct{})}
	n.members.setReady()
	n.members.current.Store(newView(n.Node, nil))
	n.dir = NewDirectory(DirectoryConfig{
		Members: n.members,
		Ask: func(ctx context.Context, to Node, body []byte) ([]byte, error) {
			other := m.find(to)
			if other == nil || m.chance("the question is lost", 5) {
				return nil, errors.New("unreachable")
			}
			reply, err := other.dir.ServeAsk(ctx, n.Node, body)
			if m.chance("the answer is lost", 5) {
				return nil, errors.New("broken")
			}
			return reply, err
		},
		Probe: func(_ context.Context, to Node) bool { return m.find(to) != nil && !m.chance("the probe is lost", 5) },
	})
	return n
}

// last is the greatest claim that a node has seen for a room, be it void.
func (n *modelNode) last(room string) (Claim, bool) {
	n.dir.mu.Lock()
	defer n.dir.mu.Unlock()
	return n.dir.table.Get(room)
}

func (n *modelNode) holds(room string) bool {
	n.dir.mu.Lock()
	defer n.dir.mu.Unlock()
	_, held := n.dir.held[room]
	return held
}

func (m *model) chance(what string, in int) bool { return rapid.IntRange(1, in).Draw(m.t, what) == 1 }

func (m *model) find(n Node) *modelNode {
	for _, other := range m.nodes {
		if other.Boot == n.Boot && !other.dead {
			return other
		}
	}
	return nil
}

// see has a node see rightly who is alive.
func (m *model) see(n *modelNode) {
	for _, other := range m.nodes {
		if other == n {
			continue
		}
		meta, err := encodeMeta(other.Node)
		if err != nil {
			panic(err)
		}
		seen := &memberlist.Node{Name: other.Name, Addr: net.IPv4(192, 0, 2, 1), Port: 7946, Meta: meta}
		if other.dead {
			gossipEvents{n.members}.NotifyLeave(seen)
		} else {
			gossipEvents{n.members}.NotifyJoin(seen)
		}
	}
}

func (m *model) alive() []*modelNode {
	var alive []*modelNode
	for _, n := range m.nodes {
		if !n.dead {
			alive = append(alive, n)
		}
	}
	return alive
}

func (m *model) close() {
	for _, n := range m.nodes {
		n.dir.Close()
	}
}

// collect takes what nodes have to say.
func (m *model) collect() {
	for _, n := range m.alive() {
		for frame := n.dir.say(200); frame != nil; frame = n.dir.say(200) {
			m.frames = append(m.frames, frame)
		}
	}
}

// settle is what happens when the network is well again: all see who is alive, and exchange all that they know, until nothing is new.
func (m *model) settle() {
	alive := m.alive()
	for _, n := range alive {
		m.see(n)
	}
	for range 4 * len(alive) {
		for _, a := range alive {
			for _, b := range alive {
				b.dir.merge(a.dir.state())
			}
		}
	}
}

// check that each room has one owner everywhere or none, who knows to own it, as nobody else does.
func (m *model) check(rooms []string) error {
	alive := m.alive()
	for _, room := range rooms {
		first, known := alive[0].dir.Known(room)
		for _, n := range alive {
			if c, ok := n.dir.Known(room); ok != known || c != first {
				return fmt.Errorf("room %s: %s knows %+v, %s %+v", room, n.Name, c, alive[0].Name, first)
			}
			if held := n.holds(room); held != (known && first.By(n.Name, n.Boot)) {
				return fmt.Errorf("room %s is said to be of %+v; that %s holds it is %v", room, first, n.Name, held)
			}
		}
	}
	return nil
}

// TestDirectoriesAgree lets nodes open, hand over, release and succeed in rooms, die and start again, while gossip and answers are lost,
// late, repeated, and replayed from long ago, and while nodes are wrong about who is alive. When the network is well again, each room has one
// owner at most, and all know it.
func TestDirectoriesAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var (
			err  error
			data any // rapid's way to say that what it drew leads nowhere, which must not leave the bubble by itself
		)
		synctest.Test(t, func(t *testing.T) {
			defer func() { data = recover() }()
			err = directoriesAgree(t.Context(), rt)
		})
		if data != nil {
			panic(data)
		}
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func directoriesAgree(ctx context.Context, t *rapid.T) error {
	rooms := []string{"a", "b", "c"}
	m := newModel(t, rapid.IntRange(2, 4).Draw(t, "nodes"))
	defer m.close()
	room := rapid.SampledFrom(rooms)
	node := func() *modelNode { return rapid.SampledFrom(m.alive()).Draw(t, "node") }
	lives := 0
	t.Repeat(map[string]func(*rapid.T){
		"locate": func(t *rapid.T) {
			_, _ = node().dir.Locate(ctx, room.Draw(t, "room"))
		},
		"succeed": func(t *rapid.T) {
			n := node()
			if c, ok := n.last(room.Draw(t, "room")); ok {
				_, _ = n.dir.Succeed(ctx, c.Room, c)
			}
		},
		"hand over": func(t *rapid.T) {
			_, _ = node().dir.HandOver(ctx, room.Draw(t, "room"), node().Node)
		},
		"release": func(t *rapid.T) { node().dir.Release(room.Draw(t, "room")) },
		"gossip": func(t *rapid.T) {
			m.collect()
			if len(m.frames) > 0 {
				node().dir.merge(rapid.SampledFrom(m.frames).Draw(t, "frame"))
			}
		},
		"lose gossip": func(*rapid.T) { m.collect() },
		"push and pull": func(*rapid.T) {
			a, b := node(), node()
			b.dir.merge(a.dir.state())
			a.dir.merge(b.dir.state())
		},
		"misjudge": func(t *rapid.T) {
			gossipEvents{node().members}.NotifyLeave(&memberlist.Node{Name: rapid.SampledFrom(m.nodes).Draw(t, "other").Name})
		},
		"judge": func(*rapid.T) { m.see(node()) },
		"die and boot": func(t *rapid.T) {
			if len(m.alive()) < 2 {
				t.Skip("somebody must stay")
			}
			n := node()
			n.dead = true
			if rapid.Bool().Draw(t, "boot") {
				lives++
				again := m.boot(n.Name, lives)
				n.dir.Close()
				m.nodes[slices.Index(m.nodes, n)] = again
				m.see(again)
			}
		},
		"drain": func(*rapid.T) {
			n := node()
			n.Draining = !n.Draining
			n.members.changeSelf(func(self *Node) { self.Draining = n.Draining })
		},
		"wait":      func(*rapid.T) { time.Sleep(7 * time.Second) },
		"wait long": func(*rapid.T) { time.Sleep(3 * pushPullInterval) },
	})
	m.settle()
	if err := m.check(rooms); err != nil {
		return err
	}
	// And however much of the gossip there ever was is heard again.
	m.collect()
	for _, frame := range rapid.Permutation(m.frames).Draw(t, "replay") {
		node().dir.merge(frame)
	}
	m.settle()
	return m.check(rooms)
}
