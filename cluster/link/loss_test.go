package link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// lost collects the calls of Config.ConnectionLost.
func lost(into chan Peer) func(*Config) {
	return func(c *Config) { c.ConnectionLost = func(p Peer) { into <- p } }
}

// kill ends a node as kill -9 does: its packets just stop.
func kill(m *Mesh) { _ = m.socket.Close() }

// mortal starts a node that is going to be killed.
func mortal(t *testing.T, name string, h Handler, change ...func(*Config)) *Mesh {
	t.Helper()
	cfg := Config{Self: Peer{Name: name, Boot: "boot-" + name, Addr: netip.MustParseAddrPort("127.0.0.1:0")}, Keys: [][]byte{testKey(1)}, Handler: h}
	for _, f := range change {
		f(&cfg)
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() }) // its socket may be closed already
	return m
}

// TestAKilledPeerIsNoticed has everything open to a peer that dies.
func TestAKilledPeerIsNoticed(t *testing.T) {
	const timeout = time.Second
	asked := make(chan struct{})
	b := mortal(t, "b", handler{
		request: func(ctx context.Context, _ Peer, _ string, _ []byte) ([]byte, error) {
			close(asked)
			<-ctx.Done()
			return nil, ctx.Err()
		},
		stream: func(ctx context.Context, _ *Stream) { <-ctx.Done() },
	}, idleTimeout(timeout))
	losses := make(chan Peer, 10)
	a := newMesh(t, "a", handler{}, idleTimeout(timeout), lost(losses))

	stream, err := a.Open(within(t), b.peer(), "room")
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan error, 1)
	go func() {
		_, err := a.Request(context.Background(), b.peer(), "wait", nil)
		answers <- err
	}()
	receive(t, "the request", asked)

	kill(b)
	killed := time.Now()
	if err := receive(t, "the end of the request", answers); !errors.Is(err, ErrLost) {
		t.Errorf("the request got %v", err)
	}
	receive(t, "the end of the stream", stream.Done())
	if _, err := read(t, stream); !errors.Is(err, ErrLost) {
		t.Errorf("the reader got %v", err)
	}
	if err := stream.WriteFrame(nil); !errors.Is(err, ErrLost) {
		t.Errorf("the writer got %v", err)
	}
	if p := receive(t, "the call", losses); p.Name != "b" {
		t.Errorf("lost %s", p)
	}
	t.Logf("noticed after %v", time.Since(killed).Round(time.Millisecond))

	if err := a.SendDatagram(b.peer(), nil); !errors.Is(err, ErrNotConnected) {
		t.Errorf("a datagram to the dead: %v", err)
	}
	if err := a.Ping(within(t), b.peer()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a ping of the dead: %v", err)
	}
	if len(losses) > 0 {
		t.Error("one loss was told twice")
	}
}

func TestADeadAddressIsUnreachable(t *testing.T) {
	// Taken, so that nobody else gets it, and silent.
	silent, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	a := newMesh(t, "a", handler{}, idleTimeout(time.Second))
	to := Peer{Name: "b", Boot: "b", Addr: silent.LocalAddr().(*net.UDPAddr).AddrPort()}
	begun := time.Now()
	if _, err := a.Request(within(t), to, "kind", nil); !errors.Is(err, ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a request: %v", err)
	}
	t.Logf("after %v", time.Since(begun).Round(time.Millisecond))
	if _, err := a.Open(within(t), Peer{Name: "b", Boot: "b"}, "kind"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a stream to no address: %v", err)
	}
	// Who has less time than the dial needs does not wait for it.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := a.Ping(ctx, to); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a hurried ping: %v", err)
	}
	if n := len(a.remotes); n > 1 {
		t.Errorf("%d peers are remembered", n)
	}
}

func TestAPeerThatGoesIsLostOnce(t *testing.T) {
	b := newMesh(t, "b", handler{})
	losses := make(chan Peer, 10)
	a := newMesh(t, "a", handler{}, lost(losses))
	if err := a.Ping(within(t), b.peer()); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	if p := receive(t, "the call", losses); p.key() != b.cfg.Self.key() {
		t.Errorf("lost %s", p)
	}
	if err := b.Ping(within(t), a.peer()); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed node's ping: %v", err)
	}
	if n := len(a.Status()); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	_ = a.Close()
	if len(losses) > 0 {
		t.Error("a loss was told that was none")
	}
}

// TestARestartedPeerSaysSo restarts a node under the same name and address: what was meant for the former process fails at once, long
// before it would count as silent.
func TestARestartedPeerSaysSo(t *testing.T) {
	b := mortal(t, "b", handler{}, idleTimeout(time.Hour))
	losses := make(chan Peer, 10)
	a := newMesh(t, "a", handler{}, lost(losses), func(c *Config) { c.IdleTimeout, c.KeepAlive = time.Hour, 50*time.Millisecond })
	former := b.peer()
	if err := a.Ping(within(t), former); err != nil {
		t.Fatal(err)
	}
	kill(b)
	next := newMesh(t, "b", handler{}, func(c *Config) { c.Self.Addr, c.Self.Boot = former.Addr, "boot-again" })
	if p := receive(t, "the call", losses); p.key() != former.key() {
		t.Errorf("lost %s", p)
	}
	if err := a.Ping(within(t), former); !errors.Is(err, ErrUnreachable) {
		t.Errorf("the former process answers: %v", err)
	}
	if err := a.Ping(within(t), next.peer()); err != nil {
		t.Errorf("the present process: %v", err)
	}
}

// TestTheSecondConnectionGoesWhenItIsIdle gives two nodes two connections, as when both dial, and uses the one that neither prefers.
func TestTheSecondConnectionGoesWhenItIsIdle(t *testing.T) {
	losses := make(chan Peer, 10)
	echo := handler{stream: func(_ context.Context, s *Stream) {
		for {
			b, err := s.ReadFrame()
			if err != nil || s.WriteFrame(b) != nil {
				return
			}
		}
	}}
	a, b := newMesh(t, "a", echo, lost(losses)), newMesh(t, "b", echo, lost(losses))
	a.retireCheck, b.retireCheck = 20*time.Millisecond, 20*time.Millisecond
	if err := b.Ping(within(t), a.peer()); err != nil {
		t.Fatal(err)
	}
	old := b.connected(a.peer())
	stream, err := b.Open(within(t), a.peer(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.dial(b.peer())
	if err != nil {
		t.Fatal(err)
	}
	a.register(second)
	eventually(t, "both prefer what the lesser name dialled", func() bool {
		return a.connected(b.peer()) == second && b.connected(a.peer()) != old
	})
	for i := range 20 { // longer than it would stay if it were idle
		if err := stream.WriteFrame(number(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, stream); err != nil {
			t.Fatalf("the stream on the second connection: %v", err)
		}
		receive(t, "a tick", time.After(20*time.Millisecond))
	}
	_ = stream.Close()
	eventually(t, "one connection is left", func() bool { return len(a.Status()) == 1 && len(b.Status()) == 1 })
	if err := b.Ping(within(t), a.peer()); err != nil {
		t.Error(err)
	}
	if len(losses) > 0 {
		t.Error("a loss was told while there was another connection")
	}
}

// TestAPeerThatDialsAnewHasLostTheFormer lets a forget its connection without b's knowing, as a timeout on one side does.
func TestAPeerThatDialsAnewHasLostTheFormer(t *testing.T) {
	losses := make(chan Peer, 10)
	b := newMesh(t, "b", handler{stream: func(ctx context.Context, _ *Stream) { <-ctx.Done() }}, lost(losses))
	a := newMesh(t, "a", handler{})
	stream, err := a.Open(within(t), b.peer(), "room")
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.dial(b.peer())
	if err != nil {
		t.Fatal(err)
	}
	a.register(second)
	receive(t, "the end of the stream on the former", stream.Done())
	if err := stream.Err(); !errors.Is(err, ErrLost) {
		t.Errorf("it ended with %v", err)
	}
	eventually(t, "one connection is left", func() bool { return len(a.Status()) == 1 && len(b.Status()) == 1 })
	if err := b.Ping(within(t), a.peer()); err != nil {
		t.Error(err)
	}
	if len(losses) > 0 {
		t.Error("a loss was told while there was another connection")
	}
}
