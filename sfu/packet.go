package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"hubbub/sfu/continuity"
	"hubbub/sfu/speech"
)

// maxPayload is what fits an Ethernet frame beside IPv4, UDP, RTP and SRTP. Opus packets of voice have about a tenth.
const maxPayload = 1460

// packet is one packet on its way from its source to the lanes. All lanes share it, none changes it, and the last to release it
// gives it back to the pool.
type packet struct {
	references atomic.Int32

	arrival     time.Duration
	contributor *contributor
	origin      *Relay // that it came by, nil for one of a peer of this node
	hops        uint8  // links between nodes that it has passed
	place       continuity.Packet
	verdict     speech.Verdict
	level       speech.Level
	marker      bool
	length      int
	buffer      [maxPayload]byte
}

var packetPool = sync.Pool{New: func() any { return new(packet) }}

// newPacket returns a packet with a copy of the payload and one reference. The payload must fit.
func newPacket(payload []byte) *packet {
	p := packetPool.Get().(*packet)
	p.references.Store(1)
	p.length = copy(p.buffer[:], payload)
	return p
}

func (p *packet) payload() []byte { return p.buffer[:p.length] }

func (p *packet) retain() { p.references.Add(1) }

func (p *packet) release() {
	if p.references.Add(-1) == 0 {
		p.contributor, p.origin, p.hops = nil, nil, 0
		packetPool.Put(p)
	}
}
