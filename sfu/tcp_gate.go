package sfu

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// Bounds on TCP connections to a lane's port: all, and from one address, which may be many people's behind one NAT.
	maxTCPConns        = 4096
	maxTCPConnsPerAddr = 256

	// tcpWriteTimeout is how long a client may leave its receive window closed. It is not waited for: packets for it are dropped meanwhile.
	tcpWriteTimeout = 10 * time.Second
	// tcpKernelBuffer bounds what the kernel holds for a client that does not read.
	tcpKernelBuffer = 64 << 10
)

// gatedListener bounds the connections of ICE-TCP (RFC 6544): how many, and how long one may block a write.
type gatedListener struct {
	*net.TCPListener
	counters *laneCounters

	mu    sync.Mutex
	total int
	from  map[netip.Addr]int
}

func newGatedListener(l *net.TCPListener, counters *laneCounters) *gatedListener {
	return &gatedListener{TCPListener: l, counters: counters, from: make(map[netip.Addr]int)}
}

// Accept returns the next connection that is within the bounds.
func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.TCPListener.AcceptTCP()
		if err != nil {
			return nil, err
		}
		from := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		if !l.enter(from) {
			l.counters.drop(dropUnknown)
			_ = conn.Close()
			continue
		}
		_ = conn.SetWriteBuffer(tcpKernelBuffer)
		return &gatedTCPConn{TCPConn: conn, leave: sync.OnceFunc(func() { l.exit(from) })}, nil
	}
}

func (l *gatedListener) enter(from netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= maxTCPConns || l.from[from] >= maxTCPConnsPerAddr {
		return false
	}
	l.total++
	l.from[from]++
	return true
}

func (l *gatedListener) exit(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.from[from]--; l.from[from] == 0 {
		delete(l.from, from)
	}
}

type gatedTCPConn struct {
	*net.TCPConn
	leave func()
}

// Write gives up on a client that does not read, and on the connection with it: half a packet may have been written.
func (c *gatedTCPConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(tcpWriteTimeout)); err != nil {
		return 0, err
	}
	n, err := c.TCPConn.Write(b)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

func (c *gatedTCPConn) Close() error {
	c.leave()
	return c.TCPConn.Close()
}
