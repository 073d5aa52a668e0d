package sfu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hubbub/sfu/video"
)

func TestOnlyTheEncodingsThatAreSeenCross(t *testing.T) {
	n := newNodes(t, 2)
	link := n.join(n.all[0], n.all[1], 3)
	camera := n.film(n.all[0], "anna", 7, Camera)
	a := n.audience(n.all[1], 0)
	link.far.Enrol("anna", 7, Microphone, Camera)
	n.roll(20, camera)
	if got := link.out.picturesByLayer(); got != [maxVideoLayers]int{} || len(a.sees()) != 1 {
		t.Fatalf("%v packets crossed to nobody; shown are %v", got, a.sees())
	}
	for _, wanted := range []layerSet{1, 4, 6} {
		a.want(wanted)
		n.tick()
		a.take()
		link.out.picturesByLayer()
		n.roll(50, camera)
		crossed, came := link.out.picturesByLayer(), a.take()
		for layer := range uint8(maxVideoLayers) {
			want := 0
			if wanted.has(layer) {
				want = 50
			}
			if crossed[layer] != want {
				t.Errorf("with the layers %b, %d packets of layer %d crossed, not %d", wanted, crossed[layer], layer, want)
			}
			got := slices.DeleteFunc(slices.Clone(came), func(s seen) bool { return s.layer != layer })
			if len(got) != want {
				t.Errorf("%d packets of layer %d came, not %d", len(got), layer, want)
			}
			for i := range got {
				if i > 0 && (got[i].number != got[i-1].number+1 || got[i].source != got[0].source) {
					t.Fatalf("layer %d: %+v after %+v", layer, got[i], got[i-1])
				}
				if lag := got[i].at - got[i].captured; lag < 7*time.Millisecond || lag > 8*time.Millisecond {
					t.Fatalf("a picture is %v behind its sound, not 7 ms", lag)
				}
				if want := layer & 1; got[i].orientation != want {
					t.Fatalf("orientation %d, not %d", got[i].orientation, want)
				}
			}
		}
	}
	if got := camera.isWanted(); got != 6 {
		t.Errorf("of the camera the layers %b are wanted, not %b", got, 6)
	}
	if got := link.back.picturesByLayer(); got != [maxVideoLayers]int{} {
		t.Errorf("%v packets went back", got)
	}
}

func TestKeyframesAreAskedForAcrossNodes(t *testing.T) {
	n := newNodes(t, 2)
	link := n.join(n.all[0], n.all[1], 3)
	camera := n.film(n.all[0], "anna", 7, Camera)
	a := n.audience(n.all[1], 2)
	link.far.Enrol("anna", 7, Camera)
	n.roll(5, camera)
	got := a.take()
	if len(got) == 0 {
		t.Fatal("nothing came")
	}
	for range 10 {
		a.live[0].requestKeyframe(got[0].source)
	}
	n.tick()
	if camera.asked(1) != 1 || camera.asked(0)+camera.asked(2) != 0 {
		t.Errorf("key frames asked for: %v, want one of layer 1", camera.keyframes)
	}
	n.roll(int(keyframeInterval/(40*time.Millisecond))+1, camera)
	a.live[0].requestKeyframe(got[0].source)
	n.tick()
	if camera.asked(1) != 2 {
		t.Errorf("asked for again, %d times", camera.asked(1))
	}
}

func TestWhatTheLinkLosesIsSentAgain(t *testing.T) {
	n := newNodes(t, 2)
	link := n.join(n.all[0], n.all[1], 3)
	camera := n.film(n.all[0], "anna", 7, Camera)
	a := n.audience(n.all[1], 4)
	link.far.Enrol("anna", 7, Camera)
	n.roll(5, camera)
	a.take()
	link.out.loss, link.back.loss = 0.1, 0.1
	link.out.delay, link.out.duplication = 2, 0.1
	const frames = 500
	n.roll(frames, camera)
	link.out.loss, link.back.loss = 0, 0
	n.roll(20)
	numbers := make(map[uint64]int)
	for _, s := range a.take() {
		numbers[s.number]++
	}
	for number, times := range numbers {
		if times > 1 {
			t.Errorf("packet %d came %d times", number, times)
		}
	}
	// With loss both ways a packet takes a few attempts, and nobody tries for ever.
	if missing := frames - len(numbers); missing > frames/100 {
		t.Errorf("%d packets of %d are missing", missing, frames)
	}
	if n.all[0].sfu.lanes[0].counters.relayed.resent.Load()+n.all[0].sfu.lanes[1].counters.relayed.resent.Load() == 0 {
		t.Error("nothing was sent again")
	}
}

func TestAsManyPicturesAsAgreedAreShown(t *testing.T) {
	n := newNodes(t, 2)
	link := n.join(n.all[0], n.all[1], 2)
	a := n.audience(n.all[1], 1)
	var films []*film
	for i := range uint32(3) {
		id := fmt.Sprint("p", i)
		films = append(films, n.film(n.all[0], id, 10+i, Camera))
		link.far.Enrol(id, 10+i, Camera)
		n.roll(2, films...)
	}
	if got := a.sees(); !slices.Equal(got, []uint32{10, 11}) {
		t.Fatalf("shown are %v", got)
	}
	screen := n.film(n.all[0], "p3", 13, Screen)
	link.far.Enrol("p3", 13, Screen)
	n.roll(10, append(films, screen)...)
	if got := a.sees(); !slices.Equal(got, []uint32{10, 11}) {
		t.Fatalf("who was shown lost their place: %v", got)
	}
	n.roll(int(videoSilence/(40*time.Millisecond))+5, append(films[1:], screen)...)
	if got := a.sees(); !slices.Equal(got, []uint32{13, 11}) {
		t.Errorf("shown are %v, want the screen first", got)
	}
}

func TestWhatIsNotSaidAgainIsForgotten(t *testing.T) {
	n := newNodes(t, 2)
	link := n.join(n.all[0], n.all[1], 3)
	camera := n.film(n.all[0], "anna", 7, Camera)
	a := n.audience(n.all[1], 1)
	link.far.Enrol("anna", 7, Camera)
	n.roll(5, camera)
	if len(a.take()) == 0 {
		t.Fatal("nothing came")
	}
	const memory = int(relayMemory/(40*time.Millisecond)) + 5

	link.back.connect(nil) // the other end says nothing any more
	n.roll(memory, camera)
	link.out.picturesByLayer()
	n.roll(5, camera)
	if got := link.out.picturesByLayer(); got != [maxVideoLayers]int{} || camera.isWanted() != 0 {
		t.Errorf("%v packets cross still, the layers %b are wanted", got, camera.isWanted())
	}
	link.back.connect(link.near)
	n.roll(40, camera)
	a.take()
	n.roll(5, camera)
	if len(a.take()) != 5 {
		t.Error("they do not come again")
	}

	link.out.connect(nil) // this end does not
	n.roll(int(videoSilence/(40*time.Millisecond))+5, camera)
	if got := a.sees(); len(got) != 0 {
		t.Errorf("shown are %v", got)
	}
	link.out.connect(link.far)
	n.roll(40, camera)
	if got := a.sees(); len(got) != 1 {
		t.Errorf("shown are %v", got)
	}

	n.all[0].room.mu.Lock()
	n.all[0].room.expelVideo(&camera.feed)
	n.all[0].room.mu.Unlock()
	n.tick()
	if got := a.sees(); len(got) != 0 {
		t.Errorf("shown are %v, although the other end said that it is over", got)
	}
}

func TestPicturesThatDoNotFitAreCounted(t *testing.T) {
	n := newNodes(t, 2)
	link := n.join(n.all[0], n.all[1], 3)
	camera := n.film(n.all[0], "anna", 7, Camera)
	a := n.audience(n.all[1], 1)
	link.far.Enrol("anna", 7, Camera)
	n.roll(2, camera)
	a.take()
	camera.frameOf(false, maxRelayPacket-relayVideoHeader)
	camera.frameOf(false, maxRelayPacket-relayVideoHeader+1)
	n.tick()
	if got := a.take(); len(got) != 1 || link.near.dropped(dropTooLarge) != 1 {
		t.Errorf("%d packets came, %d were too large", len(got), link.near.dropped(dropTooLarge))
	}
}

// While a room's owner changes, two nodes are each told that somebody is behind the other, whose camera comes to both by a third.
func TestEchoesOfPicturesAreNotPreferred(t *testing.T) {
	n := newNodes(t, 3)
	one, two := n.join(n.all[0], n.all[1], 3), n.join(n.all[0], n.all[2], 3)
	camera := n.film(n.all[0], "anna", 7, Camera)
	first, second := n.audience(n.all[1], 2), n.audience(n.all[2], 2)
	one.far.Enrol("anna", 7, Camera)
	two.far.Enrol("anna", 7, Camera)
	n.roll(20, camera)
	between := n.join(n.all[1], n.all[2], 3)
	for _, l := range []*Relay{between.near, between.far, one.near, two.near} {
		l.Enrol("anna", 7, Camera)
	}
	first.take()
	second.take()
	for i := range 100 {
		camera.frame(i%10 == 5) // with a key frame a newer way may take over
		n.roll(1)
	}
	for i, a := range []*audience{first, second} {
		if got := a.take(); len(got) != 100 {
			t.Errorf("%d packets of 100 came to node %d", len(got), i+1)
		}
	}
}

func TestPicturesCrossAHubAndNeverComeBack(t *testing.T) {
	n := newNodes(t, 3)
	one, two := n.join(n.all[1], n.all[0], 3), n.join(n.all[1], n.all[2], 3) // near is the hub
	camera := n.film(n.all[0], "anna", 7, Camera)
	a, hub := n.audience(n.all[2], 4), n.audience(n.all[1], 1)
	one.near.Enrol("anna", 7, Camera)
	two.far.Enrol("anna", 7, Camera)
	n.roll(20, camera)
	a.take()
	hub.take()
	n.roll(50, camera)
	if got := a.take(); len(got) != 50 || got[0].layer != 2 {
		t.Errorf("%d packets came over the hub", len(got))
	}
	if got := hub.take(); len(got) != 100 { // it passes on the other layer
		t.Errorf("%d packets came to the hub, not 100", len(got))
	}
	if got := camera.isWanted(); got != 5 {
		t.Errorf("the layers %b are wanted, not %b", got, 5)
	}
	for _, w := range []*wire{one.out, two.back} {
		if got := w.picturesByLayer(); got != [maxVideoLayers]int{} {
			t.Errorf("%v packets went back", got)
		}
	}
	a.live[0].requestKeyframe(a.live[0].encodings(0, nil)[2].stream)
	n.tick()
	if camera.asked(2) != 1 {
		t.Errorf("%d key frames of layer 2 asked for", camera.asked(2))
	}
	// A packet that has passed as many links as may be goes no further.
	h := relayVideoPacket{hops: maxHops, kind: 1, layer: 2, codec: video.VP8, csrc: 7, stream: one.near.pictures[relayKey{7, 1}].streams[2].stream, number: 1 << 20}
	two.out.picturesByLayer()
	one.near.Receive(h.bytes(string(vp8Payload(true, "7 2 1", 0))))
	n.tick()
	if got := two.out.picturesByLayer(); got != [maxVideoLayers]int{} {
		t.Errorf("%v packets went on after %d links", got, maxHops)
	}
}

// TestPicturesOfWhoMoves has somebody come from another node: they are seen by the old way until the first key frame comes by the new one.
func TestPicturesOfWhoMoves(t *testing.T) {
	n := newNodes(t, 3)
	one, two := n.join(n.all[1], n.all[0], 3), n.join(n.all[1], n.all[2], 3)
	before := n.film(n.all[0], "anna", 7, Camera)
	a := n.audience(n.all[1], 2)
	one.near.Enrol("anna", 7, Camera)
	n.roll(20, before)
	a.take()

	after := n.film(n.all[2], "anna", 7, Camera)
	two.near.Enrol("anna", 7, Camera)
	n.roll(10, before, after)
	got := a.take()
	if len(got) != 10 || got[9].source != got[0].source {
		t.Errorf("%d packets came, want those of the old way", len(got))
	}
	if after.asked(1) == 0 {
		t.Error("no key frame was asked for")
	}
	after.frame(true)
	n.tick()
	n.roll(10, before, after)
	got = a.take()
	if len(got) != 11 || !got[0].keyframe {
		t.Fatalf("%d packets came from the key frame on", len(got))
	}
	one.near.Withdraw("anna")
	n.roll(10, before, after)
	if got := a.take(); len(got) != 10 {
		t.Errorf("%d packets came when the old way had ended", len(got))
	}
	if got := before.isWanted(); got != 0 {
		t.Errorf("the layers %b are wanted by the old way", got)
	}
	if got := a.sees(); len(got) != 1 {
		t.Errorf("shown are %v", got)
	}
}

func TestNothingIsLeftOfPicturesBehindARelayThatIsClosed(t *testing.T) {
	n := newNodes(t, 2)
	link := n.join(n.all[0], n.all[1], 3)
	camera := n.film(n.all[0], "anna", 7, Camera)
	a := n.audience(n.all[1], 1)
	link.far.Enrol("anna", 7, Camera)
	n.roll(5, camera)
	link.near.Close()
	if camera.isWanted() != 0 {
		t.Error("the camera is wanted still")
	}
	link.far.Close()
	if len(a.sees()) != 0 || len(n.all[1].room.videoContributors) != 0 || len(n.all[1].room.participants) != 0 {
		t.Error("somebody is left of those who were behind the relay")
	}
	crossed := link.out.control
	n.roll(5, camera)
	if link.out.control != crossed {
		t.Error("something was sent by a relay that is closed")
	}
	link.far.Enrol("anna", 7, Camera)
	link.far.Receive(shownExample())
	link.near.Receive(wantsExample())
}

// FuzzRelayVideo: whatever another node sends, nobody is shown a packet twice, and nothing but control goes back.
func FuzzRelayVideo(f *testing.F) {
	f.Add(shownExample())
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 200, 100, 3, 1})
	f.Add([]byte{'0', 0, 0, 0, '0', 0, 0, 0}) // the same twice, before anyone asked for it
	s := withFakeTransports(newTestSFU(f, Config{Lanes: 1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := s.NewRouter()
		defer r.Close()
		n := &node{sfu: s, room: r}
		a := (&nodes{t: t}).audience(n, 7)
		l, err := r.AttachRelay(RelayConfig{Streams: 1, VideoStreams: 1, Send: func(b []byte) {
			if b[0]>>4 != relayRequestVersion {
				t.Errorf("% x went back", b)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		l.Enrol("a", 1, Camera, Screen)
		l.Enrol("b", 2, Microphone, Screen)
		l.Receive(data)
		for data = data[:min(len(data), 2000)]; len(data) >= 4; data = data[4:] {
			h := relayVideoPacket{
				hops: 1, kind: 1 + data[0]&1, layer: data[0] >> 1 % maxVideoLayers, codec: video.VP8, csrc: 1 + uint32(data[0]>>7),
				stream: uint32(data[1]), number: uint32(data[2])<<8 | uint32(data[3]),
			}
			text := fmt.Sprintf("%d %d %d", h.csrc, h.layer, uint64(h.kind)<<40|uint64(h.stream)<<32|uint64(h.number))
			l.Receive(h.bytes(string(vp8Payload(data[0]&64 != 0, text, 0))))
			l.Receive(data)
			if data[0]%16 == 0 {
				l.video.attend()
			}
		}
		type place struct {
			source uint64
			number uint64
		}
		shown := make(map[place]bool)
		for _, p := range a.take() {
			at := place{p.source, p.number}
			if shown[at] {
				t.Fatalf("%+v twice", p)
			}
			shown[at] = true
		}
	})
}
