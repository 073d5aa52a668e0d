package video

import (
	"testing"
	"time"
)

// hotPath is what happens to each packet: inspected, unwrapped and observed once, decided on, written and kept for each slot.
type hotPath struct {
	encoder   []byte
	seq       uint16
	timestamp uint32
	unwrapper Unwrapper
	reception Reception
	stream    *Stream
	history   *History[[]byte]
	buffer    []byte
	missing   []uint16
	packet    Packet
}

func newHotPath() *hotPath {
	h := &hotPath{
		encoder: make([]byte, 1100),
		stream:  NewStream(1, 1),
		history: NewHistory[[]byte](512, nil),
		buffer:  make([]byte, 0, 1500),
		missing: make([]uint16, 0, 250),
	}
	copy(h.encoder, []byte{0x90, 0xe0, 0x80, 0x00, 0x00, 0x20, 0x00})
	h.stream.Want(1, 0)
	return h
}

// receive is of each second packet the upper one of two temporal layers, and a late one now and then.
func (h *hotPath) receive(seq uint16) {
	now := time.Duration(h.timestamp) * time.Second / clockRate
	h.encoder[3], h.encoder[4] = byte(seq), byte(seq/2)
	h.encoder[5] = byte(seq&1)<<6 | 0x20
	facts, _ := Inspect(VP8, h.encoder)
	number, _ := h.unwrapper.Unwrap(seq)
	_, late := h.reception.Observe(now, number, facts.Keyframe)
	h.missing = h.reception.AppendMissing(h.missing[:0], now, 0)
	h.packet = Packet{Source: 1, Codec: VP8, Number: number, Timestamp: uint32(seq) * 3000, Late: late, Facts: facts, Captured: now}
	if out, ok := h.stream.Next(now, &h.packet); ok {
		h.buffer = out.AppendPayload(h.buffer[:0], h.encoder)
		h.history.Put(out, h.encoder)
		h.history.Get(now, out.Number, 0)
	}
	h.encoder[6] = 1 // no key frames after the first
}

func (h *hotPath) next() {
	h.timestamp += 3000
	if h.seq%8 == 6 {
		h.receive(h.seq + 1)
		h.receive(h.seq)
		h.seq += 2
		return
	}
	h.receive(h.seq)
	h.seq++
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	h := newHotPath()
	for range 100 {
		h.next() // what is missing is kept in a list that is made with the first of it
	}
	if n := testing.AllocsPerRun(1000, h.next); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

func BenchmarkHotPath(b *testing.B) {
	h := newHotPath()
	b.ReportAllocs()
	for b.Loop() {
		h.next()
	}
}

func BenchmarkInspect(b *testing.B) {
	for _, test := range []struct {
		codec   Codec
		payload []byte
	}{
		{VP8, []byte{0x90, 0xe0, 0x80, 0x01, 0x02, 0x20, 0x01, 0x00}},
		{VP9, []byte{0xe8, 0x80, 0x05, 0x50, 0x09, 0xff}},
		{H264, []byte{0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68}},
		{AV1, []byte{0x28, 0x01, 0x10, 0x08, 0x01}},
	} {
		b.Run(test.codec.String(), func(b *testing.B) {
			for b.Loop() {
				Inspect(test.codec, test.payload)
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	s := NewStream(1, 1)
	s.Want(1, 0)
	p := layeredPacket(VP8, 1<<16, 0, false, true)
	b.ReportAllocs()
	for b.Loop() {
		s.Next(0, &p)
		p.Number++
		p.Timestamp += 3000
		p.Facts.picture = uint16(p.Number) & 0x7fff
		p.Facts.tl0++
		p.Facts.Keyframe = false
	}
}
