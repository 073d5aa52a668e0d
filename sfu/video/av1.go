package video

// OBU types of the AV1 bitstream specification, section 6.2.2.
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuMetadata          = 5
	obuPadding           = 15
)

// inspectAV1 reads the aggregation header of "RTP Payload Format For AV1", section 4.4, and walks the OBU elements behind it. A coded video sequence begins with
// a packet that says so (N) and in which the sequence header comes before any frame.
func inspectAV1(payload []byte) (f Facts, ok bool) {
	if len(payload) < 2 {
		return f, false
	}
	continues, elements, sequence := payload[0]&0x80 != 0, int(payload[0]>>4&0x03), payload[0]&0x08 != 0
	if continues && sequence {
		return f, false
	}
	rest, leading := payload[1:], sequence
	for i := 1; len(rest) > 0; i++ {
		element := rest
		if i == elements { // the last of a known number has no length
			rest = nil
		} else {
			length, size := readLEB128(rest)
			if size == 0 || length > uint64(len(rest)-size) {
				return f, false
			}
			element, rest = rest[size:size+int(length)], rest[size+int(length):]
			if elements != 0 && len(rest) == 0 {
				return f, false // fewer elements than announced
			}
		}
		if !leading || len(element) == 0 {
			continue
		}
		switch element[0] >> 3 & 0x0f {
		case obuSequenceHeader:
			f.Keyframe, f.Begins, leading = true, true, false
		case obuTemporalDelimiter, obuMetadata, obuPadding:
		default:
			leading = false
		}
	}
	return f, true
}

// readLEB128 reads a number of 7 bits a byte, least significant first (AV1 bitstream specification, section 4.10.5). size is 0 when it does not end within eight
// bytes.
func readLEB128(b []byte) (value uint64, size int) {
	for i := range min(len(b), 8) {
		value |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}
