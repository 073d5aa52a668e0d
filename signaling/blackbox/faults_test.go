package blackbox

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"hubbub/signaling/client"
)

func TestAConnectionIsDroppedWhenNothingCameFor25s(t *testing.T) {
	t.Parallel()
	room := unique("half-open")
	watcher := guests.guest(t, "Watcher").in(room)
	network := newCable(t)
	p := guests.visitor(t, client.Options{NetDial: network.dial})
	p.mustConnect(client.ConnectParams{Name: "Silent"})
	p.in(room)
	network.cut()
	began := time.Now()
	lost := func() bool {
		for _, e := range allTold[client.ParticipantEvent](watcher, "participant_updated") {
			if e.Participant.ID == p.id() && e.Participant.State == "reconnecting" {
				return true
			}
		}
		return false
	}
	eventually(t, 40*time.Second, "the server drops the half-open connection", lost)
	if took := time.Since(began); took < 14*time.Second || took > 31*time.Second {
		t.Errorf("the connection was dropped after %s, want about 25 s from the last sign of life", took)
	}
	await(watcher, "participant_left", func(e client.LeftEvent) bool { return e.ID == p.id() && e.Reason == "timeout" })
	watcher.wantOpen() // it has answered pings all the while
}

func TestTheServerPingsEvery10s(t *testing.T) {
	t.Parallel()
	l := guests.connectedLine(t)
	pings := make(chan time.Time, 10)
	l.SetPingHandler(func(data string) error {
		pings <- time.Now()
		return l.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(patience))
	})
	if err := l.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, _, err := l.ReadMessage(); err != nil {
				return // at the end of the test
			}
		}
	}()
	var last time.Time
	for i := range 3 {
		select {
		case at := <-pings:
			if gap := at.Sub(last); i > 0 && (gap < 8*time.Second || gap > 13*time.Second) {
				t.Errorf("%s between two pings", gap)
			}
			last = at
		case <-time.After(15 * time.Second):
			t.Fatal("no ping in 15 s")
		}
	}
}

func TestAClientThatDoesNotReadIsClosedWith4008AndSlowsNobody(t *testing.T) {
	t.Parallel()
	room := unique("too-slow")
	a := unlimited.guest(t, "Ada").in(room)
	b := unlimited.guest(t, "Bea").in(room)
	slow := unlimited.lineBy(t, websocket.Dialer{
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
				var failed error
				err := c.Control(func(fd uintptr) { // before connecting, so that the window is small from the start
					failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
				})
				if err != nil {
					return err
				}
				return failed
			}}
			return d.DialContext(ctx, network, addr)
		},
	})
	slow.send(`{"jsonrpc":"2.0","id":0,"method":"connect","params":{"name":"Slow"}}`)
	slow.receive()
	slow.send(request("join", fmt.Sprintf(`{"room":%q}`, room)))
	slow.answer()

	text := strings.Repeat("\U0001f422", a.hello.Limits.Text)
	lost := func() bool {
		for _, e := range allTold[client.ParticipantEvent](b, "participant_updated") {
			if e.Participant.Name == "Slow" && e.Participant.State == "reconnecting" {
				return true
			}
		}
		return false
	}
	var slowest time.Duration
	sent := 0
	for deadline := time.Now().Add(60 * time.Second); !lost(); sent++ {
		if time.Now().After(deadline) {
			t.Fatalf("after %d messages that it did not read it is still not closed", sent)
		}
		began := time.Now()
		r := a.mustChat(text)
		await(b, "chat", func(m client.Message) bool { return m.Seq == r.Seq })
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("closed after %d messages of %d bytes, the slowest took %s", sent, len(text), slowest)
	if slowest > 2*time.Second {
		t.Errorf("a message to the others took %s", slowest)
	}
	slow.wantClosed(client.CloseTooSlow, patience) // it reads again, within the 5 s
}

func TestSlowlorisIsCutOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, then string
	}{
		"nothing":             {"", ""},
		"half a request":      {"GET /v1/signal HTTP/1.1\r\nHost: x\r\n", ""},
		"a byte now and then": {"GET /v1/signal HTTP/1.1\r\nX-Slow: ", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(guests.http, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, c.first); err != nil {
				t.Fatal(err)
			}
			if c.then != "" {
				done := make(chan struct{})
				var dripping sync.WaitGroup
				defer dripping.Wait()
				defer close(done)
				dripping.Go(func() {
					tick := time.NewTicker(500 * time.Millisecond)
					defer tick.Stop()
					for {
						select {
						case <-done:
							return
						case <-tick.C:
							if _, err := io.WriteString(conn, c.then); err != nil {
								return
							}
						}
					}
				})
			}
			wantEnd(t, conn, 40*time.Second)
		})
	}
}

func TestWhoNeverConnectsIsClosedAfterAWhile(t *testing.T) {
	t.Parallel()
	s := start(t)
	baseline := s.goroutines(t)
	var lines []*line
	for range 50 {
		lines = append(lines, s.line(t))
	}
	var reading sync.WaitGroup
	for _, l := range lines {
		reading.Go(func() { // answers pings, but never connects
			_ = l.SetReadDeadline(time.Now().Add(60 * time.Second))
			if _, _, err := l.ReadMessage(); err == nil {
				t.Error("a frame came to who has not connected")
			} else if e, ok := err.(net.Error); ok && e.Timeout() { //nolint:errorlint // gorilla returns it bare
				t.Error("still open after 60 s")
			}
		})
	}
	reading.Wait()
	p := s.guest(t, "Ada")
	if err := p.Leave(); err != nil {
		t.Fatal(err)
	}
	wantGoroutines(t, s, baseline)
}

func TestWhoVanishesIsReconnectingThenLeftAndNothingOfThemRemains(t *testing.T) {
	t.Parallel()
	s := start(t)
	warm := s.guest(t, "Warm").withSlots(unique("warm"), 2) // whatever is made once has been made
	leaveAll(t, warm)
	wantEmpty(t, s)
	baseline := settledGoroutines(t, s)

	room := unique("vanish")
	watcher := s.guest(t, "Watcher").withSlots(room, 2)
	var gone []*person
	for range 5 {
		gone = append(gone, s.guest(t, "Gone").withSlots(room, 2))
	}
	for _, p := range gone {
		watcher.wantHears(p)
		silence()
	}
	for i, p := range gone {
		p.Abort()
		if i == 0 {
			continue // its media stay connected, of which nothing may remain either
		}
		if err := p.media.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, p := range gone {
		watcher.isState(p.id(), "reconnecting")
		await(watcher, "participant_left", func(e client.LeftEvent) bool { return e.ID == p.id() && e.Reason == "timeout" })
	}
	eventually(t, patience, "slots that carry nobody", func() bool {
		for _, slot := range slotsNow(watcher) {
			if slot.Participant != "" {
				return false
			}
		}
		return true
	})
	leaveAll(t, watcher)
	wantEmpty(t, s)
	wantGoroutines(t, s, baseline)
}

func leaveAll(t *testing.T, people ...*person) {
	t.Helper()
	for _, p := range people {
		if err := p.Leave(); err != nil {
			t.Error(err)
		}
		if p.media != nil {
			if err := p.media.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// wantEmpty waits until the operator's metrics say that nothing is left: no rooms, participants, peers.
func wantEmpty(t *testing.T, s *server) {
	t.Helper()
	for _, name := range []string{"hubbub_rooms", "hubbub_participants", "hubbub_sfu_peers"} {
		eventually(t, patience, name+" is 0", func() bool {
			v, found := s.metric(t, name)
			if !found {
				t.Fatalf("there is no metric %s", name)
			}
			return v == 0
		})
	}
}

// settledGoroutines waits for the number of goroutines to stay the same for a while.
func settledGoroutines(t *testing.T, s *server) int {
	t.Helper()
	last, since := s.goroutines(t), time.Now()
	eventually(t, patience, "the number of goroutines settles", func() bool {
		if n := s.goroutines(t); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > time.Second
	})
	return last
}

// wantGoroutines waits until there are no more than at the beginning. The admin server's own connections come and go.
func wantGoroutines(t *testing.T, s *server, baseline int) {
	t.Helper()
	const ownConnections = 3
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := s.goroutines(t); n > baseline+ownConnections; n = s.goroutines(t) {
		if time.Now().After(deadline) {
			t.Fatalf("there are %d goroutines, at the beginning there were %d:\n%s", n, baseline, s.get(t, s.admin+"/debug/pprof/goroutine?debug=1"))
		}
		<-tick.C
	}
}

func TestSIGTERMClosesWith1012AndExitsWithin5s(t *testing.T) {
	t.Parallel()
	s := start(t)
	idle := s.guest(t, "Idle")
	p := s.guest(t, "Ada").withSlots(unique("sigterm"), 2)
	began := time.Now()
	if err := s.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.wantClosed(websocket.CloseServiceRestart)
	idle.wantClosed(websocket.CloseServiceRestart)
	if err := s.Wait(patience); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// cable is a TCP relay that can fall silent without closing anything, as a pulled cable does.
type cable struct {
	mu    sync.Mutex
	conns []*silentConn
}

func newCable(t *testing.T) *cable {
	c := new(cable)
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, conn := range c.conns {
			_ = conn.Conn.Close()
		}
	})
	return c
}

func (c *cable) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s := &silentConn{Conn: conn, silent: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, s)
	return s, nil
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		close(conn.silent)
	}
}

// silentConn swallows what is written once it is silent; the other side sees an open connection on which nothing comes.
type silentConn struct {
	net.Conn
	silent chan struct{}
}

func (c *silentConn) Write(b []byte) (int, error) {
	select {
	case <-c.silent:
		return len(b), nil
	default:
		return c.Conn.Write(b)
	}
}
