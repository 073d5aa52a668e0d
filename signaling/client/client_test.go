package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server that does script with its one connection, and returns a client of it.
func serve(t *testing.T, o Options, script func(*websocket.Conn)) *Client {
	t.Helper()
	upgrader := websocket.Upgrader{Subprotocols: []string{Subprotocol}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		script(conn)
	}))
	t.Cleanup(s.Close)
	c, err := Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Abort)
	return c
}

// expect reads a frame and answers with the given ones.
func expect(t *testing.T, conn *websocket.Conn, want string, answers ...string) {
	_, data, err := conn.ReadMessage()
	if err != nil || string(data) != want {
		t.Errorf("the server received %s, %v, want %s", data, err, want)
	}
	for _, a := range answers {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(a)); err != nil {
			t.Error(err)
		}
	}
}

func TestCallsAreMatchedWithAnswersInAnyOrder(t *testing.T) {
	c := serve(t, Options{}, func(conn *websocket.Conn) {
		expect(t, conn, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
		expect(t, conn, `{"jsonrpc":"2.0","id":2,"method":"chat","params":{"text":"hi"}}`,
			`{"jsonrpc":"2.0","id":2,"result":{"id":"m","seq":7,"time":5}}`,
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"bad"}}`,
			`{"jsonrpc":"2.0","id":1,"result":{"time":9}}`)
		_, _, _ = conn.ReadMessage()
	})
	ping, err := c.Start("ping", nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := c.Chat(t.Context(), "hi", ""); err != nil || r != (ChatReceipt{ID: "m", Seq: 7, Time: 5}) {
		t.Errorf("chat gives %+v, %v", r, err)
	}
	var r struct{ Time int64 }
	if err := ping.Wait(t.Context(), &r); err != nil || r.Time != 9 {
		t.Errorf("ping gives %+v, %v", r, err)
	}
}

func TestErrorsCarryCodeReasonAndRetryAfter(t *testing.T) {
	c := serve(t, Options{}, func(conn *websocket.Conn) {
		expect(t, conn, `{"jsonrpc":"2.0","id":1,"method":"ping"}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":429,"message":"slow down","data":{"reason":"rate_limited","retryAfter":1500}}}`)
		_, _, _ = conn.ReadMessage()
	})
	_, err := c.Ping(t.Context())
	e, ok := errors.AsType[*Error](err)
	if !ok || *e != (Error{Code: CodeRateLimited, Message: "slow down", Reason: "rate_limited", RetryAfter: 1500 * time.Millisecond}) {
		t.Errorf("the error is %+v", err)
	}
	if Code(err) != CodeRateLimited {
		t.Errorf("its code is %d", Code(err))
	}
}

func TestNotificationsComeInOrder(t *testing.T) {
	told := make(chan Notification, 3)
	serve(t, Options{OnNotification: func(n Notification) { told <- n }}, func(conn *websocket.Conn) {
		for _, n := range []string{
			`{"jsonrpc":"2.0","method":"participant_left","params":{"version":3,"id":"p","reason":"timeout"}}`,
			`{"jsonrpc":"2.0","method":"slots","params":{"slots":[{"mid":"1","kind":"audio","participant":null,"source":null}]}}`,
		} {
			if err := conn.WriteMessage(websocket.TextMessage, []byte(n)); err != nil {
				t.Error(err)
			}
		}
		_, _, _ = conn.ReadMessage()
	})
	var left LeftEvent
	if err := (<-told).Decode(&left); err != nil || left != (LeftEvent{Version: 3, ID: "p", Reason: "timeout"}) {
		t.Errorf("the first is %+v, %v", left, err)
	}
	var slots SlotsEvent
	if err := (<-told).Decode(&slots); err != nil || len(slots.Slots) != 1 || slots.Slots[0] != (Slot{Mid: "1", Kind: "audio"}) {
		t.Errorf("the second is %+v, %v", slots, err)
	}
}

func TestAClosedConnectionEndsWaitingCalls(t *testing.T) {
	c := serve(t, Options{}, func(conn *websocket.Conn) {
		_, _, _ = conn.ReadMessage()
		text := websocket.FormatCloseMessage(CloseReplaced, "a newer device")
		_ = conn.WriteControl(websocket.CloseMessage, text, time.Now().Add(time.Second))
		_, _, _ = conn.ReadMessage()
	})
	_, err := c.Ping(t.Context())
	if CloseCode(err) != CloseReplaced {
		t.Errorf("the call ends with %v", err)
	}
	<-c.Done()
	if e, ok := errors.AsType[*CloseError](c.Err()); !ok || *e != (CloseError{CloseReplaced, "a newer device"}) {
		t.Errorf("the connection ends with %v", c.Err())
	}
	if _, err := c.Ping(t.Context()); CloseCode(err) != CloseReplaced {
		t.Errorf("a later call ends with %v", err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	c := serve(t, Options{}, func(conn *websocket.Conn) {
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ping, err := c.Start("ping", nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := ping.Wait(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the call ends with %v", err)
	}
	if err := c.Leave(); err != nil {
		t.Error(err)
	}
}

func TestARefusedHandshakeTellsTheStatus(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	_, err := Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), Options{})
	if e, ok := errors.AsType[*HandshakeError](err); !ok || e.Status != http.StatusNotFound {
		t.Errorf("dialling gives %v", err)
	}
}

func TestMediaConnectedEndsWithItsContext(t *testing.T) {
	e, err := NewEngine(EngineConfig{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := e.NewMedia(MediaConfig{Slots: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Connected(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting gives %v", err)
	}
	if err := m.Send(Frame{}); !errors.Is(err, ErrNotNegotiated) {
		t.Errorf("sending gives %v", err)
	}
	sdp, sources, err := m.Offer(false)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(sdp, "m=audio") != 3 || strings.Count(sdp, "a=recvonly") != 2 || sources["0"] != "microphone" {
		t.Errorf("the offer has sources %v:\n%s", sources, sdp)
	}
}
