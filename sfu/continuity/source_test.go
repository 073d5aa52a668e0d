package continuity

import "testing"

// In the tables below a packet is its sequence number, and what is expected is the number that it gets counted from the first. The
// timestamp advances by 20 ms for each sequence number.
type arrival struct {
	seq  uint16
	want int64
}

const (
	drop   = -1000 // the packet is given to Drop
	reject = -1001 // Forward refuses it
)

func TestSource(t *testing.T) {
	for _, test := range []struct {
		name     string
		arrivals []arrival
	}{
		{"in order", []arrival{{0, 0}, {1, 1}, {2, 2}, {3, 3}}},
		{"wrap", []arrival{{65534, 0}, {65535, 1}, {0, 2}, {1, 3}}},
		{"lost", []arrival{{10, 0}, {11, 1}, {14, 4}, {15, 5}}},
		{"lost over the wrap", []arrival{{65533, 0}, {2, 5}, {3, 6}}},
		{"late", []arrival{{10, 0}, {12, 2}, {11, 1}, {13, 3}}},
		{"late over the wrap", []arrival{{65535, 0}, {1, 2}, {0, 1}, {2, 3}}},
		{"before the first", []arrival{{10, 0}, {9, -1}, {11, 1}}},
		{"repeated", []arrival{{10, 0}, {10, reject}, {11, 1}, {10, reject}, {11, reject}, {12, 2}}},
		{"repeated late", []arrival{{10, 0}, {12, 2}, {11, 1}, {11, reject}, {13, 3}}},
		{"far too late", []arrival{{100, 0}, {164, 64}, {100, reject}, {101, 1}, {165, 65}}},

		{"dropped", []arrival{{10, 0}, {11, drop}, {12, 1}, {13, drop}, {14, drop}, {15, 2}}},
		{"dropped over the wrap", []arrival{{65534, 0}, {65535, drop}, {0, drop}, {1, 1}}},
		{"dropped at the beginning", []arrival{{10, drop}, {11, drop}, {12, 0}, {13, 1}}},
		{"late, from before a drop", []arrival{{10, 0}, {12, drop}, {13, 2}, {11, 1}, {14, 3}}},
		{"late, from before several drops", []arrival{{10, 0}, {12, drop}, {13, drop}, {14, 2}, {15, drop}, {11, 1}, {16, 3}}},
		{"a late one dropped after a newer was forwarded stays a loss", []arrival{{10, 0}, {12, 2}, {11, drop}, {13, 3}}},
		{"a late one dropped before a newer was forwarded", []arrival{{10, 0}, {12, drop}, {11, drop}, {13, 1}}},
		{"repeated drop", []arrival{{10, 0}, {11, drop}, {11, drop}, {12, 1}}},
		{"dropped, then forwarded", []arrival{{10, 0}, {11, drop}, {11, reject}, {12, 1}}},
		{"forwarded, then dropped", []arrival{{10, 0}, {11, 1}, {11, drop}, {12, 2}}},
		{"lost among drops", []arrival{{10, 0}, {11, drop}, {14, drop}, {15, 1}}},
		{"lost among drops, and comes late", []arrival{{10, 0}, {11, drop}, {13, drop}, {12, reject}, {14, 1}}},
		{"lost before a drop", []arrival{{10, 0}, {12, drop}, {13, 2}}},
		{"lost after a drop", []arrival{{10, 0}, {11, drop}, {13, 2}}},
		{"lost after a drop, and comes late", []arrival{{10, 0}, {11, drop}, {13, 2}, {12, 1}}},
		{"many lost among drops", []arrival{{10, 0}, {11, drop}, {511, drop}, {512, 1}, {510, reject}}},

		{"a big jump", []arrival{{0, 0}, {3000, 3000}, {3001, 3001}}},
		{"begun anew ahead", []arrival{{0, 0}, {1, 1}, {20000, reject}, {20001, 2}, {20002, 3}, {20000, reject}}},
		{"begun anew behind", []arrival{{20000, 0}, {5, reject}, {6, 1}, {7, 2}, {5, reject}}},
		{"begun anew over the wrap", []arrival{{20000, 0}, {65535, reject}, {0, 1}, {1, 2}}},
		{"a stray", []arrival{{0, 0}, {20000, reject}, {1, 1}, {20001, reject}, {2, 2}}},
		{"strays in no order", []arrival{{0, 0}, {20000, reject}, {30000, reject}, {20001, reject}, {1, 1}}},
		{"begun anew with a drop", []arrival{{0, 0}, {20000, drop}, {20001, drop}, {20002, 1}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := NewSource(7)
			for i, a := range test.arrivals {
				timestamp := uint32(a.seq) * 960
				if a.want == drop {
					s.Drop(a.seq, timestamp)
					continue
				}
				p, ok := s.Forward(a.seq, timestamp)
				if ok != (a.want != reject) {
					t.Fatalf("packet %d (%d): ok %v, want %+v", i, a.seq, ok, a)
				}
				if ok && (p.Number != a.want || p.Source != 7 || p.Timestamp != timestamp) {
					t.Errorf("packet %d (%d): %+v, want number %d", i, a.seq, p, a.want)
				}
			}
		})
	}
}

// Numbers go on counting while sequence numbers wrap again and again.
func TestSourceWrapsForLong(t *testing.T) {
	s := NewSource(0)
	want := int64(0)
	for i := range 300_000 {
		if i%3 == 2 {
			s.Drop(uint16(i), uint32(i)*960)
			continue
		}
		if p, ok := s.Forward(uint16(i), uint32(i)*960); !ok || p.Number != want {
			t.Fatalf("packet %d: %+v %v, want number %d", i, p, ok, want)
		}
		want++
	}
}

func TestSourceLearnsTheDuration(t *testing.T) {
	for _, test := range []struct {
		name     string
		advances []uint32
		want     uint32
	}{
		{"nothing known", nil, 960},
		{"20 ms", []uint32{960, 960, 960}, 960},
		{"10 ms", []uint32{480, 480}, 480},
		{"60 ms", []uint32{2880, 2880}, 2880},
		{"2.5 ms", []uint32{120, 120}, 120},
		{"120 ms", []uint32{5760, 5760}, 5760},
		{"once is not enough", []uint32{960, 2880, 960}, 960},
		{"a pause of DTX", []uint32{2880, 2880, 19200, 19200, 19200}, 2880},
		{"changed", []uint32{960, 960, 1920, 1920}, 1920},
		{"no such packets", []uint32{1000, 1000, 0, 0, 1 << 31, 1 << 31}, 960},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := NewSource(0)
			seq, timestamp := uint16(65535), uint32(1<<32-1000)
			p, _ := s.Forward(seq, timestamp)
			for _, advance := range test.advances {
				seq, timestamp = seq+1, timestamp+advance
				p, _ = s.Forward(seq, timestamp)
			}
			if p.Duration != test.want {
				t.Errorf("duration %d, want %d", p.Duration, test.want)
			}
		})
	}
}

// What was dropped unseen is no loss, as far as it can have been: right before the next packet.
func TestSkip(t *testing.T) {
	s := NewSource(7)
	forward := func(seq uint16, want int64) {
		t.Helper()
		if p, ok := s.Forward(seq, uint32(seq)*960); !ok || p.Number != want {
			t.Errorf("packet %d is number %d, %v; want %d", seq, p.Number, ok, want)
		}
	}
	forward(10, 0)
	s.Skip()
	forward(15, 1) // 11 to 14 were skipped
	forward(17, 3) // 16 was lost
	forward(16, 2)
	s.Skip()
	s.Drop(25, 25*960)
	forward(26, 4)
	if _, ok := s.Forward(24, 24*960); ok {
		t.Error("what was skipped is taken when it comes late")
	}
	s.Skip()
	forward(27, 5) // nothing was missing
	forward(29, 7) // and what is missing now is lost
}
