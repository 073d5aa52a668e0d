package sfu

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// requireSees fails unless exactly these are in a person's video slots.
func requireSees(t testing.TB, p *videoPerson, want ...string) {
	t.Helper()
	if got := p.sees(); !slices.Equal(got, want) {
		t.Fatalf("%s sees %q, want %q", p.id, got, want)
	}
}

// Whoever comes later begins with a key frame that the server has asked for, and then sees everything, as one stream that names the person.
func TestNewcomerBeginsWithAKeyframe(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true, slots: 1})
	camera := anna.encoder("camera", "", 9000, 3, 250)
	camera.play(30)
	boris := r.join("boris", 2, videoOptions{slots: 1})
	requireSees(t, boris, "anna/camera")
	camera.next(false)
	r.wait(20 * time.Millisecond)
	if seen := boris.pictures(0); len(seen) > 0 {
		t.Fatalf("%d packets came before a key frame", len(seen))
	}
	if !camera.asked() {
		t.Fatal("no key frame was asked for")
	}
	camera.next(true)
	r.wait(100 * time.Millisecond)
	camera.play(30)
	seen := boris.pictures(0)
	if len(seen) != 31*camera.packets || !isKeyframe(seen[0]) {
		t.Fatalf("%d packets, the first one of a key frame %t", len(seen), isKeyframe(seen[0]))
	}
	requireOneStream(t, seen)
	for _, p := range seen {
		if !slices.Equal(p.CSRC, []uint32{1}) || p.PayloadType != testVP8 {
			t.Fatalf("CSRC %v, payload type %d", p.CSRC, p.PayloadType)
		}
	}
	requireSees(t, anna, "")
	if got := anna.pictures(0); len(got) > 0 {
		t.Error("anna sees herself")
	}
}

// A slot is its source's until that ends, by silence or by leaving, and then the next one's; who had it waits behind those who waited.
func TestSlotsGoToTheNextSource(t *testing.T) {
	r := newVideoRoom(t, Config{})
	viewer := r.join("viewer", 9, videoOptions{slots: 1})
	anna := r.join("anna", 1, videoOptions{camera: true})
	boris := r.join("boris", 2, videoOptions{camera: true, screen: true})
	clara := r.join("clara", 3, videoOptions{camera: true})
	first, second := anna.encoder("camera", "", 9000, 1, 900), boris.encoder("camera", "", 9000, 1, 900)
	third, screen := clara.encoder("camera", "", 9000, 1, 900), boris.encoder("screen", "", 9100, 1, 900)
	requireSees(t, viewer, "")
	first.play(3)
	requireSees(t, viewer, "anna/camera")
	second.play(3)
	third.play(3)
	first.play(30)
	requireSees(t, viewer, "anna/camera")

	// anna's camera is off.
	for range 110 {
		second.next(second.asked())
		third.next(third.asked())
		r.wait(time.Second / 30)
	}
	requireSees(t, viewer, "boris/camera")
	viewer.pictures(0)
	second.play(10)
	seen := viewer.pictures(0)
	if len(seen) == 0 || !slices.Equal(seen[0].CSRC, []uint32{2}) {
		t.Fatalf("%d packets from boris", len(seen))
	}

	// A screen goes before cameras that began earlier, but takes nobody's slot.
	first.next(false)
	screen.next(true)
	requireSees(t, viewer, "boris/camera")
	boris.leave()
	requireSees(t, viewer, "clara/camera")
	clara.leave()
	requireSees(t, viewer, "anna/camera")
	anna.leave()
	requireSees(t, viewer, "")
	viewer.leave()
	if live := len(r.router.stage.live) + len(*r.router.stage.audience.Load()) + len(r.router.videoContributors); live != 0 {
		t.Errorf("%d are left on the stage", live)
	}
}

func TestScreensBeforeCameras(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true, screen: true})
	boris := r.join("boris", 2, videoOptions{camera: true})
	anna.encoder("camera", "", 9000, 1, 900).next(true)
	boris.encoder("camera", "", 9000, 1, 900).next(true)
	anna.encoder("screen", "", 9100, 1, 900).next(true)
	viewer := r.join("viewer", 9, videoOptions{slots: 2})
	requireSees(t, viewer, "anna/screen", "anna/camera")
}

// What is muted is sound, and who does not show is not seen.
func TestMuteLeavesVideo(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true, muted: true})
	viewer := r.join("viewer", 9, videoOptions{slots: 1})
	camera := anna.encoder("camera", "", 9000, 1, 900)
	camera.play(10)
	if seen := viewer.pictures(0); len(seen) == 0 {
		t.Fatal("who is muted is not seen")
	}
	anna.peer.SetShowing(false)
	requireSees(t, viewer, "")
	camera.play(10)
	if seen := viewer.pictures(0); len(seen) > 0 {
		t.Fatal("who does not show is seen")
	}
	if r.sfu.drops(dropMuted) == 0 {
		t.Error("nothing was counted")
	}
	anna.peer.SetShowing(true)
	camera.play(10)
	requireSees(t, viewer, "anna/camera")
	if seen := viewer.pictures(0); len(seen) == 0 || !isKeyframe(seen[0]) {
		t.Fatal("who shows again is not seen from a key frame on")
	}
}

// A client gets no source in a codec that it does not know, and its slot is for others.
func TestUnknownCodecsHaveNoSlot(t *testing.T) {
	r := newVideoRoom(t, Config{})
	viewer := r.join("viewer", 9, videoOptions{slots: 1, h264: true})
	anna := r.join("anna", 1, videoOptions{camera: true})
	boris := r.join("boris", 2, videoOptions{camera: true, h264: true})
	anna.encoder("camera", "", 9000, 1, 900).play(5)
	requireSees(t, viewer, "")
	boris.sendVideo(rtp.Header{PayloadType: testH264, SequenceNumber: 1, SSRC: 7, Marker: true}, "camera", "", "",
		[]byte{0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1, 0, 2, 0x65, 1})
	requireSees(t, viewer, "boris/camera")
}

// Two connections of one participant: the newer one is seen as soon as its packets come, in the same slot.
func TestReplacedConnectionKeepsItsSlot(t *testing.T) {
	r := newVideoRoom(t, Config{})
	viewer := r.join("viewer", 9, videoOptions{slots: 2})
	old := r.join("anna", 1, videoOptions{camera: true})
	before := old.encoder("camera", "", 9000, 1, 900)
	before.play(10)
	next := r.join("anna", 1, videoOptions{camera: true})
	before.play(10)
	after := next.encoder("camera", "", 9500, 1, 900)
	after.play(10)
	old.leave()
	after.play(10)
	requireSees(t, viewer, "anna/camera", "")
	seen := viewer.pictures(0)
	requireOneStream(t, seen)
	// The new connection's first key frame is the first that is seen of it: another one would have to be asked for.
	if len(seen) != 40 {
		t.Errorf("%d packets of 40", len(seen))
	}
}

// The sender is told what has arrived, and how the streams are.
func TestSenderIsTold(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true})
	camera := anna.encoder("camera", "", 9000, 3, 900)
	camera.lose = func(seq uint16) bool { return seq == 40 }
	camera.play(60)
	r.sfu.lanes[0].do(func() { anna.peer.report(r.clock()) })
	arrived, lost := 0, 0
	for _, p := range anna.transport.reports() {
		switch p := p.(type) {
		case *rtcp.TransportLayerCC:
			arrived += len(p.RecvDeltas)
		case *rtcp.ReceiverReport:
			for _, block := range p.Reports {
				if block.SSRC == camera.ssrc {
					lost += int(block.TotalLost)
				}
			}
		case *rtcp.TransportLayerNack:
			t.Error("what nobody sees was asked for")
		}
	}
	if arrived < 170 || arrived > 179 || lost != 1 {
		t.Errorf("told of %d arrivals, %d losses", arrived, lost)
	}
}
