package signaling

import (
	"context"
	"slices"
	"sync"
	"time"

	"hubbub/cluster"
	"hubbub/cluster/link"
	"hubbub/signaling/replica"
)

// Kinds of requests to other nodes.
const (
	kindCall  = "call"  // a call has another state
	kindReach = "reach" // does the node have devices of a user, or expect them
)

// callTimeout bounds the asking of other nodes about a call.
const callTimeout = time.Second

func serveCall(_ context.Context, s *Server, _ link.Peer, c cluster.Call) (struct{}, error) {
	s.deliverCall(c)
	return struct{}{}, nil
}

type reachQuestion struct {
	User string `json:"user"`
}

type reachAnswer struct {
	Devices  int    `json:"devices"`
	Name     string `json:"name"`
	Expected bool   `json:"expected"` // connected, or may come back
}

func serveReach(_ context.Context, s *Server, _ link.Peer, q reachQuestion) (reachAnswer, error) {
	devices := s.registry.devices(q.User)
	if len(devices) == 0 {
		return reachAnswer{Expected: s.registry.expects(q.User)}, nil
	}
	return reachAnswer{Devices: len(devices), Name: devices[0].user.Name, Expected: true}, nil
}

// isExpected tells whether a user is connected to any node that can be reached, or may come back to it.
func (s *Server) isExpected(ctx context.Context, user string) bool {
	if s.registry.expects(user) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	expected := func(a reachAnswer) bool { return a.Expected }
	nodes, _ := s.nodesOf(ctx, user) // an error leaves out others, who are then asked
	q := reachQuestion{User: user}
	return slices.ContainsFunc(askSome[reachAnswer](ctx, s, nodes, kindReach, q), expected) ||
		slices.ContainsFunc(askAll[reachAnswer](ctx, s, kindReach, q), expected)
}

// reached is a user who is connected.
type reached struct {
	name string
	here bool // to this node
}

// reach finds out whether a user is connected to any node. The error is one for the client.
func (s *Server) reach(ctx context.Context, user string) (reached, error) {
	if devices := s.registry.devices(user); len(devices) > 0 {
		return reached{name: devices[0].user.Name, here: true}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	nodes, _ := s.nodesOf(ctx, user) // an error leaves out others, who are then asked
	answers := askSome[reachAnswer](ctx, s, nodes, kindReach, reachQuestion{User: user})
	found := slices.IndexFunc(answers, func(a reachAnswer) bool { return a.Devices > 0 })
	if found < 0 {
		// Presence has holes for a moment after its store was away.
		answers = askAll[reachAnswer](ctx, s, kindReach, reachQuestion{User: user})
		found = slices.IndexFunc(answers, func(a reachAnswer) bool { return a.Devices > 0 })
	}
	if found < 0 {
		return reached{}, newError(480, "offline", "the user is not connected")
	}
	return reached{name: answers[found].Name}, nil
}

// nodesOf are the other nodes that have sessions of some users, as presence knows.
func (s *Server) nodesOf(ctx context.Context, users ...string) ([]cluster.Node, error) {
	if s.cluster == nil {
		return nil, nil
	}
	var nodes []cluster.Node
	var failed error
	for _, user := range users {
		sessions, err := s.cfg.Presence.Sessions(ctx, user)
		if err != nil {
			failed = err
		}
		for _, r := range sessions {
			n, alive := s.nodeOf(replica.Node{Name: r.Node, Boot: r.Boot})
			known := slices.ContainsFunc(nodes, func(o cluster.Node) bool { return o.Name == n.Name })
			if alive && !known && n.Name != s.self.Name {
				nodes = append(nodes, n)
			}
		}
	}
	return nodes, failed
}

// tellNodes tells the other nodes that have people of a call of its state.
func (s *Server) tellNodes(c cluster.Call) {
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	nodes, err := s.nodesOf(ctx, c.From, c.To)
	if err != nil || len(nodes) == 0 && len(s.registry.devices(c.To)) == 0 {
		nodes = s.others()
	}
	askSome[struct{}](ctx, s, nodes, kindCall, c)
}

// askSome asks several nodes at once, and answers what those say who answer before ctx ends.
func askSome[A any](ctx context.Context, s *Server, nodes []cluster.Node, kind string, q any) []A {
	var mu sync.Mutex
	var answers []A
	var asking sync.WaitGroup
	for _, n := range nodes {
		asking.Go(func() {
			a, err := askNode[A](ctx, s, n, kind, q)
			if err != nil {
				s.log.Debug("node not asked", "kind", kind, "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, a)
		})
	}
	asking.Wait()
	return answers
}
