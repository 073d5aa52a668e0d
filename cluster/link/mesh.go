package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/quic-go/quic-go"
	"golang.org/x/time/rate"
)

// Peer is a process of a node. Two are the same when name and boot are; the address is where to dial it.
type Peer struct {
	Name string         // the node's name, unique in the cluster; 1 to 255 bytes of UTF-8
	Boot string         // an id that the process made for itself at its start; 1 to 255 bytes of UTF-8
	Addr netip.AddrPort // UDP
}

// String is for logs: name and boot.
func (p Peer) String() string { return p.Name + "/" + p.Boot }

func (p Peer) check() error {
	for _, part := range []string{p.Name, p.Boot} {
		if part == "" || len(part) > maxName || !utf8.ValidString(part) {
			return fmt.Errorf("a node's name and boot are 1 to %d bytes of UTF-8, not %q", maxName, part)
		}
	}
	return nil
}

func (p Peer) key() peerKey { return peerKey{p.Name, p.Boot} }

type peerKey struct{ name, boot string }

func (k peerKey) less(other peerKey) bool {
	return cmp.Or(cmp.Compare(k.name, other.name), cmp.Compare(k.boot, other.boot)) < 0
}

// Handler is what the others reach on this node. Its methods are called from many goroutines at a time.
type Handler interface {
	// ServeRequest answers a request of another node, on its own goroutine, boundedly many at a time for each connection. ctx is done when the asker
	// no longer waits, when the connection is lost, and when the Mesh is closed. A *RemoteError goes to the asker as it is. Bodies are
	// bounded by MaxBody; body belongs to the handler.
	ServeRequest(ctx context.Context, from Peer, kind string, body []byte) ([]byte, error)
	// ServeStream serves a stream that another node opened, on its own goroutine, and owns it until it returns; then the stream is closed.
	// ctx is done when the connection is lost and when the Mesh is closed. Kinds that it does not know it just leaves.
	ServeStream(ctx context.Context, s *Stream)
	// ReceiveDatagram gets a datagram. It must not block, since the next ones wait, and not keep b. The datagrams of one connection
	// come one after another.
	ReceiveDatagram(from Peer, b []byte)
}

// Config says how to make a Mesh. Self, Keys and Handler are needed.
type Config struct {
	Self    Peer     // this node; Addr is where it listens
	Keys    [][]byte // the cluster's keys, 32 bytes each: the first proves this node, any of them proves others
	Handler Handler

	// ConnectionLost, when not nil, is called once when the last connection to a peer has ended, for whatever reason but this Mesh's being closed. It
	// must not block. A new connection may already be there, or coming.
	ConnectionLost func(Peer)

	// IdleTimeout is how long a peer may be silent until it counts as lost, and how long a dial waits for a sign of life; 1 s when 0. The
	// smaller one of two peers holds for both.
	IdleTimeout time.Duration
	// KeepAlive is after how long a silence a peer is asked for a sign of life; a quarter of IdleTimeout when 0.
	KeepAlive time.Duration

	Logger *slog.Logger // discards when nil
}

const (
	// maxStreams bounds the streams and requests that a peer may have open at a time. A node pair has one stream for each room
	// that they share.
	maxStreams = 16 << 10
	// initialPacketSize is how large QUIC's packets are from the beginning, without IP and UDP: they go through a tunnel of 1,420 bytes with IPv6 in it, as
	// WireGuard's are. A path that carries less carries no link.
	initialPacketSize = 1372
	// handshakeRate and handshakeBurst are how many dialling addresses per second are believed; beyond it each has to prove first that it
	// is where it says (RFC 9000, section 8.1.2), which costs this node no memory and no signature.
	handshakeRate  = 20
	handshakeBurst = 40
)

// Mesh is this node's end of its connections to other nodes. All methods are safe for concurrent use. It is a prometheus.Collector.
type Mesh struct {
	cfg      Config
	log      *slog.Logger
	identity *identity
	socket   *net.UDPConn
	quic     *quic.Transport
	listener *quic.Listener
	metrics  *metrics

	retireCheck time.Duration // but for tests the constant

	ctx     context.Context // done when the Mesh is being closed
	cancel  context.CancelFunc
	running sync.WaitGroup // accepting, dialling, and each connection

	mu      sync.Mutex
	closed  bool
	remotes map[peerKey]*remote
}

// New listens on cfg.Self.Addr. Nothing is dialled yet.
func New(cfg Config) (*Mesh, error) {
	if err := cfg.Self.check(); err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	if cfg.Handler == nil {
		return nil, errors.New("link: no handler")
	}
	cfg.IdleTimeout = cmp.Or(cfg.IdleTimeout, time.Second)
	cfg.KeepAlive = cmp.Or(cfg.KeepAlive, cfg.IdleTimeout/4)
	id, err := newIdentity(cfg.Self, cfg.Keys)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	reset, err := resetKey(cfg.Self, cfg.Keys[0])
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}

	m := &Mesh{
		cfg: cfg, log: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)), identity: id,
		metrics: newMetrics(), retireCheck: retireCheck, remotes: make(map[peerKey]*remote),
	}
	if m.socket, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(cfg.Self.Addr)); err != nil {
		return nil, fmt.Errorf("link: listen on %s: %w", cfg.Self.Addr, err)
	}
	quietBuffers()
	addresses := rate.NewLimiter(handshakeRate, handshakeBurst)
	m.quic = &quic.Transport{
		Conn:                m.socket,
		ConnectionIDLength:  8,
		StatelessResetKey:   (*quic.StatelessResetKey)(&reset),
		VerifySourceAddress: func(net.Addr) bool { return !addresses.Allow() },
		// There is one version; who speaks another is no node of ours.
		DisableVersionNegotiationPackets: true,
	}
	if m.listener, err = m.quic.Listen(id.server(), m.quicConfig()); err != nil {
		return nil, errors.Join(fmt.Errorf("link: listen on %s: %w", cfg.Self.Addr, err), m.quic.Close(), m.socket.Close())
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.running.Go(m.accept)
	return m, nil
}

// quietBuffers keeps quic-go from writing to the process's standard log, past the logger that we were given, that the kernel grants less
// than the 7 MiB of socket buffer it asks for. What is granted is enough here. quic-go has no other switch for it than this variable.
func quietBuffers() {
	const name = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"
	if _, set := os.LookupEnv(name); !set {
		_ = os.Setenv(name, "true")
	}
}

func (m *Mesh) quicConfig() *quic.Config {
	return &quic.Config{
		Versions:             []quic.Version{quic.Version1},
		HandshakeIdleTimeout: m.cfg.IdleTimeout,
		MaxIdleTimeout:       m.cfg.IdleTimeout,
		KeepAlivePeriod:      m.cfg.KeepAlive,
		// A stream whose reader has stopped holds its own window of the connection's: thirty such must not stop the others.
		MaxStreamReceiveWindow:         2 << 20,
		InitialConnectionReceiveWindow: 8 << 20,
		MaxConnectionReceiveWindow:     64 << 20,
		MaxIncomingStreams:             maxStreams,
		MaxIncomingUniStreams:          -1,
		EnableDatagrams:                true,
		InitialPacketSize:              initialPacketSize,
	}
}

// Addr is the address that the Mesh listens on; its port is the one given by the kernel when the configured one was 0.
func (m *Mesh) Addr() netip.AddrPort {
	addr := m.socket.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// Close ends all connections and waits for all goroutines, those of the Handler included. Streams and requests in use end with an
// error, at both ends, and what was written to a stream may not arrive: what must arrive before needs an answer.
func (m *Mesh) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		m.running.Wait()
		return nil
	}
	m.closed = true
	var connections []*connection
	for _, r := range m.remotes {
		connections = append(connections, r.connections...)
	}
	m.mu.Unlock()

	m.cancel()
	err := m.listener.Close()
	for _, c := range connections {
		_ = c.quic.CloseWithError(closeMesh, "closing")
	}
	m.running.Wait()
	return errors.Join(err, m.quic.Close(), m.socket.Close())
}

func (m *Mesh) accept() {
	for {
		accepted, err := m.listener.Accept(m.ctx)
		if err != nil {
			return // closed
		}
		peer, err := peerOf(accepted.ConnectionState().TLS)
		if err == nil && peer.key() == m.cfg.Self.key() {
			err = errors.New("it says it is this node")
		}
		if err != nil {
			m.log.Warn("refused a link", "addr", accepted.RemoteAddr(), "err", err)
			_ = accepted.CloseWithError(closeProtocol, err.Error())
			continue
		}
		peer.Addr = addrOf(accepted)
		m.register(newConnection(m, accepted, peer, false))
	}
}

func addrOf(c *quic.Conn) netip.AddrPort {
	udp, ok := c.RemoteAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	addr := udp.AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}
