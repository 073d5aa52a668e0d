package sfu

import (
	"slices"
	"sync"
	"time"

	"hubbub/sfu/bandwidth"
	"hubbub/sfu/video"
)

const (
	// allocationInterval is how often what the way carries is shared anew among the slots, beside whenever something begins or ends.
	allocationInterval = 100 * time.Millisecond
	// unmeasuredRate is what a client is sent at most that gives no transport-wide feedback, so that nothing is known of its way.
	unmeasuredRate = 1_500_000

	// allTemporalLayers is the highest one of an encoding of which all is wanted: what has not been measured yet too.
	allTemporalLayers = 1<<8 - 1
)

// videoSubscriber is what a peer sees: its video slots, who is in them, and how much of them. It is a videoSink. Its lock is held for a packet by who
// received it, and by the lane's videoClock, which sends; while it is held only feeds are called.
type videoSubscriber struct {
	peer        *Peer
	participant *participant
	owner       *subscriber // tells the slots
	counters    *laneCounters

	mu        sync.Mutex
	ended     bool
	slots     []*videoSlot
	numbering uint8 // the identifier of the transport-wide number, 0 if the client does not want one
	oriented  uint8 // that of the orientation
	number    uint16
	writer    *videoWriter
	estimator *bandwidth.Estimator
	pacer     *bandwidth.Pacer[videoSending]
	allocator *bandwidth.Allocator
	allocated time.Duration // when it was last
	rate      int           // bits/s that may be sent, 0 while there is nothing to see

	// Used within a call:
	encodings []videoEncoding
	demands   []bandwidth.Demand
	layers    []bandwidth.Layer
}

func newVideoSubscriber(owner *subscriber) *videoSubscriber {
	return &videoSubscriber{
		peer: owner.peer, participant: owner.participant, owner: owner, counters: &owner.lane.counters,
		allocated: -allocationInterval,
	}
}

// configure makes the slots those of an answer. Those that are still there keep what they carry.
func (s *videoSubscriber) configure(plans []videoSlotPlan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	var ids extensionIDs
	if len(plans) > 0 {
		ids = plans[0].ids // which are the same in all m-lines, with BUNDLE
	}
	if s.writer == nil || s.numbering != ids.transportWide || s.oriented != ids.orientation {
		s.numbering, s.oriented = ids.transportWide, ids.orientation
		s.writer = newVideoWriter(s.numbering, s.oriented) // another one, as the old one may be in use
	}
	if s.estimator == nil && len(plans) > 0 {
		s.estimator = bandwidth.NewEstimator(bandwidth.Config{})
		s.pacer = bandwidth.NewPacer[videoSending](s.budget(s.peer.sfu.now()))
		s.allocator = bandwidth.NewAllocator()
	}
	old := s.slots
	s.slots = make([]*videoSlot, 0, len(plans))
	for _, plan := range plans {
		i := slices.IndexFunc(old, func(t *videoSlot) bool { return t.plan.mid == plan.mid && t.plan.ssrc == plan.ssrc })
		if i < 0 {
			s.slots = append(s.slots, newVideoSlot(plan))
			continue
		}
		old[i].plan = plan
		s.slots = append(s.slots, old[i])
	}
	for _, t := range old {
		if !slices.Contains(s.slots, t) {
			t.end(s)
		}
	}
	s.publish()
}

// end gives up all slots.
func (s *videoSubscriber) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, t := range s.slots {
		t.end(s)
	}
	if s.pacer != nil {
		s.pacer.Clear(func(v videoSending) { v.packet.release() })
	}
	s.slots = nil
}

// assignVideo implements videoSink: slots whose occupants have ended are free, and free ones go to those that send and have none.
func (s *videoSubscriber) assignVideo(now time.Duration, live []*videoContributor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for _, t := range s.slots {
		if c := t.occupant; c != nil && (!slices.Contains(live, c) || !t.knows(c)) {
			t.occupy(s, nil)
			changed = true
		}
	}
	for _, c := range live {
		if c.participant == s.participant || s.slotOf(c) != nil {
			continue
		}
		if i := slices.IndexFunc(s.slots, func(t *videoSlot) bool { return t.occupant == nil && t.knows(c) }); i >= 0 {
			s.slots[i].occupy(s, c)
			changed = true
		}
	}
	if changed {
		s.allocate(now)
		s.publish()
		s.peer.lane.video.attend(s.peer)
	}
}

// knows says whether the client could decode what a source sends now.
func (t *videoSlot) knows(c *videoContributor) bool {
	_, ok := t.codec(video.Codec(c.codec.Load()))
	return ok
}

func (s *videoSubscriber) slotOf(c *videoContributor) *videoSlot {
	for _, t := range s.slots {
		if t.occupant == c {
			return t
		}
	}
	return nil
}

// publish makes the present occupants known.
func (s *videoSubscriber) publish() {
	seen := make([]Slot, 0, len(s.slots))
	for _, t := range s.slots {
		slot := Slot{Mid: t.plan.mid, Kind: "video"}
		if c := t.occupant; c != nil {
			slot.Participant, slot.Source = c.participant.id, c.kind
		}
		seen = append(seen, slot)
	}
	s.owner.publishVideo(seen)
}

// takeVideo implements videoSink.
func (s *videoSubscriber) takeVideo(now time.Duration, p *videoPacket) {
	if p.contributor.participant == s.participant {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.slotOf(p.contributor)
	if t == nil {
		return
	}
	if _, ok := t.codec(p.Codec); !ok {
		s.counters.drop(dropUnexpected)
		return
	}
	if !s.peer.connected.Load() {
		t.stream.Break()
		s.counters.drop(dropUnsent)
		return
	}
	if p.Facts.Keyframe && p.layer == t.wanted.layer && t.wanted.stream != 0 && !t.paused && p.Source != t.wanted.stream {
		// What is wanted comes by another way now. This key frame will do; the next allocation would find out too late for it.
		t.wanted.stream = p.Source
		t.stream.Replace(p.Source)
	}
	out, ok := t.stream.Next(now, &p.Packet)
	if ok {
		t.sending = p.layer
		p.retain()
		if !s.pacer.Push(videoSending{slot: t, out: out, packet: p}, p.length+videoPacketOverhead) {
			// It has a number by now, of which the client will ask. Until the next key frame nothing else is sent.
			t.history.Put(out, p)
			t.stream.Break()
			s.counters.drop(dropQueueFull)
		}
	}
	if stream, needed := t.stream.NeedsKeyframe(); needed {
		t.occupant.requestKeyframe(stream)
	}
	if t.used != t.using() {
		t.tell(s)
	}
	if ok {
		s.peer.lane.video.attend(s.peer)
	}
}

// budget is how many bits/s of video the client may be sent.
func (s *videoSubscriber) budget(now time.Duration) int {
	if s.numbering == 0 {
		return unmeasuredRate
	}
	return s.estimator.Rate(now)
}

// allocate decides what of each source is sent. What has a slot for itself and nothing else to do yet costs little.
func (s *videoSubscriber) allocate(now time.Duration) {
	s.allocated = now
	s.demands, s.layers = s.demands[:0], s.layers[:0]
	s.encodings = s.encodings[:0]
	for i, t := range s.slots {
		if t.occupant == nil {
			continue
		}
		begin := len(s.layers)
		s.encodings = t.occupant.encodings(now, s.encodings[:0])
		s.layers = appendQualities(s.layers, s.encodings, t.occupant.kind)
		priority := 0
		if t.occupant.kind == Screen {
			priority = 1
		}
		s.demands = append(s.demands, bandwidth.Demand{
			Slot: i, Source: t.occupant.key, Layers: s.layers[begin:len(s.layers):len(s.layers)], Priority: priority,
		})
	}
	if len(s.demands) == 0 {
		s.rate = 0
		return
	}
	s.rate = s.budget(now)
	s.pacer.SetRate(s.rate)
	allocation := s.allocator.Allocate(now, s.rate, s.demands)
	for i, choice := range allocation.Choices {
		t := s.slots[choice.Slot]
		if choice.Layer < 0 || choice.Layer >= len(s.demands[i].Layers) {
			s.pause(t, len(s.demands[i].Layers) > 0)
			continue
		}
		layer := s.demands[i].Layers[choice.Layer]
		s.encodings = t.occupant.encodings(now, s.encodings[:0])
		for _, e := range s.encodings {
			if e.layer == layer.Spatial {
				t.paused, t.wanted = false, e
				t.stream.Want(e.stream, layer.Temporal)
			}
		}
		if stream, needed := t.stream.NeedsKeyframe(); needed {
			t.occupant.requestKeyframe(stream)
		}
		t.tell(s)
	}
	if s.numbering == 0 {
		return
	}
	if probe, ok := s.estimator.Probe(now, allocation.Wanted); ok {
		s.pacer.Start(probe)
	}
}

// pause stops a slot's picture. It comes back with a key frame.
func (s *videoSubscriber) pause(t *videoSlot, narrow bool) {
	if narrow && !t.paused {
		s.counters.video.pauses.Add(1)
	}
	t.paused = narrow
	t.stream.Pause()
	t.tell(s)
}

// using are the layers that are sent, or about to be.
func (t *videoSlot) using() layerSet {
	var layers layerSet
	if t.paused || t.wanted.stream == 0 {
		return 0
	}
	layers = 1 << t.wanted.layer
	if current, ok := t.stream.Current(); ok && current != t.wanted.stream {
		layers |= 1 << t.sending
	}
	return layers
}

// tell tells the occupant what is used of it.
func (t *videoSlot) tell(s *videoSubscriber) {
	if used := t.using(); used != t.used {
		t.used = used
		t.occupant.want(s, used)
	}
}

// appendQualities appends the ways in which a source can be had, from the worst to the best. Fewer frames of the smallest encoding are of use when little
// fits. A larger picture of a person with half of the frames is no better than a smaller one with all, but of a screen it is.
func appendQualities(to []bandwidth.Layer, encodings []videoEncoding, kind Source) []bandwidth.Layer {
	for i, e := range encodings {
		top := e.temporal - 1
		first := top
		switch {
		case i == 0:
			first = 0
		case kind == Screen:
			first = top - min(top, 1)
		}
		for temporal := first; temporal < top; temporal++ {
			to = append(to, bandwidth.Layer{Spatial: e.layer, Temporal: temporal, Rate: e.rates[temporal]})
		}
		to = append(to, bandwidth.Layer{Spatial: e.layer, Temporal: allTemporalLayers, Rate: e.rates[top]})
	}
	return to
}
