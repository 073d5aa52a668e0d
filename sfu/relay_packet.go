package sfu

import (
	"encoding/binary"
	"slices"

	"hubbub/sfu/speech"
)

// A relay's packet is what one node tells another of a packet of a participant's: a header, all numbers in network byte order, and the payload as
// it came.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-------+---+-+-+-----+-----+-+-+---------------+---------------+
//	|version|hop|M|L|kind |activ|V|E| level         | loudness      |
//	+-------+---+-+-+-----+-----+-+-+---------------+---------------+
//	| CSRC                                                          |
//	+---------------------------------------------------------------+
//	| stream                                                        |
//	+-------------------------------+-------------------------------+
//	| number                        | timestamp                     |
//	+-------------------------------+---------------+---------------+
//	|                               | duration      | payload       |
//	+-------------------------------+---------------+- - - - - - - -
//
// hop counts the links that the packet will have passed. M is the marker; L says that level, as in RFC 6464, is present. activity, V, E and loudness,
// in -0.5 dBov, are the verdict of the node where the speaker is: it has seen all their packets, the others have not. stream changes where the next packet does not continue the
// last one; within one, number counts the packets that were sent or lost, and timestamp and duration, in 2.5 ms, are the speaker's own. Another version is
// another layout from the second byte on.
const (
	relayVersion = 1
	relayHeader  = 19

	// maxHops is one link more than from an edge by the owner to another edge: while a room changes its owner, the new one may be beyond the old one. It is a bound
	// where a mistake has made nodes a circle.
	maxHops = 3

	durationUnit = 120 // RTP timestamp units in 2.5 ms, the shortest frame of Opus (RFC 6716, section 2.1.4)
	maxDuration  = 120 / 2.5
)

// relayedSources are the sources in the order of their numbers on the wire.
var relayedSources = [...]Source{Microphone, Camera, Screen, ScreenAudio}

// relayPacket is the header of a relay's packet.
type relayPacket struct {
	hops      uint8
	marker    bool
	kind      uint8 // index of relayedSources
	verdict   speech.Verdict
	level     speech.Level
	csrc      uint32
	stream    uint32
	number    uint16
	timestamp uint32
	duration  uint32 // in units of the timestamp
}

// relayedSource is the number of a source on the wire. ok is false for what is not known there.
func relayedSource(kind Source) (n uint8, ok bool) {
	i := slices.Index(relayedSources[:], kind)
	return uint8(max(i, 0)), i >= 0
}

// marshal writes the header to b, which must have room for it. Loudness is rounded.
func (h *relayPacket) marshal(b []byte) {
	_ = b[relayHeader-1]
	b[0] = relayVersion<<4 | h.hops<<2 | bit(h.marker)<<1 | bit(h.level.Present)
	b[1] = h.kind<<5 | uint8(h.verdict.Activity)<<2 | bit(h.verdict.Voice)<<1 | bit(h.verdict.Established)
	b[2] = 0
	if h.level.Present {
		b[2] = bit(h.level.Voice)<<7 | h.level.Attenuation&0x7f
	}
	b[3] = uint8(min(max(-2*h.verdict.Loudness+0.5, 0), 2*127))
	binary.BigEndian.PutUint32(b[4:], h.csrc)
	binary.BigEndian.PutUint32(b[8:], h.stream)
	binary.BigEndian.PutUint16(b[12:], h.number)
	binary.BigEndian.PutUint32(b[14:], h.timestamp)
	b[18] = uint8(h.duration / durationUnit)
}

// parseRelayPacket reads a packet. ok is false unless each field has a value that marshal writes, and there is a payload that a packet
// can have. It does not allocate; payload points into b.
func parseRelayPacket(b []byte) (h relayPacket, payload []byte, ok bool) {
	if len(b) <= relayHeader || len(b) > relayHeader+maxPayload || b[0]>>4 != relayVersion {
		return h, nil, false
	}
	h = relayPacket{
		hops:   b[0] >> 2 & 3,
		marker: b[0]&2 != 0,
		kind:   b[1] >> 5,
		verdict: speech.Verdict{
			Activity:    speech.Activity(b[1] >> 2 & 7),
			Voice:       b[1]&2 != 0,
			Established: b[1]&1 != 0,
			Loudness:    -float32(b[3]) / 2,
		},
		csrc:      binary.BigEndian.Uint32(b[4:]),
		stream:    binary.BigEndian.Uint32(b[8:]),
		number:    binary.BigEndian.Uint16(b[12:]),
		timestamp: binary.BigEndian.Uint32(b[14:]),
		duration:  uint32(b[18]) * durationUnit,
	}
	if b[0]&1 != 0 {
		h.level = speech.ParseLevel(b[2:3])
	}
	switch {
	case h.hops == 0, int(h.kind) >= len(relayedSources), h.verdict.Activity > speech.Loud:
		return h, nil, false
	case b[3] > 2*127, b[18] == 0, b[18] > maxDuration, !h.level.Present && b[2] != 0:
		return h, nil, false
	}
	return h, b[relayHeader:], true
}

func bit(set bool) uint8 {
	if set {
		return 1
	}
	return 0
}
