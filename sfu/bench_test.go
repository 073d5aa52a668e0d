package sfu

import (
	"fmt"
	"runtime"
	"testing"
	"time"
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

// BenchmarkForwardOnWire is the whole way of a packet: from a real socket through decryption, routing and encryption for each receiver to
// real sockets, by the lean transport. The speaker's encryption and sending are on the same bill, the receivers' receiving is not. ns/packet is
// for each packet sent. At one packet at a time it is the dearest there is; in bursts the calls of the kernel are shared.
func BenchmarkForwardOnWire(b *testing.B) {
	for _, burst := range []int{1, 16} {
		for _, receivers := range []int{1, 10, 50} {
			b.Run(fmt.Sprintf("burst=%d/receivers=%d", burst, receivers), func(b *testing.B) {
				benchmarkOnWire(b, uint64(burst), uint64(receivers))
			})
		}
	}
}

func benchmarkOnWire(b *testing.B, burst, receivers uint64) {
	s := newTestSFU(b, Config{Slots: 3, Lanes: 1, Transport: "lean"})
	r := s.NewRouter()
	defer r.Close()
	speaker := newLightClient(b, "speaker", nil)
	speaker.join(s, r, 0, Attachment{CSRC: 1, Publishing: true})
	for i := range receivers {
		c := newLightClient(b, fmt.Sprint("r", i), nil)
		c.join(s, r, 3, Attachment{CSRC: uint32(i + 2)})
		c.goDeaf()
	}
	payload := make([]byte, 80)
	out := &s.lanes[0].counters.packetsOut
	sent := out.Load()
	packets := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		if packets++; packets%(maxRate/2) == 0 {
			s.lanes[0].sockets.gate.second.Add(1) // else it would be a flood
		}
		speaker.speak(payload, 20, true)
		if packets%burst == 0 {
			spinUntil(b, func() bool { return out.Load() >= sent+packets*receivers })
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets*receivers), "ns/packet")
}

// spinUntil waits for what happens within microseconds.
func spinUntil(b *testing.B, condition func() bool) {
	b.Helper()
	for begin := time.Now(); !condition(); runtime.Gosched() {
		if time.Since(begin) > patience {
			b.Fatal("a packet was lost")
		}
	}
}

// BenchmarkQuietOnWire is a packet of an open microphone that nobody hears: from a real socket to its dropping.
func BenchmarkQuietOnWire(b *testing.B) {
	s := newTestSFU(b, Config{Slots: 1, Lanes: 1, Transport: "lean"})
	r := s.NewRouter()
	defer r.Close()
	for i := range 3 {
		newLightClient(b, fmt.Sprint("other", i), nil).join(s, r, 0, Attachment{CSRC: uint32(i + 2), Publishing: true})
	}
	newLightClient(b, "listener", nil).join(s, r, 1, Attachment{CSRC: 9})
	quiet := newLightClient(b, "quiet", nil)
	quiet.join(s, r, 0, Attachment{CSRC: 1, Publishing: true})
	payload := make([]byte, 80)
	dropped := &s.lanes[0].counters.drops[dropSilent]
	before := dropped.Load()
	packets := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		if packets++; packets%(maxRate/2) == 0 {
			s.lanes[0].sockets.gate.second.Add(1) // else it would be a flood
		}
		quiet.speak(payload, 80, false)
		spinUntil(b, func() bool { return dropped.Load() >= before+packets })
	}
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
