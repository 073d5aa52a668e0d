package sfu

import (
	"cmp"
	"encoding/binary"

	"hubbub/sfu/speech"
)

// extensionIDs are the identifiers of the RTP header extensions that a client's offer chose (RFC 8285), 0 where it offered none. With BUNDLE they
// are the same in all m-lines.
type extensionIDs struct {
	level uint8 // urn:ietf:params:rtp-hdrext:ssrc-audio-level, RFC 6464
	mid   uint8 // urn:ietf:params:rtp-hdrext:sdes:mid, RFC 9143

	// Of video alone:
	rid           uint8 // urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id, RFC 8852
	repairedRID   uint8 // urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id, RFC 8852
	transportWide uint8 // draft-holmer-rmcat-transport-wide-cc-extensions-01
	orientation   uint8 // urn:3gpp:video-orientation, 3GPP TS 26.114, section 7.4.5
}

// addVideo takes over those of a video m-line.
func (ids *extensionIDs) addVideo(video extensionIDs) {
	ids.mid = cmp.Or(ids.mid, video.mid)
	ids.rid, ids.repairedRID = video.rid, video.repairedRID
	ids.transportWide, ids.orientation = video.transportWide, video.orientation
}

// rtpHeader is what the server reads of an incoming packet. Slices point into the packet.
type rtpHeader struct {
	payloadType uint8
	marker      bool
	seq         uint16
	timestamp   uint32
	ssrc        uint32
	level       speech.Level
	mid         []byte
	payload     []byte // without padding
}

const (
	rtpFixedHeader = 12
	oneByteProfile = 0xBEDE // RFC 8285, section 4.2
	twoByteProfile = 0x1000 // section 4.3, the lower four bits are for the application
)

// parseRTP reads an RTP packet (RFC 3550, section 5.1). ok is false when it is not one, or is cut off, whatever its fields
// claim. It does not allocate.
func parseRTP(packet []byte, ids extensionIDs) (h rtpHeader, ok bool) {
	h, ok = parseRTPHeader(packet, ids)
	if !ok || packet[0]&0x20 == 0 {
		return h, ok
	}
	if len(h.payload) == 0 {
		return h, false
	}
	padding := int(h.payload[len(h.payload)-1])
	if padding == 0 || padding > len(h.payload) {
		return h, false
	}
	h.payload = h.payload[:len(h.payload)-padding]
	return h, true
}

// parseRTPHeader reads what is in the clear of an encrypted packet (RFC 3711, section 3.1). The payload is what follows, with padding. It does not
// allocate.
func parseRTPHeader(packet []byte, ids extensionIDs) (h rtpHeader, ok bool) {
	if len(packet) < rtpFixedHeader || packet[0]>>6 != 2 {
		return h, false
	}
	h.marker = packet[1]&0x80 != 0
	h.payloadType = packet[1] & 0x7f
	h.seq = binary.BigEndian.Uint16(packet[2:])
	h.timestamp = binary.BigEndian.Uint32(packet[4:])
	h.ssrc = binary.BigEndian.Uint32(packet[8:])

	at := rtpFixedHeader + 4*int(packet[0]&0x0f)
	if len(packet) < at {
		return h, false
	}
	if packet[0]&0x10 != 0 {
		if len(packet) < at+4 {
			return h, false
		}
		profile := binary.BigEndian.Uint16(packet[at:])
		end := at + 4 + 4*int(binary.BigEndian.Uint16(packet[at+2:]))
		if len(packet) < end {
			return h, false
		}
		h.readExtensions(profile, packet[at+4:end], ids)
		at = end
	}
	h.payload = packet[at:]
	return h, true
}

// readExtensions takes what is known of a header extension block. What is malformed ends it; the packet is still good.
func (h *rtpHeader) readExtensions(profile uint16, block []byte, ids extensionIDs) {
	for {
		id, element, rest, ok := nextExtension(profile, block)
		if !ok {
			return
		}
		switch id {
		case ids.level:
			h.level = speech.ParseLevel(element)
		case ids.mid:
			h.mid = element
		}
		block = rest
	}
}

// nextExtension is the first element of a header extension block, and what follows it. ok is false when there is none, or it is malformed.
func nextExtension(profile uint16, block []byte) (id uint8, element, rest []byte, ok bool) {
	for len(block) > 0 && block[0] == 0 { // padding between elements
		block = block[1:]
	}
	var head, length int
	switch {
	case len(block) == 0:
		return 0, nil, nil, false
	case profile == oneByteProfile:
		id, head, length = block[0]>>4, 1, int(block[0]&0x0f)+1
		if id == 15 || id == 0 {
			return 0, nil, nil, false // 15 ends the block; 0 with a length is an error (RFC 8285, section 4.2)
		}
	case profile&0xfff0 == twoByteProfile && len(block) >= 2:
		id, head, length = block[0], 2, int(block[1])
	default:
		return 0, nil, nil, false
	}
	if len(block) < head+length {
		return 0, nil, nil, false
	}
	return id, block[head : head+length], block[head+length:], true
}

// isRTP and isRTCP tell the packets of RFC 7983 and RFC 5761, section 4, apart by their first two bytes.
func isRTP(packet []byte) bool {
	return len(packet) >= rtpFixedHeader && packet[0]>>6 == 2 && !isRTCP(packet)
}

func isRTCP(packet []byte) bool {
	return len(packet) >= 8 && packet[0]>>6 == 2 && packet[1] >= 192 && packet[1] <= 223
}
