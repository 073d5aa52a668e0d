package continuity

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// step is a packet given to a Stream that began with sequence number 65533 and timestamp 2^32-4800 at 0 ms: both wrap soon.
// What is expected is counted from there, as media time in ms.
type step struct {
	at     time.Duration
	packet Packet
	seq    int // counted from the stream's first; refused is -1
	time   int // of the timestamp, in ms
}

const refused = -1

// from is packet number n of a source, at that media time of its own.
func from(source uint64, n int64, ms int) Packet {
	return Packet{Source: source, Number: n, Timestamp: uint32(source)*1_000_000_007 + uint32(ms*48), Duration: 960}
}

func TestStream(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"one source", []step{
			{0, from(1, 50, 0), 0, 0}, {20 * ms, from(1, 51, 20), 1, 20}, {40 * ms, from(1, 52, 40), 2, 40},
			{60 * ms, from(1, 53, 60), 3, 60}, {80 * ms, from(1, 54, 80), 4, 80}, {100 * ms, from(1, 55, 100), 5, 100},
			{120 * ms, from(1, 56, 120), 6, 120},
		}},
		{"the first packet comes late in the slot's life", []step{
			{3 * time.Second, from(1, 9, 0), 0, 3000}, {3020 * ms, from(1, 10, 20), 1, 3020},
		}},
		{"a source's losses stay", []step{
			{0, from(1, 0, 0), 0, 0}, {60 * ms, from(1, 3, 60), 3, 60}, {80 * ms, from(1, 4, 80), 4, 80},
		}},
		{"a source's order stays", []step{
			{0, from(1, 0, 0), 0, 0}, {40 * ms, from(1, 2, 40), 2, 40}, {41 * ms, from(1, 1, 20), 1, 20}, {60 * ms, from(1, 3, 60), 3, 60},
		}},
		{"jitter is not passed on", []step{
			{0, from(1, 0, 0), 0, 0}, {90 * ms, from(1, 1, 20), 1, 20}, {90 * ms, from(1, 2, 40), 2, 40}, {91 * ms, from(1, 3, 60), 3, 60},
		}},
		{"DTX: timestamps go on over the pause", []step{
			{0, from(1, 0, 0), 0, 0}, {400 * ms, from(1, 1, 400), 1, 400},
			{810 * ms, from(1, 2, 800), 2, 800}, {820 * ms, from(1, 3, 820), 3, 820},
		}},
		{"a long silence that was not forwarded", []step{
			{0, from(1, 0, 0), 0, 0}, {60 * time.Second, from(1, 1, 60_000), 1, 60_000}, {60020 * ms, from(1, 2, 60_020), 2, 60_020},
		}},

		{"switch at once", []step{
			{0, from(1, 0, 0), 0, 0}, {25 * ms, from(2, 900, 555), 1, 20}, {45 * ms, from(2, 901, 575), 2, 40},
		}},
		{"switch after less than 150 ms", []step{
			{0, from(1, 0, 0), 0, 0}, {149 * ms, from(2, 900, 555), 1, 20},
		}},
		{"switch after 150 ms", []step{
			{0, from(1, 0, 0), 0, 0}, {150 * ms, from(2, 900, 555), 1, 150}, {170 * ms, from(2, 901, 575), 2, 170},
		}},
		{"switch after a silence", []step{
			{0, from(1, 0, 0), 0, 0}, {20 * ms, from(1, 1, 20), 1, 20}, {820 * ms, from(2, 900, 555), 2, 820},
		}},
		{"switch after a silence of a day", []step{
			{0, from(1, 0, 0), 0, 0}, {24 * time.Hour, from(2, 900, 555), 1, 24 * 3600 * 1000},
		}},
		{"the clock is behind what was sent", []step{
			{0, from(1, 0, 0), 0, 0}, {20 * ms, from(1, 1, 180), 1, 180}, {190 * ms, from(2, 0, 0), 2, 200},
		}},
		{"the clock makes up for switches at once", []step{
			{0, from(1, 0, 0), 0, 0}, {100 * ms, from(2, 0, 0), 1, 20},
			{200 * ms, from(3, 0, 0), 2, 40}, {400 * ms, from(4, 0, 0), 3, 400},
		}},
		{"packets of 60 ms", []step{
			{0, Packet{Source: 1, Duration: 2880}, 0, 0}, {60 * ms, Packet{Source: 2, Timestamp: 77, Duration: 960}, 1, 60},
			{80 * ms, Packet{Source: 1, Number: 1, Duration: 960}, 2, 80},
		}},
		{"back to the source before", []step{
			{0, from(1, 0, 0), 0, 0}, {20 * ms, from(2, 0, 0), 1, 20},
			{1020 * ms, from(1, 10, 1020), 2, 1020}, {1040 * ms, from(1, 11, 1040), 3, 1040},
		}},
		{"the same person with a new connection", []step{
			{0, from(1, 5000, 0), 0, 0}, {20 * ms, from(2, 0, 0), 1, 20}, {40 * ms, from(2, 1, 20), 2, 40},
		}},

		{"late from the source before", []step{
			{0, from(1, 0, 0), 0, 0}, {20 * ms, from(1, 2, 40), 2, 40},
			{30 * ms, from(2, 7, 0), 3, 60}, {31 * ms, from(1, 1, 20), refused, 0},
			{32 * ms, from(1, 2, 40), refused, 0}, {50 * ms, from(2, 8, 20), 4, 80},
		}},
		{"from before the switch", []step{
			{0, from(1, 0, 0), 0, 0}, {20 * ms, from(2, 7, 20), 1, 20},
			{21 * ms, from(2, 6, 0), refused, 0}, {40 * ms, from(2, 8, 40), 2, 40},
		}},

		{"a source whose timestamps stand still while it pauses", []step{
			{0, from(1, 0, 0), 0, 0}, {20 * ms, from(1, 1, 20), 1, 20},
			{5020 * ms, from(1, 2, 40), 2, 5020}, {5040 * ms, from(1, 3, 60), 3, 5040},
		}},
		{"a source whose timestamps jump ahead", []step{
			{0, from(1, 0, 0), 0, 0}, {20 * ms, from(1, 1, 900_020), 1, 20}, {40 * ms, from(1, 2, 900_040), 2, 40},
		}},
		{"a source whose timestamps jump back", []step{
			{0, from(1, 0, 0), 0, 0}, {20 * ms, from(1, 1, -900_000), 1, 20},
			{40 * ms, from(1, 2, -899_980), 2, 40}, {400 * ms, from(1, 3, -899_999), 3, 400},
		}},
		{"a source whose timestamps jump, after losses", []step{
			{0, from(1, 0, 0), 0, 0}, {60 * ms, from(1, 3, 900_020), 3, 60},
		}},
		{"late from before a jump", []step{
			{0, from(1, 0, 0), 0, 0}, {40 * ms, from(1, 2, 900_040), 2, 40}, {41 * ms, from(1, 1, 20), refused, 0},
		}},
		{"a slow sound card is corrected in a pause", []step{
			{0, from(1, 0, 0), 0, 0}, {900 * ms, from(1, 1, 650), 1, 900}, {920 * ms, from(1, 2, 670), 2, 920},
		}},
		{"and not while it speaks", []step{
			{0, from(1, 0, 0), 0, 0}, {900 * ms, from(1, 1, 20), 1, 20}, {920 * ms, from(1, 2, 40), 2, 40},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			first, anchor := uint16(65533), uint32(1<<32-4800)
			s := NewStream(0, first, anchor)
			for i, step := range test.steps {
				seq, timestamp, ok := s.Next(step.at, step.packet)
				if ok != (step.seq != refused) {
					t.Fatalf("packet %d: ok %v, want seq %d", i, ok, step.seq)
				}
				if wantSeq, wantTime := first+uint16(step.seq), anchor+uint32(step.time*48); ok && (seq != wantSeq || timestamp != wantTime) {
					t.Errorf("packet %d: seq +%d, time %v ms, want +%d, %d ms", i, seq-first, float64(int32(timestamp-anchor))/48, step.seq, step.time)
				}
			}
		})
	}
}

func TestTimestampAt(t *testing.T) {
	s := NewStream(time.Second, 0, 4800)
	if got := s.TimestampAt(1100 * ms); got != 4800+4800 {
		t.Errorf("before the first packet: %d", got)
	}
	s.Next(1200*ms, from(1, 0, 0))
	s.Next(1230*ms, from(1, 1, 20)) // ten ms late
	if got, want := s.TimestampAt(1250*ms), uint32(4800+200*48+40*48); got != want {
		t.Errorf("after a packet: %d, want %d", got, want)
	}
}
