package link

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

const (
	// maxRequests is how many requests of this node may be under way on one connection; further ones wait.
	maxRequests = 256
	// maxServed is how many requests of the peer are served at a time. A peer that keeps to maxRequests never reaches it, though an answer
	// may be there before its handler's place is free again.
	maxServed = 2 * maxRequests
	// preambleTimeout bounds how long a peer may take to send a request, or to read its answer.
	preambleTimeout = 5 * time.Second
)

// connection is one QUIC connection to a proven peer.
type connection struct {
	mesh    *Mesh
	quic    *quic.Conn
	peer    Peer
	dialled bool // by this node
	since   time.Time

	ctx    context.Context // done when the connection has ended, or the Mesh is being closed
	cancel context.CancelFunc

	requests   chan struct{} // a place for each request under way
	served     atomic.Int64
	active     atomic.Int64  // what the peer has opened, and this node's requests and pings
	begun      atomic.Uint64 // how many there ever were
	retireOnce sync.Once

	outgoing, bulk   datagramRing
	arrived          arrivals
	datagramsOut     atomic.Uint64
	datagramsDropped atomic.Uint64
	loss             lossWindow

	mu      sync.Mutex
	ended   bool
	streams map[*Stream]struct{}
	working sync.WaitGroup // handlers and writers; to be added to under mu, and only while not ended
}

func newConnection(m *Mesh, q *quic.Conn, peer Peer, dialled bool) *connection {
	c := &connection{
		mesh: m, quic: q, peer: peer, dialled: dialled, since: time.Now(),
		requests: make(chan struct{}, maxRequests), streams: make(map[*Stream]struct{}),
	}
	c.outgoing.init(datagramQueue)
	c.bulk.init(bulkQueue)
	c.ctx, c.cancel = context.WithCancel(m.ctx)
	return c
}

// run serves the connection until it ends.
func (c *connection) run() {
	var serving sync.WaitGroup
	serving.Go(c.acceptStreams)
	serving.Go(c.sendDatagrams)
	serving.Go(c.receiveDatagrams)
	serving.Go(c.watchLoss)
	<-c.quic.Context().Done()
	c.mesh.unregister(c)

	c.cancel()
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	serving.Wait()
	c.working.Wait()
}

// watchLoss keeps the window of what was lost.
func (c *connection) watchLoss() {
	tick := time.NewTicker(lossStep)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			stats := c.quic.ConnectionStats()
			c.loss.note(packetCounts{stats.PacketsSent, stats.PacketsLost})
		case <-c.ctx.Done():
			return
		}
	}
}

// begin runs f as part of the connection. It reports false, and f is not run, when the connection has ended.
func (c *connection) begin(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.working.Go(f)
	return true
}

// idle reports whether nothing is on the connection.
func (c *connection) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active.Load() == 0 && len(c.streams) == 0
}

func (c *connection) acceptStreams() {
	for {
		q, err := c.quic.AcceptStream(context.Background())
		if err != nil {
			return // the connection has ended
		}
		c.begun.Add(1)
		c.active.Add(1)
		begun := c.begin(func() {
			defer c.active.Add(-1)
			c.serve(q)
		})
		if !begun {
			c.active.Add(-1)
		}
	}
}

// serve reads what a stream of the peer is for.
func (c *connection) serve(q *quic.Stream) {
	_ = q.SetReadDeadline(time.Now().Add(preambleTimeout))
	op, kind, err := readPreamble(q)
	switch {
	case errors.Is(err, ErrProtocol):
		c.mesh.log.Warn("a peer sent what it must not", "peer", c.peer, "err", err)
		reset(q, resetProtocol)
	case err != nil:
		reset(q, resetClosed)
	case op == opStream:
		_ = q.SetReadDeadline(time.Time{})
		s, err := c.newStream(q, kind)
		if err != nil {
			reset(q, resetClosed)
			return
		}
		c.mesh.cfg.Handler.ServeStream(c.ctx, s)
		_ = s.Close()
		<-s.Done()
	case op == opPing:
		_ = q.SetWriteDeadline(time.Now().Add(preambleTimeout))
		_, _ = q.Write(appendAnswer(nil, nil))
		_ = q.Close()
		q.CancelRead(resetClosed)
	default:
		c.answer(q, kind)
	}
}

func reset(q *quic.Stream, code quic.StreamErrorCode) {
	q.CancelWrite(code)
	q.CancelRead(code)
}
