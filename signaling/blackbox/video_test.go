package blackbox

import (
	"context"
	"slices"
	"sync"
	"testing"

	"hubbub/signaling/client"
)

// eye keeps what a person sees.
type eye struct {
	mu       sync.Mutex
	pictures []client.Picture
}

func (e *eye) see(p client.Picture) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pictures = append(e.pictures, p)
}

// count is how many pictures there have been.
func (e *eye) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.pictures)
}

// of are the pictures of a source that could be decoded, from index i on.
func (e *eye) of(s *client.VideoSender, i int) []client.Picture {
	e.mu.Lock()
	defer e.mu.Unlock()
	var of []client.Picture
	for _, p := range e.pictures[i:] {
		if p.Stream == s.Stream() && p.Decodable {
			of = append(of, p)
		}
	}
	return of
}

// sees joins a room with media that have video.
func (p *person) sees(room string, cfg client.MediaConfig) *eye {
	p.t.Helper()
	e := new(eye)
	cfg.OnPicture = e.see
	p.inWith(room, client.EngineConfig{}, cfg)
	return e
}

// films has a camera or screen send until the test ends, or the function that is returned is called.
func films(t *testing.T, s *client.VideoSender) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("sending video: %v", err)
		}
	})
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// wantSees waits until this person's eye has so many pictures of somebody's source from now on, and checks who they say they are of.
func (p *person) wantSees(e *eye, of *person, s *client.VideoSender) {
	p.t.Helper()
	const enough = 15 // half a second's
	begin := e.count()
	eventually(p.t, patience, p.hello.User.Name+" sees "+of.hello.User.Name, func() bool { return len(e.of(s, begin)) >= enough })
	csrc := of.joined.Participant.CSRC
	for _, picture := range e.of(s, begin) {
		if !slices.Equal(picture.CSRC, []uint32{csrc}) {
			p.t.Fatalf("a picture of %s says CSRC %v, not %d", of.hello.User.Name, picture.CSRC, csrc)
		}
	}
}

// wantFaultless checks what came in a person's video slots.
func (p *person) wantFaultless() {
	p.t.Helper()
	for mid, stats := range p.media.VideoStats() {
		if len(stats.Faults) > 0 {
			p.t.Errorf("%s, slot %s: %v", p.hello.User.Name, mid, stats.Faults)
		}
	}
}

// isToldOf waits until a connection has been told that a video slot carries a source of somebody, nobody if participant is "".
func (p *person) isToldOf(participant, source string) {
	p.t.Helper()
	await(p, "slots", func(e client.SlotsEvent) bool {
		return slices.ContainsFunc(e.Slots, func(s client.Slot) bool {
			return s.Kind == "video" && s.Participant == participant && s.Source == source
		})
	})
}

func TestInAVideoCallTheTwoSeeAndHearEachOther(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	c := inCall(t, a, b, "video")
	cfg := client.MediaConfig{Slots: 1, Camera: client.SimulcastCamera(), VideoSlots: 2}
	seenByA, seenByB := a.sees(c.Room, cfg), b.sees(c.Room, cfg)
	if !slices.ContainsFunc(b.joined.Slots, func(s client.Slot) bool { return s.Kind == "video" && s.Participant == "" }) {
		t.Errorf("the slots are %+v", b.joined.Slots)
	}
	stop := films(t, a.media.Camera())
	films(t, b.media.Camera())
	a.wantSees(seenByA, b, b.media.Camera())
	b.wantSees(seenByB, a, a.media.Camera())
	b.isToldOf(a.id(), "camera")
	a.wantHears(b)
	b.wantHears(a)
	a.wantFaultless()
	b.wantFaultless()

	// Whoever sends no more pictures gives up the slot, and nothing else.
	stop()
	b.isToldOf("", "")
	a.wantSees(seenByA, b, b.media.Camera())
	a.isTold(b.mustHangUp(c.ID))
}

func TestVideoIsAddedToSoundByNegotiate(t *testing.T) {
	t.Parallel()
	room := unique("video")
	a, b := guests.guest(t, "Ada"), guests.guest(t, "Bea")
	cfg := client.MediaConfig{Slots: 1, AddsVideo: true}
	seenByA, seenByB := a.sees(room, cfg), b.sees(room, cfg)
	a.wantHears(b)
	for _, p := range []*person{a, b} {
		if err := p.media.AddVideo(client.SimulcastCamera(), client.SingleEncoding(500_000), 3); err != nil {
			t.Fatal(err)
		}
		r, err := p.media.Renegotiate(within(t, patience), p.Client)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(slices.DeleteFunc(r.Slots, func(s client.Slot) bool { return s.Kind != "video" })); n != 3 {
			t.Errorf("%s has %d video slots, want 3", p.hello.User.Name, n)
		}
	}
	for _, p := range []*person{a, b} {
		films(t, p.media.Camera())
	}
	films(t, b.media.Screen())
	b.wantSees(seenByB, a, a.media.Camera())
	a.wantSees(seenByA, b, b.media.Camera())
	a.wantSees(seenByA, b, b.media.Screen())
	a.isToldOf(b.id(), "screen")
	a.wantHears(b)
	b.wantHears(a)
	a.wantFaultless()
	b.wantFaultless()
}

func TestAListenersPicturesAreDroppedUntilAHostMakesThemASpeaker(t *testing.T) {
	t.Parallel()
	room := unique("video")
	host := member(t, unique("host"), speaker(grants{"role": "host"}))
	shy := member(t, unique("shy"), speaker(grants{"role": "listener"}))
	cfg := client.MediaConfig{Slots: 1, Camera: client.SingleEncoding(300_000), VideoSlots: 2}
	seen := host.sees(room, cfg)
	seenByShy := shy.sees(room, cfg)
	films(t, shy.media.Camera())
	films(t, host.media.Camera())
	for range 4 {
		shy.wantSees(seenByShy, host, host.media.Camera())
	}
	if n := len(seen.of(shy.media.Camera(), 0)); n > 0 {
		t.Errorf("%d pictures of a listener were seen", n)
	}
	host.moderates(shy, map[string]any{"action": "role", "role": "speaker"})
	host.wantSees(seen, shy, shy.media.Camera())

	// Muting is about sound.
	host.moderates(shy, map[string]any{"action": "mute"})
	await(host, "participant_updated", func(e client.ParticipantEvent) bool { return e.Participant.ID == shy.id() && e.Participant.Muted })
	host.wantSees(seen, shy, shy.media.Camera())

	host.moderates(shy, map[string]any{"action": "role", "role": "listener"})
	host.isToldOf("", "")
	// What was on its way may still arrive. Then there is nothing, for as long as the host's own pictures come.
	for quiet, rounds := 0, 0; quiet < 3; rounds++ {
		after := seen.count()
		shy.wantSees(seenByShy, host, host.media.Camera())
		if quiet++; len(seen.of(shy.media.Camera(), after)) > 0 {
			quiet = 0
		}
		if rounds == 20 {
			t.Fatal("pictures of who became a listener are still seen")
		}
	}
}

// moderates gives an order about somebody.
func (p *person) moderates(target *person, order map[string]any) {
	p.t.Helper()
	order["participant"] = target.id()
	if err := p.Call(within(p.t, patience), "moderate", order, nil); err != nil {
		p.t.Fatalf("%s moderates %v: %v", p.hello.User.Name, order, err)
	}
}

func TestWithoutVideoSlotsThereIsNoVideo(t *testing.T) {
	t.Parallel()
	s := start(t, "--video-slots", "0")
	room := unique("video")
	a, b := s.guest(t, "Ada"), s.guest(t, "Bea")
	for _, p := range []*person{a, b} {
		p.inWith(room, client.EngineConfig{}, client.MediaConfig{Slots: 1, VideoSlots: 2})
	}
	for _, p := range []*person{a, b} {
		if slices.ContainsFunc(p.joined.Slots, func(s client.Slot) bool { return s.Kind == "video" }) {
			t.Errorf("the slots are %+v", p.joined.Slots)
		}
	}
	a.wantHears(b)
	b.wantHears(a)
}
