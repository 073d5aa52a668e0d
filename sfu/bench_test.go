package sfu

import (
	"fmt"
	"testing"

	"github.com/pion/webrtc/v4"
)

// BenchmarkForward is one loud packet from its decryption to all receivers' transports, without encryption and sockets: the server's own share.
// ns/packet is for each packet sent.
func BenchmarkForward(b *testing.B) {
	for _, receivers := range []int{1, 10, 50} {
		b.Run(fmt.Sprint("receivers=", receivers), func(b *testing.B) {
			s := newFakeSFU(b, Config{Slots: 3, Lanes: 1})
			r := s.NewRouter()
			defer r.Close()
			speaker := joinFake(b, s, r, "speaker", 1, 0)
			for i := range receivers {
				joinFake(b, s, r, fmt.Sprint("r", i), uint32(i+2), 3).transport.keep = false
			}
			payload := make([]byte, 80)
			b.ReportAllocs()
			for b.Loop() {
				speaker.send(payload, 20, true)
				if speaker.seq%laneBatch == 0 {
					settle(s) // do not outrun the lane
				}
			}
			settle(s)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*receivers), "ns/packet")
		})
	}
}

// BenchmarkForwardEncrypted is the same with SRTP and UDP to pion's clients, whose receiving is on the same bill.
func BenchmarkForwardEncrypted(b *testing.B) {
	const receivers = 10
	s := newTestSFU(b, Config{Slots: 3, Lanes: 1})
	r := s.NewRouter()
	defer r.Close()
	clients := make([]*testClient, receivers)
	for i := range clients {
		clients[i] = newTestClient(b, fmt.Sprint("r", i), clientOptions{slots: 1, listener: true, network: []webrtc.NetworkType{webrtc.NetworkTypeUDP4}})
		clients[i].join(s, r, Attachment{CSRC: uint32(i + 2)})
	}
	encrypted := s.newTransport
	s.newTransport = func(_ *lane, h TransportHandler) (Transport, error) { return &fakeTransport{handler: h}, nil }
	speaker := joinFake(b, s, r, "speaker", 1, 0)
	s.newTransport = encrypted
	payload := make([]byte, 80)
	b.ReportAllocs()
	for b.Loop() {
		speaker.send(payload, 20, true)
		if speaker.seq%laneBatch == 0 {
			settle(s)
		}
	}
	settle(s)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*receivers), "ns/packet")
}

// BenchmarkDropSilent is what a packet costs that goes to nobody, after its decryption.
func BenchmarkDropSilent(b *testing.B) {
	s := newFakeSFU(b, Config{Slots: 1, Lanes: 1})
	r := s.NewRouter()
	defer r.Close()
	for i := range 4 {
		joinFake(b, s, r, fmt.Sprint("r", i), uint32(i+2), 1)
	}
	noisy := joinFake(b, s, r, "noisy", 1, 1)
	payload := make([]byte, 80)
	b.ReportAllocs()
	for b.Loop() {
		noisy.send(payload, 80, false)
	}
}
