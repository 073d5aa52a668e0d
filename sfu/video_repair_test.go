package sfu

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// nacked are the sequence numbers that a person has been asked for since the last call.
func (p *videoPerson) nacked(ssrc uint32) (numbers []uint16) {
	for _, report := range p.reports() {
		if nack, ok := report.(*rtcp.TransportLayerNack); ok && nack.MediaSSRC == ssrc {
			for _, pair := range nack.Nacks {
				numbers = append(numbers, pair.PacketList()...)
			}
		}
	}
	return numbers
}

// What is lost on the way to the server is asked for, comes by the repair stream, and gets the place that was kept for it.
func TestLossOnTheWayUpIsRepaired(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true})
	viewer := r.join("viewer", 2, videoOptions{slots: 1})
	camera := anna.encoder("camera", "", 9000, 3, 900)
	camera.next(true)
	r.wait(100 * time.Millisecond)
	viewer.pictures(0)
	anna.reports()
	first := camera.seq
	camera.lose = func(seq uint16) bool { return seq == first+1 || seq == first+4 }
	camera.next(false)
	r.wait(10 * time.Millisecond)
	camera.next(false)
	r.wait(20 * time.Millisecond)
	asked := anna.nacked(9000)
	if !slices.Equal(asked, []uint16{first + 1, first + 4}) {
		t.Fatalf("asked for %v, %d and %d are lost", asked, first+1, first+4)
	}
	for i, seq := range asked {
		camera.repeat(seq, uint16(i))
		camera.repeat(seq, uint16(i)+100) // twice, which is once too often
	}
	r.wait(200 * time.Millisecond)
	if again := anna.nacked(9000); len(again) > 0 {
		t.Errorf("asked again for %v", again)
	}
	seen := viewer.pictures(0)
	if len(seen) != 2*camera.packets {
		t.Fatalf("%d packets of %d", len(seen), 2*camera.packets)
	}
	slices.SortFunc(seen, func(a, b rtp.Packet) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) })
	requireOneStream(t, seen)
	if r.sfu.drops(dropDuplicate) != 2 {
		t.Errorf("%d duplicates", r.sfu.drops(dropDuplicate))
	}
}

// What a viewer has lost is repeated by the repair stream (RFC 4588), once in a round trip.
func TestLossOnTheWayDownIsRepaired(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true})
	viewer := r.join("viewer", 2, videoOptions{slots: 1})
	camera := anna.encoder("camera", "", 9000, 3, 300)
	camera.play(5)
	seen := viewer.pictures(0)
	slot := viewer.peer.videoSlots[0]
	lost := seen[7]
	nack := &rtcp.TransportLayerNack{MediaSSRC: slot.ssrc, Nacks: []rtcp.NackPair{{PacketID: lost.SequenceNumber}}}
	viewer.feedback(nack, nack)
	viewer.feedback(&rtcp.TransportLayerNack{MediaSSRC: slot.ssrc, Nacks: []rtcp.NackPair{{PacketID: lost.SequenceNumber + 5000, LostPackets: 0xffff}}})
	viewer.feedback(&rtcp.TransportLayerNack{MediaSSRC: slot.ssrc + 1, Nacks: []rtcp.NackPair{{PacketID: lost.SequenceNumber}}})
	r.wait(50 * time.Millisecond)
	var repeated []rtp.Packet
	for _, p := range viewer.transport.packets() {
		if p.SSRC == slot.rtxSSRC {
			repeated = append(repeated, p)
		}
	}
	if len(repeated) != 1 {
		t.Fatalf("repeated %d times", len(repeated))
	}
	p := repeated[0]
	if p.PayloadType != testVP8RTX || p.Timestamp != lost.Timestamp || p.Marker != lost.Marker ||
		binary.BigEndian.Uint16(p.Payload) != lost.SequenceNumber || !bytes.Equal(p.Payload[2:], lost.Payload) {
		t.Errorf("repeated as %v, lost was %v", p, lost)
	}
	if p.GetExtension(testTransportID) == nil {
		t.Error("it has no transport-wide number")
	}
	r.wait(time.Second)
	viewer.feedback(nack)
	r.wait(50 * time.Millisecond)
	if n := r.sfu.lanes[0].counters.video.rtxOut.Load(); n != 2 {
		t.Errorf("repeated %d times after another round trip", n)
	}
}

// A client without a repair stream gets the packet as it was.
func TestRepairWithoutRepairStream(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true})
	viewer := r.join("viewer", 2, videoOptions{slots: 1, withoutRTX: true})
	camera := anna.encoder("camera", "", 9000, 3, 300)
	camera.play(5)
	lost := viewer.pictures(0)[7]
	viewer.feedback(&rtcp.TransportLayerNack{MediaSSRC: lost.SSRC, Nacks: []rtcp.NackPair{{PacketID: lost.SequenceNumber}}})
	r.wait(50 * time.Millisecond)
	again := viewer.pictures(0)
	if len(again) != 1 || again[0].SequenceNumber != lost.SequenceNumber || !bytes.Equal(again[0].Payload, lost.Payload) {
		t.Errorf("repeated: %v", again)
	}
}

// A viewer who asks for a key frame gets one, but a sender is not asked more than once in a while, however many ask.
func TestKeyframeRequestsArePassedOn(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true})
	viewer := r.join("viewer", 2, videoOptions{slots: 1})
	camera := anna.encoder("camera", "", 9000, 1, 900)
	camera.play(30)
	camera.asked()
	slot := viewer.peer.videoSlots[0]
	asked := 0
	for range 200 {
		viewer.feedback(&rtcp.PictureLossIndication{MediaSSRC: slot.ssrc})
		viewer.feedback(&rtcp.FullIntraRequest{MediaSSRC: slot.ssrc, FIR: []rtcp.FIREntry{{SSRC: slot.ssrc, SequenceNumber: 1}}})
		r.wait(5 * time.Millisecond)
		if camera.asked() {
			asked++
		}
	}
	if asked < 3 || asked > 4 {
		t.Errorf("asked %d times in a second", asked)
	}
}

// Sound that was captured with a picture arrives when the picture's sender reports say that it was captured.
func TestSenderReportsKeepLipsInStep(t *testing.T) {
	r := newVideoRoom(t, Config{})
	anna := r.join("anna", 1, videoOptions{camera: true})
	viewer := r.join("viewer", 2, videoOptions{slots: 1})
	speaker := &fakeClient{peer: anna.peer, transport: anna.transport}
	// By anna's clock it is 1,000,000 s since 1900 now. Sound takes 40 ms to the server, the picture 140 ms.
	const ntp = 1_000_000
	start := r.clock()
	at := func(d time.Duration) uint64 { return ntp<<32 + uint64(d)*(1<<32)/uint64(time.Second) }
	camera := anna.encoder("camera", "", 9000, 1, 900)
	for i := range 60 {
		capturedSound := r.clock() - start - 40*time.Millisecond
		capturedPicture := r.clock() - start - 140*time.Millisecond
		speaker.timestamp = uint32(capturedSound*48/time.Millisecond) - 960
		speaker.send([]byte("sound"), 20, true)
		timestamp := uint32(r.clock() * 90 / time.Millisecond)
		camera.next(i == 0 || camera.asked())
		anna.feedback(
			&rtcp.SenderReport{SSRC: 5000, NTPTime: at(capturedSound+time.Second) - 1<<32, RTPTime: speaker.timestamp},
			&rtcp.SenderReport{SSRC: 9000, NTPTime: at(capturedPicture+time.Second) - 1<<32, RTPTime: timestamp})
		r.wait(time.Second / 30)
	}
	last := viewer.pictures(0)
	slot := viewer.peer.videoSlots[0]
	var report *rtcp.SenderReport
	for _, p := range viewer.reports() {
		if p, ok := p.(*rtcp.SenderReport); ok && p.SSRC == slot.ssrc {
			report = p
		}
	}
	if report == nil || report.PacketCount == 0 || report.OctetCount == 0 {
		t.Fatalf("sender report: %v", report)
	}
	// The last picture came a 30th of a second ago and was captured 140 ms before; the sound that belongs to it came 40 ms after it was captured.
	newest := last[len(last)-1]
	wall := ntpTime(r.sfu.wallClock(r.clock()))
	heard := wall - uint64((time.Second/30+100*time.Millisecond)*(1<<32)/time.Second)
	reported := report.NTPTime + uint64(int64(int32(newest.Timestamp-report.RTPTime))*(1<<32)/videoClockRate)
	if off := time.Duration(int64(reported-heard)) * time.Second >> 32; off > 15*time.Millisecond || off < -15*time.Millisecond {
		t.Errorf("the picture is %v off its sound", off)
	}
}
