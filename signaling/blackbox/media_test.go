package blackbox

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubbub/signaling/client"
)

func TestTwoPeopleHearEachOtherAndNotThemselves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		engine   client.EngineConfig
		sendrecv bool
	}{
		"sendonly microphone":  {client.EngineConfig{}, false},
		"sendrecv microphone":  {client.EngineConfig{}, true},
		"no level extension":   {client.EngineConfig{NoAudioLevel: true}, false},
		"TCP candidates alone": {client.EngineConfig{TCP: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := unique("two")
			cfg := client.MediaConfig{Slots: 3, SendRecv: c.sendrecv}
			a := guests.guest(t, "Ada").inWith(room, c.engine, cfg)
			b := guests.guest(t, "Bea").inWith(room, c.engine, cfg)
			b.wantHears(a)
			a.wantHears(b)

			at := b.heard.count()
			first := a.voice.say(t, 50, loud, true)
			eventually(t, patience, "all of 50 frames are heard", func() bool { return len(since(b.heard.of(a.voice, at), first)) == 50 })
			for _, s := range b.heard.of(a.voice, 0) {
				if s.CSRC[0] != a.joined.Participant.CSRC {
					t.Fatalf("the CSRC is %d, Ada's is %d", s.CSRC[0], a.joined.Participant.CSRC)
				}
				if !c.engine.NoAudioLevel && (!s.HasLevel || s.Level != loud || !s.Voice) {
					t.Fatalf("the level came as %+v, want %d with voice", s.Packet, loud)
				}
			}
			wantContinuous(t, a)
			wantContinuous(t, b)
			if c.engine.TCP && !strings.HasPrefix(a.media.RemoteAddr(), "tcp ") {
				t.Errorf("the media go over %s", a.media.RemoteAddr())
			}
		})
	}
}

// since are the sounds with this number or a later one.
func since(sounds []sound, first uint32) []sound {
	var out []sound
	for _, s := range sounds {
		if s.count >= first {
			out = append(out, s)
		}
	}
	return out
}

func TestTheAnswerIsICELiteWithCandidatesAndASSRCForEachSlot(t *testing.T) {
	t.Parallel()
	p := guests.guest(t, "Ada").withSlots(unique("answer"), 3)
	answer := p.joined.Answer
	if !strings.Contains(answer, "a=ice-lite") {
		t.Error("the answer does not say ice-lite")
	}
	lanePorts := make([]string, lanes)
	for i := range lanes {
		lanePorts[i] = fmt.Sprint(guests.mediaPort + i)
	}
	port := "(" + strings.Join(lanePorts, "|") + ")"
	for _, want := range []string{
		`a=candidate:\S+ 1 (udp|UDP) \d+ 127\.0\.0\.1 ` + port + ` typ host`,
		`a=candidate:\S+ 1 (tcp|TCP) \d+ 127\.0\.0\.1 ` + port + ` typ host tcptype passive`,
	} {
		if !regexp.MustCompile(want).MatchString(answer) {
			t.Errorf("the answer has no %s:\n%s", want, answer)
		}
	}
	sections := strings.Split(answer, "m=audio ")[1:]
	if len(sections) != 4 || len(p.joined.Slots) != 3 {
		t.Fatalf("the answer has %d audio m-lines and %d slots, want 4 and 3", len(sections), len(p.joined.Slots))
	}
	if !strings.Contains(sections[0], "urn:ietf:params:rtp-hdrext:ssrc-audio-level") {
		t.Error("the level extension is not accepted on the microphone")
	}
	ssrcs := make(map[string]bool)
	for i, section := range sections[1:] {
		m := regexp.MustCompile(`a=ssrc:(\d+)`).FindStringSubmatch(section)
		if len(m) == 0 || ssrcs[m[1]] {
			t.Errorf("slot %d names the SSRC %v", i, m)
			continue
		}
		ssrcs[m[1]] = true
		mid := regexp.MustCompile(`a=mid:(\S+)`).FindStringSubmatch(section)
		if s := p.joined.Slots[i]; s.Mid != mid[1] || s.Kind != "audio" || s.Participant != "" || s.Source != "" {
			t.Errorf("slot %d is %+v, want mid %s, empty", i, s, mid[1])
		}
	}
}

func TestSlotsBeyondLimitsSlotsAreRejectedInTheAnswer(t *testing.T) {
	t.Parallel()
	p := guests.guest(t, "Ada")
	limit := p.hello.Limits.Slots
	p.withSlots(unique("many-slots"), limit+2)
	if len(p.joined.Slots) != limit {
		t.Errorf("there are %d slots, the limit is %d", len(p.joined.Slots), limit)
	}
	rejected := 0
	for _, section := range strings.Split(p.joined.Answer, "m=audio ")[1:] {
		if strings.HasPrefix(section, "0 ") {
			rejected++
		}
	}
	if rejected != 2 {
		t.Errorf("%d m-lines are rejected, want 2", rejected)
	}
}

func TestWithEnoughSlotsEachOtherHasASlotForGood(t *testing.T) {
	t.Parallel()
	room := unique("for-good")
	listener := guests.guest(t, "Listener").withSlots(room, 3)
	var others []*person
	for _, name := range []string{"Ada", "Bea", "Cem"} {
		others = append(others, guests.guest(t, name).withSlots(room, 3))
	}
	for _, p := range others {
		listener.wantHears(p)
	}
	mids := make(map[string]string)
	for range 3 { // in turn and at once, loud and soft: no one moves
		for _, p := range others {
			p.voice.say(t, 5, loud, true)
		}
		for range 10 {
			for _, p := range others {
				p.voice.sayOne(t, 40, false)
			}
			<-time.After(frameTime)
		}
	}
	for _, s := range listener.heard.all() {
		csrc := fmt.Sprint(s.CSRC[0])
		if was, ok := mids[csrc]; ok && was != s.Mid {
			t.Fatalf("%s moved from slot %s to %s", csrc, was, s.Mid)
		}
		mids[csrc] = s.Mid
	}
	wantContinuous(t, listener)
	now := slotsNow(listener)
	for _, p := range others {
		s := now[mids[fmt.Sprint(p.joined.Participant.CSRC)]]
		if s.Participant != p.id() || s.Source != "microphone" || s.Kind != "audio" {
			t.Errorf("signalling says %+v of the slot that carries %s (%s)", s, p.hello.User.Name, p.id())
		}
	}
}

func TestWhoLeavesLeavesTheSlotEmpty(t *testing.T) {
	t.Parallel()
	room := unique("empty-slot")
	a := guests.guest(t, "Ada").withSlots(room, 2)
	b := guests.guest(t, "Bea").withSlots(room, 2)
	a.wantHears(b)
	if err := b.Leave(); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "Ada's slots are empty", func() bool {
		for _, s := range slotsNow(a) {
			if s.Participant != "" || s.Source != "" {
				return false
			}
		}
		return true
	})
	c := guests.guest(t, "Cem").withSlots(room, 2)
	a.wantHears(c)
	wantContinuous(t, a)
}

func TestAMutedParticipantsPacketsAreDroppedByTheServer(t *testing.T) {
	t.Parallel()
	room := unique("server-mute")
	a := guests.guest(t, "Ada").withSlots(room, 3)
	b := guests.guest(t, "Bea").withSlots(room, 3)
	c := guests.guest(t, "Cem").withSlots(room, 3)
	a.wantHears(b)
	a.wantHears(c)
	b.mustUpdate(client.Change{Muted: new(true)})
	a.wantDeafTo(b, c)
	b.mustUpdate(client.Change{Muted: new(false)})
	a.wantHears(b)
	a.mustModerate(client.Order{Participant: b.id(), Action: "mute"})
	a.wantDeafTo(b, c)
	b.mustUpdate(client.Change{Muted: new(false)})
	a.wantHears(b)
	wantContinuous(t, a)

	d := guests.guest(t, "Dan")
	d.joinWith(client.JoinParams{Room: room, Muted: true}, client.EngineConfig{}, client.MediaConfig{Slots: 3})
	a.wantDeafTo(d, c)
	d.mustUpdate(client.Change{Muted: new(false)})
	a.wantHears(d)
}

func TestAListenerIsDroppedUntilMadeASpeakerWithoutANewOffer(t *testing.T) {
	t.Parallel()
	room := unique("listener")
	host := guests.guest(t, "Host").withSlots(room, 3)
	a := guests.guest(t, "Ada").withSlots(room, 3)
	c := guests.guest(t, "Cem").withSlots(room, 3)
	host.wantHears(a)
	host.mustModerate(client.Order{Participant: a.id(), Action: "role", Role: "listener"})
	host.wantDeafTo(a, c)
	a.wantHears(host)
	a.mustUpdate(client.Change{Muted: new(true)})
	a.mustUpdate(client.Change{Muted: new(false)}) // helps nothing
	host.wantDeafTo(a, c)
	host.mustModerate(client.Order{Participant: a.id(), Action: "role", Role: "speaker"})
	host.wantHears(a)
}

func TestAPureListenerNeedsNoMicrophone(t *testing.T) {
	t.Parallel()
	room := unique("pure-listener")
	a := guests.guest(t, "Ada").withSlots(room, 1)
	b := guests.guest(t, "Bea").inWith(room, client.EngineConfig{}, client.MediaConfig{Slots: 2, ListensOnly: true})
	b.wantHears(a)
}

func TestAnICERestartIsNegotiatedAtAnyTimeAndChangesNoStream(t *testing.T) {
	t.Parallel()
	room := unique("restart")
	a := guests.guest(t, "Ada").withSlots(room, 2)
	b := guests.guest(t, "Bea").withSlots(room, 2)
	a.wantHears(b)
	b.wantHears(a)
	for range 2 {
		r, err := a.media.Restart(within(t, patience), a.Client)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Slots) != 2 {
			t.Errorf("the answer has the slots %+v", r.Slots)
		}
		if err := a.media.Connected(within(t, patience)); err != nil {
			t.Fatal(err)
		}
		a.wantHears(b)
		b.wantHears(a)
	}
	ssrcs := make(map[uint32]bool)
	for _, s := range a.heard.of(b.voice, 0) {
		ssrcs[s.SSRC] = true
	}
	if len(ssrcs) != 1 {
		t.Errorf("Bea was heard on the SSRCs %v", ssrcs)
	}
}

func TestMediaMayBeAddedByNegotiateAfterJoiningWithText(t *testing.T) {
	t.Parallel()
	room := unique("added")
	a := guests.guest(t, "Ada").withSlots(room, 2)
	b := guests.guest(t, "Bea").in(room)
	b.media, b.heard = device(t, client.EngineConfig{}, client.MediaConfig{Slots: 2})
	b.voice = newVoice(b.media)
	offer, sources, err := b.media.Offer(false)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Negotiate(within(t, patience), client.NegotiateParams{Offer: offer, Sources: sources})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.media.Answer(r.Answer); err != nil {
		t.Fatal(err)
	}
	if err := b.media.Connected(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	a.wantHears(b)
	b.wantHears(a)
}
