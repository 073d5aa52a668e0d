package link

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"
)

const (
	// MaxDatagram bounds a datagram, in bytes. In its packet it fits into QUIC packets of initialPacketSize.
	MaxDatagram = 1324
	// packetSize bounds a packet: what goes as one datagram of QUIC (wire.go).
	packetSize = sequenceSize + lengthSize + MaxDatagram
	// datagramQueue is how many datagrams wait for a connection that may not send (it is congested, or the process gets no time). At the 800
	// a second of a busy room it is more than a second: older sound is of no use.
	datagramQueue = 1024
	// bulkQueue is the same for what is large. At 20 Mbit/s it is a tenth of a second.
	bulkQueue = 256
)

// SendDatagram sends b, of at most MaxDatagram bytes, when there is a connection. It never waits and does not keep b. When the connection
// is so slow that 1,024 datagrams wait, the oldest of them is dropped. Datagrams may be lost, and may overtake one another.
//
// Errors: ErrNotConnected, ErrTooLarge. Both are counted, and nothing that a caller needs to act upon.
func (m *Mesh) SendDatagram(to Peer, b []byte) error {
	return m.sendDatagram(to, b, func(c *connection) *datagramRing { return &c.outgoing })
}

// SendBulk does the same for what may wait: it goes when nothing is left of what SendDatagram was given, and of it no more than 256 datagrams wait.
func (m *Mesh) SendBulk(to Peer, b []byte) error {
	return m.sendDatagram(to, b, func(c *connection) *datagramRing { return &c.bulk })
}

func (m *Mesh) sendDatagram(to Peer, b []byte, queue func(*connection) *datagramRing) error {
	if len(b) > MaxDatagram {
		m.metrics.dropped(dropTooLarge, 1)
		return ErrTooLarge
	}
	c := m.connected(to)
	if c == nil {
		m.metrics.dropped(dropNotConnected, 1)
		return ErrNotConnected
	}
	if queue(c).push(b) {
		c.datagramsDropped.Add(1)
		m.metrics.dropped(dropQueueFull, 1)
	}
	return nil
}

// connected returns the preferred connection to a peer, or nil.
func (m *Mesh) connected(to Peer) *connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.remotes[to.key()]; r != nil && len(r.connections) > 0 {
		return r.connections[0]
	}
	return nil
}

// sendDatagrams takes datagrams to QUIC, whose own queue is short and makes the sender wait when it is full. Those that wait together go
// together: nothing waits for more to come, but under load it spares both ends work, and QUIC's queues, which count packets, hold more.
func (c *connection) sendDatagrams() {
	var sequence uint32
	buffer := make([]byte, 0, packetSize)
	for {
		packet, n := c.outgoing.pack(binary.BigEndian.AppendUint32(buffer, sequence))
		packet, more := c.bulk.pack(packet)
		if n += more; n == 0 {
			select {
			case <-c.outgoing.wake:
				continue
			case <-c.bulk.wake:
				continue
			case <-c.quic.Context().Done():
				return
			}
		}
		err := c.quic.SendDatagram(packet)
		switch {
		case err == nil:
			sequence += uint32(n)
			c.datagramsOut.Add(uint64(n))
			c.mesh.metrics.datagramsOut.Add(uint64(n))
			c.mesh.metrics.datagramBytesOut.Add(uint64(len(packet) - sequenceSize - n*lengthSize))
		case c.quic.Context().Err() != nil:
			return
		default:
			cause := dropFailed
			if _, ok := errors.AsType[*quic.DatagramTooLargeError](err); ok {
				cause = dropTooLarge // for this path, though not for us
			}
			c.datagramsDropped.Add(uint64(n))
			c.mesh.metrics.dropped(cause, n)
		}
	}
}

func (c *connection) receiveDatagrams() {
	for {
		b, err := c.quic.ReceiveDatagram(context.Background())
		if err != nil {
			return // the connection has ended
		}
		if !readPacket(b, c.takeDatagram) {
			c.mesh.metrics.dropped(dropMalformed, 1)
		}
	}
}

func (c *connection) takeDatagram(sequence uint32, b []byte) {
	c.arrived.note(sequence)
	c.mesh.metrics.datagramsIn.Add(1)
	c.mesh.metrics.datagramBytesIn.Add(uint64(len(b)))
	c.mesh.cfg.Handler.ReceiveDatagram(c.peer, b)
}

// arrivals counts what came, and by the sequence numbers what did not, as RFC 3550, appendix A.3, does: expected less received.
type arrivals struct {
	received atomic.Uint64
	expected atomic.Uint64 // one more than the highest sequence number, beyond its 32 bits
}

// note is called by one goroutine.
func (a *arrivals) note(sequence uint32) {
	a.received.Add(1)
	expected := a.expected.Load()
	if ahead := int32(sequence - uint32(expected)); ahead >= 0 {
		a.expected.Store(expected + uint64(ahead) + 1)
	}
}

// lost is how many were sent and have not come, whether the network, the kernel or a queue at this end lost them. A repeated one, which QUIC
// does not deliver, would hide a lost one.
func (a *arrivals) lost() uint64 {
	received := a.received.Load()
	return max(a.expected.Load(), received) - received
}

// datagramRing is a queue of copies whose oldest entry makes room when it is full. Its memory comes with use and is used again.
type datagramRing struct {
	wake chan struct{} // one place: something has been pushed

	mu    sync.Mutex
	limit int
	slots [][]byte // a power of two, up to limit
	head  int
	count int
}

// init bounds it; limit is a power of two.
func (r *datagramRing) init(limit int) {
	r.wake, r.limit = make(chan struct{}, 1), limit
}

// push reports whether the oldest entry was dropped for b.
func (r *datagramRing) push(b []byte) (dropped bool) {
	r.mu.Lock()
	if r.count == len(r.slots) {
		if r.count < r.limit {
			r.grow()
		} else {
			r.head = (r.head + 1) % len(r.slots)
			r.count--
			dropped = true
		}
	}
	tail := (r.head + r.count) % len(r.slots)
	r.slots[tail] = append(r.slots[tail][:0], b...)
	r.count++
	first := r.count == 1
	r.mu.Unlock()
	if first {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
	return dropped
}

// pack appends the oldest entries to a packet, as many as there is room for in its memory, and says how many.
func (r *datagramRing) pack(packet []byte) (_ []byte, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.count > 0 && len(packet)+lengthSize+len(r.slots[r.head]) <= cap(packet) {
		packet = appendDatagram(packet, r.slots[r.head])
		r.head = (r.head + 1) % len(r.slots)
		r.count--
		n++
	}
	return packet, n
}

func (r *datagramRing) grow() {
	slots := make([][]byte, max(16, 2*len(r.slots)))
	for i := range r.count {
		slots[i] = r.slots[(r.head+i)%len(r.slots)]
	}
	r.slots, r.head = slots, 0
}
