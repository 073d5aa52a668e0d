package sfu

import (
	"net"
	"net/netip"
	"sync"
)

const (
	// batchSize is how many datagrams go to the kernel or come from it at once, at most.
	batchSize = 64
	// batchBuffer is room for one: what Ethernet carries, and some more, since whose a longer one is has to be known to drop it. Longer ones, which voice
	// does not have, are sent by themselves, and cut off when they come.
	batchBuffer = 2048
)

// batchingConn is a UDP socket that collects what is sent between begin and flush. Only its lane begins and flushes; what others
// send in between, such as answers to connectivity checks, goes along and is not late by more than the lane's burst of work.
type batchingConn struct {
	*net.UDPConn

	mu       sync.Mutex
	batching bool
	batch    *outgoingBatch
}

func newBatchingConn(conn *net.UDPConn) (*batchingConn, error) {
	batch, err := newOutgoingBatch(conn)
	if err != nil {
		return nil, err
	}
	return &batchingConn{UDPConn: conn, batch: batch}, nil
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
	c.batch.send()
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
	if c.batch.add(b, to) {
		c.batch.send()
	}
	return true
}
