package link

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails when tests leave goroutines behind: a Mesh must take its own with it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen. It is no measure of speed.
const patience = 20 * time.Second

func testKey(n byte) []byte { return bytes.Repeat([]byte{n}, keySize) }

// handler is a Handler made of functions. What is nil answers with the body, closes, or does nothing.
type handler struct {
	request  func(ctx context.Context, from Peer, kind string, body []byte) ([]byte, error)
	stream   func(ctx context.Context, s *Stream)
	datagram func(from Peer, b []byte)
}

func (h handler) ServeRequest(ctx context.Context, from Peer, kind string, body []byte) ([]byte, error) {
	if h.request == nil {
		return body, nil
	}
	return h.request(ctx, from, kind, body)
}

func (h handler) ServeStream(ctx context.Context, s *Stream) {
	if h.stream != nil {
		h.stream(ctx, s)
	}
}

func (h handler) ReceiveDatagram(from Peer, b []byte) {
	if h.datagram != nil {
		h.datagram(from, b)
	}
}

// newMesh starts a node on a loopback port of its own.
func newMesh(t testing.TB, name string, h Handler, change ...func(*Config)) *Mesh {
	t.Helper()
	cfg := Config{
		Self:    Peer{Name: name, Boot: "boot-" + name, Addr: netip.MustParseAddrPort("127.0.0.1:0")},
		Keys:    [][]byte{testKey(1)},
		Handler: h,
		// A machine that is busy with other tests must not look like a lost peer.
		IdleTimeout: 5 * time.Second,
	}
	for _, f := range change {
		f(&cfg)
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
	})
	return m
}

// peer is how others know a node.
func (m *Mesh) peer() Peer {
	p := m.cfg.Self
	p.Addr = m.Addr()
	return p
}

// idleTimeout is for tests that lose peers.
func idleTimeout(d time.Duration) func(*Config) { return func(c *Config) { c.IdleTimeout = d } }

func keys(ns ...byte) func(*Config) {
	return func(c *Config) {
		c.Keys = nil
		for _, n := range ns {
			c.Keys = append(c.Keys, testKey(n))
		}
	}
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !condition(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatal("never: ", what)
		}
	}
}

// receive gets one value, or fails.
func receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("never came: ", what)
		panic("unreachable")
	}
}

func number(i int) []byte { return fmt.Append(nil, i) }
