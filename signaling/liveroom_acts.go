package signaling

import (
	"context"
	"time"

	"hubbub/room"
	"hubbub/signaling/replica"
)

// act has one command of a participant done. then replies, before anyone is told of what happens later.
func (r *liveRoom) act(ctx context.Context, s *session, at *place, c replica.Command, then func(replica.Outcome)) error {
	return r.request(ctx, func() (*roomRequest, error) {
		if _, _, err := r.seated(s, at); err != nil {
			return nil, err
		}
		c.Session, c.Participant = s.id, at.participant
		return &roomRequest{command: c, then: then}, nil
	})
}

// chat says something in the room. When it was said before, by the same nonce, the
// reply is what it was then.
func (r *liveRoom) chat(ctx context.Context, s *session, at *place, text, nonce string, reply func(room.Message)) error {
	if nonce == "" {
		// The command may have to be repeated, to another owner. No nonce of a client begins so.
		nonce = "\x00" + newID()
	}
	return r.act(ctx, s, at, replica.Command{Kind: replica.Chat, Text: text, Nonce: nonce}, func(o replica.Outcome) {
		if o.Repeated != nil {
			reply(*o.Repeated)
			return
		}
		reply(o.Messages[0])
	})
}

func (r *liveRoom) history(s *session, at *place, before, after, limit int) ([]room.Message, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, _, err := r.seated(s, at); err != nil {
		return nil, err
	}
	return r.replica.Room().History(before, after, limit), nil
}

// disconnect notes that a session's connection has broken. It does not wait.
func (r *liveRoom) disconnect(s *session, at *place) {
	r.postFor(s, at, replica.Disconnect)
}

// leaveTimeout bounds the waiting for the owner by who wants to go: go they may.
const leaveTimeout = 2 * time.Second

// leave takes a session's participant out of the room at its own wish. When it returns the session is told nothing of the room any more.
func (r *liveRoom) leave(ctx context.Context, s *session, at *place) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	_ = r.request(ctx, func() (*roomRequest, error) { // whatever comes of it
		m, _, err := r.seated(s, at)
		if err != nil {
			return nil, err
		}
		m.silence()
		return leaving(s, at), nil
	})
	r.do(func() {
		if m, _, err := r.seated(s, at); err == nil {
			r.remove(m)
			r.abandon(at.participant, s.id)
		}
	})
}

// vanish is leave for a session that has no connection any more. It does not wait for an owner elsewhere.
func (r *liveRoom) vanish(s *session, at *place) {
	r.do(func() {
		m, _, err := r.seated(s, at)
		if err != nil {
			return
		}
		r.post(leaving(s, at))
		if r.members[at.participant] == m {
			r.remove(m)
		}
	})
}

func leaving(s *session, at *place) *roomRequest {
	return &roomRequest{command: replica.Command{Kind: replica.Leave, Participant: at.participant, Session: s.id}}
}

func (r *liveRoom) postFor(s *session, at *place, kind replica.Kind) {
	r.do(func() {
		if _, _, err := r.seated(s, at); err == nil {
			r.post(&roomRequest{command: replica.Command{Kind: kind, Participant: at.participant, Session: s.id}})
		}
	})
}

// expire takes out everyone whose grace time is over.
func (r *liveRoom) expire() {
	r.do(func() {
		if !r.ended && r.replica != nil {
			r.post(&roomRequest{command: replica.Command{Kind: replica.Expire}})
		}
	})
}
