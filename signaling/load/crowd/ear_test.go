//go:build linux

package crowd

import (
	"testing"
	"time"

	"hubbub/signaling/load/stamp"
)

func TestEarCountsWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		speaker                uint32
		numbers                []uint32
		packets, lost, foreign uint64
	}{
		{"everything arrives", 1, []uint32{5, 6, 7}, 3, 0, 0},
		{"numbers wrap around", 1, []uint32{1<<32 - 1, 0, 1}, 3, 0, 0},
		{"two are lost", 1, []uint32{5, 8}, 2, 2, 0},
		{"one comes twice, one late", 1, []uint32{5, 7, 7, 6}, 2, 1, 0},
		{"a speaker without a slot loses nothing", 1, []uint32{5, 500}, 2, 0, 0},
		{"one's own voice", 0, []uint32{5}, 0, 0, 1},
		{"of someone who listens", 2, []uint32{5}, 0, 0, 1},
		{"of another room", 3, []uint32{5}, 0, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEar(Plan{Rooms: 2, People: 3, Speakers: 2})
			e.count()
			for _, number := range tt.numbers {
				payload := make([]byte, stamp.Bytes)
				stamp.Stamp{Speaker: tt.speaker, Number: number}.Put(payload)
				e.hear(0, payload, time.Now())
			}
			if got := e.stop(); got.Packets != tt.packets || got.Lost != tt.lost || got.Foreign != tt.foreign {
				t.Errorf("heard %d, lost %d, foreign %d; want %d, %d, %d", got.Packets, got.Lost, got.Foreign, tt.packets, tt.lost, tt.foreign)
			}
		})
	}
}

func TestEarMeasuresLatency(t *testing.T) {
	e := newEar(Plan{Rooms: 1, People: 2, Speakers: 1})
	e.count()
	sent := time.Now()
	for i := range 100 {
		payload := make([]byte, stamp.Bytes)
		stamp.Stamp{Number: uint32(i), Sent: time.Duration(sent.UnixNano())}.Put(payload)
		took := time.Millisecond
		if i == 50 {
			took = 80 * time.Millisecond
		}
		e.hear(1, payload, sent.Add(took))
	}
	l := e.stop().Latency
	near := func(d, want time.Duration) bool { return (d - want).Abs() <= want/50 }
	if !near(l.P50, time.Millisecond) || !near(l.P99, time.Millisecond) || !near(l.Max, 80*time.Millisecond) {
		t.Errorf("measured %+v", l)
	}
	e.hear(1, []byte("short"), sent)
	if e.total.Foreign != 1 {
		t.Error("what has no stamp was not counted as foreign")
	}
}
