package sfu

import (
	"errors"
	"testing"
)

func TestRelayBetweenTwoNodes(t *testing.T) {
	n := newNodes(t, 2)
	link := n.join(n.all[0], n.all[1], 3)
	anna, boris := n.person(n.all[0], 3), n.person(n.all[1], 3)
	anna.enrol(link.far)
	boris.enrol(link.near)
	if anna.in(boris) < 0 || boris.in(anna) < 0 {
		t.Errorf("who is enrolled has no slot: %v, %v", anna.peer.Slots(), boris.peer.Slots())
	}
	for range 100 {
		anna.speak()
		boris.speak()
		n.tick()
	}
	requireAll(t, anna, boris, 0)
	requireAll(t, boris, anna, 0)
	for _, p := range []*person{anna, boris} {
		if len(p.hears(p)) > 0 {
			t.Errorf("%s hears themself", p.id)
		}
	}
	for _, w := range []*wire{link.out, link.back} {
		if got := len(w.passed()); got != 100 {
			t.Errorf("%d packets passed one way, not 100", got)
		}
	}
}

func TestUnusableRelays(t *testing.T) {
	r := newFakeSFU(t, Config{}).NewRouter()
	for _, cfg := range []RelayConfig{{Streams: 1}, {Streams: -1, Send: func([]byte) {}}} {
		if _, err := r.AttachRelay(cfg); err == nil {
			t.Errorf("attached with %d streams", cfg.Streams)
		}
	}
	r.Close()
	if _, err := r.AttachRelay(RelayConfig{Streams: 1, Send: func([]byte) {}}); !errors.Is(err, ErrClosed) {
		t.Errorf("attached to a closed router: %v", err)
	}
}
