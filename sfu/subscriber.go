package sfu

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtp"

	"hubbub/sfu/continuity"
	"hubbub/sfu/speech"
)

// subscriber is the receiving half of a peer in a room: its slots, and who is in them. It belongs to the goroutine of its
// lane, except for what mu guards. That of a relay has neither peer, participant nor slots, but streams that the assigner gives as if
// they were slots.
type subscriber struct {
	lane        *lane
	peer        *Peer
	relay       *Relay // nil for a peer
	participant *participant
	video       *videoSubscriber // nil for a relay
	assigner    *speech.Assigner
	slots       []slot
	occupants   map[uint32]*contributor // by key, of those in a slot
	events      *slotEvents
	reportedAt  time.Duration // when sender reports were last sent
	generation  uint64        // grows with each attachment in the room

	sources      []*source      // of the same peer; guarded by the router's lock
	videoSources []*videoSource // likewise

	mu      sync.Mutex
	heard   []Slot // in the order of slots
	seen    []Slot // the same of video
	current []Slot // both
	told    []Slot // what the owner knows
	onSlots func([]Slot)
	queued  bool // for slotEvents
}

func newSubscriber(p *Peer, member *participant, generation uint64) *subscriber {
	s := &subscriber{
		lane: p.lane, peer: p, participant: member, generation: generation, events: p.sfu.events,
		// Whom not to hear is decided by participant, so the assigner need not know its own.
		assigner: speech.NewAssigner(0, 0), occupants: make(map[uint32]*contributor),
	}
	s.video = newVideoSubscriber(s)
	return s
}

// slot is one receive-only m-line of a peer.
type slot struct {
	slotPlan
	stream *slotStream // nil until something is sent: most slots carry nobody
}

// slotPlan is what an offer says about a slot, and the SSRC that the answer gave it.
type slotPlan struct {
	mid         string
	ssrc        uint32
	payloadType uint8
	levelID     uint8
}

// slotStream is what is sent in a slot.
type slotStream struct {
	numbers *continuity.Stream
	header  rtp.Header // with a level extension if the client accepts it
	bare    rtp.Header // the same stream without
	level   []byte     // the payload of header's extension

	packets, octets uint32 // for sender reports
	sentAt          time.Duration
}

func newSlotStream(now time.Duration, plan slotPlan) *slotStream {
	s := &slotStream{
		numbers: continuity.NewStream(now, uint16(rand.Uint32()), rand.Uint32()),
		bare:    rtp.Header{Version: 2, PayloadType: plan.payloadType, SSRC: plan.ssrc, CSRC: make([]uint32, 1)},
		sentAt:  -time.Hour,
	}
	s.header = s.bare.Clone()
	if plan.levelID != 0 {
		s.level = make([]byte, 1)
		if plan.levelID > 14 {
			s.header.Extension, s.header.ExtensionProfile = true, rtp.ExtensionProfileTwoByte
		}
		// The header keeps the slice, so that levels are written into it from now on.
		if err := s.header.SetExtension(plan.levelID, s.level); err != nil {
			s.level = nil
		}
	}
	return s
}

// configure makes the slots those of an answer. Slots that are still there keep their streams and occupants.
func (s *subscriber) configure(plans []slotPlan) {
	old := s.slots
	s.slots = make([]slot, 0, len(plans))
	kept := true
	for i, plan := range plans {
		at := slices.IndexFunc(old, func(o slot) bool { return o.mid == plan.mid })
		if at < 0 {
			s.slots = append(s.slots, slot{slotPlan: plan})
		} else {
			s.slots = append(s.slots, old[at])
		}
		kept = kept && (i >= len(old) || at == i)
	}
	if kept && len(plans) >= len(old) {
		s.assigner.Grow(len(plans))
	} else {
		// M-lines were taken away, which is rare: begin anew, and let who speaks come back into the slots by speaking.
		for _, c := range s.occupants {
			c.held.Add(-1)
		}
		clear(s.occupants)
		s.assigner = speech.NewAssigner(0, len(plans))
	}
	s.publish()
}

// fill gives everyone a slot if the slots are enough for all. contributors are those of the room.
func (s *subscriber) fill(contributors []*contributor) {
	if s.relay != nil {
		contributors = s.relay.others(contributors)
	}
	if len(contributors) > s.assigner.Slots()+maxSources {
		return // own ones subtracted, too many still: in a large room this is run for everyone at each join
	}
	keys := make([]uint32, 0, len(contributors))
	byKey := make(map[uint32]*contributor, len(contributors))
	for _, c := range contributors {
		if c.participant != s.participant {
			keys = append(keys, c.key)
			byKey[c.key] = c
		}
	}
	if !s.assigner.Fill(keys) {
		return
	}
	for i := range s.assigner.Slots() {
		key := s.assigner.Occupant(i)
		if c := byKey[key]; c != nil && s.occupants[key] == nil {
			s.occupants[key] = c
			c.held.Add(1)
		}
	}
	s.publish()
}

// remove takes a contributor that has left out of its slot.
func (s *subscriber) remove(c *contributor) {
	if _, ok := s.assigner.Remove(c.key); ok {
		delete(s.occupants, c.key)
		c.held.Add(-1)
		s.publish()
	}
}

// end gives up all slots.
func (s *subscriber) end() {
	for _, c := range s.occupants {
		c.held.Add(-1)
	}
	clear(s.occupants)
	s.slots = nil
	s.assigner = speech.NewAssigner(0, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onSlots, s.heard, s.seen, s.current, s.told = nil, nil, nil, nil, nil
}

// forward sends a packet to the client if it is for it.
func (s *subscriber) forward(now time.Duration, p *packet) {
	c := p.contributor
	if c.participant == s.participant || c.gone.Load() {
		return
	}
	if s.relay != nil {
		s.relay.forward(now, p)
		return
	}
	counters := &s.lane.counters
	i, switched, ok := s.place(now, p)
	if !ok {
		counters.drop(dropNotSelected)
		return
	}
	if switched {
		counters.switches.Add(1)
	}
	if !s.peer.connected.Load() {
		counters.drop(dropUnsent)
		return
	}
	if s.slots[i].stream == nil {
		s.slots[i].stream = newSlotStream(now, s.slots[i].slotPlan)
	}
	stream := s.slots[i].stream
	seq, timestamp, ok := stream.numbers.Next(now, p.place)
	if !ok {
		counters.drop(dropLate)
		return
	}
	header := &stream.bare
	if p.level.Present && stream.level != nil {
		header = &stream.header
		stream.level[0] = p.level.Attenuation
		if p.level.Voice {
			stream.level[0] |= 0x80
		}
	}
	header.SequenceNumber, header.Timestamp, header.Marker = seq, timestamp, p.marker
	header.CSRC[0] = c.participant.csrc
	if err := s.peer.transport.SendRTP(header, p.payload()); err != nil {
		counters.drop(dropUnsent)
		return
	}
	stream.packets++
	stream.octets += uint32(p.length)
	stream.sentAt = now
	counters.packetsOut.Add(1)
	counters.bytesOut.Add(uint64(p.length))
}

// place finds the slot of a packet, and keeps account of who is in the slots.
func (s *subscriber) place(now time.Duration, p *packet) (slot int, switched, ok bool) {
	slot, switched, ok = s.assigner.Place(now, p.contributor.key, p.verdict)
	if switched {
		s.occupants[p.contributor.key] = p.contributor
		p.contributor.held.Add(1)
		s.evict()
		s.publish()
	}
	return slot, switched, ok
}

// evict forgets occupants that are in no slot any more.
func (s *subscriber) evict() {
	for key, c := range s.occupants {
		in := false
		for i := range s.assigner.Slots() {
			in = in || s.assigner.Occupant(i) == key
		}
		if !in {
			delete(s.occupants, key)
			c.held.Add(-1)
		}
	}
}

// publish makes the present occupants known to Peer.Slots and, if they changed, to the owner.
func (s *subscriber) publish() {
	heard := make([]Slot, len(s.slots))
	for i, slot := range s.slots {
		heard[i] = Slot{Mid: slot.mid, Kind: "audio"}
		if c := s.occupants[s.assigner.Occupant(i)]; c != nil {
			heard[i].Participant, heard[i].Source = c.participant.id, c.kind
		}
	}
	s.mu.Lock()
	s.heard, s.current = heard, slices.Concat(heard, s.seen)
	s.mu.Unlock()
	s.events.changed(s)
}

// publishVideo does the same for the occupants of the video slots. Any goroutine may call it.
func (s *subscriber) publishVideo(seen []Slot) {
	s.mu.Lock()
	s.seen, s.current = seen, slices.Concat(s.heard, seen)
	s.mu.Unlock()
	s.events.changed(s)
}

func (s *subscriber) state() []Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.current)
}
