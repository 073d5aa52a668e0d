package blackbox

import (
	"testing"

	"github.com/gorilla/websocket"

	"hubbub/signaling/client"
)

func TestJoiningTheSameRoomAgainTouchesNoMediaWithoutAnOffer(t *testing.T) {
	t.Parallel()
	room := unique("rejoin-media")
	a := guests.guest(t, "Ada").withSlots(room, 2)
	b := guests.guest(t, "Bea").withSlots(room, 2)
	a.wantHears(b)
	again, err := b.Join(within(t, patience), client.JoinParams{Room: room})
	if err != nil || again.Answer != "" || len(again.Slots) != 2 {
		t.Errorf("join again gives the answer %q, slots %v, %v", again.Answer, again.Slots, err)
	}
	a.wantHears(b)
	b.wantHears(a)
	wantContinuous(t, a)
	wantContinuous(t, b)
}

func TestResumingWithoutAnOfferGoesOnWithThePeerConnection(t *testing.T) {
	t.Parallel()
	room := unique("resume-media")
	a := guests.guest(t, "Ada").withSlots(room, 2)
	b := guests.guest(t, "Bea").withSlots(room, 2)
	a.wantHears(b)
	b.wantHears(a)
	at := a.heard.count()
	stop := b.voice.talk(t, loud, true)
	b.Abort()
	a.isState(b.id(), "reconnecting")
	b.wantHears(a) // media go on in both directions

	c := guests.connect(t, client.ConnectParams{Resume: b.hello.Resume})
	c.media, c.heard, c.voice = b.media, b.heard, b.voice
	c.mustJoin(client.JoinParams{Room: room})
	if c.id() != b.id() || c.joined.Answer != "" || len(c.joined.Slots) != 2 {
		t.Errorf("resuming gives %+v", c.joined)
	}
	a.isState(b.id(), "active")
	stop()
	a.wantHears(c)
	c.wantHears(a)
	wantContinuous(t, a)
	wantContinuous(t, c)
	// Nothing was lost on the way.
	last := uint32(0)
	for _, s := range a.heard.of(b.voice, at) {
		if last != 0 && s.count != last+1 {
			t.Fatalf("frame %d follows frame %d", s.count, last)
		}
		last = s.count
	}
}

func TestResumingWithAnOfferPutsANewPeerConnectionInItsPlace(t *testing.T) {
	t.Parallel()
	room := unique("resume-offer")
	a := guests.guest(t, "Ada").withSlots(room, 2)
	b := guests.guest(t, "Bea").withSlots(room, 2)
	a.wantHears(b)
	b.Abort()
	c := guests.connect(t, client.ConnectParams{Resume: b.hello.Resume}).withSlots(room, 2)
	if c.id() != b.id() || c.joined.Participant.CSRC != b.joined.Participant.CSRC {
		t.Errorf("the participant is %+v, was %+v", c.joined.Participant, b.joined.Participant)
	}
	a.wantHears(c)
	c.wantHears(a)
	wantContinuous(t, a)
	for _, s := range a.heard.all() {
		if s.CSRC[0] != b.joined.Participant.CSRC {
			t.Fatalf("a packet has the CSRC %d", s.CSRC[0])
		}
	}
}

func TestResumingWithoutAnOfferIs409WhenTheMediaAreNotHere(t *testing.T) {
	t.Parallel()
	room := unique("media-gone")
	a := guests.guest(t, "Ada").withSlots(room, 2)
	b := guests.guest(t, "Bea").withSlots(room, 2)
	a.wantHears(b)
	if err := b.media.Close(); err != nil { // DTLS says so to the server
		t.Fatal(err)
	}
	eventually(t, patience, "the server has noticed that Bea's media ended", func() bool {
		for _, s := range slotsNow(a) {
			if s.Participant == b.id() {
				return false
			}
		}
		return true
	})
	b.Abort()
	c := guests.connect(t, client.ConnectParams{Resume: b.hello.Resume})
	_, err := c.Join(within(t, patience), client.JoinParams{Room: room})
	wantError(t, err, 409)
	c.withSlots(room, 2)
	if c.id() != b.id() {
		t.Errorf("the participant is %s, was %s", c.id(), b.id())
	}
	a.wantHears(c)
}

func TestASecondDeviceTakesOverTheSound(t *testing.T) {
	t.Parallel()
	room, sub := unique("takeover"), unique("takeover")
	a := member(t, unique("ada"), speaker(nil)).withSlots(room, 2)
	first := member(t, sub, speaker(nil)).withSlots(room, 2)
	a.wantHears(first)
	second := member(t, sub, speaker(nil)).withSlots(room, 2)
	first.wantClosed(client.CloseReplaced)
	a.wantHears(second)
	second.wantHears(a)
	wantContinuous(t, a)
	wantContinuous(t, second)
}

func TestMediaOfWhoHasLeftGoNowhere(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(t *testing.T, host, p *person){
		"leave": func(t *testing.T, _, p *person) {
			if err := p.LeaveRoom(within(t, patience)); err != nil {
				t.Fatal(err)
			}
		},
		"close 1000": func(t *testing.T, _, p *person) {
			if err := p.Close(websocket.CloseNormalClosure, ""); err != nil {
				t.Fatal(err)
			}
		},
		"removed": func(_ *testing.T, host, p *person) {
			host.mustModerate(client.Order{Participant: p.id(), Action: "remove"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := unique("gone")
			host := guests.guest(t, "Host").withSlots(room, 3)
			b := guests.guest(t, "Bea").withSlots(room, 3)
			c := guests.guest(t, "Cem").withSlots(room, 3)
			host.wantHears(b)
			b.wantHears(host)
			leave(t, host, b)
			await(c, "participant_left", func(e client.LeftEvent) bool { return e.ID == b.id() })
			at := b.heard.count()
			atHost := host.heard.count()
			for range 10 {
				_ = b.media.Send(client.Frame{Payload: []byte("gone"), Level: loud, Voice: true}) // may be closed already
				c.wantHears(host)
				host.wantHears(c)
			}
			if n := b.heard.count() - at; n > 1 { // one may have been under way
				t.Errorf("who has left still heard %d packets", n)
			}
			for _, s := range host.heard.from(atHost) {
				if s.CSRC[0] == b.joined.Participant.CSRC {
					t.Fatal("who has left is still heard")
				}
			}
		})
	}
}
