package signaling

import (
	"sync"
	"sync/atomic"
	"time"
)

// session is one successful connect: a user on one device. It outlives its
// connection by the grace time.
type session struct {
	id     string
	user   userObject
	grants Grants
	// guest says that nobody vouched for the user; the role comes from who else is in
	// the room then, not from grants alone.
	guest bool
	// conn is nil once the connection has ended.
	conn atomic.Pointer[conn]
	// hearsCalls says that the client has been told of its calls, and is to hear what becomes of them.
	hearsCalls atomic.Bool
	// whispers hands this connection what waits for its user.
	whispers whisperPump

	mu    sync.Mutex
	place *place // nil outside of a room
	// previous is the session of this node that this one continues, by its resume string, until
	// this one has joined a room; nil if it began afresh or on another node.
	previous *session
	// foreign are the sessions of other nodes that it may continue, the newest first; dead says that
	// the node of that one is gone.
	foreign   []string
	dead      bool
	departing bool            // it was asked to connect elsewhere
	lingering *lingeringMedia // media of a departing one that has arrived there
	void      bool            // its resume string is worth nothing any more
	broken    time.Time       // when its connection ended; zero while it is there
}

// place is a session's seat in a room. It is compared by identity: a session
// that left and joined again has another.
type place struct {
	room        *liveRoom
	participant string
}

// notify sends a frame, or drops it when the connection is gone: whoever comes
// back gets a snapshot.
func (s *session) notify(frame []byte) {
	if c := s.conn.Load(); c != nil {
		c.send(frame)
	}
}

// close ends the session's connection, if it has one.
func (s *session) close(status closeStatus) {
	if c := s.conn.Load(); c != nil {
		c.close(status)
	}
}

// whereabouts is the session's seat, nil outside of a room.
func (s *session) whereabouts() *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.place
}

func (s *session) settle(p *place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place = p
}

// vacate takes the seat away if it still is this one.
func (s *session) vacate(p *place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place == p {
		s.place = nil
	}
}

// invalidate makes the resume string void.
func (s *session) invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.void = true
}

func (s *session) isVoid() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.void
}

// origin is the session that a new one continues when it resumes this one: this
// one, or, when this one has not yet taken the seat of the one that it
// continues itself, that one.
func (s *session) origin() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place == nil && s.previous != nil {
		return s.previous
	}
	return s
}

// continues tells whether this session resumed the other, which is one of this node.
func (s *session) continues(other *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.previous == other
}

// maxContinued bounds the chain of sessions of which each was begun to continue the one before, and broke before it had taken its seat.
const maxContinued = 8

// continued are the ids of the sessions whose seat this one may take over, the newest first.
func (s *session) continued() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	if s.previous != nil {
		ids = append(ids, s.previous.id)
	}
	ids = append(ids, s.foreign...)
	return ids[:min(len(ids), maxContinued)]
}

// unsettled are the sessions of other nodes that this one was to continue and has not, as it never came into a room.
func (s *session) unsettled() (foreign []string, dead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.foreign, s.dead
}

// comesFromDeadNode tells whether the session that this one continues broke with its node.
func (s *session) comesFromDeadNode() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// takeOrigin answers the session that this one continues, once: one of this node, or the ids of those of others.
func (s *session) takeOrigin() (origin *session, elsewhere []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	origin, elsewhere = s.previous, s.foreign
	s.previous, s.foreign, s.dead = nil, nil, false
	return origin, elsewhere
}

// brokenAt is when the connection ended.
func (s *session) brokenAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// breakOff notes that the connection has ended, and answers the seat that the
// session had and whether it may still be resumed.
func (s *session) breakOff(now time.Time) (at *place, resumable bool) {
	s.conn.Store(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = now
	return s.place, !s.void
}
