package signaling

import (
	"context"
	"errors"
	"strings"
	"time"

	"hubbub/cluster"
)

// callRoomPrefix begins the names of the rooms of calls, which nobody enters but the two.
const callRoomPrefix = "call:"

func callRoom(id string) string { return callRoomPrefix + id }

func isCallRoom(name string) bool { return strings.HasPrefix(name, callRoomPrefix) }

// publicRoom is the name of a room that may be told to others, "" for that of a call.
func publicRoom(name string) string {
	if isCallRoom(name) {
		return ""
	}
	return name
}

// beginCall makes a call where both can be reached by: in the store that all nodes share, or else in this node's memory, where the
// callee is here too.
func (s *Server) beginCall(ctx context.Context, callee reached, c cluster.Call) (cluster.Call, error) {
	err := cluster.ErrUnavailable
	if s.calls.shared != nil {
		err = s.calls.shared.Create(ctx, c)
	}
	if errors.Is(err, cluster.ErrUnavailable) && callee.here {
		switch {
		case s.calls.isBusy(c.To):
			return c, cluster.ErrBusy
		case s.calls.isBusy(c.From):
			return c, cluster.ErrInCall
		}
		err = s.calls.own.Create(ctx, c)
	}
	return c, err
}

// findCall answers a call from its store, or from what this node knows of it when that is away.
func (s *Server) findCall(ctx context.Context, id string) (cluster.Call, error) {
	c, err := s.calls.store(id).Get(ctx, id)
	if !errors.Is(err, cluster.ErrUnavailable) {
		if known, ok := s.calls.find(id); ok && err == nil && progress(known.State) > progress(c.State) {
			return known, nil // the store has not been told yet
		}
		return c, err
	}
	if known, ok := s.calls.find(id); ok {
		return known, nil
	}
	return cluster.Call{}, err
}

// moveCall moves a call to another state, and tells both. When it has moved on already, only the people of this node are told, if they
// did not know.
func (s *Server) moveCall(ctx context.Context, c cluster.Call, to cluster.CallState) (now cluster.Call, changed bool, err error) {
	now, changed, err = s.calls.store(c.ID).Transition(ctx, c, to)
	switch {
	case err != nil:
	case changed:
		s.metrics.calls.WithLabelValues(string(to)).Inc()
		s.announceCall(now)
	default:
		s.deliverCall(now)
	}
	return now, changed, err
}

// endUnheard ends a call although the store is away, which is told later. It does nothing with a call that this node does not know.
func (s *Server) endUnheard(c cluster.Call, to cluster.CallState) (cluster.Call, bool) {
	known, ok := s.calls.find(c.ID)
	if !ok || known.State != c.State {
		return known, false
	}
	c.State = to
	s.announceCall(c)
	s.calls.owe(c.ID, time.Now())
	return c, true
}

// announceCall tells both, wherever they are, of a call's state. It does not wait for other nodes.
func (s *Server) announceCall(c cluster.Call) {
	s.deliverCall(c)
	if s.cluster != nil && !s.calls.isOwn(c.ID) {
		s.tasks.Go(func() { s.tellNodes(c) })
	}
}

// deliverCall tells the devices that the two have here of a call's state, unless they know it.
func (s *Server) deliverCall(c cluster.Call) {
	if !s.registry.expects(c.From) && !s.registry.expects(c.To) {
		return
	}
	s.calls.mu.Lock()
	news := s.calls.note(c, time.Now())
	for _, step := range news {
		s.notifyOfCall(step)
	}
	s.calls.mu.Unlock()
	if len(news) > 0 && c.State.Finished() {
		s.tasks.Go(func() { s.clearRoom(c.Room) })
	}
}

// notifyOfCall tells the devices that the two have here. The lock of the calls is held, which keeps the order.
func (s *Server) notifyOfCall(c cluster.Call) {
	frame := encodeNotification("call", callResult{callOnWire(c)})
	for _, user := range []string{c.From, c.To} {
		for _, device := range s.registry.devices(user) {
			if device.hearsCalls.Load() {
				device.notify(frame)
			}
		}
	}
}

// clearRoom has everyone of this node leave the room of a call that is over.
func (s *Server) clearRoom(name string) {
	r := s.registry.room(name)
	if r == nil {
		return
	}
	for _, who := range r.occupants() {
		s.clearSeat(r, who)
	}
}

func (s *Server) clearSeat(r *liveRoom, who *session) {
	if at := who.whereabouts(); at != nil && at.room == r {
		r.leave(s.ctx, who, at)
		if who.conn.Load() != nil {
			s.present(s.ctx, who, "")
		}
	}
}

// occupants are the sessions of this node that have a seat in the room.
func (r *liveRoom) occupants() []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	sessions := make([]*session, 0, len(r.members))
	for _, m := range r.members {
		sessions = append(sessions, m.session)
	}
	return sessions
}

// openCalls begins to tell a session of its user's calls. reply gets those that go on, and comes before all that is told.
func (s *Server) openCalls(ctx context.Context, who *session, reply func([]cluster.Call)) {
	found, err := s.calls.read(ctx, who.user.ID)
	if err != nil && !errors.Is(err, context.Canceled) {
		s.log.Warn("calls not read", "err", err)
	}
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	now := time.Now()
	for _, c := range found {
		s.calls.note(c, now)
	}
	reply(s.calls.ofUser(who.user.ID, now))
	who.hearsCalls.Store(true)
}

// admitToCall tells whether a session's user may be in the room of a call.
func (s *Server) admitToCall(ctx context.Context, who *session, name string) error {
	c, err := s.findCall(ctx, strings.TrimPrefix(name, callRoomPrefix))
	switch {
	case errors.Is(err, cluster.ErrUnavailable):
		return errUnavailable("it cannot be found out just now whose call this is")
	case err != nil && !errors.Is(err, cluster.ErrNoCall):
		return err
	case err != nil, !c.Involves(who.user.ID), c.State.Finished():
		return errNotFound("no such call")
	}
	return nil
}

// seatedInCall takes a session out of the room of a call that has finished while it came in.
func (s *Server) seatedInCall(who *session, name string) {
	c, known := s.calls.find(strings.TrimPrefix(name, callRoomPrefix))
	if at := who.whereabouts(); known && c.State.Finished() && at != nil && at.room.name == name {
		s.clearSeat(at.room, who)
	}
}

// abandonCalls cancels the calls that a user has begun and nobody has answered, when the user is gone.
func (s *Server) abandonCalls(user string) {
	ringing := s.calls.ringingFrom(user)
	if len(ringing) == 0 || s.registry.expects(user) {
		return
	}
	s.tasks.Go(func() {
		if s.isExpected(s.ctx, user) {
			return
		}
		for _, c := range ringing {
			s.cancelCall(c)
		}
	})
}

func (s *Server) cancelCall(c cluster.Call) {
	if _, _, err := s.moveCall(s.ctx, c, cluster.CallCancelled); err != nil {
		s.log.Debug("call not cancelled", "err", err) // then it will be missed
	}
}

// quitCall ends the call of a room that one of the two has just left, whether by leaving or because their grace time was over, if that one
// is connected nowhere. Who leaves the room and stays connected may come back to it.
func (s *Server) quitCall(name, user string) {
	s.tasks.Go(func() {
		c, err := s.findCall(s.ctx, strings.TrimPrefix(name, callRoomPrefix))
		if err != nil || c.State != cluster.CallAccepted {
			return
		}
		if _, offline := s.reach(s.ctx, user); offline == nil {
			return
		}
		_, _, err = s.moveCall(s.ctx, c, cluster.CallEnded)
		if errors.Is(err, cluster.ErrUnavailable) {
			s.endUnheard(c, cluster.CallEnded)
		} else if err != nil {
			s.log.Warn("call not ended", "err", err)
		}
	})
}

// tendCalls does for the calls of this node's people what time brings about: one that nobody answers is missed, one that was accepted is
// kept, and a store that was away is told what it does not know. Every node that has people of a call does so, and one of them is the
// first: so a call does not depend on the node where it began.
func (s *Server) tendCalls() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.calls.changed:
		case <-timer.C:
		}
		due, next := s.calls.takeDue(time.Now())
		for _, known := range due {
			s.tendCall(known)
		}
		timer.Reset(time.Until(next))
	}
}

func (s *Server) tendCall(known knownCall) {
	c := known.call
	switch {
	case known.owed:
		s.payOwed(c)
	case c.State.Finished(), !s.registry.expects(c.From) && !s.registry.expects(c.To):
		s.calls.drop(c.ID)
	case c.State == cluster.CallAccepted:
		s.keepCall(c)
	case time.Now().Before(known.ringsUntil):
		s.watchCaller(c)
	default:
		s.missCall(c)
	}
}

// watchCaller cancels a call that rings when its caller has been gone for the grace time. Their own node does so too, unless that is what is gone.
func (s *Server) watchCaller(c cluster.Call) {
	s.tasks.Go(func() {
		if s.calls.noteCaller(c.ID, s.isExpected(s.ctx, c.From), time.Now()) >= s.cfg.Grace {
			s.cancelCall(c)
		}
	})
}

// missCall ends a call that has rung for as long as it may.
func (s *Server) missCall(c cluster.Call) {
	now, _, err := s.moveCall(s.ctx, c, cluster.CallMissed)
	switch {
	case errors.Is(err, cluster.ErrUnavailable):
		s.endUnheard(c, cluster.CallMissed)
	case errors.Is(err, cluster.ErrNoCall):
		c.State = cluster.CallMissed
		s.deliverCall(c) // nobody else can say so any more
	case err != nil:
		s.log.Warn("call not missed", "err", err)
	case now.State == cluster.CallRinging:
		s.log.Warn("call rings on")
	}
}

// keepCall keeps an accepted call as long as one of the two is connected here. What nobody keeps is over when the grace time is.
func (s *Server) keepCall(c cluster.Call) {
	if len(s.registry.devices(c.From))+len(s.registry.devices(c.To)) == 0 {
		return
	}
	now, err := s.calls.keepIn(s.ctx, c)
	if err != nil {
		if !errors.Is(err, cluster.ErrUnavailable) && !errors.Is(err, context.Canceled) {
			s.log.Warn("call not kept", "err", err)
		}
		return
	}
	s.deliverCall(now) // news only if this node was not told of its end
}

// payOwed tells the store of the end of a call.
func (s *Server) payOwed(ended cluster.Call) {
	store := s.calls.store(ended.ID)
	c, err := store.Get(s.ctx, ended.ID)
	if err == nil && !c.State.Finished() {
		_, _, err = store.Transition(s.ctx, c, ended.State)
	}
	if err == nil || errors.Is(err, cluster.ErrNoCall) {
		s.calls.settle(ended.ID, time.Now())
	}
}
