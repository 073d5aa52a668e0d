package signaling

import (
	"context"
	"errors"
	"sync"
	"time"

	"hubbub/cluster/link"
	"hubbub/room"
	"hubbub/sfu"
	"hubbub/signaling/replica"
)

// errRoomEnded says that the last one left between finding a room and locking
// it; the caller looks again and makes a new one.
var errRoomEnded = errors.New("the room has ended")

// requestTimeout bounds the waiting for a room's owner: longer than it takes to
// find another one when that dies.
const requestTimeout = 10 * time.Second

// authority is where a room's commands go: to this node's [reign] of it, or
// over a link to the owner's.
type authority interface {
	// submit takes a command, or drops it: one that is not answered is submitted again to the
	// next authority. The room's lock is held.
	submit(c replica.Command)
	// owns tells whether this node is the owner.
	owns() bool
}

// liveRoom joins what belongs to one room on this node: a replica of the room,
// the router that carries its media, and the sessions that are told. What this
// node's people want goes to the authority as a command; what becomes of it
// comes back to deliver, in the room's one order, on every node that has people in the room. Safe for
// concurrent use.
type liveRoom struct {
	name   string
	server *Server
	router *sfu.Router

	mu sync.Mutex
	// replica is the room as this node's people have been told of it; nil until the
	// owner has been found.
	replica   *replica.Replica
	members   map[string]*member // this node's, by participant id
	authority authority          // nil while there is none
	turned    chan struct{}      // closed when there is another authority
	awaited   int                // other nodes that are on their way here
	relays    relays
	retiring  map[*roomRelay]struct{}
	lingering int // members who have moved to another node and are served here still
	// requests are this node's commands that have not been answered, by number.
	requests map[uint64]*roomRequest
	numbers  uint64
	stream   *link.Stream // to the owner, nil before the first and where there is none
	deferred []func()     // to be done before the lock is given back
	rel      released
	ended    bool
	done     chan struct{} // closed when ended
}

// member is a participant of the room on this node.
type member struct {
	place   *place
	session *session  // the one that has the seat now
	peer    *sfu.Peer // nil: text alone
	slots   *slotFeed // of peer
}

// roomRequest is a command under way.
type roomRequest struct {
	command replica.Command
	entry   *entry                // of a join
	then    func(replica.Outcome) // replies, in the room's order; may be nil
	result  chan error            // of capacity 1
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

func (s *Server) newLiveRoom(name string) *liveRoom {
	return &liveRoom{
		name: name, server: s, router: s.cfg.SFU.NewRouter(),
		members: make(map[string]*member), requests: make(map[uint64]*roomRequest),
		retiring: make(map[*roomRelay]struct{}), turned: make(chan struct{}), done: make(chan struct{}),
	}
}

// setAuthority says where commands go from now on.
func (r *liveRoom) setAuthority(a authority) {
	r.authority = a
	close(r.turned)
	r.turned = make(chan struct{})
}

// do runs f with the room to itself, and then frees what came loose.
func (r *liveRoom) do(f func()) {
	r.mu.Lock()
	f()
	for len(r.deferred) > 0 {
		next := r.deferred[0]
		r.deferred = r.deferred[1:]
		next()
	}
	r.endIfUnused()
	rel := r.rel
	r.rel = released{}
	r.mu.Unlock()
	r.server.discard(rel)
}

// later runs f when what is happening now has been told to everyone.
func (r *liveRoom) later(f func()) { r.deferred = append(r.deferred, f) }

// request has the owner do what prepare comes to, and waits until it has been
// done and told, then included. prepare and then are run with the room's lock held.
func (r *liveRoom) request(ctx context.Context, prepare func() (*roomRequest, error)) error {
	var q *roomRequest
	err := errRoomEnded
	r.do(func() {
		if r.ended {
			return
		}
		if q, err = prepare(); err == nil {
			r.post(q)
		}
	})
	if err != nil {
		return err
	}
	select {
	case err := <-q.result: // what needs no other node is done already
		return err
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	select {
	case err := <-q.result:
		return err
	case <-ctx.Done():
	}
	r.do(func() { delete(r.requests, q.command.Request) })
	select {
	case err := <-q.result:
		return err
	default:
		return errUnavailable("the room's node does not answer")
	}
}

// post sends a request on its way. The room's lock is held.
func (r *liveRoom) post(q *roomRequest) {
	r.numbers++
	q.command.Request, q.command.From = r.numbers, r.server.self
	q.result = make(chan error, 1)
	r.requests[r.numbers] = q
	if r.authority != nil {
		r.authority.submit(q.command)
	}
}

// take answers the request of a command that has come back, nil if it was
// another node's or nobody waits for it any more.
func (r *liveRoom) take(c *replica.Command) *roomRequest {
	if c.From != r.server.self {
		return nil
	}
	q := r.requests[c.Request]
	delete(r.requests, c.Request)
	return q
}

// reject answers a request that the owner has refused.
func (r *liveRoom) reject(request uint64, err error) {
	if q := r.requests[request]; q != nil {
		delete(r.requests, request)
		q.result <- err
	}
}

// deliver makes what happened in the room true on this node. The replica has it
// already.
func (r *liveRoom) deliver(o replica.Outcome) {
	c := &o.Entry.Command
	q := r.take(c)
	if c.Kind == replica.Join {
		r.deliverJoin(o, q)
		return
	}
	r.tell(o.Events, nil)
	r.apply(o)
	r.say(o.Messages, c.Session)
	if q != nil {
		if q.then != nil {
			q.then(o)
		}
		q.result <- nil
	}
}

// tell notifies everyone of events, except one member who learns it otherwise.
func (r *liveRoom) tell(events []room.Event, except *member) {
	for _, e := range events {
		// Nobody hears or sees who they have been told is gone; closing the media comes later and takes longer.
		if gone := r.members[e.Participant.ID]; e.Kind == room.Left && gone != nil {
			gone.silence()
		}
		r.notify(eventOnWire(e), except)
	}
}

func (r *liveRoom) notify(frame []byte, except *member) {
	for _, m := range r.members {
		if m != except {
			m.session.notify(frame)
		}
	}
}

// say takes messages to everyone but the connection that they came from.
func (r *liveRoom) say(messages []room.Message, from string) {
	for _, message := range messages {
		frame := encodeNotification("chat", messageOnWire(message))
		for _, m := range r.members {
			if m.session.id != from {
				m.session.notify(frame)
			}
		}
	}
}

// apply carries out what an outcome means for media and sessions.
func (r *liveRoom) apply(o replica.Outcome) {
	for _, e := range o.Events {
		m := r.members[e.Participant.ID]
		if e.Kind == room.Left && isCallRoom(r.name) {
			r.server.quitCall(r.name, e.Participant.User)
		}
		switch {
		case m == nil:
		case e.Kind == room.Left:
			if e.Reason == room.Removed || e.Reason == room.Banned {
				m.session.close(closeRemoved)
			}
			if e.Reason != room.Departed {
				r.rel.sessions = append(r.rel.sessions, m.session)
			}
			r.remove(m)
		default:
			m.permit(e.Participant)
		}
		r.relays.arrange(r, e.Participant.ID)
	}
	switch o.Entry.Command.Kind {
	case replica.Publish:
		r.relays.arrange(r, o.Entry.Command.Participant)
	case replica.Adopt:
		r.deliverAdoption(o)
	default:
	}
}

// deliverAdoption arranges the media of those who came from another copy of the room, and sends away those of them who are here
// from elsewhere.
func (r *liveRoom) deliverAdoption(o replica.Outcome) {
	for id, seat := range o.Vacated {
		if m := r.members[id]; m != nil && m.session.id == seat.Session && seat.Node == r.server.self {
			m.session.close(closeReplaced)
			r.rel.sessions = append(r.rel.sessions, m.session)
			r.remove(m)
		}
	}
	for _, remaining := range o.Entry.Command.Remnant.Members {
		r.relays.arrange(r, remaining.Member.Participant.ID)
	}
	if len(o.Events) == 0 {
		// The version has grown all the same, for everyone: who is not told would be behind until the next event.
		r.resynchronise()
	}
}

// remove takes out a member who is not in the room any more, or not on this
// node.
func (r *liveRoom) remove(m *member) {
	delete(r.members, m.place.participant)
	m.session.vacate(m.place)
	r.rel.peer(m.peer)
}

// endIfUnused ends the room on this node when nobody here is in it or on the way
// in, and no other node needs it here.
func (r *liveRoom) endIfUnused() {
	if r.ended || len(r.members) > 0 || len(r.requests) > 0 || r.awaited > 0 || r.lingering > 0 || len(r.retiring) > 0 {
		return
	}
	if o, owns := r.authority.(*reign); owns && !o.superfluous() {
		return
	}
	r.end()
}

func (r *liveRoom) end() {
	r.ended = true
	close(r.done)
	switch a := r.authority.(type) {
	case *reign:
		a.end()
		if r.server.cluster != nil {
			// Before a new room of the name can begin here, which is to get a claim of its own.
			r.server.cluster.Directory.Release(r.name)
		}
	default:
		if r.server.cluster != nil {
			r.server.cluster.Directory.Forget(r.name)
		}
	}
	if r.stream != nil {
		_ = r.stream.Close() // never fails
	}
	r.dropRelays()
	r.server.registry.dropRoom(r)
	r.rel.router = r.router
}

// size is the number of participants on all nodes, as far as this one knows.
func (r *liveRoom) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replica == nil {
		return 0
	}
	return r.replica.Room().Len()
}

func (r *liveRoom) participants() []room.Participant {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replica == nil {
		return nil
	}
	return r.replica.Room().Participants()
}

// has tells whether a user is in the room.
func (r *liveRoom) has(user string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replica == nil {
		return false
	}
	_, ok := r.replica.Room().ByUser(user)
	return ok
}

// admissible spares the costly negotiation of media for someone who may not
// come in, as far as this node knows.
func (r *liveRoom) admissible(user string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replica == nil {
		return nil
	}
	return r.replica.Room().Admissible(user)
}
