package sfu

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"

	"hubbub/sfu/speech"
)

func TestParseRTP(t *testing.T) {
	ids := extensionIDs{level: 3, mid: 5}
	for _, profile := range []uint16{rtp.ExtensionProfileOneByte, rtp.ExtensionProfileTwoByte} {
		p := rtp.Packet{
			Header: rtp.Header{
				Version: 2, Marker: true, PayloadType: 111, SequenceNumber: 65535, Timestamp: 1 << 31, SSRC: 77, CSRC: []uint32{1, 2},
				Extension: true, ExtensionProfile: profile, Padding: true, PaddingSize: 5,
			},
			Payload: []byte("opus"),
		}
		for id, value := range map[uint8]string{1: "other", 3: "\x94", 5: "0"} {
			if err := p.SetExtension(id, []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		h, ok := parseRTP(raw, ids)
		if !ok || !h.marker || h.payloadType != 111 || h.seq != 65535 || h.timestamp != 1<<31 || h.ssrc != 77 ||
			string(h.payload) != "opus" || string(h.mid) != "0" || h.level != (speech.Level{Present: true, Voice: true, Attenuation: 20}) {
			t.Errorf("profile %x: %+v, %v", profile, h, ok)
		}
		for n := range raw {
			parseRTP(raw[:n], ids) // cut off anywhere: no panic
		}
	}
}

// FuzzParseRTP compares with pion's parser: where both take a packet they read the same.
func FuzzParseRTP(f *testing.F) {
	f.Add([]byte{0x80, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 'x'}, uint8(1))
	f.Add([]byte{0x90, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x10, 0x94, 0, 0, 'x'}, uint8(1))
	f.Add([]byte{0x90, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0, 0, 1, 3, 1, 0x94, 0, 'x'}, uint8(3))
	f.Add([]byte{0xb2, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0xff, 0xff, 0x10, 0x94, 0, 0, 'x'}, uint8(1))
	f.Add([]byte{0xa0, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 'x', 0, 0, 3}, uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, id uint8) {
		h, ok := parseRTP(raw, extensionIDs{level: id})
		if !ok {
			return
		}
		var p rtp.Packet
		if err := p.Unmarshal(bytes.Clone(raw)); err != nil {
			return // pion is stricter about extensions
		}
		if h.seq != p.SequenceNumber || h.timestamp != p.Timestamp || h.ssrc != p.SSRC || h.payloadType != p.PayloadType || h.marker != p.Marker {
			t.Fatalf("%+v is not %+v", h, p.Header)
		}
		if !bytes.Equal(h.payload, p.Payload) {
			t.Fatalf("payload %x is not %x", h.payload, p.Payload)
		}
	})
}

// FuzzForward gives a room arbitrary packets. What is forwarded is well-formed and continuous, whatever came in.
func FuzzForward(f *testing.F) {
	f.Add([]byte{0x90, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0x13, 0x88, 0xbe, 0xde, 0, 1, 0x10, 0x94, 0, 0, 'x'}, uint16(1), uint32(960))
	f.Add([]byte{0x90, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0x13, 0x88, 0xbe, 0xde, 0, 1, 0x10, 0x94, 0, 0, 'x'}, uint16(40000), uint32(1<<31))
	s := newFakeSFU(f, Config{Slots: 1, Lanes: 1})
	f.Fuzz(func(t *testing.T, raw []byte, step uint16, advance uint32) {
		r := s.NewRouter()
		defer r.Close()
		speaker := joinFake(t, s, r, "speaker", 7, 0)
		listener := joinFake(t, s, r, "listener", 8, 1)
		defer func() {
			if err := speaker.peer.Close(); err != nil {
				t.Error(err)
			}
			if err := listener.peer.Close(); err != nil {
				t.Error(err)
			}
		}()
		for i := range 8 {
			speaker.peer.ReceiveRTP(raw)
			speaker.seq += step - 1
			speaker.timestamp += advance - 960
			speaker.send([]byte("sound"), byte(16*i), i%2 == 0)
		}
		settle(s)
		// Continuity of what is reordered on purpose is its package's matter; here everything has to be well-formed.
		for _, p := range listener.transport.packets() {
			if len(p.CSRC) != 1 || p.CSRC[0] != 7 || p.PayloadType != 111 || len(p.Payload) == 0 {
				t.Fatalf("forwarded %v", p)
			}
			out, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := parseRTP(out, extensionIDs{level: 1}); !ok {
				t.Fatalf("forwarded what is no RTP: %x", out)
			}
		}
	})
}
