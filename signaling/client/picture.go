package client

import "time"

// Picture is a frame of synthetic video that a slot received, whole and in its turn.
type Picture struct {
	Mid  string   // of the slot
	CSRC []uint32 // the participant's alone

	// What the packets say, as the server wrote it:
	Timestamp     uint32 // 90 kHz
	PictureID     uint16 // 15 bits
	TL0PICIDX     uint8  // 0 where there are no temporal layers
	Keyframe      bool
	Width, Height uint16 // of the newest key frame

	// What the sender wrote into the picture itself:
	Stream   uint32 // of a [VideoSender]
	Encoding int    // index in VideoConfig.Encodings
	Temporal uint8  // layer
	Frame    uint32 // counts the encoding's frames
	Sent     time.Time

	// Decodable says that what the frame goes by has arrived and was decodable too.
	Decodable bool
	Bytes     int // of VP8
	Arrived   time.Time
}

// PictureStats sums up what a video slot received. Freezes are those of webrtc-stats: an interval between two pictures that is at least
// three times the average of the last 30, and 150 ms longer than that.
type PictureStats struct {
	Packets     int // each once
	Duplicates  int // had before
	Lost        int // never came, not even once more
	Pictures    int // decodable
	Keyframes   int // of those
	Undecodable int // whole, but what they go by was not there
	Broken      int // of which packets are missing
	Bytes       int // of payload
	Freezes     int
	Frozen      time.Duration // in freezes, altogether
	PLIs        int           // sent, because there was nothing to decode
	NACKs       int           // packets that were asked for once more
	// Faults are what a server must not do, whatever the network does: streams that jump or go back, frames without a beginning or an end, an encoding begun
	// without a key frame, a frame without the one that it goes by. At most 20 are kept.
	Faults []string
}
