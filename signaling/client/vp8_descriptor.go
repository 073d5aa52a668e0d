package client

import (
	"encoding/binary"
	"errors"
)

// vp8Payload is what RTP says of a part of a VP8 frame (RFC 7741, section 4.2).
type vp8Payload struct {
	begins     bool // the frame's first packet
	keyframe   bool // of a first packet
	width      uint16
	height     uint16 // of a key frame's first packet
	hasPicture bool
	picture    uint16 // of 15 bits
	hasTL0     bool
	tl0        uint8
	temporal   uint8
	data       []byte // after the frame's header
}

var errVP8 = errors.New("not a VP8 payload as of RFC 7741")

// parseVP8 reads a payload of VP8.
func parseVP8(b []byte) (p vp8Payload, err error) {
	if len(b) < 2 {
		return p, errVP8
	}
	p.begins = b[0]&0x17 == 0x10 // S, partition 0
	extended := b[0]&0x80 != 0
	b = b[1:]
	if extended {
		if b, err = p.readExtension(b[0], b[1:]); err != nil {
			return p, err
		}
	}
	if !p.begins {
		p.data = b
		return p, nil
	}
	if len(b) < vp8DeltaHeader {
		return p, errVP8
	}
	p.keyframe = b[0]&1 == 0
	if !p.keyframe {
		p.data = b[vp8DeltaHeader:]
		return p, nil
	}
	if len(b) < vp8KeyframeHeader || b[3] != 0x9d || b[4] != 0x01 || b[5] != 0x2a {
		return p, errVP8
	}
	p.width, p.height = binary.LittleEndian.Uint16(b[6:])&0x3fff, binary.LittleEndian.Uint16(b[8:])&0x3fff
	p.data = b[vp8KeyframeHeader:]
	return p, nil
}

// readExtension reads the optional part of the descriptor, and returns what follows it.
func (p *vp8Payload) readExtension(flags byte, b []byte) (rest []byte, err error) {
	if flags&0x80 != 0 { // I
		switch {
		case len(b) >= 2 && b[0]&0x80 != 0:
			p.hasPicture, p.picture = true, binary.BigEndian.Uint16(b)&0x7fff
			b = b[2:]
		case len(b) >= 1 && b[0]&0x80 == 0:
			p.hasPicture, p.picture = true, uint16(b[0])
			b = b[1:]
		default:
			return nil, errVP8
		}
	}
	if flags&0x40 != 0 { // L
		if len(b) < 1 {
			return nil, errVP8
		}
		p.hasTL0, p.tl0 = true, b[0]
		b = b[1:]
	}
	if flags&0x30 != 0 { // T, K
		if len(b) < 1 {
			return nil, errVP8
		}
		p.temporal = b[0] >> 6
		b = b[1:]
	}
	return b, nil
}
