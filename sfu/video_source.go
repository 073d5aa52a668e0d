package sfu

import (
	"slices"
	"sync/atomic"
	"time"

	"hubbub/sfu/video"
)

const (
	// keyframeInterval is how often a sender is asked for a key frame of one encoding at most. It is about what asking and encoding take; more
	// would only make key frames follow each other, each at the cost of many other frames.
	keyframeInterval = 300 * time.Millisecond

	// assumedRate is what a source of one encoding is believed to take, in bits/s, until that has been measured: what the first estimate of a downlink allows for, so
	// that somebody new is seen at once.
	assumedRate = 250_000
)

// assumedRates are the same for simulcast, about what browsers take for 180, 360 and 720 lines.
var assumedRates = [maxVideoLayers]int{150_000, 500_000, 1_500_000}

// videoSource is a sending video m-line of a peer: a camera or a screen, in one or more encodings. What is not atomic is guarded by
// the receiver's lock, but for plan, which does not change.
type videoSource struct {
	receiver *videoReceiver
	plan     videoSourcePlan
	feed     videoFeed
	streams  []*videoStream // by layer
	wanted   atomic.Uint32  // layerSet
}

// videoStream is one incoming RTP stream with its repair stream (RFC 4588): one encoding of a source.
type videoStream struct {
	source *videoSource
	layer  uint8

	ssrc      uint32 // 0: nothing has come yet
	id        uint64 // of this life of the stream, of which each SSRC is one
	numbers   video.Unwrapper
	reception video.Reception
	clock     video.Clock
	meter     videoMeter
	stats     receptionStats

	width, height uint16
	keyframeDue   bool          // one has been asked for, and the sender is still to be told
	keyframeAt    time.Duration // when the sender was told last
}

func newVideoSource(r *videoReceiver, plan videoSourcePlan) *videoSource {
	s := &videoSource{receiver: r, plan: plan}
	s.feed.kind, s.feed.upstream = plan.kind, s
	layers := min(max(len(plan.rids), len(plan.ssrcs), 1), maxVideoLayers)
	for layer := range layers {
		s.streams = append(s.streams, &videoStream{
			source: s, layer: uint8(layer), keyframeAt: -keyframeInterval, stats: receptionStats{clock: videoClockRate},
		})
	}
	return s
}

// begin makes an SSRC the stream's.
func (t *videoStream) begin(ssrc uint32, id uint64) {
	t.ssrc, t.id = ssrc, id
	t.numbers, t.reception, t.clock = video.Unwrapper{}, video.Reception{}, video.NewClock(videoClockRate)
	t.meter = videoMeter{}
	t.width, t.height = 0, 0
}

// requestKeyframe implements videoUpstream.
func (s *videoSource) requestKeyframe(stream uint64) {
	s.receiver.mu.Lock()
	due := false
	for _, t := range s.streams {
		if t.id == stream && t.ssrc != 0 && !t.keyframeDue {
			t.keyframeDue, due = true, true
		}
	}
	s.receiver.mu.Unlock()
	if due {
		s.receiver.peer.lane.video.attend(s.receiver.peer)
	}
}

// wantLayers implements videoUpstream.
func (s *videoSource) wantLayers(wanted layerSet) { s.wanted.Store(uint32(wanted)) }

// wants says whether anyone uses a layer.
func (s *videoSource) wants(layer uint8) bool { return layerSet(s.wanted.Load()).has(layer) }

// encodings implements videoUpstream.
func (s *videoSource) encodings(_ time.Duration, to []videoEncoding) []videoEncoding {
	s.receiver.mu.Lock()
	defer s.receiver.mu.Unlock()
	var newest time.Duration
	for _, t := range s.streams {
		newest = max(newest, t.meter.receivedAt)
	}
	begin := len(to)
	for _, t := range s.streams {
		if t.ssrc == 0 || t.meter.receivedAt == 0 || newest-t.meter.receivedAt > encodingSilence {
			continue
		}
		assumed := assumedRate
		if len(s.streams) > 1 {
			assumed = assumedRates[t.layer]
		}
		e := videoEncoding{stream: t.id, layer: t.layer, width: t.width, height: t.height}
		e.rates, e.temporal = t.meter.rates(assumed)
		to = append(to, e)
	}
	slices.SortStableFunc(to[begin:], func(a, b videoEncoding) int {
		return a.rates[maxTemporalLayers-1] - b.rates[maxTemporalLayers-1]
	})
	return to
}

// codec finds what a payload type stands for, and whether it is that of a codec's repair packets.
func (s *videoSource) codec(payloadType uint8) (codec video.Codec, repair, ok bool) {
	for _, c := range s.plan.codecs {
		switch payloadType {
		case c.payloadType:
			return c.codec, false, true
		case c.rtxPayloadType:
			return c.codec, true, true
		}
	}
	return 0, false, false
}

// match says which of the source's streams a packet belongs to whose SSRC is not known, by the identifiers in its header (RFC 9143, section 9.2;
// RFC 8853, section 6). alone says that there is no other source of video.
func (s *videoSource) match(h *videoHeader, alone bool) (t *videoStream, repair, ok bool) {
	if len(h.mid) > 0 && string(h.mid) != s.plan.mid || len(h.mid) == 0 && !alone {
		return nil, false, false
	}
	_, repair, known := s.codec(h.payloadType)
	if !known {
		return nil, false, false
	}
	if len(s.plan.rids) == 0 {
		// Several encodings without rids have their SSRCs in the offer.
		return s.streams[0], repair, len(s.streams) == 1
	}
	rid := h.rid
	if repair {
		rid = h.repairedRID
	}
	i := slices.Index(s.plan.rids, string(rid))
	if i < 0 || i >= len(s.streams) {
		return nil, false, false
	}
	return s.streams[i], repair, true
}
