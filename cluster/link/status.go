package link

import (
	"cmp"
	"slices"
	"time"
)

// Status is the state of one connection. Between two nodes there may for a while be two.
type Status struct {
	Peer    Peer
	Since   time.Time     // when it was made
	Dialled bool          // by this node
	RTT     time.Duration // smoothed (RFC 9002, section 5.3)
	Loss    float64       // the part of the QUIC packets sent to the peer in the last minute that were lost

	Streams  int // open, by either end
	Requests int // of this node under way

	DatagramsIn      uint64
	DatagramsOut     uint64
	DatagramsDropped uint64 // here, before they were sent
	DatagramsLost    uint64 // sent by the peer and not come
	BytesIn          uint64 // in UDP payload, all of QUIC included
	BytesOut         uint64
}

// Status returns the state of all connections, by the peer's name.
func (m *Mesh) Status() []Status {
	m.mu.Lock()
	var connections []*connection
	for _, r := range m.remotes {
		connections = append(connections, r.connections...)
	}
	m.mu.Unlock()
	status := make([]Status, len(connections))
	for i, c := range connections {
		status[i] = c.status()
	}
	slices.SortFunc(status, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Peer.Name, b.Peer.Name), a.Since.Compare(b.Since))
	})
	return status
}

func (c *connection) status() Status {
	stats := c.quic.ConnectionStats()
	c.mu.Lock()
	streams := len(c.streams)
	c.mu.Unlock()
	return Status{
		Peer: c.peer, Since: c.since, Dialled: c.dialled,
		RTT:     stats.SmoothedRTT,
		Loss:    c.loss.fraction(packetCounts{stats.PacketsSent, stats.PacketsLost}),
		Streams: streams, Requests: len(c.requests),
		DatagramsIn: c.arrived.received.Load(), DatagramsOut: c.datagramsOut.Load(),
		DatagramsDropped: c.datagramsDropped.Load(), DatagramsLost: c.arrived.lost(),
		BytesIn: stats.BytesReceived, BytesOut: stats.BytesSent,
	}
}
