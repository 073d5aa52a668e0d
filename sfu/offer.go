package sfu

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// Bounds on what a client may offer. A browser's offer of one microphone and ten slots is about 20 KB, and each m-line of video adds 5 to 8.
const (
	maxOfferBytes    = 64 << 10
	maxSections      = 128
	maxSSRCsInOffer  = 16 // for each section
	maxFormats       = 64 // looked at, for each section
	maxTokenLength   = 64
	minICEPassword   = 22 // RFC 8839, section 5.4
	minICEUfrag      = 4
	maxICECredential = 256
)

const (
	levelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	midURI   = "urn:ietf:params:rtp-hdrext:sdes:mid"
)

// The media of m-lines that are taken.
const (
	mediaAudio = "audio"
	mediaVideo = "video"
)

// sessionOffer is an offer, read and checked.
type sessionOffer struct {
	transport TransportParameters
	sections  []section
	ids       extensionIDs // of all acceptable m-lines
	audioIDs  extensionIDs // of those of audio
	mixed     bool         // one-byte and two-byte header extensions may be mixed (RFC 8285, section 6)
}

// section is one m-line of an offer. Its strings are tokens and can be written into an answer.
type section struct {
	media       string
	protocol    string
	format      string // what a rejected m-line names
	mid         string
	direction   string
	acceptable  bool // an audio m-line with Opus, or one of video with a known codec, in use, on the bundled transport
	payloadType uint8
	ssrcs       []uint32
	video       videoOffer // of a video m-line
}

// parseOffer reads an offer. Whatever is wrong with it is an ErrBadOffer; m-lines that the server merely does not want are not acceptable.
func parseOffer(text string) (*sessionOffer, error) {
	if len(text) > maxOfferBytes {
		return nil, badOffer("the offer has %d bytes, %d are allowed", len(text), maxOfferBytes)
	}
	var description sdp.SessionDescription
	if err := description.UnmarshalString(text); err != nil {
		return nil, badOffer("not SDP: %v", err)
	}
	if n := len(description.MediaDescriptions); n == 0 || n > maxSections {
		return nil, badOffer("%d m-lines, 1 to %d are allowed", n, maxSections)
	}
	offer := &sessionOffer{}
	_, offer.mixed = description.Attribute("extmap-allow-mixed")
	bundle := bundledMIDs(&description)
	var tagged *sdp.MediaDescription
	for i, media := range description.MediaDescriptions {
		s, err := parseSection(&description, media)
		if err != nil {
			return nil, fmt.Errorf("m-line %d: %w", i, err)
		}
		if slices.ContainsFunc(offer.sections, func(other section) bool { return other.mid == s.mid }) {
			return nil, badOffer("mid %q stands for two m-lines", s.mid)
		}
		switch {
		case len(bundle) == 0 && i > 0, len(bundle) > 0 && !slices.Contains(bundle, s.mid):
			s.acceptable = false // a transport of its own
		case len(bundle) == 0 || s.mid == bundle[0]:
			tagged = media
		}
		offer.sections = append(offer.sections, s)
		offer.readExtensionIDs(media, s)
	}
	if tagged == nil {
		return nil, badOffer("BUNDLE begins with %q, which is no m-line", truncate(bundle[0]))
	}
	offer.readVideo(&description)
	if !slices.ContainsFunc(offer.sections, func(s section) bool { return s.acceptable }) {
		return nil, badOffer("no audio m-line with Opus and no video m-line with VP8, H264, VP9 or AV1")
	}
	var err error
	offer.transport, err = parseTransport(&description, tagged)
	return offer, err
}

func badOffer(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBadOffer}, args...)...)
}

// bundledMIDs are the mids of the first BUNDLE group (RFC 9143); its first one is the tagged m-line, whose transport all share.
func bundledMIDs(description *sdp.SessionDescription) []string {
	for _, a := range description.Attributes {
		if mids, ok := strings.CutPrefix(a.Value, "BUNDLE"); a.Key == sdp.AttrKeyGroup && ok {
			return strings.Fields(mids)
		}
	}
	return nil
}

func parseSection(session *sdp.SessionDescription, media *sdp.MediaDescription) (section, error) {
	s := section{
		media:    media.MediaName.Media,
		protocol: strings.Join(media.MediaName.Protos, "/"),
		format:   "0", // a payload type without rtpmap, as a rejected m-line has none
	}
	if formats := media.MediaName.Formats; len(formats) > 0 && !strings.Contains(s.protocol, "RTP") {
		s.format = formats[0]
	}
	s.mid, _ = media.Attribute(sdp.AttrKeyMID)
	for name, value := range map[string]string{
		"media": s.media, "protocol": strings.ReplaceAll(s.protocol, "/", ""), "format": s.format, "mid": s.mid,
	} {
		if !isToken(value) {
			return s, badOffer("%s %q is not a token", name, truncate(value))
		}
	}
	s.direction = directionOf(session, media)

	_, bundleOnly := media.Attribute("bundle-only") // whose port is 0 in an offer (RFC 9143, section 6)
	_, mux := media.Attribute(sdp.AttrKeyRTCPMux)
	s.acceptable = mux && (media.MediaName.Port.Value != 0 || bundleOnly)
	if s.media == mediaVideo {
		return s, nil // for the rest, see readVideo
	}
	payloadType, opus := findOpus(media)
	s.payloadType = payloadType
	s.acceptable = s.acceptable && s.media == mediaAudio && opus
	for _, a := range media.Attributes {
		if a.Key != sdp.AttrKeySSRC || len(s.ssrcs) == maxSSRCsInOffer {
			continue
		}
		id, _, _ := strings.Cut(a.Value, " ")
		if ssrc, err := strconv.ParseUint(id, 10, 32); err == nil && !slices.Contains(s.ssrcs, uint32(ssrc)) {
			s.ssrcs = append(s.ssrcs, uint32(ssrc))
		}
	}
	return s, nil
}

func directionOf(session *sdp.SessionDescription, media *sdp.MediaDescription) string {
	for _, attributes := range [][]sdp.Attribute{media.Attributes, session.Attributes} {
		for _, a := range attributes {
			switch a.Key {
			case sdp.AttrKeySendRecv, sdp.AttrKeySendOnly, sdp.AttrKeyRecvOnly, sdp.AttrKeyInactive:
				return a.Key
			}
		}
	}
	return sdp.AttrKeySendRecv // RFC 8866, section 6.7
}

// findOpus is the payload type of Opus (RFC 7587, section 7) that the client likes best.
func findOpus(media *sdp.MediaDescription) (payloadType uint8, ok bool) {
	formats := media.MediaName.Formats
	for _, format := range formats[:min(len(formats), maxFormats)] {
		number, err := strconv.ParseUint(format, 10, 7)
		if err != nil {
			continue
		}
		for _, a := range media.Attributes {
			id, codec, _ := strings.Cut(a.Value, " ")
			if a.Key == "rtpmap" && id == format && strings.EqualFold(strings.TrimSpace(codec), "opus/48000/2") {
				return uint8(number), true
			}
		}
	}
	return 0, false
}

func (o *sessionOffer) readExtensionIDs(media *sdp.MediaDescription, s section) {
	if !s.acceptable || s.media != mediaAudio {
		return
	}
	for uri, id := range o.extensions(media) {
		switch {
		case uri == levelURI && o.ids.level == 0:
			o.ids.level = id
		case uri == midURI && o.ids.mid == 0:
			o.ids.mid = id
		}
	}
	o.audioIDs = o.ids
}

// extensions yields the header extensions of an m-line by URI, with those identifiers that can be used.
func (o *sessionOffer) extensions(media *sdp.MediaDescription) iter.Seq2[string, uint8] {
	return func(yield func(string, uint8) bool) {
		for _, a := range media.Attributes {
			if a.Key != sdp.AttrKeyExtMap {
				continue
			}
			entry, rest, _ := strings.Cut(strings.TrimLeft(a.Value, " "), " ")
			number, _, _ := strings.Cut(entry, "/")
			id, err := strconv.ParseUint(number, 10, 8)
			if err != nil || id == 0 || id == 15 || id > 14 && !o.mixed {
				continue
			}
			if fields := strings.Fields(rest); len(fields) > 0 && !yield(fields[0], uint8(id)) {
				return
			}
		}
	}
}

// parseTransport reads how the client is to be reached and known, from the tagged m-line or, where that is silent, from the session.
func parseTransport(session *sdp.SessionDescription, media *sdp.MediaDescription) (TransportParameters, error) {
	attribute := func(key string) string {
		value, ok := media.Attribute(key)
		if !ok {
			value, _ = session.Attribute(key)
		}
		return strings.Clone(value) // it is kept when the offer is not
	}
	t := TransportParameters{ICEUfrag: attribute("ice-ufrag"), ICEPassword: attribute("ice-pwd")}
	if !isICEString(t.ICEUfrag, minICEUfrag) || !isICEString(t.ICEPassword, minICEPassword) {
		return t, badOffer("no usable ice-ufrag and ice-pwd")
	}
	algorithm, value, _ := strings.Cut(attribute("fingerprint"), " ")
	t.Fingerprint = newFingerprint(algorithm, value)
	if !t.Fingerprint.valid() {
		return t, badOffer("no usable fingerprint")
	}
	switch setup := attribute(sdp.AttrKeyConnectionSetup); setup {
	case "", "actpass", "active":
		return t, nil
	default:
		return t, badOffer("setup:%s; the server is the DTLS server, so an offer has to be actpass", truncate(setup))
	}
}

func isICEString(s string, least int) bool {
	return len(s) >= least && len(s) <= maxICECredential && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '+' || r == '/' || r == '-' || r == '_' || r == '=')
	}) < 0
}

// isToken says whether s is a token of RFC 8866, section 9, of sane length.
func isToken(s string) bool {
	return s != "" && len(s) <= maxTokenLength && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]`, r)
	}) < 0
}

func truncate(s string) string {
	if len(s) > maxTokenLength {
		return s[:maxTokenLength] + "…"
	}
	return s
}
