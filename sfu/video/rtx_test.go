package video

import (
	"bytes"
	"testing"
)

func TestRTX(t *testing.T) {
	original, media, ok := DecapsulateRTX([]byte{0x12, 0x34, 0x56})
	if !ok || original != 0x1234 || !bytes.Equal(media, []byte{0x56}) {
		t.Errorf("%x, %x, %v", original, media, ok)
	}
	for _, padding := range [][]byte{nil, {0}, {0x12, 0x34}} {
		if _, _, ok := DecapsulateRTX(padding); ok {
			t.Errorf("%x was taken for a retransmission", padding)
		}
	}
}

// What is put into a retransmission comes out of it, and what comes out of one made it.
func FuzzRTX(f *testing.F) {
	f.Add([]byte{0x12, 0x34, 0x56})
	f.Add([]byte{0x12, 0x34})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		original, media, ok := DecapsulateRTX(payload)
		if !ok {
			if len(payload) > rtxHeader {
				t.Fatalf("%x is a retransmission", payload)
			}
			return
		}
		if again := (Out{Number: original}).AppendPayload(AppendRTX(nil, original), media); !bytes.Equal(again, payload) {
			t.Fatalf("%x became %x", payload, again)
		}
	})
}
