package sfu

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"

	"hubbub/sfu/video"
)

// readDescription reads a session description of testdata.
func readDescription(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".sdp"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\n", "\r\n")
}

// plan reads and plans an offer, and returns the answer with fixed transport parameters, and SSRCs that all read N.
func planned(t testing.TB, text string, names map[string]Source, slots, videoSlots int, before mediaPlan) (mediaPlan, string) {
	t.Helper()
	offer, err := parseOffer(text)
	if err != nil {
		t.Fatal(err)
	}
	plan, sections := planMedia(offer, names, slots, videoSlots, before)
	answer := sessionAnswer{
		session: 7, version: 1, addresses: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:7880")},
		transport: TransportParameters{ICEUfrag: "ours", ICEPassword: "ourpassword", Fingerprint: Fingerprint{"sha-256", "AB:CD"}},
		ids:       offer.audioIDs, mixed: offer.mixed, sections: sections,
	}
	text = regexp.MustCompile(`a=ssrc:\d+`).ReplaceAllString(answer.String(), "a=ssrc:N")
	return plan, regexp.MustCompile(`FID \d+ \d+`).ReplaceAllString(text, "FID N N")
}

func TestAnswersToVoiceAreAsWithoutVideo(t *testing.T) {
	for browser, offer := range map[string]string{"chromium": chromiumOffer, "firefox": firefoxOffer} {
		for _, videoSlots := range []int{0, 8} {
			_, answer := planned(t, offer, nil, 2, videoSlots, mediaPlan{})
			if want := readDescription(t, browser+"-voice-answer"); answer != want {
				t.Errorf("%s with %d video slots:\n%s", browser, videoSlots, answer)
			}
		}
	}
}

// section returns the m-line with an index of an answer.
func sectionOf(answer string, i int) string {
	return strings.ReplaceAll(strings.Split(answer, "\r\nm=")[i+1], "\r\n", "\n")
}

func TestVideoOffersOfBrowsers(t *testing.T) {
	three := []string{"l", "m", "h"}
	for _, c := range []struct {
		name    string
		sends   string
		decodes string
		ids     extensionIDs
	}{
		{
			name: "chromium-video",
			sends: "VP8 96+97, H264 102+103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f, " +
				"H264 108+109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f, " +
				"H264 116+117 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f, " +
				"AV1 45+46 level-idx=5;profile=0;tier=0, VP9 98+99 profile-id=0",
			decodes: "VP8 96+97, VP9 98+99 profile-id=0, H264 102+103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f, " +
				"H264 108+109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f, " +
				"H264 116+117 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f, " +
				"H264 41+42 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=f4001f, AV1 45+46 level-idx=5;profile=0;tier=0",
			ids: extensionIDs{mid: 4, rid: 10, repairedRID: 11, transportWide: 3, orientation: 13},
		},
		{
			name:    "firefox-video",
			sends:   "VP8 120+124, VP9 121+125, AV1 99+100",
			decodes: "VP8 120+124, VP9 121+125, AV1 99+100",
			ids:     extensionIDs{mid: 3, rid: 9, repairedRID: 10, transportWide: 7},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := readDescription(t, c.name)
			plan, answer := planned(t, text, map[string]Source{"4": Screen}, 2, 2, mediaPlan{})
			if len(plan.slots) != 2 || len(plan.sources) != 1 || len(plan.videoSlots) != 2 || len(plan.videoSources) != 2 {
				t.Fatalf("%d and %d slots, %d and %d sources", len(plan.slots), len(plan.videoSlots), len(plan.sources), len(plan.videoSources))
			}
			camera, screen := plan.videoSources[0], plan.videoSources[1]
			if camera.kind != Camera || camera.mid != "3" || !slices.Equal(camera.rids, three) || camera.ssrcs != nil || camera.ids != c.ids {
				t.Errorf("camera %+v", camera)
			}
			if screen.kind != Screen || screen.mid != "4" || screen.rids != nil || len(screen.ssrcs) != 1 || screen.ssrcs[0].rtx == 0 {
				t.Errorf("screen %+v", screen)
			}
			for i := range 2 {
				if got := describe(plan.videoSources[i].codecs); got != c.sends {
					t.Errorf("source %d: %s", i, got)
				}
				if got := describe(plan.videoSlots[i].codecs); got != c.decodes {
					t.Errorf("slot %d: %s", i, got)
				}
			}
			for i, slot := range plan.videoSlots {
				want := extensionIDs{transportWide: c.ids.transportWide, orientation: c.ids.orientation}
				if slot.mid != fmt.Sprint(5+i) || slot.ssrc == 0 || slot.rtxSSRC == 0 || slot.ids != want {
					t.Errorf("slot %+v", slot)
				}
			}
			if want := readDescription(t, c.name+"-answer"); answer != want {
				t.Errorf("the answer is\n%s", answer)
			}
		})
	}
}

func describe(codecs []videoCodec) string {
	var all []string
	for _, c := range codecs {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %d+%d %s", c.codec, c.payloadType, c.rtxPayloadType, c.fmtp)))
	}
	return strings.Join(all, ", ")
}

func TestPausedEncodingsAreTaken(t *testing.T) {
	text := readDescription(t, "chromium-paused")
	if !strings.Contains(text, "a=simulcast:send l;m;~h") {
		t.Fatal("nothing is paused in the offer")
	}
	plan, answer := planned(t, text, nil, 1, 1, mediaPlan{})
	if rids := plan.videoSources[0].rids; !slices.Equal(rids, []string{"l", "m", "h"}) {
		t.Errorf("rids %q", rids)
	}
	if !strings.Contains(answer, "a=simulcast:recv l;m;h\r\n") {
		t.Errorf("the answer is\n%s", answer)
	}
}

// videoLines is an m-line of video with a mid; VP8 is 96, its repair 97.
func videoLines(mid, direction string, more ...string) string {
	return "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:" + mid + "\r\na=" + direction +
		"\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtcp-fb:* transport-cc\r\n" +
		strings.Join(append(more, ""), "\r\n")
}

// bundled is an offer of a microphone with audio slots, and further m-lines, of which it tells the mids.
func bundled(slots int, lines string) string {
	var mids strings.Builder
	for line := range strings.SplitSeq(lines, "\r\n") {
		if mid, ok := strings.CutPrefix(line, "a=mid:"); ok {
			mids.WriteString(" " + mid)
		}
	}
	offer := plainOffer(slots)
	return strings.Replace(offer, "BUNDLE 0", "BUNDLE 0"+mids.String(), 1) + lines
}

func TestWhatVideoLinesBecome(t *testing.T) {
	lines := videoLines("c", "sendonly") + videoLines("s", "sendrecv") + videoLines("c2", "sendonly") + videoLines("i", "inactive") +
		videoLines("v1", "recvonly") + videoLines("v2", "recvonly") + videoLines("v3", "recvonly")
	for _, c := range []struct {
		videoSlots int
		want       string
	}{
		{2, "c recvonly, s recvonly, c2 inactive, i inactive, v1 sendonly, v2 sendonly, v3 rejected"},
		{0, "c rejected, s rejected, c2 rejected, i rejected, v1 rejected, v2 rejected, v3 rejected"},
	} {
		// What is named as sound is the camera all the same.
		plan, answer := planned(t, bundled(1, lines), map[string]Source{"s": Screen, "c": Microphone}, 1, c.videoSlots, mediaPlan{})
		var got []string
		for _, m := range parsed(t, answer).MediaDescriptions[2:] {
			mid, _ := m.Attribute("mid")
			direction, _ := directionAttribute(m)
			if m.MediaName.Port.Value == 0 {
				direction = "rejected"
			}
			got = append(got, mid+" "+direction)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("with %d slots: %q", c.videoSlots, got)
		}
		if len(plan.videoSlots) != c.videoSlots {
			t.Errorf("%d slots", len(plan.videoSlots))
		}
		if c.videoSlots > 0 && (plan.videoSources[0].kind != Camera || plan.videoSources[1].kind != Screen) {
			t.Errorf("sources %+v", plan.videoSources)
		}
	}
}

func parsed(t testing.TB, text string) *sdp.SessionDescription {
	t.Helper()
	var description sdp.SessionDescription
	if err := description.UnmarshalString(text); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return &description
}

func TestSoundAndPictureOfASlotAreOneStream(t *testing.T) {
	_, answer := planned(t, bundled(2, videoLines("a", "recvonly")+videoLines("b", "recvonly")+videoLines("c", "recvonly")), nil, 2, 3, mediaPlan{})
	var msids []string
	for _, m := range parsed(t, answer).MediaDescriptions[1:] {
		msid, _ := m.Attribute("msid")
		msids = append(msids, msid)
	}
	if got := strings.Join(msids, ", "); got != "slot-1 slot-1, slot-2 slot-2, slot-1 slot-a, slot-2 slot-b, slot-c slot-c" {
		t.Errorf("streams %s", got)
	}
}

func TestVideoWithoutSound(t *testing.T) {
	offer := bundled(0, videoLines("v", "recvonly")+videoLines("c", "sendonly"))
	head, _, _ := strings.Cut(offer, "m=audio")
	_, lines, _ := strings.Cut(offer, "m=video")
	plan, answer := planned(t, strings.Replace(head, "BUNDLE 0", "BUNDLE", 1)+"m=video"+lines, nil, 2, 1, mediaPlan{})
	if len(plan.videoSlots) != 1 || len(plan.videoSources) != 1 || len(plan.sources) != 0 {
		t.Errorf("plan %+v", plan)
	}
	if !strings.Contains(sectionOf(answer, 0), "candidate:1 1 udp") {
		t.Errorf("no candidates in\n%s", answer)
	}
}

func TestFurtherOffersKeepVideo(t *testing.T) {
	voice, _ := planned(t, plainOffer(2), nil, 2, 3, mediaPlan{})
	first, _ := planned(t, bundled(2, videoLines("a", "recvonly")+videoLines("c", "sendonly")), nil, 2, 3, voice)
	if first.slots[0].ssrc != voice.slots[0].ssrc || first.slots[1].ssrc != voice.slots[1].ssrc || first.sources[0] != voice.sources[0] {
		t.Error("video changes the sound")
	}
	second, _ := planned(t, bundled(2, videoLines("b", "recvonly")+videoLines("a", "recvonly")+videoLines("c", "sendonly")), nil, 2, 3, first)
	if len(second.videoSlots) != 2 || !slices.ContainsFunc(second.videoSlots, func(s videoSlotPlan) bool {
		return s.mid == "a" && s.ssrc == first.videoSlots[0].ssrc && s.rtxSSRC == first.videoSlots[0].rtxSSRC
	}) {
		t.Errorf("slots %+v after %+v", second.videoSlots, first.videoSlots)
	}
	ssrcs := make(map[uint32]bool)
	for _, s := range second.videoSlots {
		ssrcs[s.ssrc], ssrcs[s.rtxSSRC] = true, true
	}
	if len(ssrcs) != 4 || ssrcs[0] {
		t.Errorf("SSRCs %v", ssrcs)
	}
	if !second.videoSources[0].equal(first.videoSources[0]) {
		t.Errorf("the camera is %+v after %+v", second.videoSources[0], first.videoSources[0])
	}
	third, _ := planned(t, bundled(2, videoLines("b", "recvonly")+videoLines("a", "inactive")+videoLines("c", "sendonly", "a=ssrc:5 cname:x")), nil, 2, 3, second)
	if len(third.videoSlots) != 1 || third.videoSources[0].equal(second.videoSources[0]) {
		t.Errorf("plan %+v", third)
	}
}

func TestFormatsOfVideoLines(t *testing.T) {
	for name, c := range map[string]struct{ formats, attributes, want string }{
		"unknown":                {"96 97", "rtpmap:96 H265/90000\nrtpmap:97 theora/90000", ""},
		"no rtpmap":              {"96", "", ""},
		"another clock":          {"96", "rtpmap:96 VP8/48000", ""},
		"the client's order":     {"98 96", "rtpmap:96 VP8/90000\nrtpmap:98 vp9/90000", "VP9 98+0, VP8 96+0"},
		"twice":                  {"96 96", "rtpmap:96 VP8/90000", "VP8 96+0"},
		"two meanings":           {"96", "rtpmap:96 VP8/90000\nrtpmap:96 VP9/90000", "VP8 96+0"},
		"no payload type":        {"x 300 -1 96", "rtpmap:96 VP8/90000\nrtpmap:x VP8/90000\nrtpmap:300 VP8/90000", "VP8 96+0"},
		"that of the microphone": {"111 96", "rtpmap:111 VP8/90000\nrtpmap:96 VP8/90000", "VP8 96+0"},
		"like RTCP":              {"72 95 96", "rtpmap:72 VP8/90000\nrtpmap:95 VP8/90000\nrtpmap:96 VP8/90000", "VP8 96+0"},
		"H264 by single NAL":     {"96 97", "rtpmap:96 H264/90000\nrtpmap:97 H264/90000\nfmtp:97 packetization-mode=0", ""},
		"H264's parameters": {"96", "rtpmap:96 H264/90000\nfmtp:96 profile-level-id=42e01f; packetization-mode=1;x=y;sprop-parameter-sets=Z0I=",
			"H264 96+0 packetization-mode=1;profile-level-id=42e01f"},
		"a parameter of nonsense": {"96", "rtpmap:96 H264/90000\nfmtp:96 packetization-mode=1;profile-level-id=42e01f42e01f", "H264 96+0 packetization-mode=1"},
		"VP9 of more bits":        {"96 98", "rtpmap:96 VP9/90000\nfmtp:96 profile-id=2\nrtpmap:98 VP9/90000", "VP9 98+0"},
		"AV1 of more colours":     {"96 98", "rtpmap:96 AV1/90000\nfmtp:96 profile=1\nrtpmap:98 AV1/90000", "AV1 98+0"},
		"limits of a receiver":    {"96", "rtpmap:96 VP8/90000\nfmtp:96 max-fs=12288;max-fr=60", "VP8 96+0"},
		"repair first":            {"97 96", "rtpmap:97 rtx/90000\nfmtp:97 apt=96\nrtpmap:96 VP8/90000", "VP8 96+97"},
		"repair of nothing":       {"96 97", "rtpmap:96 VP8/90000\nrtpmap:97 rtx/90000\nfmtp:97 apt=98", "VP8 96+0"},
		"repair without apt":      {"96 97", "rtpmap:96 VP8/90000\nrtpmap:97 rtx/90000", "VP8 96+0"},
		"two repairs of one":      {"96 97 98", "rtpmap:96 VP8/90000\nrtpmap:97 rtx/90000\nfmtp:97 apt=96\nrtpmap:98 rtx/90000\nfmtp:98 apt=96", "VP8 96+97"},
	} {
		lines := "m=video 9 UDP/TLS/RTP/SAVPF " + c.formats + "\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=sendonly\r\na=rtcp-mux\r\n"
		for attribute := range strings.SplitSeq(c.attributes, "\n") {
			if attribute != "" {
				lines += "a=" + attribute + "\r\n"
			}
		}
		offer, err := parseOffer(bundled(0, lines))
		if err != nil {
			t.Fatal(err)
		}
		s := offer.sections[1]
		if got := describe(s.video.codecs); got != c.want || s.acceptable != (c.want != "") {
			t.Errorf("%s: %s, acceptable: %t", name, got, s.acceptable)
		}
	}
}

func TestFormatsAreBounded(t *testing.T) {
	var formats, attributes []string
	for payloadType := range 64 {
		formats = append(formats, fmt.Sprint(payloadType))
		attributes = append(attributes, fmt.Sprintf("a=rtpmap:%d VP8/90000\r\n", payloadType))
	}
	offer, err := parseOffer(bundled(0, "m=video 9 UDP/TLS/RTP/SAVPF "+strings.Join(formats, " ")+
		"\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=sendonly\r\na=rtcp-mux\r\n"+strings.Join(attributes, "")))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(offer.sections[1].video.codecs); n != maxVideoCodecs {
		t.Errorf("%d codecs", n)
	}
}

func TestFeedbackIsWhatTheClientOffers(t *testing.T) {
	_, answer := planned(t, bundled(0, videoLines("v", "sendonly", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack  pli", "a=rtcp-fb:96 goog-remb", "a=rtcp-fb:200 nack")),
		nil, 0, 1, mediaPlan{})
	var got []string
	for _, a := range parsed(t, answer).MediaDescriptions[1].Attributes {
		if a.Key == "rtcp-fb" {
			got = append(got, a.Value)
		}
	}
	if strings.Join(got, ", ") != "96 transport-cc, 96 nack, 96 nack pli" {
		t.Errorf("feedback %q", got)
	}
	video := parsed(t, answer).MediaDescriptions[1]
	if codec, _ := video.Attribute("rtpmap"); codec != "96 VP8/90000" {
		t.Errorf("rtpmap %q", codec)
	}
}

func TestVideoExtensionsShareTheirIdentifiers(t *testing.T) {
	extensions := func(values ...string) string {
		for i, v := range values {
			values[i] = "a=extmap:" + v
		}
		return strings.Join(values, "\r\n")
	}
	offer, err := parseOffer(bundled(0,
		// 1 is the microphone's level.
		videoLines("a", "sendonly", extensions("1 "+orientationURI, "3/sendonly "+ridURI, "4 "+transportURI, "16 "+midURI, "0 "+midURI, "x "+midURI, "5"))+
			// 3 is taken by now, and 6 is not the number that 4 is known by.
			videoLines("b", "sendonly", extensions("3 "+repairedRIDURI, "6 "+transportURI, "7 "+midURI))+
			// Without the feedback the number is of no use.
			strings.Replace(videoLines("c", "sendonly", extensions("4 "+transportURI)), "a=rtcp-fb:* transport-cc\r\n", "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if want := (extensionIDs{level: 1, mid: 7, rid: 3, transportWide: 4}); offer.ids != want {
		t.Errorf("all: %+v", offer.ids)
	}
	if offer.audioIDs != (extensionIDs{level: 1}) {
		t.Errorf("audio: %+v", offer.audioIDs)
	}
	for i, want := range []extensionIDs{{rid: 3, transportWide: 4}, {mid: 7}, {}} {
		if got := offer.sections[1+i].video.ids; got != want {
			t.Errorf("m-line %d: %+v", i, got)
		}
	}
}

func TestVideoCodecNamesAreThoseOfSDP(t *testing.T) {
	for _, codec := range []video.Codec{video.VP8, video.VP9, video.H264, video.AV1} {
		line := strings.ReplaceAll(videoLines("v", "sendonly", "a=fmtp:96 packetization-mode=1"), "VP8", codec.String())
		plan, answer := planned(t, bundled(0, line), nil, 0, 1, mediaPlan{})
		if plan.videoSources[0].codecs[0].codec != codec || !strings.Contains(answer, "a=rtpmap:96 "+codec.String()+"/90000\r\n") {
			t.Errorf("%s in\n%s", codec, answer)
		}
	}
}
