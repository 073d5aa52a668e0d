package sfu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

func TestBadOffers(t *testing.T) {
	good := plainOffer(2)
	if _, err := parseOffer(good); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":                     "",
		"no SDP":                    "hello",
		"no m-line":                 "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
		"too long":                  good + strings.Repeat("a=x\r\n", maxOfferBytes/5),
		"too many m-lines":          plainOffer(maxSections),
		"no mid":                    strings.Replace(good, "a=mid:0\r\n", "", 1),
		"two equal mids":            strings.Replace(good, "a=mid:1\r\n", "a=mid:2\r\n", 1),
		"mid of wrong characters":   strings.Replace(strings.Replace(good, "a=mid:1\r\n", "a=mid:1 2\r\n", 1), "BUNDLE 0 1", "BUNDLE 0", 1),
		"BUNDLE of what is not":     strings.Replace(good, "BUNDLE 0", "BUNDLE 7 0", 1),
		"no password":               strings.Replace(good, "a=ice-pwd", "a=ice-x", 1),
		"short password":            strings.Replace(good, "a=ice-pwd:", "a=ice-pwd:x\r\na=y:", 1),
		"no ufrag":                  strings.Replace(good, "a=ice-ufrag", "a=ice-x", 1),
		"no fingerprint":            strings.Replace(good, "a=fingerprint", "a=x", 1),
		"fingerprint of no hash":    strings.Replace(good, "sha-256", "md5", 1),
		"fingerprint of no digits":  strings.Replace(good, "AB:", "XY:", 1),
		"fingerprint of wrong size": strings.Replace(good, "AB:", "", 1),
		"the client as DTLS server": strings.Replace(good, "actpass", "passive", 1),
		"no Opus":                   strings.ReplaceAll(good, "opus/48000/2", "PCMU/8000"),
		"video alone":               strings.ReplaceAll(good, "m=audio", "m=video"),
		"no rtcp-mux":               strings.ReplaceAll(good, "a=rtcp-mux\r\n", ""),
	} {
		if _, err := parseOffer(text); !errors.Is(err, ErrBadOffer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// answerTo has an SFU with fake transports answer.
func answerTo(t *testing.T, s *SFU, o Offer) (*Peer, *sdp.SessionDescription) {
	t.Helper()
	p, answer, err := s.NewPeer(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	var description sdp.SessionDescription
	if err := description.UnmarshalString(answer); err != nil {
		t.Fatalf("%v in answer:\n%s", err, answer)
	}
	return p, &description
}

func TestAnswer(t *testing.T) {
	s := newFakeSFU(t, Config{Slots: 2})
	offer := plainOffer(3)
	offer = strings.Replace(offer, "a=group:BUNDLE", "a=group:BUNDLE v d m", 1)
	offer += "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"
	offer += "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\na=sctp-port:5000\r\n"
	offer += "m=audio 9 UDP/TLS/RTP/SAVPF 63 109\r\nc=IN IP4 0.0.0.0\r\na=mid:m\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:109 OPUS/48000/2\r\n"
	offer += "m=audio 9 UDP/TLS/RTP/SAVPF 109\r\nc=IN IP4 0.0.0.0\r\na=mid:alone\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:109 opus/48000/2\r\n"
	peer, answer := answerTo(t, s, Offer{SDP: offer, Sources: map[string]Source{"m": ScreenAudio}})

	if group, _ := answer.Attribute("group"); group != "BUNDLE 0 1 2 m" {
		t.Errorf("group %q", group)
	}
	if _, ok := answer.Attribute("ice-lite"); !ok {
		t.Error("not ICE-lite")
	}
	want := []string{"audio recvonly 111", "audio sendonly 111", "audio sendonly 111", "rejected", "rejected", "rejected", "audio recvonly 109", "rejected"}
	if len(answer.MediaDescriptions) != len(want) {
		t.Fatalf("%d m-lines", len(answer.MediaDescriptions))
	}
	for i, m := range answer.MediaDescriptions {
		direction, _ := directionAttribute(m)
		got := fmt.Sprint(m.MediaName.Media, " ", direction, " ", strings.Join(m.MediaName.Formats, ","))
		if m.MediaName.Port.Value == 0 {
			got = "rejected"
		}
		if got != want[i] {
			t.Errorf("m-line %d: %s, not %s", i, got, want[i])
		}
	}
	microphone, slot := answer.MediaDescriptions[0], answer.MediaDescriptions[1]
	if fmtp, _ := microphone.Attribute("fmtp"); !strings.Contains(fmtp, "usedtx=1") || !strings.Contains(fmtp, "useinbandfec=1") || !strings.Contains(fmtp, "stereo=0") {
		t.Errorf("fmtp %q", fmtp)
	}
	if _, ok := microphone.Attribute("ssrc"); ok {
		t.Error("the microphone's m-line has an SSRC of ours")
	}
	for _, m := range []*sdp.MediaDescription{microphone, slot} {
		if extension, _ := m.Attribute("extmap"); extension != "1 "+levelURI {
			t.Errorf("extension %q", extension)
		}
	}
	if _, ok := slot.Attribute("ssrc"); !ok {
		t.Error("the slot has no SSRC")
	}
	var candidates []string
	for _, a := range microphone.Attributes {
		if a.Key == "candidate" {
			candidates = append(candidates, a.Value)
		}
	}
	address := peer.lane.sockets.addresses[0]
	if len(candidates) != 2 || !strings.Contains(candidates[0], fmt.Sprintf(" udp 2130706431 127.0.0.1 %d typ host", address.Port())) ||
		!strings.Contains(candidates[1], fmt.Sprintf(" 127.0.0.1 %d typ host tcptype passive", address.Port())) {
		t.Errorf("candidates %q", candidates)
	}
	if len(peer.sources) != 2 || peer.sources[0].kind != Microphone || peer.sources[1].kind != ScreenAudio {
		t.Errorf("sources %v", peer.sources)
	}
}

func directionAttribute(m *sdp.MediaDescription) (string, bool) {
	for _, a := range m.Attributes {
		switch a.Key {
		case "sendonly", "recvonly", "sendrecv", "inactive":
			return a.Key, true
		}
	}
	return "", false
}

func TestFurtherOffersKeepSlotsAndSources(t *testing.T) {
	s := newFakeSFU(t, Config{Slots: 3})
	peer, first := answerTo(t, s, Offer{SDP: plainOffer(2)})
	microphone := peer.sources[0]
	answer, err := peer.Negotiate(t.Context(), Offer{SDP: plainOffer(3)})
	if err != nil {
		t.Fatal(err)
	}
	if peer.sources[0] != microphone {
		t.Error("the microphone is another")
	}
	for i := 1; i <= 2; i++ {
		if ssrc, _ := first.MediaDescriptions[i].Attribute("ssrc"); !strings.Contains(answer, "a=ssrc:"+ssrc) {
			t.Errorf("slot %d has another SSRC", i)
		}
	}
	// Slots taken away, the first of them.
	if _, err := peer.Negotiate(t.Context(), Offer{SDP: strings.Replace(plainOffer(3), "a=mid:1\r\na=recvonly", "a=mid:1\r\na=inactive", 1)}); err != nil {
		t.Fatal(err)
	}
	if slots := peer.Slots(); len(slots) != 2 || slots[0].Mid != "2" {
		t.Errorf("slots %v", slots)
	}
}

// FuzzNewPeer gives an SFU arbitrary offers. Each is either an ErrBadOffer or answered by SDP with as many m-lines.
func FuzzNewPeer(f *testing.F) {
	f.Add(plainOffer(0))
	f.Add(plainOffer(2))
	f.Add(chromiumOffer)
	f.Add(firefoxOffer)
	f.Add(strings.ReplaceAll(chromiumOffer, "\r\n", "\n"))
	for _, name := range []string{"chromium-video", "chromium-paused", "firefox-video"} {
		f.Add(readDescription(f, name))
	}
	f.Add(bundled(1, videoLines("c", "sendonly", "a=ssrc-group:SIM 1 2 3", "a=ssrc-group:FID 1 4", "a=extmap:2 "+transportURI)+videoLines("v", "recvonly")))
	s := newFakeSFU(f, Config{Slots: 2, VideoSlots: 2, Lanes: 1})
	r := s.NewRouter()
	f.Cleanup(r.Close)
	f.Fuzz(func(t *testing.T, offer string) {
		p, answer, err := s.NewPeer(context.Background(), Offer{SDP: offer})
		if err != nil {
			if !errors.Is(err, ErrBadOffer) {
				t.Fatalf("%v for %q", err, offer)
			}
			return
		}
		defer func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}()
		if err := r.Attach(p, Attachment{Participant: "x", CSRC: 1, Publishing: true}); err != nil {
			t.Fatal(err)
		}
		var asked, answered sdp.SessionDescription
		if err := asked.UnmarshalString(offer); err != nil {
			t.Fatal(err)
		}
		if err := answered.UnmarshalString(answer); err != nil {
			t.Fatalf("%v in the answer %q to %q", err, answer, offer)
		}
		if len(asked.MediaDescriptions) != len(answered.MediaDescriptions) {
			t.Fatalf("%d m-lines for %d", len(answered.MediaDescriptions), len(asked.MediaDescriptions))
		}
		if len(p.Slots()) > 4 || len(p.Sources()) > maxSources+2 {
			t.Fatalf("%d slots, %d sources", len(p.Slots()), len(p.Sources()))
		}
		for i, m := range answered.MediaDescriptions {
			for _, format := range m.MediaName.Formats {
				if m.MediaName.Port.Value != 0 && !slices.Contains(asked.MediaDescriptions[i].MediaName.Formats, format) {
					t.Fatalf("format %s of m-line %d was not offered", format, i)
				}
			}
		}
	})
}
