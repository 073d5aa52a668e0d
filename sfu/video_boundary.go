package sfu

import "time"

// A room's video passes three parts that know little of each other:
//
//	videoUpstream ──► videoContributor ──► videoStage ──► videoSink
//	  a peer's m-line    what of one         the room       a subscriber's slots,
//	  or a relay         participant is                     or a relay
//	                     seen
//
// Packets go from left to right, on the goroutine that received them; wishes (layers, key frames) go from right to left, by calls that do not wait.
// Locks are taken from right to left too: a sink may call its contributors' feeds while it holds its own lock, and nothing that is called here calls back.

// videoUpstream is where a source's packets come from. Its methods may be called from any goroutine, with locks of the caller's held: they neither
// block nor call back.
type videoUpstream interface {
	// requestKeyframe asks for a key frame of an encoding, by its stream's number. It may be called for each packet: who asks the sender does so
	// once in a while.
	requestKeyframe(stream uint64)
	// wantLayers says which encodings anyone here uses or is about to use, whenever that changes, and when the feed becomes the current one. Losses in others need not be repaired, and others
	// need not be brought from another node.
	wantLayers(wanted layerSet)
	// encodings appends what is sent at the moment, in rising order of rates.
	encodings(now time.Duration, to []videoEncoding) []videoEncoding
}

// videoSink is who gets the packets of a room's video.
type videoSink interface {
	// assignVideo is called with the sources that send now, those first that are to have slots first, whenever that changes. It is called
	// with the stage's lock held, from any goroutine, one call at a time, and must not keep the slice.
	assignVideo(now time.Duration, live []*videoContributor)
	// takeVideo is called with each packet of the room, the sink's own participant's too, on the goroutines that receive them. It must not block, and
	// retains the packet if it keeps it.
	takeVideo(now time.Duration, p *videoPacket)
}

// maxVideoLayers is how many simulcast encodings of a source are taken.
const maxVideoLayers = 3

// layerSet is a set of simulcast layers, by their place in the sender's offer, a bit for each.
type layerSet uint8

func (s layerSet) has(layer uint8) bool { return s>>layer&1 != 0 }

// videoPacketOverhead is what a packet of video takes beside its payload as UDP payload: header, CSRC, extensions, the tag of SRTP.
const videoPacketOverhead = rtpFixedHeader + 4 + 12 + 16

// maxTemporalLayers is how many temporal layers are told apart, what is beyond counts as the last. WebRTC's encoders use three at most (L1T3).
const maxTemporalLayers = 4

// videoEncoding is one simulcast encoding of a source, as it was sent in the last second or so.
type videoEncoding struct {
	stream        uint64 // video.Packet's Source
	layer         uint8  // as in layerSet
	width, height uint16 // of the last key frame, 0 where the format does not tell
	temporal      uint8  // how many temporal layers there are, at least 1
	// rates are the bits/s, of UDP payloads, of the encoding up to each temporal layer.
	rates [maxTemporalLayers]int
}
