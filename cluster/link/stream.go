package link

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

const (
	// maxQueuedFrames and maxQueuedBytes bound what waits behind the frame that is being sent.
	maxQueuedFrames = 1024
	maxQueuedBytes  = 8 << 20
	// batchBytes is up to how much small frames are put together for one write.
	batchBytes = 16 << 10
	// flushTimeout is how long Close lets what was written still be sent.
	flushTimeout = time.Second
)

// Stream carries frames between two nodes, in order, in both directions. WriteFrame, Close, Done and Err may be called by many
// goroutines; ReadFrame by one at a time. Both ends must close it.
type Stream struct {
	connection *connection
	quic       *quic.Stream
	kind       string

	wake chan struct{} // one place: something to do for the writer
	done chan struct{}

	mu      sync.Mutex
	queue   [][]byte // frames that wait for the writer
	queued  int      // their bytes
	closing bool
	err     error // why it ended, or is ending
}

// Open opens a stream to a peer, dialling it when there is no connection. kind (1 to MaxKind bytes) tells the peer's handler what it
// is for. That the peer serves that kind, or serves streams at all, shows only in what it sends.
//
// Errors: ErrUnreachable, ErrLost, ErrClosed, and ctx's own. ctx bounds the opening alone.
func (m *Mesh) Open(ctx context.Context, to Peer, kind string) (*Stream, error) {
	if err := checkKind(kind); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		c, err := m.connect(ctx, to)
		if err == nil {
			var s *Stream
			if s, err = c.open(ctx, kind); err == nil {
				return s, nil
			}
		}
		if !errors.Is(err, errNotSent) || try == retries {
			return nil, fmt.Errorf("open a stream %s to %s: %w", kind, to.Name, err)
		}
	}
}

func (c *connection) open(ctx context.Context, kind string) (*Stream, error) {
	c.begun.Add(1)
	c.active.Add(1)
	defer c.active.Add(-1)
	q, err := c.openStream(ctx)
	if err != nil {
		return nil, err
	}
	if _, err = q.Write(appendPreamble(nil, opStream, kind)); err != nil {
		reset(q, resetClosed)
		return nil, streamError(err)
	}
	s, err := c.newStream(q, kind)
	if err != nil {
		reset(q, resetClosed)
		return nil, err
	}
	return s, nil
}

func (c *connection) newStream(q *quic.Stream, kind string) (*Stream, error) {
	s := &Stream{
		connection: c, quic: q, kind: kind,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return nil, ErrLost
	}
	c.streams[s] = struct{}{}
	c.working.Go(s.send)
	return s, nil
}

// Kind is what the one who opened the stream said it is for.
func (s *Stream) Kind() string { return s.kind }

// Peer is the node at the other end.
func (s *Stream) Peer() Peer { return s.connection.peer }

// Done is closed when nothing can be sent any more: the stream was closed here and what was written is sent, or it was closed at the other
// end, was reset, or the connection is lost. What had arrived by then ReadFrame still returns.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Err says why the stream is over, or is about to be: ErrClosed when one of the ends closed it, ErrSlow, or ErrLost; nil while it is in use.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// WriteFrame queues a frame of at most MaxFrame bytes. It never waits. b must not be changed afterwards; the same b may be written to
// several streams. When more than 1,024 frames or 8 MiB would wait behind the frame that is being sent, the peer is too slow: the
// stream is reset and ErrSlow returned. Behind that frame one more of any size may always wait, so a large frame can be followed by others.
func (s *Stream) WriteFrame(b []byte) error {
	if len(b) > MaxFrame {
		return fmt.Errorf("write a frame of %d bytes: %w", len(b), ErrTooLarge)
	}
	s.mu.Lock()
	if s.err != nil {
		defer s.mu.Unlock()
		return s.err
	}
	if len(s.queue) > 0 && (len(s.queue) >= maxQueuedFrames || s.queued+len(b) > maxQueuedBytes) {
		s.mu.Unlock()
		s.connection.mesh.metrics.slow.Inc()
		s.fail(ErrSlow, resetSlow)
		return ErrSlow
	}
	s.queue = append(s.queue, b)
	s.queued += len(b)
	s.mu.Unlock()
	s.nudge()
	return nil
}

// ReadFrame waits for the next frame; it belongs to the caller. It returns io.EOF after the last frame of a peer that closed its end,
// else ErrClosed (closed here, which also ends a ReadFrame that waits), ErrSlow, ErrLost or ErrProtocol.
func (s *Stream) ReadFrame() ([]byte, error) {
	b, err := readFrame(s.quic)
	switch {
	case err == nil:
		return b, nil
	case err == io.EOF: //nolint:errorlint // readFrame returns it as it is, and only there is it the end
		return nil, io.EOF
	case errors.Is(err, ErrProtocol):
		s.connection.mesh.log.Warn("a peer sent what it must not", "peer", s.connection.peer, "err", err)
		s.fail(err, resetProtocol)
		return nil, err
	default:
		return nil, streamError(err)
	}
}

// Close ends the stream in both directions. It does not wait: what was written is still sent, for at most a second. It always
// returns nil.
func (s *Stream) Close() error {
	s.mu.Lock()
	if s.err == nil {
		s.err = ErrClosed
		s.closing = true
		_ = s.quic.SetWriteDeadline(time.Now().Add(flushTimeout))
	}
	s.mu.Unlock()
	s.quic.CancelRead(resetClosed)
	s.nudge()
	return nil
}

// fail ends the stream in both directions at once.
func (s *Stream) fail(err error, code quic.StreamErrorCode) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.closing = false
	s.queue, s.queued = nil, 0
	s.mu.Unlock()
	reset(s.quic, code)
	s.nudge()
}

func (s *Stream) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// send is the stream's writer.
func (s *Stream) send() {
	defer func() {
		c := s.connection
		c.mu.Lock()
		delete(c.streams, s)
		c.mu.Unlock()
		close(s.done)
	}()
	var buffer []byte
	for {
		frames, last := s.take()
		if last {
			_ = s.quic.Close()
			return
		}
		if len(frames) == 0 {
			buffer = nil // most streams are idle most of the time
			select {
			case <-s.wake:
				continue
			case <-s.quic.Context().Done():
				s.stopped(context.Cause(s.quic.Context()))
				return
			}
		}
		var err error
		if buffer, err = s.write(frames, buffer[:0]); err != nil {
			s.stopped(err)
			return
		}
	}
}

// stopped is for the end of the sending direction that did not come from this end's Close. What has arrived can still be read.
func (s *Stream) stopped(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = streamError(err)
	}
	s.queue, s.queued = nil, 0
	s.mu.Unlock()
	s.quic.CancelWrite(resetClosed)
}

// take gets the next frames to be sent in one write, or reports that the last one has been sent.
func (s *Stream) take() (frames [][]byte, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil, s.closing
	}
	n, size := 1, len(s.queue[0])
	for n < len(s.queue) && size+len(s.queue[n]) <= batchBytes {
		size += len(s.queue[n])
		n++
	}
	frames = slices.Clone(s.queue[:n])
	clear(s.queue[:n])
	s.queue = s.queue[n:]
	s.queued -= size
	return frames, false
}

// write sends frames that take together handed out. Only a single one can be larger than a batch; that one is not copied.
func (s *Stream) write(frames [][]byte, buffer []byte) ([]byte, error) {
	for _, frame := range frames {
		buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(frame)))
		if len(frame) <= batchBytes {
			buffer = append(buffer, frame...)
			continue
		}
		if _, err := s.quic.Write(buffer); err != nil {
			return buffer, err
		}
		_, err := s.quic.Write(frame)
		return buffer, err
	}
	_, err := s.quic.Write(buffer)
	return buffer, err
}
