package video

import (
	"testing"
	"time"
)

func TestHistory(t *testing.T) {
	var released []string
	h := NewHistory(4, func(p string) { released = append(released, p) })
	put := func(number uint16, packet string) { h.Put(Out{Number: number, Timestamp: 7}, packet) }
	expect := func(now time.Duration, number uint16, want string) {
		t.Helper()
		out, packet, ok := h.Get(now, number, 50*time.Millisecond)
		if packet != want || ok != (want != "") || ok && (out.Number != number || out.Timestamp != 7) {
			t.Errorf("packet %d at %v is %q, %v, want %q", number, now, packet, ok, want)
		}
	}
	put(65534, "a")
	put(65535, "b")
	put(1, "d")
	put(0, "c") // late
	expect(0, 65534, "a")
	expect(0, 0, "c")
	expect(0, 2, "")
	expect(49*time.Millisecond, 0, "")
	expect(50*time.Millisecond, 0, "c")
	expect(51*time.Millisecond, 0, "")

	put(2, "e")
	expect(time.Second, 65534, "")
	expect(time.Second, 2, "e")
	put(65534, "too late")
	expect(2*time.Second, 2, "e")
	if len(released) != 2 || released[0] != "a" || released[1] != "too late" {
		t.Errorf("released: %q", released)
	}

	h.Clear()
	expect(3*time.Second, 2, "")
	h.Clear()
	if len(released) != 6 {
		t.Errorf("released: %q", released)
	}
}

func TestHistoryWantsAPowerOfTwo(t *testing.T) {
	for _, size := range []int{-1, 0, 3, 1 << 16} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a History of %d", size)
				}
			}()
			NewHistory[int](size, nil)
		}()
	}
}
