package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// Node is a member of the cluster, in one of its lives.
type Node struct {
	Name string
	// Boot is drawn anew by each process, so that a node that was started again is told from what it was before.
	Boot string
	Addr netip.AddrPort // of its gossip, UDP and TCP
	Link netip.AddrPort // of its links, UDP: the port after that of the gossip
	HTTP string         // where its clients connect, as configured
	// Version is that of its software.
	Version string
	// Draining says that it is on its way out: it is given no rooms.
	Draining bool
	Load     int // participants, as of some seconds ago
}

// MemberEvent is a change among the other members. A node that was started again leaves and joins.
type MemberEvent struct {
	Kind MemberEventKind
	Node Node
}

// MemberEventKind is what happened to a member.
type MemberEventKind int

// Kinds of MemberEvent.
const (
	MemberJoined  MemberEventKind = iota + 1
	MemberLeft                    // it went, or is thought to be dead
	MemberUpdated                 // it drains, or its load changed
)

// MembersConfig is what a node needs to be a member.
type MembersConfig struct {
	Name    string // unique in the cluster, at most ownership.MaxOwner bytes
	Version string
	HTTP    string
	// Listen is HOST:PORT for gossip, both UDP and TCP. Other nodes are told that address, or, when the host is unspecified, one of an
	// interface, a private one before others. Port 0 takes a free one.
	Listen string
	// Join is where other nodes listen, HOST:PORT each. It is tried until one answers, and again when none is left of those there were.
	Join []string
	// Keys are 16, 24 or 32 bytes each. The first encrypts, any decrypts. At least one is needed.
	Keys [][]byte
	// OnChange is called for each change among the others, from one goroutine, in order. It may block: then changes add up,
	// and those that cancel out are not told. nil is allowed.
	OnChange func(MemberEvent)
	// Logger is told of members that come and go. nil discards.
	Logger *slog.Logger

	// blocked stands for a broken network in tests: nothing is sent to these addresses.
	blocked func(to netip.AddrPort) bool
	// forget is how long memberlist gossips to the dead, gossipToDeadTime when it is 0.
	forget time.Duration
}

// Members is this node's membership in the cluster: who else is there and alive, by gossip (memberlist, which is SWIM with Lifeguard:
// Das et al. 2002, Dadgar et al. 2018). All of it is encrypted and authenticated; whoever has none of the keys is not heard.
//
// A node that dies is known to be dead after about three seconds. Nodes that lost each other, as when a network was split, look for each
// other every two seconds for as long as they run.
//
// Its life: NewMembers takes the sockets, NewDirectory may attach to it, Start begins to talk, Close leaves. The other methods may be
// called at any time from any goroutine.
type Members struct {
	cfg       MembersConfig
	log       *slog.Logger
	transport *gossipTransport
	started   atomic.Pointer[memberlist.Memberlist] // nil until Start
	claims    claimsGossip                          // nil without a Directory

	mu      sync.Mutex // of changes to current and lost
	current atomic.Pointer[view]
	lost    map[process]lostMember

	met       sync.Once     // closes ready
	ready     chan struct{} // closed when all that others know is known here
	closed    atomic.Bool
	published Node // only publish's goroutine reads it
	publish   chan struct{}
	conflict  rateLimit

	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup
}

// process is a node in one of its lives.
type process struct{ name, boot string }

// claimsGossip is what the Directory has to say and to hear. None of its methods may call Members or memberlist, or wait for who does.
type claimsGossip interface {
	hear(frame []byte)
	say(limit int) []byte
	state() []byte
	merge(state []byte)
}

// NewMembers takes the sockets of a node. It says and hears nothing before Start. It fails when the configuration is not usable or the
// address is taken.
func NewMembers(cfg MembersConfig) (*Members, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Members{
		cfg: cfg, log: cfg.Logger, lost: make(map[process]lostMember), publish: make(chan struct{}, 1), ready: make(chan struct{}),
		conflict: rateLimit{every: conflictEvery},
	}
	m.life, m.end = context.WithCancel(context.Background())
	var boot [8]byte
	_, _ = rand.Read(boot[:])
	self := Node{Name: cfg.Name, Boot: hex.EncodeToString(boot[:]), HTTP: cfg.HTTP, Version: cfg.Version}

	if len(cfg.Keys) == 0 {
		return nil, errors.New("a cluster needs a key")
	}
	if err := validName(cfg.Name); err != nil {
		return nil, err
	}
	transport, addr, err := listenGossip(m.life, cfg)
	if err != nil {
		return nil, err
	}
	self.Addr, self.Link = addr, netip.AddrPortFrom(addr.Addr(), addr.Port()+1)
	if _, err := encodeMeta(self); err != nil {
		transport.discard()
		return nil, err
	}
	m.transport = transport
	m.published = self
	m.current.Store(newView(self, nil))
	if len(cfg.Join) == 0 {
		m.setReady()
	}
	return m, nil
}

// Start begins to gossip and to look for the others. It is called once, before Close.
func (m *Members) Start() error {
	keyring, err := memberlist.NewKeyring(m.cfg.Keys, m.cfg.Keys[0])
	if err != nil {
		return fmt.Errorf("use the cluster's keys: %w", err)
	}
	list, err := memberlist.Create(m.gossipConfig(keyring))
	if err != nil {
		return fmt.Errorf("join the cluster: %w", err)
	}
	m.started.Store(list)
	m.work.Go(m.tell)
	m.work.Go(func() { m.publishChanges(list) })
	m.work.Go(func() { m.seek(list) })
	return nil
}

// Self is this node as it is now.
func (m *Members) Self() Node { return m.current.Load().self }

// Alive is all nodes that are thought to be alive, this one included, by name.
func (m *Members) Alive() []Node { return slices.Clone(m.current.Load().sorted) }

// Find is a node that is thought to be alive, by name.
func (m *Members) Find(name string) (Node, bool) {
	n, ok := m.current.Load().nodes[name]
	return n, ok
}

// Ready is false until the node has met another one and knows what that one knows, if it was told to join any.
func (m *Members) Ready() bool {
	select {
	case <-m.ready:
		return true
	default:
		return false
	}
}

func (m *Members) setReady() { m.met.Do(func() { close(m.ready) }) }

// awaitReady waits until the node is ready, or ctx ends.
func (m *Members) awaitReady(ctx context.Context) {
	select {
	case <-m.ready:
	case <-ctx.Done():
	}
}

// SetDraining says whether this node is on its way out. The others know within a second.
func (m *Members) SetDraining(draining bool) {
	m.changeSelf(func(n *Node) { n.Draining = draining })
	select {
	case m.publish <- struct{}{}:
	default: // it is about to look
	}
}

// SetLoad says how many participants are on this node. The others know within some seconds.
func (m *Members) SetLoad(participants int) {
	m.changeSelf(func(n *Node) { n.Load = participants })
}

// Close tells the others that this node leaves, until ctx ends at the latest, and stops. Only the first call does something.
func (m *Members) Close(ctx context.Context) error {
	if m.closed.Swap(true) {
		return nil
	}
	var leaveErr error
	if list := m.started.Load(); list != nil {
		leaveErr = leave(ctx, list)
	}
	return errors.Join(leaveErr, m.stop())
}

// leave gossips that this node goes.
func leave(ctx context.Context, list *memberlist.Memberlist) error {
	patience := leavePatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = max(time.Millisecond, min(patience, time.Until(deadline)))
	}
	if err := list.Leave(patience); err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	return nil
}

// stop ends everything without a word to the others.
func (m *Members) stop() error {
	m.end()
	list := m.started.Load()
	if list == nil {
		m.transport.discard()
		return nil
	}
	m.work.Wait()
	if err := list.Shutdown(); err != nil {
		return fmt.Errorf("stop gossip: %w", err)
	}
	return nil
}
