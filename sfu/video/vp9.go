package video

import "encoding/binary"

// inspectVP9 reads the payload descriptor of RFC 9628, section 4.2. A frame here is what the RFC calls a picture: all spatial layers of one
// moment, which have one picture id and one temporal layer.
func inspectVP9(payload []byte) (f Facts, ok bool) {
	if len(payload) < 2 {
		return f, false
	}
	flags := payload[0]
	const (
		hasPicture, predicted, hasLayers, flexible, begins, hasStructure = 0x80, 0x40, 0x20, 0x10, 0x08, 0x02
	)
	at := 1
	if flags&hasPicture != 0 {
		if at, ok = f.readPicture(payload, at); !ok {
			return f, false
		}
	}
	f.flexible = flags&flexible != 0
	if f.flexible && !f.hasPicture {
		return f, false
	}
	spatial := uint8(0)
	if flags&hasLayers != 0 {
		if at >= len(payload) {
			return f, false
		}
		f.layered, f.Temporal, f.Sync = true, payload[at]>>5, payload[at]&0x10 != 0
		spatial = payload[at] >> 1 & 0x07
		at++
		if !f.flexible {
			if at >= len(payload) {
				return f, false
			}
			f.hasTL0, f.tl0, f.tl0At = true, payload[at], uint8(at)
			at++
		}
	}
	if f.flexible && flags&predicted != 0 {
		for more := true; more; at++ {
			if at >= len(payload) || int(f.references) == len(f.back) {
				return f, false
			}
			f.back[f.references], more = payload[at]>>1, payload[at]&0x01 != 0
			f.references++
		}
	}
	f.Begins = flags&begins != 0 && spatial == 0
	f.Keyframe = f.Begins && flags&predicted == 0
	if flags&hasStructure != 0 {
		if at, ok = f.readStructure(payload, at); !ok {
			return f, false
		}
	}
	return f, at < len(payload)
}

// readStructure reads the scalability structure of section 4.2.1, for the size of the picture, and returns the offset of what follows.
func (f *Facts) readStructure(payload []byte, at int) (next int, ok bool) {
	if at >= len(payload) {
		return at, false
	}
	layers, sizes, group := int(payload[at]>>5)+1, payload[at]&0x10 != 0, payload[at]&0x08 != 0
	at++
	if sizes {
		if at+4*layers > len(payload) {
			return at, false
		}
		largest := payload[at+4*(layers-1):]
		if f.Keyframe {
			f.Width, f.Height = binary.BigEndian.Uint16(largest), binary.BigEndian.Uint16(largest[2:])
		}
		at += 4 * layers
	}
	if !group {
		return at, true
	}
	if at >= len(payload) {
		return at, false
	}
	pictures := int(payload[at])
	at++
	for range pictures {
		if at >= len(payload) {
			return at, false
		}
		at += 1 + int(payload[at]>>2&0x03) // R references of a byte each
	}
	return at, at <= len(payload)
}
