package client

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"pgregory.net/rapid"
)

// film is a sender's packets, and a clock.
type film struct {
	streams   []*vp8Stream
	seq       uint16
	timestamp uint32
	now       time.Time
}

func newFilm(layers int) *film {
	cfg := one(layers)
	cfg.Encodings = append(cfg.Encodings, Encoding{1280, 720, 1_000_000})
	return &film{
		streams: []*vp8Stream{newVP8Stream(9, 0, cfg), newVP8Stream(9, 1, cfg)},
		seq:     0xfff0, timestamp: 0xffff_0000, now: time.Unix(0, 0),
	}
}

type filmPacket struct {
	header  rtp.Header
	payload []byte
}

// frame makes the next frame of an encoding, with numbers that go on over all encodings.
func (f *film) frame(encoding int, keyframe bool) []filmPacket {
	f.timestamp += 3000
	f.now = f.now.Add(time.Second / 30)
	payloads, _ := f.streams[encoding].next(keyframe, f.now)
	packets := make([]filmPacket, 0, len(payloads))
	for i, payload := range payloads {
		f.seq++
		packets = append(packets, filmPacket{
			header: rtp.Header{
				Version: 2, SequenceNumber: f.seq, Timestamp: f.timestamp, Marker: i == len(payloads)-1, CSRC: []uint32{77},
			},
			payload: payload,
		})
	}
	return packets
}

func (f *film) show(r *pictureReader, packets ...filmPacket) (pictures []Picture) {
	for _, p := range packets {
		pictures = append(pictures, r.push(&p.header, p.payload, f.now)...)
	}
	return pictures
}

func TestPicturesArrive(t *testing.T) {
	f, r := newFilm(3), newPictureReader("4")
	for i := range 60 {
		pictures := f.show(r, f.frame(0, i == 30)...)
		if len(pictures) != 1 {
			t.Fatalf("%d pictures after frame %d", len(pictures), i)
		}
		p := pictures[0]
		if !p.Decodable || p.Mid != "4" || p.Stream != 9 || p.Encoding != 0 || p.Frame != uint32(i+1) || p.Keyframe != (i == 0 || i == 30) ||
			p.Width != 640 || p.Height != 360 || len(p.CSRC) != 1 || p.CSRC[0] != 77 || !p.Sent.Equal(f.now.Truncate(time.Microsecond)) {
			t.Fatalf("frame %d is %+v", i, p)
		}
	}
	if s := r.snapshot(); s.Pictures != 60 || s.Keyframes != 2 || len(s.Faults) != 0 || s.Freezes != 0 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
}

func TestPacketsInAnyOrderAndTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, r := newFilm(rapid.IntRange(1, 3).Draw(t, "layers")), newPictureReader("4")
		f.show(r, f.frame(0, true)...)
		var packets []filmPacket
		for range 10 {
			packets = append(packets, f.frame(0, false)...)
		}
		packets = append(packets, packets[:rapid.IntRange(0, len(packets)).Draw(t, "again")]...)
		packets = rapid.Permutation(packets).Draw(t, "order")
		f.show(r, packets...)
		if s := r.snapshot(); s.Pictures != 11 || len(s.Faults) != 0 || s.Lost != 0 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestALostPacketStopsThePictureUntilAKeyFrame(t *testing.T) {
	f, r := newFilm(1), newPictureReader("4")
	for range 10 {
		f.show(r, f.frame(0, false)...)
	}
	broken := f.frame(0, false)
	f.show(r, slices.Delete(broken, 0, 1)...)
	asked := 0
	for range 30 {
		f.show(r, f.frame(0, false)...)
		if r.wantsKeyframe(f.now) {
			asked++
		}
	}
	s := r.snapshot()
	if s.Pictures != 10 || s.Lost != 1 || s.Broken != 1 || s.Undecodable == 0 || len(s.Faults) != 0 {
		t.Errorf("%+v", s)
	}
	// From when the packet was given up, for half a second.
	if asked < 1 || asked > 2 || s.PLIs != asked {
		t.Errorf("asked for a key frame %d times, %+v", asked, s)
	}
	f.show(r, f.frame(0, true)...)
	f.show(r, f.frame(0, false)...)
	if s = r.snapshot(); s.Pictures != 12 || s.Freezes != 1 || s.Frozen < time.Second || r.wantsKeyframe(f.now.Add(time.Minute)) {
		t.Errorf("%+v", s)
	}
}

func TestMissingPacketsAreAskedForUntilTheyCome(t *testing.T) {
	f, r := newFilm(1), newPictureReader("4")
	f.show(r, f.frame(0, true)...)
	if missing := r.missing(f.now); len(missing) > 0 {
		t.Errorf("%v are missing", missing)
	}
	late := f.frame(0, false)
	asked := 0
	for range 12 { // 400 ms
		f.show(r, f.frame(0, false)...)
		missing := r.missing(f.now)
		if len(missing) > 0 && (len(missing) != len(late) || missing[0] != late[0].header.SequenceNumber) {
			t.Errorf("%v are missing", missing)
		}
		asked += len(missing)
	}
	if want := 4 * len(late); asked > want || asked < want/2 || r.snapshot().NACKs != asked {
		t.Errorf("asked for %d packets %d times", len(late), asked)
	}
	f.show(r, late...)
	if missing := r.missing(f.now.Add(time.Minute)); len(missing) > 0 || len(r.asked) > 0 {
		t.Errorf("%v are missing", missing)
	}
	if s := r.snapshot(); s.Pictures != 14 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
}

func TestWhatServersMustNotDo(t *testing.T) {
	renumber := func(f *film, packets []filmPacket) []filmPacket { // as if those before had never been
		for i := range packets {
			packets[i].header.SequenceNumber = f.seq - uint16(len(packets)-1-i)
		}
		return packets
	}
	for name, c := range map[string]struct {
		do   func(f *film) []filmPacket
		want string
	}{
		"a frame left out": {func(f *film) []filmPacket {
			skipped := f.frame(0, false)
			f.seq -= uint16(len(skipped))
			return f.frame(0, false)
		}, "picture id"},
		"another encoding without a key frame": {func(f *film) []filmPacket {
			f.streams[1].next(false, f.now)
			return f.frame(1, false)
		}, "begins without a key frame"},
		"time going back": {func(f *film) []filmPacket {
			f.timestamp -= 9000
			return f.frame(0, false)
		}, "timestamp"},
		"a packet left out": {func(f *film) []filmPacket {
			packets := f.frame(0, true)[1:]
			f.seq--
			return renumber(f, packets)
		}, "no beginning"},
		"an end left out": {func(f *film) []filmPacket {
			packets := f.frame(0, true)
			f.seq--
			return append(packets[:len(packets)-1], f.frame(0, false)...)
		}, "no end"},
		"packets of two frames mixed": {func(f *film) []filmPacket {
			packets, others := f.frame(0, true), f.streams[0]
			payloads, _ := others.next(true, f.now)
			packets[1].payload = payloads[1]
			return packets
		}, "in the place of"},
		"other bytes": {func(f *film) []filmPacket {
			packets := f.frame(0, false)
			packets[0].payload[len(packets[0].payload)-1]++
			return packets
		}, "other bytes"},
		"TL0PICIDX going on by itself": {func(f *film) []filmPacket {
			f.streams[0].tl0++
			return f.frame(0, false)
		}, "TL0PICIDX"},
		"no VP8": {func(f *film) []filmPacket {
			packets := f.frame(0, false)
			packets[0].payload = []byte{0x90}
			return packets[:1]
		}, "RFC 7741"},
	} {
		f, r := newFilm(3), newPictureReader("4")
		f.show(r, f.frame(0, true)...)
		f.show(r, c.do(f)...)
		s := r.snapshot()
		if !slices.ContainsFunc(s.Faults, func(fault string) bool { return strings.Contains(fault, c.want) }) {
			t.Errorf("%s: %q", name, s.Faults)
		}
	}
}

// A server that drops a layer and numbers what is left leaves a picture that can be decoded; one that drops what others go by does not.
func TestDroppedLayers(t *testing.T) {
	for dropped, decodable := range map[uint8]bool{2: true, 1: false} {
		f, r := newFilm(3), newPictureReader("4")
		var seq, picture uint16 = 0, 0x7ff0
		for range 40 {
			packets := f.frame(0, false)
			part, err := parseVP8(packets[0].payload)
			if err != nil {
				t.Fatal(err)
			}
			if part.temporal == dropped {
				continue
			}
			picture = (picture + 1) & 0x7fff
			for _, p := range packets {
				seq++
				p.header.SequenceNumber = seq
				p.payload[2], p.payload[3] = 0x80|byte(picture>>8), byte(picture)
				r.push(&p.header, p.payload, f.now)
			}
		}
		s := r.snapshot()
		if decodable && (s.Pictures != 20 || len(s.Faults) != 0) || !decodable && (s.Undecodable == 0 || len(s.Faults) == 0) {
			t.Errorf("layer %d dropped: %+v", dropped, s)
		}
	}
}

// FuzzPictureReader gives a reader arbitrary packets, which must not make it panic, nor keep more than it says.
func FuzzPictureReader(f *testing.F) {
	source := newFilm(3)
	for _, p := range append(source.frame(0, true), source.frame(0, false)...) {
		f.Add(p.header.SequenceNumber, p.payload, p.header.Marker)
	}
	f.Add(uint16(7), []byte{0x90, 0xf0, 0x80}, true)
	f.Fuzz(func(t *testing.T, seq uint16, payload []byte, marker bool) {
		r, source := newPictureReader("4"), newFilm(3)
		source.show(r, source.frame(0, true)...)
		for i := range uint16(4) {
			r.push(&rtp.Header{SequenceNumber: seq + i*i, Timestamp: uint32(i), Marker: marker}, payload, source.now)
		}
		if len(r.held) > maxHeld {
			t.Fatalf("%d packets are held", len(r.held))
		}
	})
}
