package video

import (
	"testing"

	"pgregory.net/rapid"
)

func TestUnwrapper(t *testing.T) {
	const first = 1<<16 + 65534
	for _, test := range []struct {
		name string
		seqs []uint16
		want []uint64 // 0: dropped
	}{
		{"over the wrap", []uint16{65534, 65535, 0, 1}, []uint64{first, first + 1, first + 2, first + 3}},
		{"out of order over the wrap", []uint16{65534, 1, 65535, 0}, []uint64{first, first + 3, first + 1, first + 2}},
		{"before the first", []uint16{65534, 65500}, []uint64{first, first - 34}},
		{"a single stray", []uint16{65534, 30000, 65535}, []uint64{first, 0, first + 1}},
		{"a jump goes on with its second packet", []uint16{65534, 30000, 30001, 30002}, []uint64{first, 0, first + 1<<16 + 30003, first + 1<<16 + 30004}},
		{"a stray, and its successor later", []uint16{65534, 30000, 65535, 30001}, []uint64{first, 0, first + 1, 0}},
		{"a stray, then another", []uint16{65534, 30000, 20000, 65535}, []uint64{first, 0, 0, first + 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var u Unwrapper
			for i, seq := range test.seqs {
				number, ok := u.Unwrap(seq)
				if number != test.want[i] || ok != (test.want[i] != 0) {
					t.Errorf("packet %d is %d, %v, want %d", seq, number, ok, test.want[i])
				}
			}
		})
	}
}

// Numbers keep the distances of what was sent, whatever is lost or overtaken, up to the largest jump that is believed.
func TestUnwrapperKeepsDistances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var u Unwrapper
		at := rapid.Uint64Range(1<<20, 1<<40).Draw(t, "first")
		newest := at
		number, _ := u.Unwrap(uint16(at))
		offset := at - number
		for _, step := range rapid.SliceOf(rapid.IntRange(-maxJump, maxJump)).Draw(t, "steps") {
			if at = newest + uint64(step); step > 0 {
				newest = at
			}
			number, ok := u.Unwrap(uint16(at))
			if !ok || number+offset != at {
				t.Fatalf("%d became %d, %v", at, number+offset, ok)
			}
		}
	})
}
