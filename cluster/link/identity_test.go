package link

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// strangers fails the test when anything of another node gets through.
func strangers(t *testing.T) Handler {
	t.Helper()
	return handler{
		request: func(_ context.Context, from Peer, _ string, _ []byte) ([]byte, error) {
			t.Errorf("a request of %s was served", from)
			return nil, nil
		},
		stream:   func(_ context.Context, s *Stream) { t.Errorf("a stream of %s was served", s.Peer()) },
		datagram: func(from Peer, _ []byte) { t.Errorf("a datagram of %s was taken", from) },
	}
}

func TestOnlyTheKeyGetsIn(t *testing.T) {
	for what, lists := range map[string][2]func(*Config){
		"another key":                          {keys(1), keys(2)},
		"a key that the other does not prove":  {keys(1, 2), keys(3, 1)},
		"a key that the other does not accept": {keys(2, 1), keys(1)},
	} {
		t.Run(what, func(t *testing.T) {
			losses := make(chan Peer, 10)
			var log bytes.Buffer
			warnings := func(c *Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
			}
			a := newMesh(t, "a", strangers(t), lists[0], lost(losses), warnings)
			b := newMesh(t, "b", strangers(t), lists[1])
			if _, err := a.Request(within(t), b.peer(), "kind", nil); !errors.Is(err, ErrUnreachable) {
				t.Errorf("a to b: %v", err)
			}
			if _, err := b.Open(within(t), a.peer(), "kind"); !errors.Is(err, ErrUnreachable) {
				t.Errorf("b to a: %v", err)
			}
			if len(losses) > 0 || len(a.Status()) > 0 {
				t.Error("there was a connection")
			}
			_ = a.Close()
			if !strings.Contains(log.String(), "could not dial") {
				t.Errorf("the operator is not told: %q", log.String())
			}
		})
	}
}

// TestKeysAreRotatedWithoutABreak goes through docs/cluster-security.md: at each step the nodes that have taken it and those
// that have not talk with each other, whoever dials.
func TestKeysAreRotatedWithoutABreak(t *testing.T) {
	steps := []func(*Config){keys(1), keys(1, 2), keys(2, 1), keys(2)}
	for i, step := range steps {
		for _, other := range steps[i:min(i+2, len(steps))] {
			a, b := newMesh(t, "a", handler{}, step), newMesh(t, "b", handler{}, other)
			if err := a.Ping(within(t), b.peer()); err != nil {
				t.Errorf("step %d dials: %v", i, err)
			}
			c := newMesh(t, "c", handler{}, step)
			if err := b.Ping(within(t), c.peer()); err != nil {
				t.Errorf("step %d is dialled: %v", i, err)
			}
		}
	}
}

func TestANodeIsNoOther(t *testing.T) {
	b := newMesh(t, "b", strangers(t))
	a := newMesh(t, "a", handler{})
	for what, to := range map[string]Peer{
		"name": {Name: "c", Boot: "boot-b", Addr: b.Addr()},
		"boot": {Name: "b", Boot: "boot-c", Addr: b.Addr()},
		"both": {Name: "bb", Boot: "oot-b", Addr: b.Addr()},
		"self": {Name: "a", Boot: "boot-a", Addr: b.Addr()},
		"none": {Addr: b.Addr()},
	} {
		if _, err := a.Request(within(t), to, "kind", nil); !errors.Is(err, ErrUnreachable) {
			t.Errorf("another %s: %v", what, err)
		}
	}
	if err := a.Ping(within(t), b.peer()); err != nil {
		t.Errorf("itself: %v", err)
	}
}

// TestCertificatesThatProveNothing dials with what one without the key, or a node that lies, could make.
func TestCertificatesThatProveNothing(t *testing.T) {
	b := newMesh(t, "b", strangers(t))
	id := b.identity
	authority, signer, err := newAuthority(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	own, ownSigner, err := newAuthority(testKey(9))
	if err != nil {
		t.Fatal(err)
	}
	minted := func(p Peer, by *x509.Certificate, key ed25519.PrivateKey) []tls.Certificate {
		certificate, err := mint(p, by, key)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{certificate}
	}
	// It has one node's name and is good for another's.
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(5), NotBefore: validFrom, NotAfter: validUntil,
		DNSNames: []string{hostname(Peer{Name: "c", Boot: "boot-c"})}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	template.Subject.CommonName, template.Subject.SerialNumber = "a", "boot-a"
	der, err := x509.CreateCertificate(rand.Reader, template, authority, public, signer)
	if err != nil {
		t.Fatal(err)
	}

	for what, change := range map[string]func(*tls.Config){
		"no certificate":      func(c *tls.Config) { c.Certificates = nil },
		"another authority":   func(c *tls.Config) { c.Certificates = minted(Peer{Name: "a", Boot: "boot-a"}, own, ownSigner) },
		"the node's own name": func(c *tls.Config) { c.Certificates = minted(b.peer(), authority, signer) },
		"no name":             func(c *tls.Config) { c.Certificates = minted(Peer{}, authority, signer) },
		"a name of two": func(c *tls.Config) {
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}
		},
		"another application":  func(c *tls.Config) { c.NextProtos = []string{"h3"} },
		"no application named": func(c *tls.Config) { c.NextProtos = nil },
	} {
		t.Run(what, func(t *testing.T) {
			config := id.client(b.peer())
			config.Certificates = minted(Peer{Name: "a", Boot: "boot-a"}, authority, signer)
			change(config)
			conn, err := quic.DialAddr(within(t), b.Addr().String(), config, &quic.Config{EnableDatagrams: true})
			if err != nil {
				return // refused at once
			}
			defer func() { _ = conn.CloseWithError(0, "") }()
			if q, err := conn.OpenStream(); err == nil {
				_, _ = q.Write(appendRequest(appendPreamble(nil, opRequest, "kind"), 0, nil))
			}
			_ = conn.SendDatagram([]byte("datagram"))
			select {
			case <-conn.Context().Done():
			case <-time.After(patience):
				t.Error("the connection stays")
			}
			if len(b.Status()) > 0 {
				t.Error("it counts as a peer")
			}
		})
	}
}

// TestGarbageAtThePort sends what is no QUIC, and what looks a little like it; the node serves on and remembers nothing.
func TestGarbageAtThePort(t *testing.T) {
	b := newMesh(t, "b", handler{})
	stranger, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(b.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for i := range 5000 {
		packet := make([]byte, random.IntN(1400)+1)
		for j := range packet {
			packet[j] = byte(random.Uint32())
		}
		switch i % 3 {
		case 1: // a first packet of QUIC version 1
			packet = append([]byte{0xc3, 0, 0, 0, 1, 8}, packet...)
			packet = append(packet, make([]byte, 1200)...)
		case 2: // of a connection
			packet[0] = 0x40 | packet[0]&0x3f
		}
		_, _ = stranger.Write(packet)
	}
	a := newMesh(t, "a", handler{})
	if err := a.Ping(within(t), b.peer()); err != nil {
		t.Error(err)
	}
	if n := len(b.Status()); n != 1 {
		t.Errorf("%d peers", n)
	}
}

func TestKeysHaveTheirLength(t *testing.T) {
	for _, wrong := range [][][]byte{nil, {nil}, {make([]byte, 31)}, {testKey(1), make([]byte, 33)}} {
		if _, err := newIdentity(Peer{Name: "a", Boot: "a"}, wrong); err == nil {
			t.Errorf("%d keys were taken", len(wrong))
		}
	}
}
