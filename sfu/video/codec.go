package video

import "strings"

// Codec is a video format that can be forwarded.
type Codec uint8

// The codecs that browsers know.
const (
	VP8  Codec = iota + 1 // RFC 7741
	VP9                   // RFC 9628
	H264                  // RFC 6184, packetization modes 0 and 1
	AV1                   // "RTP Payload Format For AV1", Alliance for Open Media
)

// String is the encoding name of the format in an SDP's a=rtpmap.
func (c Codec) String() string {
	switch c {
	case VP8:
		return "VP8"
	case VP9:
		return "VP9"
	case H264:
		return "H264"
	case AV1:
		return "AV1"
	default:
		return "unknown"
	}
}

// ParseCodec reads an encoding name of a=rtpmap, which is case-insensitive (RFC 8866, section 6.6).
func ParseCodec(name string) (Codec, bool) {
	for c := VP8; c <= AV1; c++ {
		if strings.EqualFold(name, c.String()) {
			return c, true
		}
	}
	return 0, false
}
