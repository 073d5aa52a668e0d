package signaling

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"hubbub/cluster/link"
	"hubbub/cluster/ownership"
	"hubbub/room"
	"hubbub/signaling/replica"
)

// attachTimeout bounds the opening of a stream to an owner.
const attachTimeout = 2 * time.Second

// following is the authority of a room that another node owns. Guarded by the room's lock.
type following struct {
	owner    replica.Node
	stream   *link.Stream
	redirect *ownership.Claim // another owner that this node has heard of
}

func (f *following) owns() bool { return false }

// submit implements authority. When the stream has ended the command goes to the next authority.
func (f *following) submit(c replica.Command) { _ = writeFrame(f.stream, roomFrame{Command: &c}) }

var (
	errRefused = errors.New("the node does not own the room")
	errMoved   = errors.New("the room has moved")
)

// follow keeps this node's replica of a room like its owner's, until the stream to the owner ends, the owner refuses (errRefused), gives the room
// away (errMoved, with the new claim if it is known), or the room ends here (nil).
func (s *Server) follow(r *liveRoom, claim ownership.Claim) (*ownership.Claim, error) {
	owner := replica.Node{Name: claim.Owner, Boot: claim.Boot}
	node, alive := s.nodeOf(owner)
	if !alive {
		return nil, link.ErrUnreachable
	}
	ctx, cancel := context.WithTimeout(s.ctx, attachTimeout)
	stream, err := s.cluster.Links.Open(ctx, peerOf(node), kindRoom)
	cancel()
	if err != nil {
		return nil, err
	}
	defer stream.Close() //nolint:errcheck // never fails
	stop := context.AfterFunc(s.ctx, func() { _ = stream.Close() })
	defer stop()

	var rt *route
	hello := helloFrame{Room: r.name, Epoch: claim.Epoch}
	r.do(func() {
		if r.ended {
			err = errRoomEnded
			return
		}
		if r.replica != nil {
			hello.Position = r.replica.Position()
		}
		r.stream = stream // so that the room's end ends it
		rt = s.routes.add()
		hello.Route = rt.number
	})
	if err != nil {
		return nil, nil
	}
	adopted := false
	defer func() {
		r.do(func() {
			if f, ok := r.authority.(*following); ok && f.stream == stream {
				r.setAuthority(nil)
			}
			if !adopted {
				s.routes.remove(rt)
			}
		})
	}()
	if err := writeFrame(stream, roomFrame{Hello: &hello}); err != nil {
		return nil, err
	}
	for {
		frame, err := readFrame(stream)
		if err != nil {
			return s.followedUntil(r, stream, err)
		}
		switch {
		case frame.Refused != "":
			return nil, errRefused
		case frame.Moved != nil:
			return frame.Moved, errMoved
		case frame.Route != nil:
			adopted = true
			r.do(func() { r.relayToOwner(owner, peerOf(node), rt, *frame.Route) })
		default:
			r.do(func() { err = r.hearOwner(owner, stream, frame) })
			if err != nil {
				return nil, err
			}
		}
	}
}

// followedUntil says why a stream to an owner has ended.
func (s *Server) followedUntil(r *liveRoom, stream *link.Stream, err error) (*ownership.Claim, error) {
	if r.hasEnded() {
		return nil, nil
	}
	var redirect *ownership.Claim
	r.do(func() {
		if f, ok := r.authority.(*following); ok && f.stream == stream {
			redirect = f.redirect
		}
	})
	if redirect != nil {
		return redirect, errMoved
	}
	return nil, err
}

func (r *liveRoom) hasEnded() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// hearOwner takes a frame of the owner.
func (r *liveRoom) hearOwner(owner replica.Node, stream *link.Stream, frame roomFrame) error {
	switch {
	case r.ended:
	case frame.Want != nil && r.replica != nil:
		return writeFrame(stream, roomFrame{Knowledge: knowledgeSince(r.replica, *frame.Want)})
	case frame.Welcome != nil:
		before := r.replica
		r.update(frame.Welcome)
		if r.replica == nil {
			return errors.New("the owner did not say what the room is")
		}
		r.setAuthority(&following{owner: owner, stream: stream})
		r.arrangeAll()
		r.adoptInto(before)
		r.resubmit()
		r.reviveMembers()
		return r.acknowledge(stream)
	case frame.Entry != nil && r.replica != nil:
		outcome, err := r.replica.Apply(*frame.Entry)
		if err != nil {
			r.distrust(err)
			return err
		}
		// Acknowledged before it is told: the owner's people wait for it.
		err = r.acknowledge(stream)
		r.deliver(outcome)
		return err
	case frame.Reject != nil:
		r.reject(frame.Reject.Request, frame.Reject.Error)
	}
	return nil
}

func (r *liveRoom) acknowledge(stream *link.Stream) error {
	at := r.replica.Position()
	return writeFrame(stream, roomFrame{Ack: &at})
}

// distrust gives a replica up that has turned out not to be like the owner's; a snapshot will take its place.
func (r *liveRoom) distrust(err error) {
	r.server.log.Error("room's replica has gone astray", "room", r.name, "err", err)
	s := r.replica.Snapshot()
	s.Position = replica.Position{}
	r.replica = replica.Restore(s)
}

// update brings the replica up to date. What happened since is told to this node's people, unless it is not known: see resynchronise.
func (r *liveRoom) update(k *knowledge) {
	for _, e := range k.Entries {
		outcome, err := r.replica.Apply(e)
		if err != nil {
			r.distrust(err)
			return
		}
		r.deliver(outcome)
	}
	if k.Snapshot == nil {
		return
	}
	r.replica = replica.Restore(*k.Snapshot)
	for id, m := range r.members {
		if p, here := r.replica.Room().Participant(id); here {
			m.permit(p)
		}
	}
}

// resynchronise has this node's people ask for the room anew. Nothing of the room itself has changed: by the gap in the version a client notices
// that it has missed something.
func (r *liveRoom) resynchronise() {
	info := r.replica.Room().Info()
	r.notify(encodeNotification("room_updated", roomEvent{Room: roomInfoOnWire(info), Version: info.Version}), nil)
}

// sameRoster tells whether two copies of a room show the same people.
func sameRoster(a, b *replica.Replica) bool {
	shown := func(r *replica.Replica) map[string]participantObject {
		people := make(map[string]participantObject)
		for _, p := range r.Room().Participants() {
			people[p.ID] = participantOnWire(p)
		}
		return people
	}
	return reflect.DeepEqual(shown(a), shown(b))
}

// adoptInto brings this node's people, and what they said and decided, into the owner's copy of the room, where that is another than theirs was.
func (r *liveRoom) adoptInto(before *replica.Replica) {
	if before == nil || before == r.replica {
		return
	}
	rem := before.Remnant(r.server.self, r.replica)
	rem.Members = slices.DeleteFunc(rem.Members, func(m replica.Remaining) bool {
		local := r.members[m.Member.Participant.ID]
		return local == nil || local.session.id != m.Seat.Session
	})
	// Whoever is not among them any more has left while there was no owner.
	seen, now := before.Room().Info().Version, r.replica.Room().Info().Version
	if rem.Empty(now) {
		// The version after the one seen shows no gap: then the owner has to go beyond, unless nothing was missed.
		same := sameRoster(before, r.replica)
		if now > seen+1 || same && now > seen {
			r.resynchronise()
		}
		if now > seen+1 || same {
			return
		}
	}
	r.post(&roomRequest{command: replica.Command{Kind: replica.Adopt, Remnant: &rem}})
}

// reviveMembers tells the owner who is connected here although the others think them away, and the other way round.
func (r *liveRoom) reviveMembers() {
	for id, m := range r.members {
		seat, seated := r.replica.Seat(id)
		p, _ := r.replica.Room().Participant(id)
		if !seated || seat.Session != m.session.id {
			continue
		}
		connected := m.session.conn.Load() != nil
		c := replica.Command{Participant: id, Session: seat.Session}
		switch {
		case connected && p.State == room.Reconnecting:
			c.Kind = replica.Return
		case !connected && p.State == room.Active:
			c.Kind = replica.Disconnect
		default:
			continue
		}
		r.post(&roomRequest{command: c})
	}
	// Seats that this node is thought to have, and where nobody sits.
	for id, seat := range r.replica.Seats() {
		if seat.Node == r.server.self && r.members[id] == nil && !r.isEntering(seat.Session) {
			r.abandon(id, seat.Session)
		}
	}
}

// isEntering tells whether a session's join has not been answered yet.
func (r *liveRoom) isEntering(session string) bool {
	for _, q := range r.requests {
		if q.entry != nil && q.entry.session.id == session {
			return true
		}
	}
	return false
}

// resubmit takes to a new authority what the last one has not answered. All commands may come twice.
func (r *liveRoom) resubmit() {
	for _, number := range slices.Sorted(maps.Keys(r.requests)) {
		if q := r.requests[number]; q != nil {
			r.authority.submit(q.command)
		}
	}
}
