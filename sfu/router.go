package sfu

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Router is the media of one room on this node: it takes every source's packets to the slots of those who should hear them.
// Its methods may be called at any time from any goroutine.
type Router struct {
	sfu *SFU
	// audience is who is to get packets, by lane. It is replaced, never changed, so that packets need no lock.
	audience atomic.Pointer[[]laneAudience]
	stage    *videoStage

	mu                sync.Mutex
	closed            bool
	participants      map[string]*participant
	contributors      []*contributor
	videoContributors []*videoContributor
	subscribers       []*subscriber // those of relays too
	keys              uint32        // of contributors, counted
	generations       uint64        // of attachments and enrolments, counted
}

type laneAudience struct {
	lane        *lane
	subscribers []*subscriber
}

// participant is someone in a room: by one peer or, when one replaces the other, two; or behind a relay; or, on the way from
// one node to another, both.
type participant struct {
	router      *Router
	id          string
	csrc        uint32
	subscribers []*subscriber
	relayed     []*relaySource

	relayedVideo []*relayedVideo
}

// Attachment is who a peer is in a room.
type Attachment struct {
	// Participant is the room's id of the participant. Two peers of one participant may be attached at a time, when one replaces
	// the other; the later one is heard as soon as its packets come. They never hear each other.
	Participant string
	// CSRC names the participant in packets. It is not 0, and unique in the room.
	CSRC uint32
	// Publishing is what SetPublishing is at the beginning, Showing what SetShowing is.
	Publishing, Showing bool
	// OnSlots is told the slots that changed, in order, from a goroutine of the SFU's that it must not block. It is never called
	// inside Attach; what Attach itself did is in Peer.Slots. nil is allowed.
	OnSlots func(changed []Slot)
}

func newRouter(s *SFU) *Router {
	r := &Router{sfu: s, stage: newVideoStage(), participants: make(map[string]*participant)}
	r.audience.Store(new([]laneAudience))
	s.rooms.Add(1)
	return r
}

// Attach brings a peer into the room, after which its sound and its pictures flow. When the others' sources of sound are no more than its slots, each has
// its slot when Attach returns. It fails with ErrAttached, or with ErrClosed when the peer or the router is.
func (r *Router) Attach(p *Peer, a Attachment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case p.ended || r.closed:
		return fmt.Errorf("attach %s: %w", a.Participant, ErrClosed)
	case p.router != nil:
		return fmt.Errorf("attach %s: %w", a.Participant, ErrAttached)
	}
	member := r.participant(a.Participant, a.CSRC)
	r.generations++
	p.router = r
	p.idle.Stop()
	p.SetPublishing(a.Publishing)
	p.SetShowing(a.Showing)

	s := newSubscriber(p, member, r.generations)
	r.subscribers = append(r.subscribers, s)
	member.subscribers = append(member.subscribers, s)
	p.subscriber.Store(s)
	p.lane.do(func() { s.configure(p.slots) })
	r.enrol(s, p.sources)
	r.configureVideo(s, p)
	s.listen(a.OnSlots)
	return nil
}

// renegotiated takes over a peer's new m-lines. The peer's lock is held.
func (r *Router) renegotiated(p *Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := p.subscriber.Load()
	if !slices.Contains(r.subscribers, s) {
		return
	}
	p.lane.do(func() { s.configure(p.slots) })
	for _, source := range s.sources {
		if !slices.Contains(p.sources, source) {
			source.expel()
		}
	}
	r.enrol(s, p.sources)
	r.configureVideo(s, p)
	r.retire()
	r.refill()
}

// enrol makes a peer's sources heard, having found or given slots for them first.
func (r *Router) enrol(s *subscriber, sources []*source) {
	s.sources = slices.Clone(sources)
	publish := make([]func(), 0, len(sources))
	for _, source := range sources {
		if source.contributor.Load() != nil {
			continue
		}
		c := r.contributor(s.participant, source.kind)
		source.generation = s.generation
		publish = append(publish, func() { source.contributor.Store(c) })
	}
	r.refill()
	for _, f := range publish {
		f()
	}
}

func (r *Router) participant(id string, csrc uint32) *participant {
	member := r.participants[id]
	if member == nil {
		member = &participant{router: r, id: id, csrc: csrc}
		r.participants[id] = member
	}
	return member
}

func (r *Router) contributor(member *participant, kind Source) *contributor {
	i := slices.IndexFunc(r.contributors, func(c *contributor) bool { return c.participant == member && c.kind == kind })
	if i >= 0 {
		return r.contributors[i]
	}
	r.keys++
	c := &contributor{participant: member, kind: kind, key: r.keys}
	r.contributors = append(r.contributors, c)
	return c
}

// refill shows the lanes who is there now, and has them give slots to everyone who can have one for good: but for the sound of screens, as clients have
// an m-line for it long before they share one. That gets a slot by its packets.
func (r *Router) refill() {
	var audience []laneAudience
	for _, s := range r.subscribers {
		i := slices.IndexFunc(audience, func(l laneAudience) bool { return l.lane == s.lane })
		if i < 0 {
			i = len(audience)
			audience = append(audience, laneAudience{lane: s.lane})
		}
		audience[i].subscribers = append(audience[i].subscribers, s)
	}
	contributors := make([]*contributor, 0, len(r.contributors))
	for _, c := range r.contributors {
		if c.kind != ScreenAudio {
			contributors = append(contributors, c)
		}
	}
	for _, l := range audience {
		l.lane.do(func() {
			for _, s := range l.subscribers {
				s.fill(contributors)
			}
		})
	}
	r.audience.Store(&audience)
}

// detach takes a peer out. Its transport has been closed, so that no packet of it comes any more.
func (r *Router) detach(s *subscriber) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(s)
}

func (r *Router) remove(s *subscriber) {
	i := slices.Index(r.subscribers, s)
	if i < 0 {
		return
	}
	r.subscribers = slices.Delete(r.subscribers, i, i+1)
	if s.relay != nil {
		s.relay.end()
	} else {
		member := s.participant
		member.subscribers = slices.DeleteFunc(member.subscribers, func(other *subscriber) bool { return other == s })
		member.leave()
	}
	for _, source := range s.sources {
		source.expel()
	}
	r.endVideo(s)
	s.lane.do(s.end)
	r.retire()
	r.refill()
}

// leave takes out who is here by no way any more.
func (p *participant) leave() {
	if len(p.subscribers) == 0 && len(p.relayed) == 0 && len(p.relayedVideo) == 0 {
		delete(p.router.participants, p.id)
	}
}

// retire removes contributors that no connection carries any more.
func (r *Router) retire() {
	var gone []*contributor
	r.contributors = slices.DeleteFunc(r.contributors, func(c *contributor) bool {
		if c.carried() {
			return false
		}
		c.gone.Store(true)
		gone = append(gone, c)
		return true
	})
	if len(gone) == 0 {
		return
	}
	for _, l := range *r.audience.Load() {
		l.lane.do(func() {
			for _, s := range l.subscribers {
				for _, c := range gone {
					s.remove(c)
				}
			}
		})
	}
}

// carried says whether any connection has an m-line for the contributor. The router's lock is held.
func (c *contributor) carried() bool {
	for _, s := range c.participant.subscribers {
		for _, source := range s.sources {
			if source.contributor.Load() == c {
				return true
			}
		}
	}
	return slices.ContainsFunc(c.participant.relayed, func(s *relaySource) bool { return s.contributor.Load() == c })
}

// distribute hands a packet, with its only reference, to the lanes.
func (r *Router) distribute(p *packet) {
	p.contributor.place.reach(p.arrival, p.place.Timestamp, slowerWay, p.hops)
	for _, l := range *r.audience.Load() {
		p.retain()
		l.lane.deliver(p, l.subscribers)
	}
	p.release()
}

// Close detaches everyone and closes the relays. The peers are not closed.
func (r *Router) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	r.sfu.rooms.Add(-1)
	for len(r.subscribers) > 0 {
		r.remove(r.subscribers[0])
	}
}
