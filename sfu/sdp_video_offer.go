package sfu

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"hubbub/sfu/video"
)

const (
	ridURI         = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	repairedRIDURI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	transportURI   = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	orientationURI = "urn:3gpp:video-orientation"
)

// maxVideoCodecs bounds the formats of one m-line, not counting those of repair. Chromium offers up to a dozen that are known here.
const maxVideoCodecs = 16

// videoOffer is what a video m-line offers beside what all have.
type videoOffer struct {
	codecs []videoCodec // those that are known, in the client's order
	rids   []string     // of the encodings to be sent
	ssrcs  []videoSSRC  // of the encodings to be sent, if there are no rids
	ids    extensionIDs
}

// rtcpFeedback is a set of what a=rtcp-fb offers for a format (RFC 4585, section 4.2; RFC 5104, section 7.1; transport-cc).
type rtcpFeedback uint8

// offeredFeedback are the members of that set, in the order in which answers name them.
var offeredFeedback = []string{"transport-cc", "ccm fir", "nack", "nack pli"}

const feedbackTransport rtcpFeedback = 1 << 0

// parseFeedback reads what follows the payload type. 0: nothing that is known.
func parseFeedback(value string) rtcpFeedback {
	if i := slices.Index(offeredFeedback, strings.Join(strings.Fields(value), " ")); i >= 0 {
		return 1 << i
	}
	return 0
}

// names are the set's members as in an SDP.
func (f rtcpFeedback) names() []string {
	var names []string
	for i, name := range offeredFeedback {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// readVideo reads the video m-lines, once it is known what the others use of the payload types and identifiers that all share. One without any
// codec that can be forwarded is not acceptable.
func (o *sessionOffer) readVideo(description *sdp.SessionDescription) {
	var audio [128]bool // payload types
	for _, s := range o.sections {
		audio[s.payloadType] = audio[s.payloadType] || s.acceptable && s.media == mediaAudio
	}
	for i, media := range description.MediaDescriptions {
		s := &o.sections[i]
		if s.media != mediaVideo || !s.acceptable {
			continue
		}
		s.video.codecs = readVideoFormats(media).codecs(media.MediaName.Formats, &audio)
		if s.acceptable = len(s.video.codecs) > 0; !s.acceptable {
			continue
		}
		o.readVideoExtensionIDs(media, &s.video)
		if s.direction == sdp.AttrKeySendOnly || s.direction == sdp.AttrKeySendRecv {
			s.video.rids, s.video.ssrcs = readEncodings(media)
		}
	}
}

// readVideoExtensionIDs takes those extensions of an m-line whose identifiers fit with what the other m-lines say: packets are read before it
// is known to which m-line they belong, so that with BUNDLE an identifier stands for one extension, and is its only one (RFC 9143, section 10).
func (o *sessionOffer) readVideoExtensionIDs(media *sdp.MediaDescription, v *videoOffer) {
	transportWide := slices.ContainsFunc(v.codecs, func(c videoCodec) bool { return c.feedback&feedbackTransport != 0 })
	for uri, id := range o.extensions(media) {
		for _, extension := range videoExtensions {
			if uri != extension.uri || uri == transportURI && !transportWide {
				continue
			}
			shared := extension.id(&o.ids)
			if *shared == 0 && !o.ids.contain(id) {
				*shared = id
			}
			if *shared == id {
				*extension.id(&v.ids) = id
			}
		}
	}
}

// videoExtensions are the header extensions that are accepted on video m-lines.
var videoExtensions = []struct {
	uri string
	id  func(*extensionIDs) *uint8
}{
	{midURI, func(ids *extensionIDs) *uint8 { return &ids.mid }},
	{ridURI, func(ids *extensionIDs) *uint8 { return &ids.rid }},
	{repairedRIDURI, func(ids *extensionIDs) *uint8 { return &ids.repairedRID }},
	{transportURI, func(ids *extensionIDs) *uint8 { return &ids.transportWide }},
	{orientationURI, func(ids *extensionIDs) *uint8 { return &ids.orientation }},
}

// contain says whether an identifier stands for one of the extensions.
func (ids *extensionIDs) contain(id uint8) bool {
	if ids.level == id {
		return true
	}
	for _, extension := range videoExtensions {
		if *extension.id(ids) == id {
			return true
		}
	}
	return false
}

// videoFormats are the attributes of an m-line by payload type. Of several of a kind for one the first counts.
type videoFormats struct {
	encodings  map[uint8]string // "VP8/90000"
	parameters map[uint8]string // of a=fmtp
	feedback   [128]rtcpFeedback
}

func readVideoFormats(media *sdp.MediaDescription) *videoFormats {
	f := &videoFormats{encodings: make(map[uint8]string), parameters: make(map[uint8]string)}
	for _, a := range media.Attributes {
		id, value, _ := strings.Cut(a.Value, " ")
		if a.Key == "rtcp-fb" && id == "*" {
			set := parseFeedback(value)
			for i := range f.feedback {
				f.feedback[i] |= set
			}
			continue
		}
		number, err := strconv.ParseUint(id, 10, 7)
		if err != nil {
			continue
		}
		payloadType := uint8(number)
		switch a.Key {
		case "rtpmap":
			if _, ok := f.encodings[payloadType]; !ok {
				f.encodings[payloadType] = strings.TrimSpace(value)
			}
		case "fmtp":
			if _, ok := f.parameters[payloadType]; !ok {
				f.parameters[payloadType] = value
			}
		case "rtcp-fb":
			f.feedback[payloadType] |= parseFeedback(value)
		}
	}
	return f
}

// codecs are the known formats in the order of the m-line, each with its repair format. taken are payload types that stand for something else.
func (f *videoFormats) codecs(formats []string, taken *[128]bool) []videoCodec {
	var codecs []videoCodec
	var used [128]bool
	var repairs []uint8
	for _, format := range formats[:min(len(formats), maxFormats)] {
		number, err := strconv.ParseUint(format, 10, 7)
		if err != nil || taken[number] || used[number] || isRTCPPayloadType(uint8(number)) {
			continue
		}
		payloadType := uint8(number)
		used[payloadType] = true
		name, clock, _ := strings.Cut(f.encodings[payloadType], "/")
		if clock != "90000" {
			continue
		}
		if strings.EqualFold(name, "rtx") {
			repairs = append(repairs, payloadType)
			continue
		}
		codec, ok := video.ParseCodec(name)
		if !ok || len(codecs) == maxVideoCodecs {
			continue
		}
		if fmtp, ok := acceptFormat(codec, f.parameters[payloadType]); ok {
			codecs = append(codecs, videoCodec{codec: codec, payloadType: payloadType, fmtp: fmtp, feedback: f.feedback[payloadType]})
		}
	}
	for _, repair := range repairs {
		apt, err := strconv.ParseUint(formatParameter(f.parameters[repair], "apt"), 10, 7)
		i := slices.IndexFunc(codecs, func(c videoCodec) bool { return uint64(c.payloadType) == apt })
		if err == nil && i >= 0 && codecs[i].rtxPayloadType == 0 {
			codecs[i].rtxPayloadType = repair
		}
	}
	return codecs
}

// isRTCPPayloadType says whether RTP with that payload type looks like RTCP when its marker is set (RFC 5761, section 4).
func isRTCPPayloadType(payloadType uint8) bool { return payloadType >= 64 && payloadType < 96 }

// acceptFormat says whether a codec is forwarded with these parameters, and which of them stand in the answer: those that tell one
// configuration from another (RFC 6184, section 8.2.2; RFC 9628, section 7; AV1 RTP specification, section 7.2.3). Limits of a receiver like max-fs
// are not taken up: as what the server could receive they would be wrong.
func acceptFormat(codec video.Codec, parameters string) (fmtp string, ok bool) {
	switch codec {
	case video.H264:
		ok = formatParameter(parameters, "packetization-mode") == "1"
		return selectParameters(parameters, "level-asymmetry-allowed", "packetization-mode", "profile-level-id"), ok
	case video.VP9:
		profile := formatParameter(parameters, "profile-id")
		return selectParameters(parameters, "profile-id"), profile == "" || profile == "0"
	case video.AV1:
		profile := formatParameter(parameters, "profile")
		return selectParameters(parameters, "level-idx", "profile", "tier"), profile == "" || profile == "0"
	default:
		return "", true
	}
}

// formatParameter is the value of one of an a=fmtp's parameters, "" if it is not there.
func formatParameter(parameters, name string) string {
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// formatValue is what the parameters may be that are echoed: numbers, and profile-level-id's six hexadecimal digits.
var formatValue = regexp.MustCompile(`^[0-9A-Fa-f]{1,6}$`)

// selectParameters are those of an a=fmtp's parameters that have one of the names, in that order.
func selectParameters(parameters string, names ...string) string {
	var selected []string
	for _, name := range names {
		if value := formatParameter(parameters, name); formatValue.MatchString(value) {
			selected = append(selected, name+"="+value)
		}
	}
	return strings.Join(selected, ";")
}
