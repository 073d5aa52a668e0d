package cluster

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMembersMeetAndLeave(t *testing.T) {
	cluster := newTestNet()
	nodes := cluster.cluster(t, 3)
	for _, n := range nodes {
		for _, other := range nodes {
			found, ok := n.members.Find(other.name())
			if self := other.members.Self(); !ok || found != self || self.Link.Port() != self.Addr.Port()+1 {
				t.Errorf("%s has %+v of %+v", n.name(), found, self)
			}
		}
		if !n.members.Ready() {
			t.Errorf("%s has met others and is not ready", n.name())
		}
	}

	nodes[1].members.SetDraining(true)
	waitUntil(t, "all know that a node drains", func() bool {
		n, _ := nodes[2].members.Find("node1")
		return n.Draining
	})
	nodes[1].members.SetLoad(7)
	waitUntil(t, "all know a node's load", func() bool {
		n, _ := nodes[2].members.Find("node1")
		return n.Load == 7
	})

	began := time.Now()
	if err := nodes[1].members.Close(t.Context()); err != nil {
		t.Error(err)
	}
	waitUntil(t, "all know that a node left", func() bool { return allKnow([]*testNode{nodes[0], nodes[2]}, 2) })
	t.Log("a node that left was known to have left after", time.Since(began))

	began = time.Now()
	nodes[2].kill()
	waitUntil(t, "a dead node is known to be dead", func() bool { return allKnow(nodes[:1], 1) })
	t.Log("a node that died was known to be dead after", time.Since(began))
	waitUntil(t, "it was told", func() bool { return slices.Contains(nodes[0].kinds("node2"), MemberLeft) })
	if got := nodes[0].kinds("node2"); got[0] != MemberJoined || got[len(got)-1] != MemberLeft {
		t.Errorf("node0 was told %v of node2", got)
	}
}

// kinds is what happened to a node as this one was told.
func (t *testNode) kinds(name string) []MemberEventKind {
	t.mu.Lock()
	defer t.mu.Unlock()
	var kinds []MemberEventKind
	for _, e := range t.events {
		if e.Node.Name == name {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// restart kills a node and starts it again at the same address.
func (n *testNet) restart(t *testing.T, old *testNode, join *testNode, edit func(*MembersConfig)) *testNode {
	t.Helper()
	self := old.members.Self()
	old.kill()
	return n.add(t, self.Name, []*testNode{join}, func(c *MembersConfig) {
		c.Listen = self.Addr.String()
		if edit != nil {
			edit(c)
		}
	})
}

func TestRebootedNodeIsAnother(t *testing.T) {
	cluster := newTestNet()
	nodes := cluster.cluster(t, 2)
	old := nodes[1].members.Self()
	again := cluster.restart(t, nodes[1], nodes[0], nil)
	boot := again.members.Self().Boot
	waitUntil(t, "the new life is known", func() bool {
		n, ok := nodes[0].members.Find("node1")
		return ok && n.Boot == boot
	})
	if boot == old.Boot {
		t.Error("two lives have the same boot id")
	}
	waitUntil(t, "both were told", func() bool { return len(nodes[0].kinds("node1")) >= 3 })
	if got := nodes[0].kinds("node1"); !slices.Equal(got, []MemberEventKind{MemberJoined, MemberLeft, MemberJoined}) {
		t.Errorf("node0 was told %v", got)
	}
}

func TestNodeWaitsForThoseItIsToJoin(t *testing.T) {
	cluster := newTestNet()
	first := cluster.add(t, "first", nil, nil)
	if !first.members.Ready() {
		t.Error("a node that is to join nobody is not ready")
	}
	addr := first.members.Self().Addr.String()
	first.kill()

	warned := make(chan struct{}, 10)
	second := cluster.add(t, "second", []*testNode{first}, func(c *MembersConfig) {
		c.Logger = slog.New(slog.NewTextHandler(signalWriter{"no other node", warned}, nil))
	})
	<-warned
	if second.members.Ready() {
		t.Error("ready without having met anybody")
	}
	cluster.add(t, "first", nil, func(c *MembersConfig) { c.Listen = addr })
	waitUntil(t, "the node is ready", second.members.Ready)
}

// signalWriter sends when a line has what is looked for.
type signalWriter struct {
	text string
	c    chan<- struct{}
}

func (w signalWriter) Write(line []byte) (int, error) {
	if strings.Contains(string(line), w.text) {
		select {
		case w.c <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}

func TestStrangersAreKeptOut(t *testing.T) {
	cluster := newTestNet()
	nodes := cluster.cluster(t, 2)
	refused := make(chan struct{}, 10)
	stranger := cluster.add(t, "stranger", nodes[:1], func(c *MembersConfig) {
		c.Keys = [][]byte{bytes.Repeat([]byte{1}, 32)}
		c.Logger = slog.New(slog.NewTextHandler(signalWriter{"no other node", refused}, nil))
	})
	<-refused

	// Nor does plain gossip or garbage come in.
	addr := nodes[0].members.Self().Addr
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, packet := range [][]byte{{}, {0}, []byte("hello"), bytes.Repeat([]byte{0xff}, 1400), append([]byte{244, 6}, "hubbub\x04x"...)} {
		if _, err := conn.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	plain := memberlist.DefaultLocalConfig()
	plain.Name, plain.Label, plain.BindAddr, plain.BindPort = "plain", gossipLabel, "127.0.0.1", 0
	plain.Logger = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	list, err := memberlist.Create(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = list.Shutdown() }()
	if n, err := list.Join([]string{addr.String()}); err == nil {
		t.Errorf("joined %d nodes without a key", n)
	}

	nodes[1].members.SetDraining(true)
	waitUntil(t, "the cluster still gossips", func() bool {
		n, _ := nodes[0].members.Find("node1")
		return n.Draining
	})
	if stranger.members.Ready() || len(stranger.members.Alive()) != 1 || !allKnow(nodes, 2) {
		t.Error("a node with another key got in")
	}
}

// TestKeysAreChangedOneNodeAtATime restarts two nodes three times: with the new key beside the old one, before it, and alone. They meet each time.
func TestKeysAreChangedOneNodeAtATime(t *testing.T) {
	cluster := newTestNet()
	nodes := cluster.cluster(t, 2)
	fresh := bytes.Repeat([]byte{2}, 32)
	for _, keys := range [][][]byte{{testKey, fresh}, {fresh, testKey}, {fresh}} {
		for i := range nodes {
			nodes[i] = cluster.restart(t, nodes[i], nodes[1-i], func(c *MembersConfig) { c.Keys = keys })
			boots := []string{nodes[0].members.Self().Boot, nodes[1].members.Self().Boot}
			waitUntil(t, "they meet", func() bool {
				return nodes[0].members.current.Load().alive("node1", boots[1]) && nodes[1].members.current.Load().alive("node0", boots[0])
			})
		}
	}
}

func TestMembersConfiguration(t *testing.T) {
	good := MembersConfig{Name: "a", Listen: ":0", Keys: [][]byte{testKey}}
	m, err := NewMembers(good)
	if err != nil {
		t.Fatal(err)
	}
	if addr := m.Self().Addr; addr.Addr().IsUnspecified() || addr.Port() == 0 {
		t.Errorf("others are told to gossip to %v", addr)
	}
	for what, edit := range map[string]func(*MembersConfig){
		"no key":      func(c *MembersConfig) { c.Keys = nil },
		"no name":     func(c *MembersConfig) { c.Name = "" },
		"long name":   func(c *MembersConfig) { c.Name = strings.Repeat("x", 200) },
		"bad address": func(c *MembersConfig) { c.Listen = "nowhere" },
		"long URL":    func(c *MembersConfig) { c.HTTP = strings.Repeat("x", 300) },
		"taken":       func(c *MembersConfig) { c.Listen = m.Self().Addr.String() },
	} {
		cfg := good
		edit(&cfg)
		if other, err := NewMembers(cfg); err == nil {
			t.Errorf("%s: no error", what)
			_ = other.Close(t.Context())
		}
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error("closing what was not started:", err)
	}
	bad := good
	bad.Keys = [][]byte{[]byte("short")}
	m, err = NewMembers(bad)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err == nil {
		t.Error("started with a key of 5 bytes")
	}
	if err := m.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestMetaRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Node{
			Boot:     rapid.StringN(1, 16, 32).Draw(t, "boot"),
			HTTP:     rapid.StringN(0, 60, 200).Draw(t, "http"),
			Version:  rapid.StringN(0, 20, 80).Draw(t, "version"),
			Link:     netip.MustParseAddrPort(rapid.SampledFrom([]string{"192.0.2.1:7947", "[2001:db8::1]:1"}).Draw(t, "link")),
			Draining: rapid.Bool().Draw(t, "draining"),
			Load:     rapid.IntRange(0, 1<<30).Draw(t, "load"),
		}
		meta, err := encodeMeta(n)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeMeta(append(meta, "of a later version"...)); err != nil || got != n {
			t.Fatalf("%+v, %v instead of %+v", got, err, n)
		}
	})
}

// FuzzMeta looks for bytes that crash, or that make a node without what every node has.
func FuzzMeta(f *testing.F) {
	meta, err := encodeMeta(Node{Boot: "b", Link: netip.MustParseAddrPort("192.0.2.1:7947")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(meta)
	f.Fuzz(func(t *testing.T, meta []byte) {
		n, err := decodeMeta(meta)
		if err == nil && (n.Boot == "" || !n.Link.IsValid()) {
			t.Errorf("%+v", n)
		}
	})
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	nodes := newTestNet().cluster(t, 2)
	for _, n := range nodes {
		n.dir.Close()
		if err := n.members.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := n.members.Close(t.Context()); err != nil {
			t.Error("closing twice:", err)
		}
	}
	waitUntil(t, "all goroutines end", func() bool { return goleak.Find(before) == nil })
}
