package signaling

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"hubbub/cluster"
	"hubbub/cluster/link"
	"hubbub/cluster/ownership"
	"hubbub/sfu"
	"hubbub/signaling/replica"
)

// directory knows which node owns a room. Its methods are safe for concurrent use; those without a context do not wait.
type directory interface {
	// Locate answers the claim of a room, made for this node if nobody has one.
	Locate(ctx context.Context, room string) (ownership.Claim, error)
	// Known answers what this node knows by itself.
	Known(room string) (ownership.Claim, bool)
	// Succeed answers the claim that follows a lost one. The error wraps cluster.ErrOwnerAlive when others reach that owner.
	Succeed(ctx context.Context, room string, lost ownership.Claim) (ownership.Claim, error)
	// HandOver gives a room of this node to another one.
	HandOver(ctx context.Context, room string, to cluster.Node) (ownership.Claim, error)
	// Learn takes over a claim that another node has told of.
	Learn(claim ownership.Claim)
	// Release gives a room of this node up, Forget ends the interest in one of another node.
	Release(room string)
	Forget(room string)
	Claims() []ownership.Claim
	// ServeAsk answers another node.
	ServeAsk(ctx context.Context, from cluster.Node, body []byte) ([]byte, error)
}

// links reach the other nodes. Its methods are safe for concurrent use.
type links interface {
	Request(ctx context.Context, to link.Peer, kind string, body []byte) ([]byte, error)
	Open(ctx context.Context, to link.Peer, kind string) (*link.Stream, error)
	SendDatagram(to link.Peer, b []byte) error
	SendBulk(to link.Peer, b []byte) error
	Status() []link.Status
}

// members are the nodes that are alive. Its methods are safe for concurrent use.
type members interface {
	Alive() []cluster.Node
	Find(name string) (cluster.Node, bool)
	SetDraining(draining bool)
	SetLoad(participants int)
	Ready() bool
}

// Cluster is what joins a Server with those of other nodes.
type Cluster struct {
	Links     links
	Directory directory
	Members   members
}

// Kinds of requests and streams between nodes.
const (
	kindRoom = "room" // a stream: see following.go
)

// AskRequest is the kind of request that carries what a cluster.Directory asks of another one.
const AskRequest = "ask"

// JoinCluster makes the server one of several. It must be called before the first client is served, and not more than once.
func (s *Server) JoinCluster(c Cluster) {
	s.cluster = &c
}

// ServeRequest implements link.Handler.
func (s *Server) ServeRequest(ctx context.Context, from link.Peer, kind string, body []byte) ([]byte, error) {
	if kind == AskRequest {
		return s.cluster.Directory.ServeAsk(ctx, cluster.Node{Name: from.Name, Boot: from.Boot, Link: from.Addr}, body)
	}
	if serve := nodeRequests[kind]; serve != nil {
		return serve(ctx, s, from, body)
	}
	return nil, &link.RemoteError{Code: "unknown_kind", Text: fmt.Sprintf("no such request: %q", kind)}
}

// nodeRequest answers another node.
type nodeRequest func(ctx context.Context, s *Server, from link.Peer, body []byte) ([]byte, error)

var nodeRequests = map[string]nodeRequest{
	kindRoster:  answered(serveRoster),
	kindRooms:   answered(serveRooms),
	kindSession: answered(serveSession),
	kindOnline:  answered(serveOnline),

	kindWhisper:      answered(serveWhisper),
	kindKeep:         answered(serveKeep),
	kindCollect:      answered(serveCollect),
	kindAcknowledged: answered(serveAcknowledged),

	kindCall:  answered(serveCall),
	kindReach: answered(serveReach),
}

// answered makes a nodeRequest of a function with JSON on both sides.
func answered[Q, A any](serve func(ctx context.Context, s *Server, from link.Peer, q Q) (A, error)) nodeRequest {
	return func(ctx context.Context, s *Server, from link.Peer, body []byte) ([]byte, error) {
		var q Q
		if err := json.Unmarshal(body, &q); err != nil {
			return nil, fmt.Errorf("read a node's request: %w", err)
		}
		a, err := serve(ctx, s, from, q)
		if err != nil {
			return nil, err
		}
		return json.Marshal(a)
	}
}

// askNode is the other side of answered.
func askNode[A any](ctx context.Context, s *Server, to cluster.Node, kind string, q any) (A, error) {
	var a A
	body, err := json.Marshal(q)
	if err != nil {
		return a, fmt.Errorf("ask %s of %s: %w", kind, to.Name, err)
	}
	answer, err := s.cluster.Links.Request(ctx, peerOf(to), kind, body)
	if err != nil {
		return a, fmt.Errorf("ask %s of %s: %w", kind, to.Name, err)
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return a, fmt.Errorf("read the answer to %s of %s: %w", kind, to.Name, err)
	}
	return a, nil
}

// ask asks all other nodes at once, and answers what those say who answer before ctx ends.
func askAll[A any](ctx context.Context, s *Server, kind string, q any) []A {
	var mu sync.Mutex
	var answers []A
	var asking sync.WaitGroup
	for _, n := range s.others() {
		asking.Go(func() {
			a, err := askNode[A](ctx, s, n, kind, q)
			if err != nil {
				s.log.Debug("node not asked", "err", err)
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

// others are the other nodes that are alive.
func (s *Server) others() []cluster.Node {
	if s.cluster == nil {
		return nil
	}
	var others []cluster.Node
	for _, n := range s.cluster.Members.Alive() {
		if n.Name != s.self.Name {
			others = append(others, n)
		}
	}
	return others
}

// nodeOf finds a living process; one that was started again is another.
func (s *Server) nodeOf(n replica.Node) (cluster.Node, bool) {
	found, ok := s.cluster.Members.Find(n.Name)
	return found, ok && found.Boot == n.Boot
}

func peerOf(n cluster.Node) link.Peer { return link.Peer{Name: n.Name, Boot: n.Boot, Addr: n.Link} }

// ServeStream implements link.Handler.
func (s *Server) ServeStream(_ context.Context, stream *link.Stream) {
	if stream.Kind() == kindRoom {
		s.serveFollower(stream)
	}
}

// ReceiveDatagram implements link.Handler: media of a room, after the number of its route.
func (s *Server) ReceiveDatagram(_ link.Peer, b []byte) {
	if len(b) < routeHeader {
		return
	}
	if rt := s.routes.find(binary.BigEndian.Uint32(b)); rt != nil {
		if media := rt.media.Load(); media != nil {
			media.Receive(b[routeHeader:])
		}
	}
}

// routeHeader is the length of a route's number.
const routeHeader = 4

// route is where the media of one room from one other node arrive.
type route struct {
	number uint32
	media  atomic.Pointer[sfu.Relay]
}

// routes are the rooms' media by the number that this node has told the other one. Safe for concurrent use.
type routes struct {
	byNumber sync.Map // of uint32 to *route
	last     atomic.Uint32
}

func (t *routes) add() *route {
	rt := &route{number: t.last.Add(1)}
	t.byNumber.Store(rt.number, rt)
	return rt
}

func (t *routes) find(number uint32) *route {
	rt, ok := t.byNumber.Load(number)
	if !ok {
		return nil
	}
	return rt.(*route)
}

func (t *routes) remove(rt *route) { t.byNumber.Delete(rt.number) }

// sendBy makes what sends a room's media to a route of another node. A relay calls it one call at a time.
func sendBy(send func(link.Peer, []byte) error, to link.Peer, number uint32) func([]byte) {
	datagram := make([]byte, routeHeader, 1600)
	binary.BigEndian.PutUint32(datagram, number)
	return func(packet []byte) {
		// What cannot be sent is lost, and counted by the link.
		_ = send(to, append(datagram, packet...))
	}
}
