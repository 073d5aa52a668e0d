package cluster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// How the gossip is tuned. A dead node is probed within two probe intervals when three are left, fails that probe after one, and
// is a suspect for four: three seconds. A machine must be out of breath for more than two seconds before a live one is given up.
const (
	gossipLabel    = "hubbub"
	gossipInterval = 100 * time.Millisecond
	// gossipNodes is how many are told at each interval.
	gossipNodes       = 3
	probeInterval     = 500 * time.Millisecond
	probeTimeout      = 200 * time.Millisecond // relayed probes have as long, and must be back within the interval
	suspicionMult     = 4
	suspicionMaxMult  = 2 // how much longer a suspect has that nobody else suspects
	slowdownMax       = 4 // how much longer a node probes that finds itself slow
	pushPullInterval  = 10 * time.Second
	gossipToDeadTime  = 30 * time.Second
	streamTimeout     = 5 * time.Second
	retransmitMult    = 6
	handoffQueueDepth = 4096
	packetSize        = 1400
	// maxBroadcast is what a message of ours may have so that memberlist always finds a packet for it.
	maxBroadcast = 1200

	leavePatience = 2 * time.Second
	conflictEvery = 30 * time.Second
)

var errNotStarted = errors.New("this node has not started to gossip")

// gossipDelegate carries the Directory's claims; gossipEvents tells of members. Both are memberlist's, and called from its goroutines.
type (
	gossipDelegate struct{ m *Members }
	gossipEvents   struct{ m *Members }
)

func (m *Members) gossipConfig(keyring *memberlist.Keyring) *memberlist.Config {
	self := m.Self()
	c := memberlist.DefaultLANConfig()
	c.Name = self.Name
	c.Label = gossipLabel
	c.Transport = m.transport
	c.AdvertiseAddr, c.AdvertisePort = self.Addr.Addr().String(), int(self.Addr.Port())
	c.BindPort = int(self.Addr.Port())
	c.Keyring = keyring
	c.GossipVerifyIncoming, c.GossipVerifyOutgoing = true, true

	c.GossipInterval, c.GossipNodes = gossipInterval, gossipNodes
	c.GossipToTheDeadTime = cmp.Or(m.cfg.forget, gossipToDeadTime)
	c.ProbeInterval, c.ProbeTimeout = probeInterval, probeTimeout
	c.SuspicionMult, c.SuspicionMaxTimeoutMult = suspicionMult, suspicionMaxMult
	c.AwarenessMaxMultiplier = slowdownMax
	c.PushPullInterval = pushPullInterval
	c.TCPTimeout = streamTimeout
	c.RetransmitMult = retransmitMult
	c.HandoffQueueDepth = handoffQueueDepth
	c.UDPBufferSize = packetSize
	c.DeadNodeReclaimTime = time.Second // a node may come back at another address
	c.EnableCompression = false         // claims are compact already, and LZW is slow

	c.Delegate = gossipDelegate{m}
	c.Events, c.Alive, c.Conflict = gossipEvents{m}, gossipEvents{m}, gossipEvents{m}
	c.Logger = log.New(gossipLog{m.log}, "", 0)
	return c
}

// NodeMeta implements memberlist.Delegate.
func (d gossipDelegate) NodeMeta(int) []byte {
	meta, err := encodeMeta(d.m.Self())
	if err != nil {
		// NewMembers has encoded it, and what changed since does not grow by what there is to spare.
		d.m.log.Error("cannot say who this node is", "err", err)
	}
	return meta
}

// NotifyMsg implements memberlist.Delegate. It keeps nothing of b and does not block.
func (d gossipDelegate) NotifyMsg(b []byte) {
	if d.m.claims != nil {
		d.m.claims.hear(bytes.Clone(b))
	}
}

// GetBroadcasts implements memberlist.Delegate: one message, as full as it can be.
func (d gossipDelegate) GetBroadcasts(overhead, limit int) [][]byte {
	if d.m.claims == nil {
		return nil
	}
	message := d.m.claims.say(min(limit-overhead, maxBroadcast))
	if message == nil {
		return nil
	}
	return [][]byte{message}
}

// LocalState implements memberlist.Delegate: all that is known, for who is asked or asks by push/pull.
func (d gossipDelegate) LocalState(bool) []byte {
	if d.m.claims == nil {
		return nil
	}
	return d.m.claims.state()
}

// MergeRemoteState implements memberlist.Delegate.
func (d gossipDelegate) MergeRemoteState(b []byte, _ bool) {
	if d.m.claims != nil {
		d.m.claims.merge(b)
	}
	if len(d.m.current.Load().nodes) > 1 { // it is not from this node itself, which it may have been told to join
		d.m.setReady()
	}
}

// send sends one packet to a member, in which it hears what NotifyMsg takes.
func (m *Members) send(to Node, message []byte) error {
	list := m.started.Load()
	if list == nil {
		return errNotStarted
	}
	return list.SendToAddress(memberlist.Address{Addr: to.Addr.String(), Name: to.Name}, message)
}

// sendReliably is send by a connection, for more than what goes into a packet. It takes up to streamTimeout.
func (m *Members) sendReliably(to Node, message []byte) error {
	list := m.started.Load()
	if list == nil {
		return errNotStarted
	}
	return list.SendReliable(&memberlist.Node{Name: to.Name, Addr: to.Addr.Addr().AsSlice(), Port: to.Addr.Port()}, message)
}

// gossipLog takes memberlist's log lines. Nothing in them is for an operator: strangers' packets make most of its errors, and who comes
// and goes is told by Members.
type gossipLog struct{ log *slog.Logger }

func (w gossipLog) Write(line []byte) (int, error) {
	if w.log.Enabled(context.Background(), slog.LevelDebug) {
		w.log.Debug("gossip", "line", string(bytes.TrimSpace(line)))
	}
	return len(line), nil
}

// rateLimit lets one pass in each interval. It is safe for concurrent use.
type rateLimit struct {
	every time.Duration

	mu   sync.Mutex
	next time.Time
}

func (l *rateLimit) allow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.next) {
		return false
	}
	l.next = now.Add(l.every)
	return true
}
