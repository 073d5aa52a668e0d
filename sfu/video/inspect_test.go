package video

import (
	"bytes"
	"testing"
)

func TestInspect(t *testing.T) {
	vp8Key := []byte{0x50, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x41} // 640×360, the height scaled
	for _, test := range []struct {
		name    string
		codec   Codec
		payload []byte
		want    Facts
	}{
		{"VP8 key frame without extension", VP8, append([]byte{0x10}, vp8Key...), Facts{Keyframe: true, Begins: true, Width: 640, Height: 360}},
		{"VP8 key frame cut short", VP8, []byte{0x10, 0x00}, Facts{Keyframe: true, Begins: true}},
		{"VP8 interframe", VP8, []byte{0x10, 0x01}, Facts{Begins: true}},
		{"VP8 later packet of a key frame", VP8, []byte{0x00, 0x00}, Facts{}},
		{"VP8 second partition", VP8, []byte{0x11, 0x00}, Facts{}},
		{
			"VP8 with all fields", VP8, []byte{0x90, 0xf0, 0x92, 0x34, 0x56, 0x65, 0x01},
			Facts{Begins: true, Temporal: 1, Sync: true, layered: true, hasPicture: true, wide: true, picture: 0x1234, pictureAt: 2, hasTL0: true, tl0: 0x56, tl0At: 4},
		},
		{
			"VP8 with a short picture id, and KEYIDX without TID", VP8, []byte{0x90, 0x90, 0x12, 0x45, 0x01},
			Facts{Begins: true, hasPicture: true, picture: 0x12, pictureAt: 2},
		},
		{
			"VP8 with TL0PICIDX and TID, without picture id", VP8, []byte{0x90, 0x60, 0x07, 0x80, 0x01},
			Facts{Begins: true, Temporal: 2, layered: true, hasTL0: true, tl0: 7, tl0At: 2},
		},
		{
			"VP9 key frame with structure", VP9, []byte{0x8a, 0x81, 0x23, 0x38, 0x02, 0x80, 0x01, 0x68, 0x05, 0x00, 0x02, 0xd0, 0x01, 0x14, 0x01, 0xff},
			Facts{Keyframe: true, Begins: true, Width: 1280, Height: 720, hasPicture: true, wide: true, picture: 0x123, pictureAt: 1},
		},
		{
			"VP9 not flexible", VP9, []byte{0xe8, 0x05, 0x50, 0x09, 0xff},
			Facts{Begins: true, Temporal: 2, Sync: true, layered: true, hasPicture: true, picture: 5, pictureAt: 1, hasTL0: true, tl0: 9, tl0At: 3},
		},
		{
			"VP9 flexible, with three references", VP9, []byte{0xf8, 0x05, 0x20, 0x03, 0x05, 0x06, 0xff},
			Facts{Begins: true, Temporal: 1, layered: true, hasPicture: true, picture: 5, pictureAt: 1, flexible: true, references: 3, back: [3]uint8{1, 2, 3}},
		},
		{
			"VP9 upper spatial layer of a key frame", VP9, []byte{0xa8, 0x05, 0x03, 0x09, 0xff},
			Facts{layered: true, hasPicture: true, picture: 5, pictureAt: 1, hasTL0: true, tl0: 9, tl0At: 3},
		},
		{"VP9 end of a key frame", VP9, []byte{0x84, 0x05, 0xff}, Facts{hasPicture: true, picture: 5, pictureAt: 1}},
		{"H.264 SPS", H264, []byte{0x67, 0x42}, Facts{Keyframe: true, Begins: true}},
		{"H.264 IDR alone", H264, []byte{0x65, 0x88}, Facts{}},
		{"H.264 slice", H264, []byte{0x41, 0x9a}, Facts{}},
		{"H.264 STAP-A of SPS and PPS", H264, []byte{0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68}, Facts{Keyframe: true, Begins: true}},
		{"H.264 STAP-A with the SPS behind a delimiter", H264, []byte{0x78, 0, 1, 0x09, 0, 1, 0x67}, Facts{Keyframe: true, Begins: true}},
		{"H.264 STAP-A of slices", H264, []byte{0x78, 0, 1, 0x41, 0, 1, 0x41}, Facts{}},
		{"H.264 FU-A begins an SPS", H264, []byte{0x7c, 0x87, 0x42}, Facts{Keyframe: true, Begins: true}},
		{"H.264 FU-A begins an IDR", H264, []byte{0x7c, 0x85, 0x42}, Facts{}},
		{"H.264 FU-A ends an SPS", H264, []byte{0x7c, 0x47, 0x42}, Facts{}},
		{"AV1 sequence header alone", AV1, []byte{0x18, 0x0a, 0x01}, Facts{Keyframe: true, Begins: true}},
		{"AV1 sequence header behind a temporal delimiter", AV1, []byte{0x28, 0x01, 0x10, 0x08, 0x01}, Facts{Keyframe: true, Begins: true}},
		{"AV1 sequence header, elements not counted", AV1, []byte{0x08, 0x02, 0x08, 0x01, 0x01, 0x30}, Facts{Keyframe: true, Begins: true}},
		{"AV1 new sequence without a header", AV1, []byte{0x18, 0x30, 0x01}, Facts{}},
		{"AV1 header repeated within a sequence", AV1, []byte{0x10, 0x08, 0x01}, Facts{}},
		{"AV1 continued fragment", AV1, []byte{0x90, 0x08, 0x01}, Facts{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := Inspect(test.codec, test.payload)
			if !ok || got != test.want {
				t.Errorf("%+v, %v, want %+v", got, ok, test.want)
			}
		})
	}
}

func TestInspectMalformed(t *testing.T) {
	for _, test := range []struct {
		name    string
		codec   Codec
		payload []byte
	}{
		{"unknown codec", 0, []byte{0x10, 0x00}},
		{"VP8 empty", VP8, nil},
		{"VP8 descriptor alone", VP8, []byte{0x90, 0x00}},
		{"VP8 cut in the picture id", VP8, []byte{0x90, 0x80, 0x80}},
		{"VP8 cut before TL0PICIDX", VP8, []byte{0x90, 0xc0, 0x00}},
		{"VP8 cut before TID", VP8, []byte{0x90, 0xe0, 0x00, 0x00}},
		{"VP9 empty", VP9, nil},
		{"VP9 flexible without picture id", VP9, []byte{0x38, 0x00, 0x02, 0xff}},
		{"VP9 four references", VP9, []byte{0xd8, 0x05, 0x03, 0x03, 0x03, 0x02, 0xff}},
		{"VP9 cut in the references", VP9, []byte{0xd8, 0x05, 0x03}},
		{"VP9 cut before TL0PICIDX", VP9, []byte{0xa8, 0x05, 0x00}},
		{"VP9 cut in the sizes", VP9, []byte{0x8a, 0x05, 0x30, 0x01, 0x40, 0x00, 0xb4, 0x02}},
		{"VP9 cut in the group", VP9, []byte{0x8a, 0x05, 0x08, 0x02, 0x0c}},
		{"VP9 descriptor alone", VP9, []byte{0x88, 0x05}},
		{"H.264 empty", H264, nil},
		{"H.264 type 0", H264, []byte{0x60, 0x00}},
		{"H.264 STAP-B", H264, []byte{0x79, 0x00, 0x00, 0x00, 0x01, 0x67}},
		{"H.264 STAP-A of nothing", H264, []byte{0x78, 0, 0, 0x67}},
		{"H.264 STAP-A cut", H264, []byte{0x78, 0, 4, 0x67, 0x42}},
		{"H.264 FU-A begins and ends", H264, []byte{0x7c, 0xc5, 0x00}},
		{"H.264 FU-A of nothing", H264, []byte{0x7c, 0x85}},
		{"AV1 empty", AV1, []byte{0x10}},
		{"AV1 continues and begins", AV1, []byte{0x98, 0x08}},
		{"AV1 length beyond the end", AV1, []byte{0x00, 0x05, 0x30}},
		{"AV1 length without end", AV1, []byte{0x00, 0x80, 0x80}},
		{"AV1 fewer elements than counted", AV1, []byte{0x20, 0x01, 0x30}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if f, ok := Inspect(test.codec, test.payload); ok {
				t.Errorf("taken for %+v", f)
			}
		})
	}
}

func TestCodecNames(t *testing.T) {
	for _, c := range []Codec{VP8, VP9, H264, AV1} {
		if got, ok := ParseCodec(c.String()); !ok || got != c {
			t.Errorf("%v read as %v, %v", c, got, ok)
		}
	}
	if c, ok := ParseCodec("vp8"); !ok || c != VP8 {
		t.Error("encoding names are case-insensitive")
	}
	for _, name := range []string{"", "unknown", "rtx", "H265"} {
		if c, ok := ParseCodec(name); ok {
			t.Errorf("%q read as %v", name, c)
		}
	}
}

// Whatever bytes come, nothing panics, and where a payload is good it is still when rewritten: the same facts but for the ids.
func FuzzInspect(f *testing.F) {
	f.Add(uint8(VP8), []byte{0x90, 0xf0, 0x92, 0x34, 0x56, 0x65, 0x01}, uint16(0x7fff), uint8(255))
	f.Add(uint8(VP8), []byte{0x90, 0x90, 0x12, 0x45, 0x00}, uint16(1), uint8(0))
	f.Add(uint8(VP9), []byte{0xe8, 0x05, 0x50, 0x09, 0xff}, uint16(300), uint8(7))
	f.Add(uint8(VP9), []byte{0x8a, 0x81, 0x23, 0x38, 0x02, 0x80, 0x01, 0x68, 0x05, 0x00, 0x02, 0xd0, 0x01, 0x14, 0x01, 0xff}, uint16(0), uint8(0))
	f.Add(uint8(H264), []byte{0x78, 0, 1, 0x09, 0, 1, 0x67}, uint16(0), uint8(0))
	f.Add(uint8(AV1), []byte{0x28, 0x01, 0x10, 0x08, 0x01}, uint16(0), uint8(0))
	f.Fuzz(func(t *testing.T, codec uint8, payload []byte, id uint16, tl0 uint8) {
		before := bytes.Clone(payload)
		facts, ok := Inspect(Codec(codec), payload)
		if !ok {
			return
		}
		out := Out{
			hasPicture: facts.hasPicture, wide: facts.wide, pictureAt: facts.pictureAt, picture: id & 0x7fff,
			hasTL0: facts.hasTL0, tl0At: facts.tl0At, tl0: tl0,
		}
		rewritten := out.AppendPayload(nil, payload)
		if !bytes.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		got, ok := Inspect(Codec(codec), rewritten)
		if !ok {
			t.Fatalf("%x became %x, which is malformed", payload, rewritten)
		}
		want := facts
		if want.hasPicture {
			if want.hasTL0 && !want.wide {
				want.tl0At++
			}
			want.picture, want.wide = id&0x7fff, true
		}
		if want.hasTL0 {
			want.tl0 = tl0
		}
		if got != want {
			t.Fatalf("%x became %x: %+v, want %+v", payload, rewritten, got, want)
		}
		out.AppendPayload(nil, payload[:len(payload)/2])
	})
}
