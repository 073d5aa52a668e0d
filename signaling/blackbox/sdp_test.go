package blackbox

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// goodOffer is a real offer with a microphone and two slots.
func goodOffer(t *testing.T) string {
	t.Helper()
	m, _ := device(t, client.EngineConfig{}, client.MediaConfig{Slots: 2})
	sdp, _, err := m.Offer(false)
	if err != nil {
		t.Fatal(err)
	}
	return sdp
}

// without drops the lines that begin with prefix.
func without(sdp, prefix string) string {
	return regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(prefix)+`.*\r\n`).ReplaceAllString(sdp, "")
}

func replace(sdp, pattern, by string) string {
	return regexp.MustCompile(pattern).ReplaceAllString(sdp, by)
}

func TestAHostileOfferIsAnErrorAndDisturbsNobody(t *testing.T) {
	t.Parallel()
	s := start(t, "--limits", "off")
	room := unique("hostile")
	watcher := s.guest(t, "Watcher").withSlots(room, 2)
	speaker := s.guest(t, "Speaker").withSlots(room, 2)
	watcher.wantHears(speaker)
	baseline := settledGoroutines(t, s)
	good := goodOffer(t)
	session, _, _ := strings.Cut(good, "m=")
	sections := strings.TrimPrefix(good, session)

	for name, c := range map[string]struct {
		sdp      string
		mayServe bool // a server may make sense of it
	}{
		"garbage":                    {"garbage", false},
		"binary":                     {"\x00\x01\x02\xff", false},
		"a lone line":                {"v=0\r\n", false},
		"thousands of v=0":           {strings.Repeat("v=0\r\n", 9_000), false},
		"a line of 60,000":           {"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=" + strings.Repeat("x", 60_000) + "\r\n", false},
		"thousands of m-lines":       {session + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", 1_500), false},
		"a thousand whole m-lines":   {good + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=recvonly\r\n", 1_000), true},
		"negative port":              {strings.Replace(good, "m=audio 9 ", "m=audio -9 ", 1), false},
		"huge port":                  {strings.Replace(good, "m=audio 9 ", "m=audio 99999999999999999999 ", 1), false},
		"huge session id":            {replace(good, `o=- \d+`, "o=- 99999999999999999999999999"), true},
		"negative payload type":      {strings.ReplaceAll(good, " 111\r\n", " -111\r\n"), false},
		"huge payload type":          {strings.ReplaceAll(good, "111", "4294967407"), false},
		"NULs":                       {strings.ReplaceAll(good, "a=", "a=\x00"), false},
		"NUL in the ufrag":           {replace(good, `a=ice-ufrag:\S+`, "a=ice-ufrag:\x00\x00\x00\x00"), false},
		"no fingerprint":             {without(good, "a=fingerprint"), false},
		"bad fingerprint":            {replace(good, `a=fingerprint:\S+ \S+`, "a=fingerprint:sha-256 no:thing"), false},
		"unknown fingerprint hash":   {replace(good, `a=fingerprint:\S+`, "a=fingerprint:sha-9000"), false},
		"no ufrag":                   {without(good, "a=ice-ufrag"), false},
		"no ice-pwd":                 {without(good, "a=ice-pwd"), false},
		"short ice-pwd":              {replace(good, `a=ice-pwd:\S+`, "a=ice-pwd:x"), true},
		"endless ufrag":              {replace(good, `a=ice-ufrag:\S+`, "a=ice-ufrag:"+strings.Repeat("u", 5_000)), true},
		"unknown setup":              {strings.ReplaceAll(good, "a=setup:actpass", "a=setup:banana"), true},
		"setup holdconn":             {strings.ReplaceAll(good, "a=setup:actpass", "a=setup:holdconn"), true},
		"no setup":                   {without(good, "a=setup"), true},
		"no mid":                     {without(good, "a=mid"), false},
		"the same mid thrice":        {replace(good, `a=mid:\S+`, "a=mid:0"), false},
		"endless mid":                {replace(good, `a=mid:0`, "a=mid:"+strings.Repeat("m", 20_000)), true},
		"no m-lines":                 {session, false},
		"no media at all in a group": {strings.Replace(good, "a=group:BUNDLE 0 1 2", "a=group:BUNDLE 7 8 9", 1), true},
		"no Opus":                    {replace(good, `opus/48000/2`, "PCMU/8000"), false},
		"plain RTP":                  {strings.ReplaceAll(good, "UDP/TLS/RTP/SAVPF", "RTP/AVP"), true},
		"video alone":                {strings.ReplaceAll(replace(good, `opus/48000/2`, "VP8/90000"), "m=audio", "m=video"), true},
		"video beside":               {good + strings.ReplaceAll(strings.ReplaceAll(replace(lastSection(good), `opus/48000/2`, "VP8/90000"), "m=audio", "m=video"), "a=mid:2", "a=mid:3"), true},
		"data channel":               {good + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:9\r\na=sctp-port:5000\r\n", true},
		"unknown kind":               {strings.ReplaceAll(good, "m=audio", "m=smell"), false},
		"ten thousand candidates":    {good + strings.Repeat("a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n", 1_300), true},
		"bad candidate":              {good + "a=candidate:x y z\r\na=candidate:1 1 udp 1 999.0.0.1 99999999 typ host\r\n", true},
		"every extension id":         {good + manyLines("a=extmap:%d urn:x:%d\r\n", 1_500), true},
		"many codecs":                {good + manyLines("a=rtpmap:%d codec%d/48000\r\n", 1_500), true},
		"an SSRC that is no number":  {good + "a=ssrc:-1 cname:x\r\na=ssrc:x\r\na=ssrc:99999999999 cname:x\r\n", true},
		"truncated":                  {good[:len(good)/2], true},
		"media before the session":   {sections + session, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.guest(t, "Hostile")
			encoded, err := json.Marshal(c.sdp)
			if err != nil {
				t.Fatal(err)
			}
			if len(encoded) > 65_000 {
				t.Fatalf("the offer is %d bytes: does not fit a frame", len(encoded))
			}
			began := time.Now()
			_, err = p.Join(within(t, patience), client.JoinParams{Room: room, Offer: c.sdp, Sources: map[string]string{"0": "microphone"}})
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the answer took %s", took)
			}
			switch code := client.Code(err); {
			case err == nil && c.mayServe:
				if err := p.Leave(); err != nil {
					t.Error(err)
				}
				return
			case err == nil:
				t.Error("the offer was accepted")
			case code != 400 && code != -32602:
				t.Errorf("join gives %v, want 400", err)
			}
			p.in(room) // the connection is as good as before, and the room has not seen it
			if err := p.Leave(); err != nil {
				t.Error(err)
			}
		})
	}
	watcher.wantHears(speaker)
	wantContinuous(t, watcher)
	wantGoroutines(t, s, baseline)
	leaveAll(t, watcher, speaker)
	wantEmpty(t, s)
}

func manyLines(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i, i)
	}
	return b.String()
}

func lastSection(sdp string) string { return sdp[strings.LastIndex(sdp, "m="):] }

func TestARefusedOfferIsSeenByNobody(t *testing.T) {
	t.Parallel()
	room := unique("unseen")
	watcher := guests.guest(t, "Watcher").in(room)
	p := guests.guest(t, "Hostile")
	_, err := p.Join(within(t, patience), client.JoinParams{Room: room, Offer: "garbage"})
	wantError(t, err, 400)
	p.in(room)
	await(watcher, "participant_joined", func(e client.ParticipantEvent) bool {
		return e.Participant.ID == p.id() && e.Version == watcher.joined.Room.Version+1
	})
}

func TestABadOfferToNegotiateIs400AndTheMediaGoOn(t *testing.T) {
	t.Parallel()
	room := unique("bad-negotiate")
	a := guests.guest(t, "Ada").withSlots(room, 2)
	b := guests.guest(t, "Bea").withSlots(room, 2)
	a.wantHears(b)
	for _, sdp := range []string{"garbage", "v=0\r\n", without(goodOffer(t), "a=fingerprint")} {
		_, err := b.Negotiate(within(t, patience), client.NegotiateParams{Offer: sdp})
		wantError(t, err, 400)
	}
	a.wantHears(b)
	b.wantHears(a)
	if _, err := b.media.Restart(within(t, patience), b.Client); err != nil {
		t.Errorf("an ICE restart after that: %v", err)
	}
	a.wantHears(b)
}

func TestSourcesNameOnlyWhatThereIs(t *testing.T) {
	t.Parallel()
	p := guests.guest(t, "Ada")
	_, err := p.Join(within(t, patience), client.JoinParams{
		Room: unique("sources"), Offer: goodOffer(t), Sources: map[string]string{"0": "trumpet"},
	})
	if code := client.Code(err); code != 400 && code != -32602 {
		t.Errorf("a source called trumpet gives %v, want 400", err)
	}
	room := unique("sources")
	a := guests.guest(t, "Ada").withSlots(room, 1)
	b := guests.guest(t, "Bea")
	b.media, b.heard = device(t, client.EngineConfig{}, client.MediaConfig{Slots: 1})
	b.voice = newVoice(b.media)
	offer, _, err := b.media.Offer(false)
	if err != nil {
		t.Fatal(err)
	}
	b.mustJoin(client.JoinParams{Room: room, Offer: offer}) // an audio one not named is the microphone
	if err := b.media.Answer(b.joined.Answer); err != nil {
		t.Fatal(err)
	}
	a.wantHears(b)
}
