package signaling

import (
	"context"
	"time"

	"hubbub/cluster"
	"hubbub/sfu"
	"hubbub/signaling/replica"
)

const (
	// lingering is how long the media of someone who has moved are served here at most.
	lingering  = 10 * time.Second
	drainEvery = 50 * time.Millisecond
	// handOverTimeout bounds the waiting for a node to have all of a room that it is about to get.
	handOverTimeout = time.Second
)

type reconnectNotice struct {
	Reason string `json:"reason"`
	After  int64  `json:"after"` // milliseconds
}

// Drain asks everyone to connect to another node, and hands the rooms over to those, until nobody is left or ctx ends. New sessions are refused
// from now on. Where there is no other node it returns at once. [Server.Shutdown] comes after it.
func (s *Server) Drain(ctx context.Context) {
	s.draining.Store(true)
	if s.cluster == nil {
		return
	}
	s.cluster.Members.SetDraining(true)
	if !s.hasRefuge() {
		return
	}
	defer s.bequeathWhispers(ctx)
	deadline, _ := ctx.Deadline()
	notice := encodeNotification("reconnect", reconnectNotice{
		Reason: "draining", After: max(0, time.Until(deadline).Milliseconds()),
	})
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	told := make(map[*session]struct{})
	for {
		for _, leaving := range s.registry.connected() {
			// Told one by one as they are found: a session may have been on its way in.
			if _, already := told[leaving]; !already {
				told[leaving] = struct{}{}
				leaving.depart()
				leaving.notify(notice)
			}
		}
		for _, r := range s.registry.allRooms() {
			s.handOver(ctx, r)
		}
		if s.connections() == 0 && !s.isNeeded() || !s.hasRefuge() {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// isNeeded tells whether a room would lose something with this node although nobody is connected to it.
func (s *Server) isNeeded() bool {
	for _, r := range s.registry.allRooms() {
		if r.needsNode() {
			return true
		}
	}
	return false
}

// needsNode tells whether sound may be on its way by this node, or someone could come back to a room that no other node knows.
func (r *liveRoom) needsNode() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lingering > 0 || len(r.retiring) > 0 || r.authority != nil && r.authority.owns()
}

// hasRefuge tells whether there is a node to move to.
func (s *Server) hasRefuge() bool {
	for _, n := range s.others() {
		if !n.Draining {
			return true
		}
	}
	return false
}

// Draining tells whether new sessions are refused.
func (s *Server) Draining() bool { return s.draining.Load() || s.Stopping() }

// handOver gives a room that this node owns to the node that has most of the people, if there is one.
func (s *Server) handOver(ctx context.Context, r *liveRoom) {
	var o *reign
	var to cluster.Node
	r.do(func() {
		owned, owns := r.authority.(*reign)
		if !owns || owned.succession != nil || owned.paused {
			return
		}
		if heir, found := owned.heir(); found {
			o, to = owned, heir
			o.paused = true
		}
	})
	if o == nil {
		return
	}
	o.awaitAcknowledged(ctx, replica.Node{Name: to.Name, Boot: to.Boot})
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	claim, err := s.cluster.Directory.HandOver(ctx, r.name, to)
	if err != nil {
		s.log.Warn("room not handed over", "room", r.name, "to", to.Name, "err", err)
	}
	r.do(func() {
		o.paused = false
		switch {
		case o.ended:
		case err != nil:
			r.resubmit()
		default:
			o.abdicate(&claim)
		}
	})
}

// heir is the node with most people in the room among those that stay.
func (o *reign) heir() (heir cluster.Node, found bool) {
	people := make(map[replica.Node]int)
	for _, seat := range o.lead.Seats() {
		people[seat.Node]++
	}
	most := -1
	for n, f := range o.followers {
		node, alive := o.room.server.nodeOf(n)
		if alive && !node.Draining && f.welcomed && people[n] > most {
			heir, found, most = node, true, people[n]
		}
	}
	return heir, found
}

// awaitAcknowledged waits until a follower has all of the log. No command is taken meanwhile.
func (o *reign) awaitAcknowledged(ctx context.Context, n replica.Node) {
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		complete := false
		o.room.do(func() {
			f := o.followers[n]
			complete = o.ended || f == nil || f.acked >= o.lead.Position().Index
		})
		if complete {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// depart notes that the session was asked to go elsewhere.
func (s *session) depart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.departing = true
}

// linger serves the media of a session that was asked to go and has arrived elsewhere, until its connection ends. It reports false,
// and does nothing, for a session that was not asked, or is not connected any more.
func (s *session) linger(p *sfu.Peer, in *liveRoom) bool {
	if s.conn.Load() == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.departing {
		return false
	}
	s.lingering = &lingeringMedia{peer: p, room: in}
	return true
}

// lingeringMedia are those of someone who has moved to another node.
type lingeringMedia struct {
	peer *sfu.Peer // nil: text alone
	room *liveRoom
}

// end frees the media.
func (l *lingeringMedia) end() {
	l.room.do(func() {
		l.room.lingering--
		l.room.rel.peer(l.peer)
	})
}

// takeLingering answers the media that linger, once.
func (s *session) takeLingering() *lingeringMedia {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lingering
	s.lingering = nil
	return l
}
