package video

import "testing"

// Many pictures may be missing at once: what 7 bits cannot count must not look as if nothing were missing.
func TestPicturesAfterManyWereLost(t *testing.T) {
	for _, test := range []struct {
		name  string
		codec Codec
		wide  bool
		lost  uint64
		want  uint16
	}{
		{"VP8, 15 bits", VP8, true, 100, 102},
		{"VP8, 7 bits", VP8, false, 60, 62},
		{"VP8, more than 7 bits can tell", VP8, false, 65, 3},
		{"VP8, a whole round of 7 bits", VP8, false, 128, 3},
		{"VP9, 15 bits", VP9, true, 100, 102},
		{"VP9, more than 7 bits can tell, keeps its place in the group", VP9, false, 65, 67},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFeed(t)
			f.stream.Want(1, 0)
			first, next := layeredPacket(test.codec, 1000, 0, false, true), layeredPacket(test.codec, 1001+test.lost, 0, false, false)
			for _, p := range []*Packet{&first, &next} {
				if p.Facts.wide = test.wide; !test.wide {
					p.Facts.picture &= 0x7f
				}
			}
			f.give(first)
			out, got := f.give(next)
			if got != int(test.lost)+1 || out.picture != test.want {
				t.Errorf("packet %d, picture %d, want %d", got, out.picture, test.want)
			}
		})
	}
}

func TestPicturesOfSevenBitsAreSoonForgotten(t *testing.T) {
	f := newFeed(t)
	f.stream.Want(1, 0)
	give := func(number uint64) Out {
		p := layeredPacket(VP8, number, 0, false, number == 128)
		p.Facts.wide, p.Facts.picture = false, p.Facts.picture&0x7f
		out, _ := f.give(p)
		return out
	}
	for _, number := range []uint64{128, 131, 193} {
		give(number)
	}
	if out := give(130); out.Blank {
		t.Error("a picture 63 ago is not known")
	}
	if out := give(129); !out.Blank {
		t.Errorf("a picture 64 ago was taken for picture %d", out.picture)
	}
}

func TestPicturesOfForgottenReferencesAreDropped(t *testing.T) {
	f := newFeed(t)
	f.stream.Want(1, 0)
	give := func(number uint64, temporal, back uint8) Out {
		p := layeredPacket(VP9, number, temporal, false, number == 1)
		p.Facts.hasTL0, p.Facts.flexible = false, true
		if back > 0 {
			p.Facts.references, p.Facts.back[0] = 1, back
		}
		out, _ := f.give(p)
		return out
	}
	give(1, 0, 0)
	give(2, 1, 1) // not sent
	f.stream.Want(1, 1)
	give(3, 0, 2)
	for number := uint64(6); number <= 130; number++ {
		give(number, 0, 1)
	}
	if out := give(4, 1, 2); !out.Blank {
		t.Error("sent, though it refers to what was not")
	}
	if out := give(5, 1, 2); out.Blank {
		t.Error("not sent, though it refers to what was")
	}
}

// Padding between pictures has a number, but no picture id.
func TestPicturesLostBeforePadding(t *testing.T) {
	f := newFeed(t)
	f.stream.Want(1, 0)
	f.give(layeredPacket(VP8, 100, 0, false, true))
	if _, got := f.give(Packet{Source: 1, Codec: VP8, Number: 102, Timestamp: 101 * 3000}); got != 2 {
		t.Errorf("the padding is packet %d", got)
	}
	next := layeredPacket(VP8, 103, 0, false, false)
	next.Facts.picture = 102
	if out, _ := f.give(next); out.picture != 3 {
		t.Errorf("picture %d, want 3", out.picture)
	}
	lost := layeredPacket(VP8, 101, 0, false, false)
	if out, got := f.give(lost); got != 1 || out.Blank || out.picture != 2 {
		t.Errorf("the lost picture is packet %d, %+v", got, out)
	}
}
