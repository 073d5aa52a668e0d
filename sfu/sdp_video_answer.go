package sfu

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// videoMediaLine is the m-line of an answer, with the formats of the offer that are known.
func videoMediaLine(s *answerSection) string {
	var b strings.Builder
	fmt.Fprintf(&b, "m=video 9 %s", s.protocol)
	for _, c := range s.video.codecs {
		fmt.Fprintf(&b, " %d", c.payloadType)
		if c.rtxPayloadType != 0 {
			fmt.Fprintf(&b, " %d", c.rtxPayloadType)
		}
	}
	return b.String()
}

// writeVideo writes what of a video m-line is video's own: extensions, formats, and the encodings that are to be sent (RFC 8853, section 5.3.2)
// or the slot's streams.
func (s *answerSection) writeVideo(line func(string, ...any)) {
	for _, extension := range videoExtensions {
		if id := *extension.id(&s.video.ids); id != 0 {
			line("a=extmap:%d %s", id, extension.uri)
		}
	}
	for _, c := range s.video.codecs {
		line("a=rtpmap:%d %s/%d", c.payloadType, c.codec, videoClockRate)
		for _, feedback := range c.feedback.names() {
			line("a=rtcp-fb:%d %s", c.payloadType, feedback)
		}
		if c.fmtp != "" {
			line("a=fmtp:%d %s", c.payloadType, c.fmtp)
		}
		if c.rtxPayloadType != 0 {
			line("a=rtpmap:%d rtx/%d", c.rtxPayloadType, videoClockRate)
			line("a=fmtp:%d apt=%d", c.rtxPayloadType, c.payloadType)
		}
	}
	switch {
	case s.ssrc != 0:
		s.writeStreams(line)
	case s.direction == sdp.AttrKeyRecvOnly && len(s.video.rids) > 0:
		for _, rid := range s.video.rids {
			line("a=rid:%s recv", rid)
		}
		line("a=simulcast:recv %s", strings.Join(s.video.rids, ";"))
	}
}

// writeStreams names a slot's streams: what is sent, and its repair (RFC 4588, section 8.6).
func (s *answerSection) writeStreams(line func(string, ...any)) {
	line("a=msid:slot-%s slot-%s", s.stream, s.mid)
	ssrcs := []uint32{s.ssrc}
	if s.rtxSSRC != 0 {
		ssrcs = append(ssrcs, s.rtxSSRC)
		line("a=ssrc-group:FID %d %d", s.ssrc, s.rtxSSRC)
	}
	for _, ssrc := range ssrcs {
		line("a=ssrc:%d cname:hubbub", ssrc)
		line("a=ssrc:%d msid:slot-%s slot-%s", ssrc, s.stream, s.mid)
	}
}
