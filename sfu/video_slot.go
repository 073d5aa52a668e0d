package sfu

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtcp"

	"hubbub/sfu/video"
)

const (
	// videoHistory is how many packets of a slot are kept to be sent once more: a second of the largest pictures. They are shared by all that see them.
	videoHistory = 512
	// paddingRepeats is how many of the newest packets of a slot are repeated in turn for probing.
	paddingRepeats = 16
	// videoReportInterval is how often sender reports of a video slot are sent. Browsers put sound and picture in step after the second.
	videoReportInterval = time.Second
)

// videoSlot is one receive-only video m-line of a peer. It is guarded by the subscriber's lock.
type videoSlot struct {
	plan     videoSlotPlan
	occupant *videoContributor // nil: free
	used     layerSet          // what the occupant was told of
	paused   bool              // there is too little bandwidth for any picture
	wanted   videoEncoding     // what is to be sent; the last one while paused
	sending  uint8             // the layer of the last packet that was taken

	stream  *video.Stream // nil until there was an occupant
	history *video.History[*videoPacket]

	packets, octets uint32 // for sender reports
	sent            video.Out
	captured        time.Duration // of the last packet sent
	sentAt          time.Duration
	reportedAt      time.Duration
	repairNumber    uint16 // of the last packet of the repair stream
	payloadType     uint8  // of the repair stream, for what was sent last; 0: there is none
	repeated        uint16 // how many packets have been sent once more for probing
}

func newVideoSlot(plan videoSlotPlan) *videoSlot {
	return &videoSlot{plan: plan, sentAt: -activeFor, reportedAt: -videoReportInterval, repairNumber: uint16(rand.Uint32())}
}

// codec is how the client wants a codec sent. ok is false when it does not know it.
func (t *videoSlot) codec(c video.Codec) (codec videoCodec, ok bool) {
	for _, codec := range t.plan.codecs {
		if codec.codec == c {
			return codec, true
		}
	}
	return videoCodec{}, false
}

// occupy gives the slot to a source, nil for nobody.
func (t *videoSlot) occupy(sink videoSink, c *videoContributor) {
	if t.occupant != nil {
		t.occupant.want(sink, 0)
		t.stream.Pause()
	}
	t.occupant, t.used, t.paused, t.wanted = c, 0, false, videoEncoding{}
	if c != nil && t.stream == nil {
		t.stream = video.NewStream(uint16(rand.Uint32()), rand.Uint32())
		t.history = video.NewHistory(videoHistory, (*videoPacket).release)
	}
}

// end frees what the slot holds.
func (t *videoSlot) end(sink videoSink) {
	t.occupy(sink, nil)
	if t.history != nil {
		t.history.Clear()
	}
}

// senderReport tells when the picture was captured that is seen at the moment, when it is due.
func (t *videoSlot) senderReport(now time.Duration, wall time.Time) rtcp.Packet {
	if t.packets == 0 || now-t.sentAt >= activeFor || now-t.reportedAt < videoReportInterval {
		return nil
	}
	t.reportedAt = now
	return &rtcp.SenderReport{
		SSRC: t.plan.ssrc, NTPTime: ntpTime(wall),
		RTPTime:     t.sent.Timestamp + uint32(int64(now-t.captured)*(videoClockRate/1000)/int64(time.Millisecond)),
		PacketCount: t.packets, OctetCount: t.octets,
	}
}
