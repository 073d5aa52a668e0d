package cluster

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"

	"hubbub/signaling/client"
)

// layout is what a cluster consists of.
type layout struct {
	nodes   int // one alone is no cluster: it gets none of the cluster's flags
	redis   bool
	args    []string // more flags, for all nodes
	trust   []string // the last parts of the addresses of proxies that are trusted
	network *network // nil: loopback, each node at an address of its own
}

// cluster is a set of nodes under one key.
type cluster struct {
	layout
	members []*node
	redis   *redis // nil without
	key     string // --cluster-key
	prefix  string // of its addresses, 127.x.y.
	engine  *client.Engine
	guard   net.Listener // holds the addresses against other runs of these tests
}

// begin starts a cluster that belongs to one test, and waits until its nodes know each other.
func begin(t *testing.T, l layout) *cluster {
	t.Helper()
	c, err := launch(l)
	if c != nil {
		t.Cleanup(func() {
			if err := c.stop(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// launch starts a cluster. What it returns must be stopped, also with an error.
func launch(l layout) (*cluster, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	c := &cluster{layout: l, key: base64.StdEncoding.EncodeToString(key)}
	var err error
	// Servers on loopback are reached from there, those in namespaces from this end of their cables.
	c.engine, err = client.NewEngine(client.EngineConfig{LocalIP: func(ip net.IP) bool {
		if l.network == nil {
			return ip.IsLoopback()
		}
		return ip.String() == l.network.gateway
	}})
	if err != nil {
		return nil, err
	}
	if err := c.reserve(); err != nil {
		return nil, err
	}
	redisIP := c.prefix + "100"
	if l.network != nil {
		redisIP = l.network.gateway
	}
	if l.redis {
		if c.redis, err = launchRedis(redisIP); err != nil {
			return c, err
		}
	}
	for i := range l.nodes {
		n := &node{name: fmt.Sprintf("n%d", i+1), address: fmt.Sprintf("%s%d", c.prefix, i+1)}
		n.links = n.address
		if l.network != nil {
			l.network.place(n, i)
		}
		c.members = append(c.members, n)
	}
	for i, n := range c.members {
		if err := c.start(n, c.members[:min(i, 1)]); err != nil {
			return c, err
		}
	}
	err = c.settle()
	return c, err
}

// reserve finds a network of loopback addresses that no other run of these tests has, 127.x.y.
func (c *cluster) reserve() (err error) {
	for range 20 {
		c.prefix = fmt.Sprintf("127.%d.%d.", 16+mathrand.N(200), mathrand.N(256))
		if c.guard, err = net.Listen("tcp4", c.prefix+"254:21000"); err == nil {
			return nil
		}
	}
	return fmt.Errorf("finding free loopback addresses: %w", err)
}

// start runs a node, which joins the cluster through those of the given ones that are not itself.
func (c *cluster) start(n *node, through []*node) error {
	n.args = slices.Concat([]string{"--api-key", apiKey}, c.args)
	for _, last := range c.trust {
		n.args = append(n.args, "--trusted-proxies", c.prefix+last)
	}
	if c.redis != nil {
		n.args = append(n.args, "--redis", c.redis.url())
	}
	if c.nodes > 1 {
		n.args = append(n.args, "--cluster-listen", n.gossip(), "--cluster-key", c.key)
	}
	var join []string
	for _, other := range through {
		if other != n {
			join = append(join, other.gossip())
		}
	}
	if len(join) > 0 {
		n.args = append(n.args, "--cluster-join", strings.Join(join, ","))
	}
	return n.start()
}

// restart starts a node again that has ended, and waits until the others know it.
func (c *cluster) restart(n *node) error {
	if err := n.Misbehaved(); err != nil {
		return err
	}
	if err := c.start(n, c.members); err != nil {
		return err
	}
	return c.settle()
}

// up are the nodes that run.
func (c *cluster) up() []*node {
	return slices.DeleteFunc(slices.Clone(c.members), func(n *node) bool { return !n.running() })
}

// settle waits until all nodes that run are ready and take each other, and nobody else, for alive.
func (c *cluster) settle() error {
	var names []string
	for _, n := range c.up() {
		names = append(names, n.name)
	}
	slices.Sort(names)
	var problem error
	agree := func() bool {
		for _, n := range c.members {
			if !slices.Contains(names, n.name) {
				continue
			}
			if !n.running() {
				problem = fmt.Errorf("node %s has ended:\n%s", n.name, n.Log())
				return true
			}
			v, err := n.view()
			if err != nil || !n.ready() || !slices.Equal(v.alive(), names) {
				problem = fmt.Errorf("node %s: ready %t, sees %v of %v, %w", n.name, n.ready(), v.alive(), names, errors.Join(err))
				return false
			}
		}
		problem = nil
		return true
	}
	poll(patience, agree)
	return problem
}

// owner waits until all nodes that run name the same owner of a room, one of them, and returns it.
func (c *cluster) owner(t *testing.T, room string) *node {
	t.Helper()
	var owner *node
	var seen string
	if !poll(patience, func() bool { owner, seen = c.agreedOwner(room); return owner != nil }) {
		t.Fatalf("the nodes do not agree on who owns %s: %s", room, seen)
	}
	return owner
}

// agreedOwner is the one owner that all running nodes name, nil when they differ; seen tells what they say.
func (c *cluster) agreedOwner(room string) (owner *node, seen string) {
	claims := make(map[claim]bool)
	for _, n := range c.up() {
		v, err := n.view()
		if err != nil {
			return nil, err.Error()
		}
		said, ok := v.Rooms[room]
		seen += fmt.Sprintf(" %s: %+v", n.name, said)
		if !ok {
			claims[claim{}] = true
			continue
		}
		said.Participants = 0
		claims[said] = true
		if i := slices.IndexFunc(c.members, func(m *node) bool { return m.name == said.Owner }); i >= 0 {
			owner = c.members[i]
		}
	}
	if len(claims) != 1 || owner == nil || !owner.running() {
		return nil, seen
	}
	return owner, seen
}

// stop ends all nodes, and tells what they did wrong while they lived.
func (c *cluster) stop() error {
	var problems []error
	// All at once: none has another to send its people to, had it any.
	for _, n := range c.up() {
		problems = append(problems, n.terminate())
	}
	for _, n := range c.members {
		problems = append(problems, n.finish())
	}
	if c.redis != nil {
		problems = append(problems, c.redis.kill())
	}
	if c.guard != nil {
		problems = append(problems, c.guard.Close())
	}
	return errors.Join(problems...)
}
