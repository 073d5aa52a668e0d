package signaling

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gorilla/websocket"
)

// maxOutstanding bounds the requests of one connection that wait for something
// (an acknowledgement) while it goes on.
const maxOutstanding = 64

// dispatcher takes the requests of one connection, one after the other, to the
// methods. It belongs to the connection's reader.
type dispatcher struct {
	server      *Server
	conn        *conn
	from        netip.Addr // the client's
	gate        *floodGate
	session     *session // nil before connect
	outstanding chan struct{}
	log         *slog.Logger
}

func newDispatcher(s *Server, c *conn, from netip.Addr) *dispatcher {
	return &dispatcher{
		server:      s,
		conn:        c,
		from:        from,
		gate:        newFloodGate(),
		outstanding: make(chan struct{}, maxOutstanding),
		log:         s.log,
	}
}

// call is one request on its way through a method.
type call struct {
	*dispatcher
	request

	received time.Time
	replied  bool
}

// reply queues the answer at once. A method whose answer must come before or
// after what others are told calls it itself; else the dispatcher does.
func (c *call) reply(result any) {
	c.replied = true
	if !c.isNotification() {
		c.conn.send(encodeResult(c.id, result))
	}
}

// finish answers with what a method has come to.
func (c *call) finish(result any, err error) {
	switch {
	case err != nil:
		e := asProtocolError(err)
		if e.Code == codeInternal && !errors.Is(err, context.Canceled) {
			c.log.Error("request failed", "method", c.method, "err", err)
		}
		c.fail(c.request, e)
	case !c.replied:
		c.reply(result)
	}
}

// reserve takes one of the places for requests that wait for another client,
// while the caller's own next requests go on. finishLater gives it back.
func (c *call) reserve() bool {
	select {
	case c.outstanding <- struct{}{}:
		return true
	default:
		return false
	}
}

// finishLater answers with what f comes to, which runs beside the reader.
func (c *call) finishLater(f func() (any, error)) {
	later := *c // the reader goes on using its own
	c.replied = true
	started := c.conn.start(func() {
		defer func() { <-later.outstanding }()
		later.finish(f())
	})
	if !started {
		<-c.outstanding
	}
}

// seat is where the caller sits, or the error to answer outside of a room.
func (c *call) seat() (*place, error) {
	at := c.session.whereabouts()
	if at == nil {
		return nil, errConflict("not in a room")
	}
	return at, nil
}

// method does what one request asks for. Its result is the answer, unless it has
// replied.
type method func(ctx context.Context, c *call, p *params) (result any, err error)

// methodNamed answers a method of the protocol, nil if there is none.
func methodNamed(name string) method {
	switch name {
	case "connect":
		return connect
	case "join":
		return join
	case "negotiate":
		return negotiate
	case "leave":
		return leave
	case "update":
		return update
	case "chat":
		return chat
	case "history":
		return history
	case "whisper":
		return whisper
	case "ack":
		return ack
	case "call":
		return callUser
	case "answer":
		return answerCall
	case "hangup":
		return hangUp
	case "moderate":
		return moderate
	case "users":
		return users
	case "rooms":
		return rooms
	case "ping":
		return ping
	}
	return nil
}

// serve reads until the connection ends, and then ends or suspends the session.
func (d *dispatcher) serve() {
	ctx, cancel := context.WithCancel(d.server.ctx)
	defer cancel()
	unconnected := time.AfterFunc(connectTimeout, func() { d.conn.close(closeUnauthorized) })
	defer unconnected.Stop()

	var err error
	for err == nil && d.conn.waitRoom() {
		var frame []byte
		if frame, err = d.conn.read(); err == nil {
			d.dispatch(ctx, frame)
			if d.session != nil {
				unconnected.Stop()
			}
		}
	}
	status := d.conn.hangUp()
	d.server.metrics.closed(status, err)
	if d.session == nil {
		return
	}
	d.server.connectionEnded(d.session, websocket.IsCloseError(err, websocket.CloseNormalClosure))
}

func (d *dispatcher) dispatch(ctx context.Context, frame []byte) {
	now := time.Now()
	req, fault := decodeRequest(frame)
	if wait, flooding := d.admit(now); wait > 0 {
		if flooding {
			d.conn.close(closeFlooding)
			return
		}
		fault = errRateLimited(wait)
	}
	if fault != nil {
		d.fail(req, fault)
		return
	}
	run := methodNamed(req.method)
	switch {
	case run == nil:
		d.fail(req, newError(codeUnknownMethod, "unknown_method", "no such method: %.64q", req.method))
		return
	case d.session == nil && req.method != "connect":
		d.fail(req, errUnauthorized("connect first"))
		return
	}
	d.run(ctx, &call{dispatcher: d, request: req, received: now}, run)
}

func (d *dispatcher) admit(now time.Time) (wait time.Duration, flooding bool) {
	if d.server.cfg.Unlimited {
		return 0, false
	}
	return d.gate.admit(now)
}

func (d *dispatcher) run(ctx context.Context, c *call, run method) {
	d.server.metrics.received(c.method)
	p := readParams(c.params)
	if err := p.err(); err != nil {
		d.fail(c.request, asProtocolError(err))
		return
	}
	result, err := run(ctx, c, p)
	c.finish(result, err)
}

// fail counts an error and answers it, unless it was a notification's.
func (d *dispatcher) fail(req request, e *Error) {
	d.server.metrics.failed(e)
	if !req.isNotification() {
		d.conn.send(encodeError(req.id, e))
	}
}
