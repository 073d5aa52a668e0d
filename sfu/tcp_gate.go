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

	// tcpWriteTimeout is how long a client may leave its receive window closed before its connection is ended.
	tcpWriteTimeout = 10 * time.Second
	// tcpWriteQueue bounds, in bytes, what waits for a client beyond what the kernel takes: seconds of voice. What comes when it is full is dropped.
	tcpWriteQueue = 64 << 10
	// tcpKernelBuffer bounds what the kernel holds for a client that does not read.
	tcpKernelBuffer = 64 << 10
)

// gatedListener bounds the connections of ICE-TCP (RFC 6544), and keeps one that is not read from holding up anyone.
type gatedListener struct {
	*net.TCPListener
	counters *laneCounters
	writers  sync.WaitGroup

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
		c := &queuedTCPConn{TCPConn: conn, counters: l.counters, leave: sync.OnceFunc(func() { l.exit(from) })}
		c.ready.L = &c.mu
		l.writers.Go(c.run)
		return c, nil
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

// queuedTCPConn writes from a goroutine of its own, so that Write never blocks. It treats each Write as a datagram, which is sent or dropped as a whole.
type queuedTCPConn struct {
	*net.TCPConn
	counters *laneCounters
	leave    func()

	mu      sync.Mutex
	ready   sync.Cond
	waiting []byte
	closed  bool
}

// Write queues a packet.
func (c *queuedTCPConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case len(c.waiting)+len(b) > tcpWriteQueue:
		c.counters.drop(dropUnsent)
	default:
		c.waiting = append(c.waiting, b...)
		c.ready.Signal()
	}
	return len(b), nil
}

// run writes what waits, in one piece. When that fails the connection is of no use: half a packet may have been written.
func (c *queuedTCPConn) run() {
	var writing []byte
	for {
		c.mu.Lock()
		for len(c.waiting) == 0 && !c.closed {
			c.ready.Wait()
		}
		if c.closed {
			c.mu.Unlock()
			return
		}
		c.waiting, writing = writing[:0], c.waiting
		c.mu.Unlock()
		err := c.SetWriteDeadline(time.Now().Add(tcpWriteTimeout))
		if err == nil {
			_, err = c.TCPConn.Write(writing)
		}
		if err != nil {
			_ = c.Close()
		}
	}
}

// Close ends the connection and its goroutine, which it does not wait for.
func (c *queuedTCPConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.ready.Signal()
	c.mu.Unlock()
	c.leave()
	return c.TCPConn.Close()
}
