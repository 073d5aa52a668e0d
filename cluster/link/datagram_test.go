package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestDatagramsCross(t *testing.T) {
	arrived := make(chan string, 10)
	b := newMesh(t, "b", handler{datagram: func(from Peer, b []byte) {
		select {
		case arrived <- from.Name + " " + string(b[:min(len(b), 10)]):
		default:
		}
	}})
	a := newMesh(t, "a", handler{})
	if err := a.SendDatagram(b.peer(), nil); !errors.Is(err, ErrNotConnected) {
		t.Errorf("before there is a connection: %v", err)
	}
	if err := a.Ping(within(t), b.peer()); err != nil {
		t.Fatal(err)
	}
	if err := a.SendDatagram(b.peer(), make([]byte, MaxDatagram+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a larger datagram: %v", err)
	}
	largest := append([]byte("largest..."), make([]byte, MaxDatagram-10)...)
	for _, sent := range []struct {
		send    func(Peer, []byte) error
		payload []byte
	}{{a.SendDatagram, []byte("voice")}, {a.SendDatagram, largest}, {a.SendDatagram, nil}, {a.SendBulk, largest}} {
		payload := sent.payload
		var got string
		eventually(t, "one comes", func() bool { // loopback may lose some
			if err := sent.send(b.peer(), payload); err != nil {
				t.Fatal(err)
			}
			select {
			case got = <-arrived:
				return got == "a "+string(payload[:min(len(payload), 10)])
			default:
				return false
			}
		})
	}
	near, far := a.Status()[0], b.Status()[0]
	if near.DatagramsOut == 0 || far.DatagramsIn == 0 || near.DatagramsOut < far.DatagramsIn {
		t.Errorf("%d out, %d in", near.DatagramsOut, far.DatagramsIn)
	}
	if near.DatagramsDropped != 0 {
		t.Errorf("%d did not fit what the path carries at the beginning", near.DatagramsDropped)
	}
}

// TestWhatIsLargeWaitsForTheRest has both wait for a connection that may not send yet.
func TestWhatIsLargeWaitsForTheRest(t *testing.T) {
	var c connection
	c.outgoing.init(datagramQueue)
	c.bulk.init(bulkQueue)
	for range bulkQueue {
		if c.bulk.push(make([]byte, MaxDatagram)) {
			t.Fatal("one was dropped too early")
		}
	}
	if !c.bulk.push(make([]byte, MaxDatagram)) {
		t.Error("more wait than may")
	}
	c.outgoing.push([]byte("voice"))
	packet, n := c.outgoing.pack(make([]byte, sequenceSize, packetSize))
	packet, more := c.bulk.pack(packet)
	if n != 1 || more != 0 || !bytes.HasSuffix(packet, []byte("voice")) {
		t.Errorf("the first packet has %d datagrams of voice and %d large ones", n, more)
	}
	if _, n = c.outgoing.pack(make([]byte, sequenceSize, packetSize)); n != 0 {
		t.Errorf("%d datagrams of voice are left", n)
	}
	if _, more = c.bulk.pack(make([]byte, sequenceSize, packetSize)); more != 1 {
		t.Errorf("the next packet has %d large datagrams", more)
	}
}

// TestTheRingForgetsTheOldest compares it with a list.
func TestTheRingForgetsTheOldest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ring datagramRing
		ring.init(datagramQueue)
		var list [][]byte
		next := uint32(0)
		push := func() {
			b := binary.BigEndian.AppendUint32(nil, next)
			next++
			full := len(list) == datagramQueue
			if ring.push(b) != full {
				t.Fatalf("with %d in the queue it dropped: %v", len(list), !full)
			}
			if list = append(list, bytes.Clone(b)); full {
				list = list[1:]
			}
			b[0] = 99 // the ring has a copy
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(*rapid.T) { push() },
			"many": func(t *rapid.T) {
				for range rapid.IntRange(1, 2*datagramQueue).Draw(t, "n") {
					push()
				}
			},
			"pack": func(t *rapid.T) {
				room := rapid.IntRange(0, 2*datagramQueue).Draw(t, "room")
				packet, n := ring.pack(make([]byte, sequenceSize, sequenceSize+room*(lengthSize+4)))
				if want := min(room, len(list)); n != want {
					t.Fatalf("%d instead of %d of %d", n, want, len(list))
				}
				if !readPacket(packet, func(i uint32, b []byte) {
					if !bytes.Equal(b, list[i]) {
						t.Fatalf("%x instead of %x", b, list[i])
					}
				}) {
					t.Fatal("the packet is malformed")
				}
				list = list[n:]
			},
		})
	})
}

// TestLossesAreCounted leaves out some sequence numbers and mixes up the order of the others, also where the numbers begin anew.
func TestLossesAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a arrivals
		start := rapid.SampledFrom([]uint32{0, 1000, 1<<31 - 500, 1<<32 - 500}).Draw(t, "start")
		a.expected.Store(uint64(start))
		a.received.Store(uint64(start))
		const n = 1000
		var missing uint64
		var coming []uint32
		for i := range uint32(n - 1) {
			if rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
				missing++
				continue
			}
			coming = append(coming, start+i)
		}
		for i := range coming {
			if j := min(i+rapid.IntRange(0, 3).Draw(t, "late"), len(coming)-1); j != i {
				coming[i], coming[j] = coming[j], coming[i]
			}
		}
		for _, sequence := range coming {
			a.note(sequence)
		}
		a.note(start + n - 1) // so that the last ones are missed
		if got := a.lost(); got != missing {
			t.Fatalf("%d lost instead of %d", got, missing)
		}
	})
}
