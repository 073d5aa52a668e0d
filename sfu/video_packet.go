package sfu

import (
	"sync"
	"sync/atomic"

	"hubbub/sfu/video"
)

// videoPacket is one packet of a picture on its way from its source to those who see it. All share it, none changes it after
// videoStage.distribute was called, and the last to release it gives it back to the pool.
type videoPacket struct {
	references atomic.Int32

	// Captured is the moment, since the SFU's epoch, at which sound that was captured with the picture is received: both are in step then. It is the
	// packet's arrival where the sender tells no clocks.
	video.Packet
	contributor *videoContributor
	layer       uint8
	origin      *Relay // that it came by, nil for one of a peer of this node
	hops        uint8  // links between nodes that it has passed
	length      int
	// orientation is the one byte of the video-orientation extension (3GPP TS 26.114, section 7.4.5), oriented says whether the packet had one.
	orientation uint8
	oriented    bool

	buffer [maxPayload]byte
}

var videoPacketPool = sync.Pool{New: func() any { return new(videoPacket) }}

// newVideoPacket returns a packet with a copy of the payload, which must fit, and one reference. Everything else is zero.
func newVideoPacket(payload []byte) *videoPacket {
	p := videoPacketPool.Get().(*videoPacket)
	p.references.Store(1)
	p.length = copy(p.buffer[:], payload)
	return p
}

func (p *videoPacket) payload() []byte { return p.buffer[:p.length] }

func (p *videoPacket) retain() { p.references.Add(1) }

func (p *videoPacket) release() {
	if p.references.Add(-1) != 0 {
		return
	}
	p.Packet = video.Packet{}
	p.contributor, p.origin, p.layer, p.hops = nil, nil, 0, 0
	p.orientation, p.oriented = 0, false
	videoPacketPool.Put(p)
}
