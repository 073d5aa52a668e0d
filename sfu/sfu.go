package sfu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrBadOffer is wrapped by errors that are the fault of the client's offer.
	ErrBadOffer = errors.New("bad offer")
	// ErrOtherConnection says that an offer comes from another PeerConnection than the one of the Peer it was given to: its
	// certificate differs. It needs a new Peer.
	ErrOtherConnection = errors.New("the offer is of another PeerConnection")
	// ErrClosed is the answer of what has been closed, or whose connection has ended.
	ErrClosed = errors.New("closed")
	// ErrAttached says that a Peer is in a room already. A Peer is attached once.
	ErrAttached = errors.New("already attached")
)

// Config is what an SFU is made with.
type Config struct {
	// MediaPort is the first lane's UDP and TCP port; lane i uses MediaPort+i. 0 takes any free ports.
	MediaPort int
	// MediaIPs stand in the answers. An address of this machine is bound to; for any other (behind NAT) all addresses are bound.
	// None: those of this machine's interfaces that are up, and 127.0.0.1.
	MediaIPs []netip.Addr
	// Lanes is the number of lanes. 0: as many as Go uses CPUs.
	Lanes int
	// Slots is how many audio slots a peer may have. Receive-only m-lines beyond that are rejected in the answer.
	Slots int
	// VideoSlots is the same for video. 0: there is no video at all.
	VideoSlots int
	// Transport is "auto", "pion" or "lean". "" is "auto".
	Transport string
	// Logger is told of what an operator may want to know. nil: nothing is logged.
	Logger *slog.Logger
}

// Source says what a sending m-line carries.
type Source string

// The sources that the protocol knows.
const (
	Microphone  Source = "microphone"
	Camera      Source = "camera"
	Screen      Source = "screen"
	ScreenAudio Source = "screen_audio"
)

// Offer is a client's offer and what its sending m-lines are, by mid. A sending audio m-line that is not named is the microphone.
type Offer struct {
	SDP     string
	Sources map[string]Source
}

// Slot is one receive-only m-line of a peer, and what it carries. Participant and Source are empty when it carries nothing.
type Slot struct {
	Mid         string
	Kind        string // "audio" or "video"
	Participant string
	Source      Source
}

// SFU owns the media sockets and all that is received and sent on them. Its methods may be called at any time from any goroutine.
// It is a prometheus.Collector.
type SFU struct {
	cfg          Config
	log          *slog.Logger
	epoch        time.Time
	now          func() time.Duration // since epoch
	newTransport func(*lane, TransportHandler) (Transport, error)
	idleTimeout  time.Duration
	lanes        []*lane
	events       *slotEvents
	streams      atomic.Uint64 // ids of incoming streams, counted
	rooms        atomic.Int64
	background   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	peers  map[*Peer]struct{}
}

// New binds the sockets. The error says which address could not be bound, or what of the configuration is wrong.
func New(cfg Config) (*SFU, error) {
	epoch := time.Now()
	return newSFU(cfg, epoch, func() time.Duration { return time.Since(epoch) })
}

// newSFU is New with a clock: the time since epoch, by which everything here goes.
func newSFU(cfg Config, epoch time.Time, now func() time.Duration) (*SFU, error) {
	switch cfg.Transport {
	case "", "auto", "pion", "lean":
	default:
		return nil, fmt.Errorf(`transport %q: use "auto", "pion" or "lean"`, cfg.Transport)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Lanes == 0 {
		cfg.Lanes = runtime.GOMAXPROCS(0)
	}
	if cfg.Lanes < 0 || cfg.Slots < 0 || cfg.VideoSlots < 0 || cfg.MediaPort < 0 || cfg.MediaPort+cfg.Lanes > 1<<16 {
		return nil, fmt.Errorf("%d lanes from port %d with %d slots: out of range", cfg.Lanes, cfg.MediaPort, cfg.Slots)
	}
	local, err := localAddresses()
	if err != nil {
		return nil, err
	}
	if len(cfg.MediaIPs) == 0 {
		local = bindable(local)
	}
	plan, err := planAddresses(cfg.MediaIPs, local)
	if err != nil {
		return nil, err
	}
	newTransport, err := transportMaker(cfg)
	if err != nil {
		return nil, err
	}
	s := &SFU{
		cfg: cfg, log: cfg.Logger, epoch: epoch, now: now, newTransport: newTransport,
		idleTimeout: idleTimeout, peers: make(map[*Peer]struct{}),
	}
	for i := range cfg.Lanes {
		port := 0
		if cfg.MediaPort != 0 {
			port = cfg.MediaPort + i
		}
		l, err := newLane(plan, port, now, cfg.Logger)
		if err != nil {
			return nil, errors.Join(err, s.closeLanes())
		}
		s.lanes = append(s.lanes, l)
		s.log.Debug("media lane", "lane", i, "addresses", l.sockets.addresses)
	}
	s.events = newSlotEvents()
	return s, nil
}

// transportMaker decides what carries the peers' packets: lean, unless pion is asked for.
func transportMaker(cfg Config) (func(*lane, TransportHandler) (Transport, error), error) {
	logs := pionLogs{cfg.Logger}
	if cfg.Transport == "pion" {
		f, err := newPionFactory(logs)
		if err != nil {
			return nil, err
		}
		return f.newTransport, nil
	}
	f, err := newLeanFactory(logs)
	if err != nil {
		return nil, err
	}
	return f.newTransport, nil
}

// Close closes every peer and the sockets, and waits until nothing of it runs any more.
func (s *SFU) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for p := range s.peers {
		s.background.Go(func() { s.logClose(p) })
	}
	s.mu.Unlock()
	s.background.Wait()
	s.events.close()
	return s.closeLanes()
}

func (s *SFU) closeLanes() error {
	var errs []error
	for _, l := range s.lanes {
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
}

// NewPeer answers an offer. The Peer is not in any room yet; one that is in none after 30 seconds is closed.
// The error wraps ErrBadOffer when the offer is at fault.
func (s *SFU) NewPeer(ctx context.Context, o Offer) (p *Peer, answer string, err error) {
	if p, err = s.openPeer(); err != nil {
		return nil, "", fmt.Errorf("open a peer: %w", err)
	}
	if answer, err = p.Negotiate(ctx, o); err != nil {
		return nil, "", errors.Join(err, p.Close())
	}
	return p, answer, nil
}

func (s *SFU) openPeer() (*Peer, error) {
	p := newPeer(s, s.idlestLane())
	transport, err := s.newTransport(p.lane, p)
	if err != nil {
		return nil, err
	}
	p.transport = transport
	transport.SetReceiving(false) // until it is attached
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(ErrClosed, transport.Close())
	}
	p.idle = time.AfterFunc(s.idleTimeout, func() { s.closeLater(p) })
	s.peers[p] = struct{}{}
	p.lane.counters.peers.Add(1)
	p.lane.do(func() { p.lane.peers[p] = struct{}{} })
	return p, nil
}

func (s *SFU) idlestLane() *lane {
	idlest := s.lanes[0]
	for _, l := range s.lanes[1:] {
		if l.counters.receivers() < idlest.counters.receivers() {
			idlest = l
		}
	}
	return idlest
}

// closeLater closes a peer from where it cannot be waited for.
func (s *SFU) closeLater(p *Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed { // else Close does it
		s.background.Go(func() { s.logClose(p) })
	}
}

func (s *SFU) logClose(p *Peer) {
	if err := p.Close(); err != nil {
		s.log.Debug("close a peer", "error", err)
	}
}

func (s *SFU) forget(p *Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, p)
	p.lane.counters.peers.Add(-1)
}

// NewRouter makes the media of one room. It has to be closed.
func (s *SFU) NewRouter() *Router { return newRouter(s) }

func (s *SFU) wallClock(now time.Duration) time.Time { return s.epoch.Add(now) }
