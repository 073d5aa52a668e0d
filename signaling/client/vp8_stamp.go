package client

import (
	"encoding/binary"
	"time"
)

// stampLength is that of a stamp in a payload, in bytes.
const stampLength = 32

// stampMark begins a stamp.
const stampMark = 0x68756256 // "hubV"

// stamp is what the packets of synthetic video say of themselves, in the place where a frame would have its compressed picture: what a receiver can
// compare the RTP and VP8 headers with, which a server rewrites.
type stamp struct {
	stream    uint32 // random: the source's
	encoding  uint8  // 0 is the smallest
	temporal  uint8
	keyframe  bool
	frame     uint32 // counts the frames of the encoding
	reference uint32 // the frame that this one needs; its own if it is a key frame
	sent      time.Time
	index     uint16 // of the packet in the frame
	count     uint16 // of the frame's packets
}

// write writes the stamp into the first stampLength bytes of b.
func (s stamp) write(b []byte) {
	binary.BigEndian.PutUint32(b, stampMark)
	binary.BigEndian.PutUint32(b[4:], s.stream)
	binary.BigEndian.PutUint32(b[8:], s.frame)
	binary.BigEndian.PutUint32(b[12:], s.reference)
	binary.BigEndian.PutUint64(b[16:], uint64(s.sent.UnixMicro()))
	binary.BigEndian.PutUint16(b[24:], s.index)
	binary.BigEndian.PutUint16(b[26:], s.count)
	b[28], b[29], b[30], b[31] = s.encoding, s.temporal, 0, s.filling()
	if s.keyframe {
		b[30] = 1
	}
}

// readStamp reads what write has written. ok is false when the payload does not begin with a stamp.
func readStamp(b []byte) (s stamp, ok bool) {
	if len(b) < stampLength || binary.BigEndian.Uint32(b) != stampMark {
		return s, false
	}
	return stamp{
		stream:    binary.BigEndian.Uint32(b[4:]),
		frame:     binary.BigEndian.Uint32(b[8:]),
		reference: binary.BigEndian.Uint32(b[12:]),
		sent:      time.UnixMicro(int64(binary.BigEndian.Uint64(b[16:]))),
		index:     binary.BigEndian.Uint16(b[24:]),
		count:     binary.BigEndian.Uint16(b[26:]),
		encoding:  b[28], temporal: b[29], keyframe: b[30] == 1,
	}, true
}

// filling is the byte that the rest of the payload consists of, so that a packet with another one's bytes is noticed.
func (s stamp) filling() byte { return byte(s.frame*7 + uint32(s.index)) }

// sameFrame says whether two packets are of one frame.
func (s stamp) sameFrame(other stamp) bool {
	return s.stream == other.stream && s.encoding == other.encoding && s.frame == other.frame
}
