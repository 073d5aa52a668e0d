package video

import "time"

// Packet is one packet of one incoming stream, as it is shown to the Streams of all slots that want it. None of them changes it.
type Packet struct {
	// Source is the incoming stream: another number is another stream. It is unique over encodings (simulcast layers), participants, and the lives of
	// a stream: who comes back with a new SSRC or PeerConnection has new ones. 0 is nobody's.
	Source    uint64
	Codec     Codec  // may change within a stream, when the sender changes the payload type
	Number    uint64 // sequence number, unwrapped by the stream's Unwrapper
	Timestamp uint32 // as it came, 90 kHz
	Marker    bool
	// Late: newer ones of its stream came before it (Reception.Observe says so). A key frame whose first packet is late is no beginning, since what follows it has passed.
	Late  bool
	Facts Facts
	// Captured is when the frame was captured, in the caller's time (that of now), as far as sender reports tell (Clock). All encodings and sources of a participant should
	// be in step with each other in it: timestamps after a change of encoding are then exact. Without reports it is when the packet arrived.
	Captured time.Duration
}

// Out is how a packet is sent in a slot. It is a value and may be kept (History) to send the packet once more.
type Out struct {
	Number    uint16
	Timestamp uint32
	Marker    bool
	// Blank: the packet has no payload. It takes the place of one that came late and turned out to be of a temporal layer that is not wanted, when its
	// number was already counted: receivers take an RTP packet without payload as padding, and stop asking for it.
	Blank bool
	// Begins: the first packet of a new occupancy: another source, encoding or codec than before, or the same after a pause or break. It is that of a key frame.
	Begins bool

	hasPicture, wide, hasTL0 bool
	pictureAt, tl0At         uint8
	picture                  uint16
	tl0                      uint8
}

// AppendPayload appends the payload as it is to be sent to dst: with the slot's picture ids instead of the source's, which may make it a byte
// longer, or not at all where the packet is blank. payload must be the one that was inspected; it is not changed.
func (o Out) AppendPayload(dst, payload []byte) []byte {
	if o.Blank {
		return dst
	}
	if len(payload) < descriptorLength(o.pictureAt, o.wide, o.tl0At) {
		return append(dst, payload...) // not the payload that was inspected
	}
	if !o.hasPicture {
		start := len(dst)
		dst = append(dst, payload...)
		if o.hasTL0 {
			dst[start+int(o.tl0At)] = o.tl0
		}
		return dst
	}
	start, rest := len(dst), int(o.pictureAt)+1
	dst = append(dst, payload[:o.pictureAt]...)
	dst = append(dst, 0x80|byte(o.picture>>8), byte(o.picture))
	grown := 1
	if o.wide {
		rest, grown = rest+1, 0
	}
	dst = append(dst, payload[rest:]...)
	if o.hasTL0 {
		dst[start+int(o.tl0At)+grown] = o.tl0
	}
	return dst
}

// descriptorLength is how much of a payload the fields take that are rewritten.
func descriptorLength(pictureAt uint8, wide bool, tl0At uint8) int {
	end := int(pictureAt) + 1
	if wide {
		end++
	}
	return max(end, int(tl0At)+1)
}
