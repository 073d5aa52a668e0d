package video

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// slot is a Stream with three encoders, the network before it, and all that it sent.
type slot struct {
	t        *rapid.T
	now      time.Duration
	stream   *Stream
	encoders []*encoder
	delayed  []made
	wanted   uint64
	temporal uint8

	sent  []received
	first uint64           // number of the incoming packet that the present stream began with
	came  map[arrival]bool // in order, or in time to be sent
	clean bool             // nothing was lost, delayed or left out so far
}

// arrival names an incoming packet.
type arrival struct{ source, number uint64 }

func newSlot(t *rapid.T, streams int, codecs ...Codec) *slot {
	s := &slot{t: t, clean: true, came: map[arrival]bool{}, stream: NewStream(rapid.Uint16().Draw(t, "first"), rapid.Uint32().Draw(t, "anchor"))}
	for id := range streams {
		s.encoders = append(s.encoders, newEncoder(t, uint64(id+1), codecs...))
	}
	return s
}

// frames lets all encoders make some frames, with or without a bad network.
func (s *slot) frames(count int, key uint64, bad bool) {
	for range count {
		s.now += time.Second / 30
		for _, e := range s.encoders {
			for _, p := range e.encode(e.id == key) {
				kind := 0
				if bad {
					kind = rapid.IntRange(0, 9).Draw(s.t, "network")
				}
				switch kind {
				default:
					s.arrive(&p)
				case 1:
					s.delayed = append(s.delayed, p)
					s.clean = false
				case 2:
					s.clean = false
				}
			}
		}
	}
}

// outage loses some frames of all encoders, fewer than TL0PICIDX can count.
func (s *slot) outage(frames int) {
	s.now += time.Second
	s.clean = false
	for range frames {
		for _, e := range s.encoders {
			e.encode(false)
		}
	}
	s.frames(1, 0, false)
}

// comeLate lets some of the delayed packets arrive.
func (s *slot) comeLate(t *rapid.T) {
	for range rapid.IntRange(0, len(s.delayed)).Draw(t, "count") {
		i := rapid.IntRange(0, len(s.delayed)-1).Draw(t, "which")
		s.arrive(&s.delayed[i])
		s.delayed = slices.Delete(s.delayed, i, i+1)
	}
}

// arrive gives a packet to the Stream, and checks what can be checked at once.
func (s *slot) arrive(p *made) {
	e := s.encoders[p.Source-1]
	p.Late = p.Number < e.newest
	e.newest = max(e.newest, p.Number)
	p.Captured = s.now
	before, live := s.stream.Current()
	layer := s.temporal
	out, ok := s.stream.Next(s.now, &p.Packet)
	after, goesOn := s.stream.Current()
	wanted := live && goesOn && before == p.Source && after == p.Source && !p.Late
	if ok || !p.Late {
		s.came[arrival{p.Source, p.Number}] = true
	}
	known := live && goesOn && before == p.Source && p.Late && p.Number > s.first && e.newest-p.Number < 64
	if !ok {
		if !p.Late {
			p.frame.refused++
		}
		if wanted && p.Facts.Temporal == 0 || known && p.Facts.Temporal == 0 && p.frame.forwarded+p.frame.refused == 0 {
			s.t.Fatalf("frame %d of stream %d is of the base layer, and was not sent", p.frame.id, p.Source)
		}
		return
	}
	if !live && !out.Begins && !p.Late {
		s.t.Fatal("a stream began without saying so")
	}
	if out.Begins && (!p.Facts.Keyframe || p.Source != s.wanted) {
		s.t.Fatal("a stream began that was not wanted, or not with a key frame")
	}
	if wanted && p.Facts.Begins && p.Source == s.wanted && p.Facts.Temporal > layer {
		s.t.Fatalf("frame %d is of layer %d, wanted are those up to %d", p.frame.id, p.Facts.Temporal, layer)
	}
	if out.Begins {
		s.first = p.Number
	}
	if known && out.Blank && (p.frame.forwarded > 0 || p.Facts.Temporal == 0) || !out.Blank && p.frame.refused > 0 && p.frame.forwarded == 0 {
		s.t.Fatalf("of frame %d of stream %d only a part is sent", p.frame.id, p.Source)
	}
	r := received{Out: out, in: p.Number, number: int64(out.Number), timestamp: int64(out.Timestamp), source: p.Source, codec: p.Codec, frame: p.frame}
	if n := len(s.sent); n > 0 {
		last := s.sent[n-1]
		r.number = last.number + int64(int16(out.Number-last.Number))
		r.timestamp = last.timestamp + int64(int32(out.Timestamp-last.Timestamp))
	}
	if payload := out.AppendPayload(nil, p.payload); out.Blank {
		if len(payload) > 0 || out.Marker {
			s.t.Fatal("a blank packet says something")
		}
	} else {
		facts, good := Inspect(p.Codec, payload)
		if !good || !bytes.HasSuffix(payload, p.payload[len(p.payload)-5:]) {
			s.t.Fatalf("%x became %x", p.payload, payload)
		}
		r.facts = facts
		p.frame.forwarded++
	}
	s.sent = append(s.sent, r)
}

// check looks at all that was sent so far as its receiver does.
func (s *slot) check() {
	if len(s.sent) == 0 {
		return
	}
	sorted := slices.SortedFunc(slices.Values(s.sent), func(a, b received) int { return int(a.number - b.number) })
	var last *received
	for i := range sorted {
		p := &sorted[i]
		if i > 0 && p.number == sorted[i-1].number {
			s.t.Fatalf("sequence number %d was sent twice", p.Number)
		}
		if p.Blank {
			continue
		}
		if last != nil {
			if same := p.frame == last.frame; same && p.timestamp != last.timestamp || !same && p.timestamp <= last.timestamp {
				s.t.Fatalf("timestamp %d of frame %d after %d of frame %d", p.timestamp, p.frame.id, last.timestamp, last.frame.id)
			}
		}
		last = p
		for _, r := range p.frame.references {
			if r.refused > 0 {
				s.t.Fatalf("frame %d of stream %d was sent, and refers to %d, which was not", p.frame.id, p.source, r.id)
			}
		}
	}
	s.checkGaps(sorted)
	decoded := map[*frame]bool{}
	d := newDecoder()
	for _, f := range complete(s.sent) {
		if f.codec != VP8 || !f.facts.hasPicture {
			continue
		}
		if !d.decodes(&f.facts) {
			if s.clean {
				s.t.Fatalf("frame %d of stream %d cannot be decoded, though nothing was lost", f.frame.id, f.source)
			}
			continue
		}
		decoded[f.frame] = true
		for _, r := range f.frame.references {
			if !decoded[r] {
				s.t.Fatalf("the receiver decodes frame %d of stream %d without %d, to which it refers", f.frame.id, f.source, r.id)
			}
		}
	}
}

// checkGaps expects that of the numbers between those that were sent no more are missing than there were losses in their place.
func (s *slot) checkGaps(sorted []received) {
	for i := range len(sorted) - 1 {
		a, b := &sorted[i], &sorted[i+1]
		gap := b.number - a.number - 1
		if gap == 0 {
			continue
		}
		end := s.encoders[a.source-1].number
		if a.source == b.source && !b.Begins {
			end = b.in
		}
		for number := a.in + 1; number < end; number++ {
			if !s.came[arrival{a.source, number}] {
				gap--
			}
		}
		if gap > 0 {
			s.t.Fatalf("between packets %d and %d of stream %d %d numbers are missing, though nothing was lost there", a.in, b.in, b.source, gap)
		}
	}
}

// Whatever is wanted in whatever order, and whatever the network does to the senders' packets: what a slot sends has no gaps but those of what was lost, its
// timestamps go forward, and what it sends can be decoded, or the receiver can tell that it cannot.
func TestStreamProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSlot(t, 3, VP8, VP8, VP8, VP9, VP9, H264, AV1)
		source := rapid.Uint64Range(1, 3)
		t.Repeat(map[string]func(*rapid.T){
			"frames":     func(t *rapid.T) { s.frames(rapid.IntRange(1, 12).Draw(t, "count"), 0, false) },
			"bad frames": func(t *rapid.T) { s.frames(rapid.IntRange(1, 12).Draw(t, "count"), 0, true) },
			"key frame": func(t *rapid.T) {
				id, ok := s.stream.NeedsKeyframe()
				if !ok {
					id = source.Draw(t, "of")
				}
				s.frames(1, id, rapid.IntRange(0, 4).Draw(t, "bad") == 0)
			},
			"come late": s.comeLate,
			"want": func(t *rapid.T) {
				s.wanted, s.temporal = source.Draw(t, "source"), uint8(rapid.IntRange(0, 3).Draw(t, "temporal"))
				s.stream.Want(s.wanted, s.temporal)
			},
			"other layer": func(t *rapid.T) {
				if s.wanted > 0 {
					s.temporal = uint8(rapid.IntRange(0, 3).Draw(t, "temporal"))
					s.stream.Want(s.wanted, s.temporal)
				}
			},
			"interruption": func(t *rapid.T) {
				switch rapid.IntRange(0, 3).Draw(t, "kind") {
				case 0:
					s.wanted = 0
					s.stream.Pause()
				case 1:
					s.stream.Break()
				case 2:
					s.outage(rapid.IntRange(1, 100).Draw(t, "frames"))
				}
			},
			"": func(*rapid.T) { s.check() },
		})
	})
}

// The same with one stream, of a format with temporal layers, and more attention to these.
func TestStreamLayerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSlot(t, 1, VP8, VP9)
		e := s.encoders[0]
		e.layers = rapid.IntRange(2, 3).Draw(t, "layers again")
		want := func(t *rapid.T) {
			s.wanted, s.temporal = 1, uint8(rapid.IntRange(0, 2).Draw(t, "temporal"))
			s.stream.Want(s.wanted, s.temporal)
		}
		want(t)
		t.Repeat(map[string]func(*rapid.T){
			"frames":     func(t *rapid.T) { s.frames(rapid.IntRange(1, 12).Draw(t, "count"), 0, false) },
			"bad frames": func(t *rapid.T) { s.frames(rapid.IntRange(1, 12).Draw(t, "count"), 0, true) },
			"come late":  s.comeLate,
			"want":       want,
			"outage": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
					s.outage(rapid.IntRange(1, 100).Draw(t, "frames"))
				}
			},
			"key frame": func(*rapid.T) {
				if id, ok := s.stream.NeedsKeyframe(); ok {
					s.frames(1, id, false)
				}
			},
			"": func(*rapid.T) { s.check() },
		})
	})
}
