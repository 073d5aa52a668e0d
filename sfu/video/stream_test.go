package video

import (
	"strings"
	"testing"
	"time"
)

// feed gives packets to a Stream by a short notation: "5k" is packet 5, the beginning of a key frame; "6" begins a frame, "7+" goes on with the frame of the packet
// before in the notation. The timestamp of a frame is a hundred times its first packet's number.
type feed struct {
	t      *testing.T
	now    time.Duration
	stream *Stream
	frames map[uint64]uint32
	newest map[uint64]uint64
}

func newFeed(t *testing.T) *feed {
	return &feed{t: t, stream: NewStream(1000, 5_000_000), frames: map[uint64]uint32{}, newest: map[uint64]uint64{}}
}

// give returns the packet's number in the slot, counted from 0, or -1 where it is not sent.
func (f *feed) give(p Packet) (Out, int) {
	if p.Codec == 0 {
		p.Codec = H264
	}
	p.Late = p.Number < f.newest[p.Source]
	f.newest[p.Source] = max(f.newest[p.Source], p.Number)
	p.Captured = f.now
	out, ok := f.stream.Next(f.now, &p)
	if !ok {
		return out, -1
	}
	return out, int(int16(out.Number - 1000))
}

// expect gives packets of a stream, one after the other, and compares their numbers in the slot.
func (f *feed) expect(source uint64, packets string, want ...int) {
	f.t.Helper()
	var frame uint64
	for i, word := range strings.Fields(packets) {
		number := uint64(0)
		for _, digit := range strings.TrimRight(word, "k+") {
			number = number*10 + uint64(digit-'0')
		}
		if !strings.HasSuffix(word, "+") {
			frame = number
		}
		_, got := f.give(Packet{
			Source: source, Number: number, Timestamp: uint32(frame * 100),
			Facts: Facts{Keyframe: strings.HasSuffix(word, "k")},
		})
		if got != want[i] {
			f.t.Errorf("packet %s of stream %d became %d, want %d", word, source, got, want[i])
		}
	}
}

func (f *feed) needs(source uint64, ok bool) {
	f.t.Helper()
	if got, needs := f.stream.NeedsKeyframe(); needs != ok || needs && got != source {
		f.t.Errorf("needs a key frame of %d: %v, want %d: %v", got, needs, source, ok)
	}
}

func TestStreamNumbers(t *testing.T) {
	const no = -1
	for _, test := range []struct {
		name string
		do   func(f *feed)
	}{
		{"nothing is sent before it is wanted", func(f *feed) {
			f.expect(1, "10k 11", no, no)
			f.needs(0, false)
			f.stream.Want(1, 0)
			f.needs(1, true)
			f.expect(1, "12 13k 14+ 15", no, 0, 1, 2)
			f.needs(0, false)
		}},
		{"what is missing keeps its number, and gets it when it comes", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "10k 13 12 11 11 14", 0, 3, 2, 1, no, 4)
		}},
		{"what is from before the key frame has no number", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "10k 9 8", 0, no, no)
		}},
		{"another stream begins with its key frame, until which the old one goes on", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "10k 11", 0, 1)
			f.stream.Want(2, 0)
			f.needs(2, true)
			f.expect(2, "500 501", no, no)
			f.expect(1, "12", 2)
			f.expect(2, "502k 503", 3, 4)
			f.expect(1, "13 14k", no, no)
			f.needs(0, false)
		}},
		{"a stream that takes another's place begins with the key frame at hand", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "10k 11", 0, 1)
			f.stream.Replace(2)
			f.needs(2, true)
			f.expect(1, "12", 2)
			f.expect(2, "500k 501", 3, 4)
			f.needs(0, false)
		}},
		{"what is not wanted is not replaced", func(f *feed) {
			f.stream.Replace(2)
			f.expect(2, "10k", no)
			f.needs(0, false)
		}},
		{"what was missing at a change still gets its number", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "10k 12", 0, 2)
			f.stream.Want(2, 0)
			f.expect(2, "500k 502", 3, 5)
			f.expect(1, "11 12 13", 1, no, no)
			f.expect(2, "501", 4)
			f.stream.Want(1, 0)
			f.expect(1, "20k", 6)
			f.expect(2, "503", no)
		}},
		{"a key frame whose rest has passed is no beginning", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "9 11 10k 12", no, no, no, no)
			f.needs(1, true)
			f.expect(1, "13k", 0)
		}},
		{"a pause ends at a key frame", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "10k 12", 0, 2)
			f.stream.Pause()
			f.expect(1, "11 13 14k", no, no, no)
			f.needs(0, false)
			f.stream.Want(1, 0)
			f.expect(1, "15 16k", no, 3)
		}},
		{"a break ends at a key frame", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "10k", 0)
			f.stream.Break()
			f.needs(1, true)
			f.expect(1, "11 12k 13", no, 1, 2)
			f.needs(0, false)
		}},
		{"the largest gap is kept open", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "10k 260 11", 0, 250, 1)
			f.needs(0, false)
		}},
		{"a larger gap ends at a key frame", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "10k 261 262 11", 0, no, no, no)
			f.needs(1, true)
			f.expect(1, "263k", 1)
		}},
		{"what is too late is not known any longer", func(f *feed) {
			f.stream.Want(1, 0)
			f.expect(1, "10k 12", 0, 2)
			for number := uint64(13); number < 11+placeWindow; number++ {
				f.give(Packet{Source: 1, Number: number})
			}
			f.give(Packet{Source: 1, Number: 12 + placeWindow}) // the one before is missing, and is not to be taken for this
			f.expect(1, "11", no)
		}},
		{"a stream of 0 is none", func(f *feed) {
			f.stream.Want(1, 0)
			f.stream.Want(0, 0)
			f.expect(0, "10k", no)
			f.expect(1, "10k", no)
		}},
	} {
		t.Run(test.name, func(t *testing.T) { test.do(newFeed(t)) })
	}
}

func TestStreamChangesCodec(t *testing.T) {
	f := newFeed(t)
	f.stream.Want(1, 0)
	f.expect(1, "10k 11", 0, 1)
	if _, got := f.give(Packet{Source: 1, Codec: AV1, Number: 12}); got != -1 {
		t.Error("another codec began without a key frame")
	}
	f.needs(1, true)
	f.expect(1, "13", -1)
	if out, got := f.give(Packet{Source: 1, Codec: AV1, Number: 14, Facts: Facts{Keyframe: true}}); got != 2 || !out.Begins {
		t.Errorf("the key frame of another codec became %d, %+v", got, out)
	}
}

func TestStreamTimestamps(t *testing.T) {
	f := newFeed(t)
	give := func(source, number uint64, timestamp uint32, captured time.Duration, want uint32) {
		t.Helper()
		p := Packet{Source: source, Codec: AV1, Number: number, Timestamp: timestamp, Captured: captured, Facts: Facts{Keyframe: true}}
		if out, ok := f.stream.Next(f.now, &p); !ok || out.Timestamp != want {
			t.Errorf("timestamp %d became %d, %v, want %d", timestamp, out.Timestamp, ok, want)
		}
	}
	want := func(source uint64, after time.Duration) {
		f.now += after
		f.stream.Want(source, 0)
	}
	const base = 5_000_000
	want(1, 10*time.Second)
	give(1, 1, 1<<32-1000, 10*time.Second, base+900_000)
	give(1, 2, 2000, 10*time.Second+time.Hour, base+903_000) // within a stream it is the stream's that count
	want(2, 40*time.Millisecond)
	give(2, 1, 77, 10*time.Second+100*time.Millisecond, base+909_000)
	want(3, 40*time.Millisecond)
	give(3, 1, 77, 10*time.Second+90*time.Millisecond, base+909_090) // captured before what was sent last: 1 ms later at least
	want(4, 40*time.Millisecond)
	give(4, 1, 77, 10*time.Second+200*time.Millisecond, base+918_000) // which does not add up
	want(5, time.Minute)
	give(5, 1, 77, 70*time.Second+200*time.Millisecond, base+6_318_000)
	want(6, time.Second)
	give(6, 1, 77, 80*time.Hour, base+6_408_000) // beyond belief: by the clock
	want(7, time.Second)
	give(7, 1, 77, 80*time.Hour+1100*time.Millisecond, base+6_408_000+99_000) // in step with the one before
}

func TestStreamTimestampsOfAClockThatWentBack(t *testing.T) {
	f := newFeed(t)
	f.now = 10 * time.Second
	for i, test := range []struct{ captured, want time.Duration }{
		{10 * time.Second, 10 * time.Second},
		{8 * time.Second, 11 * time.Second},
		{9 * time.Second, 12 * time.Second},
	} {
		p := Packet{Source: uint64(i + 1), Codec: AV1, Number: 1, Captured: test.captured, Facts: Facts{Keyframe: true}}
		f.stream.Want(p.Source, 0)
		if out, ok := f.stream.Next(f.now, &p); !ok || out.Timestamp != 5_000_000+ticks(test.want) {
			t.Errorf("captured at %v: %d, %v", test.captured, out.Timestamp, ok)
		}
		f.now += time.Second
	}
}

// layeredPacket is the only packet of a frame of a temporal layer.
func layeredPacket(codec Codec, number uint64, temporal uint8, sync, key bool) Packet {
	return Packet{
		Source: 1, Codec: codec, Number: number, Timestamp: uint32(number * 3000), Marker: true,
		Facts: Facts{
			Keyframe: key, Begins: true, Temporal: temporal, Sync: sync, layered: true,
			hasPicture: true, wide: true, picture: uint16(number), pictureAt: 2, hasTL0: true, tl0: uint8(number / 4), tl0At: 4,
		},
	}
}

func TestStreamAddsAndDropsLayers(t *testing.T) {
	type step struct {
		want     int // the layer that is wanted from here on, -1: as before
		temporal uint8
		sync     bool
		sent     bool
	}
	const same = -1
	for _, test := range []struct {
		name  string
		codec Codec
		steps []step
	}{
		{"VP8 adds one layer after the other, at frames that refer to the base alone", VP8, []step{
			{0, 0, false, true},
			{same, 2, true, false},
			{2, 1, false, false},
			{same, 2, true, false}, // what follows in layer 2 may refer to layer 1
			{same, 1, false, false},
			{same, 1, true, true},
			{same, 2, false, false},
			{same, 2, true, true},
			{same, 1, false, true},
			{1, 2, true, false},
			{same, 1, false, true},
			{0, 1, true, false},
			{same, 0, false, true},
		}},
		{"VP9 adds all layers after a frame that says so, of a layer that is sent", VP9, []step{
			{0, 0, false, true},
			{2, 1, true, false}, // itself refers to who knows what
			{same, 0, false, true},
			{same, 2, false, false},
			{same, 0, true, true},
			{same, 2, false, true},
			{same, 1, false, true},
			{0, 2, false, false},
			{same, 0, true, true},
			{same, 1, false, false},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFeed(t)
			number := 0
			for i, step := range test.steps {
				if step.want != same {
					f.stream.Want(1, uint8(step.want))
				}
				out, got := f.give(layeredPacket(test.codec, uint64(100+i), step.temporal, step.sync, i == 0))
				if (got >= 0) != step.sent {
					t.Errorf("step %d: sent: %v", i, got >= 0)
				}
				if got < 0 {
					continue
				}
				if got != number {
					t.Errorf("step %d is packet %d, want %d", i, got, number)
				}
				number++
				picture := uint16(number)
				if test.codec == VP9 {
					picture = uint16(i + 1)
				}
				if out.picture != picture || !out.Marker {
					t.Errorf("step %d is picture %d, want %d", i, out.picture, picture)
				}
			}
		})
	}
}

func TestStreamAsksForAKeyframeWhereLayersCannotBeAdded(t *testing.T) {
	f := newFeed(t)
	f.stream.Want(1, 0)
	f.give(layeredPacket(VP8, 100, 0, false, true))
	f.stream.Want(1, 1)
	f.give(layeredPacket(VP8, 101, 1, false, false))
	f.now = layerPatience - 1
	f.give(layeredPacket(VP8, 102, 1, false, false))
	f.needs(0, false)
	f.now = layerPatience
	f.give(layeredPacket(VP8, 103, 1, false, false))
	f.needs(1, true)
	f.give(layeredPacket(VP8, 104, 0, false, true))
	f.needs(0, false)
	f.stream.Want(1, 0)
	f.give(layeredPacket(VP8, 105, 0, false, false))
	f.stream.Want(1, 1)
	f.give(layeredPacket(VP8, 106, 2, false, false))
	f.now += layerPatience
	f.give(layeredPacket(VP8, 107, 2, false, false)) // which nobody wants
	f.needs(0, false)
	f.give(layeredPacket(VP8, 108, 0, false, true))
	if _, got := f.give(layeredPacket(VP8, 109, 1, false, false)); got < 0 {
		t.Error("a key frame begins all layers")
	}
}

func TestStreamBlanksWhatItWouldHaveDropped(t *testing.T) {
	f := newFeed(t)
	f.stream.Want(1, 0)
	f.give(layeredPacket(VP8, 100, 0, false, true))
	f.give(layeredPacket(VP8, 103, 0, false, false))
	if out, got := f.give(layeredPacket(VP8, 102, 1, false, false)); got != 2 || !out.Blank || out.Marker {
		t.Errorf("packet %d: %+v", got, out)
	}
	if out, got := f.give(layeredPacket(VP8, 101, 0, false, false)); got != 1 || out.Blank || out.picture != 2 {
		t.Errorf("packet %d: %+v", got, out)
	}
}

// What is missing in the midst of a frame that is dropped is of that frame, and needs no number.
func TestStreamDoesNotMissWhatItDrops(t *testing.T) {
	f := newFeed(t)
	f.stream.Want(1, 0)
	f.give(layeredPacket(VP8, 100, 0, false, true))
	first, last := layeredPacket(VP8, 101, 1, false, false), layeredPacket(VP8, 103, 1, false, false)
	last.Timestamp = first.Timestamp
	f.give(first)
	f.give(last)
	if _, got := f.give(layeredPacket(VP8, 104, 0, false, false)); got != 1 {
		t.Errorf("the next packet is %d", got)
	}
	middle := layeredPacket(VP8, 102, 1, false, false)
	middle.Timestamp = first.Timestamp
	if _, got := f.give(middle); got >= 0 {
		t.Errorf("a packet of the dropped frame became %d", got)
	}
}

func TestStreamRewritesIdsOverChanges(t *testing.T) {
	f := newFeed(t)
	f.stream.Want(1, 2)
	give := func(p Packet, picture uint16, tl0 uint8) {
		t.Helper()
		if out, _ := f.give(p); out.picture != picture || out.tl0 != tl0 {
			t.Errorf("picture %d with TL0PICIDX %d, want %d with %d", out.picture, out.tl0, picture, tl0)
		}
	}
	give(layeredPacket(VP8, 100, 0, false, true), 1, 1)
	give(layeredPacket(VP8, 101, 1, false, false), 2, 1)
	give(layeredPacket(VP8, 104, 0, false, false), 5, 2) // two were lost
	give(layeredPacket(VP8, 103, 1, false, false), 4, 1)
	other := layeredPacket(VP8, 30_000, 0, false, true)
	other.Source = 2
	f.stream.Want(2, 2)
	give(other, 6, 3)
	give(layeredPacket(VP8, 102, 1, false, false), 3, 1) // of the stream before
	anew := layeredPacket(VP8, 30_001, 0, false, true)   // its encoder was restarted
	anew.Source, anew.Facts.picture, anew.Facts.tl0 = 2, 17, other.Facts.tl0+1
	give(anew, 7, 4)
	other = layeredPacket(VP8, 50, 0, false, true)
	other.Source, other.Facts.wide, other.Facts.picture = 3, false, 127
	f.stream.Want(3, 2)
	give(other, 8, 5)
	other.Number, other.Timestamp, other.Facts.picture, other.Facts.tl0 = 51, 51*3000, 0, 13
	give(other, 9, 6)
}

// What is missing when a stream ends may still come: the next stream's ids are not the same.
func TestStreamKeepsIdsOfWhatIsMissing(t *testing.T) {
	f := newFeed(t)
	f.stream.Want(1, 0)
	f.give(layeredPacket(VP8, 100, 0, false, true))
	f.give(layeredPacket(VP8, 105, 1, false, false)) // dropped
	f.stream.Break()
	begin, _ := f.give(layeredPacket(VP8, 106, 0, false, true))
	if late, _ := f.give(layeredPacket(VP8, 104, 0, false, false)); late.Blank || late.picture >= begin.picture || late.tl0 >= begin.tl0 || late.Timestamp >= begin.Timestamp {
		t.Errorf("%+v before %+v", late, begin)
	}
}
