//go:build !linux

package sfu

import (
	"net"
	"net/netip"
)

// incomingBatch receives datagrams one by one, where the kernel knows no better.
type incomingBatch struct {
	conn   *net.UDPConn
	buffer [batchBuffer]byte
	length int
	from   netip.AddrPort
}

func newIncomingBatch(conn *net.UDPConn) (*incomingBatch, error) {
	return &incomingBatch{conn: conn}, nil
}

// receive waits for a datagram, and answers how many have come.
func (b *incomingBatch) receive() (n int, err error) {
	b.length, b.from, err = b.conn.ReadFromUDPAddrPort(b.buffer[:])
	if err != nil {
		return 0, err
	}
	return 1, nil
}

// datagram is the one received, and where it came from. It is valid until the next receive.
func (b *incomingBatch) datagram(int) ([]byte, netip.AddrPort) {
	return b.buffer[:b.length], netip.AddrPortFrom(b.from.Addr().Unmap(), b.from.Port())
}

// outgoingBatch sends datagrams one by one, each at once.
type outgoingBatch struct{ conn *net.UDPConn }

func newOutgoingBatch(conn *net.UDPConn) (*outgoingBatch, error) { return &outgoingBatch{conn}, nil }

func (b *outgoingBatch) add(datagram []byte, to netip.AddrPort) (full bool) {
	_, _ = b.conn.WriteToUDPAddrPort(datagram, to)
	return false
}

func (b *outgoingBatch) send() {}
