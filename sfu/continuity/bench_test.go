package continuity

import (
	"testing"
	"time"
)

func TestHotPathDoesNotAllocate(t *testing.T) {
	source, stream, seq := NewSource(1), NewStream(0, 0, 0), uint16(0)
	if n := testing.AllocsPerRun(1000, func() {
		p, _ := source.Forward(seq, uint32(seq)*960)
		stream.Next(time.Duration(seq)*20*time.Millisecond, p)
		source.Drop(seq+1, uint32(seq+1)*960)
		seq += 2
	}); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

func BenchmarkForward(b *testing.B) {
	s := NewSource(1)
	seq, timestamp := uint16(0), uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		s.Forward(seq, timestamp)
		seq++
		timestamp += 960
	}
}

func BenchmarkDrop(b *testing.B) {
	s := NewSource(1)
	seq, timestamp := uint16(0), uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		s.Drop(seq, timestamp)
		seq++
		timestamp += 960
	}
}

func BenchmarkNext(b *testing.B) {
	b.Run("same source", func(b *testing.B) {
		s := NewStream(0, 0, 0)
		p, now := Packet{Source: 1, Duration: 960}, time.Duration(0)
		b.ReportAllocs()
		for b.Loop() {
			s.Next(now, p)
			p.Number++
			p.Timestamp += 960
			now += 20 * time.Millisecond
		}
	})
	b.Run("always another", func(b *testing.B) {
		s := NewStream(0, 0, 0)
		p, now := Packet{Source: 1, Duration: 960}, time.Duration(0)
		b.ReportAllocs()
		for b.Loop() {
			s.Next(now, p)
			p.Source++
			now += 20 * time.Millisecond
		}
	})
}
