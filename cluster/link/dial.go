package link

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/quic-go/quic-go"
)

// remote is what a Mesh has of one peer. It exists while there is a connection, or an attempt to make one.
type remote struct {
	connections []*connection // that live, the preferred one first
	dialling    *attempt      // nil when none is under way
	arrived     chan struct{} // closed, and made anew, when a connection comes
}

// attempt is a dial under way. Whoever needs the peer meanwhile waits for it, or for the peer's own dial if that is quicker.
type attempt struct {
	mesh *Mesh
	to   Peer
	done chan struct{}
	err  error // to be read after done
}

// connect returns the preferred connection to a peer, and makes one when there is none.
func (m *Mesh) connect(ctx context.Context, to Peer) (*connection, error) {
	if err := to.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	for {
		m.mu.Lock()
		if m.closed {
			m.mu.Unlock()
			return nil, ErrClosed
		}
		r := m.remoteLocked(to.key())
		if len(r.connections) > 0 {
			c := r.connections[0]
			m.mu.Unlock()
			return c, nil
		}
		if r.dialling == nil {
			r.dialling = &attempt{mesh: m, to: to, done: make(chan struct{})}
			m.running.Go(r.dialling.run) // not by ctx: others may wait for it too
		}
		a, arrived := r.dialling, r.arrived
		m.mu.Unlock()

		select {
		case <-arrived:
		case <-a.done:
			if a.err != nil {
				return nil, a.err
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (m *Mesh) remoteLocked(key peerKey) *remote {
	r := m.remotes[key]
	if r == nil {
		r = &remote{arrived: make(chan struct{})}
		m.remotes[key] = r
	}
	return r
}

// run makes a connection. It goes on when the peer has dialled this node in the meantime: the peer may already use what comes of it.
func (a *attempt) run() {
	m := a.mesh
	c, err := m.dial(a.to)
	switch {
	case err == nil:
		m.register(c)
	case m.ctx.Err() != nil:
		err = ErrClosed
	default:
		level := slog.LevelDebug // whoever needed the peer gets the error
		if unproven(err) {
			level = slog.LevelWarn
		}
		m.log.Log(m.ctx, level, "could not dial", "peer", a.to, "addr", a.to.Addr, "err", err)
		err = fmt.Errorf("%w: dial %s at %s: %w", ErrUnreachable, a.to, a.to.Addr, err)
	}
	m.metrics.dialled(err)

	m.mu.Lock()
	defer m.mu.Unlock()
	a.err = err
	close(a.done)
	m.remotes[a.to.key()].dialling = nil
	m.forgetLocked(a.to.key())
}

// errSlowHandshake is a value of its own, so that nobody takes it for the end of the caller's context.
var errSlowHandshake = errors.New("the handshake took too long")

func (m *Mesh) dial(to Peer) (*connection, error) {
	if !to.Addr.IsValid() {
		return nil, errors.New("it has no address")
	}
	if to.key() == m.cfg.Self.key() {
		return nil, errors.New("that is this node itself")
	}
	// An attempt ends when nothing has come for IdleTimeout; as long as something comes it may take twice that, since a
	// handshake is work and the peer may have little time.
	ctx, cancel := context.WithTimeoutCause(m.ctx, 2*m.cfg.IdleTimeout, errSlowHandshake)
	defer cancel()
	dialled, err := m.quic.Dial(ctx, net.UDPAddrFromAddrPort(to.Addr), m.identity.client(to), m.quicConfig())
	if err != nil {
		return nil, err
	}
	c := newConnection(m, dialled, to, true)
	// In TLS 1.3 the one who dials is done before the other has judged its certificate. A round trip shows that the peer accepted it, and
	// that it knows of this connection before anything is sent on it.
	if _, err = c.exchange(ctx, opPing, "", nil); err != nil {
		_ = dialled.CloseWithError(closeProtocol, "not accepted")
		return nil, fmt.Errorf("not accepted: %w", err)
	}
	return c, nil
}

// register takes a proven connection into use.
func (m *Mesh) register(c *connection) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		_ = c.quic.CloseWithError(closeMesh, "closing")
		return
	}
	r := m.remoteLocked(c.peer.key())
	var replaced []*connection
	for _, old := range r.connections {
		// Nobody dials while it has a connection: who dials again has lost the one it dialled before.
		if !c.dialled && !old.dialled {
			replaced = append(replaced, old)
		}
	}
	r.connections = slices.Insert(r.connections, 0, c)
	slices.SortStableFunc(r.connections, m.compare)
	close(r.arrived)
	r.arrived = make(chan struct{})
	m.running.Go(c.run)
	for _, other := range r.connections[1:] {
		other.retireOnce.Do(func() { m.running.Go(other.retire) })
	}
	m.mu.Unlock()

	m.log.Debug("link up", "peer", c.peer, "addr", c.peer.Addr, "dialled", c.dialled)
	for _, old := range replaced {
		_ = old.quic.CloseWithError(closeReplaced, "dialled anew")
	}
}

// compare puts the connection first that both ends prefer: the one dialled by the lesser node. Of those dialled by one node
// the newer, since the older is lost there.
func (m *Mesh) compare(a, b *connection) int {
	rank := func(c *connection) int {
		if c.dialled == m.cfg.Self.key().less(c.peer.key()) {
			return 0
		}
		return 1
	}
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	return b.since.Compare(a.since)
}

// unregister takes an ended connection out of use.
func (m *Mesh) unregister(c *connection) {
	m.mu.Lock()
	key := c.peer.key()
	r := m.remotes[key]
	r.connections = slices.DeleteFunc(r.connections, func(other *connection) bool { return other == c })
	lost := len(r.connections) == 0 && !m.closed
	m.forgetLocked(key)
	m.mu.Unlock()

	cause := context.Cause(c.quic.Context())
	m.log.Debug("link down", "peer", c.peer, "cause", cause)
	if !lost {
		return
	}
	m.metrics.losses.WithLabelValues(lossCause(cause)).Inc()
	if m.cfg.ConnectionLost != nil {
		m.cfg.ConnectionLost(c.peer)
	}
}

func (m *Mesh) forgetLocked(key peerKey) {
	if r := m.remotes[key]; r != nil && len(r.connections) == 0 && r.dialling == nil {
		delete(m.remotes, key)
	}
}

// preferred reports whether what is new goes over c.
func (m *Mesh) preferred(c *connection) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.remotes[c.peer.key()]
	return r != nil && len(r.connections) > 0 && r.connections[0] == c
}

const (
	// retireCheck is how often a connection that is not preferred is looked at.
	retireCheck = time.Second
	// retireLooks is how many looks in a row must find nothing on it until it is closed: far longer than the peer needs to prefer
	// the other as well.
	retireLooks = 5
)

// retire closes a connection beside which there is a better one, when nothing has been on it for a while. Only the end that
// dialled it does so: the other knew of both before this end did.
func (c *connection) retire() {
	if !c.dialled {
		return
	}
	ticker := time.NewTicker(c.mesh.retireCheck)
	defer ticker.Stop()
	for idle, before := 0, uint64(0); idle < retireLooks; idle++ {
		select {
		case <-ticker.C:
		case <-c.ctx.Done():
			return
		}
		if n := c.begun.Load(); n != before || !c.idle() || c.mesh.preferred(c) {
			idle, before = 0, n
		}
	}
	_ = c.quic.CloseWithError(closeRedundant, "another connection is in use")
}

// unproven reports whether two nodes do not accept each other's proofs, which an operator has to set right: their keys differ. That another
// node answers than the one that was meant is no such thing: it happens whenever one restarts.
func unproven(err error) bool {
	transport, ok := errors.AsType[*quic.TransportError](err)
	if !ok || !transport.ErrorCode.IsCryptoError() {
		return false
	}
	_, another := errors.AsType[x509.HostnameError](err)
	return !another
}

func lossCause(err error) string {
	if _, ok := errors.AsType[*quic.IdleTimeoutError](err); ok {
		return "silent"
	}
	if _, ok := errors.AsType[*quic.StatelessResetError](err); ok {
		return "reset"
	}
	if closed, ok := errors.AsType[*quic.ApplicationError](err); ok && closed.Remote {
		return "closed"
	}
	return "failed"
}
