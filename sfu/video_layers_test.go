package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// simulcast is a camera in three encodings, of about 110, 460 and 1,270 kbit/s.
func (p *videoPerson) simulcast() []*testEncoder {
	return []*testEncoder{
		p.encoder("camera", "l", 9000, 1, 400), p.encoder("camera", "m", 9010, 2, 900), p.encoder("camera", "h", 9020, 5, 1000),
	}
}

// playAll sends frames of all encodings, thirty a second.
func playAll(r *videoRoom, encoders []*testEncoder, d time.Duration) {
	for end := r.clock() + d; r.clock() < end; {
		asked := make([]bool, len(encoders))
		for _, report := range encoders[0].person.reports() {
			for i, e := range encoders {
				asked[i] = asked[i] || asksFor(report, e.ssrc)
			}
		}
		for i, e := range encoders {
			e.next(e.keyframes == 0 || asked[i])
		}
		r.wait(time.Second / 30)
	}
}

// received is what of each encoding is in some packets, which have the width of a key frame in the first.
func receivedWidths(packets []rtp.Packet) (widths []uint16) {
	for _, p := range packets {
		if isKeyframe(p) {
			widths = append(widths, uint16(p.Payload[12])|uint16(p.Payload[13])<<8)
		}
	}
	return widths
}

// Each viewer gets the encoding that its way carries, and another one when that changes, as one stream all the time.
func TestEncodingFollowsBandwidth(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true, rids: []string{"l", "m", "h"}})
	narrow := r.join("narrow", 2, videoOptions{slots: 1})
	middle := r.join("middle", 3, videoOptions{slots: 1})
	wide := r.join("wide", 4, videoOptions{slots: 1})
	narrow.downlink.rate, middle.downlink.rate, wide.downlink.rate = 250_000, 800_000, 5_000_000
	camera := anna.simulcast()
	playAll(r, camera, 15*time.Second)
	layer := func(p *videoPerson) uint8 { return p.peer.subscriber.Load().video.slots[0].sending }
	for layerWanted, p := range []*videoPerson{narrow, middle, wide} {
		if got := layer(p); int(got) != layerWanted {
			t.Errorf("%s gets encoding %d after a while", p.id, got)
		}
	}
	wide.downlink.rate, narrow.downlink.rate = 250_000, 5_000_000
	playAll(r, camera, 15*time.Second)
	if layer(wide) != 0 || layer(narrow) != 2 {
		t.Errorf("after their ways have changed places: %d and %d", layer(wide), layer(narrow))
	}
	for _, p := range []*videoPerson{narrow, middle, wide} {
		seen := p.pictures(0)
		requireOneStream(t, seen)
		if widths := receivedWidths(seen); len(widths) == 0 || len(widths) > 40 {
			t.Errorf("%s has seen key frames of widths %v", p.id, widths)
		}
	}
}

// On a way that carries no picture the picture pauses; it comes back with a key frame.
func TestPictureWithoutBandwidthPauses(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true})
	viewer := r.join("viewer", 2, videoOptions{slots: 1})
	camera := []*testEncoder{anna.encoder("camera", "", 9000, 3, 900)} // whose slowest temporal layer takes 170 kbit/s
	playAll(r, camera, 5*time.Second)
	viewer.downlink.rate = 60_000
	playAll(r, camera, 5*time.Second)
	narrow := len(viewer.transport.packets())
	playAll(r, camera, 5*time.Second)
	viewer.pictures(0)
	playAll(r, camera, 2*time.Second)
	slot := viewer.peer.subscriber.Load().video.slots[0]
	if !slot.paused || r.sfu.lanes[0].counters.video.pauses.Load() == 0 {
		t.Fatalf("on 60 kbit/s, paused %t, %d packets in 2 s", slot.paused, len(viewer.pictures(0)))
	}
	viewer.pictures(0)
	requireSees(t, viewer, "anna/camera")
	probes := 0
	for _, p := range viewer.transport.packetsFrom(narrow) {
		if p.SSRC != viewer.peer.videoSlots[0].rtxSSRC {
			continue
		}
		if probes++; len(p.Payload) > maxPaddingBytes || !p.Padding || int(p.Payload[len(p.Payload)-1]) != len(p.Payload) {
			t.Fatalf("on 60 kbit/s it is probed with %d bytes, padding %t", len(p.Payload), p.Padding)
		}
	}
	if probes == 0 {
		t.Error("it is not probed")
	}
	viewer.downlink.rate = 5_000_000
	playAll(r, camera, 15*time.Second)
	seen := viewer.pictures(0)
	if len(seen) == 0 || slot.paused {
		t.Fatal("it has not come back")
	}
	if !isKeyframe(seen[0]) {
		t.Error("it has come back without a key frame")
	}
	requireOneStream(t, seen)
}

// A client that tells nothing of what arrives is sent something all the same, though not much.
func TestViewerWithoutFeedback(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true, rids: []string{"l", "m", "h"}})
	viewer := r.join("viewer", 2, videoOptions{slots: 1, withoutTWCC: true})
	playAll(r, anna.simulcast(), 5*time.Second)
	seen := viewer.pictures(0)
	requireOneStream(t, seen)
	for _, p := range seen {
		if p.GetExtension(testTransportID) != nil {
			t.Fatal("an extension that was not negotiated")
		}
	}
	if rate := 8 * viewer.downlink.arrived[seen[0].SSRC] / 5; rate > unmeasuredRate || len(seen) < 100 {
		t.Errorf("%d packets, %d bit/s", len(seen), rate)
	}
}

// An encoding that the sender switches off is left for one that it still sends, without waiting for the end of the source.
func TestEncodingIsSwitchedOff(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true, rids: []string{"l", "m", "h"}})
	viewer := r.join("viewer", 2, videoOptions{slots: 1})
	camera := anna.simulcast()
	playAll(r, camera, 10*time.Second)
	slot := viewer.peer.subscriber.Load().video.slots[0]
	if slot.sending != 2 {
		t.Fatalf("encoding %d is sent", slot.sending)
	}
	playAll(r, camera[:1], 2*time.Second)
	if slot.sending != 0 {
		t.Errorf("encoding %d is sent", slot.sending)
	}
	requireOneStream(t, viewer.pictures(0))
}

// The orientation of a picture is passed on.
func TestOrientationIsPassedOn(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true})
	viewer := r.join("viewer", 2, videoOptions{slots: 1})
	h := rtp.Header{PayloadType: testVP8, SequenceNumber: 1, SSRC: 9000, Marker: true}
	if err := h.SetExtension(testOrientationID, []byte{1}); err != nil {
		t.Fatal(err)
	}
	anna.sendVideo(h, "camera", "", "", testPayload(true, true, 1, 1, 0, false, 320, 300))
	anna.sendVideo(rtp.Header{PayloadType: testVP8, SequenceNumber: 2, SSRC: 9000, Timestamp: 3000}, "camera", "", "",
		testPayload(false, true, 2, 2, 0, false, 320, 300))
	r.wait(50 * time.Millisecond)
	seen := viewer.pictures(0)
	if len(seen) != 2 || string(seen[0].GetExtension(testOrientationID)) != "\x01" || seen[1].GetExtension(testOrientationID) != nil {
		t.Errorf("%v", seen)
	}
}
