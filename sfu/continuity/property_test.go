package continuity

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sender is a client's well-formed stream on a bad network: packets are lost, swapped, repeated, and not sent while it is silent.
type sender struct {
	now       *time.Duration
	source    *Source
	seq       uint16
	timestamp uint32
	duration  uint32
	delayed   []arrived
}

type arrived struct {
	seq       uint16
	timestamp uint32
}

func newSender(t *rapid.T, now *time.Duration, id uint64) *sender {
	return &sender{
		now:       now,
		source:    NewSource(id),
		seq:       rapid.Uint16().Draw(t, "seq"),
		timestamp: rapid.Uint32().Draw(t, "timestamp"),
		duration:  rapid.SampledFrom([]uint32{480, 960, 960, 960, 2880}).Draw(t, "duration"),
	}
}

// make lets the time pass that a packet's sound takes.
func (s *sender) make() arrived {
	p := arrived{s.seq, s.timestamp}
	*s.now += time.Duration(s.duration) * time.Second / clockRate
	s.seq++
	s.timestamp += s.duration
	return p
}

// sent is what a Stream has put out.
type sent struct {
	seq       int64 // unwrapped
	timestamp int64
}

// unwrap continues a counter of so many bits.
func unwrap(last int64, now uint64, bits int) int64 {
	shift := 64 - bits
	return last + int64((now-uint64(last))<<shift)>>shift
}

// Whatever sources take turns in a slot, and whatever their networks do to their packets: what the slot sends never repeats a
// sequence number, is never behind by more than the reorder window, has no more gaps than there were losses, and in the order of
// its sequence numbers its timestamps grow.
func TestStreamProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Duration(0)
		stream := NewStream(now, rapid.Uint16().Draw(t, "first"), rapid.Uint32().Draw(t, "anchor"))
		senders := []*sender{newSender(t, &now, 1), newSender(t, &now, 2), newSender(t, &now, 3)}
		var out []sent
		var newest int64
		current, lost, switches := 0, 0, 0

		arrive := func(t *rapid.T, s *sender, p arrived, forward bool) {
			if !forward {
				s.source.Drop(p.seq, p.timestamp)
				return
			}
			packet, ok := s.source.Forward(p.seq, p.timestamp)
			if !ok {
				return
			}
			seq, timestamp, ok := stream.Next(now, packet)
			if !ok {
				return
			}
			o := sent{seq: int64(seq), timestamp: int64(timestamp)}
			if len(out) > 0 {
				o = sent{unwrap(newest, uint64(seq), 16), unwrap(out[len(out)-1].timestamp, uint64(timestamp), 32)}
			}
			if len(out) > 0 && o.seq <= newest-reorderWindow {
				t.Fatalf("sequence number %d after %d", o.seq, newest)
			}
			newest = max(newest, o.seq)
			if len(out) == 0 {
				newest = o.seq
			}
			out = append(out, o)
		}
		t.Repeat(map[string]func(*rapid.T){
			"packets": func(t *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(t, "count") {
					s := senders[current]
					arrive(t, s, s.make(), true)
				}
			},
			"loss": func(t *rapid.T) {
				for range rapid.IntRange(1, 10).Draw(t, "count") {
					senders[current].make()
					lost++
				}
			},
			"swap": func(t *rapid.T) {
				s := senders[current]
				a, b := s.make(), s.make()
				arrive(t, s, b, true)
				arrive(t, s, a, true)
			},
			"delay": func(*rapid.T) {
				s := senders[current]
				s.delayed = append(s.delayed, s.make())
				lost++ // unless it comes in time
			},
			"come late": func(t *rapid.T) {
				s := senders[rapid.IntRange(0, 2).Draw(t, "who")]
				if len(s.delayed) == 0 || s != senders[current] {
					return
				}
				// What is behind SRTP's replay window of 64 does not get as far as here.
				if s.seq-s.delayed[0].seq <= reorderWindow {
					arrive(t, s, s.delayed[0], true)
				}
				s.delayed = s.delayed[1:]
			},
			"repeat": func(t *rapid.T) {
				s := senders[current]
				p := s.make()
				arrive(t, s, p, true)
				arrive(t, s, p, true)
			},
			"drop": func(t *rapid.T) {
				for range rapid.IntRange(1, 100).Draw(t, "count") {
					s := senders[current]
					arrive(t, s, s.make(), false)
				}
			},
			"silence": func(t *rapid.T) {
				pause := time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond
				now += pause
				senders[current].timestamp += uint32(samples(pause))
			},
			"switch": func(t *rapid.T) {
				next := rapid.IntRange(0, 2).Draw(t, "to")
				if next == current {
					return
				}
				// What the other sent meanwhile went to others.
				current = next
				switches++
				s := senders[current]
				for range rapid.IntRange(0, 200).Draw(t, "meanwhile") {
					p := s.make()
					s.source.Forward(p.seq, p.timestamp)
				}
				arrive(t, s, s.make(), true) // it is a packet that makes an Assigner switch
			},
			"": func(t *rapid.T) {
				if len(out) == 0 {
					return
				}
				sorted := slices.SortedFunc(slices.Values(out), func(a, b sent) int { return int(a.seq - b.seq) })
				for i := range len(sorted) - 1 {
					a, b := sorted[i], sorted[i+1]
					if a.seq == b.seq {
						t.Fatalf("sequence number %d was sent twice", a.seq)
					}
					if b.timestamp <= a.timestamp {
						t.Fatalf("timestamps %d, %d of packets %d, %d", a.timestamp, b.timestamp, a.seq, b.seq)
					}
				}
				span := sorted[len(sorted)-1].seq - sorted[0].seq + 1
				// A packet that is swapped at the moment of a switch is from before it.
				if missing := int(span) - len(sorted); missing > lost+switches {
					t.Fatalf("%d sequence numbers are missing, but %d were lost", missing, lost)
				}
			},
		})
	})
}

// FuzzStream has no well-formed senders: any numbers in any order. What remains true is that sequence numbers do not repeat, and
// that what is newest is later than all before.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 0, 0, 0, 20, 0, 0, 2, 0, 0, 3, 192, 20})
	f.Add([]byte{1, 255, 255, 255, 255, 255, 255, 0, 2, 0, 0, 0, 0, 0, 0, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		now := time.Duration(0)
		stream := NewStream(now, 65530, 1<<32-1)
		sources := [4]*Source{NewSource(0), NewSource(1), NewSource(2), NewSource(3)}
		seen := map[int64]bool{}
		newest, newestTime, begun := int64(0), int64(0), false
		for ; len(data) >= 8; data = data[8:] {
			source := sources[data[0]&3]
			seq, timestamp := binary.BigEndian.Uint16(data[1:]), binary.BigEndian.Uint32(data[3:])
			now += time.Duration(data[7]) * 4 * time.Millisecond
			if data[0]&4 != 0 {
				source.Drop(seq, timestamp)
				continue
			}
			p, ok := source.Forward(seq, timestamp)
			if !ok {
				continue
			}
			outSeq, outTime, ok := stream.Next(now, p)
			if !ok {
				continue
			}
			if !begun {
				begun, newest, newestTime = true, int64(outSeq), int64(outTime)
				seen[newest] = true
				continue
			}
			number, at := unwrap(newest, uint64(outSeq), 16), unwrap(newestTime, uint64(outTime), 32)
			if seen[number] {
				t.Fatalf("sequence number %d was sent twice", number)
			}
			seen[number] = true
			if number > newest {
				if at <= newestTime {
					t.Fatalf("timestamp %d of packet %d after %d of %d", at, number, newestTime, newest)
				}
				newest, newestTime = number, at
			}
		}
	})
}
