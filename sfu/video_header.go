package sfu

import "encoding/binary"

// videoHeader is what the server reads of an incoming packet of video. Slices point into the packet.
type videoHeader struct {
	rtpHeader
	rid, repairedRID []byte
	transportWide    uint16 // number, of draft-holmer-rmcat-transport-wide-cc-extensions-01
	orientation      uint8  // 3GPP TS 26.114, section 7.4.5
	numbered         bool   // there is a transport-wide number
	oriented         bool   // there is an orientation
}

// parseVideoRTP is parseRTP for video, which has more extensions and may have no payload: padding alone, by which a sender probes.
func parseVideoRTP(packet []byte, ids extensionIDs) (h videoHeader, ok bool) {
	if h.rtpHeader, ok = parseRTP(packet, ids); !ok || packet[0]&0x10 == 0 {
		return h, ok
	}
	at := rtpFixedHeader + 4*int(packet[0]&0x0f)
	profile := binary.BigEndian.Uint16(packet[at:])
	block := packet[at+4 : at+4+4*int(binary.BigEndian.Uint16(packet[at+2:]))]
	for {
		id, element, rest, ok := nextExtension(profile, block)
		if !ok {
			return h, true
		}
		switch {
		case id == ids.transportWide && len(element) == 2:
			h.transportWide, h.numbered = binary.BigEndian.Uint16(element), true
		case id == ids.rid:
			h.rid = element
		case id == ids.repairedRID:
			h.repairedRID = element
		case id == ids.orientation && len(element) == 1:
			h.orientation, h.oriented = element[0], true
		}
		block = rest
	}
}
