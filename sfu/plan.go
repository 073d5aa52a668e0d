package sfu

import (
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"hubbub/sfu/speech"
)

// maxSources is how many sending m-lines of a client are taken: microphone, the sound of a shared screen, and what may come.
const maxSources = 4

// mediaPlan is what an offer's m-lines become.
type mediaPlan struct {
	slots        []slotPlan
	sources      []*source
	videoSlots   []videoSlotPlan
	videoSources []videoSourcePlan
}

// planMedia decides about an offer's m-lines: receive-only audio is a slot, up to a number of them; audio that is sent is a source; for video see planVideo;
// what is neither is answered as inactive, or rejected. What the client could receive on a sendrecv m-line is not used: it
// would have to be counted as a slot, and the microphone's m-line is to come and go by itself. What was there before
// keeps its SSRC or its state. The answer has one section for each of the offer's. Nothing of the offer's text is kept in the plan, which
// lives as long as the peer.
func planMedia(offer *sessionOffer, names map[string]Source, slots, videoSlots int, before mediaPlan) (plan mediaPlan, answer []answerSection) {
	for _, s := range offer.sections {
		a := answerSection{section: s, rejected: !s.acceptable, direction: sdp.AttrKeyInactive}
		switch {
		case a.rejected:
		case s.media == mediaVideo:
			a.direction = s.direction
			plan.planVideo(&a, names[s.mid], videoSlots, &before)
		case s.direction == sdp.AttrKeyRecvOnly && len(plan.slots) < slots:
			a.direction = sdp.AttrKeySendOnly
			a.ssrc = before.ssrcOf(s.mid, &plan)
			plan.slots = append(plan.slots, slotPlan{mid: strings.Clone(s.mid), ssrc: a.ssrc, payloadType: s.payloadType, levelID: offer.ids.level})
		case s.direction == sdp.AttrKeyInactive:
		case s.direction != sdp.AttrKeyRecvOnly && len(plan.sources) < maxSources:
			a.direction = sdp.AttrKeyRecvOnly
			source := before.sourceOf(s, names[s.mid])
			plan.sources = append(plan.sources, source)
			a.source = source.kind
		default:
			a.rejected = true
		}
		answer = append(answer, a)
	}
	plan.nameStreams(answer)
	return plan, answer
}

// nameStreams gives sound and picture of the same slot number one MediaStream: browsers keep what is in one in step.
func (m *mediaPlan) nameStreams(answer []answerSection) {
	pictures := 0
	for i := range answer {
		a := &answer[i]
		if a.ssrc == 0 {
			continue
		}
		a.stream = a.mid
		if a.media != mediaVideo {
			continue
		}
		if pictures < len(m.slots) {
			a.stream = m.slots[pictures].mid
		}
		pictures++
	}
}

// ssrcOf is the SSRC of the slot with that mid: that which it has, or a new one. next is the plan that it is to be in.
func (m *mediaPlan) ssrcOf(mid string, next *mediaPlan) uint32 {
	for _, s := range m.slots {
		if s.mid == mid {
			return s.ssrc
		}
	}
	return freeSSRC(m, next)
}

// sourceOf is the source of that m-line: the one that is there, unless it changed, or a new one.
func (m *mediaPlan) sourceOf(s section, name Source) *source {
	if name == "" || name == Camera || name == Screen {
		name = Microphone
	}
	for _, old := range m.sources {
		if old.mid == s.mid && old.kind == name && old.payloadType == s.payloadType && slices.Equal(old.ssrcs, s.ssrcs) {
			return old
		}
	}
	return &source{mid: strings.Clone(s.mid), kind: name, payloadType: s.payloadType, ssrcs: s.ssrcs, detector: speech.NewDetector()}
}

// streamTable tells a packet's source by its header. It is replaced at each negotiation, never changed.
type streamTable struct {
	ids        extensionIDs
	sources    []*source
	slots      []uint32       // SSRCs of the audio slots
	video      *videoReceiver // nil if there never was a source of video
	videoTypes payloadTypes   // of the sources of video; no audio has them (RFC 9143, section 10.1.1)
}

// payloadTypes is a set of RTP payload types, which are less than 128.
type payloadTypes [2]uint64

func (s *payloadTypes) add(t uint8)      { s[t>>6&1] |= 1 << (t & 63) }
func (s *payloadTypes) has(t uint8) bool { return s[t>>6&1]>>(t&63)&1 != 0 }

// find returns the source of a packet: by the SSRC that the offer named, by the mid in the packet, or because there is but one (RFC 9143,
// section 9.2).
func (t *streamTable) find(h *rtpHeader) *source {
	for _, s := range t.sources {
		if slices.Contains(s.ssrcs, h.ssrc) {
			return s
		}
	}
	if len(h.mid) > 0 {
		for _, s := range t.sources {
			if s.mid == string(h.mid) {
				return s
			}
		}
	}
	if len(t.sources) == 1 {
		return t.sources[0]
	}
	return nil
}
