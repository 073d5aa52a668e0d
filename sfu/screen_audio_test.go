package sfu

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// screenAudioSSRC is that of what sharers sound like.
const screenAudioSSRC = 6000

// joinSharer brings in a client whose first m-line after the microphone sends the sound of a screen.
func (m *simulation) joinSharer(slots int) *fakeClient {
	m.t.Helper()
	m.ids++
	offer := strings.Replace(plainOffer(slots+1), "a=mid:1\r\na=recvonly\r\n", fmt.Sprintf("a=mid:1\r\na=sendonly\r\na=ssrc:%d cname:x\r\n", screenAudioSSRC), 1)
	p, answer, err := m.sfu.NewPeer(context.Background(), Offer{SDP: offer, Sources: map[string]Source{"1": ScreenAudio}})
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.room.Attach(p, Attachment{Participant: fmt.Sprint(m.ids), CSRC: m.ids, Publishing: true}); err != nil {
		m.t.Fatal(err)
	}
	var parameters []string
	for line := range strings.SplitSeq(answer, "\r\n") {
		if value, ok := strings.CutPrefix(line, "a=fmtp:111 "); ok {
			parameters = append(parameters, value)
		}
	}
	if parameters[0] != opusParameters || parameters[1] != screenOpusParameters || parameters[2] != opusParameters {
		m.t.Errorf("Opus is to be sent with %q", parameters)
	}
	return &fakeClient{peer: p, transport: p.transport.(*fakeTransport)}
}

// A screen that is not shared must not cost a voice its place: clients have the m-line for its sound from the start.
func TestScreenAudioTakesASlotWhenItSounds(t *testing.T) {
	m := newSimulation(t, 4)
	listener := m.join(3)
	first, second := m.joinSharer(3), m.joinSharer(3)
	occupants := func() (who []string) {
		for _, s := range listener.peer.Slots() {
			who = append(who, s.Participant+" "+string(s.Source))
		}
		return who
	}
	if got, want := occupants(), []string{"2 microphone", "3 microphone", " "}; !slices.Equal(got, want) {
		t.Fatalf("before anything sounds: %q, want %q", got, want)
	}
	second.ssrc = screenAudioSSRC
	for range 5 {
		second.send([]byte("film"), 20, false)
		m.tick()
	}
	if heard := of(listener.transport.packets(), 3); len(heard) < 4 {
		t.Errorf("%d of 5 packets of the film were heard", len(heard))
	}
	if got, want := occupants(), []string{"2 microphone", "3 microphone", "3 screen_audio"}; !slices.Equal(got, want) {
		t.Errorf("with a film: %q, want %q", got, want)
	}
	first.send([]byte("voice"), 20, true)
	m.tick()
	if heard := of(listener.transport.packets(), 2); len(heard) != 1 {
		t.Errorf("beside the film, %d packets of a voice were heard", len(heard))
	}
}
