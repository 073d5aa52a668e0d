package sfu

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	// ErrBadOffer is wrapped by errors that are the fault of the client's offer.
	ErrBadOffer = errors.New("bad offer")
	// ErrOtherConnection says that an offer comes from another PeerConnection than the one of the Peer it was given to: its certificate
	// differs. It needs a new Peer.
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
	// Transport is "auto" or "pion".
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
	Kind        string // "audio"
	Participant string
	Source      Source
}

// SFU owns the media sockets and all that is received and sent on them. Its methods may be called at any time from any goroutine.
// It is a prometheus.Collector.
type SFU struct{}

// New binds the sockets. The error says which address could not be bound, or what of the configuration is wrong.
func New(cfg Config) (*SFU, error) { return &SFU{}, nil }

// Close closes every peer and the sockets, and waits until nothing of it runs any more.
func (s *SFU) Close() error { return nil }

// NewPeer answers an offer. The Peer is not in any room yet; one that is in none after 30 seconds is closed.
// The error wraps ErrBadOffer when the offer is at fault.
func (s *SFU) NewPeer(ctx context.Context, o Offer) (p *Peer, answer string, err error) {
	return nil, "", ErrClosed
}

// NewRouter makes the media of one room. It has to be closed.
func (s *SFU) NewRouter() *Router { return &Router{} }

// Describe implements prometheus.Collector.
func (s *SFU) Describe(ch chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *SFU) Collect(ch chan<- prometheus.Metric) {}
