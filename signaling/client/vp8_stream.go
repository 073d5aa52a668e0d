package client

import (
	"encoding/binary"
	"math/rand/v2"
	"time"
)

const (
	// maxVP8Payload is how long the payloads are at most, descriptor included: browsers keep their packets below 1,200 bytes.
	maxVP8Payload = 1150
	// keyframeFactor is how many times as long a key frame is as another one.
	keyframeFactor = 4

	vp8DeltaHeader    = 3  // the frame tag (RFC 6386, section 9.1)
	vp8KeyframeHeader = 10 // with start code and size
)

// temporalPattern is which layers the frames of a stream belong to in turn, by the number of layers: as in libvpx.
var temporalPattern = [...][]uint8{1: {0}, 2: {0, 1}, 3: {0, 2, 1, 2}}

// vp8Stream makes the frames of one encoding.
type vp8Stream struct {
	stream        uint32
	encoding      uint8
	width, height uint16
	length        int // of a frame, in bytes
	layers        int

	frame    uint32
	picture  uint16 // PictureID, of 15 bits
	tl0      uint8  // TL0PICIDX
	position int    // in the pattern
	newest   [3]uint32
	begun    bool
}

func newVP8Stream(stream uint32, encoding int, cfg VideoConfig) *vp8Stream {
	e := cfg.Encodings[encoding]
	return &vp8Stream{
		stream: stream, encoding: uint8(encoding), width: e.Width, height: e.Height,
		length: max(e.Bitrate/8/cfg.FrameRate, vp8KeyframeHeader+stampLength),
		layers: cfg.TemporalLayers,
		// Anywhere, so that it also wraps around in tests of some seconds.
		picture: uint16(rand.Uint32() & 0x7fff), tl0: uint8(rand.Uint32()),
	}
}

// next makes the next frame, as RTP payloads, and says whether it is a key frame: the first one is, asked for or not.
func (s *vp8Stream) next(wanted bool, now time.Time) (payloads [][]byte, keyframe bool) {
	keyframe = wanted || !s.begun
	s.begun = true
	if keyframe {
		s.position = 0
	}
	pattern := temporalPattern[s.layers]
	temporal := pattern[s.position]
	// The last frame of a cycle of three layers goes by the one of the middle layer; all others by the last one of the lowest, so that who sees fewer layers
	// can begin with them (the Y bit).
	below := uint8(0)
	if s.position == 3 {
		below = 1
	}
	s.frame++
	s.picture = (s.picture + 1) & 0x7fff
	if temporal == 0 {
		s.tl0++
	}
	mark := stamp{
		stream: s.stream, encoding: s.encoding, temporal: temporal, keyframe: keyframe,
		frame: s.frame, reference: s.newest[below], sent: now,
	}
	if keyframe {
		mark.reference = s.frame
	}
	s.newest[temporal] = s.frame
	s.position = (s.position + 1) % len(pattern)
	return s.packets(mark, temporal > 0 && below == 0), keyframe
}

// packets cuts a frame into payloads of about the same length.
func (s *vp8Stream) packets(mark stamp, sync bool) [][]byte {
	header := s.frameHeader(mark.keyframe)
	length := s.length
	if mark.keyframe {
		length *= keyframeFactor
	}
	descriptor := s.descriptor(mark.temporal, sync)
	room := maxVP8Payload - len(descriptor)
	count := (length + room - 1) / room
	payloads := make([][]byte, count)
	for i := range count {
		part := length*(i+1)/count - length*i/count
		payload := make([]byte, 0, len(descriptor)+max(part, len(header)+stampLength))
		payload = append(payload, descriptor...)
		if i == 0 {
			payload[0] |= 0x10 // S: begins the partition
			payload = append(payload, header...)
		}
		mark.index, mark.count = uint16(i), uint16(count)
		at := len(payload)
		payload = payload[:cap(payload)]
		for j := at; j < len(payload); j++ {
			payload[j] = mark.filling()
		}
		mark.write(payload[at:])
		payloads[i] = payload
	}
	return payloads
}

// descriptor is the payload descriptor of RFC 7741, section 4.2, without S.
func (s *vp8Stream) descriptor(temporal uint8, sync bool) []byte {
	picture := binary.BigEndian.AppendUint16(nil, 0x8000|s.picture) // M: 15 bits
	if s.layers == 1 {
		return append([]byte{0x80, 0x80}, picture...) // X; I
	}
	layer := temporal << 6
	if sync {
		layer |= 0x20
	}
	return append(append([]byte{0x80, 0xe0}, picture...), s.tl0, layer) // X; I, L, T
}

// frameHeader is what a frame begins with (RFC 6386, section 9.1): version 0, shown.
func (s *vp8Stream) frameHeader(keyframe bool) []byte {
	const firstPartition = 16 // bytes; any number that fits
	tag := uint32(firstPartition<<5 | 1<<4)
	if !keyframe {
		tag |= 1
	}
	header := []byte{byte(tag), byte(tag >> 8), byte(tag >> 16)}
	if keyframe {
		header = append(header, 0x9d, 0x01, 0x2a)
		header = binary.LittleEndian.AppendUint16(header, s.width)
		header = binary.LittleEndian.AppendUint16(header, s.height)
	}
	return header
}
