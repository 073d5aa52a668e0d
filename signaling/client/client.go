// Package client is a Go client of Hubbub's signalling protocol (docs/protocol.md): what the black-box tests
// and the load tester speak to a server with.
//
// A [Client] is one WebSocket connection. Its typed methods ([Client.Connect], [Client.Join], [Client.Chat], …)
// are thin covers over [Client.Call]; what the server sends by itself arrives at [Options.OnNotification]. A [Media] is one
// PeerConnection with a microphone and some slots; it is separate from the Client on purpose, because sound outlives a
// broken WebSocket: after a resume the same Media goes on with another Client.
//
//	c, err := client.Dial(ctx, "ws://127.0.0.1:8080/v1/signal", client.Options{})
//	hello, err := c.Connect(ctx, client.ConnectParams{Name: "Ada"})
//	joined, err := media.Join(ctx, c, client.JoinParams{Room: "tea"})
//	err = media.Connected(ctx)
//	err = media.Send(client.Frame{Payload: opus, Level: 20, Voice: true})
//
// With MediaConfig's Camera, Screen and VideoSlots a Media sends and receives video as well: synthetic VP8 ([VideoSender]), whose receiver can tell of
// each frame whether it could be decoded, and what the server did wrong ([Picture], [PictureStats]).
//
// The package reads the protocol for itself and shares no code with the server, so that a mistake in one is not a
// mistake in both.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Subprotocol is the WebSocket subprotocol of version 1.
const Subprotocol = "hubbub.v1"

const (
	defaultWriteTimeout     = 10 * time.Second
	defaultHandshakeTimeout = 10 * time.Second
	// The protocol bounds only the frames of clients; this is a bound against a broken server, above the snapshot of
	// the largest room.
	maxFrame = 16 << 20
)

// Options say how a connection is made. The zero value is good.
type Options struct {
	// Header is sent with the handshake, for example an Origin.
	Header http.Header
	// Subprotocols are those offered; nil means [Subprotocol], an empty slice none.
	Subprotocols []string
	// OnNotification receives each notification in the order of arrival. It runs on the goroutine that reads the
	// connection, so it must not block and must not wait for a call of the same Client. Nil drops them.
	OnNotification func(Notification)
	// NetDial replaces the dialling of TCP, for proxies and other source addresses.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// WriteTimeout bounds the sending of one frame, after which the connection is broken. 0 means 10 s.
	WriteTimeout time.Duration
}

// Client is one WebSocket connection to a server. All methods are safe for concurrent use.
type Client struct {
	conn         *websocket.Conn
	onNotify     func(Notification)
	writeTimeout time.Duration

	writing sync.Mutex // gorilla allows one writer at a time

	mu      sync.Mutex
	lastID  int64
	pending map[int64]chan response
	err     error // why the connection ended; set before done is closed

	done chan struct{} // closed when the reading goroutine has ended
}

type request struct {
	JSONRPC string `json:"jsonrpc"`
	ID      *int64 `json:"id,omitempty"`
	Method  string `json:"method"`
	Params  any    `json:"params,omitempty"`
}

type response struct {
	ID     *int64          `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *Error          `json:"error"`
}

// Dial opens a connection to url (ws:// or wss://) and starts reading from it. ctx bounds the handshake alone. A
// refusal by HTTP is a [*HandshakeError]. The caller ends the connection by Close or Abort.
func Dial(ctx context.Context, url string, o Options) (*Client, error) {
	if o.Subprotocols == nil {
		o.Subprotocols = []string{Subprotocol}
	}
	dialer := websocket.Dialer{
		Subprotocols:     o.Subprotocols,
		NetDialContext:   o.NetDial,
		HandshakeTimeout: defaultHandshakeTimeout,
	}
	conn, resp, err := dialer.DialContext(ctx, url, o.Header)
	if err != nil {
		if resp != nil {
			_ = resp.Body.Close() // gorilla has read what there is of it
			return nil, &HandshakeError{Status: resp.StatusCode}
		}
		return nil, fmt.Errorf("dialling %s: %w", url, err)
	}
	conn.SetReadLimit(maxFrame)
	c := &Client{
		conn:         conn,
		onNotify:     o.OnNotification,
		writeTimeout: o.WriteTimeout,
		pending:      make(map[int64]chan response),
		done:         make(chan struct{}),
	}
	if c.writeTimeout == 0 {
		c.writeTimeout = defaultWriteTimeout
	}
	go c.read()
	return c, nil
}

// Subprotocol is the one that the server chose, "" when none.
func (c *Client) Subprotocol() string { return c.conn.Subprotocol() }

// Done is closed when the connection has ended, whoever ended it.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the connection ended: a [*CloseError] when the server sent a close frame, otherwise what reading ended
// with. Nil while the connection is open.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Leave closes the connection with 1000, which the protocol takes as leaving at once, and waits until the server has
// closed its end, at most for the write timeout.
func (c *Client) Leave() error { return c.Close(websocket.CloseNormalClosure, "left") }

// Close sends a close frame with this code and waits for the server to answer it, at most for the write timeout.
func (c *Client) Close(code int, reason string) error {
	deadline := time.Now().Add(c.writeTimeout)
	err := c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), deadline)
	if err != nil && !errors.Is(err, websocket.ErrCloseSent) {
		c.Abort()
		return fmt.Errorf("sending the close frame: %w", err)
	}
	select {
	case <-c.done:
	case <-time.After(time.Until(deadline)):
		c.Abort()
	}
	return nil
}

// Abort drops the TCP connection without a close frame, as a lost network would, and waits for the reading goroutine.
func (c *Client) Abort() {
	_ = c.conn.Close() // the connection is of no use whatever this says
	<-c.done
}

// Call sends a request and waits for its answer, which it decodes into result (nil: not decoded). params may be nil. An
// answer that is an error is an [*Error]; when the connection ends first, the error is that of Err.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	p, err := c.Start(method, params)
	if err != nil {
		return err
	}
	return p.Wait(ctx, result)
}

// Pending is a request that has been sent and whose answer has not been looked at.
type Pending struct {
	client *Client
	method string
	id     int64
	answer chan response
}

// Start sends a request without waiting for the answer, for pipelining. Wait must be called once on what it returns.
func (c *Client) Start(method string, params any) (*Pending, error) {
	answer := make(chan response, 1)
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return nil, fmt.Errorf("%s: %w", method, c.err)
	}
	c.lastID++
	id := c.lastID
	c.pending[id] = answer
	c.mu.Unlock()

	if err := c.write(request{JSONRPC: "2.0", ID: &id, Method: method, Params: params}); err != nil {
		c.forget(id)
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	return &Pending{client: c, method: method, id: id, answer: answer}, nil
}

// Wait waits for the answer, as Call does.
func (p *Pending) Wait(ctx context.Context, result any) error {
	var r response
	select {
	case r = <-p.answer:
	case <-p.client.done:
		select { // the answer may have been the last frame before the end
		case r = <-p.answer:
		default:
			return fmt.Errorf("%s: %w", p.method, p.client.Err())
		}
	case <-ctx.Done():
		p.client.forget(p.id)
		return fmt.Errorf("%s: waiting for the answer: %w", p.method, ctx.Err())
	}
	if r.Error != nil {
		return r.Error
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(r.Result, result); err != nil {
		return fmt.Errorf("%s: decoding the result: %w", p.method, err)
	}
	return nil
}

// Notify sends a notification, which is never answered.
func (c *Client) Notify(method string, params any) error {
	if err := c.write(request{JSONRPC: "2.0", Method: method, Params: params}); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// WriteFrame sends a frame as it is (websocket.TextMessage, websocket.BinaryMessage), for tests of what a server does with
// what it should not get.
func (c *Client) WriteFrame(kind int, data []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.writeTimeout)); err != nil {
		return fmt.Errorf("sending a frame: %w", err)
	}
	if err := c.conn.WriteMessage(kind, data); err != nil {
		return fmt.Errorf("sending a frame: %w", err)
	}
	return nil
}

func (c *Client) write(r request) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	return c.WriteFrame(websocket.TextMessage, data)
}

func (c *Client) forget(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

func (c *Client) read() {
	defer close(c.done)
	for {
		_, data, err := c.conn.ReadMessage()
		if err != nil {
			c.end(err)
			return
		}
		var r response
		if err := json.Unmarshal(data, &r); err != nil {
			c.end(fmt.Errorf("decoding a frame of the server: %w", err))
			return
		}
		if r.Method != "" {
			if c.onNotify != nil {
				c.onNotify(Notification{Method: r.Method, Params: r.Params})
			}
			continue
		}
		c.deliver(r)
	}
}

func (c *Client) deliver(r response) {
	if r.ID == nil {
		return // the answer to something that had no readable id: nobody waits for it
	}
	c.mu.Lock()
	answer := c.pending[*r.ID]
	delete(c.pending, *r.ID)
	c.mu.Unlock()
	if answer != nil {
		answer <- r
	}
}

func (c *Client) end(err error) {
	var closed *websocket.CloseError
	if errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		err = &CloseError{Code: closed.Code, Reason: closed.Text}
	}
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
	_ = c.conn.Close() // nothing is read any more; gorilla has already answered a close frame
}
