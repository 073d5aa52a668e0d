package video

// Facts are what the payload of a packet says of its frame.
type Facts struct {
	// Keyframe: this packet begins a frame at which a decoder can begin: a VP8 key frame, the lowest spatial layer of a VP9 picture without
	// references, H.264 parameter sets (or an IDR picture that brings none), an AV1 coded video sequence.
	Keyframe bool
	// Begins: this packet is the first of its frame. Formats that do not say (H.264, AV1) have it at key frames alone.
	Begins bool
	// Temporal is the temporal layer, 0 where the format or the sender does not tell.
	Temporal uint8
	// Sync says where a temporal layer may be added. VP8's Y: this frame refers to the base layer alone. VP9's U: what follows in higher layers does not refer to
	// anything in them from before this frame.
	Sync bool
	// Width and Height are of a key frame's picture in pixels, where its first packet tells (VP8, and VP9 with a scalability structure: the
	// largest spatial layer), else 0. They are what the sender claims.
	Width, Height uint16

	layered    bool // Temporal is told, not assumed
	hasPicture bool
	hasTL0     bool
	wide       bool   // picture has 15 bits, not 7
	picture    uint16 // VP8's and VP9's PictureID
	tl0        uint8  // TL0PICIDX
	pictureAt  uint8  // offsets in the payload
	tl0At      uint8
	// In VP9's flexible mode a frame names the pictures that it refers to, by how far back they are.
	flexible   bool
	references uint8
	back       [3]uint8
}

// Inspect reads what a payload says of its frame. ok is false when it is malformed: such a packet is to be dropped before it is counted as received.
// It does not allocate, and does not keep payload.
func Inspect(c Codec, payload []byte) (f Facts, ok bool) {
	switch c {
	case VP8:
		return inspectVP8(payload)
	case VP9:
		return inspectVP9(payload)
	case H264:
		return inspectH264(payload)
	case AV1:
		return inspectAV1(payload)
	default:
		return Facts{}, false
	}
}
