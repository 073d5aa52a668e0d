package client

import (
	"fmt"
	"testing"
	"time"

	pioncodecs "github.com/pion/rtp/codecs"
)

// one is a source of one encoding.
func one(layers int) VideoConfig {
	cfg, err := VideoConfig{Encodings: []Encoding{{640, 360, 500_000}}, TemporalLayers: layers}.complete()
	if err != nil {
		panic(err)
	}
	return cfg
}

func TestFramesAreWellFormedVP8(t *testing.T) {
	for layers := 1; layers <= 3; layers++ {
		s := newVP8Stream(9, 0, one(layers))
		var lastPicture uint16
		var lastTL0 uint8
		for frame := range 100 {
			payloads, keyframe := s.next(frame == 50, time.Now())
			if keyframe != (frame == 0 || frame == 50) {
				t.Fatalf("frame %d is a key frame: %t", frame, keyframe)
			}
			length := 0
			for i, payload := range payloads {
				var vp8 pioncodecs.VP8Packet // not our own parser
				data, err := vp8.Unmarshal(payload)
				if err != nil {
					t.Fatal(err)
				}
				length += len(data)
				if (vp8.S == 1) != (i == 0) || vp8.PID != 0 || vp8.I != 1 || (vp8.T == 1) != (layers > 1) || (vp8.L == 1) != (layers > 1) {
					t.Fatalf("packet %d of %d layers: %+v", i, layers, vp8)
				}
				if frame > 0 && vp8.PictureID != (lastPicture+1)&0x7fff {
					t.Fatalf("picture %d after %d", vp8.PictureID, lastPicture)
				}
				wantTL0 := lastTL0
				if vp8.TID == 0 {
					wantTL0++
				}
				if layers > 1 && frame > 0 && vp8.TL0PICIDX != wantTL0 {
					t.Fatalf("TL0PICIDX %d after %d in layer %d", vp8.TL0PICIDX, lastTL0, vp8.TID)
				}
				if len(payload) > maxVP8Payload {
					t.Fatalf("%d bytes", len(payload))
				}
				if i > 0 {
					continue
				}
				if (data[0]&1 == 0) != keyframe || data[0]&0x0e != 0 || data[0]&0x10 == 0 {
					t.Fatalf("frame tag % x", data[:3])
				}
				partition := int(data[0])>>5 | int(data[1])<<3 | int(data[2])<<11
				if partition == 0 || partition > 500_000/8/30 {
					t.Fatalf("a first partition of %d bytes", partition)
				}
				if keyframe && fmt.Sprintf("% x", data[3:10]) != "9d 01 2a 80 02 68 01" {
					t.Fatalf("key frame header % x", data[3:10])
				}
			}
			var vp8 pioncodecs.VP8Packet
			if _, err := vp8.Unmarshal(payloads[0]); err != nil {
				t.Fatal(err)
			}
			lastPicture, lastTL0 = vp8.PictureID, vp8.TL0PICIDX
			want := 500_000 / 8 / 30
			if keyframe {
				want *= keyframeFactor
			}
			if length != want {
				t.Fatalf("frame %d has %d bytes, not %d", frame, length, want)
			}
		}
	}
}

func TestTemporalLayersOfFrames(t *testing.T) {
	for layers, want := range map[int]string{
		1: "0<0 0<1 0<2 0<3 0<4 ", 2: "0<0 1<1y 0<1 1<3y 0<3 ", 3: "0<0 2<1y 1<1y 2<3 0<1 2<5y 1<5y 2<7 0<5 ",
	} {
		s := newVP8Stream(9, 0, one(layers))
		got := ""
		for range len(want) / 4 {
			payloads, keyframe := s.next(false, time.Now())
			p, err := parseVP8(payloads[0])
			if err != nil {
				t.Fatal(err)
			}
			mark, ok := readStamp(p.data)
			if !ok {
				t.Fatal("no stamp")
			}
			reference := mark.reference
			if keyframe {
				reference = 0
			}
			sync := ""
			if layers > 1 && payloads[0][5]&0x20 != 0 {
				sync = "y"
			}
			got += fmt.Sprintf("%d<%d%s ", mark.temporal, reference, sync)
		}
		if len(got) > len(want) {
			got = got[:len(want)]
		}
		if got != want {
			t.Errorf("%d layers: %s, not %s", layers, got, want)
		}
	}
}

func TestSmallFramesHaveRoomForTheirStamps(t *testing.T) {
	cfg := one(3)
	cfg.Encodings[0].Bitrate = 1
	s := newVP8Stream(9, 0, cfg)
	for range 5 {
		payloads, _ := s.next(false, time.Now())
		for _, payload := range payloads {
			p, err := parseVP8(payload)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := readStamp(p.data); !ok {
				t.Fatal("no stamp")
			}
		}
	}
}

func TestConfigurationsOutOfRange(t *testing.T) {
	for name, cfg := range map[string]VideoConfig{
		"no encoding":    {},
		"four encodings": {Encodings: make([]Encoding, 4)},
		"four layers":    {Encodings: make([]Encoding, 1), TemporalLayers: 4},
		"too fast":       {Encodings: make([]Encoding, 1), FrameRate: 121},
		"backwards":      {Encodings: make([]Encoding, 1), FrameRate: -1},
	} {
		if _, err := cfg.complete(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
