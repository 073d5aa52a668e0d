package sfu

import (
	"encoding/binary"
	"time"

	"hubbub/sfu/video"
)

// The packets of relays are told apart by their first four bits. That of sound is relayVersion.
const (
	relayVideoVersion   = 2 // one packet of a picture
	relayShownVersion   = 3 // which pictures there are: relay_video_control.go
	relayRequestVersion = 4 // what the other end wants of them
)

// maxRelayPacket is how long a packet with a picture may be: with what the link adds to it, it fits through a tunnel of 1,420 bytes, as WireGuard's
// are. Browsers make video packets of about 1,200 bytes.
const maxRelayPacket = 1320

// The packet of a picture has a header, all numbers in network byte order, and the payload as it came, which may be empty.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-------+---+-+-+-----+---+-----+-------------------------------+
//	|version|hop|M|O|kind |lay|codec| lag                           |
//	+-------+---+-+-+-----+---+-----+-------------------------------+
//	| CSRC                                                          |
//	+---------------------------------------------------------------+
//	| stream                                                        |
//	+---------------------------------------------------------------+
//	| number                                                        |
//	+---------------------------------------------------------------+
//	| timestamp                                                     |
//	+---------------+-----------------------------------------------+
//	| orientation   | payload
//	+---------------+- - - -
//
// hop, M and kind are as in the packets of sound. O says that orientation is present (3GPP TS 26.114, section 7.4.5); layer is the simulcast layer. stream
// changes where the next packet does not continue the last one of the layer, within one, number and timestamp are those of the sender's stream. lag is how much later, in
// units of lagUnit and signed, the packet is sent here than sound was that was captured with it: so picture and sound are in step on the other node,
// whose clock is another one.
const relayVideoHeader = 21

const lagUnit = 250 * time.Microsecond

// relayVideoPacket is that header.
type relayVideoPacket struct {
	hops        uint8
	marker      bool
	kind        uint8 // index of relayedSources
	layer       uint8
	codec       video.Codec
	lag         time.Duration
	csrc        uint32
	stream      uint32
	number      uint32
	timestamp   uint32
	orientation uint8
	oriented    bool
}

// marshal writes the header to b, which must have room for it. lag is rounded, and bounded to 8 s.
func (h *relayVideoPacket) marshal(b []byte) {
	_ = b[relayVideoHeader-1]
	b[0] = relayVideoVersion<<4 | h.hops<<2 | bit(h.marker)<<1 | bit(h.oriented)
	b[1] = h.kind<<5 | h.layer<<3 | uint8(h.codec)
	lag := h.lag.Round(lagUnit) / lagUnit
	binary.BigEndian.PutUint16(b[2:], uint16(int16(min(max(lag, -1<<15), 1<<15-1))))
	binary.BigEndian.PutUint32(b[4:], h.csrc)
	binary.BigEndian.PutUint32(b[8:], h.stream)
	binary.BigEndian.PutUint32(b[12:], h.number)
	binary.BigEndian.PutUint32(b[16:], h.timestamp)
	b[20] = 0
	if h.oriented {
		b[20] = h.orientation
	}
}

// parseRelayVideoPacket reads a packet. ok is false unless each field has a value that marshal writes. It does not allocate; payload points into b.
func parseRelayVideoPacket(b []byte) (h relayVideoPacket, payload []byte, ok bool) {
	if len(b) < relayVideoHeader || len(b) > maxRelayPacket || b[0]>>4 != relayVideoVersion {
		return h, nil, false
	}
	h = relayVideoPacket{
		hops:        b[0] >> 2 & 3,
		marker:      b[0]&2 != 0,
		oriented:    b[0]&1 != 0,
		kind:        b[1] >> 5,
		layer:       b[1] >> 3 & 3,
		codec:       video.Codec(b[1] & 7),
		lag:         time.Duration(int16(binary.BigEndian.Uint16(b[2:]))) * lagUnit,
		csrc:        binary.BigEndian.Uint32(b[4:]),
		stream:      binary.BigEndian.Uint32(b[8:]),
		number:      binary.BigEndian.Uint32(b[12:]),
		timestamp:   binary.BigEndian.Uint32(b[16:]),
		orientation: b[20],
	}
	if h.hops == 0 || !isRelayedVideo(h.kind) || h.layer >= maxVideoLayers || h.codec < video.VP8 || h.codec > video.AV1 ||
		!h.oriented && h.orientation != 0 {
		return h, nil, false
	}
	return h, b[relayVideoHeader:], true
}

// isRelayedVideo says whether a source's number on the wire is that of pictures.
func isRelayedVideo(kind uint8) bool {
	return int(kind) < len(relayedSources) && (relayedSources[kind] == Camera || relayedSources[kind] == Screen)
}
