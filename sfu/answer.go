package sfu

import (
	"fmt"
	"net/netip"
	"strings"
)

// opusParameters is how the server wants Opus sent to it (RFC 7587, section 6.1), as voice needs it: one channel, nothing sent in
// silence, losses repaired from the packet after, a bit rate that leaves voice transparent.
const opusParameters = "minptime=10;useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0;maxaveragebitrate=32000"

// screenOpusParameters are those for the sound of a shared screen: films and music, whose quiet passages are no silence.
const screenOpusParameters = "minptime=10;useinbandfec=1;usedtx=0;stereo=0;sprop-stereo=0;maxaveragebitrate=96000"

// answerSection is what becomes of one m-line of an offer.
type answerSection struct {
	section
	rejected  bool
	direction string
	source    Source // what it brings, if that is audio
	ssrc      uint32 // of a slot, else 0
	rtxSSRC   uint32 // of a video slot's repair stream, else 0
	stream    string // of a slot: the mid that its MediaStream is named after
}

// sessionAnswer is an answer before it is text.
type sessionAnswer struct {
	session   uint64 // the same in all answers of a peer
	version   int    // counts them
	transport TransportParameters
	addresses []netip.AddrPort // where the lane listens, with UDP and TCP
	ids       extensionIDs     // of audio m-lines
	mixed     bool
	sections  []answerSection
}

// String is the answer as SDP (RFC 8829, section 5.3). It has one m-line for each of the offer's, in the same order.
func (a *sessionAnswer) String() string {
	var b strings.Builder
	b.Grow(512 + 600*len(a.sections)) // the length of a usual answer of sound
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, format+"\r\n", args...)
	}
	line("v=0")
	line("o=- %d %d IN IP4 127.0.0.1", a.session, a.version)
	line("s=-")
	line("t=0 0")
	b.WriteString("a=group:BUNDLE")
	for _, s := range a.sections {
		if !s.rejected {
			b.WriteString(" " + s.mid)
		}
	}
	line("")
	line("a=ice-lite")
	if a.mixed {
		line("a=extmap-allow-mixed")
	}
	line("a=msid-semantic: WMS *")
	candidates := true
	for _, s := range a.sections {
		if s.rejected {
			line("m=%s 0 %s %s", s.media, s.protocol, s.format)
			line("c=IN IP4 0.0.0.0")
			line("a=mid:%s", s.mid)
			line("a=inactive")
			continue
		}
		if s.media == mediaVideo {
			line("%s", videoMediaLine(&s))
		} else {
			line("m=audio 9 %s %d", s.protocol, s.payloadType)
		}
		line("c=IN IP4 0.0.0.0")
		line("a=mid:%s", s.mid)
		if candidates {
			a.writeCandidates(line)
			candidates = false
		}
		line("a=ice-ufrag:%s", a.transport.ICEUfrag)
		line("a=ice-pwd:%s", a.transport.ICEPassword)
		line("a=fingerprint:%s %s", a.transport.Fingerprint.Algorithm, a.transport.Fingerprint.Value)
		line("a=setup:passive")
		line("a=%s", s.direction)
		line("a=rtcp-mux")
		line("a=rtcp-rsize")
		if s.media == mediaVideo {
			s.writeVideo(line)
		} else {
			s.writeAudio(line, a.ids)
		}
	}
	return b.String()
}

// writeAudio writes what of an audio m-line is audio's own.
func (s *answerSection) writeAudio(line func(string, ...any), ids extensionIDs) {
	if ids.mid != 0 {
		line("a=extmap:%d %s", ids.mid, midURI)
	}
	if ids.level != 0 {
		line("a=extmap:%d %s", ids.level, levelURI)
	}
	line("a=rtpmap:%d opus/48000/2", s.payloadType)
	parameters := opusParameters
	if s.source == ScreenAudio {
		parameters = screenOpusParameters
	}
	line("a=fmtp:%d %s", s.payloadType, parameters)
	if s.ssrc != 0 {
		line("a=msid:slot-%s slot-%s", s.stream, s.mid)
		line("a=ssrc:%d cname:hubbub", s.ssrc)
		line("a=ssrc:%d msid:slot-%s slot-%s", s.ssrc, s.stream, s.mid)
	}
}

// writeCandidates names the lane's addresses: UDP first (RFC 8445, section 5.1.2.1), and TCP to connect to (RFC 6544, section 4.5) for who
// has no UDP.
func (a *sessionAnswer) writeCandidates(line func(string, ...any)) {
	const (
		udpPreference = 126
		tcpPreference = 90
		component     = 1
	)
	for i, address := range a.addresses {
		local := uint32(65535 - i)
		udp := udpPreference<<24 | local<<8 | (256 - component)
		tcp := tcpPreference<<24 | local<<8 | (256 - component)
		ip, port := address.Addr(), address.Port()
		line("a=candidate:%d 1 udp %d %s %d typ host", 2*i+1, udp, ip, port)
		line("a=candidate:%d 1 tcp %d %s %d typ host tcptype passive", 2*i+2, tcp, ip, port)
	}
	line("a=end-of-candidates")
}
