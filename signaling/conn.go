package signaling

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	pingEvery    = 10 * time.Second
	deadAfter    = 25 * time.Second // without a byte from the client
	closeTimeout = 5 * time.Second  // to write what remains and the close frame
	drainTimeout = 2 * time.Second  // to read what a client still sends after the close frame

	maxQueuedFrames = 512
	maxQueuedBytes  = 1 << 20
	socketBuffer    = 64 << 10 // of the kernel, so that the queue and not it tells a slow client
	maxDrained      = 1 << 20  // bytes read and thrown away after the close frame
)

// errFrame ends reading after a frame that the protocol does not allow.
var errFrame = errors.New("a frame that the protocol does not allow")

// conn is one WebSocket. Its reader is the goroutine of [Server.attend], its
// writer a second one that the reader waits for. Frames to the
// client wait in a bounded queue; when that is full the client is too slow and
// the connection ends (an answer to its own request instead holds its reader
// back, see waitRoom).
type conn struct {
	ws *websocket.Conn

	mu     sync.Mutex
	queue  [][]byte
	queued int         // bytes in queue
	status closeStatus // why the server ends it; zero while it does not
	ended  bool        // nothing is queued any more
	endBy  time.Time   // when the close frame must be written
	abort  *time.Timer // cuts a write that began before the end and still hangs

	tasks   sync.WaitGroup // requests that take their time, see start
	wake    chan struct{}  // capacity 1: there is something for the writer
	room    chan struct{}  // capacity 1: the queue has become shorter
	done    chan struct{}  // closed when the connection is to end
	written chan struct{}  // closed when the writer has returned
}

func newConn(ws *websocket.Conn) *conn {
	c := &conn{
		ws:      ws,
		wake:    make(chan struct{}, 1),
		room:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		written: make(chan struct{}),
	}
	if tcp, ok := ws.NetConn().(*net.TCPConn); ok {
		// Best effort: a larger buffer only delays noticing a slow client.
		_ = tcp.SetWriteBuffer(socketBuffer)
	}
	c.heard()
	ws.SetPongHandler(func(string) error { c.heard(); return nil })
	answerPing := ws.PingHandler()
	ws.SetPingHandler(func(data string) error { c.heard(); return answerPing(data) })
	return c
}

// heard gives the client another deadAfter, unless the connection is to end: a
// deadline in the past is how close stops the reader.
func (c *conn) heard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		_ = c.ws.SetReadDeadline(time.Now().Add(deadAfter))
	}
}

// read waits for the next frame and ends the connection when that is none that
// the protocol allows. It is for the reader alone.
func (c *conn) read() ([]byte, error) {
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.TextMessage {
		c.close(closeBinary)
		return nil, errFrame
	}
	// Not by SetReadLimit, which closes without a reason text.
	frame, err := io.ReadAll(io.LimitReader(r, maxFrame+1))
	if err != nil {
		return nil, err
	}
	if len(frame) > maxFrame {
		c.close(closeTooBig)
		return nil, errFrame
	}
	c.heard()
	return frame, nil
}

// send queues a frame and never blocks. A client whose queue is full is closed
// as too slow. Safe for concurrent use.
func (c *conn) send(frame []byte) {
	c.mu.Lock()
	full := !c.ended && (len(c.queue) >= maxQueuedFrames || c.queued >= maxQueuedBytes)
	if !c.ended && !full {
		c.queue = append(c.queue, frame)
		c.queued += len(frame)
	}
	c.mu.Unlock()
	if full {
		c.close(closeTooSlow)
		return
	}
	signal(c.wake)
}

// waitRoom waits until the queue is at most half full, and reports false when the
// connection ends instead. A client that asks faster than it reads the answers
// thus waits for itself.
func (c *conn) waitRoom() bool {
	for {
		c.mu.Lock()
		ended := c.ended
		roomy := len(c.queue) <= maxQueuedFrames/2 && c.queued <= maxQueuedBytes/2
		c.mu.Unlock()
		switch {
		case ended:
			return false
		case roomy:
			return true
		}
		select {
		case <-c.room:
		case <-c.done:
		}
	}
}

// close ends the connection with a status: the reader returns at once, the
// writer has closeTimeout to write what is queued (nothing, to a client that does
// not read) and the close frame. Only the first status counts. It does not wait.
// Safe for concurrent use.
func (c *conn) close(status closeStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended, c.status, c.endBy = true, status, time.Now().Add(closeTimeout)
	if status == closeTooSlow {
		c.queue, c.queued = nil, 0
	}
	// A write that is blocked now has the deadline of its beginning.
	_ = c.ws.NetConn().SetWriteDeadline(c.endBy)
	c.abort = time.AfterFunc(closeTimeout, func() { _ = c.ws.NetConn().SetWriteDeadline(time.Now()) })
	_ = c.ws.SetReadDeadline(time.Now())
	close(c.done)
}

// start runs f beside the reader; finish waits for it. f must return soon after
// done is closed. It reports false when the connection is to end.
func (c *conn) start(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.tasks.Go(f)
	}
	return !c.ended
}

// hangUp ends the connection without a status, since the client has closed it or
// it is broken. It answers the status that the connection ends with all the same
// when close came first.
func (c *conn) hangUp() closeStatus {
	c.close(closeStatus{})
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// write is the writer: it sends what is queued, pings, and at the end the close
// frame.
func (c *conn) write() {
	defer close(c.written)
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-c.wake:
			c.writeQueued()
		case <-ping.C:
			if c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(deadAfter)) != nil {
				c.hangUp()
			}
		case <-c.done:
			if c.writeQueued() {
				c.writeClose()
			}
			return
		}
	}
}

// writeQueued empties the queue and reports whether the socket still works.
func (c *conn) writeQueued() bool {
	for {
		frame, deadline := c.next()
		if frame == nil {
			return true
		}
		_ = c.ws.SetWriteDeadline(deadline)
		if c.ws.WriteMessage(websocket.TextMessage, frame) != nil {
			c.close(closeTooSlow)
			return false
		}
	}
}

// next takes the oldest frame from the queue, with the time by which it must be
// written; nil if there is none.
func (c *conn) next() (frame []byte, deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.queue = nil // gives back the array that the slice has moved along
		return nil, time.Time{}
	}
	frame, c.queue = c.queue[0], c.queue[1:]
	c.queued -= len(frame)
	signal(c.room)
	if c.ended {
		return frame, c.endBy
	}
	return frame, time.Now().Add(deadAfter)
}

// writeClose sends the close frame, if there is a status to send, and says that
// nothing follows.
func (c *conn) writeClose() {
	c.mu.Lock()
	status := c.status
	c.mu.Unlock()
	if status.code == 0 {
		return
	}
	frame := websocket.FormatCloseMessage(status.code, status.text)
	if c.ws.WriteControl(websocket.CloseMessage, frame, c.endBy) != nil {
		return
	}
	if half, ok := c.ws.NetConn().(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// finish waits for the tasks and the writer and closes the socket. It is for the reader, when
// it reads no more. Closing a socket with unread bytes resets it, and the reset
// can overtake the close frame: so after one it reads on for a moment.
func (c *conn) finish() {
	c.hangUp()
	c.tasks.Wait()
	<-c.written
	c.abort.Stop()
	if c.status.code != 0 {
		socket := c.ws.NetConn()
		_ = socket.SetReadDeadline(time.Now().Add(drainTimeout))
		_, _ = io.CopyN(io.Discard, socket, maxDrained)
	}
	_ = c.ws.Close()
}

// signal makes a channel of capacity 1 ready without waiting.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
