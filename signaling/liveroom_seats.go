package signaling

import (
	"context"

	"hubbub/room"
	"hubbub/signaling/replica"
)

// entry is a session's wish to be in the room.
type entry struct {
	session *session
	media   *media // nil: no offer was given
	muted   *bool
	reply   func(joinResult)
}

type joinResult struct {
	Room        roomObject        `json:"room"`
	Participant participantObject `json:"participant"`
	Answer      string            `json:"answer,omitempty"`
	Slots       []slotObject      `json:"slots"`
}

// join gives a session its seat: a new one, its own again after a break (then its
// media may go on), or the one that another device of the same user had. The reply
// is queued before anything that happens later in the room.
func (r *liveRoom) join(ctx context.Context, e entry) error {
	return r.request(ctx, func() (*roomRequest, error) {
		s := e.session
		m := r.memberOf(s.user.ID)
		keeps := e.media == nil && m != nil && s.continues(m.session)
		if keeps && m.peer != nil && hasEnded(m.peer) {
			return nil, errConflict("the media of this participant are gone: join with an offer")
		}
		request := room.JoinRequest{User: s.user.ID, Name: s.user.Name, Role: s.grants.Role, RoleFixed: !s.guest}
		if isCallRoom(r.name) {
			request.Role, request.RoleFixed = room.Speaker, true // the two are equals, whatever they are elsewhere
		}
		in := &replica.Entrance{
			Request: request,
			Muted:   e.muted, Resumes: s.continued(), Broken: s.comesFromDeadNode(),
			KeepsMedia: keeps, Media: e.media != nil, Sources: e.media.sources(),
		}
		return &roomRequest{entry: &e, command: replica.Command{Kind: replica.Join, Session: s.id, Entrance: in}}, nil
	})
}

// memberOf is the participant that a user is on this node, nil if none.
func (r *liveRoom) memberOf(user string) *member {
	if r.replica == nil {
		return nil
	}
	p, _ := r.replica.Room().ByUser(user)
	return r.members[p.ID]
}

// deliverJoin seats a session of this node, or clears a seat that has moved to another.
func (r *liveRoom) deliverJoin(o replica.Outcome, q *roomRequest) {
	p := o.Participant
	m := r.members[p.ID]
	if o.Entry.Command.From != r.server.self {
		if m != nil {
			r.moveAway(m)
		}
		r.tell(o.Events, nil)
		r.relays.arrange(r, p.ID)
		return
	}
	if q == nil {
		// Whoever asked has gone in the meantime.
		r.tell(o.Events, nil)
		r.abandon(p.ID, o.Entry.Command.Session)
		return
	}
	s, md := q.entry.session, q.entry.media
	if m == nil {
		m = &member{place: &place{room: r, participant: p.ID}, session: s}
		r.members[p.ID] = m
	} else if m.session != s {
		r.takeSeat(m, s)
	}
	s.settle(m.place)
	if !o.Entry.Command.Entrance.KeepsMedia {
		r.rel.peer(m.peer)
		m.peer, m.slots = nil, nil
	}
	if err := r.attach(m, md, p); err != nil {
		delete(r.members, p.ID)
		s.vacate(m.place)
		r.tell(o.Events, nil)
		r.abandon(p.ID, s.id)
		q.result <- err
		return
	}
	r.tell(o.Events, m)
	r.relays.arrange(r, p.ID)
	q.entry.reply(r.joinResult(m, md))
	m.slots.release(s)
	q.result <- nil
}

// abandon gives up a seat that this node has taken and that nobody here is sitting on.
func (r *liveRoom) abandon(participant, session string) {
	r.later(func() {
		r.post(&roomRequest{command: replica.Command{Kind: replica.Leave, Participant: participant, Session: session}})
	})
}

// takeSeat makes s the session of a member, in place of another.
func (r *liveRoom) takeSeat(m *member, s *session) {
	old := m.session
	old.vacate(m.place)
	old.close(closeReplaced)
	r.rel.sessions = append(r.rel.sessions, old)
	m.session = s
}

// moveAway lets a member go who has taken their seat on another node. One who was asked to go there is served until
// they close this connection.
func (r *liveRoom) moveAway(m *member) {
	old := m.session
	delete(r.members, m.place.participant)
	old.vacate(m.place)
	if old.linger(m.peer, r) {
		r.lingering++
		r.server.endLingering(old)
	} else {
		old.close(closeReplaced)
		r.rel.peer(m.peer)
	}
	r.rel.sessions = append(r.rel.sessions, old)
}

// rejoin answers a join of the room that the session is in already: with a
// snapshot, and with new media if there was an offer.
func (r *liveRoom) rejoin(e entry, at *place) (err error) {
	r.do(func() {
		var m *member
		var p room.Participant
		if m, p, err = r.seated(e.session, at); err != nil {
			return
		}
		if err = r.replaceMedia(m, e.media, p); err == nil {
			e.reply(r.joinResult(m, e.media))
			m.slots.release(e.session)
		}
	})
	return err
}

func (r *liveRoom) joinResult(m *member, md *media) joinResult {
	p, _ := r.replica.Room().Participant(m.place.participant)
	result := joinResult{Room: roomOnWire(r.replica.Room()), Participant: participantOnWire(p), Slots: []slotObject{}}
	if m.peer != nil {
		result.Slots = slotsOnWire(r.slots(m))
	}
	if md != nil {
		result.Answer = md.answer
	}
	return result
}

// seated finds the member that a session still is: another device or a moderator
// may have ended that since the session looked.
func (r *liveRoom) seated(s *session, at *place) (*member, room.Participant, error) {
	if at != nil && r.replica != nil {
		if m := r.members[at.participant]; m != nil && m.place == at && m.session == s {
			if p, ok := r.replica.Room().Participant(at.participant); ok {
				return m, p, nil
			}
			return nil, room.Participant{}, errUnavailable("the room is being put together")
		}
	}
	return nil, room.Participant{}, errConflict("not in a room")
}
