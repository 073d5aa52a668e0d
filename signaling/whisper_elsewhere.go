package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"hubbub/cluster"
	"hubbub/cluster/link"
	"hubbub/signaling/replica"
)

// Kinds of requests to other nodes.
const (
	kindWhisper      = "whisper"      // someone has been whispered to
	kindAcknowledged = "acknowledged" // a whisper has arrived
	kindKeep         = "keep"         // these whispers are to wait on the node
	kindCollect      = "collect"      // what waits on the node for a user is to come here
)

const (
	// whisperTimeout bounds the asking of other nodes about a whisper: well below receiptTimeout.
	whisperTimeout = time.Second
	// keepBytes bounds one request of whispers, well below link.MaxBody.
	keepBytes = link.MaxBody / 4
)

// whisperNotice tells a node that something waits for a user. Where nodes share no inbox, or it is away, it brings the whisper along.
type whisperNotice struct {
	User    string           `json:"user"`
	Whisper *cluster.Whisper `json:"whisper,omitempty"`
}

type whisperReception struct {
	Devices int  `json:"devices"` // connections of the user to the node
	Kept    bool `json:"kept"`    // the whisper waits on the node
	// Known is what the node knew of the whisper.
	Known cluster.Deposit `json:"known"`
}

// serveWhisper takes in a whisper to a user whom the node has, or expects back.
func serveWhisper(ctx context.Context, s *Server, _ link.Peer, q whisperNotice) (whisperReception, error) {
	var a whisperReception
	if w := q.Whisper; w != nil {
		_, known := s.inboxes.own.Find(w.To, w.ID)
		if known || s.registry.expects(w.To) {
			var err error
			if a.Known, err = s.inboxes.keep(ctx, *w); err != nil {
				return a, err
			}
			a.Kept = true
		}
	}
	a.Devices = s.pumpDevices(q.User)
	return a, nil
}

// pumpDevices takes what waits for a user to their connections to this node, and tells how many those are.
func (s *Server) pumpDevices(user string) int {
	devices := s.registry.devices(user)
	for _, device := range devices {
		s.pumpWhispers(device)
	}
	return len(devices)
}

// bring is the way of a whisper without a shared inbox: to the nodes that have the target, or expect them back. Without any inbox to share,
// or when the target is known here, it waits here too. It tells how many connections of the target other nodes have.
func (s *Server) bring(ctx context.Context, w cluster.Whisper) (d cluster.Deposit, devices int, err error) {
	d = cluster.Deposit{Time: w.Time}
	kept := s.inboxes.shared == nil || w.Room != "" || s.registry.expects(w.To)
	if kept {
		// Before others are asked: who connects to one of them meanwhile collects it here.
		if d, err = s.inboxes.keep(ctx, w); err != nil {
			return d, 0, fmt.Errorf("keep a whisper: %w", err)
		}
	}
	here := kept
	ctx, cancel := context.WithTimeout(ctx, whisperTimeout)
	defer cancel()
	for _, a := range askAll[whisperReception](ctx, s, kindWhisper, whisperNotice{User: w.To, Whisper: &w}) {
		devices += a.Devices
		kept = kept || a.Kept
		if a.Kept && a.Known.Repeated {
			d.Repeated, d.Settled = true, d.Settled || a.Known.Settled
			if a.Known.Time.Before(d.Time) {
				d.Time = a.Known.Time
			}
		}
	}
	if !kept {
		return d, 0, errNobodyKnown
	}
	if d.Settled && here {
		s.inboxes.own.Withdraw(w.To, w.ID)
	}
	return d, devices, nil
}

// errNobodyKnown says that the shared inbox is away and no node has the target of a whisper.
var errNobodyKnown = errors.New("no node knows the target")

// wakeElsewhere tells the nodes that have connections of a user that something waits in the shared inbox, and answers how many
// connections they have. Presence and the room say which nodes; where presence cannot be read, or the user seems to be on no node at
// all, every node is asked: presence has holes for a moment after Redis was away.
func (s *Server) wakeElsewhere(ctx context.Context, user string, in *liveRoom, devicesHere int) int {
	ctx, cancel := context.WithTimeout(ctx, whisperTimeout)
	defer cancel()
	var nodes []cluster.Node
	add := func(n replica.Node) {
		known := slices.ContainsFunc(nodes, func(o cluster.Node) bool { return o.Name == n.Name })
		if found, alive := s.nodeOf(n); alive && n != s.self && !known {
			nodes = append(nodes, found)
		}
	}
	sessions, err := s.cfg.Presence.Sessions(ctx, user)
	for _, r := range sessions {
		add(replica.Node{Name: r.Node, Boot: r.Boot})
	}
	if in != nil {
		if n, seated := in.nodeOf(user); seated {
			add(n)
		}
	}
	notice := whisperNotice{User: user}
	devices := s.notify(ctx, nodes, notice)
	if err != nil || devices+devicesHere == 0 {
		devices = 0
		for _, a := range askAll[whisperReception](ctx, s, kindWhisper, notice) {
			devices += a.Devices
		}
	}
	return devices
}

// notify tells some nodes of a whisper, and answers how many connections of its target they have.
func (s *Server) notify(ctx context.Context, nodes []cluster.Node, notice whisperNotice) (devices int) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, n := range nodes {
		asking.Go(func() {
			a, err := askNode[whisperReception](ctx, s, n, kindWhisper, notice)
			if err != nil {
				s.log.Debug("node not told of a whisper", "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			devices += a.Devices
		})
	}
	asking.Wait()
	return devices
}

// nodeOf is the node that a user's participant of this room is connected to.
func (r *liveRoom) nodeOf(user string) (replica.Node, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replica == nil {
		return replica.Node{}, false
	}
	p, here := r.replica.Room().ByUser(user)
	if !here {
		return replica.Node{}, false
	}
	seat, seated := r.replica.Seat(p.ID)
	return seat.Node, seated
}

// acknowledgement tells that a device has a whisper.
type acknowledgement struct {
	User    string `json:"user"`
	Whisper string `json:"whisper"`
}

func serveAcknowledged(_ context.Context, s *Server, _ link.Peer, q acknowledgement) (struct{}, error) {
	s.receipts.acknowledge(q.Whisper)
	// A node that has not heard of it yet may just be bringing the whisper here.
	s.inboxes.own.SettleAhead(q.User, q.Whisper)
	return struct{}{}, nil
}

// announce tells one other node of an acknowledgement, or all with "". Who is not told has the sender told "stored".
func (s *Server) announce(to string, a acknowledgement) {
	if s.cluster == nil || to == s.self.Name {
		return
	}
	s.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, whisperTimeout)
		defer cancel()
		if to == "" {
			askAll[struct{}](ctx, s, kindAcknowledged, a)
			return
		}
		n, alive := s.cluster.Members.Find(to)
		if !alive {
			return
		}
		if _, err := askNode[struct{}](ctx, s, n, kindAcknowledged, a); err != nil {
			s.log.Debug("node not told of an acknowledgement", "err", err)
		}
	})
}

type collectQuestion struct {
	User string `json:"user"`
}

// collectWhispers has what waits on other nodes for a user wait here too. Whoever has it then acknowledges it everywhere.
func (s *Server) collectWhispers(user string) {
	ctx, cancel := context.WithTimeout(s.ctx, whisperTimeout)
	defer cancel()
	askAll[struct{}](ctx, s, kindCollect, collectQuestion{User: user})
}

// serveCollect sends what waits before it answers.
func serveCollect(ctx context.Context, s *Server, from link.Peer, q collectQuestion) (struct{}, error) {
	waiting, err := s.inboxes.own.Pending(ctx, q.User)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, s.entrust(ctx, from, waiting)
}

// keptWhispers are the body of a kindKeep.
type keptWhispers struct {
	Whispers []json.RawMessage `json:"whispers"`
}

func serveKeep(ctx context.Context, s *Server, _ link.Peer, q keptWhispers) (struct{}, error) {
	for _, encoded := range q.Whispers {
		var w cluster.Whisper
		if err := json.Unmarshal(encoded, &w); err != nil {
			return struct{}{}, fmt.Errorf("read a whisper: %w", err)
		}
		if _, err := s.inboxes.keep(ctx, w); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, nil
}

// entrust has whispers wait on another node too.
func (s *Server) entrust(ctx context.Context, to link.Peer, whispers []cluster.Whisper) error {
	var some keptWhispers
	size := 0
	send := func() error {
		body, err := json.Marshal(some)
		if err != nil {
			return err
		}
		some, size = keptWhispers{}, 0
		_, err = s.cluster.Links.Request(ctx, to, kindKeep, body)
		return err
	}
	for i, w := range whispers {
		encoded, err := json.Marshal(w)
		if err != nil {
			return fmt.Errorf("encode a whisper: %w", err)
		}
		some.Whispers = append(some.Whispers, encoded)
		size += len(encoded)
		if size < keepBytes && i < len(whispers)-1 {
			continue
		}
		if err := send(); err != nil {
			return fmt.Errorf("entrust %d whispers to %s: %w", len(whispers), to.Name, err)
		}
	}
	return nil
}

// bequeathWhispers has what waits in this node's memory wait in the shared inbox, or else on another node. It is for when this one is
// about to end, and takes whisperTimeout at most.
func (s *Server) bequeathWhispers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), whisperTimeout)
	defer cancel()
	if err := s.inboxes.mend(ctx); err == nil && s.inboxes.shared != nil {
		return
	}
	waiting := s.inboxes.own.All()
	for _, n := range s.others() {
		if n.Draining {
			continue
		}
		err := s.entrust(ctx, peerOf(n), waiting)
		if err == nil {
			return
		}
		s.log.Warn("waiting whispers not handed over", "err", err)
	}
}
