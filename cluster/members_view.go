package cluster

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

// maxMembers bounds how many nodes gossip can make this one remember.
const maxMembers = 512

// view is who is alive. It is replaced, never changed.
type view struct {
	self    Node
	nodes   map[string]Node // self too
	sorted  []Node          // by name
	changed chan struct{}   // closed when there is a newer one
}

func newView(self Node, others map[string]Node) *view {
	v := &view{self: self, nodes: make(map[string]Node, len(others)+1), changed: make(chan struct{})}
	maps.Copy(v.nodes, others)
	v.nodes[self.Name] = self
	v.sorted = slices.SortedFunc(maps.Values(v.nodes), func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return v
}

// alive says whether a node is in this very life.
func (v *view) alive(name, boot string) bool {
	n, ok := v.nodes[name]
	return ok && n.Boot == boot
}

// lostMember is a node that went without leaving for good: it may come back, or be behind a broken network.
type lostMember struct {
	addr  netip.AddrPort
	since time.Time
}

// change replaces the view. What it does to nodes may not be seen by readers of the old one.
func (m *Members) change(edit func(nodes map[string]Node)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.current.Load()
	nodes := maps.Clone(old.nodes)
	edit(nodes)
	m.current.Store(newView(nodes[old.self.Name], nodes))
	close(old.changed)
}

func (m *Members) changeSelf(edit func(*Node)) {
	m.change(func(nodes map[string]Node) {
		self := nodes[m.cfg.Name]
		edit(&self)
		nodes[m.cfg.Name] = self
	})
}

// await says whether a node is alive, in this very life; one that was not heard of yet is waited for, until ctx ends.
func (m *Members) await(ctx context.Context, name, boot string) bool {
	for {
		v := m.current.Load()
		if v.alive(name, boot) {
			return true
		}
		m.mu.Lock()
		_, lost := m.lost[process{name, boot}]
		m.mu.Unlock()
		if lost {
			return false
		}
		select {
		case <-v.changed:
		case <-ctx.Done():
			return false
		}
	}
}

// tell reports changes among the others.
func (m *Members) tell() {
	told := m.current.Load()
	for {
		now := m.current.Load()
		for _, event := range changes(told, now) {
			switch event.Kind {
			case MemberJoined:
				m.log.Info("node joined", "node", event.Node.Name, "boot", event.Node.Boot, "addr", event.Node.Addr)
			case MemberLeft:
				m.log.Info("node left", "node", event.Node.Name, "boot", event.Node.Boot)
			case MemberUpdated:
				m.log.Debug("node changed", "node", event.Node.Name, "draining", event.Node.Draining, "load", event.Node.Load)
			}
			if m.cfg.OnChange != nil {
				m.cfg.OnChange(event)
			}
		}
		told = now
		select {
		case <-now.changed:
		case <-m.life.Done():
			return
		}
	}
}

// changes are what happened to the others between two views: first who left.
func changes(old, now *view) []MemberEvent {
	var left, rest []MemberEvent
	for _, n := range old.sorted {
		if n.Name != old.self.Name && !now.alive(n.Name, n.Boot) {
			left = append(left, MemberEvent{MemberLeft, n})
		}
	}
	for _, n := range now.sorted {
		switch before := old.nodes[n.Name]; {
		case n.Name == now.self.Name || n == before:
		case before.Boot != n.Boot:
			rest = append(rest, MemberEvent{MemberJoined, n})
		default:
			rest = append(rest, MemberEvent{MemberUpdated, n})
		}
	}
	return append(left, rest...)
}

// NotifyJoin, NotifyLeave and NotifyUpdate implement memberlist.EventDelegate. memberlist holds its lock meanwhile.
func (e gossipEvents) NotifyJoin(n *memberlist.Node) {
	node, err := decodeNode(n)
	if err != nil || node.Name == e.m.cfg.Name {
		return // NotifyAlive has refused such
	}
	e.m.change(func(nodes map[string]Node) {
		if before, ok := nodes[node.Name]; ok && before.Boot != node.Boot {
			e.m.lose(before)
		}
		nodes[node.Name] = node
	})
}

// NotifyUpdate is of a node that is alive and says something new of itself, maybe that it was started again.
func (e gossipEvents) NotifyUpdate(n *memberlist.Node) { e.NotifyJoin(n) }

// NotifyLeave is of a node that left or is thought to be dead.
func (e gossipEvents) NotifyLeave(n *memberlist.Node) {
	if n.Name == e.m.cfg.Name {
		return
	}
	e.m.change(func(nodes map[string]Node) {
		if before, ok := nodes[n.Name]; ok {
			e.m.lose(before)
			delete(nodes, n.Name)
		}
	})
}

// NotifyAlive implements memberlist.AliveDelegate: it refuses nodes that do not say who they are, and more nodes than there can be.
func (e gossipEvents) NotifyAlive(n *memberlist.Node) error {
	if _, err := decodeNode(n); err != nil {
		return err
	}
	if v := e.m.current.Load(); len(v.nodes) >= maxMembers {
		if _, ok := v.nodes[n.Name]; !ok {
			return fmt.Errorf("more than %d nodes", maxMembers)
		}
	}
	return nil
}

// NotifyConflict implements memberlist.ConflictDelegate.
func (e gossipEvents) NotifyConflict(existing, other *memberlist.Node) {
	if e.m.conflict.allow(time.Now()) {
		e.m.log.Warn("two nodes have the same name", "node", existing.Name, "addr", existing.Address(), "other", other.Address())
	}
}

// lose remembers a node that went, to look for it. m.mu is held.
func (m *Members) lose(n Node) {
	if len(m.lost) >= maxMembers {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(m.lost)), func(a, b process) int {
			return m.lost[a].since.Compare(m.lost[b].since)
		})
		delete(m.lost, oldest)
	}
	m.lost[process{n.Name, n.Boot}] = lostMember{addr: n.Addr, since: time.Now()}
}
