package video

import "encoding/binary"

// NAL unit types of RFC 6184, section 5.2, and of H.264, table 7-1.
const (
	nalSPS   = 7
	nalSTAPA = 24
	nalFUA   = 28
)

// inspectH264 looks for a sequence parameter set, with which browsers begin every IDR picture. An IDR picture without one is no beginning: parameter sets that a
// decoder has may be those of another encoding with the same id.
func inspectH264(payload []byte) (f Facts, ok bool) {
	if len(payload) < 2 {
		return f, false
	}
	kind := payload[0] & 0x1f
	switch kind {
	case nalSTAPA:
		f.Keyframe, ok = aggregatesSPS(payload[1:])
	case nalFUA:
		const start, end = 0x80, 0x40
		head := payload[1]
		ok = len(payload) > 2 && head&(start|end) != start|end
		f.Keyframe = head&start != 0 && head&0x1f == nalSPS
	default: // a single NAL unit; the other kinds of aggregation and fragmentation are of the interleaved mode
		f.Keyframe, ok = kind == nalSPS, kind > 0 && kind < nalSTAPA
	}
	f.Begins = f.Keyframe
	return f, ok
}

// aggregatesSPS walks the NAL units of a single-time aggregation packet (section 5.7.1).
func aggregatesSPS(units []byte) (found, ok bool) {
	for len(units) > 0 {
		if len(units) < 3 {
			return false, false
		}
		length := int(binary.BigEndian.Uint16(units))
		units = units[2:]
		if length == 0 || length > len(units) {
			return false, false
		}
		found = found || units[0]&0x1f == nalSPS
		units = units[length:]
	}
	return found, true
}
