package sfu

import (
	"testing"
	"time"

	"hubbub/sfu/speech"
)

// spoken is a packet as another node sends it of somebody who is speaking.
func spoken(csrc, stream uint32, number uint16) relayPacket {
	return relayPacket{
		hops: 1, csrc: csrc, stream: stream, number: number, timestamp: uint32(number) * 960, duration: 960,
		verdict: speech.Verdict{Activity: speech.Loud, Voice: true, Loudness: -20},
		level:   speech.Level{Present: true, Voice: true, Attenuation: 20},
	}
}

// oneNode is a node with a listener and a relay behind which somebody, csrc 7, is enrolled; the other end is the test.
func oneNode(t *testing.T) (n *nodes, listener *person, l *Relay) {
	t.Helper()
	n = newNodes(t, 1)
	listener = n.person(n.all[0], 2)
	l, err := n.all[0].room.AttachRelay(RelayConfig{Streams: 2, Send: func([]byte) {}})
	if err != nil {
		t.Fatal(err)
	}
	l.Enrol("far", 7)
	return n, listener, l
}

func (l *Relay) dropped(cause dropCause) uint64 { return l.lane.counters.relayed.drops[cause].Load() }

func TestRelayDropsAndCounts(t *testing.T) {
	n, listener, l := oneNode(t)
	unknownSource := spoken(7, 1, 1)
	unknownSource.kind = 3
	for _, test := range []struct {
		name   string
		packet []byte
		cause  dropCause
	}{
		{"garbage", []byte("garbage"), dropMalformed},
		{"of nobody", spoken(8, 1, 1).bytes("sound"), dropUnexpected},
		{"of a source that is not enrolled", unknownSource.bytes("sound"), dropUnexpected},
	} {
		before := l.dropped(test.cause)
		l.Receive(test.packet)
		if got := l.dropped(test.cause) - before; got != 1 {
			t.Errorf("%s: counted %d times", test.name, got)
		}
	}
	l.Receive(spoken(7, 1, 1).bytes("sound"))
	l.Receive(spoken(7, 1, 1).bytes("again"))
	l.Receive(spoken(7, 0, 1).bytes("from before"))
	n.tick()
	if got := len(listener.transport.packets()); got != 1 || l.dropped(dropDuplicate) != 1 || l.dropped(dropLate) != 1 {
		t.Errorf("%d packets heard, %d duplicates, %d late", got, l.dropped(dropDuplicate), l.dropped(dropLate))
	}
	l.Withdraw("far")
	l.Receive(spoken(7, 1, 2).bytes("sound"))
	l.Close()
	l.Receive(spoken(7, 1, 3).bytes("sound"))
	l.Enrol("far", 7)
	l.Receive(spoken(7, 1, 4).bytes("sound"))
	n.tick()
	if got := len(listener.transport.packets()); got != 1 {
		t.Errorf("%d packets heard of who was withdrawn, or by a relay that is closed", got-1)
	}
	if len(n.all[0].room.participants) != 1 || len(n.all[0].room.contributors) != 1 {
		t.Error("somebody is left of those who were behind the relay")
	}
	l.Close()
	l.Withdraw("far")
}

// A node that begins anew may count its streams from anywhere: it is heard at once, or a second after its last packet from before.
func TestRelayWhoseOtherEndBeginsAnew(t *testing.T) {
	n, listener, l := oneNode(t)
	for i, stream := range []uint32{1 << 31, 1<<31 + 5, 3} {
		for number := range uint16(10) {
			l.Receive(spoken(7, stream, 100*uint16(i)+number).bytes("sound"))
			n.tick()
		}
		n.clock.Add(int64(staleFor))
	}
	packets := listener.transport.packets()
	if len(packets) != 30 {
		t.Errorf("%d packets heard of 30", len(packets))
	}
	for i := range len(packets) - 1 {
		if packets[i+1].SequenceNumber != packets[i].SequenceNumber+1 {
			t.Errorf("sequence number %d after %d", packets[i+1].SequenceNumber, packets[i].SequenceNumber)
		}
	}
	if got := time.Duration(packets[20].Timestamp-packets[19].Timestamp) * time.Second / opusClock; got < staleFor {
		t.Errorf("the timestamps grew by %v in a pause of %v", got, staleFor)
	}
}

// Whatever another node sends, what the listener gets never repeats a sequence number.
func FuzzRelayReceive(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 1, 0, 2, 1, 0, 0, 9, 200})
	s := withFakeTransports(newTestSFU(f, Config{Lanes: 1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := s.NewRouter()
		defer r.Close()
		listener := joinFake(t, s, r, "listener", 1, 1)
		l, err := r.AttachRelay(RelayConfig{Streams: 1, Send: func([]byte) { t.Error("a packet went back") }})
		if err != nil {
			t.Fatal(err)
		}
		l.Enrol("a", 7)
		l.Enrol("b", 8)
		for ; len(data) >= 4; data = data[4:] {
			h := spoken(7+uint32(data[0]&1), uint32(data[1]), uint16(data[2])<<8|uint16(data[3]))
			h.verdict.Activity = speech.Activity(data[0] >> 1 % 5)
			h.verdict.Voice = data[0]&32 != 0
			h.timestamp = uint32(data[3]) << (data[0] >> 6) * 240
			l.Receive(h.bytes("sound"))
			l.Receive(data)
		}
		settle(s)
		seen := make(map[uint16]bool)
		for _, p := range listener.transport.packets() {
			if seen[p.SequenceNumber] {
				t.Fatalf("sequence number %d twice", p.SequenceNumber)
			}
			seen[p.SequenceNumber] = true
		}
		_ = listener.peer.Close()
	})
}
