package sfu

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hubbub/sfu/speech"
)

// relayedExample is a packet whose fields are all in use.
func relayedExample() relayPacket {
	return relayPacket{
		hops: 2, marker: true, kind: 3, csrc: 0x01020304, stream: 0x05060708, number: 0x090a, timestamp: 0x0b0c0d0e, duration: 2880,
		verdict: speech.Verdict{Activity: speech.Loud, Voice: true, Established: true, Loudness: -30.5},
		level:   speech.Level{Present: true, Voice: true, Attenuation: 20},
	}
}

func (h relayPacket) bytes(payload string) []byte {
	b := append(make([]byte, relayHeader), payload...)
	h.marshal(b)
	return b
}

func TestRelayPacketLayout(t *testing.T) {
	got := relayedExample().bytes("sound")
	want := append([]byte{0x1b, 0x73, 0x94, 61, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 24}, "sound"...)
	if !bytes.Equal(got, want) {
		t.Errorf("written: % x\n   want: % x", got, want)
	}
	if len(got)-len("sound") > 24 {
		t.Error("the header is longer than it may be")
	}
}

func TestRelayPacketRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := relayPacket{
			hops:   rapid.Uint8Range(1, maxHops).Draw(t, "hops"),
			marker: rapid.Bool().Draw(t, "marker"),
			kind:   rapid.Uint8Range(0, uint8(len(relayedSources)-1)).Draw(t, "kind"),
			verdict: speech.Verdict{
				Activity:    speech.Activity(rapid.Uint8Range(0, uint8(speech.Loud)).Draw(t, "activity")),
				Voice:       rapid.Bool().Draw(t, "voice"),
				Established: rapid.Bool().Draw(t, "established"),
				Loudness:    -rapid.Float32Range(0, 127).Draw(t, "loudness"),
			},
			csrc:      rapid.Uint32().Draw(t, "csrc"),
			stream:    rapid.Uint32().Draw(t, "stream"),
			number:    rapid.Uint16().Draw(t, "number"),
			timestamp: rapid.Uint32().Draw(t, "timestamp"),
			duration:  rapid.Uint32Range(1, maxDuration).Draw(t, "duration") * durationUnit,
		}
		if rapid.Bool().Draw(t, "level") {
			h.level = speech.Level{Present: true, Voice: rapid.Bool().Draw(t, "flag"), Attenuation: rapid.Uint8Range(0, 127).Draw(t, "attenuation")}
		}
		payload := rapid.SliceOfN(rapid.Byte(), 1, maxPayload).Draw(t, "payload")
		got, gotPayload, ok := parseRelayPacket(h.bytes(string(payload)))
		if difference := got.verdict.Loudness - h.verdict.Loudness; max(difference, -difference) > 0.25 {
			t.Errorf("loudness %v became %v", h.verdict.Loudness, got.verdict.Loudness)
		}
		got.verdict.Loudness = h.verdict.Loudness
		if !ok || got != h || !bytes.Equal(gotPayload, payload) {
			t.Errorf("read %+v %q %v\nof   %+v %q", got, gotPayload, ok, h, payload)
		}
	})
}

func TestMalformedRelayPackets(t *testing.T) {
	good := relayedExample().bytes("sound")
	if _, _, ok := parseRelayPacket(good); !ok {
		t.Fatal("the example is not read")
	}
	with := func(at int, value byte) []byte {
		b := slices.Clone(good)
		b[at] = value
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":                 nil,
		"cut off":                 good[:relayHeader-1],
		"no payload":              good[:relayHeader],
		"too long":                append(slices.Clone(good), make([]byte, maxPayload)...),
		"another version":         with(0, 0x2b),
		"no hop":                  with(0, 0x13),
		"level that is not":       with(0, 0x1a),
		"unknown source":          with(1, 0x80|0x13),
		"unknown activity":        with(1, 0x60|0x17),
		"loudness out of range":   with(3, 255),
		"no duration":             with(18, 0),
		"longer than Opus can be": with(18, 49),
	} {
		if h, _, ok := parseRelayPacket(b); ok {
			t.Errorf("%s: read as %+v", name, h)
		}
	}
}

// FuzzRelayPacket: what is read is what would be written, so that no two packets mean the same and every value is one that a node sends.
func FuzzRelayPacket(f *testing.F) {
	f.Add(relayedExample().bytes("sound"))
	f.Add((&relayPacket{hops: 1, duration: 120}).bytes("x"))
	f.Add([]byte{0x10})
	f.Fuzz(func(t *testing.T, data []byte) {
		h, payload, ok := parseRelayPacket(data)
		if !ok {
			return
		}
		if got := h.bytes(string(payload)); !bytes.Equal(got, data) {
			t.Errorf("read % x\nwritten % x", data, got)
		}
		if h.verdict.Loudness > 0 || h.verdict.Loudness < -127 || h.duration > 5760 || len(payload) > maxPayload {
			t.Errorf("out of range: %+v", h)
		}
	})
}
