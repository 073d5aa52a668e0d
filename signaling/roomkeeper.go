package signaling

import (
	"context"
	"errors"
	"time"

	"hubbub/cluster"
	"hubbub/cluster/ownership"
	"hubbub/signaling/replica"
)

const (
	locateTimeout = 2 * time.Second
	// seekEvery is how long a room without an owner waits between two attempts to find one.
	seekEvery  = 50 * time.Millisecond
	seekAtMost = time.Second
	// unusedTimeout is how long this node keeps a room that it was given and where nobody comes.
	unusedTimeout = 5 * time.Second
)

// open begins a room on this node.
func (s *Server) open(r *liveRoom) {
	if s.cluster == nil {
		r.replica = s.newReplica(r.name)
		r.own(1)
		return
	}
	s.tasks.Go(func() { s.keep(r) })
}

func (s *Server) newReplica(name string) *replica.Replica {
	return replica.New(name, time.Now(), replica.Config{
		Limit: s.cfg.RoomLimit, Grace: s.cfg.Grace, History: roomHistory, Guests: len(s.keys) == 0,
	})
}

// keep sees to it that a room has an owner, this node or another, for as long as this node has people in it.
func (s *Server) keep(r *liveRoom) {
	seek := seeking{wait: seekEvery}
	for s.ctx.Err() == nil && !r.hasEnded() {
		claim, err := s.seek(r, &seek)
		if err != nil {
			s.pause(r, &seek, err)
			continue
		}
		if claim.By(s.self.Name, s.self.Boot) {
			s.rule(r, claim, &seek)
			continue
		}
		begun := time.Now()
		moved, err := s.follow(r, claim)
		if time.Since(begun) > seekAtMost {
			seek.wait = seekEvery
		}
		switch {
		case err == nil:
			return // ended
		case errors.Is(err, errMoved):
			s.cluster.Directory.Learn(*moved)
			seek.next = moved
		case errors.Is(err, errRefused):
			s.pause(r, &seek, err)
		default:
			s.log.Debug("room's owner lost", "room", r.name, "owner", claim.Owner, "err", err)
			seek.lost = &claim
		}
	}
}

// seeking is what is known of where a room's owner may be.
type seeking struct {
	next *ownership.Claim // told by the last owner
	lost *ownership.Claim // of the last owner, who cannot be reached
	wait time.Duration
}

func (s *Server) seek(r *liveRoom, seek *seeking) (ownership.Claim, error) {
	ctx, cancel := context.WithTimeout(s.ctx, locateTimeout)
	defer cancel()
	if claim := seek.next; claim != nil {
		seek.next = nil
		return *claim, nil
	}
	if lost := seek.lost; lost != nil {
		claim, err := s.cluster.Directory.Succeed(ctx, r.name, *lost)
		if errors.Is(err, cluster.ErrOwnerAlive) {
			seek.lost = nil // tried again
		}
		return claim, err
	}
	return s.cluster.Directory.Locate(ctx, r.name)
}

// pause waits before the next attempt, the longer the more there have been.
func (s *Server) pause(r *liveRoom, seek *seeking, err error) {
	s.log.Debug("room's owner not found", "room", r.name, "err", err)
	timer := time.NewTimer(seek.wait)
	defer timer.Stop()
	seek.wait = min(2*seek.wait, seekAtMost)
	select {
	case <-timer.C:
	case <-r.done:
	case <-s.ctx.Done():
	}
}

// rule makes this node the owner until the room ends or has another one.
func (s *Server) rule(r *liveRoom, claim ownership.Claim, seek *seeking) {
	var lost replica.Node
	if seek.lost != nil {
		lost = replica.Node{Name: seek.lost.Owner, Boot: seek.lost.Boot}
	}
	*seek = seeking{wait: seekEvery}
	var o *reign
	r.do(func() {
		if r.ended {
			return
		}
		if r.replica == nil {
			r.replica = s.newReplica(r.name)
		}
		o = r.own(claim.Epoch)
		o.succeed(lost)
	})
	if o == nil {
		s.cluster.Directory.Release(r.name)
		return
	}
	select {
	case <-r.done:
	case <-o.over:
		seek.next = o.next
	case <-s.ctx.Done():
	}
}

// ClaimChanged is to be told when a room that this node has asked for has another owner, as cluster.DirectoryConfig.OnChange is.
func (s *Server) ClaimChanged(name string, now ownership.Claim, known bool) {
	r := s.registry.room(name)
	switch {
	case !known:
		return // who cannot reach an owner any more finds out by itself
	case r == nil && now.By(s.self.Name, s.self.Boot) && s.ctx.Err() == nil:
		s.tasks.Go(func() { s.releaseUnlessUsed(name) })
		return
	case r == nil:
		return
	}
	r.do(func() {
		switch a := r.authority.(type) {
		case *reign:
			if !now.By(s.self.Name, s.self.Boot) {
				s.log.Info("room owned by another node", "room", name, "owner", now.Owner)
				a.abdicate(&now)
			}
		case *following:
			if now.Owner != a.owner.Name || now.Boot != a.owner.Boot {
				a.redirect = &now
				_ = a.stream.Close() // never fails
			}
		}
	})
}

// releaseUnlessUsed gives a room up that was given to this node for another one, when that one does not come.
func (s *Server) releaseUnlessUsed(name string) {
	timer := time.NewTimer(unusedTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
		return
	}
	if s.registry.room(name) == nil {
		s.cluster.Directory.Release(name)
	}
}

// ownedRoom answers a room that this node owns, made if it was given to this node for others, and its ownership; nil when it is
// another node's. release must be called when it has been used.
func (s *Server) ownedRoom(name string) (r *liveRoom, o *reign, release func()) {
	release = func() {}
	claim, known := s.cluster.Directory.Known(name)
	if !known || !claim.By(s.self.Name, s.self.Boot) {
		return nil, nil, release
	}
	owned, err := s.liveRoom(name)
	if err != nil {
		return nil, nil, release
	}
	owned.do(func() { owned.awaited++ })
	release = func() { owned.do(func() { owned.awaited-- }) }
	deadline := time.NewTimer(attachTimeout)
	defer deadline.Stop()
	for {
		var turned chan struct{}
		owned.do(func() {
			o, _ = owned.authority.(*reign)
			turned = owned.turned
		})
		if o != nil {
			return owned, o, release
		}
		select {
		case <-turned:
		case <-owned.done:
			return nil, nil, release
		case <-deadline.C:
			return nil, nil, release
		case <-s.ctx.Done():
			return nil, nil, release
		}
	}
}
