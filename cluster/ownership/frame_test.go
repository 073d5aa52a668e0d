package ownership

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type item struct {
	claim Claim
	left  time.Duration
}

func read(b []byte) (items []item, err error) {
	err = ReadFrame(b, func(c Claim, left time.Duration) { items = append(items, item{c, left}) })
	return items, err
}

func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOf(rapid.Custom(func(t *rapid.T) item {
			i := item{claim: Claim{
				Room:     rapid.StringN(1, 64, MaxRoom).Draw(t, "room"),
				Owner:    rapid.StringN(1, 40, MaxOwner).Draw(t, "owner"),
				Boot:     rapid.StringN(1, 16, MaxBoot).Draw(t, "boot"),
				Epoch:    rapid.Uint64Range(1, MaxEpoch).Draw(t, "epoch"),
				Released: rapid.Bool().Draw(t, "released"),
			}}
			if rapid.Bool().Draw(t, "fading") {
				i.left = time.Duration(rapid.IntRange(1, 60).Draw(t, "left")) * time.Second
			}
			return i
		})).Draw(t, "items")
		var f Frame
		for _, i := range items {
			f.Add(i.claim, i.left)
		}
		b := f.Bytes()
		if len(b) > f.Size() || f.Len() != len(items) {
			t.Fatalf("%d bytes, said to be %d", len(b), f.Size())
		}
		got, err := read(b)
		if err != nil || !slices.Equal(got, items) {
			t.Fatalf("%v, %v instead of %v", err, got, items)
		}
	})
}

// TestManyClaimsFitIntoABroadcast since owners are named once.
func TestManyClaimsFitIntoABroadcast(t *testing.T) {
	var f Frame
	for i := 0; f.Size() < 1200; i++ {
		f.Add(nth(i%3*16), 0)
	}
	if f.Len() < 40 {
		t.Errorf("only %d", f.Len())
	}
}

func TestMalformedFrames(t *testing.T) {
	var f Frame
	f.Add(Claim{Room: "a", Owner: "ana", Boot: "1", Epoch: 1, Released: true}, time.Second)
	whole := f.Bytes()
	long := Frame{}
	long.Add(Claim{Room: strings.Repeat("x", MaxRoom+1), Owner: "ana", Boot: "1", Epoch: 1}, 0)
	zero := Frame{}
	zero.Add(Claim{Room: "a", Owner: "ana", Boot: "1"}, 0)
	cases := map[string][]byte{
		"empty": nil, "other version": append([]byte{2}, whole[1:]...), "cut": whole[:len(whole)-1], "more": append(slices.Clone(whole), 0),
		"many owners": {1, 0xff, 0xff, 0xff, 0xff, 0x0f}, "long name": long.Bytes(), "no epoch": zero.Bytes(),
		"unknown owner": {1, 0, 0, 4, 1, 'a'},
	}
	for name, b := range cases {
		if _, err := read(b); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReadFrame looks for bytes that crash, that yield claims which are not valid, or that do not come back the same.
func FuzzReadFrame(f *testing.F) {
	var frame Frame
	f.Add(frame.Bytes())
	frame.Add(nth(1), 0)
	frame.Add(Claim{Room: "a", Owner: "ana", Boot: "1", Epoch: 7, Released: true}, 20*time.Second)
	f.Add(frame.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := read(b)
		if err != nil && !errors.Is(err, ErrFrame) {
			t.Fatal(err)
		}
		var again Frame
		for _, i := range items {
			if !i.claim.Valid() {
				t.Fatalf("%+v", i.claim)
			}
			again.Add(i.claim, i.left)
		}
		if back, err := read(again.Bytes()); err != nil || !slices.Equal(back, items) {
			t.Fatalf("%v came back as %v: %v", items, back, err)
		}
	})
}
