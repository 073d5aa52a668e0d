package sfu

import (
	"encoding/binary"
	"slices"

	"hubbub/sfu/video"
)

// What relays tell each other about pictures, beside the pictures themselves. All numbers are in network byte order.
//
// Which pictures there are. What is not in a packet has not changed.
//
//	version (4 bits), 0 (4), number of entries (8), serial number, which grows (32), and for each source:
//	    CSRC (32), kind (3), encodings (2), codec (3, 0 for a source that sends no more), and for each encoding, the lowest rate first:
//	        layer (2), temporal layers less one (2), 0 (4), stream (32), width (16), height (16), and for each temporal layer:
//	            bits/s of the encoding up to that layer (32)
//
// What the other end wants is told apart by the lower four bits of the first byte:
//
//	1  which layers it uses: number of entries (8), serial number (32), and for each source: CSRC (32), kind (3), 0 (2), a bit for each layer (3)
//	2  a key frame: CSRC (32), kind (3), layer (2), 0 (3)
//	3  packets once more: CSRC (32), kind (3), layer (2), 0 (3), stream (32), the lower 16 bits of each one's number
const (
	requestLayers   = 1
	requestKeyframe = 2
	requestPackets  = 3
)

const (
	listHeader     = 6  // of the packets with entries
	wantEntry      = 5  // bytes
	packetsHeader  = 10 // of requestPackets
	maxListEntries = 255
	// maxNumbers is how many packets are asked for in one packet.
	maxNumbers = 64
)

// shownEntry is what a relay says of a source.
type shownEntry struct {
	key       relayKey
	codec     video.Codec // 0: it sends no more
	count     uint8
	encodings [maxVideoLayers]videoEncoding // stream is that on the wire
}

// beginList begins a packet with entries.
func beginList(b []byte, first uint8, serial uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, first, 0), serial)
}

// appendShown adds an entry to a packet that was begun. ok is false, and nothing is added, when the packet is full.
func appendShown(b []byte, e *shownEntry) (_ []byte, ok bool) {
	before := len(b)
	b = binary.BigEndian.AppendUint32(b, e.key.csrc)
	b = append(b, e.key.kind<<5|e.count<<3|uint8(e.codec))
	for _, encoding := range e.encodings[:e.count] {
		b = append(b, encoding.layer<<6|(encoding.temporal-1)<<4)
		b = binary.BigEndian.AppendUint32(b, uint32(encoding.stream))
		b = binary.BigEndian.AppendUint16(b, encoding.width)
		b = binary.BigEndian.AppendUint16(b, encoding.height)
		for _, rate := range encoding.rates[:encoding.temporal] {
			b = binary.BigEndian.AppendUint32(b, uint32(rate))
		}
	}
	return addToList(b, before)
}

// addToList counts an entry that begins at before, or takes it off again when the packet has no place for it.
func addToList(b []byte, before int) (_ []byte, ok bool) {
	if len(b) > maxRelayPacket || b[1] == maxListEntries {
		return b[:before], false
	}
	b[1]++
	return b, true
}

// parseShown hands out the entries of a packet. ok is false, and nothing is handed out, unless the packet is one that appendShown makes.
func parseShown(b []byte, take func(serial uint32, e *shownEntry)) (ok bool) {
	serial, rest, ok := openList(b, relayShownVersion<<4)
	if !ok {
		return false
	}
	var e shownEntry
	count := 0
	for at := rest; len(at) > 0; count++ {
		if at, ok = e.parse(at); !ok {
			return false
		}
	}
	if count != int(b[1]) {
		return false
	}
	for at := rest; len(at) > 0; {
		at, _ = e.parse(at)
		take(serial, &e)
	}
	return true
}

func openList(b []byte, first uint8) (serial uint32, entries []byte, ok bool) {
	if len(b) <= listHeader || len(b) > maxRelayPacket || b[0] != first {
		return 0, nil, false
	}
	return binary.BigEndian.Uint32(b[2:]), b[listHeader:], true
}

// parse reads an entry and returns what follows it.
func (e *shownEntry) parse(b []byte) (rest []byte, ok bool) {
	if len(b) < 5 {
		return nil, false
	}
	*e = shownEntry{key: relayKey{binary.BigEndian.Uint32(b), b[4] >> 5}, count: b[4] >> 3 & 3, codec: video.Codec(b[4] & 7)}
	if !isRelayedVideo(e.key.kind) || e.codec > video.AV1 || e.codec == 0 && e.count > 0 {
		return nil, false
	}
	b = b[5:]
	for i := range e.encodings[:e.count] {
		if len(b) < 9 || b[0]&0xf != 0 || b[0]>>6 >= maxVideoLayers {
			return nil, false
		}
		encoding := videoEncoding{
			layer: b[0] >> 6, temporal: b[0]>>4&3 + 1, stream: uint64(binary.BigEndian.Uint32(b[1:])),
			width: binary.BigEndian.Uint16(b[5:]), height: binary.BigEndian.Uint16(b[7:]),
		}
		b = b[9:]
		if len(b) < 4*int(encoding.temporal) || slices.ContainsFunc(e.encodings[:i], func(o videoEncoding) bool { return o.layer == encoding.layer }) {
			return nil, false
		}
		for t := range encoding.rates {
			if t < int(encoding.temporal) {
				encoding.rates[t] = int(binary.BigEndian.Uint32(b))
				b = b[4:]
			} else {
				encoding.rates[t] = encoding.rates[t-1]
			}
		}
		e.encodings[i] = encoding
	}
	return b, true
}

// appendWant adds the layers that are used of a source to a packet that was begun. ok is false, and nothing is added, when the packet is full.
func appendWant(b []byte, key relayKey, wanted layerSet) (_ []byte, ok bool) {
	before := len(b)
	b = binary.BigEndian.AppendUint32(b, key.csrc)
	return addToList(append(b, key.kind<<5|uint8(wanted)), before)
}

// parseWants hands out the entries of a packet. ok is false, and nothing is handed out, unless it is one that appendWant makes.
func parseWants(b []byte, take func(serial uint32, key relayKey, wanted layerSet)) (ok bool) {
	serial, rest, ok := openList(b, relayRequestVersion<<4|requestLayers)
	if !ok || len(rest) != wantEntry*int(b[1]) {
		return false
	}
	for at := rest; len(at) > 0; at = at[wantEntry:] {
		if !isRelayedVideo(at[4]>>5) || at[4]&0x18 != 0 {
			return false
		}
	}
	for at := rest; len(at) > 0; at = at[wantEntry:] {
		take(serial, relayKey{binary.BigEndian.Uint32(at), at[4] >> 5}, layerSet(at[4]&7))
	}
	return true
}

// appendKeyframeRequest writes the packet that asks for a key frame.
func appendKeyframeRequest(b []byte, key relayKey, layer uint8) []byte {
	b = binary.BigEndian.AppendUint32(append(b, relayRequestVersion<<4|requestKeyframe), key.csrc)
	return append(b, key.kind<<5|layer<<3)
}

func parseKeyframeRequest(b []byte) (key relayKey, layer uint8, ok bool) {
	if len(b) != 6 || b[0] != relayRequestVersion<<4|requestKeyframe {
		return key, 0, false
	}
	return parseEncoding(b[1:])
}

// parseEncoding reads which encoding of whose source is meant.
func parseEncoding(b []byte) (key relayKey, layer uint8, ok bool) {
	key, layer = relayKey{binary.BigEndian.Uint32(b), b[4] >> 5}, b[4]>>3&3
	return key, layer, isRelayedVideo(key.kind) && layer < maxVideoLayers && b[4]&7 == 0
}

// packetsRequest is what asks for packets once more.
type packetsRequest struct {
	key    relayKey
	layer  uint8
	stream uint32
}

// append writes the packet, with at least one and at most maxNumbers numbers.
func (r packetsRequest) append(b []byte, numbers []uint16) []byte {
	b = binary.BigEndian.AppendUint32(append(b, relayRequestVersion<<4|requestPackets), r.key.csrc)
	b = binary.BigEndian.AppendUint32(append(b, r.key.kind<<5|r.layer<<3), r.stream)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}

// parsePacketsRequest reads what packetsRequest.append writes. numbers are two bytes each, and point into b.
func parsePacketsRequest(b []byte) (r packetsRequest, numbers []byte, ok bool) {
	numbers = b[min(len(b), packetsHeader):]
	if len(b) <= packetsHeader || len(numbers)%2 != 0 || len(numbers) > 2*maxNumbers || b[0] != relayRequestVersion<<4|requestPackets {
		return r, nil, false
	}
	if r.key, r.layer, ok = parseEncoding(b[1:]); !ok {
		return r, nil, false
	}
	r.stream = binary.BigEndian.Uint32(b[6:])
	return r, numbers, true
}
