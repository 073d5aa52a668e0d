package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quic-go/quic-go"
)

// Request asks a peer and returns its answer, dialling it when there is no connection. kind is 1 to MaxKind bytes, body at most
// MaxBody. It is sent at most once. What is left of ctx's time is told the peer, whose handler is cancelled when ctx is.
//
// Errors: *RemoteError when the handler failed; ErrUnreachable when there is no connection to be had, so that the peer has seen nothing; ErrLost when
// the connection ended before the answer; ErrBusy, ErrTooLarge, ErrClosed; and ctx's own.
func (m *Mesh) Request(ctx context.Context, to Peer, kind string, body []byte) ([]byte, error) {
	if err := checkKind(kind); err != nil {
		return nil, err
	}
	if len(body) > MaxBody {
		return nil, fmt.Errorf("request %s: %w: %d bytes", kind, ErrTooLarge, len(body))
	}
	answer, err := m.ask(ctx, to, opRequest, kind, body)
	m.metrics.asked.count(kind, err)
	if err != nil {
		return nil, fmt.Errorf("request %s of %s: %w", kind, to.Name, err)
	}
	return answer, nil
}

// Ping makes a round trip to a peer, dialling it when there is no connection. Its errors are those of Request.
func (m *Mesh) Ping(ctx context.Context, to Peer) error {
	if _, err := m.ask(ctx, to, opPing, "", nil); err != nil {
		return fmt.Errorf("ping %s: %w", to.Name, err)
	}
	return nil
}

func checkKind(kind string) error {
	if kind == "" || len(kind) > MaxKind {
		return fmt.Errorf("link: a kind is 1 to %d bytes, not %q", MaxKind, kind)
	}
	return nil
}

// errNotSent says that the connection had ended before anything was sent on it: another one may be tried.
var errNotSent = errors.New("nothing was sent")

// retries is how many connections are tried that turn out to have just ended.
const retries = 3

func (m *Mesh) ask(ctx context.Context, to Peer, op byte, kind string, body []byte) ([]byte, error) {
	for try := 1; ; try++ {
		c, err := m.connect(ctx, to)
		if err != nil {
			return nil, err
		}
		answer, err := c.exchange(ctx, op, kind, body)
		if errors.Is(err, errNotSent) && try < retries {
			continue
		}
		return answer, err
	}
}

// openStream opens a QUIC stream. Its error is ctx's, or errNotSent with ErrLost.
func (c *connection) openStream(ctx context.Context) (*quic.Stream, error) {
	q, err := c.quic.OpenStreamSync(ctx)
	if ctx.Err() != nil {
		if err == nil {
			reset(q, resetCanceled)
		}
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSent, streamError(err))
	}
	return q, nil
}

// exchange sends a request or ping and reads the answer.
func (c *connection) exchange(ctx context.Context, op byte, kind string, body []byte) ([]byte, error) {
	c.begun.Add(1)
	c.active.Add(1)
	defer c.active.Add(-1)
	if op == opRequest { // a ping does not wait for what it is to find out about
		select {
		case c.requests <- struct{}{}:
			defer func() { <-c.requests }()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-c.quic.Context().Done():
			return nil, fmt.Errorf("%w: %w", errNotSent, ErrLost)
		}
	}
	q, err := c.openStream(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { reset(q, resetCanceled) })
	defer stop()

	message := appendPreamble(make([]byte, 0, 2+len(kind)+8+len(body)), op, kind)
	if op == opRequest {
		var left time.Duration
		if deadline, ok := ctx.Deadline(); ok {
			left = max(time.Until(deadline), time.Millisecond)
		}
		message = appendRequest(message, left, body)
	}
	var answer []byte
	if _, err = q.Write(message); err == nil {
		_ = q.Close()
		answer, err = readAnswer(q)
	}
	q.CancelRead(resetClosed)
	if err == nil {
		return answer, nil
	}
	q.CancelWrite(resetClosed)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, exchangeError(err)
}

func exchangeError(err error) error {
	if remote, ok := errors.AsType[*RemoteError](err); ok {
		return remote
	}
	if errors.Is(err, ErrProtocol) {
		return err
	}
	if reset, ok := errors.AsType[*quic.StreamError](err); ok && reset.ErrorCode == resetClosed {
		return fmt.Errorf("%w: the peer gave the request up", ErrLost)
	}
	return streamError(err)
}

// answer serves a request of the peer.
func (c *connection) answer(q *quic.Stream, kind string) {
	defer c.served.Add(-1)
	if c.served.Add(1) > maxServed {
		c.mesh.metrics.served.count(kind, ErrBusy)
		reset(q, resetBusy)
		return
	}
	timeout, body, err := readRequest(q)
	if err != nil {
		c.mesh.metrics.served.count(kind, err)
		if errors.Is(err, ErrProtocol) {
			c.mesh.log.Warn("a peer sent what it must not", "peer", c.peer, "err", err)
			reset(q, resetProtocol)
		} else {
			reset(q, resetClosed)
		}
		return
	}
	_ = q.SetReadDeadline(time.Time{})

	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	if timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	// The asker that gives up stops reading, which ends the stream's context.
	stop := context.AfterFunc(q.Context(), cancel)
	defer stop()

	answer, err := c.mesh.cfg.Handler.ServeRequest(ctx, c.peer, kind, body)
	if err == nil && len(answer) > MaxBody {
		err = fmt.Errorf("%w: an answer of %d bytes", ErrTooLarge, len(answer))
	}
	c.mesh.metrics.served.count(kind, err)
	var message []byte
	if err != nil {
		message = encodeError(remoteError(err))
	} else {
		message = appendAnswer(make([]byte, 0, 5+len(answer)), answer)
	}
	stop()
	_ = q.SetWriteDeadline(time.Now().Add(preambleTimeout))
	if _, err = q.Write(message); err != nil {
		reset(q, resetClosed)
		return
	}
	_ = q.Close()
	q.CancelRead(resetClosed)
}
