package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// viewer is somebody in a room with sound and pictures, on one node.
type viewer struct {
	*client.Client
	t      *testing.T
	user   string
	media  *client.Media
	hello  client.ConnectResult
	joined client.JoinResult
	asked  chan struct{} // closed when the server asks to leave this node

	mu       sync.Mutex
	pictures []client.Picture
	sounds   []heard
	slots    []client.Slot // as they were told, one after another
}

// heard is a packet of somebody's sound.
type heard struct {
	csrc uint32
	at   time.Time
}

// enterVideo connects somebody and joins a room with a microphone, a camera and slots for both.
func (c *cluster) enterVideo(t *testing.T, n *node, room, user string) *viewer {
	t.Helper()
	return c.enterAs(t, n, room, user, client.MediaConfig{Slots: slots, Camera: client.SimulcastCamera(), VideoSlots: 3}, "microphone")
}

// enterAs does so with these media, whose sound is that of a source.
func (c *cluster) enterAs(t *testing.T, n *node, room, user string, cfg client.MediaConfig, source string) *viewer {
	t.Helper()
	return c.enterBy(t, n, room, user, client.ConnectParams{Token: mint(t, user, "speaker")}, cfg, source)
}

// enterBy does so for who proves in this way who they are.
func (c *cluster) enterBy(
	t *testing.T, n *node, room, user string, who client.ConnectParams, cfg client.MediaConfig, source string,
) *viewer {
	t.Helper()
	v := &viewer{t: t, user: user, asked: make(chan struct{})}
	ctx, cancel := within(patience)
	defer cancel()
	var err error
	if v.Client, err = client.Dial(ctx, n.signal(), client.Options{OnNotification: v.told}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Abort)
	if v.hello, err = v.Connect(ctx, who); err != nil {
		t.Fatal(err)
	}
	cfg.OnPacket, cfg.OnPicture = v.hear, v.see
	if v.media, err = c.engine.NewMedia(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.media.Close() })
	params := client.JoinParams{Room: room}
	if params.Offer, params.Sources, err = v.media.Offer(false); err != nil {
		t.Fatal(err)
	}
	for mid, s := range params.Sources {
		if s == "microphone" {
			params.Sources[mid] = source
		}
	}
	if v.joined, err = v.Join(ctx, params); err != nil {
		t.Fatalf("%s joins: %v", user, err)
	}
	if err := v.media.Answer(v.joined.Answer); err != nil {
		t.Fatalf("%s joins: %v", user, err)
	}
	if err := v.media.Connected(ctx); err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	v.perform()
	return v
}

// move has somebody come in on another node with a camera as they have here, and returns them there; both send until the caller closes this one.
func (v *viewer) move(c *cluster, n *node) *viewer {
	v.t.Helper()
	moved := c.enterBy(v.t, n, v.joined.Room.Name, v.user, client.ConnectParams{Resume: v.hello.Resume},
		client.MediaConfig{Slots: slots, Camera: client.SimulcastCamera(), VideoSlots: 3}, "microphone")
	if was, is := v.joined.Participant, moved.joined.Participant; was.ID != is.ID || was.CSRC != is.CSRC {
		v.t.Errorf("participant %s (CSRC %d) became %s (CSRC %d)", was.ID, was.CSRC, is.ID, is.CSRC)
	}
	return moved
}

func (v *viewer) told(n client.Notification) {
	if n.Method == "reconnect" {
		close(v.asked)
		return
	}
	var e client.SlotsEvent
	if n.Method != "slots" || n.Decode(&e) != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.slots = append(v.slots, e.Slots...)
}

// wasTold says whether some slot was said to carry a source of somebody.
func (v *viewer) wasTold(of *viewer, source string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.ContainsFunc(slices.Concat(v.joined.Slots, v.slots), func(s client.Slot) bool {
		return s.Participant == of.joined.Participant.ID && s.Source == source
	})
}

func (v *viewer) hear(p client.Packet) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(p.CSRC) == 1 {
		v.sounds = append(v.sounds, heard{p.CSRC[0], p.Arrived})
	}
}

func (v *viewer) see(p client.Picture) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pictures = append(v.pictures, p)
}

// perform has the microphone, and the camera if there is one, send until the test ends.
func (v *viewer) perform() {
	if v.media.Camera() != nil {
		v.film()
	}
	v.background(func(ctx context.Context) {
		tick := time.NewTicker(frameTime)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				err := v.media.Send(client.Frame{Payload: make([]byte, 60), Level: loudness, Voice: true})
				if errors.Is(err, client.ErrNotNegotiated) {
					return // the server has ended the media, as at the end of a call
				}
				if err != nil {
					v.t.Errorf("%s speaks: %v", v.user, err)
					return
				}
			}
		}
	})
}

// film has the camera send until the test ends.
func (v *viewer) film() {
	v.background(func(ctx context.Context) {
		if err := v.media.Camera().Run(ctx); err != nil {
			v.t.Errorf("%s films: %v", v.user, err)
		}
	})
}

// background runs f until the test ends.
func (v *viewer) background(f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	v.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func (v *viewer) csrc() uint32 { return v.joined.Participant.CSRC }

// since counts the pictures and sounds of somebody from a moment on.
func (v *viewer) since(of *viewer, from time.Time) (pictures, sounds int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range v.pictures {
		if of.media.Camera() != nil && p.Stream == of.media.Camera().Stream() && p.Decodable && p.Arrived.After(from) && slices.Equal(p.CSRC, []uint32{of.csrc()}) {
			pictures++
		}
	}
	for _, s := range v.sounds {
		if s.csrc == of.csrc() && s.at.After(from) {
			sounds++
		}
	}
	return pictures, sounds
}

// gaps are the longest times in which nothing came of somebody, by whichever connection of theirs, from a moment on.
func (v *viewer) gaps(of *viewer, from time.Time) (pictures, sounds time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	last := from
	for _, p := range v.pictures {
		if slices.Equal(p.CSRC, []uint32{of.csrc()}) && p.Decodable && p.Arrived.After(last) {
			pictures, last = max(pictures, p.Arrived.Sub(last)), p.Arrived
		}
	}
	last = from
	for _, s := range v.sounds {
		if s.csrc == of.csrc() && s.at.After(last) {
			sounds, last = max(sounds, s.at.Sub(last)), s.at
		}
	}
	return pictures, sounds
}

// wantTogether waits until everyone sees and hears each other, for a while from now on.
func wantTogether(t *testing.T, people []*viewer) {
	t.Helper()
	from := time.Now()
	for _, v := range people {
		for _, of := range people {
			if v == of {
				continue
			}
			eventually(t, fmt.Sprintf("%s sees and hears %s", v.user, of.user), func() bool {
				pictures, sounds := v.since(of, from)
				return pictures >= 15 && sounds >= 25
			})
		}
	}
}

func wantFaultless(t *testing.T, people []*viewer) {
	t.Helper()
	for _, v := range people {
		for mid, stats := range v.media.VideoStats() {
			if len(stats.Faults) > 0 {
				t.Errorf("%s, slot %s: %v", v.user, mid, stats.Faults)
			}
		}
	}
}

func TestAVideoCallOfTwoNodes(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	a, b := c.phone(t, c.members[0], unique("ada")), c.phone(t, c.members[1], unique("bea"))
	call := a.rings(b.user)
	b.accepts(call.ID)
	people := []*viewer{c.enterVideo(t, c.members[0], call.Room, a.user), c.enterVideo(t, c.members[1], call.Room, b.user)}
	wantTogether(t, people)
	wantFaultless(t, people)
	b.hangsUp(call.ID)
	a.wantStates(call.ID, "ringing", "accepted", "ended")
}

// TestPicturesOutliveTheOwnerOfTheirRoom kills the node through which two others exchange theirs.
func TestPicturesOutliveTheOwnerOfTheirRoom(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 3, redis: true})
	room := unique("video")
	c.enterText(t, c.members[0], room, "first")
	owner := c.owner(t, room)
	var people []*viewer
	for _, n := range c.members {
		if n != owner {
			people = append(people, c.enterVideo(t, n, room, unique("person")))
		}
	}
	wantTogether(t, people)
	from := time.Now()
	if err := owner.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the room has another owner", func() bool {
		next, _ := c.agreedOwner(room)
		return next != nil && next != owner
	})
	wantTogether(t, people)
	wantFaultless(t, people)
	for i, v := range people {
		pictures, sounds := v.gaps(people[1-i], from)
		t.Logf("%s: %s without a picture, %s without sound", v.user, pictures.Round(time.Millisecond), sounds.Round(time.Millisecond))
		if limit := atMost(4 * time.Second); pictures > limit || sounds > limit {
			t.Errorf("%s saw nothing for %s and heard nothing for %s", v.user, pictures, sounds)
		}
		if err := v.Err(); err != nil {
			t.Errorf("%s lost the connection: %v", v.user, err)
		}
	}
}

// TestPicturesGoOnWhileANodeDrains has the owner drain. One moves from it, as their page does: both cameras send until theirs is seen by the new connection.
func TestPicturesGoOnWhileANodeDrains(t *testing.T) {
	t.Parallel()
	repeat(t, func(t *testing.T, f *figures) {
		c := begin(t, layout{nodes: 3, redis: true})
		room := unique("video")
		mover := c.enterVideo(t, c.members[0], room, unique("ada"))
		stay := []*viewer{c.enterVideo(t, c.members[1], room, unique("bea")), c.enterVideo(t, c.members[2], room, unique("cem"))}
		wantTogether(t, append(slices.Clone(stay), mover))
		from := time.Now()
		if err := c.members[0].terminate(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-mover.asked:
		case <-time.After(patience):
			t.Fatal("nobody was asked to move")
		}
		moved := mover.move(c, c.members[1])
		wantTogether(t, append(slices.Clone(stay), moved))
		if err := mover.Leave(); err != nil {
			t.Error(err)
		}
		if err := mover.media.Close(); err != nil {
			t.Error(err)
		}
		if err := c.members[0].Wait(patience); err != nil {
			t.Error(err)
		}
		everyone := append(slices.Clone(stay), moved)
		wantTogether(t, everyone)
		wantFaultless(t, everyone)
		var noPicture, noSound time.Duration
		for _, v := range stay {
			for _, of := range everyone {
				if v != of {
					pictures, sounds := v.gaps(of, from)
					noPicture, noSound = max(noPicture, pictures), max(noSound, sounds)
				}
			}
			if err := v.Err(); err != nil {
				t.Errorf("%s lost the connection: %v", v.user, err)
			}
		}
		f.add(t, "drain with video: longest time without sound for those who stay", noSound, 100*time.Millisecond)
		f.add(t, "drain with video: longest time without a picture for those who stay", noPicture, time.Second)
	})
}

func TestTheSoundOfAScreenCrossesNodes(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	room := unique("video")
	cfg := client.MediaConfig{Slots: slots}
	sharer := c.enterAs(t, c.members[0], room, unique("ada"), cfg, "screen_audio")
	for _, n := range c.members {
		listener := c.enterAs(t, n, room, unique("bea"), cfg, "microphone")
		from := time.Now()
		eventually(t, "the screen is heard on "+n.name, func() bool {
			_, sounds := listener.since(sharer, from)
			return sounds >= 25 && listener.wasTold(sharer, "screen_audio")
		})
	}
}

// TestACameraAddedLaterIsSeenOnOtherNodes has somebody add a camera to sound that flows already.
func TestACameraAddedLaterIsSeenOnOtherNodes(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	room := unique("video")
	late := c.enterAs(t, c.members[0], room, unique("ada"), client.MediaConfig{Slots: slots, AddsVideo: true}, "microphone")
	others := []*viewer{c.enterVideo(t, c.members[1], room, unique("bea")), c.enterVideo(t, c.members[2], room, unique("cem"))}
	wantTogether(t, others)
	if err := late.media.AddVideo(client.SimulcastCamera(), nil, 3); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := within(patience)
	defer cancel()
	if _, err := late.media.Renegotiate(ctx, late.Client); err != nil {
		t.Fatal(err)
	}
	late.film()
	wantTogether(t, append(others, late))
	wantFaultless(t, append(others, late))
}
