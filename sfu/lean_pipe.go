package sfu

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/pion/transport/v4/packetio"
)

// handshakeQueue bounds the DTLS datagrams that wait to be read. A flight has a handful; more is a flood and dropped.
const handshakeQueue = 32

// dtlsPipe is a transport's DTLS as pion wants to see it: a packet connection. What comes in for it waits in a bounded buffer. It remembers
// the present flight of messages: what was sent since something was last read, and what that was.
type dtlsPipe struct {
	*packetio.Buffer
	send   func(datagram []byte) error
	remote net.Addr // for pion's records alone; packets go where ICE says

	mu    sync.Mutex
	muted bool
	sent  [][]byte
	last  []byte
}

func newDTLSPipe(remote net.Addr, send func([]byte) error) *dtlsPipe {
	b := packetio.NewBuffer()
	b.SetLimitCount(handshakeQueue)
	return &dtlsPipe{Buffer: b, send: send, remote: remote}
}

// ReadFrom implements net.PacketConn.
func (p *dtlsPipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.Read(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.last = append(p.last[:0], b[:n]...)
		if !p.muted {
			p.sent = nil
		}
	}
	return n, p.remote, err
}

// WriteTo implements net.PacketConn.
func (p *dtlsPipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	p.mu.Lock()
	muted := p.muted
	if !muted && len(p.sent) < handshakeQueue {
		p.sent = append(p.sent, bytes.Clone(b))
	}
	p.mu.Unlock()
	if muted {
		return len(b), nil
	}
	if err := p.send(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// mute throws away what is sent from now on, and returns the present flight.
func (p *dtlsPipe) mute() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = true
	return slices.Clone(p.sent)
}

// unheard is what is left in a pipe that has been closed, and what was read last if it was an alert, of which nobody knows whether it was understood.
func (p *dtlsPipe) unheard() (datagrams [][]byte) {
	p.mu.Lock()
	if len(p.last) > 0 && p.last[0] == dtlsAlert {
		datagrams = append(datagrams, p.last)
	}
	p.mu.Unlock()
	var b [maxDatagram]byte
	for {
		n, err := p.Read(b[:])
		if err != nil {
			return datagrams
		}
		datagrams = append(datagrams, bytes.Clone(b[:n]))
	}
}

// LocalAddr implements net.PacketConn.
func (p *dtlsPipe) LocalAddr() net.Addr { return p.remote }

// SetDeadline implements net.PacketConn.
func (p *dtlsPipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn. Sending does not block.
func (*dtlsPipe) SetWriteDeadline(time.Time) error { return nil }
