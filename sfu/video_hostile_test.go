package sfu

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Feedback that claims more than it brings the times of is dropped before anything is made ready for it.
func TestImplausibleFeedback(t *testing.T) {
	bomb := []byte{
		0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, // FMT 15, length, SSRCs
		0, 0, 0xff, 0xff, 0, 0, 0, 1, // base, 65,535 packets, reference time, count
		0x3f, 0xff, 0x3f, 0xff, // runs of 8,191 received ones
	}
	if plausibleRTCP(bomb) {
		t.Error("65,535 arrivals in 24 bytes are plausible")
	}
	for _, b := range [][]byte{nil, {0x80}, {0x80, 200, 0, 9, 0, 0}, append(slices.Clone(bomb), 1)} {
		if len(b) > 0 && plausibleRTCP(b) {
			t.Errorf("%x is plausible", b)
		}
	}
}

// FuzzFeedback gives a peer that sees and shows RTCP of a client's making.
func FuzzFeedback(f *testing.F) {
	for _, packets := range [][]rtcp.Packet{
		{&rtcp.TransportLayerNack{MediaSSRC: 1, Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 0xffff}}}},
		{&rtcp.PictureLossIndication{MediaSSRC: 1}, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 1, LastSenderReport: 1}}}},
		{&rtcp.SenderReport{SSRC: 9000, NTPTime: 1 << 63, RTPTime: 1}, &rtcp.SenderReport{SSRC: 5000, NTPTime: 1}},
		{&rtcp.TransportLayerCC{
			Header:            rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 5},
			PacketStatusCount: 2, PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{PacketStatusSymbol: 1, RunLength: 2}},
			RecvDeltas: []*rtcp.RecvDelta{{Type: 1}, {Type: 1, Delta: 250}},
		}},
	} {
		b, err := rtcp.Marshal(packets)
		if err != nil {
			f.Fatal(err)
		}
		if !plausibleRTCP(b) {
			f.Fatalf("%v is not plausible", packets)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newVideoRoom(t, Config{})
		anna := r.join("anna", 1, videoOptions{camera: true, slots: 1})
		boris := r.join("boris", 2, videoOptions{camera: true, slots: 1})
		anna.encoder("camera", "", 9000, 1, 300).next(true)
		boris.encoder("camera", "", 9000, 1, 300).next(true)
		r.wait(10 * time.Millisecond)
		if len(b) >= 12 { // so that some of it is of something that there is
			binary.BigEndian.PutUint32(b[8:], anna.peer.videoSlots[0].ssrc)
		}
		anna.peer.ReceiveRTCP(b)
		r.wait(200 * time.Millisecond)
	})
}

// Packets of a client's making, with whatever headers and payloads, harm nobody who sees them, nor others.
func TestHostileVideo(t *testing.T) {
	r := newVideoRoom(t, Config{})
	mallory := r.join("mallory", 1, videoOptions{camera: true, rids: []string{"l", "m", "h"}, slots: 1})
	anna := r.join("anna", 2, videoOptions{camera: true})
	viewer := r.join("viewer", 3, videoOptions{slots: 2})
	camera := anna.encoder("camera", "", 9000, 1, 300)
	source := rand.New(rand.NewPCG(1, 2))
	text := func(choices ...string) string { return choices[source.IntN(len(choices))] }
	for i := range 3000 {
		payload := make([]byte, source.IntN(maxPayload))
		for j := range payload {
			payload[j] = byte(source.Uint32())
		}
		if i%3 == 0 && len(payload) > 20 {
			payload = testPayload(i%9 == 0, true, uint16(source.Uint32())&0x7fff, byte(source.Uint32()), byte(source.Uint32())&3, true, 640, len(payload))
		}
		mallory.sendVideo(rtp.Header{
			PayloadType: []uint8{testVP8, testVP8, testVP8RTX, testH264}[source.IntN(4)], SequenceNumber: uint16(source.IntN(4000)) * uint16(1+i%2*7),
			Timestamp: source.Uint32(), SSRC: 7000 + source.Uint32N(20), Marker: i%2 == 0,
		}, text("camera", "camera", "", "x"), text("l", "m", "h", "", "z"), text("l", "m", "h", ""), payload)
		if i%10 == 0 {
			mallory.transportNumber = uint16(source.Uint32())
			camera.next(camera.keyframes == 0 || camera.asked())
			viewer.feedback(&rtcp.TransportLayerNack{MediaSSRC: viewer.peer.videoSlots[0].ssrc, Nacks: []rtcp.NackPair{{PacketID: uint16(source.Uint32()), LostPackets: 0xffff}}})
			r.wait(20 * time.Millisecond)
		}
	}
	receiver := mallory.peer.receiver
	if n := len(receiver.bindings); n > 6 {
		t.Errorf("%d SSRCs are bound, to three streams", n)
	}
	if r.sfu.drops(dropMalformed) == 0 || r.sfu.drops(dropUnexpected) == 0 {
		t.Error("nothing was counted")
	}
	viewer.pictures(0)
	viewer.pictures(1)
	camera.play(60)
	seen := 0
	for _, p := range viewer.transport.packets() {
		if slices.Equal(p.CSRC, []uint32{2}) {
			seen++
		}
	}
	if seen < 60 {
		t.Errorf("of who is honest %d packets were seen", seen)
	}
}

// A flood of RTCP is dropped and counted.
func TestFloodOfFeedback(t *testing.T) {
	r := newVideoRoom(t, Config{})
	viewer := r.join("viewer", 1, videoOptions{slots: 1})
	for range 3 * maxRTCPRate {
		viewer.feedback(&rtcp.PictureLossIndication{MediaSSRC: 1})
	}
	if dropped := r.sfu.drops(dropFlood); dropped != 2*maxRTCPRate {
		t.Errorf("%d of %d were dropped", dropped, 3*maxRTCPRate)
	}
}
