//go:build linux

package crowd

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	opusPayloadType = 111
	levelID         = 1
	levelURI        = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
)

// offer is what a browser offers, without what the server does not look at: a microphone, if the participant has one, and the slots.
func (c *Crowd) offer(p *person) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	sum := sha256.Sum256(c.certificate.Certificate[0])
	fingerprint := strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
	directions := make([]string, 0, 1+c.plan.Slots)
	if c.plan.publishes(p.number) {
		directions = append(directions, "sendonly")
	}
	for range c.plan.Slots {
		directions = append(directions, "recvonly")
	}
	line("v=0\r\no=- %d 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0", p.number+1)
	b.WriteString("a=group:BUNDLE")
	for mid := range directions {
		fmt.Fprintf(&b, " %d", mid)
	}
	line("")
	for mid, direction := range directions {
		line("m=audio 9 UDP/TLS/RTP/SAVPF %d\r\nc=IN IP4 0.0.0.0\r\na=mid:%d", opusPayloadType, mid)
		line("a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:actpass", p.ice.ufrag, p.ice.password, fingerprint)
		line("a=%s\r\na=rtcp-mux\r\na=extmap:%d %s", direction, levelID, levelURI)
		line("a=rtpmap:%[1]d opus/48000/2\r\na=fmtp:%[1]d minptime=10;useinbandfec=1;usedtx=1", opusPayloadType)
		if direction == "sendonly" {
			line("a=ssrc:%d cname:crowd", ssrcOf(p.number))
		}
	}
	return b.String()
}

// sources names the microphone's m-line.
func (p *person) sources(plan Plan) map[string]string {
	if !plan.publishes(p.number) {
		return nil
	}
	return map[string]string{"0": "microphone"}
}

// answer is what a client has to know of the server's.
type answer struct {
	ufrag, password string
	address         netip.AddrPort
	levelID         uint8 // 0: not negotiated
}

func readAnswer(text string) (a answer, err error) {
	var description sdp.SessionDescription
	if err := description.UnmarshalString(text); err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	for _, media := range description.MediaDescriptions {
		for _, attribute := range media.Attributes {
			switch fields := strings.Fields(attribute.Value); {
			case attribute.Key == "ice-ufrag":
				a.ufrag = attribute.Value
			case attribute.Key == "ice-pwd":
				a.password = attribute.Value
			case attribute.Key == "candidate" && !a.address.IsValid() && len(fields) > 5 && strings.EqualFold(fields[2], "udp"):
				a.address, _ = netip.ParseAddrPort(fields[4] + ":" + fields[5]) // one of IPv6 is none for us
			case attribute.Key == "extmap" && len(fields) > 1 && fields[1] == levelURI:
				id, _ := strconv.ParseUint(fields[0], 10, 8) // 0: none
				a.levelID = uint8(id)
			}
		}
	}
	if !a.address.IsValid() || !a.address.Addr().Is4() {
		return a, errNoCandidate
	}
	return a, nil
}
