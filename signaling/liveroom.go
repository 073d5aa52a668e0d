package signaling

import (
	"errors"
	"sync"
	"time"

	"hubbub/room"
	"hubbub/sfu"
)

// errRoomEnded says that the last one left between finding a room and locking
// it; the caller looks again and makes a new one.
var errRoomEnded = errors.New("the room has ended")

// liveRoom joins what belongs to one room on this node: the model that decides,
// the router that carries its media, and the sessions that are told. Everything
// that happens to a room happens under its lock, so that everyone is told the
// same things in the same order. Safe for concurrent use.
type liveRoom struct {
	name   string
	drop   func(*liveRoom) // takes the room out of the registry when it has ended
	router *sfu.Router

	mu      sync.Mutex
	model   *room.Room
	members map[string]*member // by participant id
	ended   bool
}

// member is a participant of the room on this node.
type member struct {
	place   *place
	session *session  // the one that has the seat now
	peer    *sfu.Peer // nil: text alone
	slots   *slotFeed // of peer
}

// released is what a change of a room has made superfluous, for
// [Server.discard] when the room's lock is no longer held.
type released struct {
	peers    []*sfu.Peer
	router   *sfu.Router
	sessions []*session
}

func (rel *released) peer(p *sfu.Peer) {
	if p != nil {
		rel.peers = append(rel.peers, p)
	}
}

// media is a negotiated PeerConnection that is about to be attached, with what
// the client is to be told of it.
type media struct {
	peer   *sfu.Peer
	answer string
}

// entry is a session's wish to be in the room.
type entry struct {
	session *session
	media   *media // nil: no offer was given
	muted   *bool
}

type joinResult struct {
	Room        roomObject        `json:"room"`
	Participant participantObject `json:"participant"`
	Answer      string            `json:"answer,omitempty"`
	Slots       []slotObject      `json:"slots"`
}

// join gives a session its seat: a new one, its own again after a break (then its
// media may go on), or the one that another device of the same user had. reply
// queues the answer before anything that happens later in the room.
func (r *liveRoom) join(now time.Time, e entry, reply func(joinResult)) (released, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rel released
	if r.ended {
		return rel, errRoomEnded
	}
	s := e.session
	before, _ := r.model.ByUser(s.user.ID)
	m := r.members[before.ID]
	resuming := m != nil && s.continues(m.session)
	keepsMedia := resuming && e.media == nil
	if keepsMedia && m.peer != nil && hasEnded(m.peer) {
		return rel, errConflict("the media of this participant are gone: join with an offer")
	}

	p, events, err := r.seat(now, e, resuming, before.ID)
	if err != nil {
		r.endIfEmpty(&rel)
		return rel, err
	}
	if m == nil {
		m = &member{place: &place{room: r, participant: p.ID}, session: s}
		r.members[p.ID] = m
	} else {
		r.takeSeat(m, s, &rel)
	}
	s.settle(m.place)
	if !keepsMedia {
		rel.peer(m.peer)
		m.peer, m.slots = nil, nil
	}
	if err := r.attach(m, e.media, p); err != nil {
		left, _ := r.model.Leave(now, p.ID)
		r.tell(append(events, left...), m)
		r.remove(m, &rel)
		return rel, err
	}
	r.tell(events, m)
	reply(r.joinResult(m, e.media))
	m.slots.release(s)
	return rel, nil
}

// seat lets the model decide.
func (r *liveRoom) seat(now time.Time, e entry, resuming bool, id string) (room.Participant, []room.Event, error) {
	s := e.session
	if !resuming {
		return r.model.Join(now, room.JoinRequest{
			User: s.user.ID, Name: s.user.Name, Role: s.grants.Role,
			RoleFixed: !s.guest, Muted: e.muted != nil && *e.muted,
		})
	}
	p, events, err := r.model.Reconnect(now, id)
	if err != nil || e.muted == nil {
		return p, events, err
	}
	p, more, err := r.model.Update(now, id, room.Change{Muted: e.muted})
	return p, append(events, more...), err
}

// takeSeat makes s the session of a member, in place of another.
func (r *liveRoom) takeSeat(m *member, s *session, rel *released) {
	old := m.session
	old.vacate(m.place)
	old.close(closeReplaced)
	rel.sessions = append(rel.sessions, old)
	m.session = s
}

// rejoin answers a join of the room that the session is in already: with a
// snapshot, and with new media if there was an offer.
func (r *liveRoom) rejoin(e entry, at *place, reply func(joinResult)) (released, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rel released
	m, p, err := r.seated(e.session, at)
	if err != nil {
		return rel, err
	}
	if err := r.replaceMedia(m, e.media, p, &rel); err != nil {
		return rel, err
	}
	reply(r.joinResult(m, e.media))
	m.slots.release(e.session)
	return rel, nil
}

// renew gives a participant media, or other media than it had.
func (r *liveRoom) renew(s *session, at *place, md *media, reply func([]sfu.Slot)) (released, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rel released
	m, p, err := r.seated(s, at)
	if err != nil {
		return rel, err
	}
	if err := r.replaceMedia(m, md, p, &rel); err != nil {
		return rel, err
	}
	reply(m.peer.Slots())
	m.slots.release(s)
	return rel, nil
}

func (r *liveRoom) replaceMedia(m *member, md *media, p room.Participant, rel *released) error {
	if md == nil {
		return nil
	}
	rel.peer(m.peer)
	m.peer, m.slots = nil, nil
	return r.attach(m, md, p)
}

// attach lets the media of a member flow.
func (r *liveRoom) attach(m *member, md *media, p room.Participant) error {
	if md == nil {
		// Media that go on tell the new session of their slots.
		m.slots.hold()
		if m.peer != nil {
			m.peer.SetPublishing(p.MayPublish())
		}
		return nil
	}
	feed := &slotFeed{held: true}
	err := r.router.Attach(md.peer, sfu.Attachment{
		Participant: p.ID, CSRC: p.CSRC, Publishing: p.MayPublish(), OnSlots: feed.changed,
	})
	if err != nil {
		return err
	}
	m.peer, m.slots = md.peer, feed
	return nil
}

func (r *liveRoom) joinResult(m *member, md *media) joinResult {
	p, _ := r.model.Participant(m.place.participant)
	result := joinResult{Room: roomOnWire(r.model), Participant: participantOnWire(p), Slots: []slotObject{}}
	if m.peer != nil {
		result.Slots = slotsOnWire(m.peer.Slots())
	}
	if md != nil {
		result.Answer = md.answer
	}
	return result
}

// peer is the media of a session's participant, nil if it has none.
func (r *liveRoom) peer(s *session, at *place) (*sfu.Peer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, _, err := r.seated(s, at)
	if err != nil || m.peer == nil || hasEnded(m.peer) {
		return nil, err
	}
	return m.peer, nil
}

func hasEnded(p *sfu.Peer) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// act runs one command of a participant on the model, tells everyone what came
// of it, and replies before anyone else can act.
func (r *liveRoom) act(s *session, at *place, command func(*room.Room) ([]room.Event, error), reply func()) (released, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rel released
	if _, _, err := r.seated(s, at); err != nil {
		return rel, err
	}
	events, err := command(r.model)
	if err != nil {
		return rel, err
	}
	r.tell(events, nil)
	r.apply(events, &rel)
	reply()
	return rel, nil
}

// chat says something in the room: to everyone but the connection it came from.
func (r *liveRoom) chat(now time.Time, s *session, at *place, text, nonce string, reply func(room.Message)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, _, err := r.seated(s, at); err != nil {
		return err
	}
	message, repeated, err := r.model.Chat(now, at.participant, text, nonce)
	if err != nil {
		return err
	}
	reply(message)
	if repeated {
		return nil
	}
	frame := encodeNotification("chat", messageOnWire(message))
	for _, other := range r.members {
		if other.session != s {
			other.session.notify(frame)
		}
	}
	return nil
}

func (r *liveRoom) history(s *session, at *place, before, after, limit int) ([]room.Message, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, _, err := r.seated(s, at); err != nil {
		return nil, err
	}
	return r.model.History(before, after, limit), nil
}

func (r *liveRoom) participants() []room.Participant {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.model.Participants()
}

// has tells whether a user is in the room.
func (r *liveRoom) has(user string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.model.ByUser(user)
	return ok
}

// admissible spares the costly negotiation of media for someone who may not
// come in.
func (r *liveRoom) admissible(user string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.model.Admissible(user)
}

// disconnect notes that a session's connection has broken.
func (r *liveRoom) disconnect(now time.Time, s *session, at *place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, _, err := r.seated(s, at); err != nil {
		return
	}
	events, _ := r.model.Disconnect(now, at.participant)
	r.tell(events, nil)
}

// leave takes a session's participant out of the room at its own wish.
func (r *liveRoom) leave(now time.Time, s *session, at *place) released {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rel released
	if _, _, err := r.seated(s, at); err != nil {
		return rel
	}
	events, _ := r.model.Leave(now, at.participant)
	r.tell(events, nil)
	r.apply(events, &rel)
	return rel
}

// expire takes out everyone whose grace time is over.
func (r *liveRoom) expire(now time.Time) released {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rel released
	events := r.model.Expire(now)
	r.tell(events, nil)
	r.apply(events, &rel)
	return rel
}

// seated finds the member that a session still is: another device or a moderator
// may have ended that since the session looked.
func (r *liveRoom) seated(s *session, at *place) (*member, room.Participant, error) {
	if at != nil {
		if m := r.members[at.participant]; m != nil && m.place == at && m.session == s {
			p, _ := r.model.Participant(at.participant)
			return m, p, nil
		}
	}
	return nil, room.Participant{}, errConflict("not in a room")
}

// tell notifies everyone of events, except one member who learns it otherwise.
func (r *liveRoom) tell(events []room.Event, except *member) {
	for _, e := range events {
		// Nobody hears who they have been told is gone; closing the media comes later and takes longer.
		if gone := r.members[e.Participant.ID]; e.Kind == room.Left && gone != nil && gone.peer != nil {
			gone.peer.SetPublishing(false)
		}
		frame := eventOnWire(e)
		for _, m := range r.members {
			if m != except {
				m.session.notify(frame)
			}
		}
	}
}

// apply carries out what events mean for media and sessions.
func (r *liveRoom) apply(events []room.Event, rel *released) {
	for _, e := range events {
		m := r.members[e.Participant.ID]
		switch {
		case m == nil:
		case e.Kind == room.Left:
			if e.Reason == room.Removed || e.Reason == room.Banned {
				m.session.close(closeRemoved)
			}
			if e.Reason != room.Departed {
				rel.sessions = append(rel.sessions, m.session)
			}
			r.remove(m, rel)
		case m.peer != nil:
			m.peer.SetPublishing(e.Participant.MayPublish())
		}
	}
}

// remove takes a member out that the model no longer has.
func (r *liveRoom) remove(m *member, rel *released) {
	delete(r.members, m.place.participant)
	m.session.vacate(m.place)
	rel.peer(m.peer)
	r.endIfEmpty(rel)
}

// endIfEmpty ends the room when nobody is in it.
func (r *liveRoom) endIfEmpty(rel *released) {
	if r.model.Len() == 0 && !r.ended {
		r.ended = true
		r.drop(r)
		rel.router = r.router
	}
}

// size is the number of participants.
func (r *liveRoom) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.model.Len()
}
