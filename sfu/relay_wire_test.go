package sfu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// wire is one direction of a link between two nodes, in memory.
type wire struct {
	direct bool // packets arrive at once, not at the next delivery

	mu          sync.Mutex
	to          *Relay  // nil: nothing arrives
	loss        float64 // parts of the packets
	duplication float64
	delay       int // deliveries that a packet misses, at most
	random      *rand.Rand
	waiting     []onWire
	sent        []relayPacket
	lost        []relayPacket
	pictures    []relayVideoPacket // that were sent
	control     int                // packets that are neither
}

type onWire struct {
	packet []byte
	misses int
}

func newWire(direct bool) *wire { return &wire{direct: direct, random: rand.New(rand.NewPCG(1, 2))} }

func (w *wire) connect(to *Relay) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = to
}

func (w *wire) send(packet []byte) {
	if len(packet) > relayHeader+maxPayload {
		panic(fmt.Sprintf("a relay sent %d bytes", len(packet)))
	}
	w.mu.Lock()
	h, sound := w.note(packet)
	copies := 1
	switch {
	case w.random.Float64() < w.loss:
		copies = 0
		if sound {
			w.lost = append(w.lost, h)
		}
	case w.random.Float64() < w.duplication:
		copies = 2
	}
	for range copies {
		misses := 0
		if w.delay > 0 {
			misses = w.random.IntN(w.delay + 1)
		}
		w.waiting = append(w.waiting, onWire{slices.Clone(packet), misses})
	}
	w.mu.Unlock()
	if w.direct {
		w.deliver()
	}
}

// note looks at a packet that is sent.
func (w *wire) note(packet []byte) (h relayPacket, sound bool) {
	if h, _, sound = parseRelayPacket(packet); sound {
		w.sent = append(w.sent, h)
		return h, true
	}
	if picture, _, ok := parseRelayVideoPacket(packet); ok {
		w.pictures = append(w.pictures, picture)
		return h, false
	}
	_, _, keyframe := parseKeyframeRequest(packet)
	_, _, packets := parsePacketsRequest(packet)
	if !keyframe && !packets && !parseShown(packet, func(uint32, *shownEntry) {}) && !parseWants(packet, func(uint32, relayKey, layerSet) {}) {
		panic(fmt.Sprintf("a relay sent % x", packet))
	}
	w.control++
	return h, false
}

func (w *wire) deliver() {
	w.mu.Lock()
	var due [][]byte
	w.waiting = slices.DeleteFunc(w.waiting, func(p onWire) bool {
		if p.misses == 0 {
			due = append(due, p.packet)
		}
		return p.misses == 0
	})
	for i := range w.waiting {
		w.waiting[i].misses--
	}
	to := w.to
	w.mu.Unlock()
	for _, packet := range due {
		if to != nil {
			to.Receive(packet)
		}
	}
}

// passed are the headers of what was sent since the last call.
func (w *wire) passed() []relayPacket {
	w.mu.Lock()
	defer w.mu.Unlock()
	passed := w.sent
	w.sent = nil
	return passed
}

// nodes are several SFUs with a router each for the same room, whose time is the test's.
type nodes struct {
	t     *testing.T
	clock atomic.Int64
	all   []*node
	wires []*wire
	ids   uint32
}

type node struct {
	nodes *nodes
	sfu   *SFU
	room  *Router
}

func newNodes(t *testing.T, count int) *nodes {
	n := &nodes{t: t}
	n.clock.Store(int64(time.Hour))
	for range count {
		s := withFakeTransports(newTestSFUWithClock(t, Config{Lanes: 2}, func() time.Duration { return time.Duration(n.clock.Load()) }))
		r := s.NewRouter()
		t.Cleanup(r.Close)
		n.all = append(n.all, &node{n, s, r})
	}
	return n
}

// tick lets everything arrive that is under way and not delayed, then 20 ms pass.
func (n *nodes) tick() {
	for range maxHops {
		for _, node := range n.all {
			settle(node.sfu)
		}
		for _, w := range n.wires {
			w.deliver()
		}
	}
	for _, node := range n.all {
		settle(node.sfu)
	}
	n.clock.Add(int64(20 * time.Millisecond))
}

// relayPair is what joins two nodes.
type relayPair struct {
	near, far *Relay
	out, back *wire // from near to far, and back
}

// join connects two nodes by relays of so many streams each way.
func (n *nodes) join(near, far *node, streams int) relayPair {
	p := joinRouters(n.t, near.room, far.room, streams, false)
	n.wires = append(n.wires, p.out, p.back)
	return p
}

func joinRouters(t testing.TB, near, far *Router, streams int, direct bool) relayPair {
	t.Helper()
	p := relayPair{out: newWire(direct), back: newWire(direct)}
	var err error
	if p.near, err = near.AttachRelay(RelayConfig{Streams: streams, VideoStreams: streams, Send: p.out.send}); err != nil {
		t.Fatal(err)
	}
	if p.far, err = far.AttachRelay(RelayConfig{Streams: streams, VideoStreams: streams, Send: p.back.send}); err != nil {
		t.Fatal(err)
	}
	p.out.connect(p.far)
	p.back.connect(p.near)
	return p
}

// person is somebody with a peer on a node. Their packets are numbered in the payload.
type person struct {
	*fakeClient
	t      testing.TB
	id     string
	csrc   uint32
	node   *node
	spoken int
}

// person joins at a node, unknown to the others yet.
func (n *nodes) person(at *node, slots int) *person {
	n.ids++
	p := &person{t: n.t, id: fmt.Sprint("p", n.ids), csrc: n.ids}
	p.connect(at, slots)
	return p
}

// connect gives the person another peer, from which they speak from now on.
func (p *person) connect(at *node, slots int) {
	p.t.Helper()
	p.node, p.fakeClient = at, joinFake(p.t, at.sfu, at.room, p.id, p.csrc, slots)
	p.seq, p.timestamp = uint16(rand.Uint32()), rand.Uint32()
}

// enrol has the person enrolled behind relays.
func (p *person) enrol(relays ...*Relay) {
	for _, l := range relays {
		l.Enrol(p.id, p.csrc)
	}
}

func (p *person) speak() {
	p.send(fmt.Appendf(nil, "%s %d", p.id, p.spoken), 20, true)
	p.spoken++
}

// hears are the packets that came to this person from another.
func (p *person) hears(other *person) []rtp.Packet { return of(p.transport.packets(), other.csrc) }

// requireAll fails unless a listener got all that a speaker said from a packet on, in one slot, with nothing to be noticed.
func requireAll(t *testing.T, listener, speaker *person, from int) {
	t.Helper()
	heard := listener.hears(speaker)
	if len(heard) != speaker.spoken-from {
		t.Errorf("%s heard %d packets of %s, not %d", listener.id, len(heard), speaker.id, speaker.spoken-from)
	}
	for i, p := range heard {
		if want := fmt.Sprintf("%s %d", speaker.id, from+i); string(p.Payload) != want {
			t.Fatalf("%s heard %q, not %q", listener.id, p.Payload, want)
		}
		if level := p.GetExtension(1); len(level) != 1 || level[0] != 0x80|20 {
			t.Fatalf("level %v", level)
		}
	}
	requireSmooth(t, listener)
}

// requireSmooth fails unless each slot of a listener got packets whose sequence numbers have no gap and whose timestamps grow by 20 ms.
func requireSmooth(t *testing.T, listener *person) {
	t.Helper()
	last := make(map[uint32]rtp.Packet)
	for _, p := range listener.transport.packets() {
		if before, ok := last[p.SSRC]; ok {
			if p.SequenceNumber != before.SequenceNumber+1 {
				t.Errorf("%s: sequence number %d after %d (%q after %q)", listener.id, p.SequenceNumber, before.SequenceNumber, p.Payload, before.Payload)
			}
			if step := p.Timestamp - before.Timestamp; step != 960 {
				t.Errorf("%s: a timestamp grew by %d (%q after %q)", listener.id, step, p.Payload, before.Payload)
			}
		}
		last[p.SSRC] = p
	}
}

// in is the index of the slot that a person has for another, or -1.
func (p *person) in(other *person) int {
	return slices.IndexFunc(p.peer.Slots(), func(s Slot) bool { return s.Participant == other.id && s.Source == Microphone })
}
