package sfu

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hubbub/sfu/video"
)

func (h *relayVideoPacket) bytes(payload string) []byte {
	b := make([]byte, relayVideoHeader, relayVideoHeader+len(payload))
	h.marshal(b)
	return append(b, payload...)
}

func relayedPictureExample() *relayVideoPacket {
	return &relayVideoPacket{
		hops: 2, marker: true, kind: 1, layer: 2, codec: video.VP9, lag: -3 * time.Millisecond,
		csrc: 0x01020304, stream: 0x05060708, number: 0x090a0b0c, timestamp: 0x0d0e0f10, orientation: 3, oriented: true,
	}
}

func TestRelayedPictureOnTheWire(t *testing.T) {
	got := relayedPictureExample().bytes("frame")
	want := append([]byte{0x2b, 0x32, 0xff, 0xf4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 3}, "frame"...)
	if !bytes.Equal(got, want) {
		t.Errorf("written: % x\n   want: % x", got, want)
	}
}

func TestRelayedPictureRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := relayVideoPacket{
			hops:      rapid.Uint8Range(1, maxHops).Draw(t, "hops"),
			marker:    rapid.Bool().Draw(t, "marker"),
			kind:      rapid.Uint8Range(1, 2).Draw(t, "kind"),
			layer:     rapid.Uint8Range(0, maxVideoLayers-1).Draw(t, "layer"),
			codec:     video.Codec(rapid.Uint8Range(uint8(video.VP8), uint8(video.AV1)).Draw(t, "codec")),
			lag:       time.Duration(rapid.Int16().Draw(t, "lag")) * lagUnit,
			csrc:      rapid.Uint32().Draw(t, "csrc"),
			stream:    rapid.Uint32().Draw(t, "stream"),
			number:    rapid.Uint32().Draw(t, "number"),
			timestamp: rapid.Uint32().Draw(t, "timestamp"),
			oriented:  rapid.Bool().Draw(t, "oriented"),
		}
		if h.oriented {
			h.orientation = rapid.Byte().Draw(t, "orientation")
		}
		payload := rapid.SliceOfN(rapid.Byte(), 0, maxRelayPacket-relayVideoHeader).Draw(t, "payload")
		got, gotPayload, ok := parseRelayVideoPacket(h.bytes(string(payload)))
		if !ok || got != h || !bytes.Equal(gotPayload, payload) {
			t.Errorf("read %+v %q %v\nof   %+v %q", got, gotPayload, ok, h, payload)
		}
	})
}

func TestALagBeyondWhatIsWrittenIsBounded(t *testing.T) {
	for _, lag := range []time.Duration{time.Hour, -time.Hour} {
		h := relayedPictureExample()
		h.lag = lag
		got, _, ok := parseRelayVideoPacket(h.bytes(""))
		if !ok || got.lag.Abs() < 8*time.Second || (got.lag > 0) != (lag > 0) {
			t.Errorf("a lag of %v became %v", lag, got.lag)
		}
	}
}

func TestMalformedRelayedPictures(t *testing.T) {
	good := relayedPictureExample().bytes("frame")
	with := func(at int, value byte) []byte {
		b := slices.Clone(good)
		b[at] = value
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":                      nil,
		"cut off":                      good[:relayVideoHeader-1],
		"too long":                     append(slices.Clone(good), make([]byte, maxRelayPacket)...),
		"another version":              with(0, 0x3b),
		"no hop":                       with(0, 0x23),
		"an orientation that is not":   with(0, 0x2a),
		"a microphone":                 with(1, 0x12),
		"the sound of a screen":        with(1, 0x72),
		"a source that is unknown":     with(1, 0x92),
		"a layer that is none":         with(1, 0x3a),
		"no codec":                     with(1, 0x30),
		"a codec that is not known of": with(1, 0x35),
	} {
		if h, _, ok := parseRelayVideoPacket(b); ok {
			t.Errorf("%s: read as %+v", name, h)
		}
	}
}

// written is what a relay would write of all that is read in a packet, nil of what is malformed.
func written(data []byte) []byte {
	if h, payload, ok := parseRelayVideoPacket(data); ok {
		return h.bytes(string(payload))
	}
	if key, layer, ok := parseKeyframeRequest(data); ok {
		return appendKeyframeRequest(nil, key, layer)
	}
	if r, numbers, ok := parsePacketsRequest(data); ok {
		var list []uint16
		for ; len(numbers) > 0; numbers = numbers[2:] {
			list = append(list, binary.BigEndian.Uint16(numbers))
		}
		return r.append(nil, list)
	}
	var b []byte
	begin := func(serial uint32) {
		if b == nil {
			b = beginList(nil, data[0], serial)
		}
	}
	if parseShown(data, func(serial uint32, e *shownEntry) {
		begin(serial)
		b, _ = appendShown(b, e)
	}) {
		return b
	}
	if parseWants(data, func(serial uint32, key relayKey, wanted layerSet) {
		begin(serial)
		b, _ = appendWant(b, key, wanted)
	}) {
		return b
	}
	return nil
}

func shownExample() []byte {
	b := beginList(nil, relayShownVersion<<4, 7)
	b, _ = appendShown(b, &shownEntry{key: relayKey{1, 1}, codec: video.VP8, count: 2, encodings: [maxVideoLayers]videoEncoding{
		{layer: 1, stream: 5, temporal: 3, width: 320, height: 180, rates: [maxTemporalLayers]int{100_000, 150_000, 200_000, 200_000}},
		{layer: 0, stream: 6, temporal: 1, rates: [maxTemporalLayers]int{700_000, 700_000, 700_000, 700_000}},
	}})
	b, _ = appendShown(b, &shownEntry{key: relayKey{2, 2}})
	return b
}

func wantsExample() []byte {
	b := beginList(nil, relayRequestVersion<<4|requestLayers, 8)
	b, _ = appendWant(b, relayKey{1, 1}, 5)
	b, _ = appendWant(b, relayKey{2, 2}, 0)
	return b
}

func TestRelayControlRoundTrip(t *testing.T) {
	var entries []shownEntry
	if !parseShown(shownExample(), func(serial uint32, e *shownEntry) {
		if serial != 7 {
			t.Errorf("serial number %d", serial)
		}
		entries = append(entries, *e)
	}) || len(entries) != 2 || entries[0].encodings[0].rates[2] != 200_000 || entries[0].encodings[1].stream != 6 || entries[1].codec != 0 {
		t.Errorf("read %+v", entries)
	}
	for _, b := range [][]byte{
		shownExample(), wantsExample(), appendKeyframeRequest(nil, relayKey{1, 2}, 2),
		packetsRequest{relayKey{1, 2}, 1, 9}.append(nil, []uint16{65535}),
	} {
		if got := written(b); !bytes.Equal(got, b) {
			t.Errorf("% x became % x", b, got)
		}
		for n := range b {
			if got := written(b[:n]); got != nil {
				t.Errorf("% x, cut off, is read as % x", b[:n], got)
			}
		}
	}
}

func TestAListThatIsFullTakesNoMore(t *testing.T) {
	b := beginList(nil, relayRequestVersion<<4|requestLayers, 1)
	count := 0
	for ok := true; ok; count++ {
		b, ok = appendWant(b, relayKey{1, 1}, 7)
	}
	read := 0
	if !parseWants(b, func(uint32, relayKey, layerSet) { read++ }) || read != count-1 || len(b) > maxRelayPacket {
		t.Errorf("%d entries in %d bytes, %d read", count-1, len(b), read)
	}
}

// FuzzRelayControl: what is read is what would be written, so that no two packets mean the same and every value is one that a node sends.
func FuzzRelayControl(f *testing.F) {
	f.Add(relayedPictureExample().bytes("frame"))
	f.Add(shownExample())
	f.Add(wantsExample())
	f.Add(appendKeyframeRequest(nil, relayKey{1, 2}, 2))
	f.Add(packetsRequest{relayKey{1, 2}, 1, 9}.append(nil, []uint16{1, 2, 3}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := written(data); got != nil && !bytes.Equal(got, data) {
			t.Errorf("read % x\nwritten % x", data, got)
		}
	})
}
