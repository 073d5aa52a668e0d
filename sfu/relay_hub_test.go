package sfu

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pion/rtp"
)

// hub is a room on several nodes of which the first is in the middle, as a room's owner is.
type hub struct {
	*nodes
	middle *node
	links  map[*node]relayPair // of the others; near is the middle's relay
}

func newHub(t *testing.T, edges, streams int) *hub {
	h := &hub{nodes: newNodes(t, edges+1)}
	h.center(h.all[0], streams)
	return h
}

// center joins a node with all others.
func (h *hub) center(middle *node, streams int) {
	h.middle, h.links = middle, make(map[*node]relayPair)
	for _, other := range h.all {
		if other != middle {
			h.links[other] = h.join(middle, other, streams)
		}
	}
}

// arrange enrols people where they come from, and then withdraws them where they do not.
func (h *hub) arrange(people ...*person) {
	for _, p := range people {
		var withdraw []*Relay
		for other, link := range h.links {
			if other == p.node {
				p.enrol(link.near)
				withdraw = append(withdraw, link.far)
			} else {
				p.enrol(link.far)
				withdraw = append(withdraw, link.near)
			}
		}
		for _, l := range withdraw {
			l.Withdraw(p.id)
		}
	}
}

// people are some at each node, all known to all.
func (h *hub) people(each, slots int) (people []*person) {
	for _, at := range h.all {
		for range each {
			people = append(people, h.person(at, slots))
		}
	}
	h.arrange(people...)
	return people
}

func TestRelaysOfAHub(t *testing.T) {
	h := newHub(t, 3, 8)
	people := h.people(2, 8)
	for range 60 {
		for _, p := range people {
			p.speak()
		}
		h.tick()
	}
	for _, listener := range people {
		for _, speaker := range people {
			if listener != speaker {
				requireAll(t, listener, speaker, 0)
			}
		}
		if len(listener.hears(listener)) > 0 {
			t.Errorf("%s hears themself", listener.id)
		}
	}
	for edge, link := range h.links {
		for _, p := range link.out.passed() {
			if home := people[p.csrc-1].node; home == edge || p.hops != 1+bit(home != h.middle) {
				t.Fatalf("sent to an edge: %+v", p)
			}
		}
		for _, p := range link.back.passed() {
			if people[p.csrc-1].node != edge {
				t.Fatalf("sent by an edge that it did not come from: %+v", p)
			}
		}
	}
}

// More people speak than there are streams: no more than the streams pass a link, and whoever begins when others are quiet loses at most one packet,
// which is no gap to the listener.
func TestRelayChoosesWhoIsHeard(t *testing.T) {
	const streams = 2
	h := newHub(t, 2, streams)
	listener := h.person(h.all[2], 6)
	var speakers []*person
	for range 6 {
		speakers = append(speakers, h.person(h.all[1], 0))
	}
	h.arrange(listener)
	h.arrange(speakers...)
	for i, s := range speakers {
		for range 25 {
			s.speak()
			h.tick()
		}
		if lost := 25 - len(listener.hears(s)); lost > 0 && i < streams || lost > 1 {
			t.Errorf("%d packets of speaker %d were lost", lost, i)
		}
		for range 100 {
			for _, s := range speakers {
				s.skip()
			}
			h.tick()
		}
	}
	up, down := h.links[h.all[1]].back, h.links[h.all[2]].out
	up.passed()
	down.passed()
	for range 100 {
		for _, s := range speakers {
			s.speak()
		}
		h.tick()
		for _, w := range []*wire{up, down} {
			if passed := w.passed(); len(passed) != streams {
				t.Errorf("%d packets passed a link while all were speaking: %+v", len(passed), passed)
			}
		}
	}
	requireNoGaps(t, listener)
}

// requireNoGaps fails unless each slot of a listener got consecutive sequence numbers, and later timestamps.
func requireNoGaps(t *testing.T, listener *person) {
	t.Helper()
	var packets []heardPacket
	for _, p := range listener.transport.packets() {
		packets = append(packets, heardPacket{mid: fmt.Sprint(p.SSRC), header: p.Header})
	}
	requireContinuous(t, packets)
}

func TestRelayMutes(t *testing.T) {
	h := newHub(t, 2, 4)
	speaker, listener := h.person(h.all[1], 4), h.person(h.all[2], 4)
	h.arrange(speaker, listener)
	for range 3 {
		for range 20 {
			speaker.speak()
			h.tick()
		}
		speaker.peer.SetPublishing(false)
		before := len(listener.hears(speaker))
		for range 30 {
			speaker.speak()
			h.tick()
		}
		if got := len(listener.hears(speaker)); got != before {
			t.Errorf("%d packets of who is muted", got-before)
		}
		speaker.peer.SetPublishing(true)
	}
	if got := len(listener.hears(speaker)); got != 60 {
		t.Errorf("%d packets heard of 60", got)
	}
	requireNoGaps(t, listener)
}

// What a link loses, repeats, delays and brings out of order looks to the listener as if the speaker's network had done it.
func TestRelayOverABadLink(t *testing.T) {
	for _, test := range []struct {
		name              string
		loss, duplication float64
		delay             int
	}{
		{"loss", 0.1, 0, 0},
		{"much loss", 0.5, 0, 0},
		{"duplication", 0, 0.3, 0},
		{"delay and reordering", 0, 0, 3},
		{"all", 0.1, 0.1, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t, 2, 4)
			for _, w := range h.wires {
				w.loss, w.duplication, w.delay = test.loss, test.duplication, test.delay
			}
			speaker, listener := h.person(h.all[1], 4), h.person(h.all[2], 4)
			h.arrange(speaker, listener)
			for range 1000 {
				speaker.speak()
				h.tick()
			}
			for range 2 * test.delay {
				h.tick()
			}
			lost := len(h.links[h.all[1]].back.lost) + len(h.links[h.all[2]].out.lost)
			requireLossAlone(t, listener, speaker, lost, test.delay)
		})
	}
}

// requireLossAlone fails unless what a listener got of a speaker is what was not lost, each packet at its own place. Of the
// first ones some may be missing, which were overtaken before they were heard.
func requireLossAlone(t *testing.T, listener, speaker *person, lost, overtaken int) {
	t.Helper()
	heard := listener.hears(speaker)
	if got := speaker.spoken - len(heard); got < lost || got > lost+2*overtaken {
		t.Errorf("%d packets are missing, %d were lost", got, lost)
	}
	number := func(p rtp.Packet) (n int) {
		if _, err := fmt.Sscanf(strings.TrimPrefix(string(p.Payload), speaker.id), "%d", &n); err != nil {
			t.Fatalf("%q: %v", p.Payload, err)
		}
		return n
	}
	slices.SortFunc(heard, func(a, b rtp.Packet) int { return cmp.Compare(number(a), number(b)) })
	for i := range len(heard) - 1 {
		a, b := heard[i], heard[i+1]
		steps := number(b) - number(a)
		if steps == 0 || b.SequenceNumber-a.SequenceNumber != uint16(steps) || b.Timestamp-a.Timestamp != uint32(960*steps) {
			t.Fatalf("%q: sequence number %d, timestamp %d; %q: %d, %d",
				a.Payload, a.SequenceNumber, a.Timestamp, b.Payload, b.SequenceNumber, b.Timestamp)
		}
	}
}

// Nodes joined in a circle, with everyone enrolled everywhere, is a mistake that must not set the nodes on fire.
func TestRelaysInACircle(t *testing.T) {
	n := newNodes(t, 3)
	var people []*person
	for _, at := range n.all {
		people = append(people, n.person(at, 4))
	}
	for i := range n.all {
		link := n.join(n.all[i], n.all[(i+1)%3], 4)
		for _, p := range people {
			p.enrol(link.near, link.far)
		}
	}
	for range 100 {
		for _, p := range people {
			p.speak()
		}
		n.tick()
	}
	for _, w := range n.wires {
		if got := len(w.passed()); got > 2*100*len(people) {
			t.Errorf("%d packets passed a link", got)
		}
	}
	for _, listener := range people {
		if len(listener.hears(listener)) > 0 {
			t.Errorf("%s hears themself", listener.id)
		}
	}
}
