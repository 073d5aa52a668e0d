package sfu

import (
	"fmt"
	"testing"
)

// BenchmarkRelayForward is a packet of each of three speakers, from its decryption to the link. ns/packet is for each packet sent.
func BenchmarkRelayForward(b *testing.B) {
	for _, relays := range []int{1, 4} {
		b.Run(fmt.Sprint("relays=", relays), func(b *testing.B) {
			const speakers = 3
			s := newFakeSFU(b, Config{Lanes: 1})
			r := s.NewRouter()
			defer r.Close()
			sent := 0
			for range relays {
				if _, err := r.AttachRelay(RelayConfig{Streams: speakers, Send: func([]byte) { sent++ }}); err != nil {
					b.Fatal(err)
				}
			}
			var clients []*fakeClient
			for i := range speakers {
				clients = append(clients, joinFake(b, s, r, fmt.Sprint("s", i), uint32(i+1), 0))
			}
			payload := make([]byte, 80)
			b.ReportAllocs()
			for b.Loop() {
				for _, c := range clients {
					c.send(payload, 20, true)
				}
				if clients[0].seq%(laneBatch/4) == 0 {
					settle(s) // do not outrun the lane
				}
			}
			settle(s)
			packets := b.N * speakers * relays
			if sent != packets {
				b.Errorf("%d packets sent, not %d", sent, packets)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
		})
	}
}

// BenchmarkRelayReceive is a packet of each of three speakers from the link to a receiver's transport. ns/packet is for each.
func BenchmarkRelayReceive(b *testing.B) {
	const speakers = 3
	s := newFakeSFU(b, Config{Lanes: 1})
	r := s.NewRouter()
	defer r.Close()
	listener := joinFake(b, s, r, "listener", 100, speakers)
	listener.transport.keep = false
	l, err := r.AttachRelay(RelayConfig{Streams: speakers, Send: func([]byte) {}})
	if err != nil {
		b.Fatal(err)
	}
	var packets [][]byte
	for i := range uint32(speakers) {
		l.Enrol(fmt.Sprint("s", i), i+1)
		packets = append(packets, make([]byte, relayHeader+80))
	}
	number := uint16(0)
	b.ReportAllocs()
	for b.Loop() {
		number++
		for i, packet := range packets {
			h := spoken(uint32(i)+1, 1, number)
			h.marshal(packet)
			l.Receive(packet)
		}
		if number%(laneBatch/4) == 0 {
			settle(s)
		}
	}
	settle(s)
	if got := int(listener.transport.sent.Load()); got != b.N*speakers {
		b.Errorf("%d packets sent, not %d", got, b.N*speakers)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*speakers), "ns/packet")
}

// BenchmarkEnrol is the coming of a thousand people by another node, and their going.
func BenchmarkEnrol(b *testing.B) {
	s := newFakeSFU(b, Config{Lanes: 2})
	r := s.NewRouter()
	defer r.Close()
	for i := range 100 {
		joinFake(b, s, r, fmt.Sprint("local", i), uint32(i+1), 6)
	}
	for b.Loop() {
		l, err := r.AttachRelay(RelayConfig{Streams: 6, Send: func([]byte) {}})
		if err != nil {
			b.Fatal(err)
		}
		for i := range 1000 {
			l.Enrol(fmt.Sprint("far", i), uint32(1000+i))
		}
		l.Close()
	}
}
