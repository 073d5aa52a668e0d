package sfu

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pion/rtp"
)

// moves is a hub with somebody who moves about and a listener at each node.
type moves struct {
	*hub
	speaker   *person
	listeners []*person
	before    [][]Slot
}

func newMoves(t *testing.T, home int) *moves {
	m := &moves{hub: newHub(t, 3, 8)}
	m.listeners = m.people(1, 6)
	m.speaker = m.person(m.all[home], 6)
	m.arrange(m.speaker)
	m.speakFor(20)
	for _, l := range m.listeners {
		if l.in(m.speaker) < 0 {
			t.Fatalf("%s has no slot for the speaker", l.id)
		}
		m.before = append(m.before, l.peer.Slots())
	}
	return m
}

func (m *moves) speakFor(ticks int) {
	for range ticks {
		m.speaker.speak()
		m.tick()
	}
}

// requireNothingNoticed fails unless every listener heard all that the speaker said, in the same slot.
func (m *moves) requireNothingNoticed() {
	m.t.Helper()
	for i, l := range m.listeners {
		requireAll(m.t, l, m.speaker, 0)
		if now := l.peer.Slots(); !slices.Equal(now, m.before[i]) {
			m.t.Errorf("slots of %s were %v and are %v", l.id, m.before[i], now)
		}
	}
}

func TestMovesBetweenNodes(t *testing.T) {
	for _, path := range [][]int{{0, 1}, {1, 0}, {1, 2}, {1, 2, 1}, {1, 2, 3, 0, 3, 2, 1}} {
		t.Run(fmt.Sprint(path), func(t *testing.T) {
			m := newMoves(t, path[0])
			var connections []*fakeClient
			for _, next := range path[1:] {
				old := m.speaker.fakeClient
				connections = append(connections, old)
				m.speaker.connect(m.all[next], 6)
				m.arrange(m.speaker)
				m.speakFor(20)
				if err := old.peer.Close(); err != nil {
					t.Error(err)
				}
				m.speakFor(20)
			}
			m.requireNothingNoticed()
			for _, c := range append(connections, m.speaker.fakeClient) {
				if len(of(c.transport.packets(), m.speaker.csrc)) > 0 {
					t.Error("who moved heard themself")
				}
			}
		})
	}
}

// While somebody moves, both connections may be open and send, which is heard once.
func TestMoveWithBothConnectionsSending(t *testing.T) {
	m := newMoves(t, 1)
	old := m.speaker.fakeClient
	m.speaker.connect(m.all[2], 6)
	m.arrange(m.speaker)
	for range 20 {
		m.speaker.speak()
		old.send([]byte("from before"), 20, true)
		m.tick()
	}
	for i, l := range m.listeners {
		requireSmooth(t, l)
		if !slices.Equal(l.peer.Slots(), m.before[i]) {
			t.Errorf("slots of %s: %v", l.id, l.peer.Slots())
		}
		heard := l.hears(m.speaker)
		if last := len(heard) - 20; last < 20 || last > 21 || slices.ContainsFunc(heard[last:], func(p rtp.Packet) bool { return string(p.Payload) == "from before" }) {
			t.Errorf("%s heard %d packets, the last of them %q", l.id, len(heard), heard[last].Payload)
		}
	}
}

// A node's death: its people are behind its relay until they come back elsewhere. Nothing is heard of them meanwhile, but their slots are kept.
func TestMoveFromADeadNode(t *testing.T) {
	m := newMoves(t, 1)
	m.links[m.all[1]].back.loss = 1
	m.speaker.spoken -= 10 // they are said again
	for range 10 {
		m.speaker.spoken++
		m.tick()
	}
	m.speaker.connect(m.all[2], 6)
	m.arrange(m.speaker)
	m.links[m.all[1]].near.Close()
	for _, link := range m.links {
		link.far.Withdraw(m.listeners[1].id) // who does not come back
	}
	m.speakFor(20)
	for i, l := range m.listeners {
		if l.node == m.all[1] {
			continue // dead
		}
		if got := len(l.hears(m.speaker)); got != 40 {
			t.Errorf("%s heard %d packets, not 40", l.id, got)
		}
		if l.in(m.speaker) != slices.IndexFunc(m.before[i], func(s Slot) bool { return s.Participant == m.speaker.id }) {
			t.Errorf("slots of %s were %v and are %v", l.id, m.before[i], l.peer.Slots())
		}
		if l.in(m.listeners[1]) >= 0 {
			t.Errorf("%s has a slot of who was behind a relay that is closed", l.id)
		}
		requireNoGaps(t, l)
	}
}

// The room's owner changes: everybody is enrolled behind the new relays before the old ones are closed.
func TestNewMiddle(t *testing.T) {
	m := newMoves(t, 1)
	old := m.links
	m.center(m.all[2], 8)
	m.arrange(append(slices.Clone(m.listeners), m.speaker)...)
	m.speakFor(20) // by both
	for _, link := range old {
		link.near.Close()
		link.far.Close()
	}
	m.speakFor(20)
	m.requireNothingNoticed()
	for _, link := range old {
		link.out.passed()
		link.back.passed()
	}
	m.speakFor(20)
	for _, link := range old {
		if len(link.out.passed())+len(link.back.passed()) > 0 {
			t.Error("a relay sends after Close")
		}
	}
}

// While a room's owner changes, two nodes are each told that somebody is behind the other, who comes to both by a third.
func TestEchoesAreNotPreferred(t *testing.T) {
	m := newMoves(t, 0)
	link := m.join(m.all[1], m.all[2], 8)
	for range 3 {
		// Enrolled anew, ways change their ranks, those by which nothing new can come to the speaker's own node too.
		for _, l := range []*Relay{m.links[m.all[1]].near, link.near, m.links[m.all[2]].near, link.far} {
			l.Withdraw(m.speaker.id)
			m.speaker.enrol(l)
			m.speakFor(20)
		}
	}
	m.requireNothingNoticed()
}

// A relay's successor brings those who were behind it, and does not take back who has moved to this node in the meantime.
func TestInherit(t *testing.T) {
	m := newMoves(t, 1)
	edge, old := m.all[1], m.links[m.all[1]]
	before := m.speaker.fakeClient
	m.speaker.connect(m.middle, 6)
	for _, link := range m.links {
		m.speaker.enrol(link.far) // and near for as long as the former connection is there
	}
	m.speakFor(20)
	m.links[edge] = m.join(m.middle, edge, 8)
	for _, p := range append(m.listeners, m.speaker) {
		m.links[edge].near.Inherit(old.near, p.id)
		m.links[edge].far.Inherit(old.far, p.id)
	}
	old.near.Close()
	old.far.Close()
	m.speakFor(1)
	for range 20 {
		m.speaker.speak()
		before.send([]byte("from before"), 20, true)
		m.tick()
	}
	if err := before.peer.Close(); err != nil {
		t.Error(err)
	}
	m.speakFor(20)
	m.requireNothingNoticed()
	heard := m.listeners[2].hears(m.listeners[1])
	m.listeners[1].speak()
	m.tick()
	if now := m.listeners[2].hears(m.listeners[1]); len(now) != len(heard)+1 {
		t.Errorf("of who stayed behind the relay %d packets are heard", len(now)-len(heard))
	}
}

// The room's owner dies: people of one node go on hearing each other, and those of different nodes do again, in the slots that they had, when there is a new one.
func TestDeadMiddle(t *testing.T) {
	m := newMoves(t, 1)
	neighbour := m.person(m.all[1], 6)
	old, dead := m.links, m.listeners[0]
	m.all, m.listeners, m.before = m.all[1:], m.listeners[1:], m.before[1:]
	for _, w := range m.wires {
		w.connect(nil)
	}
	m.wires = nil
	m.speakFor(25)
	m.center(m.all[1], 8)
	m.arrange(append(slices.Clone(m.listeners), m.speaker, neighbour)...)
	for _, link := range old {
		link.far.Close()
	}
	m.speakFor(20)
	for i, l := range m.listeners {
		gap := 25
		if l.node == m.speaker.node {
			gap = 0
		}
		if got := len(l.hears(m.speaker)); got != m.speaker.spoken-gap {
			t.Errorf("%s heard %d packets of %d", l.id, got, m.speaker.spoken)
		}
		requireNoGaps(t, l)
		for slot, before := range m.before[i] {
			if now := l.peer.Slots()[slot]; before.Participant != "" && before.Participant != dead.id && now != before {
				t.Errorf("a slot of %s was %v and is %v", l.id, before, now)
			}
		}
		if l.in(dead) >= 0 {
			t.Errorf("%s has a slot of who was on the dead node: %v", l.id, l.peer.Slots())
		}
	}
	requireAll(t, neighbour, m.speaker, 20)
}

func TestWithdraw(t *testing.T) {
	m := newMoves(t, 1)
	listener := m.listeners[0]
	m.links[m.all[1]].near.Withdraw(m.speaker.id)
	if listener.in(m.speaker) >= 0 {
		t.Errorf("who was withdrawn has a slot: %v", listener.peer.Slots())
	}
	m.speakFor(10)
	if got := len(listener.hears(m.speaker)); got != 20 {
		t.Errorf("%d packets of who was withdrawn", got-20)
	}
	m.arrange(m.speaker)
	m.speakFor(10)
	if got := len(listener.hears(m.speaker)); got != 30 || listener.in(m.speaker) < 0 {
		t.Errorf("%d packets of 30 heard of who was enrolled again, slots %v", got, listener.peer.Slots())
	}
	requireNoGaps(t, listener)
}

// Who comes from where the other end is needs no stream to it, and leaves the stream that they had.
func TestStreamsAreFreed(t *testing.T) {
	h := newHub(t, 1, 1)
	edge := h.all[1]
	first, second := h.person(h.middle, 0), h.person(h.middle, 0)
	listener := h.person(edge, 4)
	h.arrange(first)
	for range 20 {
		first.speak()
		h.tick()
	}
	old := first.peer
	first.connect(edge, 0)
	h.arrange(first, second, listener)
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	for range 5 {
		first.speak()
		second.speak()
		h.tick()
	}
	requireAll(t, listener, first, 0)
	requireAll(t, listener, second, 0)
}

func TestRelayedSources(t *testing.T) {
	n, listener, l := oneNode(t)
	screen := spoken(7, 2, 1)
	screen.kind = 3
	for _, test := range []struct {
		sources []Source
		heard   []string
	}{
		{[]Source{Microphone, ScreenAudio}, []string{"voice", "film"}},
		{[]Source{Microphone, ScreenAudio}, []string{"voice", "film"}},
		{[]Source{ScreenAudio}, []string{"film"}},
		{nil, []string{"voice"}},
		{[]Source{"unheard of"}, nil},
	} {
		l.Enrol("far", 7, test.sources...)
		before := len(listener.transport.packets())
		voice := spoken(7, 1, screen.number)
		l.Receive(voice.bytes("voice"))
		l.Receive(screen.bytes("film"))
		screen.number++
		screen.timestamp += 960
		n.tick()
		var heard []string
		for _, p := range listener.transport.packets()[before:] {
			heard = append(heard, string(p.Payload))
		}
		if !slices.Equal(heard, test.heard) {
			t.Errorf("with %v: %q was heard", test.sources, heard)
		}
		var shown, want []Source
		for _, s := range listener.peer.Slots() {
			if s.Participant == "far" {
				shown = append(shown, s.Source)
			}
		}
		for _, what := range test.heard {
			want = append(want, map[string]Source{"voice": Microphone, "film": ScreenAudio}[what])
		}
		slices.Sort(shown)
		slices.Sort(want)
		if !slices.Equal(shown, want) {
			t.Errorf("with %v: slots for %v", test.sources, shown)
		}
	}
	requireNoGaps(t, listener)
}
