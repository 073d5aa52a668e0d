package sfu

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	// batchSize is how many datagrams go to the kernel at once, at most.
	batchSize = 64
	// batchBuffer is the longest datagram that is batched. Longer ones, which voice does not have, go by themselves.
	batchBuffer = 1500
)

// batchWriter is what ipv4.PacketConn and ipv6.PacketConn have in common: sendmmsg(2) on Linux, one message at a time elsewhere.
type batchWriter interface {
	WriteBatch(messages []ipv4.Message, flags int) (int, error)
}

// batchingConn is a UDP socket that collects what is sent between begin and flush. Only its lane begins and flushes; what others
// send in between, such as answers to connectivity checks, goes along and is not late by more than the lane's burst of work.
type batchingConn struct {
	*net.UDPConn
	writer batchWriter

	mu       sync.Mutex
	batching bool
	count    int
	messages [batchSize]ipv4.Message
	to       [batchSize]net.UDPAddr
	ips      [batchSize][16]byte
}

func newBatchingConn(conn *net.UDPConn) *batchingConn {
	c := &batchingConn{UDPConn: conn}
	if conn.LocalAddr().(*net.UDPAddr).IP.To4() != nil {
		c.writer = ipv4.NewPacketConn(conn)
	} else {
		c.writer = ipv6.NewPacketConn(conn)
	}
	for i := range c.messages {
		c.messages[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 0, batchBuffer)}, Addr: &c.to[i]}
	}
	return c
}

func (c *batchingConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batching = true
}

func (c *batchingConn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batching = false
	c.send()
}

// WriteToAddrPort sends a datagram, now or with the batch. Errors of a batch are nobody's: UDP loses packets anyway.
func (c *batchingConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if !c.collect(b, to) {
		return c.WriteToUDPAddrPort(b, to)
	}
	return len(b), nil
}

func (c *batchingConn) collect(b []byte, to netip.AddrPort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.batching || len(b) > batchBuffer {
		return false
	}
	m, address := &c.messages[c.count], &c.to[c.count]
	m.Buffers[0] = append(m.Buffers[0][:0], b...)
	address.Port, address.Zone = int(to.Port()), to.Addr().Zone()
	if ip := to.Addr().Unmap(); ip.Is4() {
		four := ip.As4()
		address.IP = append(c.ips[c.count][:0], four[:]...)
	} else {
		sixteen := ip.As16()
		address.IP = append(c.ips[c.count][:0], sixteen[:]...)
	}
	if c.count++; c.count == batchSize {
		c.send()
	}
	return true
}

// send empties the batch. A datagram that cannot be sent must not keep back those behind it.
func (c *batchingConn) send() {
	for rest := c.messages[:c.count]; len(rest) > 0; {
		n, err := c.writer.WriteBatch(rest, 0)
		if err != nil {
			n = max(n, 0) + 1
		}
		rest = rest[min(n, len(rest)):]
	}
	c.count = 0
}
