package blackbox

import (
	"encoding/json"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// line is a connection without a client behind it: every frame goes out and comes in as it is.
type line struct {
	*websocket.Conn
	t *testing.T
}

// frame is what the server sent: an answer or a notification.
type frame struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Reason     string  `json:"reason"`
			RetryAfter float64 `json:"retryAfter"`
		} `json:"data"`
	} `json:"error"`
}

func (f frame) code() int {
	if f.Error == nil {
		return 0
	}
	return f.Error.Code
}

func (s *server) line(t *testing.T) *line {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"hubbub.v1"}, HandshakeTimeout: patience}
	return s.lineBy(t, d)
}

func (s *server) lineBy(t *testing.T, d websocket.Dialer) *line {
	t.Helper()
	c, _, err := d.DialContext(t.Context(), s.signal, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &line{c, t}
}

// connectedLine has connected as a guest, with the request id 0.
func (s *server) connectedLine(t *testing.T) *line {
	t.Helper()
	l := s.line(t)
	l.send(`{"jsonrpc":"2.0","id":0,"method":"connect","params":{"name":"Raw"}}`)
	if f := l.receive(); f.Error != nil {
		t.Fatalf("connect: %+v", f.Error)
	}
	return l
}

func (l *line) send(text string) {
	l.t.Helper()
	if err := l.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *line) receive() frame {
	l.t.Helper()
	if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
		l.t.Fatal(err)
	}
	kind, data, err := l.ReadMessage()
	if err != nil {
		l.t.Fatalf("waiting for a frame: %v", err)
	}
	if kind != websocket.TextMessage {
		l.t.Fatalf("the server sent a frame of type %d, want text", kind)
	}
	var version struct {
		JSONRPC string `json:"jsonrpc"`
	}
	if err := json.Unmarshal(data, &version); err != nil || version.JSONRPC != "2.0" {
		l.t.Fatalf("the server sent %s, want one JSON-RPC 2.0 object", data)
	}
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		l.t.Fatalf("the server sent %s: %v", data, err)
	}
	return f
}

// answer reads up to the next answer, past notifications.
func (l *line) answer() frame {
	l.t.Helper()
	for {
		if f := l.receive(); f.Method == "" {
			return f
		}
	}
}

// wantClosed reads on until the close frame, which must have this code.
func (l *line) wantClosed(code int, limit time.Duration) {
	l.t.Helper()
	if err := l.SetReadDeadline(time.Now().Add(limit)); err != nil {
		l.t.Fatal(err)
	}
	for {
		_, _, err := l.ReadMessage()
		if err == nil {
			continue
		}
		closed, ok := errors.AsType[*websocket.CloseError](err)
		if !ok || closed.Code != code {
			l.t.Fatalf("the connection ended with %v, want close code %d", err, code)
		}
		if closed.Text == "" {
			l.t.Errorf("the close frame %d came without a reason text", code)
		}
		return
	}
}

// wantEnd reads until the server has ended the connection, no matter how.
func wantEnd(t *testing.T, c net.Conn, limit time.Duration) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		if _, err := c.Read(buf); err != nil {
			if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
				t.Fatalf("the server still holds the connection after %s", limit)
			}
			return
		}
	}
}
