package video

import "encoding/binary"

// inspectVP8 reads the payload descriptor of RFC 7741, section 4.2, and of a frame's first packet the beginning of the frame header, section 4.3.
func inspectVP8(payload []byte) (f Facts, ok bool) {
	if len(payload) < 2 {
		return f, false
	}
	extended := payload[0]&0x80 != 0
	f.Begins = payload[0]&0x10 != 0 && payload[0]&0x07 == 0 // S, of the first partition
	at := 1
	if extended {
		flags := payload[at]
		at++
		if flags&0x80 != 0 { // I
			if at, ok = f.readPicture(payload, at); !ok {
				return f, false
			}
		}
		if flags&0x40 != 0 { // L
			if at >= len(payload) {
				return f, false
			}
			f.hasTL0, f.tl0, f.tl0At = true, payload[at], uint8(at)
			at++
		}
		if flags&0x30 != 0 { // T or K share a byte
			if at >= len(payload) {
				return f, false
			}
			if flags&0x20 != 0 {
				f.layered, f.Temporal, f.Sync = true, payload[at]>>6, payload[at]&0x20 != 0
			}
			at++
		}
	}
	if at >= len(payload) {
		return f, false // a descriptor of nothing
	}
	if f.Begins && payload[at]&0x01 == 0 { // P: 0 is a key frame
		f.Keyframe = true
		if frame := payload[at:]; len(frame) >= 10 { // RFC 6386, section 9.1: a tag, a start code, and 14 bits each of size
			f.Width = binary.LittleEndian.Uint16(frame[6:]) & 0x3fff
			f.Height = binary.LittleEndian.Uint16(frame[8:]) & 0x3fff
		}
	}
	return f, true
}

// readPicture reads a PictureID of 7 or 15 bits, which VP8 and VP9 write alike, and returns the offset of what follows.
func (f *Facts) readPicture(payload []byte, at int) (next int, ok bool) {
	if at >= len(payload) {
		return at, false
	}
	f.hasPicture, f.pictureAt, f.picture = true, uint8(at), uint16(payload[at]&0x7f)
	if payload[at]&0x80 == 0 {
		return at + 1, true
	}
	if at+1 >= len(payload) {
		return at, false
	}
	f.wide, f.picture = true, f.picture<<8|uint16(payload[at+1])
	return at + 2, true
}
