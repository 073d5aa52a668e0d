package sfu

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"hubbub/sfu/video"
)

// videoCodec is a format that was agreed on for a video m-line, and how the client numbers it.
type videoCodec struct {
	codec          video.Codec
	payloadType    uint8
	rtxPayloadType uint8 // of its repair packets (RFC 4588); 0: there are none
	fmtp           string
	feedback       rtcpFeedback
}

// videoSSRC is one encoding of a client that names its SSRCs, and that of its repair stream (0: none).
type videoSSRC struct{ primary, rtx uint32 }

// videoSlotPlan is a receive-only video m-line of a client, on which it is sent one picture at a time.
type videoSlotPlan struct {
	mid     string
	ssrc    uint32
	rtxSSRC uint32       // of the repair stream (RFC 4588); 0: there is none
	codecs  []videoCodec // in the client's order of preference
	ids     extensionIDs // what packets in the slot may carry
}

// videoSourcePlan is a sending video m-line of a client.
type videoSourcePlan struct {
	mid    string
	kind   Source       // Camera or Screen
	codecs []videoCodec // in the client's order of preference; it may send any of them, and change at any time
	rids   []string     // of its encodings, in the order of a=simulcast (RFC 8853); none: there is but one, or ssrcs tell
	ssrcs  []videoSSRC  // of its encodings, where the offer names them in the order of a=ssrc-group:SIM (RFC 5576), and has no rids
	ids    extensionIDs // what its packets may carry
}

// equal says whether nothing has changed.
func (s videoSourcePlan) equal(other videoSourcePlan) bool {
	return s.mid == other.mid && s.kind == other.kind && s.ids == other.ids &&
		slices.Equal(s.codecs, other.codecs) && slices.Equal(s.rids, other.rids) && slices.Equal(s.ssrcs, other.ssrcs)
}

// planVideo decides about a video m-line, as planMedia does about audio: receive-only is a slot, up to a number of them; what is sent is the camera, or the
// screen if it was named so. A second one of a kind is answered as inactive: it may become the first one in a further offer. Without slots there is no video at all.
func (m *mediaPlan) planVideo(a *answerSection, name Source, slots int, before *mediaPlan) {
	kind := Camera
	if name == Screen {
		kind = Screen
	}
	taken := slices.ContainsFunc(m.videoSources, func(s videoSourcePlan) bool { return s.kind == kind })
	switch {
	case slots == 0, a.direction == sdp.AttrKeyRecvOnly && len(m.videoSlots) >= slots:
		a.rejected = true
	case a.direction == sdp.AttrKeyRecvOnly:
		a.direction = sdp.AttrKeySendOnly
		slot := before.videoSlotOf(a.section, m)
		m.videoSlots = append(m.videoSlots, slot)
		a.video.ids, a.ssrc, a.rtxSSRC = slot.ids, slot.ssrc, slot.rtxSSRC
	case a.direction == sdp.AttrKeyInactive || taken:
		a.direction = sdp.AttrKeyInactive
	default:
		a.direction = sdp.AttrKeyRecvOnly
		m.videoSources = append(m.videoSources, videoSourcePlan{
			mid: strings.Clone(a.mid), kind: kind,
			codecs: a.video.codecs, rids: a.video.rids, ssrcs: a.video.ssrcs, ids: a.video.ids,
		})
	}
}

// videoSlotOf is the slot of that m-line, with the SSRCs that it has, or new ones. next is the plan that it is to be in.
func (m *mediaPlan) videoSlotOf(s section, next *mediaPlan) videoSlotPlan {
	slot := videoSlotPlan{mid: strings.Clone(s.mid), codecs: s.video.codecs}
	slot.ids.transportWide, slot.ids.orientation = s.video.ids.transportWide, s.video.ids.orientation
	if i := slices.IndexFunc(m.videoSlots, func(old videoSlotPlan) bool { return old.mid == s.mid }); i >= 0 {
		slot.ssrc, slot.rtxSSRC = m.videoSlots[i].ssrc, m.videoSlots[i].rtxSSRC
	}
	if slot.ssrc == 0 {
		slot.ssrc = freeSSRC(m, next, &mediaPlan{})
	}
	switch repairs := slices.ContainsFunc(slot.codecs, func(c videoCodec) bool { return c.rtxPayloadType != 0 }); {
	case !repairs:
		slot.rtxSSRC = 0
	case slot.rtxSSRC == 0:
		slot.rtxSSRC = freeSSRC(m, next, &mediaPlan{videoSlots: []videoSlotPlan{slot}})
	}
	return slot
}

// freeSSRC is one that no slot of some plans has.
func freeSSRC(plans ...*mediaPlan) uint32 {
	for {
		ssrc := rand.Uint32()
		if ssrc != 0 && !slices.ContainsFunc(plans, func(m *mediaPlan) bool { return m.sends(ssrc) }) {
			return ssrc
		}
	}
}

// sends says whether an SSRC is that of a slot.
func (m *mediaPlan) sends(ssrc uint32) bool {
	return slices.ContainsFunc(m.slots, func(s slotPlan) bool { return s.ssrc == ssrc }) ||
		slices.ContainsFunc(m.videoSlots, func(s videoSlotPlan) bool { return s.ssrc == ssrc || s.rtxSSRC == ssrc })
}
