package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// testNet is the cluster of a test: nodes in one process that gossip by real sockets on loopback, and ask each other by calls. Ways between
// nodes can be cut.
type testNet struct {
	mu    sync.Mutex
	nodes map[process]*testNode
	addrs map[netip.AddrPort]string
	side  map[string]int // of a split, by node
	// forget is for how long memberlist gossips to the dead, 0 for its usual time.
	forget time.Duration
	// gossipAlone is as in DirectoryConfig.
	gossipAlone bool
}

type testNode struct {
	net     *testNet
	members *Members
	dir     *Directory

	mu      sync.Mutex
	changes []told
	events  []MemberEvent
	dead    bool
}

var testKey = []byte("0123456789abcdef0123456789abcdef")

func newTestNet() *testNet {
	return &testNet{nodes: make(map[process]*testNode), addrs: make(map[netip.AddrPort]string), side: make(map[string]int)}
}

// cut says whether a split is between two nodes.
func (n *testNet) cut(from, to string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.side[from] != n.side[to]
}

// split puts nodes on sides; nodes on different sides do not reach each other.
func (n *testNet) split(side map[string]int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.side = side
}

func (n *testNet) node(name, boot string) *testNode {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[process{name, boot}]
}

// add starts a node; edit may change its configuration.
func (n *testNet) add(tb testing.TB, name string, join []*testNode, edit func(*MembersConfig)) *testNode {
	tb.Helper()
	node := &testNode{net: n}
	cfg := MembersConfig{
		Name: name, Version: "test", HTTP: "http://" + name, Listen: "127.0.0.1:0", Keys: [][]byte{testKey},
		OnChange: func(e MemberEvent) {
			node.mu.Lock()
			defer node.mu.Unlock()
			node.events = append(node.events, e)
		},
		blocked: func(to netip.AddrPort) bool {
			n.mu.Lock()
			other, ok := n.addrs[to]
			n.mu.Unlock()
			return ok && n.cut(name, other)
		},
		forget: n.forget,
	}
	for _, j := range join {
		cfg.Join = append(cfg.Join, j.members.Self().Addr.String())
	}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	if node.members, err = NewMembers(cfg); err != nil {
		tb.Fatal(err)
	}
	self := node.members.Self()
	n.mu.Lock()
	n.nodes[process{self.Name, self.Boot}] = node
	n.addrs[self.Addr] = name
	n.mu.Unlock()
	node.dir = NewDirectory(DirectoryConfig{
		Members: node.members, gossipAlone: n.gossipAlone,
		Ask:   node.ask,
		Probe: func(_ context.Context, to Node) bool { return node.reach(to) != nil },
		OnChange: func(_ string, now Claim, known bool) {
			node.mu.Lock()
			defer node.mu.Unlock()
			node.changes = append(node.changes, told{now, known})
		},
	})
	if err := node.members.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(node.kill)
	return node
}

// reach is the node that a link would reach, nil if none.
func (t *testNode) reach(to Node) *testNode {
	other := t.net.node(to.Name, to.Boot)
	if other == nil || t.net.cut(t.members.Self().Name, to.Name) {
		return nil
	}
	other.mu.Lock()
	defer other.mu.Unlock()
	if other.dead {
		return nil
	}
	return other
}

func (t *testNode) ask(ctx context.Context, to Node, body []byte) ([]byte, error) {
	other := t.reach(to)
	if other == nil {
		return nil, errors.New("unreachable")
	}
	return other.dir.ServeAsk(ctx, t.members.Self(), body)
}

// kill ends a node without a word.
func (t *testNode) kill() {
	t.mu.Lock()
	dead := t.dead
	t.dead = true
	t.mu.Unlock()
	if !dead {
		t.dir.Close()
		_ = t.members.stop()
	}
}

func (t *testNode) name() string { return t.members.Self().Name }

// cluster starts nodes that all know each other.
func (n *testNet) cluster(tb testing.TB, size int) []*testNode {
	tb.Helper()
	nodes := make([]*testNode, size)
	for i := range nodes {
		nodes[i] = n.add(tb, fmt.Sprintf("node%d", i), nodes[:min(i, 1)], nil)
	}
	waitUntil(tb, "all nodes know each other", func() bool { return allKnow(nodes, size) })
	return nodes
}

func allKnow(nodes []*testNode, size int) bool {
	for _, n := range nodes {
		if len(n.members.Alive()) != size {
			return false
		}
	}
	return true
}

// agreed is the claim that all nodes know for a room.
func agreed(nodes []*testNode, room string) (Claim, bool) {
	first, ok := nodes[0].dir.Known(room)
	for _, n := range nodes[1:] {
		if c, known := n.dir.Known(room); c != first || known != ok {
			return Claim{}, false
		}
	}
	return first, ok
}

// waitUntil waits for a condition, for as long as a busy machine may need.
func waitUntil(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	waitUntilEvery(tb, 5*time.Millisecond, what, condition)
}

func waitUntilEvery(tb testing.TB, interval time.Duration, what string, condition func() bool) {
	tb.Helper()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	deadline := time.After(60 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("gave up waiting: %s", what)
		}
	}
}
