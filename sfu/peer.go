package sfu

import "context"

// Peer is one client's PeerConnection. Its methods may be called at any time from any goroutine.
type Peer struct{}

// Negotiate answers a further offer of the same PeerConnection: an ICE restart, or m-lines added. The error wraps ErrBadOffer when the offer is at
// fault, ErrOtherConnection when it is another PeerConnection's, ErrClosed when this one has ended.
func (p *Peer) Negotiate(ctx context.Context, o Offer) (answer string, err error) { return "", ErrClosed }

// SetPublishing says whether what the peer sends is forwarded. If not (muted, a listener) it is dropped as early as possible.
func (p *Peer) SetPublishing(publishing bool) {}

// Slots returns the peer's slots in the order of their m-lines, with what they carry now.
func (p *Peer) Slots() []Slot { return nil }

// Connected is closed when the connection was established for the first time: ICE and DTLS.
func (p *Peer) Connected() <-chan struct{} { return nil }

// Done is closed when the peer has ended: by Close, or because the client closed its end.
func (p *Peer) Done() <-chan struct{} { return nil }

// Close takes the peer out of its room, frees all it has and waits for its goroutines. Calling it again is harmless. OnSlots is not called any more once it
// has returned, unless such a call is under way.
func (p *Peer) Close() error { return nil }
